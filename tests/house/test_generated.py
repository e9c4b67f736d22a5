from pathlib import Path

from tests.support.protoc import ROOT, generate


def _contents(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_generated_code_is_what_the_protos_give_byte_by_byte(tmp_path: Path) -> None:
    generate(tmp_path)

    fresh, committed = _contents(tmp_path), _contents(ROOT / "generated")

    assert fresh, "nothing was generated"
    assert sorted(fresh) == sorted(committed), "run `make generate`"
    assert [path for path in fresh if fresh[path] != committed[path]] == [], "run `make generate`"

"""The rules of style that no linter knows."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_LINES_MAX = 400


def _project_files() -> list[Path]:
    """What is committed or could be, as git sees it."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted(ROOT / name for name in names if name and (ROOT / name).is_file())


FILES = _project_files()
SOURCES = [path for path in FILES if path.suffix == ".py" and path.is_relative_to(ROOT / "src")]
TESTS = [path for path in FILES if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")]


def _lines(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Each line with the place it stands in, as `file:number`. This file itself is left out."""
    for path in paths:
        if path != Path(__file__):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                yield f"{path.relative_to(ROOT)}:{number}", line


MAY_SKIP = [
    "tests/cli/test_trouble_under_load.py",
    "tests/durability/test_acknowledgements.py",
    "tests/durability/test_tracer.py",
    "tests/languages/test_languages.py",
    "tests/scale/test_memory.py",
]
"""Each once: for a compiler, or because only Linux lets one process see another one's system calls and limits."""


def test_a_source_file_is_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}

    assert {name: length for name, length in lengths.items() if length > SOURCE_LINES_MAX} == {}


def test_a_folder_says_what_it_is_in_one_sentence_and_does_nothing() -> None:
    for path in SOURCES + TESTS:
        if path.name == "__init__.py":
            module = ast.parse(path.read_text(encoding="utf-8"))
            sentence = ast.get_docstring(module) or ""
            assert len(module.body) == 1, f"{path}: more than a docstring"
            assert sentence.endswith("."), f"{path}: no sentence"
            assert "\n" not in sentence, f"{path}: more than a sentence"


def test_importing_a_source_module_does_nothing() -> None:
    """At the top level stand definitions and constants, no calls for their effect, loops or branches on the machine."""
    doing = (ast.Expr, ast.For, ast.While, ast.With, ast.Try)
    scripts = {ROOT / "src/tollhoused/store/migrations/env.py"}  # alembic runs it
    for path in set(SOURCES) - scripts:
        statements = ast.parse(path.read_text(encoding="utf-8")).body
        for statement in statements:
            is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            assert is_docstring or not isinstance(statement, doing), f"{path}:{statement.lineno}"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"\b(TODO|FIXME|XXX|HACK)\b", "finish it, or say in a sentence what is missing"),
        (r"(?<![\w.])/(root|home|Users|work)/", "a path of one machine"),
        (r"index-url|find-links|://[a-z.]*(registry|proxy|simple)", "an address of a registry"),
        (r"\b[rs]k_(live|test)_\w+|BEGIN [A-Z ]*PRIVATE KEY", "a credential"),
        (r"[ \t]+$|\u2014", "trailing space or a dash for decoration"),
        (r"^(<{7}|={7}|>{7})( |$)", "a conflict that was not resolved"),
    ],
)
def test_no_file_holds(pattern: str, reason: str) -> None:
    found = re.compile(pattern)

    assert [place for place, line in _lines(_text_files()) if found.search(line)] == [], reason


def test_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not re.fullmatch(r"#.*|[a-z0-9][a-z0-9.-]*==[0-9][\w.]*", line)] == []


def test_a_test_that_sleeps_says_why_on_the_same_line() -> None:
    sleeps = [place for place, line in _lines(TESTS) if re.search(r"\bsleep\(", line) and "#" not in line]

    assert sleeps == []


def test_no_test_is_skipped_but_for_the_lack_of_a_compiler_or_of_linux() -> None:
    skips = [place for place, line in _lines(TESTS) if re.search(r"\b(importorskip|skip|skipif)\(", line)]

    assert sorted(place.partition(":")[0] for place in skips) == MAY_SKIP


def _text_files() -> list[Path]:
    generated = ROOT / "generated"
    return [path for path in FILES if path.name != "LICENSE" and not path.is_relative_to(generated)]

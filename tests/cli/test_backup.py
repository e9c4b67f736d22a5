"""Books that are backed up while they are written are whole, proved, and go on where they were."""

import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD
from tollhouse.v1.usage_service_pb2 import RecordUsageRequest

from tests.cli.commands import done, failed, serving
from tests.support.door import Door, until, usage
from tests.support.engines import NUMBERS
from tests.support.postgres import Cluster, find_binaries


def _call(key: str) -> RecordUsageRequest:
    return usage("anna", key, meter="api_calls", enforcement=ENFORCEMENT_RECORD)


@contextmanager
def _load(address: str) -> Iterator[dict[str, int]]:
    """Calls without end beside what is done inside; gives the answers by key, as they come."""
    door, answers, enough = Door(address), dict[str, int](), threading.Event()
    door.make_user("anna")

    def call() -> None:
        for number in count():
            if enough.is_set():
                return
            key = f"call {number}"
            answers[key] = door.record(_call(key)).new_usage

    caller = threading.Thread(target=call)
    caller.start()
    try:
        yield answers
    finally:
        enough.set()
        caller.join(30)
        door.channel.close()


def _until(answers: dict[str, int], size: int) -> dict[str, int]:
    """The answers, once there are so many."""
    until(lambda: len(answers) >= size, f"{size} answers")
    return dict(answers)


def _goes_on(address: str, before: dict[str, int]) -> None:
    """What was answered before the backup began is answered again and not repeated, and new calls follow."""
    door = Door(address)
    for key, new_usage in before.items():
        answer = door.record(_call(key))
        assert (answer.new_usage, answer.replayed) == (new_usage, True)
    last = door.record(_call("after the restore"))
    assert (last.replayed, last.new_usage > len(before)) == (False, True)
    door.channel.close()


def test_a_backup_under_load_is_proved_and_served(sqlite_url: str, tmp_path: Path) -> None:
    target = tmp_path / "backup.sqlite3"
    with serving(sqlite_url) as server, _load(server.address) as answers:
        before = _until(answers, 20)
        said = done("backup", str(target), "--database-url", sqlite_url)
        _until(answers, len(answers) + 5)

    assert said.startswith(f"{target}: ")
    assert "The books are right." in done("verify", "--database-url", f"sqlite:///{target}")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "backup" in path.name) == ["backup.sqlite3"]
    with serving(f"sqlite:///{target}") as restored:
        _goes_on(restored.address, before)
    assert "The books are right." in done("verify", "--database-url", f"sqlite:///{target}")


def test_what_is_there_is_never_written_over(sqlite_url: str, tmp_path: Path) -> None:
    target = tmp_path / "backup.sqlite3"
    target.write_text("precious")

    assert "is there already, and is not written over" in failed("backup", str(target), "--database-url", sqlite_url)
    assert target.read_text() == "precious"
    other = tmp_path / "other.sqlite3"
    other.with_name("other.sqlite3.partial").write_text("another backup's")
    assert "another backup is under way" in failed("backup", str(other), "--database-url", sqlite_url)
    assert other.with_name("other.sqlite3.partial").read_text() == "another backup's"


def test_a_place_that_cannot_be_written_is_named(sqlite_url: str, tmp_path: Path) -> None:
    complaint = failed("backup", str(tmp_path / "nowhere" / "backup"), "--database-url", sqlite_url)

    assert "nowhere/backup.partial: No such file or directory" in complaint


def test_a_damaged_database_gives_no_backup(sqlite_url: str, tmp_path: Path) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'operations'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 64)

    failed("backup", str(tmp_path / "copy"), "--database-url", sqlite_url)

    assert [item.name for item in tmp_path.iterdir() if item.name.startswith("copy")] == []


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    failed("backup", str(tmp_path / "copy"), "--database-url", f"sqlite:///{tmp_path}/none")

    assert list(tmp_path.iterdir()) == []


def test_postgresql_is_left_to_its_own_tools(postgres_url: str, tmp_path: Path) -> None:
    complaint = failed("backup", str(tmp_path / "copy"), "--database-url", postgres_url)

    assert "pg_dump" in complaint
    assert list(tmp_path.iterdir()) == []


def test_a_dump_of_postgresql_under_load_is_proved_and_served(
    postgres_url: str, postgres_cluster: Cluster, tmp_path: Path
) -> None:
    """What the README says about PostgreSQL's own tools."""
    dump = tmp_path / "books.dump"
    with serving(postgres_url) as server, _load(server.address) as answers:
        before = _until(answers, 20)
        _run("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={postgres_url}")
        _until(answers, len(answers) + 5)

    restored_url = postgres_cluster.create_database(f"restored{next(NUMBERS)}")
    _run("pg_restore", "--exit-on-error", f"--dbname={restored_url}", str(dump))

    assert "The books are right." in done("verify", "--database-url", restored_url)
    with serving(restored_url) as restored:
        _goes_on(restored.address, before)


def _run(program: str, *arguments: str) -> None:
    ended = subprocess.run(
        [str(find_binaries() / program), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("link", [True, False], ids=["links", "no links"])
def test_a_file_system_without_links_will_do(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not link:
        monkeypatch.setattr("os.link", refuse)
    done("backup", str(tmp_path / "copy"), "--database-url", sqlite_url)

    assert [item.name for item in tmp_path.iterdir() if item.name.startswith("copy")] == ["copy"]

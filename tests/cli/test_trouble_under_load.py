"""Disk and database fail under load and come back: nothing that was acknowledged is lost, nothing is stored twice, and
the server is whole again within five seconds, without a restart.

Files that nobody may write to are in `tests/store/test_disk.py`, in the process: permissions are nothing to root.
"""

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import grpc
import psycopg
import pytest
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD

from tests.cli.commands import Server, done
from tests.support.books import broken_rules, execute, keys
from tests.support.door import Door, until, usage
from tests.support.engines import NUMBERS
from tests.support.postgres import Cluster
from tollhoused.store import schema

TROUBLE_SECONDS = 1.5
WHOLE_SECONDS = 5.0
IN_A_ROW = 20
CALL_SECONDS = 10.0
DISK_MIB = 16
FULL = """
CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'No space left on device'; END $$;
CREATE TRIGGER is_full BEFORE INSERT OR UPDATE ON operations EXECUTE FUNCTION is_full();
CREATE TRIGGER is_full BEFORE INSERT OR UPDATE ON deployment EXECUTE FUNCTION is_full()
"""

Trouble = AbstractContextManager[None]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")


class Caller(threading.Thread):
    """Records one thing after the other, each under a key of its own, and remembers what came of it."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self.failures: dict[str, str] = {}
        self.in_a_row = 0
        self.done = threading.Event()
        self._door = Door(address)

    def run(self) -> None:
        for number in count():
            if self.done.is_set():
                break
            key = f"key-{number:05}"
            try:
                request = usage("user-1", key, meter="api_calls", enforcement=ENFORCEMENT_RECORD)
                self._door.usage.RecordUsage(request, timeout=CALL_SECONDS)
                self.acknowledged.append(key)
                self.in_a_row += 1
            except grpc.RpcError as error:
                self.failures[key] = cast(grpc.Call, error).code().name
                self.in_a_row = 0
                time.sleep(0.02)  # a caller's back-off
        self._door.channel.close()


def _survives(url: str, trouble: Callable[[Server], Trouble], *, must_fail: bool = True) -> Caller:
    """A server goes through a trouble; what its caller has seen."""
    server = Server("--database-url", url)
    done("accounts", "provision", "--count", "1", "--database-url", url)
    caller = Caller(server.address)
    try:
        caller.start()
        until(lambda: caller.in_a_row >= IN_A_ROW, "calls succeed")
        with trouble(server):
            time.sleep(TROUBLE_SECONDS)  # the trouble itself
        over = time.monotonic()
        caller.in_a_row = 0
        until(lambda: caller.in_a_row >= IN_A_ROW, "calls succeed again")
        seconds = time.monotonic() - over
    finally:
        caller.done.set()
        caller.join()
        code = server.stop()
    assert code == 0, server.log
    assert "Traceback" not in server.log
    assert seconds < WHOLE_SECONDS
    assert bool(caller.failures) == must_fail, "the trouble was not felt"
    assert set(caller.failures.values()) <= {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
    stored = keys(url)
    assert set(caller.acknowledged) <= set(stored)
    assert set(stored) <= {*caller.acknowledged, *caller.failures}
    assert broken_rules(url) == {}
    done("verify", "--database-url", url)
    return caller


@contextmanager
def _largest_file(server: Server, size: int) -> Iterator[None]:
    """As a full disk, for one process: no file grows beyond the size."""
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, hard))
    yield
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    """The disk of this folder has not a byte left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 9, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    yield
    filler.unlink()


@contextmanager
def _renamed(folder: Path) -> Iterator[None]:
    """The folder is elsewhere for a while, as a volume that was detached."""
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    yield
    elsewhere.rename(folder)


@contextmanager
def _small_disk() -> Iterator[Path | None]:
    """A folder on a disk of its own, of a few megabytes; None where nobody may mount one."""
    with TemporaryDirectory(prefix="tollhouse-disk-", dir="/tmp") as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", folder]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def test_a_file_that_must_not_grow_any_further(sqlite_url: str) -> None:
    _survives(sqlite_url, lambda server: _largest_file(server, 4096))


def test_a_disk_without_a_byte_left(tmp_path: Path) -> None:
    """On a disk of its own where one can be mounted; elsewhere the log may grow a little and then no further."""
    with _small_disk() as disk:
        url = f"sqlite:///{disk or tmp_path}/books"
        schema.migrate(url)
        _survives(url, lambda server: _filled(disk) if disk else _largest_file(server, 200_000))


def test_an_sqlite_file_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    url = f"sqlite:///{folder}/books"
    schema.migrate(url)
    caller = _survives(url, lambda server: _renamed(folder), must_fail=False)

    assert caller.acknowledged


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of this module's own, to be stopped and told to refuse."""
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def cluster_url(cluster: Cluster) -> str:
    url = cluster.create_database(f"troubled{next(NUMBERS)}")
    schema.migrate(url)
    return url


@contextmanager
def _stopped(cluster: Cluster, mode: str) -> Iterator[None]:
    cluster.stop(mode)
    yield
    cluster.start()


@contextmanager
def _told(url: str, before: str, after: str) -> Iterator[None]:
    """Statements of an administrator around the trouble."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(before.encode())
        connection.execute("SELECT pg_reload_conf()")
        yield
        connection.execute(after.encode())
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_postgresql_that_goes_away_and_comes_back(cluster: Cluster, cluster_url: str, mode: str) -> None:
    _survives(cluster_url, lambda server: _stopped(cluster, mode))


def test_a_postgresql_whose_disk_is_full(cluster_url: str) -> None:
    _survives(cluster_url, lambda server: _told(cluster_url, FULL, "DROP FUNCTION is_full CASCADE"))


def test_a_postgresql_that_takes_no_writes(cluster_url: str) -> None:
    setting = "default_transaction_read_only"
    trouble = f"ALTER SYSTEM SET {setting} = on"
    _survives(cluster_url, lambda server: _told(cluster_url, trouble, f"ALTER SYSTEM RESET {setting}"))


def test_a_revision_that_this_program_does_not_know_disturbs_no_server_that_runs(database_url: str) -> None:
    """What a newer program's migration leaves behind, which only adds."""

    @contextmanager
    def migrated(server: Server) -> Iterator[None]:
        _set_revision("9999")
        yield
        _set_revision(schema.head_revision())

    def _set_revision(revision: str) -> None:
        execute(database_url, f"UPDATE alembic_version SET version_num = '{revision}'")

    _survives(database_url, migrated, must_fail=False)

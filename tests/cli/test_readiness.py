"""A server whose database answers and cannot be written to is not ready, and is again once it can."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.door import until
from tests.support.house import CoreMaker, give_credits, make_user, record, usage_report
from tests.support.postgres import Cluster
from tollhoused.cli.pulse import Pulse
from tollhoused.errors import StoreUnavailable
from tollhoused.journal.journal import Limits
from tollhoused.usecases.core import Core

ROOT = Path(__file__).parents[2]
HASTY = Limits(away_pause_seconds=0.0)

FULL_DISK = """
import json, resource, sys
from pathlib import Path
from tests.support.house import Clock, Ids, build_core, close_core, make_user, record, usage_report
from tollhoused.cli.pulse import Pulse
from tollhoused.errors import StoreUnavailable
from tollhoused.journal.journal import Limits
from tollhoused.store.store import open_store

url, clock = sys.argv[1], Clock()
core = build_core(open_store(url), clock=clock, new_id=Ids(), limits=Limits(away_pause_seconds=0.0))
make_user(core, "ann")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
log = Path(url.removeprefix("sqlite:///") + "-wal")
told = []
pulse = Pulse(core, told.append)
pulse.beat()
clock.now_us += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
pulse.beat()
try:
    record(core, usage_report("ann", "key"))
except StoreUnavailable:
    pulse.beat()
    pulse.beat()
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
pulse.beat()
record(core, usage_report("ann", "key"))
close_core(core)
print(json.dumps(told))
"""

READ_ONLY = """
import json, os, shutil, sys, tempfile
from pathlib import Path
from tests.support.house import Clock, Ids, build_core, close_core
from tollhoused.cli.pulse import Pulse
from tollhoused.store.store import open_store

folder = Path(tempfile.mkdtemp(prefix="tollhouse-read-only-", dir="/tmp"))
path = folder / "books"
shutil.copyfile(sys.argv[1].removeprefix("sqlite:///"), path)
close_core(build_core(open_store(f"sqlite:///{path}"), clock=Clock(), new_id=Ids()))
core = build_core(open_store(f"sqlite:///{path}"), clock=Clock(), new_id=Ids())
core.store.engine.close()
core.store = open_store(f"sqlite:///{path}")
folder.chmod(0o755)
path.chmod(0o444)
folder.chmod(0o555)
if os.geteuid() == 0:
    os.seteuid(65534)
told = []
pulse = Pulse(core, told.append)
pulse.beat()
os.seteuid(os.getuid())
folder.chmod(0o755)
path.chmod(0o644)
pulse.beat()
close_core(core)
shutil.rmtree(folder)
print(json.dumps(told))
"""

FULL = """
CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'No space left on device'; END $$;
CREATE TRIGGER is_full BEFORE INSERT OR UPDATE ON operations EXECUTE FUNCTION is_full();
CREATE TRIGGER is_full BEFORE INSERT OR UPDATE ON deployment EXECUTE FUNCTION is_full()
"""


@pytest.fixture
def postgres_core(postgres_url: str, make_core: CoreMaker) -> Core:
    return make_core(postgres_url, limits=HASTY)


@pytest.fixture
def admin(postgres_url: str, postgres_core: Core) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("program", "expected"),
    [(FULL_DISK, [True, True, False, False, True]), (READ_ONLY, [False, True])],
    ids=["full disk", "read-only"],
)
def test_on_sqlite_a_file_that_takes_no_writes_is_noticed_both_ways(
    sqlite_url: str, program: str, expected: list[bool]
) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", program, sqlite_url], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert finished.returncode == 0, finished.stderr[-4000:]
    assert json.loads(finished.stdout) == expected


def test_on_postgresql_a_full_disk_is_noticed_both_ways(
    postgres_core: Core, admin: psycopg.Connection[tuple[object, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[bool] = []
    pulse = Pulse(postgres_core, told.append)
    make_user(postgres_core, "ann")
    give_credits(postgres_core, "ann", 10)
    pulse.beat()

    admin.execute(FULL)
    with pytest.raises(StoreUnavailable):
        record(postgres_core, usage_report("ann", "key"))
    pulse.beat()
    pulse.beat()
    admin.execute("DROP FUNCTION is_full CASCADE")
    pulse.beat()

    assert told == [True, False, False, True]
    said = [entry.message for entry in caplog.records if "health" in entry.message]
    assert said == ["health is NOT_SERVING: AWAY: No space left on device"]
    assert not record(postgres_core, usage_report("ann", "key")).replayed


def test_on_postgresql_a_setting_that_forbids_writes_is_noticed_both_ways(
    postgres_core: Core, admin: psycopg.Connection[tuple[object, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[bool] = []
    pulse = Pulse(postgres_core, told.append)
    pulse.beat()

    admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        _beats_until(pulse, told, admin, serving=False)
        pulse.beat()
    finally:
        admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
    _beats_until(pulse, told, admin, serving=True)

    said = [entry.message for entry in caplog.records if "health" in entry.message]
    assert said == ["health is NOT_SERVING: AWAY: PostgreSQL has default_transaction_read_only on: it takes no writes"]


def _beats_until(
    pulse: Pulse, told: list[bool], admin: psycopg.Connection[tuple[object, ...]], *, serving: bool
) -> None:
    """Beats until every session has heard of a setting that has changed."""
    admin.execute("SELECT pg_reload_conf()")

    def heard() -> bool:
        pulse.beat()
        return told[-1] is serving

    until(heard, f"serving is {serving}")


def test_on_postgresql_a_standby_is_not_ready_until_it_is_promoted(
    postgres_cluster: Cluster, postgres_url: str, make_core: CoreMaker, caplog: pytest.LogCaptureFixture
) -> None:
    core = make_core(postgres_url, limits=HASTY)
    told: list[bool] = []
    pulse = Pulse(core, told.append)
    pulse.beat()

    def executed(statement: str) -> object:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            row = connection.execute(statement).fetchone()
            return row[0] if row else None

    signal = Path(str(executed("SHOW data_directory"))) / "standby.signal"
    postgres_cluster.stop()
    signal.touch()
    postgres_cluster.start()
    try:
        pulse.beat()
        pulse.beat()
        assert told == [True, False, False]
    finally:
        assert executed("SELECT pg_promote()") is True
    pulse.beat()

    assert told[-1] is True
    (said,) = [entry.message for entry in caplog.records if "health" in entry.message]
    assert said == "health is NOT_SERVING: AWAY: PostgreSQL is in recovery: it takes no writes"


def test_a_core_that_was_told_once_is_asked_again_only_by_writing(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat that finds all well writes nothing: a second of it costs a question."""
    touched: list[bool] = []
    touch = core.store.touch

    def counted(now_us: int) -> None:
        touched.append(True)
        touch(now_us)

    monkeypatch.setattr(core.store, "touch", counted)
    pulse = Pulse(core, lambda _: None)
    for _ in range(3):
        pulse.beat()
    assert len(touched) == 1

    core.journal.write_failed = True
    pulse.beat()
    pulse.beat()
    assert len(touched) == 2

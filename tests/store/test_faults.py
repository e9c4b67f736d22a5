"""What a driver's error means: run it again, the database is away, or these rows are refused."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.books import dump, execute
from tests.support.postgres import Cluster
from tollhoused.store import sqlite as sqlite_engine
from tollhoused.store import tables
from tollhoused.store.dialect import Rows, Write
from tollhoused.store.faults import Fault, StoreFault, translated
from tollhoused.store.postgres import PostgresSession
from tollhoused.store.session import Engine
from tollhoused.store.statements import Statements
from tollhoused.store.store import Store, open_store

ACCOUNT = ("acct_1", "personal", "usd", "UTC", 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, "", None)
ENTRY = (1, "acct_1", 1, 0, 0, None, 5, 5, "adjustment", "key", "local")


def _operation(key: str = "key", quantity: int = 1, sent: str = "{}") -> tuple[object, ...]:
    return (key, "local", "acct_1", "record_usage", 0, 0, 0, "talk", "calls", 0, quantity, 0, 0, None, sent, "{}", None)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store with one account."""
    opened = open_store(database_url)
    _commit(opened.engine, (Statements(opened.engine.dialect).insert_accounts, [ACCOUNT]))
    yield opened
    opened.close()


def _commit(engine: Engine, *writes: tuple[Write, Rows]) -> None:
    with engine.writing() as session:
        session.commit(writes)


def _fault(work: Callable[[], object]) -> Fault:
    with pytest.raises(StoreFault) as caught:
        work()
    return caught.value.fault


def _insert(store: Store, *rows: tuple[object, ...]) -> None:
    _commit(store.engine, (Statements(store.engine.dialect).insert_operations, rows))


def test_a_key_that_is_taken_is_a_collision(store: Store) -> None:
    _insert(store, _operation())

    assert _fault(lambda: _insert(store, _operation())) is Fault.COLLISION


def test_a_row_that_breaks_a_check_is_refused(store: Store) -> None:
    assert _fault(lambda: _insert(store, _operation("a"), _operation("b", quantity=-1))) is Fault.REFUSED


def test_a_row_that_refers_to_nothing_is_refused(store: Store) -> None:
    grant = ("nobody", "grant_1", "paid", 100, 0, None, "", 1, 1, 0, 0, None)
    write = Statements(store.engine.dialect).upsert_grants

    assert _fault(lambda: _commit(store.engine, (write, [grant]))) is Fault.REFUSED


def test_a_change_of_the_ledger_is_refused(store: Store) -> None:
    statements = Statements(store.engine.dialect)
    _commit(store.engine, (statements.insert_entries, [ENTRY]))

    again = _fault(lambda: _commit(store.engine, (statements.insert_entries, [ENTRY])))
    assert again in (Fault.REFUSED, Fault.COLLISION)  # by the trigger on SQLite, by the key on PostgreSQL
    overwriting = store.engine.dialect.upsert(tables.ledger_entries)
    assert _fault(lambda: _commit(store.engine, (overwriting, [ENTRY]))) is Fault.REFUSED


@pytest.mark.parametrize("loaded_version", [0, 2])
def test_an_account_that_moved_meanwhile_is_a_collision_and_nothing_is_stored(
    store: Store, database_url: str, loaded_version: int
) -> None:
    statements = Statements(store.engine.dialect)
    before = dump(database_url)
    moved = (loaded_version + 1, 0, 0, 0, 0, 0, 0, 0, 0, "", None, "acct_1", loaded_version)

    def commit() -> None:
        _commit(
            store.engine,
            (statements.insert_operations, [_operation()]),
            (statements.update_accounts, [moved]),
        )

    assert _fault(commit) is Fault.COLLISION
    assert dump(database_url) == before


def test_a_schema_in_the_middle_of_a_change_is_the_database_being_away(store: Store, database_url: str) -> None:
    execute(database_url, "ALTER TABLE operations RENAME TO operations_of_old")
    try:
        assert _fault(lambda: _insert(store, _operation())) is Fault.AWAY
        assert _fault(lambda: store.operation("key", "local")) is Fault.AWAY
    finally:
        execute(database_url, "ALTER TABLE operations_of_old RENAME TO operations")
    _insert(store, _operation())


def test_after_each_failure_the_next_transaction_works(store: Store) -> None:
    _insert(store, _operation("first"))
    for bad in [_operation("first"), _operation("bad", quantity=-1), _operation("bad", sent=None)]:  # type: ignore[arg-type]
        with pytest.raises(StoreFault):
            _insert(store, bad)
        _insert(store, _operation(f"after {bad!r}"))


def test_sqlite_locked_by_another_process_is_away_until_it_is_done(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_TIMEOUT_SECONDS", 0.01)
    store = open_store(sqlite_url)
    store.ping()
    rival = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")

    assert _fault(lambda: _insert(store, _operation())) is Fault.AWAY
    store.ping()
    rival.rollback()
    rival.close()
    _insert(store, _operation())
    store.close()


@pytest.mark.parametrize("content", [b"no database at all, but longer than the header of one" * 100, None])
def test_sqlite_without_a_file_of_its_own_is_away(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "folder" / "books"
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    store = open_store(f"sqlite:///{path}")

    assert _fault(store.ping) is Fault.AWAY
    assert _fault(lambda: _insert(store, _operation())) is Fault.AWAY
    store.close()


def test_text_that_postgresql_cannot_hold_is_refused(postgres_url: str) -> None:
    store = open_store(postgres_url)

    assert _fault(lambda: _insert(store, _operation(sent="\0"))) is Fault.REFUSED
    _insert(store, _operation())
    store.close()


@pytest.mark.parametrize(
    "url", ["postgresql://postgres@/books?host=/nowhere", "postgresql://postgres@/nothing?host={}"]
)
def test_postgresql_that_cannot_be_reached_is_away(postgres_url: str, url: str) -> None:
    store = open_store(url.format(postgres_url.partition("?host=")[2]))

    assert _fault(store.ping) is Fault.AWAY
    assert _fault(lambda: _insert(store, _operation())) is Fault.AWAY
    store.close()


def _own_database(cluster: Cluster, template: str, name: str, *settings: str) -> str:
    """A database whose settings a test may change."""
    url = cluster.create_database(name, template)
    for setting in settings:
        execute(url, setting)
    return url


def test_postgresql_that_only_reads_is_away_for_writers(postgres_cluster: Cluster, postgres_template: str) -> None:
    setting = "ALTER DATABASE reading_only SET default_transaction_read_only = on"
    store = open_store(_own_database(postgres_cluster, postgres_template, "reading_only", setting))

    assert store.clients() == []
    assert _fault(lambda: _insert(store, _operation())) is Fault.AWAY
    assert _fault(store.ping) is Fault.AWAY
    assert _fault(lambda: store.touch(1)) is Fault.AWAY
    store.close()


def test_postgresql_that_permits_nothing_is_away(postgres_cluster: Cluster, postgres_template: str) -> None:
    url = _own_database(postgres_cluster, postgres_template, "permitting_nothing", "CREATE ROLE stranger LOGIN")
    store = open_store(url.replace("postgres@", "stranger@"))

    assert _fault(store.ping) is Fault.AWAY
    assert _fault(lambda: _insert(store, _operation())) is Fault.AWAY
    store.close()


def _session(store: Store, work: Callable[[psycopg.Connection[object]], object]) -> None:
    """Does something on the connection that writes, inside of its transaction."""
    with store.engine.writing() as session:
        assert isinstance(session, PostgresSession)
        session.read([])
        work(session.connection)
        session.commit([])


def test_limits_of_time_on_postgresql(postgres_url: str) -> None:
    execute(
        postgres_url, "INSERT INTO accounts VALUES ('acct_1', 'personal', 'usd', 'UTC', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)"
    )
    store = open_store(f"{postgres_url}&options=-c%20statement_timeout%3D50%20-c%20lock_timeout%3D20")

    assert _fault(lambda: _session(store, lambda own: own.execute("SELECT pg_sleep(9)"))) is Fault.AWAY
    with psycopg.connect(postgres_url) as rival:
        rival.execute("SELECT id FROM accounts FOR UPDATE")
        lock = "SELECT id FROM accounts FOR UPDATE"
        assert _fault(lambda: _session(store, lambda own: own.execute(lock))) is Fault.BLOCKED
    _insert(store, _operation())
    store.close()


def test_a_deadlock_is_a_collision(postgres_url: str) -> None:
    lock = "SELECT id FROM accounts WHERE id = 'acct_{}' FOR UPDATE"
    for number in (1, 2):
        account = f"'acct_{number}', 'personal', 'usd', 'UTC', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0"
        execute(postgres_url, f"INSERT INTO accounts VALUES ({account})")
    store = open_store(f"{postgres_url}&options=-c%20deadlock_timeout%3D10")
    with psycopg.connect(postgres_url) as rival, psycopg.connect(postgres_url, autocommit=True) as watcher:
        rival.execute(lock.format(2))
        waiting = threading.Thread(target=rival.execute, args=(lock.format(1),))

        def embrace(own: psycopg.Connection[object]) -> None:
            own.execute(lock.format(1))
            waiting.start()
            while watcher.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone() is None:
                time.sleep(0.005)  # the rival is about to wait, and tells nobody
            own.execute(lock.format(2))

        assert _fault(lambda: _session(store, embrace)) is Fault.COLLISION
        waiting.join(30)
    store.close()


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (psycopg.errors.SerializationFailure(), Fault.COLLISION),
        (psycopg.errors.AdminShutdown(), Fault.AWAY),
        (psycopg.errors.CrashShutdown(), Fault.AWAY),
        (psycopg.errors.CannotConnectNow(), Fault.AWAY),
        (psycopg.errors.TooManyConnections(), Fault.AWAY),
        (psycopg.errors.DiskFull(), Fault.AWAY),
        (psycopg.errors.OutOfMemory(), Fault.AWAY),
        (psycopg.errors.FeatureNotSupported("cached plan must not change result type"), Fault.AWAY),
        (psycopg.errors.InvalidSqlStatementName(), Fault.AWAY),
        (psycopg.errors.DataCorrupted(), Fault.AWAY),
        (psycopg.errors.ProgramLimitExceeded(), Fault.REFUSED),
        (psycopg.errors.RaiseException(), Fault.REFUSED),
        (psycopg.InterfaceError("the connection is closed"), Fault.AWAY),
    ],
)
def test_errors_that_are_hard_to_bring_about(error: psycopg.Error, fault: Fault) -> None:
    assert translated(error).fault is fault


def test_the_text_of_a_fault_quotes_no_row(store: Store) -> None:
    upsert = Statements(store.engine.dialect).upsert_users
    first, second = [(f"user_{number}", "acct_1", None, "ann@example.org") for number in (1, 2)]
    _commit(store.engine, (upsert, [first]))

    with pytest.raises(StoreFault) as caught:
        _commit(store.engine, (upsert, [second]))

    assert caught.value.fault is Fault.COLLISION
    assert "ann@" not in str(caught.value)

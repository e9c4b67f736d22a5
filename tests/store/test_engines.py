"""Connections fail, pools run dry, engines close: what is promised about each holds on both engines."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.support.house import START_US
from tests.support.postgres import Cluster
from tollhoused.store import pool, schema
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.postgres import READERS, PostgresEngine, PostgresSession
from tollhoused.store.questions import Questions
from tollhoused.store.session import Ask
from tollhoused.store.sqlite import SqliteEngine
from tollhoused.store.store import Store, open_store


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def postgres_store(postgres_url: str) -> Iterator[Store]:
    opened = open_store(postgres_url)
    yield opened
    opened.close()


def _terminate_backends(url: str) -> int:
    """Ends every other connection to the database, as an operator or a restart does; returns how many there were."""
    with psycopg.connect(url, autocommit=True) as operator:
        ended = operator.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
    assert ended is not None
    return int(ended[0])


def _hold_every_reader(store: Store, stack: ExitStack) -> None:
    """Takes the reading connections out of the pool, each one used."""
    assert isinstance(store.engine, SqliteEngine | PostgresEngine)
    for _ in range(store.engine.readers.size):
        stack.enter_context(store.engine.reading())


def test_a_pool_that_is_exhausted_answers_within_its_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.05)

    with ExitStack() as stack:
        _hold_every_reader(store, stack)
        with pytest.raises(StoreFault, match="busy") as caught:
            store.ping()

    assert caught.value.fault is Fault.AWAY
    store.ping()


def test_readers_that_fail_give_their_connections_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.05)

    for _ in range(20):
        with pytest.raises(ZeroDivisionError), store.engine.reading():
            raise ZeroDivisionError
    with ExitStack() as stack:
        _hold_every_reader(store, stack)


def test_closing_twice_is_closing_once(store: Store) -> None:
    store.ping()
    store.close()
    store.close()

    with pytest.raises(StoreFault, match="closed"):
        store.ping()


def test_a_reader_that_is_busy_does_not_hold_up_closing(store: Store) -> None:
    with store.engine.reading():
        store.close()


def test_idle_readers_that_died_are_replaced_before_anybody_notices(postgres_url: str, postgres_store: Store) -> None:
    with ExitStack() as stack:
        _hold_every_reader(postgres_store, stack)
    assert _terminate_backends(postgres_url) == READERS

    for _ in range(READERS):
        postgres_store.ping()


def test_a_writer_that_died_is_replaced(postgres_url: str, postgres_store: Store) -> None:
    postgres_store.add_catalogue(1, START_US, "one", "")
    assert _terminate_backends(postgres_url) == 1

    with pytest.raises(StoreFault) as caught:
        postgres_store.add_catalogue(2, START_US, "two", "")
    assert caught.value.fault is Fault.AWAY
    postgres_store.add_catalogue(2, START_US, "two", "")

    assert postgres_store.catalogues(known=0) == [(1, "one"), (2, "two")]


def _write_on_a_broken_connection(engine: SqliteEngine) -> None:
    with engine.writing() as session:
        session.connection.close()
        session.commit([])


def _read_on_a_broken_connection(engine: SqliteEngine) -> None:
    with engine.reading() as session:
        session.connection.close()
        session.connection.execute("SELECT 1")


def test_sqlite_connections_that_broke_are_replaced(sqlite_url: str) -> None:
    engine = SqliteEngine(sqlite_url.removeprefix("sqlite:///"))
    store = Store(engine)

    for broken in [_write_on_a_broken_connection, *[_read_on_a_broken_connection] * 2 * engine.readers.size]:
        with pytest.raises(StoreFault) as caught:
            broken(engine)
        assert caught.value.fault is Fault.AWAY

    store.add_catalogue(1, START_US, "one", "")
    assert store.catalogues(known=0) == [(1, "one")]
    store.close()


def test_two_threads_that_write_wait_for_each_other(store: Store) -> None:
    """Whoever applies a catalogue in a process that serves does not meet the journal's transaction."""
    inside = threading.Event()
    go_on = threading.Event()

    def first() -> None:
        with store.engine.writing() as session:
            inside.set()
            assert go_on.wait(30)
            session.commit([])

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(30)
    second = threading.Thread(target=store.add_catalogue, args=(1, START_US, "one", ""))
    second.start()
    go_on.set()
    thread.join(30)
    second.join(30)

    assert store.catalogues(known=0) == [(1, "one")]


def test_what_a_url_says_of_its_session_is_heard(postgres_url: str) -> None:
    separator = "&" if "?" in postgres_url else "?"
    store = open_store(
        f"{postgres_url}{separator}options=-c%20lock_timeout%3D1234&application_name=till&connect_timeout=9"
    )

    with store.engine.writing() as session:
        assert isinstance(session, PostgresSession)
        ask = "SELECT current_setting(name) FROM unnest(%s::text[]) AS name"
        names = ["lock_timeout", "statement_timeout", "application_name"]
        assert session.connection.execute(ask, [names]).fetchall() == [("1234ms",), ("20s",), ("till",)]
    store.close()


def test_a_snapshot_does_not_see_what_is_written_meanwhile(store: Store, database_url: str) -> None:
    other = open_store(database_url)
    questions = Questions(store.engine.dialect)
    alive = Ask(questions.alive)

    with store.engine.reading() as session:
        assert session.read([alive]) == [[(0,)]]
        other.add_catalogue(1, START_US, "one", "")
        assert session.read([alive]) == [[(0,)]]
    with store.engine.reading() as session:
        assert session.read([alive], last=True) == [[(1,)]]
    other.close()


def test_a_transaction_that_failed_is_never_taken_for_committed(postgres_store: Store) -> None:
    """PostgreSQL answers the COMMIT of a failed transaction with a friendly ROLLBACK."""

    def commit_after_an_error() -> None:
        with postgres_store.engine.writing() as session:
            assert isinstance(session, PostgresSession)
            session.read([])
            with pytest.raises(psycopg.errors.DivisionByZero):
                session.connection.execute("SELECT 1 / 0")
            session.commit([])

    with pytest.raises(StoreFault):
        commit_after_an_error()
    postgres_store.add_catalogue(1, START_US, "one", "")


def test_text_comes_back_as_text_from_a_database_of_another_encoding(postgres_cluster: Cluster) -> None:
    with psycopg.connect(postgres_cluster.url("postgres"), autocommit=True) as operator:
        operator.execute("CREATE DATABASE plain_bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    url = postgres_cluster.url("plain_bytes")
    schema.migrate(url)
    store = open_store(url)
    store.add_catalogue(1, START_US, "Zoë 漢字", "")

    assert store.catalogues(known=0) == [(1, "Zoë 漢字")]
    store.close()

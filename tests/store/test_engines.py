"""Connections fail, pools run dry, engines close: what is promised about each holds on both engines."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.support.house import HUB, START_US
from tests.support.postgres import Cluster
from tollhoused.store import pool
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.postgres import READERS, PostgresEngine
from tollhoused.store.shelf import CatalogueShelf
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
    readers = store.engine.readers.size  # type: ignore[attr-defined]
    for _ in range(readers):
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
        for _ in range(READERS):
            stack.enter_context(postgres_store.engine.reading())
    postgres_store.ping()

    with ExitStack() as stack:  # all of them connected
        for _ in range(READERS):
            session = stack.enter_context(postgres_store.engine.reading())
            session.read([])
    assert _terminate_backends(postgres_url) >= 1

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


def test_sqlite_connections_that_broke_are_replaced(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    engine = store.engine
    assert isinstance(engine, SqliteEngine)

    with pytest.raises(StoreFault) as caught, engine.writing() as session:
        session.connection.close()
        session.commit([])
    assert caught.value.fault is Fault.AWAY
    for _ in range(20):
        with pytest.raises(StoreFault), engine.reading() as session:
            session.connection.close()
            session.read([])
            session.connection.execute("SELECT 1")

    store.add_catalogue(1, START_US, "one", "")
    assert store.catalogues(known=0) == [(1, "one")]
    store.close()

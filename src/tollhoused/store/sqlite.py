"""SQLite behind the store: one connection that writes, a few that read, write-ahead logging, full synchronisation."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tollhoused.store.dialect import Query, Rows, SqliteDialect, Write
from tollhoused.store.durability import durability_problems
from tollhoused.store.faults import DRIVER_ERRORS, Fault, StoreFault, VersionMoved, translated
from tollhoused.store.pool import Pool, PoolUse
from tollhoused.store.session import Ask

BUSY_TIMEOUT_SECONDS = 5.0
READERS = 4
STREAMING_CACHE_KIB = 16_384
"""Also what each sort of a stream may hold in memory before it goes to a temporary file."""


def connect(path: str) -> sqlite3.Connection:
    """A connection in autocommit mode with the durability that the books need."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -65536")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class SqliteSession:
    """A transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection, dialect: SqliteDialect) -> None:
        self.connection = connection
        self._dialect = dialect

    def read(self, asks: Sequence[Ask], *, last: bool = False) -> list[list[tuple[Any, ...]]]:
        run = self.connection.execute
        return [run(ask.query.sql, self._dialect.bind(ask.query, ask.sets, ask.values)).fetchall() for ask in asks]

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        for write, rows in writes:
            cursor = self.connection.executemany(write.sql, rows)
            if write.counted and cursor.rowcount != len(rows):
                raise VersionMoved(f"{cursor.rowcount} of {len(rows)} rows")
        self.connection.execute("COMMIT")


class SqliteStreams:
    """A transaction in which several cursors step through their rows."""

    def __init__(self, connection: sqlite3.Connection, dialect: SqliteDialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def rows(self, query: Query) -> Iterator[tuple[Any, ...]]:
        return self._connection.execute(query.sql, self._dialect.bind(query, {}, {}))


class SqliteEngine:
    """One database file."""

    def __init__(self, path: str) -> None:
        self.dialect = SqliteDialect()
        self.readers = Pool(READERS, lambda: connect(path))
        self._path = path
        self._writer: sqlite3.Connection | None = None
        self._alone = threading.Lock()

    @contextmanager
    def writing(self, *, patient: bool = True) -> Iterator[SqliteSession]:
        """BEGIN IMMEDIATE: other processes that write wait their turn. No row is locked apart from the others."""
        with self._alone:
            try:
                if self._writer is None:
                    self._writer = connect(self._path)
                self._writer.execute("BEGIN IMMEDIATE")
                yield SqliteSession(self._writer, self.dialect)
            except DRIVER_ERRORS as error:
                failure = translated(error)
                self._writer = _ended(self._writer, failure)
                raise failure from error
            finally:
                self._writer = _ended(self._writer)

    @contextmanager
    def reading(self) -> Iterator[SqliteSession]:
        """A deferred transaction: one snapshot, whoever writes meanwhile."""
        taken, _ = self.readers.take()
        connection: sqlite3.Connection | None = taken
        try:
            taken.execute("BEGIN")
            yield SqliteSession(taken, self.dialect)
        except DRIVER_ERRORS as error:
            failure = translated(error)
            connection = _ended(connection, failure)
            raise failure from error
        finally:
            self.readers.give(_ended(connection))

    @contextmanager
    def streaming(self) -> Iterator[SqliteStreams]:
        """A deferred transaction. While it lasts, a live server's write-ahead log grows instead of being reused."""
        connection: sqlite3.Connection | None = None
        try:
            connection = connect(self._path)
            connection.execute(f"PRAGMA cache_size = -{STREAMING_CACHE_KIB}")
            connection.execute("BEGIN")
            yield SqliteStreams(connection, self.dialect)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        finally:
            if connection is not None:
                connection.close()

    @property
    def pool_use(self) -> PoolUse:
        return self.readers.use

    def check_writable(self) -> None:
        """Nothing to ask: whether a file can be written to is known from writing."""

    def durability_problems(self) -> list[str]:
        with self.writing() as session:
            return durability_problems(session.connection)

    def close(self) -> None:
        self.readers.close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _ended(connection: sqlite3.Connection | None, failure: StoreFault | None = None) -> sqlite3.Connection | None:
    """The connection with nothing open, what was not committed rolled back; None for one that cannot go on.

    A file that could not be written to when it was opened never can be on this connection, so none survives its
    database being away.
    """
    if connection is None:
        return None
    try:
        if connection.in_transaction:
            connection.rollback()
        if failure is None or failure.fault is not Fault.AWAY:
            return connection
    except sqlite3.Error:
        pass
    connection.close()
    return None

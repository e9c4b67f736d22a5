"""SQLite behind the store: one connection that writes, a few that read, write-ahead logging, full synchronisation."""

import queue
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tollhoused.store.dialect import Rows, SqliteDialect, Write
from tollhoused.store.faults import DRIVER_ERRORS, Fault, StoreFault, VersionMoved, translated
from tollhoused.store.session import Ask

BUSY_TIMEOUT_SECONDS = 5.0
READERS = 4
READER_WAIT_SECONDS = 5.0


def connect(path: str) -> sqlite3.Connection:
    """A connection in autocommit mode with the durability that the books need."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -65536")
    return connection


class SqliteSession:
    """A transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection, dialect: SqliteDialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def read(self, asks: Sequence[Ask]) -> list[list[tuple[Any, ...]]]:
        run = self._connection.execute
        return [run(ask.query.sql, self._dialect.bind(ask.query, ask.sets, ask.values)).fetchall() for ask in asks]

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        for write, rows in writes:
            cursor = self._connection.executemany(write.sql, rows)
            if write.counted and cursor.rowcount != len(rows):
                raise VersionMoved(f"{cursor.rowcount} of {len(rows)} rows")
        self._connection.execute("COMMIT")


class SqliteEngine:
    """One database file."""

    def __init__(self, path: str) -> None:
        self.dialect = SqliteDialect()
        self._path = path
        self._writer: sqlite3.Connection | None = None
        self._readers: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        for _ in range(READERS):
            self._readers.put(None)

    @contextmanager
    def writing(self) -> Iterator[SqliteSession]:
        """BEGIN IMMEDIATE: other processes that write wait their turn."""
        try:
            if self._writer is None:
                self._writer = connect(self._path)
            self._writer.execute("BEGIN IMMEDIATE")
            yield SqliteSession(self._writer, self.dialect)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        finally:
            self._end(self._writer)

    @contextmanager
    def reading(self) -> Iterator[SqliteSession]:
        """A deferred transaction: one snapshot, whoever writes meanwhile."""
        try:
            connection = self._readers.get(timeout=READER_WAIT_SECONDS)
        except queue.Empty:
            raise StoreFault(Fault.AWAY, "every reading connection is busy") from None
        try:
            if connection is None:
                connection = connect(self._path)
            connection.execute("BEGIN")
            yield SqliteSession(connection, self.dialect)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        finally:
            self._end(connection)
            self._readers.put(connection)

    @contextmanager
    def stream(self, sql: str, parameters: Any = ()) -> Iterator[sqlite3.Cursor]:
        """A cursor that steps through the rows."""
        try:
            connection = connect(self._path)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        try:
            yield connection.execute(sql, parameters)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        finally:
            connection.close()

    def close(self) -> None:
        for _ in range(READERS):
            connection = self._readers.get(timeout=READER_WAIT_SECONDS)
            if connection is not None:
                connection.close()
        if self._writer is not None:
            self._writer.close()

    def _end(self, connection: sqlite3.Connection | None) -> None:
        """Rolls back what was not committed; a read has nothing to keep."""
        if connection is not None and connection.in_transaction:
            try:
                connection.rollback()
            except sqlite3.Error:
                connection.close()

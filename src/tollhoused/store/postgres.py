"""PostgreSQL behind the store: pipelined transactions, two round trips each, on one writing and a few reading
connections.
"""

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel

from tollhoused.store.dialect import ROWS, PostgresDialect, Rows, Write
from tollhoused.store.faults import DRIVER_ERRORS, Fault, StoreFault, translated
from tollhoused.store.session import Ask

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 20_000
LOCK_TIMEOUT_MS = 10_000
READERS = 8
READER_WAIT_SECONDS = 5.0
PORTION = 2_000


class PostgresSession:
    """A transaction on one connection."""

    def __init__(self, connection: psycopg.Connection[Any], dialect: PostgresDialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def read(self, asks: Sequence[Ask]) -> list[list[tuple[Any, ...]]]:
        cursors = []
        with self._connection.pipeline():
            for ask in asks:
                cursor = self._connection.cursor(binary=True)
                cursors.append(cursor)
                cursor.execute(ask.query.sql, self._dialect.bind(ask.query, ask.sets, ask.values), prepare=True)
        return [cursor.fetchall() for cursor in cursors]

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        with self._connection.pipeline():
            for write, rows in writes:
                arguments: dict[str, Any] = self._dialect.arrays(write.relation, rows)
                if write.counted:
                    arguments[ROWS] = len(rows)
                self._connection.cursor().execute(write.sql, arguments, prepare=True)
            self._connection.commit()


class PostgresEngine:
    """One database, reached by a libpq URL."""

    def __init__(self, url: str) -> None:
        self.dialect = PostgresDialect()
        self._url = url
        self._writer: psycopg.Connection[Any] | None = None
        self._readers: queue.LifoQueue[psycopg.Connection[Any] | None] = queue.LifoQueue()
        for _ in range(READERS):
            self._readers.put(None)

    @contextmanager
    def writing(self) -> Iterator[PostgresSession]:
        """READ COMMITTED: row locks, versions and unique keys make it right."""
        try:
            if self._writer is None or self._writer.closed:
                self._writer = self._connect(read_only=False)
            yield PostgresSession(self._writer, self.dialect)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        finally:
            self._end(self._writer)

    @contextmanager
    def reading(self) -> Iterator[PostgresSession]:
        """REPEATABLE READ, read only: one snapshot for all statements."""
        try:
            connection = self._readers.get(timeout=READER_WAIT_SECONDS)
        except queue.Empty:
            raise StoreFault(Fault.AWAY, "every reading connection is busy") from None
        try:
            if connection is None or connection.closed:
                connection = self._connect(read_only=True)
            yield PostgresSession(connection, self.dialect)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        finally:
            self._end(connection)
            self._readers.put(connection)

    @contextmanager
    def stream(self, sql: str, parameters: Any = ()) -> Iterator[psycopg.ServerCursor[Any]]:
        """A server-side cursor that fetches in portions."""
        try:
            with self._connect(read_only=True) as connection:
                connection.execute("SET statement_timeout = 0")
                with connection.cursor(name="stream") as cursor:
                    cursor.itersize = PORTION
                    cursor.execute(sql, parameters)
                    yield cursor
        except DRIVER_ERRORS as error:
            raise translated(error) from error

    def close(self) -> None:
        for _ in range(READERS):
            connection = self._readers.get(timeout=READER_WAIT_SECONDS)
            if connection is not None:
                connection.close()
        if self._writer is not None:
            self._writer.close()

    def _connect(self, read_only: bool) -> psycopg.Connection[Any]:
        connection = psycopg.connect(
            self._url,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}",
        )
        if read_only:
            connection.read_only = True
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
        else:
            connection.isolation_level = IsolationLevel.READ_COMMITTED
        return connection

    def _end(self, connection: psycopg.Connection[Any] | None) -> None:
        """Rolls back what was not committed; a connection that cannot is closed and made anew next time."""
        if connection is not None and not connection.closed:
            try:
                connection.rollback()
            except psycopg.Error:
                connection.close()

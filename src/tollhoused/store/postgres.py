"""PostgreSQL behind the store: pipelined transactions, two round trips each, on one writing and a few reading
connections.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import count
from typing import Any

import orjson
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from tollhoused.store.dialect import ROWS, PostgresDialect, Query, Rows, Write
from tollhoused.store.durability import durability_problems
from tollhoused.store.faults import DRIVER_ERRORS, Fault, StoreFault, translated
from tollhoused.store.pool import Pool, PoolUse
from tollhoused.store.session import Ask

READERS = 8
PORTION = 2_000

# READ COMMITTED: row locks, versions and unique keys make it right. Readers have one snapshot for all statements.
BEGIN_WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
IMPATIENTLY = "SET LOCAL lock_timeout = '50ms'"
COMMIT = "COMMIT"
TAKES_NO_WRITES = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean"

# Whoever has vanished behind a broken network must not keep a thread or a lock for hours. A URL may say otherwise.
CONNECTION_SETTINGS = {
    "client_encoding": "utf8",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
# Every statement finds its rows by a key: a plan that is kept while a table grows must do so from the start. Plans are
# kept, always: planning the reads of one question anew took several times as long as answering it.
SESSION_SETTINGS = {
    "statement_timeout": "20s",
    "lock_timeout": "3s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
STREAM_SETTINGS = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "enable_seqscan": "on"}


@lru_cache(maxsize=256)
def _at_once(queries: tuple[tuple[str, int], ...]) -> str:
    """One statement that answers several, given by text and width; the parameters of each get a prefix of their own."""
    parts = []
    for index, (text, width) in enumerate(queries):
        columns = ", ".join(f"c{number}" for number in range(width))
        sql = text.replace("%(", f"%(q{index}_")
        parts.append(f"(SELECT json_agg(json_build_array({columns}))::text FROM ({sql}) AS q{index} ({columns}))")
    return f"SELECT {', '.join(parts)}"


class PostgresSession:
    """A transaction on one connection in autocommit mode: its BEGIN and COMMIT travel with other statements."""

    def __init__(self, connection: psycopg.Connection[Any], dialect: PostgresDialect, begin: tuple[str, ...]) -> None:
        """`begin` are the statements that go before the first one."""
        self.connection = connection
        self._dialect = dialect
        self._begin = begin

    def read(self, asks: Sequence[Ask], *, last: bool = False) -> list[list[tuple[Any, ...]]]:
        if last and self._begin and len(asks) > 1:
            return self._read_at_once(asks)
        cursors = []
        with self.connection.pipeline():
            self._begin_once()
            for ask in asks:
                cursor = self.connection.cursor(binary=True)
                cursors.append(cursor)
                cursor.execute(ask.query.sql, self._dialect.bind(ask.query, ask.sets, ask.values), prepare=True)
            if last:
                self.connection.execute(COMMIT, prepare=False)
        return [cursor.fetchall() for cursor in cursors]

    def _read_at_once(self, asks: Sequence[Ask]) -> list[list[tuple[Any, ...]]]:
        """A whole snapshot as one statement, which needs no transaction around it.

        The driver's work for each statement of a pipeline is several times the database's. Every answer comes as one
        JSON array of rows; our columns are texts and integers, so nothing is lost on the way.
        """
        values: dict[str, Any] = {}
        for index, ask in enumerate(asks):
            bound = self._dialect.bind(ask.query, ask.sets, ask.values)
            values |= {f"q{index}_{name}": value for name, value in bound.items()}
        statement = _at_once(tuple((ask.query.sql, ask.query.width) for ask in asks))
        row = self.connection.execute(statement, values, prepare=True).fetchone()
        assert row is not None
        return [[tuple(item) for item in orjson.loads(text)] if text else [] for text in row]

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        with self.connection.pipeline():
            self._begin_once()
            for write, rows in writes:
                arguments: dict[str, Any] = self._dialect.arrays(write.relation, rows)
                if write.counted:
                    arguments[ROWS] = len(rows)
                self.connection.cursor().execute(write.sql, arguments, prepare=True)
            done = self.connection.execute(COMMIT, prepare=False)
        if done.statusmessage != COMMIT:  # a transaction that has failed before answers ROLLBACK, which is no error
            raise psycopg.OperationalError(f"COMMIT was answered by {done.statusmessage}")

    def _begin_once(self) -> None:
        for statement in self._begin:
            self.connection.execute(statement, prepare=False)
        self._begin = ()


class PostgresStreams:
    """A transaction with several server-side cursors, closed by `cursors`."""

    def __init__(self, connection: psycopg.Connection[Any], dialect: PostgresDialect, cursors: ExitStack) -> None:
        self._connection = connection
        self._dialect = dialect
        self._cursors = cursors
        self._numbers = count(1)

    def rows(self, query: Query) -> Iterator[tuple[Any, ...]]:
        cursor = self._cursors.enter_context(self._connection.cursor(name=f"stream{next(self._numbers)}", binary=True))
        cursor.itersize = PORTION
        cursor.execute(query.sql, self._dialect.bind(query, {}, {}))
        return cursor


class PostgresEngine:
    """One database, reached by a libpq URL."""

    def __init__(self, url: str) -> None:
        self.dialect = PostgresDialect()
        self.readers = Pool(READERS, self._connect)
        self._url = url
        self._writer: psycopg.Connection[Any] | None = None
        self._alone = threading.Lock()

    @contextmanager
    def writing(self, *, patient: bool = True) -> Iterator[PostgresSession]:
        with self._alone:
            try:
                if self._writer is None:
                    self._writer = self._connect()
                begin = (BEGIN_WRITING,) if patient else (BEGIN_WRITING, IMPATIENTLY)
                yield PostgresSession(self._writer, self.dialect, begin)
            except DRIVER_ERRORS as error:
                failure = translated(error)
                self._writer = _ended(self._writer, failure)
                raise failure from error
            finally:
                self._writer = _ended(self._writer)

    @contextmanager
    def reading(self) -> Iterator[PostgresSession]:
        taken, used_before = self.readers.take()
        connection: psycopg.Connection[Any] | None = taken
        try:
            yield PostgresSession(taken, self.dialect, (BEGIN_READING,))
            if taken.info.transaction_status != TransactionStatus.IDLE:
                taken.execute(COMMIT, prepare=False)  # a ROLLBACK would cost every prepared statement
        except DRIVER_ERRORS as error:
            failure = translated(error)
            if used_before and _ended(taken) is None:
                # It may have died long ago, as the other idle ones: connecting anew may help at once.
                self.readers.empty()
                failure = StoreFault(Fault.COLLISION, error)
            connection = _ended(taken, failure)
            raise failure from error
        finally:
            self.readers.give(_ended(connection))

    @contextmanager
    def streaming(self) -> Iterator[PostgresStreams]:
        """A reader's snapshot, without the limits of time: whoever reads it may take long over each row."""
        try:
            with self._connect() as connection, ExitStack() as cursors:
                connection.execute(BEGIN_READING)
                for name, value in STREAM_SETTINGS.items():
                    connection.execute("SELECT set_config(%s, %s, true)", (name, value))
                yield PostgresStreams(connection, self.dialect, cursors)
        except DRIVER_ERRORS as error:
            raise translated(error) from error

    @property
    def pool_use(self) -> PoolUse:
        return self.readers.use

    def check_writable(self) -> None:
        with self.reading() as session:
            row = session.connection.execute(TAKES_NO_WRITES).fetchone()
            assert row is not None
            if any(row):
                # A session keeps what it was told when it began: later ones may hear something else.
                self.readers.empty()
                what = "is in recovery" if row[0] else "has default_transaction_read_only on"
                raise psycopg.errors.ReadOnlySqlTransaction(f"PostgreSQL {what}: it takes no writes")

    def durability_problems(self) -> list[str]:
        with self.writing() as session:
            found = durability_problems(session.connection)
            if found:
                self._writer = None  # once the settings are mended a new session knows it, this one may not
                session.connection.close()
            return found

    def close(self) -> None:
        self.readers.close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _connect(self) -> psycopg.Connection[Any]:
        asked = conninfo_to_dict(self._url)
        ours = " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items())
        settings: dict[str, Any] = {**CONNECTION_SETTINGS, **asked, "options": f"{ours} {asked.get('options') or ''}"}
        return psycopg.connect(autocommit=True, **settings)


def _ended(
    connection: psycopg.Connection[Any] | None, failure: StoreFault | None = None
) -> psycopg.Connection[Any] | None:
    """The connection with nothing open, what was not committed rolled back; None for one that cannot go on.

    None survives its database being away: the one that can write by now may be another.
    """
    if connection is None:
        return None
    try:
        if connection.info.transaction_status != TransactionStatus.IDLE:
            connection.rollback()
        if failure is None or failure.fault is not Fault.AWAY:
            return None if connection.closed else connection
    except psycopg.Error:
        pass
    connection.close()
    return None

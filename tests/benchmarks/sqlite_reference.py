"""What SQLite does with the rows of a batch when nobody decides anything: executemany and a commit."""

import itertools
import sqlite3
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from tollhoused.store import tables

BATCH = 1_000


def _insert(table: Table) -> str:
    return f"INSERT INTO {table.name} VALUES ({','.join('?' * len(table.columns))})"


INSERT_OPERATION = _insert(tables.operations)
INSERT_ENTRY = _insert(tables.ledger_entries)
UPDATE_COUNTER = f"""
    {_insert(tables.counters)}
    ON CONFLICT (account, segment_start_us, meter)
    DO UPDATE SET carried = excluded.carried, used = excluded.used, overage = excluded.overage,
        charged_nanos = excluded.charged_nanos"""
UPDATE_GRANT = "UPDATE grants SET remaining_nanos = remaining_nanos - 1 WHERE account = ? AND id = ?"
UPDATE_ACCOUNT = """
    UPDATE accounts SET version = version + 1, as_of_us = ?, balance_nanos = ?, ledger_seq = ?
    WHERE id = ? AND version > 0"""


@dataclass(slots=True)
class Sample:
    """Rows that the server wrote for one usage event of each account, in the order of the tables' columns."""

    operations: list[tuple[Any, ...]]
    entries: list[tuple[Any, ...]]
    counters: list[tuple[Any, ...]]
    grants: list[tuple[str, str]]


# An account's first entry is its grant, the second its first usage event beyond the allowance.
ENTRIES = "SELECT * FROM ledger_entries WHERE seq = 2 ORDER BY account"
OPERATIONS = """
    SELECT o.* FROM ledger_entries l JOIN operations o ON o.idempotency_key = l.cause AND o.client = l.cause_client
    WHERE l.seq = 2 ORDER BY l.account"""
COUNTERS = "SELECT * FROM counters WHERE used > 0 ORDER BY account"
GRANTS = "SELECT account, id FROM grants ORDER BY account"
SAMPLES = (OPERATIONS, ENTRIES, COUNTERS, GRANTS)


class Rows:
    """Endless batches of rows like those of the sample: new keys in the order of time, sequences that go on."""

    def __init__(self, sample: Sample) -> None:
        assert len(sample.operations) == len(sample.entries) == len(sample.counters) == len(sample.grants)
        self._sample = sample
        self._number = itertools.count()
        self._sequences = itertools.count(1_000_000)

    def batch(self) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...], int]]:
        """An operation, its ledger entry, and the account's position in the sample."""
        for _ in range(BATCH):
            number = next(self._number)
            at = number % len(self._sample.operations)
            operation, entry = self._sample.operations[at], self._sample.entries[at]
            key = f"{time.time_ns():016x}{0:08x}{number:08x}"
            booked = (entry[0], entry[1], next(self._sequences), *entry[3:9], key, entry[10])
            yield (key, *operation[1:]), booked, at


class SqliteReference:
    """A copy of the seeded books, written to by hand."""

    def __init__(self, books: Path, path: Path) -> None:
        source = sqlite3.connect(books)
        self._connection = sqlite3.connect(path, isolation_level=None)
        source.backup(self._connection)
        source.close()
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._sample = Sample(*[self._connection.execute(query).fetchall() for query in SAMPLES])
        self._rows = Rows(self._sample)

    def batches(self, seconds: float) -> float:
        """Rows of usage events per second; making the rows is not counted."""
        rates = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            rates.append(BATCH / self._batch())
        return statistics.median(rates)

    def close(self) -> None:
        """Closes the copy."""
        self._connection.close()

    def _batch(self) -> float:
        drawn = list(self._rows.batch())
        counters = [self._sample.counters[at] for _, _, at in drawn]
        grants = [self._sample.grants[at] for _, _, at in drawn]
        accounts = [(entry[3], entry[7], entry[2], entry[1]) for _, entry, _ in drawn]
        begin = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(INSERT_OPERATION, [operation for operation, _, _ in drawn])
        self._connection.executemany(INSERT_ENTRY, [entry for _, entry, _ in drawn])
        self._connection.executemany(UPDATE_COUNTER, counters)
        self._connection.executemany(UPDATE_GRANT, grants)
        self._connection.executemany(UPDATE_ACCOUNT, accounts)
        self._connection.execute("COMMIT")
        return time.perf_counter() - begin

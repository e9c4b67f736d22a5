"""What is stored, read past the server: the checker trusts no code of ours to tell it."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

SQLITE_PREFIX = "sqlite:///"

OPERATIONS = """
SELECT idempotency_key, client, account, kind, meter, segment_start_us, quantity, charged_nanos, answer
FROM operations ORDER BY idempotency_key, client
"""
COUNTERS = "SELECT account, segment_start_us, meter, carried, used FROM counters"
TABLES_OF_ACCOUNTS = (
    "accounts", "users", "organizations", "subscriptions", "overrides", "segments", "counters", "operations", "grants",
    "ledger_entries",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredOperation:
    """A row of `operations`; `new_usage` and `balance_nanos` are read from its stored answer."""

    key: str
    client: str
    account: str
    kind: str
    meter: str | None
    segment_start_us: int | None
    quantity: int | None
    charged_nanos: int | None
    new_usage: int
    balance_nanos: int

    @property
    def counter(self) -> tuple[str, int, str]:
        """The counter that it belongs to: account, start of the segment, meter."""
        return (self.account, self.segment_start_us or 0, self.meter or "")


@dataclass(frozen=True, slots=True)
class Stored:
    """The books after a run. `counters` holds (carried, used) by account, start of the segment and meter."""

    operations: list[StoredOperation]
    counters: dict[tuple[str, int, str], tuple[int, int]]


def read_stored(database_url: str) -> Stored:
    """Every operation and every counter."""
    operations = [_operation(row) for row in query(database_url, OPERATIONS)]
    counters = {(row[0], row[1], row[2]): (row[3], row[4]) for row in query(database_url, COUNTERS)}
    return Stored(operations, counters)


def rows_of(database_url: str, accounts: Iterable[str]) -> dict[str, list[str]]:
    """Every row of these accounts as text, by table."""
    ids = ", ".join(f"'{account}'" for account in accounts)
    found = {}
    for table in TABLES_OF_ACCOUNTS:
        column = "id" if table == "accounts" else "account"
        found[table] = sorted(
            str(row) for row in query(database_url, f"SELECT * FROM {table} WHERE {column} IN ({ids})")
        )
    return found


def query(database_url: str, sql: str) -> list[tuple[Any, ...]]:
    """All rows of one statement."""
    if database_url.startswith(SQLITE_PREFIX):
        with closing(sqlite3.connect(database_url.removeprefix(SQLITE_PREFIX), timeout=10)) as file:
            return file.execute(sql).fetchall()
    with psycopg.connect(database_url) as connection:
        return connection.execute(sql.encode()).fetchall()


def _operation(row: tuple[Any, ...]) -> StoredOperation:
    key, client, account, kind, meter, segment_start_us, quantity, charged_nanos, text = row
    answer = json.loads(text)
    if kind == "record_usage":
        new_usage, balance_nanos = answer["new_usage"], answer["balance_after_nanos"]
    else:
        new_usage, balance_nanos = 0, (answer.get("balance") or [0])[0]
    return StoredOperation(
        key, client, account, kind, meter, segment_start_us, quantity, charged_nanos, new_usage, balance_nanos
    )

"""What is stored, read past the server: the checker trusts no code of ours to tell it."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.torture.upgrade import LATER

SQLITE_PREFIX = "sqlite:///"

OPERATIONS = """
SELECT idempotency_key, client, account, kind, meter, segment_start_us, quantity, charged_nanos, answer, voided_by
FROM operations ORDER BY idempotency_key, client
"""
COUNTERS = "SELECT account, segment_start_us, meter, carried, used, level FROM counters"
RESERVATIONS = """
SELECT id, account, segment_start_us, meter, quantity, state, used, expires_us, ended_us FROM reservations
"""
GRANTS = "SELECT id, account, voided_us FROM grants"
SUBSCRIPTIONS = "SELECT id, account, plan, end_us FROM subscriptions"
ORDERS = """
SELECT id, account, kind, state, credits_nanos, price_minor, payment_id, grant_id, paid_minor, created_us, settled_us
FROM intents
"""
BOUGHT = "SELECT provider_id, account, price_id, standing FROM subscriptions WHERE provider <> 'manual'"
EVENTS = "SELECT id, state, problem FROM provider_events"
UNSETTLED = """
SELECT (SELECT COUNT(*) FROM provider_events WHERE state = 'pending')
    + (SELECT COUNT(*) FROM intents WHERE state = 'open' OR (state = 'waiting' AND kind = 'reload'))
"""
LEDGER = "SELECT cause, cause_kind, SUM(amount_nanos) FROM ledger_entries GROUP BY cause, cause_kind"
TABLES_OF_ACCOUNTS = (
    "accounts", "users", "organizations", "subscriptions", "overrides", "segments", "counters", "operations", "grants",
    "reservations", "ledger_entries", "intents",
)  # fmt: skip
BALANCE_IN_USAGE = 12
NEW_USAGE_IN_USAGE = 6
"""Where they stand in the usage that a commit's answer holds: stored by position."""

CounterKey = tuple[str, int, str]
"""Account, start of the segment, meter."""


@dataclass(frozen=True, slots=True)
class StoredOperation:
    """A row of `operations`; what follows `charged_nanos` is read from its stored answer, but for `voided_by`.

    `made_id` is the reservation, grant or subscription of which it tells; `level` is a gauge's, after it.
    """

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
    made_id: str = ""
    level: int = 0
    voided_key: str = ""
    voided_by: str | None = None

    @property
    def counter(self) -> CounterKey:
        """The counter that it belongs to."""
        return (self.account, self.segment_start_us or 0, self.meter or "")


@dataclass(frozen=True, slots=True)
class StoredReservation:
    """A row of `reservations`."""

    account: str
    segment_start_us: int
    meter: str
    quantity: int
    state: str
    used: int
    expires_us: int
    ended_us: int | None

    @property
    def counter(self) -> CounterKey:
        """The counter that a commit adds to."""
        return (self.account, self.segment_start_us, self.meter)

    @property
    def by_itself(self) -> bool:
        """Whether its own end committed it, without an operation."""
        return self.state == "committed" and self.ended_us == self.expires_us


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """A row of `intents`: something that the payment provider was asked for. Amounts of money in cents."""

    id: str
    account: str
    kind: str
    state: str
    credits_nanos: int
    price_minor: int
    payment_id: str
    grant_id: str
    paid_minor: int
    created_us: int
    settled_us: int | None


@dataclass(frozen=True, slots=True)
class Bought:
    """A row of `subscriptions` that the provider sold."""

    account: str
    price: str
    standing: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The books after a run. `counters` holds (carried, used) by counter, `levels` what gauges are at.

    `grants` holds (account, voided_us) by id, `subscriptions` (account, plan, end_us), `ledger` the sum of the entries
    that one cause has by its name and its kind. `orders` are by id, `bought` by the provider's id; `events` holds
    (state, problem) of what the provider has told.
    """

    operations: list[StoredOperation]
    counters: dict[CounterKey, tuple[int, int]]
    levels: dict[CounterKey, int] = field(default_factory=dict)
    reservations: dict[str, StoredReservation] = field(default_factory=dict)
    grants: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    subscriptions: dict[str, tuple[str, str, int | None]] = field(default_factory=dict)
    ledger: dict[tuple[str, str], int] = field(default_factory=dict)
    orders: dict[str, StoredOrder] = field(default_factory=dict)
    bought: dict[str, Bought] = field(default_factory=dict)
    events: dict[str, tuple[str, str]] = field(default_factory=dict)


def read_stored(database_url: str) -> Stored:
    """Everything that the checker compares with the history."""
    counters = query(database_url, COUNTERS)
    return Stored(
        operations=[_operation(row) for row in query(database_url, OPERATIONS)],
        counters={(row[0], row[1], row[2]): (row[3], row[4]) for row in counters},
        levels={(row[0], row[1], row[2]): row[5] for row in counters},
        reservations={row[0]: StoredReservation(*row[1:]) for row in query(database_url, RESERVATIONS)},
        grants={row[0]: (row[1], row[2]) for row in query(database_url, GRANTS)},
        subscriptions={row[0]: (row[1], row[2], row[3]) for row in query(database_url, SUBSCRIPTIONS)},
        ledger={(row[0], row[1]): int(row[2]) for row in query(database_url, LEDGER)},
        orders={row[0]: StoredOrder(*row) for row in query(database_url, ORDERS)},
        bought={row[0]: Bought(*row[1:]) for row in query(database_url, BOUGHT)},
        events={row[0]: (row[1], row[2]) for row in query(database_url, EVENTS)},
    )


def unsettled(database_url: str) -> int:
    """How many of the provider's events and of our orders nobody has brought to an end."""
    return int(query(database_url, UNSETTLED)[0][0])


def rows_of(database_url: str, accounts: Iterable[str]) -> dict[str, list[str]]:
    """Every row of these accounts as text, by table, without what an upgrade has added."""
    ids = ", ".join(f"'{account}'" for account in accounts)
    found = {}
    for table in TABLES_OF_ACCOUNTS:
        column = "id" if table == "accounts" else "account"
        names, rows = _ask(database_url, f"SELECT * FROM {table} WHERE {column} IN ({ids})")
        kept = [{name: value for name, value in zip(names, row, strict=True) if name != LATER} for row in rows]
        found[table] = sorted(map(str, kept))
    return found


def query(database_url: str, sql: str) -> list[tuple[Any, ...]]:
    """All rows of one statement."""
    return _ask(database_url, sql)[1]


def _ask(database_url: str, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of the columns, and all rows."""
    if database_url.startswith(SQLITE_PREFIX):
        with closing(sqlite3.connect(database_url.removeprefix(SQLITE_PREFIX), timeout=10)) as file:
            answer = file.execute(sql)
            return [column[0] for column in answer.description], answer.fetchall()
    with psycopg.connect(database_url) as connection:
        found = connection.execute(sql.encode())
        return [column.name for column in found.description or ()], found.fetchall()


def end_connections(database_url: str) -> int:
    """Ends every other connection to a database of PostgreSQL; how many there were."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    return len(query(database_url, f"{ended} AND pid <> pg_backend_pid()"))


def _operation(row: tuple[Any, ...]) -> StoredOperation:
    key, client, account, kind, meter, segment_start_us, quantity, charged_nanos, text, voided_by = row
    answer = json.loads(text)
    usage = answer.get("usage")
    if kind == "extend_reservation":
        new_usage = balance_nanos = 0  # its answer tells nothing of the credits
    elif usage:
        new_usage, balance_nanos = usage[NEW_USAGE_IN_USAGE], usage[BALANCE_IN_USAGE]
    else:
        new_usage = answer.get("new_usage", 0)
        balance_nanos = answer["balance_after_nanos"] if "balance_after_nanos" in answer else _first(answer, "balance")
    return StoredOperation(
        key=key,
        client=client,
        account=account,
        kind=kind,
        meter=meter,
        segment_start_us=segment_start_us,
        quantity=quantity,
        charged_nanos=charged_nanos,
        new_usage=new_usage,
        balance_nanos=balance_nanos or 0,
        made_id=_first(answer, "reservation")
        or _first(answer, "grant")
        or answer.get("subscription_id")
        or answer.get("intent_id", ""),
        level=answer.get("level") or 0,
        voided_key=answer.get("voided_key", ""),
        voided_by=voided_by,
    )


def _first(answer: dict[str, Any], name: str) -> Any:
    """The first value of what is nested, which is stored by position."""
    nested = answer.get(name)
    return nested[0] if nested else None

"""Large books that are right: a few thousand operations made by the use cases, multiplied by the database itself."""

from sqlalchemy import Connection, NullPool, create_engine, text

from tests.support.busy import assign_plan
from tests.support.house import (
    Clock,
    Ids,
    build_core,
    close_core,
    give_credits,
    make_user,
    person,
    record,
    usage_report,
)
from tollhoused.store import schema
from tollhoused.store.store import open_store

ONE, HOT = "one", "hot"
"""The user who is multiplied, with charges and ledger entries, and the user who alone has half of all operations."""

PLAN = "enterprise"
"""Charges nothing, so that the operations of the hot account have no ledger entries."""

OF_ONE = 500
"""Operations of each of the many accounts."""

MANY = "WITH RECURSIVE many(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM many WHERE i < :count)"

COPIED = {
    "accounts": ("id",),
    "users": ("id", "account", "user_id", "email"),
    "segments": ("account",),
    "counters": ("account",),
    "operations": ("idempotency_key", "account"),
    "grants": ("id", "account"),
    "ledger_entries": ("account", "cause", "grant_id"),
}
"""The tables of an account, and their columns that name it or something of it."""


def copies_in(operations: int) -> int:
    """How many accounts are copies of one, in books of so many operations."""
    return max(0, operations // 2 // OF_ONE - 1)


def user_of_copy(number: int) -> str:
    """The user id of a copy, from 1."""
    return f"{ONE}~{number}"


def make_books(url: str, operations: int) -> int:
    """Makes books of at least so many operations in an empty database; how many there are."""
    schema.migrate(url)
    core = build_core(open_store(url), clock=Clock(), new_id=Ids())
    for user in (ONE, HOT):
        make_user(core, user)
    give_credits(core, ONE, 10_000)
    for number in range(OF_ONE):
        record(core, usage_report(ONE, f"one-{number:04}", 3))
    assign_plan(core, person(HOT), PLAN, key="plan")
    record(core, usage_report(HOT, "hot-0", 1))
    close_core(core)
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        account = _value(connection, "SELECT account FROM users WHERE user_id = :it", ONE)
        copies = copies_in(operations)
        if copies:
            for table in COPIED:
                _copy(connection, table, account, copies)
        _heat(connection, operations // 2)
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))
        return int(_value(connection, "SELECT count(*) FROM operations"))


def _copy(connection: Connection, table: str, account: str, copies: int) -> None:
    """Adds the rows of one account for so many others, whose names get a number."""
    owner = "id" if table == "accounts" else "account"
    columns = [str(name) for name in connection.execute(text(f"SELECT * FROM {table} LIMIT 1")).mappings().one()]
    values = [f"{name} || '~' || i" if name in COPIED[table] else name for name in columns]
    connection.execute(
        text(
            f"INSERT INTO {table} ({', '.join(columns)}) {MANY}"
            f" SELECT {', '.join(values)} FROM {table} CROSS JOIN many WHERE {owner} = :account"
        ),
        {"count": copies, "account": account},
    )


def _heat(connection: Connection, count: int) -> None:
    """Adds operations of one unit each to one account, and to its counter what they are together."""
    names = [str(name) for name in connection.execute(text("SELECT * FROM operations LIMIT 1")).mappings().one()]
    new = {"idempotency_key": "'hot-' || i"}
    connection.execute(
        text(
            f"INSERT INTO operations ({', '.join(names)}) {MANY}"
            f" SELECT {', '.join(new.get(name, name) for name in names)}"
            " FROM operations CROSS JOIN many WHERE idempotency_key = 'hot-0'"
        ),
        {"count": count},
    )
    hot = "SELECT account, segment_start_us, meter FROM operations WHERE idempotency_key = 'hot-0'"
    connection.execute(
        text(f"UPDATE counters SET used = used + :count WHERE (account, segment_start_us, meter) IN ({hot})"),
        {"count": count},
    )


def _value(connection: Connection, sql: str, it: str = "") -> str:
    return str(connection.execute(text(sql), {"it": it} if it else {}).scalar_one())

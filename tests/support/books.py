"""The books as the database has them, read and proved by plain SQL: nothing of what is under test is used."""

from typing import Any

from sqlalchemy import NullPool, create_engine, inspect, text

Rows = list[tuple[Any, ...]]

# What must hold whatever was done: each query finds the rows that break the rule of its name.
RULES = {
    "a counter is the sum of its operations": """
        SELECT c.account, c.segment_start_us, c.meter, c.used, coalesce(sum(o.sign * o.quantity), 0)
        FROM counters c LEFT JOIN (
            SELECT account, segment_start_us, meter, quantity, overage, charged_nanos,
                CASE WHEN kind = 'void_usage' THEN -1 ELSE 1 END AS sign
            FROM operations WHERE kind IN ('record_usage', 'commit_reservation', 'void_usage')
        ) AS o ON o.account = c.account AND o.segment_start_us = c.segment_start_us AND o.meter = c.meter
        GROUP BY c.account, c.segment_start_us, c.meter, c.used, c.overage, c.charged_nanos
        HAVING c.used <> coalesce(sum(o.sign * o.quantity), 0) OR c.overage <> coalesce(sum(o.sign * o.overage), 0)
            OR c.charged_nanos <> coalesce(sum(o.sign * o.charged_nanos), 0)""",
    "usage that was recorded is counted": """
        SELECT o.idempotency_key FROM operations o LEFT JOIN counters c ON c.account = o.account
            AND c.segment_start_us = o.segment_start_us AND c.meter = o.meter
        WHERE o.kind = 'record_usage' AND c.account IS NULL""",
    "a balance is the sum of the ledger": """
        SELECT a.id, a.balance_nanos, coalesce(sum(e.amount_nanos), 0), a.ledger_seq, count(e.seq)
        FROM accounts a LEFT JOIN ledger_entries e ON e.account = a.id GROUP BY a.id, a.balance_nanos, a.ledger_seq
        HAVING a.balance_nanos <> coalesce(sum(e.amount_nanos), 0) OR a.ledger_seq <> count(e.seq)
            OR a.ledger_seq <> coalesce(max(e.seq), 0)""",
    "a balance is what grants have left less the debt": """
        SELECT a.id FROM accounts a LEFT JOIN grants g ON g.account = a.id
        GROUP BY a.id, a.balance_nanos, a.debt_nanos
        HAVING a.balance_nanos <> coalesce(sum(g.remaining_nanos), 0) - a.debt_nanos""",
    "running balances chain": """
        SELECT account, seq FROM (SELECT account, seq, balance_after_nanos, sum(amount_nanos)
            OVER (PARTITION BY account ORDER BY seq) AS total FROM ledger_entries) AS chain
        WHERE balance_after_nanos <> total""",
    "every debit has its usage, and every charge its debit": """
        SELECT o.idempotency_key, o.charged_nanos, coalesce(sum(e.amount_nanos), 0) FROM operations o
        LEFT JOIN ledger_entries e ON e.account = o.account AND e.cause = o.idempotency_key
            AND e.cause_client = o.client AND e.cause_kind = 'usage'
        WHERE o.kind = 'record_usage' GROUP BY o.idempotency_key, o.client, o.charged_nanos
        HAVING o.charged_nanos + coalesce(sum(e.amount_nanos), 0) <> 0""",
    "no account has two open segments": """
        SELECT account FROM segments WHERE end_us IS NULL GROUP BY account HAVING count(*) <> 1""",
}


def query(url: str, sql: str, **values: object) -> Rows:
    """The rows that a query finds."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql), values)]


def execute(url: str, sql: str) -> None:
    """Carries out one statement."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text(sql))


def dump(url: str) -> dict[str, Rows]:
    """Every row of every table, in an order of its own."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        tables = sorted(inspect(connection).get_table_names())
        rows = {table: connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables}
    return {table: sorted((tuple(row) for row in found), key=repr) for table, found in rows.items()}


def broken_rules(url: str) -> dict[str, Rows]:
    """The rules that do not hold, each with the rows that break it; none when the books are right."""
    found = {rule: query(url, sql) for rule, sql in RULES.items()}
    return {rule: rows for rule, rows in found.items() if rows}


def keys(url: str, kind: str = "record_usage") -> list[str]:
    """The idempotency keys that are stored, sorted."""
    sql = "SELECT idempotency_key FROM operations WHERE kind = :kind ORDER BY idempotency_key"
    return sorted(row[0] for row in query(url, sql, kind=kind))

"""The triggers that make the ledger immutable, on both engines (design: money).

SQLite drops a table's triggers silently when a migration rebuilds the table, so they are made anew after every
migration, and a server does not start without them.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text

FUNCTION = "refuse_ledger_change"

# It refers to nothing that a migration could change, so replacing it takes no lock on the ledger.
_FUNCTION_DDL = f"""
CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is immutable: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$
"""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger that must be there: its name, its table and the statement that makes it."""

    name: str
    table: str
    ddl: str


def _on_sqlite(name: str, event: str, condition: str = "") -> Trigger:
    ddl = (
        f"CREATE TRIGGER {name} BEFORE {event} ON ledger_entries {condition}"
        f"BEGIN SELECT RAISE(ABORT, 'ledger_entries is immutable: {event} refused'); END"
    )
    return Trigger(name, "ledger_entries", ddl)


def _on_postgresql(name: str, event: str, each: str) -> Trigger:
    ddl = f"CREATE TRIGGER {name} BEFORE {event} ON ledger_entries FOR EACH {each} EXECUTE FUNCTION {FUNCTION}()"
    return Trigger(name, "ledger_entries", ddl)


# INSERT OR REPLACE deletes the row in its way without firing DELETE triggers (SQLite: The ON CONFLICT Clause).
_SAME_KEY = (
    "WHEN EXISTS (SELECT 1 FROM ledger_entries WHERE slice = NEW.slice AND account = NEW.account AND seq = NEW.seq) "
)

SQLITE = (
    _on_sqlite("ledger_entries_no_update", "UPDATE"),
    _on_sqlite("ledger_entries_no_delete", "DELETE"),
    _on_sqlite("ledger_entries_no_replace", "INSERT", _SAME_KEY),
)
POSTGRESQL = (
    _on_postgresql("ledger_entries_no_update", "UPDATE", "ROW"),
    _on_postgresql("ledger_entries_no_delete", "DELETE", "ROW"),
    _on_postgresql("ledger_entries_no_truncate", "TRUNCATE", "STATEMENT"),
)

_SQLITE_STORED = text("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
# Only tables that an unqualified name reaches; O and A are the states in which a trigger fires in an ordinary session.
_POSTGRESQL_ENABLED = text(
    "SELECT relname AS tbl_name, tgname AS name FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
    " WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND pg_table_is_visible(tgrelid)"
)


def missing(connection: Connection) -> list[Trigger]:
    """The expected triggers that are not there, say something else (SQLite) or are disabled (PostgreSQL)."""
    if connection.dialect.name == "sqlite":
        stored = {(row.tbl_name, row.sql) for row in connection.execute(_SQLITE_STORED)}
        return [trigger for trigger in SQLITE if (trigger.table, trigger.ddl) not in stored]
    enabled = {(row.tbl_name, row.name) for row in connection.execute(_POSTGRESQL_ENABLED)}
    return [trigger for trigger in POSTGRESQL if (trigger.table, trigger.name) not in enabled]


def make(connection: Connection) -> None:
    """Makes the triggers that are missing and whose tables exist, in the caller's transaction.

    Triggers that are in order are left alone: making one on PostgreSQL blocks the ledger until the migration ends.
    """
    tables = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        connection.execute(text(_FUNCTION_DDL))
    for trigger in missing(connection):
        if trigger.table in tables:
            on_table = f" ON {trigger.table}" if connection.dialect.name == "postgresql" else ""
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger.name}{on_table}"))
            connection.execute(text(trigger.ddl))

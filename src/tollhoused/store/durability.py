"""Whether a connection keeps what it commits through a crash and a loss of power (requirement: every answer is stored).

A server that acknowledges usage which a power cut takes away bills wrongly, and no test of ours would see it. So the
settings that allow it are refused at start.
"""

import sqlite3

import psycopg
from psycopg.rows import tuple_row

SQLITE_FULL = 2

_POSTGRESQL_SETTINGS = {
    "fsync": ("off", "a power cut destroys the database", "set fsync = on in postgresql.conf"),
    "full_page_writes": ("off", "a power cut can tear pages", "set full_page_writes = on in postgresql.conf"),
    "synchronous_commit": (
        "off",
        "a crash loses acknowledged operations",
        "set it to on for this role and database (ALTER ROLE ... SET synchronous_commit = on)",
    ),
    "zero_damaged_pages": ("on", "damaged rows vanish without an error", "set zero_damaged_pages = off"),
}


def durability_problems(connection: "sqlite3.Connection | psycopg.Connection[object]") -> list[str]:
    """What is wrong with a connection that has been set up for writing, and how to mend it: one sentence each.

    None when all is well. SQLite's `synchronous` belongs to the connection, so ask on the one that commits. A
    transaction that is open stays open; none is left behind.
    """
    if isinstance(connection, sqlite3.Connection):
        return _sqlite_problems(connection)
    return _postgresql_problems(connection)


def _sqlite_problems(connection: sqlite3.Connection) -> list[str]:
    file = next(row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main")
    if not file:
        return ["the database is in memory and ends with the process: name a file, sqlite:///path/to/file"]
    found = []
    (journal_mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if journal_mode != "wal":
        found.append(
            f"SQLite's journal_mode is {journal_mode}, not wal: put the file on a local disk that its"
            " folder can be written to, and close other programs that hold it open"
        )
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if synchronous < SQLITE_FULL:
        found.append(
            f"SQLite's synchronous is {synchronous}, a power cut loses acknowledged operations:"
            " the connection must say PRAGMA synchronous = FULL"
        )
    return found


def _postgresql_problems(connection: "psycopg.Connection[object]") -> list[str]:
    was_idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name", [list(_POSTGRESQL_SETTINGS)]
        )
        settings = cursor.fetchall()
        # Whatever the settings, an unlogged table is emptied after a crash.
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relpersistence <> 'p' AND pg_table_is_visible(oid)"
            " ORDER BY relname"
        )
        unlogged = [name for (name,) in cursor]
    if was_idle and not connection.autocommit:
        connection.rollback()
    found = []
    for name, setting in settings:
        bad, consequence, cure = _POSTGRESQL_SETTINGS[name]
        if setting == bad:
            found.append(f"PostgreSQL's {name} is {bad}, {consequence}: {cure}")
    found += [f"the table {name} is unlogged, a crash empties it: ALTER TABLE {name} SET LOGGED" for name in unlogged]
    return found

"""Driver errors become ours in exactly one function: what the journal should do about a failed transaction.

Only errors about the rows themselves count as refusals, for a refusal sends the journal looking for the guilty row.
What says nothing about rows (no connection, no space, no permission, a schema in the middle of a change) is the
database being away.
"""

import sqlite3
from enum import Enum

import psycopg

from tollhoused.errors import Reported

_SQLITE_COLLISIONS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_BUSY_SNAPSHOT,
}
_SQLITE_REFUSALS = {
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
}
# SQLSTATEs and their classes, see the appendix "PostgreSQL Error Codes" of PostgreSQL's manual.
_PG_COLLISIONS = {
    "23505",  # unique_violation
    "22012",  # division_by_zero: an account's version moved, see `PostgresDialect.update_versioned`
}
_PG_BLOCKED = "55P03"  # lock_not_available
_PG_COLLIDING_CLASS = "40"  # transaction_rollback: serialization failures, deadlocks
_PG_REFUSING_CLASSES = {
    "21",  # cardinality_violation
    "22",  # data_exception
    "23",  # integrity_constraint_violation
    "44",  # with_check_option_violation
    "54",  # program_limit_exceeded
    "P0",  # raised by a trigger
}


class Fault(Enum):
    """What went wrong, by what helps."""

    COLLISION = "run the transaction again"
    BLOCKED = "others keep rows locked that the transaction needs: try what does not need them"
    AWAY = "the database cannot be reached or cannot write"
    REFUSED = "the database refuses these rows, and will again"


class StoreFault(Reported):
    """A transaction failed and was rolled back, or its outcome is unknown (AWAY at COMMIT)."""

    def __init__(self, fault: Fault, cause: BaseException | str) -> None:
        super().__init__(f"{fault.name}: {cause}")
        self.fault = fault


class VersionMoved(Exception):
    """A counted write touched other rows than it was given."""


DRIVER_ERRORS = (sqlite3.Error, psycopg.Error, VersionMoved)


def translated(error: BaseException) -> StoreFault:
    """The fault behind a driver's error."""
    if isinstance(error, VersionMoved):
        return StoreFault(Fault.COLLISION, error)
    if isinstance(error, sqlite3.Error):
        return StoreFault(_sqlite_fault(error), error)
    if isinstance(error, psycopg.Error):
        # The rest of its text quotes rows, which may hold what is personal.
        return StoreFault(_postgresql_fault(error), error.diag.message_primary or str(error))
    return StoreFault(Fault.REFUSED, error)


def _sqlite_fault(error: sqlite3.Error) -> Fault:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)  # without one the driver itself complains
    if code in _SQLITE_COLLISIONS:
        return Fault.COLLISION
    return Fault.REFUSED if code & 0xFF in _SQLITE_REFUSALS else Fault.AWAY


def _postgresql_fault(error: psycopg.Error) -> Fault:
    state = error.sqlstate
    if state is None:  # the driver itself complains: about values, or about the connection
        return Fault.REFUSED if isinstance(error, psycopg.DataError | psycopg.ProgrammingError) else Fault.AWAY
    if state in _PG_COLLISIONS or state.startswith(_PG_COLLIDING_CLASS):
        return Fault.COLLISION
    if state == _PG_BLOCKED:
        return Fault.BLOCKED
    return Fault.REFUSED if state[:2] in _PG_REFUSING_CLASSES else Fault.AWAY

"""Driver errors become ours in exactly one function: what the journal should do about a failed transaction."""

import sqlite3
from enum import Enum

import psycopg
from psycopg import errors as pg

_SQLITE_COLLISIONS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_BUSY_SNAPSHOT,
}
_SQLITE_AWAY = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
}
_PG_COLLISIONS = (
    pg.UniqueViolation,
    pg.SerializationFailure,
    pg.DeadlockDetected,
    pg.DivisionByZero,  # an account's version moved, see `PostgresDialect.update_versioned`
    pg.LockNotAvailable,
)
_PG_AWAY = (
    psycopg.OperationalError,  # connections, shutdowns, resources
    psycopg.InterfaceError,
    pg.ReadOnlySqlTransaction,
    pg.DiskFull,
    pg.UndefinedTable,
    pg.UndefinedColumn,
)


class Fault(Enum):
    """What went wrong, by what helps."""

    COLLISION = "run the transaction again"
    AWAY = "the database cannot be reached or cannot write"
    REFUSED = "the database refuses these rows, and will again"


class StoreFault(Exception):
    """A transaction failed and was rolled back, or its outcome is unknown (AWAY at COMMIT)."""

    def __init__(self, fault: Fault, cause: BaseException | str) -> None:
        super().__init__(f"{fault.name}: {cause}")
        self.fault = fault


class VersionMoved(Exception):
    """A counted write touched other rows than it was given."""


DRIVER_ERRORS = (sqlite3.Error, psycopg.Error, VersionMoved)


def translated(error: BaseException) -> StoreFault:
    """The fault behind a driver's error."""
    if isinstance(error, sqlite3.Error):
        return StoreFault(_sqlite_fault(error), error)
    if isinstance(error, (VersionMoved, *_PG_COLLISIONS)):
        return StoreFault(Fault.COLLISION, error)
    if isinstance(error, _PG_AWAY):
        return StoreFault(Fault.AWAY, error)
    return StoreFault(Fault.REFUSED, error)


def _sqlite_fault(error: sqlite3.Error) -> Fault:
    code = getattr(error, "sqlite_errorcode", None)
    if code in _SQLITE_COLLISIONS:
        return Fault.COLLISION
    primary = code & 0xFF if code is not None else None
    if primary in _SQLITE_AWAY or "no such table" in str(error) or isinstance(error, sqlite3.InterfaceError):
        return Fault.AWAY
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return Fault.AWAY
    return Fault.REFUSED

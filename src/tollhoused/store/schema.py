"""The schema's life: made and changed by `migrate`, checked by `problems` before anything is served.

A migration is one transaction on both engines, its DDL included, and only one process migrates at a time.
URLs are `sqlite:///relative/path`, `sqlite:////absolute/path` and `postgresql://...` as libpq reads it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from tollhoused.errors import Reported, StoreUnavailable
from tollhoused.store import triggers
from tollhoused.store.event_tables import metadata
from tollhoused.store.postgres import CONNECTION_SETTINGS

MIGRATIONS = Path(__file__).parent / "migrations"

# Another process may be migrating tables of any size; a table of a serving process is ours within seconds or not now.
WAIT_FOR_OTHERS_SECONDS = 600
WAIT_FOR_TABLE_SECONDS = 3

QUESTION_SETTINGS = {"statement_timeout": "20s", "lock_timeout": "3s"}

_ADVISORY_LOCK = int.from_bytes(b"tollhous", "big")


class SchemaMismatch(Reported):
    """The database's schema is not the one that this program works on. The message says which, and what to do."""


class MigrationFailed(Reported):
    """A migration was rolled back as a whole: the database is as it was before."""


def head_revision() -> str:
    """The revision that this program works on."""
    head = _script().get_current_head()
    assert head is not None
    return head


def migrate(url: str, revision: str = "head") -> list[str]:
    """Brings the database to a revision and gives the steps that were taken, in order; none when it is there already.

    A revision older than the database's undoes steps. Safe while other processes serve or migrate: it waits for another
    migration, and gives up rather than let a table's users queue behind it. An SQLite file is made if there is none.

    Raises MigrationFailed when the database refuses a step or a table stays locked, SchemaMismatch when the database is
    newer than this program, ValueError for an unknown revision or a URL of another form.
    """
    script = _script()
    if revision == "head":
        revision = head_revision()
    if _is_unknown(script, revision):
        raise ValueError(f"there is no revision {revision}")
    taken: list[MigrationInfo] = []
    try:
        with _alone(url) as connection:
            current = _revision(connection)
            if current is not None and _is_unknown(script, current):
                raise SchemaMismatch(_newer(current))
            config = _config(connection, taken)
            if current is not None and revision in _below(script, current):
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)
            _finish(connection)
    except DBAPIError as error:
        raise MigrationFailed(f"nothing was changed: {str(error.orig).strip()}") from error
    return [_described(script, step) for step in taken]


def create(url: str) -> None:
    """Makes the schema of this program in an empty database from the tables' declarations, without the steps.

    For comparison: a migrated database must equal it.
    """
    with _alone(url) as connection:
        metadata.create_all(connection, checkfirst=False)
        command.stamp(_config(connection, []), "head")
        _finish(connection)


def problems(url: str, *, guarded: bool = True) -> list[str]:
    """What keeps this program from working on the database's schema: one sentence each, none when all is well.

    With `guarded` that the triggers are there counts too: who only reads can do without. Changes nothing, and makes no
    SQLite file. Raises StoreUnavailable when the database does not answer, ValueError for a URL of another form.
    """
    path = _sqlite_path(url)
    if path is not None and not _exists(path):
        return [_nothing()]
    try:
        with _engine(url, "BEGIN").connect() as connection:
            return _problems(connection, guarded)
    except DBAPIError as error:
        raise StoreUnavailable(f"the database does not answer: {str(error.orig).strip()}") from error


def is_empty(url: str) -> bool:
    """Whether the database has no table at all, or is an SQLite file that is not there yet. Makes no file.

    Raises StoreUnavailable when the database does not answer, ValueError for a URL of another form.
    """
    path = _sqlite_path(url)
    if path is not None and not _exists(path):
        return True
    try:
        with _engine(url, "BEGIN").connect() as connection:
            return not inspect(connection).get_table_names()
    except DBAPIError as error:
        raise StoreUnavailable(f"the database does not answer: {str(error.orig).strip()}") from error


def check(url: str, *, guarded: bool = True) -> None:
    """Raises SchemaMismatch when there are `problems`."""
    found = problems(url, guarded=guarded)
    if found:
        raise SchemaMismatch("; ".join(found))


def _problems(connection: Connection, guarded: bool) -> list[str]:
    script, current = _script(), _revision(connection)
    if current is None:
        return [_nothing()]
    if _is_unknown(script, current):
        return [_newer(current)]
    head = head_revision()
    if current != head:
        return [f"the database's schema is {current}, this program works on {head}: run `tollhouse migrate`"]
    return [
        f"the trigger {trigger.name} on {trigger.table} is missing or disabled: find out who removed it,"
        " run `tollhouse verify`, then `tollhouse migrate`"
        for trigger in (triggers.missing(connection) if guarded else ())
    ]


def _nothing() -> str:
    return "the database has no schema: run `tollhouse migrate`"


def _newer(current: str) -> str:
    return f"the database's schema is {current}, newer than this program ({head_revision()}): use a newer Tollhouse"


def _is_unknown(script: ScriptDirectory, revision: str) -> bool:
    return all(each.revision != revision for each in script.walk_revisions())


def _below(script: ScriptDirectory, revision: str) -> set[str]:
    """The revisions that came before this one."""
    return {each.revision for each in script.iterate_revisions(revision, "base")} - {revision}


def _described(script: ScriptDirectory, step: MigrationInfo) -> str:
    assert step.up_revision_id is not None
    file = script.get_revision(step.up_revision_id)
    return f"{'' if step.is_upgrade else 'undone '}{file.revision}: {file.doc}"


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None, []))


def _config(connection: Connection | None, taken: list[MigrationInfo]) -> Config:
    """Alembic's configuration without a file. `env.py` reads the attributes; the steps taken are added to `taken`."""

    def on_step(*, step: MigrationInfo, **_: object) -> None:
        taken.append(step)

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, on_step=on_step)
    return config


def _finish(connection: Connection) -> None:
    """What every migration ends with, before its commit."""
    triggers.make(connection)
    if connection.dialect.name == "sqlite":
        # Foreign keys are off while tables are rebuilt, so that dropping one does not delete what refers to it.
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        if broken:
            raise MigrationFailed(
                f"nothing was changed: rows of {broken[0][0]} would refer to nothing in {broken[0][2]}"
            )


@contextmanager
def _alone(url: str) -> Iterator[Connection]:
    """A transaction in which this process is the only one that migrates; rolled back by any exception."""
    with _engine(url, "BEGIN IMMEDIATE").begin() as connection:
        if connection.dialect.name == "postgresql":
            # Held to the end of the transaction, so that it also works behind a pooler.
            connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT_FOR_OTHERS_SECONDS}s'"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT_FOR_TABLE_SECONDS}s'"))
        yield connection


def _engine(url: str, begin: str) -> Engine:
    path = _sqlite_path(url)
    if path is None:
        # Read committed whatever the default: what another migration committed while we waited must be seen.
        # No prepared statements: a pooler in between would lose them.
        return create_engine(
            "postgresql+psycopg://",
            creator=lambda: _connect_to_postgresql(url),
            poolclass=NullPool,
            isolation_level="READ COMMITTED",
        )

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=WAIT_FOR_OTHERS_SECONDS, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)
    # Left to itself the driver begins no transaction before DDL.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _connect_to_postgresql(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection on which everything has its deadline; a migration sets its own."""
    asked = conninfo_to_dict(url)
    ours = " ".join(f"-c {name}={value}" for name, value in QUESTION_SETTINGS.items())
    settings: dict[str, Any] = {**CONNECTION_SETTINGS, **asked, "options": f"{ours} {asked.get('options') or ''}"}
    return psycopg.connect(prepare_threshold=None, **settings)


def _exists(path: Path) -> bool:
    """Whether there is a file. Raises StoreUnavailable where that cannot be seen."""
    try:
        return path.exists()
    except OSError as error:
        raise StoreUnavailable(f"the database does not answer: {path}: {error.strerror}") from error


def _sqlite_path(url: str) -> Path | None:
    """The path of an SQLite database, none for PostgreSQL."""
    if url.startswith("postgresql://"):
        return None
    path = make_url(url).database if url.startswith("sqlite:///") else None
    if path in (None, "", ":memory:"):
        raise ValueError("the database's URL must be sqlite:///path/to/file or postgresql://...")
    return Path(path)

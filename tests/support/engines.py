"""Migrated databases, a fresh one for each test: fixtures that run a test on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Cluster
from tollhoused.store import schema

ENGINES = ["sqlite", "postgresql"]

NUMBERS = count()

LEAVE = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
PICTURE = """
    SELECT 'relation', relname, reloptions::text, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid), '' FROM pg_constraint
    UNION ALL SELECT 'trigger', tgname, tgenabled::text, '' FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'setting', setconfig::text, '', '' FROM pg_db_role_setting JOIN pg_database ON setdatabase = oid
        WHERE datname = current_database()
    ORDER BY 1, 2
"""
# The ledger refuses to be emptied, except by a session in which its triggers do not fire.
EMPTY = """
    DO $$ DECLARE name text; BEGIN
        SET LOCAL session_replication_role = replica;
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
    END $$
"""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that nobody has open, to be copied."""
    path = tmp_path_factory.mktemp("template") / "books.sqlite3"
    schema.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: Cluster) -> str:
    """The name of a migrated PostgreSQL database that nobody is connected to, to be copied."""
    schema.migrate(postgres_cluster.create_database("migrated"))
    return "migrated"


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated, empty SQLite database."""
    path = tmp_path / "books.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def clean_databases() -> list[str]:
    """URLs of PostgreSQL databases that tests have left as they found them: making one takes longer than most tests."""
    return []


@pytest.fixture
def postgres_url(postgres_cluster: Cluster, postgres_template: str, clean_databases: list[str]) -> Iterator[str]:
    """A migrated, empty PostgreSQL database. One whose schema or settings a test has changed is not used again."""
    if clean_databases:
        url = clean_databases.pop()
    else:
        url = postgres_cluster.create_database(f"books{next(NUMBERS)}", postgres_template)
    with psycopg.connect(url, autocommit=True) as connection:
        before = connection.execute(PICTURE).fetchall()
    yield url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(LEAVE)
        if connection.execute(PICTURE).fetchall() == before:
            connection.execute(EMPTY)
            clean_databases.append(url)


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of each engine in turn: a test that asks for it runs on both."""
    fixtures: dict[str, Callable[[], str]] = {
        "sqlite": lambda: request.getfixturevalue("sqlite_url"),
        "postgresql": lambda: request.getfixturevalue("postgres_url"),
    }
    return fixtures[request.param]()

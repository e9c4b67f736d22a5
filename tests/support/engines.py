"""Migrated databases, a fresh one for each test: fixtures that run a test on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.support.postgres import Cluster
from tollhoused.store import schema

ENGINES = ["sqlite", "postgresql"]

NUMBERS = count()


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


@pytest.fixture
def postgres_url(postgres_cluster: Cluster, postgres_template: str) -> str:
    """A migrated, empty PostgreSQL database."""
    return postgres_cluster.create_database(f"books{next(NUMBERS)}", postgres_template)


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of each engine in turn: a test that asks for it runs on both."""
    fixtures: dict[str, Callable[[], str]] = {
        "sqlite": lambda: request.getfixturevalue("sqlite_url"),
        "postgresql": lambda: request.getfixturevalue("postgres_url"),
    }
    return fixtures[request.param]()

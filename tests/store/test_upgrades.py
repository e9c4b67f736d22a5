"""Upgrades: books of every earlier schema are brought along, and programs of two versions can share one schema."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, NullPool, create_engine, inspect, text

from tests.support.books import Rows, broken_rules
from tests.support.busy import keep_first_books
from tests.support.house import Clock, CoreMaker, record, usage_report
from tests.support.postgres import Cluster
from tollhoused.store import schema
from tollhoused.store.store import open_store
from tollhoused.usecases.verify import verify

HEAD = schema.head_revision()
STEPS = [f"{number:04}" for number in range(1, int(HEAD) + 1)]
NUMBERS = count()
NOT_BOOKS = {"alembic_version"}
TEXT: dict[str, Any] = {"type": "TEXT()", "nullable": False, "default": None}

Columns = dict[str, dict[str, dict[str, Any]]]
"""What each column of each table is like."""


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Iterator[str]]:
    """URLs of empty databases of one engine, as many as are asked for."""
    if request.param == "sqlite":
        yield (f"sqlite:///{tmp_path}/books{number}" for number in count())
    else:
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        yield (cluster.create_database(f"upgrades{number}") for number in NUMBERS)


def _columns(url: str) -> Columns:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        found = inspect(connection)
        return {
            table: {column["name"]: {**column, "type": repr(column["type"])} for column in found.get_columns(table)}
            for table in found.get_table_names()
        }


def _rows(url: str, columns: Columns) -> dict[str, Rows]:
    """Every row of these tables, in these columns."""
    found = {}
    with create_engine(url, poolclass=NullPool).connect() as connection:
        for table in columns.keys() - NOT_BOOKS:
            rows = connection.execute(text(f"SELECT {', '.join(columns[table])} FROM {table}"))
            found[table] = sorted((tuple(row) for row in rows), key=repr)
    return found


def _harm(before: Columns, after: Columns) -> list[str]:
    """What a program that knows `before` would stumble over in `after`."""
    found = []
    for table, columns in before.items():
        now = after.get(table, {})
        found += [f"{table}.{name} is gone" for name in columns.keys() - now.keys()]
        found += [
            f"{table}.{name} is another one" for name in columns.keys() & now.keys() if columns[name] != now[name]
        ]
        for name in now.keys() - columns.keys():
            if not now[name]["nullable"] and now[name]["default"] is None:
                found.append(f"{table}.{name} must be given")
    return found


def _findings(url: str) -> list[object]:
    found: list[object] = []
    store = open_store(url)
    verify(store, found.append)
    store.close()
    return found


def _written_at(url: str, revision: str, make_core: CoreMaker, clock: Clock) -> None:
    """Books with the rows that a program of this revision has written: none that only a later one could."""
    schema.migrate(url)
    core = make_core(url)
    keep_first_books(core, clock)
    core.journal.close()
    core.store.close()
    schema.migrate(url, revision)


def test_every_step_only_adds(urls: Iterator[str]) -> None:
    url = next(urls)
    schema.migrate(url, STEPS[0])
    before = _columns(url)
    for revision in STEPS[1:]:
        schema.migrate(url, revision)
        after = _columns(url)
        assert _harm(before, after) == [], revision
        before = after


@pytest.mark.parametrize(
    ("harm", "after"),
    [
        ([], {"accounts": {"id": TEXT, "later": TEXT | {"nullable": True}}, "more": {"id": TEXT}}),
        ([], {"accounts": {"id": TEXT, "later": TEXT | {"default": "'x'"}}}),
        (["accounts.later must be given"], {"accounts": {"id": TEXT, "later": TEXT}}),
        (["accounts.id is gone"], {}),
        (["accounts.id is another one"], {"accounts": {"id": TEXT | {"type": "BIGINT()"}}}),
    ],
)
def test_a_step_that_would_harm_an_earlier_program_is_found(harm: list[str], after: Columns) -> None:
    assert _harm({"accounts": {"id": TEXT}}, after) == harm


@pytest.mark.parametrize("revision", [STEPS[0], STEPS[len(STEPS) // 2], STEPS[-2]])
def test_books_of_an_earlier_program_are_good_after_the_upgrade_and_during_it(
    urls: Iterator[str], revision: str, make_core: CoreMaker, clock: Clock
) -> None:
    """During a rolling upgrade the earlier program works on the new schema: it inserts without the columns that it does
    not know.
    """
    written, shared = next(urls), next(urls)
    _written_at(written, revision, make_core, clock)
    columns = _columns(written)
    before = _rows(written, columns)

    schema.migrate(shared)
    _copy(written, shared)
    schema.migrate(written)

    assert schema.problems(written) == []
    for url in (written, shared):
        assert _rows(url, columns) == before
        assert _findings(url) == []
        assert broken_rules(url) == {}
        core = make_core(url)
        report = usage_report("ada", "after the upgrade", 1)
        assert [record(core, report).replayed for _ in range(2)] == [False, True]


def _copy(source: str, target: str) -> None:
    """Inserts every row into the other database, naming only the columns that the source has."""
    known = MetaData()
    with (
        create_engine(source, poolclass=NullPool).connect() as reading,
        create_engine(target, poolclass=NullPool).begin() as writing,
    ):
        known.reflect(reading)
        for table in known.sorted_tables:
            rows = [row._asdict() for row in reading.execute(table.select())]
            if rows and table.name not in NOT_BOOKS:
                writing.execute(table.insert(), rows)

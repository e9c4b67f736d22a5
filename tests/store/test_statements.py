"""A batch is a dozen statements whatever its size, each finds its rows by a key, and the wire carries two messages."""

import re
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.support.books import execute
from tests.support.house import (
    CoreMaker,
    call,
    give_credits,
    make_user,
    person,
    usage_report,
    use,
)
from tollhoused.domain.books import Settled
from tollhoused.store.dialect import Query
from tollhoused.store.postgres import PostgresEngine
from tollhoused.store.questions import Questions
from tollhoused.store.session import Ask
from tollhoused.store.sqlite import SqliteEngine
from tollhoused.store.statements import KEYS, METERS, Statements
from tollhoused.store.store import open_store
from tollhoused.usecases import entitlements, usage
from tollhoused.usecases.core import Core

LEAST, MOST = 10, 13
"""BEGIN and COMMIT included (design: the journal)."""

SIZES = [1, 10, 500]

SMALL_TABLES = {"api_keys", "catalog_versions", "clients"}
"""What may be read from end to end."""


class CountingConnection(sqlite3.Connection):
    """Counts calls of the driver, an executemany as one."""

    calls = 0

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        type(self).calls += 1
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        type(self).calls += 1
        return super().executemany(*arguments)


@pytest.fixture
def core(database_url: str, make_core: CoreMaker, monkeypatch: pytest.MonkeyPatch) -> Core:
    """A Core with twenty users who have credits, and whose usage costs something."""
    counting = partial(sqlite3.connect, factory=CountingConnection)
    monkeypatch.setattr("tollhoused.store.sqlite.sqlite3.connect", counting)
    made = make_core(database_url)
    for number in range(20):
        make_user(made, f"user-{number}")
        give_credits(made, f"user-{number}", 1_000)
        use(made, f"user-{number}", f"included/{number}", 10)
    return made


def _traffic_of_postgresql(connection: psycopg.Connection[Any], work: Callable[[], object]) -> list[str]:
    """The kinds of messages that go to the server meanwhile, as libpq itself reports them."""
    with tempfile.TemporaryFile() as file:
        connection.pgconn.trace(file.fileno())
        try:
            work()
        finally:
            connection.pgconn.untrace()
        file.seek(0)
        lines = file.read().decode("utf-8", "replace").splitlines()
    return [match[1] for line in lines if (match := re.match(r"[-\d]+ [:.\d]+\tF\t\d+\t(\w+)", line))]


def _batch(core: Core, size: int, name: str) -> None:
    reports = [usage_report(f"user-{index % 20}", f"{name}/{index}", 2) for index in range(size)]
    outcomes = usage.record_batch(core, call(), reports, atomic=False, validate_only=False)
    assert all(isinstance(outcome, Settled) and not outcome.replayed for outcome in outcomes)


def _writer(core: Core) -> Any:
    engine = core.store.engine
    assert isinstance(engine, SqliteEngine | PostgresEngine)
    return engine._writer


def test_a_batch_is_a_dozen_statements_whatever_its_size(core: Core) -> None:
    counts = {}
    for size in SIZES:
        before = CountingConnection.calls
        if isinstance(core.store.engine, SqliteEngine):
            _batch(core, size, f"batch-{size}")
            counts[size] = CountingConnection.calls - before
        else:
            sent = _traffic_of_postgresql(_writer(core), partial(_batch, core, size, f"batch-{size}"))
            counts[size] = sent.count("Execute")

    assert len(set(counts.values())) == 1, counts
    assert LEAST <= counts[1] <= MOST, counts


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_is_two_round_trips_to_postgresql(postgres_url: str, core_on_postgresql: Core, size: int) -> None:
    core = core_on_postgresql
    _batch(core, size, "warm")  # statements are prepared once

    sent = _traffic_of_postgresql(_writer(core), lambda: _batch(core, size, "measured"))

    assert sent.count("Sync") == 2
    assert sent.count("Parse") == 2, "BEGIN and COMMIT alone are not prepared"


@pytest.fixture
def core_on_postgresql(postgres_url: str, make_core: CoreMaker) -> Core:
    made = make_core(postgres_url)
    for number in range(20):
        make_user(made, f"user-{number}")
        give_credits(made, f"user-{number}", 1_000)
        use(made, f"user-{number}", f"included/{number}", 10)
    return made


def test_a_question_is_one_round_trip_to_postgresql(core_on_postgresql: Core) -> None:
    core = core_on_postgresql
    engine = core.store.engine
    assert isinstance(engine, PostgresEngine)
    ask = partial(entitlements.get_entitlement, core, call(), person("user-3"), "talk")
    ask()
    connection, _ = engine.readers.take()
    engine.readers.give(connection)

    sent = _traffic_of_postgresql(connection, ask)

    assert sent.count("Sync") == 1
    assert sent.count("Execute") == 1
    assert "Parse" not in sent, "its plan is kept"


def test_prepared_statements_do_not_multiply_with_the_sizes_of_numbers(core_on_postgresql: Core) -> None:
    core = core_on_postgresql
    writer = _writer(core)
    count = "SELECT count(*) FROM pg_prepared_statements"
    _batch(core, 5, "small")
    before = writer.execute(count, prepare=False).fetchone()
    for number, quantity in enumerate([1, 300, 40_000, 100_000]):
        for user in range(3):
            give_credits(core, f"user-{user}", 10**number, key=f"credits/{number}/{user}")
            use(core, f"user-{user}", f"use/{number}/{user}", quantity // 100 + 1)

    assert writer.execute(count, prepare=False).fetchone() == before


def test_a_refused_batch_keeps_the_prepared_statements(core_on_postgresql: Core) -> None:
    core = core_on_postgresql
    _batch(core, 2, "warm")

    def refused() -> None:
        reports = [usage_report("user-1", f"dear/{number}", 100_000) for number in range(2)]
        outcomes = usage.record_batch(core, call(), reports, atomic=False, validate_only=False)
        assert not any(isinstance(outcome, Settled) for outcome in outcomes)

    refused()
    sent = _traffic_of_postgresql(_writer(core), refused)

    assert sent.count("Parse") == 2


def _queries(owner: object) -> Mapping[str, Query]:
    return {name: value for name, value in vars(owner).items() if isinstance(value, Query)}


def _example(query: Query) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values of the right types for every set and parameter of a query."""
    sets = {
        relation.name: [tuple(1 if str(kind) == "BIGINT" else "a" for _, kind in relation.columns)]
        for relation in query.relations
    }
    numbers = {
        "from_us",
        "to_us",
        "before_us",
        "before_sequence",
        "size",
        "known",
        "now_us",
        "include_closed",
        "include_ended",
        "phase_us",
        "unit_us",
        "by_meter",
        "by_product",
        "event_from_us",
        "event_to_us",
        "ended_to_us",
    }
    taken = {item.name for item in query.relations}
    names = set(query.positions) | set(re.findall(r"%\((\w+)\)s", query.sql)) - taken
    return sets, {name: 1 if name in numbers else "a" for name in names - taken - set(query.constants)}


@pytest.fixture(params=[Statements, Questions])
def queries(request: pytest.FixtureRequest) -> Callable[[Any], Mapping[str, Query]]:
    return lambda dialect: _queries(request.param(dialect))


def test_every_statement_on_sqlite_finds_its_rows_by_a_key(
    sqlite_url: str, queries: Callable[[Any], Mapping[str, Query]]
) -> None:
    engine = SqliteEngine(sqlite_url.removeprefix("sqlite:///"))
    with engine.reading() as session:
        for name, query in queries(engine.dialect).items():
            sets, values = _example(query)
            plan = session.connection.execute(
                f"EXPLAIN QUERY PLAN {query.sql}", engine.dialect.bind(query, sets, values)
            ).fetchall()
            scans = [step[3].split()[1] for step in plan if step[3].startswith("SCAN") and "_each" not in step[3]]
            scans = [scan for scan in scans if all(step[3] != f"CO-ROUTINE {scan}" for step in plan)]
            assert set(scans) <= SMALL_TABLES, (name, plan)
    engine.close()


def test_every_statement_on_postgresql_finds_its_rows_by_a_key(
    postgres_url: str, queries: Callable[[Any], Mapping[str, Query]]
) -> None:
    engine = PostgresEngine(postgres_url)
    with engine.writing() as session:
        for name, query in queries(engine.dialect).items():
            sets, values = _example(query)
            bound = engine.dialect.bind(query, sets, values)
            plan = session.connection.execute(f"EXPLAIN {query.sql}", bound, prepare=False).fetchall()
            scans = [step.partition("Seq Scan on ")[2].split()[0] for (step,) in plan if "Seq Scan on " in step]
            assert set(scans) <= SMALL_TABLES, (name, plan)
    engine.close()


def _operation(key: str, client: str) -> str:
    columns = "idempotency_key, client, account, kind, slice, stored_at_us, event_at_us, sent, answer"
    return f"INSERT INTO operations ({columns}) VALUES ('{key}', '{client}', 'acct_1', 'record_usage', 0, 0, 0, '', '')"


def test_keys_are_looked_up_as_pairs(database_url: str) -> None:
    for key in ("k1", "k2"):
        for client in ("north", "south"):
            execute(database_url, _operation(key, client))
    store = open_store(database_url)
    statements = Statements(store.engine.dialect)

    with store.engine.reading() as session:
        (found,) = session.read(
            [Ask(statements.operations, {KEYS.name: [("k1", "north"), ("k2", "south"), ("k3", "north")]})]
        )

    assert sorted(row[:2] for row in found) == [("k1", "north"), ("k2", "south")]
    store.close()


def test_counters_are_looked_up_as_pairs_within_their_segments(database_url: str) -> None:
    for account in ("acct_1", "acct_2"):
        execute(
            database_url,
            f"INSERT INTO accounts VALUES ('{account}', 'personal', 'usd', 'UTC',"
            " 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, '', NULL)",
        )
        for start, end in [(0, "10"), (10, "20"), (20, "NULL")]:
            execute(
                database_url,
                f"INSERT INTO segments VALUES ('{account}', {start}, {end}, {start}, 99, NULL, 'free', 1, '')",
            )
            for meter in ("calls", "minutes"):
                execute(
                    database_url,
                    f"INSERT INTO counters VALUES ('{account}', {start}, '{meter}', 0, {start}, 0, 0, 0, 0)",
                )
    store = open_store(database_url)
    statements = Statements(store.engine.dialect)
    wanted = [("acct_1", "calls", 15), ("acct_2", "minutes", 2**62), ("acct_2", "unknown", 0)]

    with store.engine.reading() as session:
        (found,) = session.read([Ask(statements.counters, {METERS.name: wanted})])

    assert sorted(row[:3] for row in found) == [
        ("acct_1", 10, "calls"),
        ("acct_1", 20, "calls"),
        ("acct_2", 20, "minutes"),
    ]
    store.close()

"""Many callers, two processes, one database: one effect for each key, and nothing is lost."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import psycopg
import pytest

from tests.support.books import broken_rules, execute, keys, query
from tests.support.house import (
    CoreMaker,
    call,
    give_credits,
    make_user,
    record,
    usage_answer,
    usage_command,
    usage_report,
)
from tests.support.postgres import Cluster
from tollhoused.domain.books import Settled
from tollhoused.errors import Contention, IdempotencyKeyReused, TollhouseError
from tollhoused.store import postgres
from tollhoused.usecases import usage
from tollhoused.usecases.core import Core

T = TypeVar("T")


def _at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all tasks, each in a thread of its own, begun together. A failure of one fails the test."""
    barrier = threading.Barrier(len(tasks))
    results: list[T | BaseException] = [AssertionError("never finished")] * len(tasks)

    def run(index: int) -> None:
        barrier.wait(30)
        try:
            results[index] = tasks[index]()
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


@pytest.fixture(params=["one process", "two processes"])
def cores(request: pytest.FixtureRequest, database_url: str, make_core: CoreMaker) -> list[Core]:
    """One Core, or two with their own journals and connections, on one database; ann is a user with credits."""
    made = [make_core(database_url) for _ in range(1 if request.param == "one process" else 2)]
    make_user(made[0], "ann")
    give_credits(made[0], "ann", 100)
    return made


def test_thirty_two_callers_with_one_key_have_one_effect_and_one_answer(cores: list[Core], database_url: str) -> None:
    for race in range(5):
        report = usage_report("ann", f"race-{race}", 12)

        settled = _at_once([partial(record, cores[index % len(cores)], report) for index in range(32)])

        assert {usage_answer(outcome) for outcome in settled} == {usage_answer(settled[0])}
        assert sum(not outcome.replayed for outcome in settled) == 1
    assert len(keys(database_url)) == 5
    assert broken_rules(database_url) == {}


@pytest.mark.parametrize("meter", ["voice_minutes", "api_calls"])
def test_no_update_of_a_hot_account_is_lost(cores: list[Core], database_url: str, meter: str) -> None:
    """Of voice_minutes most are charged, and numbered by the ledger; of api_calls none."""

    def caller(number: int) -> list[int]:
        core = cores[number % len(cores)]
        reports = [usage_report("ann", f"{number}-{event}", 5, meter=meter) for event in range(12)]
        return [usage_answer(record(core, report)).new_usage for report in reports]

    seen = _at_once([partial(caller, number) for number in range(16)])

    assert sorted(usage for own in seen for usage in own) == [5 * count for count in range(1, 16 * 12 + 1)]
    assert all(own == sorted(own) for own in seen)
    assert broken_rules(database_url) == {}


def test_opposite_orders_of_accounts_deadlock_nobody(database_url: str, make_core: CoreMaker) -> None:
    cores = [make_core(database_url), make_core(database_url)]
    people = [f"user-{number}" for number in range(6)]
    for user_id in people:
        make_user(cores[0], user_id)

    def caller(number: int) -> list[object]:
        core, order = cores[number % 2], people if number % 2 else people[::-1]
        found: list[object] = []
        for round_ in range(8):
            reports = [usage_report(user, f"{number}-{round_}-{user}", meter="api_calls") for user in order]
            found += usage.record_batch(core, call(), reports, atomic=False, validate_only=False)
        return found

    before = _deadlocks(database_url)
    outcomes = _at_once([partial(caller, number) for number in range(8)])

    assert all(isinstance(outcome, Settled) for own in outcomes for outcome in own)
    assert query(database_url, "SELECT DISTINCT used FROM counters") == [(64,)]
    assert broken_rules(database_url) == {}
    assert _deadlocks(database_url) == before


def _deadlocks(url: str) -> object:
    """How many the database has ended since it was made: other tests may have used it before."""
    if not url.startswith("postgresql"):
        return 0
    return query(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def _wait_for_a_waiter(url: str) -> None:
    """Until a session of the database waits for another one's transaction."""
    with psycopg.connect(url, autocommit=True) as watcher:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        deadline = time.monotonic() + 30
        while watcher.execute(waiting).fetchone() == (0,):
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)  # the other session is about to wait, and tells nobody


@pytest.mark.parametrize("rival_commits", [True, False])
def test_a_key_that_another_process_is_storing_for_another_account(
    postgres_url: str, make_core: CoreMaker, rival_commits: bool
) -> None:
    """The unique key makes the second wait; then it is refused, or carried out if the first came to nothing."""
    core = make_core(postgres_url)
    make_user(core, "ann")
    make_user(core, "bob")
    record(core, usage_report("bob", "pattern"))
    copied = "account, kind, slice, stored_at_us, event_at_us, product, meter, segment_start_us, quantity, overage,"
    copied += " charged_nanos, metadata, sent, answer"
    with psycopg.connect(postgres_url) as rival:
        rival.execute(
            f"INSERT INTO operations (idempotency_key, client, {copied})"
            f" SELECT 'contested', client, {copied} FROM operations WHERE idempotency_key = 'pattern'"
        )
        report = usage_report("ann", "contested")
        ticket = core.journal.submit([usage_command(core, report)], time.monotonic() + 30)
        _wait_for_a_waiter(postgres_url)
        if rival_commits:
            rival.commit()
        else:
            rival.rollback()
    (outcome,) = ticket.wait()

    if rival_commits:
        assert isinstance(outcome, IdempotencyKeyReused)
        assert outcome.metadata["field"] == "subject"
    else:
        assert isinstance(outcome, Settled)
        assert not outcome.replayed


def test_an_account_that_somebody_keeps_locked_holds_up_nobody_else(postgres_url: str, make_core: CoreMaker) -> None:
    people = [f"user-{number}" for number in range(8)]
    first = make_core(postgres_url)
    accounts = {user_id: make_user(first, user_id).account_id for user_id in people}
    core = make_core(f"{postgres_url}&options=-c%20lock_timeout%3D50", start=False)
    tickets = {
        user_id: core.journal.submit([usage_command(core, usage_report(user_id, user_id))], time.monotonic() + 30)
        for user_id in people
    }
    with psycopg.connect(postgres_url) as rival:
        rival.execute("SELECT id FROM accounts WHERE id = %s FOR UPDATE", [accounts["user-5"]])
        core.journal.start()
        outcomes = {user_id: ticket.wait()[0] for user_id, ticket in tickets.items()}
        rival.rollback()

    assert [user_id for user_id, outcome in outcomes.items() if isinstance(outcome, Contention)] == ["user-5"]
    assert keys(postgres_url) == [user_id for user_id in people if user_id != "user-5"]
    assert not record(core, usage_report("user-5", "user-5")).replayed


def test_one_key_for_two_accounts_is_stored_for_one_of_them(cores: list[Core], database_url: str) -> None:
    make_user(cores[0], "bob")

    def attempt(core: Core, user_id: str, key: str) -> object:
        try:
            return record(core, usage_report(user_id, key, meter="api_calls")).replayed
        except TollhouseError as refusal:
            return (type(refusal), refusal.metadata["field"])

    for race in range(10):
        key = f"race-{race}"
        found = _at_once([partial(attempt, cores[0], "ann", key), partial(attempt, cores[-1], "bob", key)])
        assert sorted(map(str, found)) == sorted(map(str, [False, (IdempotencyKeyReused, "subject")]))

    assert len(keys(database_url)) == 10
    assert broken_rules(database_url) == {}


@pytest.fixture
def strict_cores(postgres_url: str, make_core: CoreMaker, monkeypatch: pytest.MonkeyPatch) -> list[Core]:
    """Two processes whose transactions are all SERIALIZABLE, as on a distributed database: collisions are errors."""
    monkeypatch.setattr(postgres, "BEGIN_WRITING", "BEGIN ISOLATION LEVEL SERIALIZABLE")
    monkeypatch.setattr(postgres, "BEGIN_READING", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY")
    cores = [make_core(postgres_url), make_core(postgres_url)]
    for number in range(4):
        make_user(cores[0], f"user-{number}")
        give_credits(cores[0], f"user-{number}", 100)
    return cores


def test_a_storm_of_serialization_failures_reaches_no_caller(
    strict_cores: list[Core], postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "tollhoused.journal.journal")

    def caller(number: int) -> list[bool]:
        core = strict_cores[number % 2]
        reports = [usage_report(f"user-{(number + event) % 4}", f"{number}-{event}", 7) for event in range(16)]
        return [record(core, report).replayed for report in reports]

    replayed = _at_once([partial(caller, number) for number in range(8)])

    assert not any(any(own) for own in replayed)
    assert len(keys(postgres_url)) == 8 * 16
    assert broken_rules(postgres_url) == {}
    assert any("could not serialize access" in message for message in caplog.messages), "no storm, no proof"


def test_one_key_is_one_effect_under_serializable_isolation_too(strict_cores: list[Core], postgres_url: str) -> None:
    for race in range(5):
        report = usage_report("user-0", f"race-{race}", 12)
        settled = _at_once([partial(record, strict_cores[index % 2], report) for index in range(8)])

        assert {usage_answer(outcome) for outcome in settled} == {usage_answer(settled[0])}
        assert sum(not outcome.replayed for outcome in settled) == 1
    assert broken_rules(postgres_url) == {}


def test_a_database_that_is_serializable_by_default_is_served_as_any_other(
    postgres_cluster: Cluster, postgres_template: str, make_core: CoreMaker
) -> None:
    url = postgres_cluster.create_database("serializable_by_default", postgres_template)
    execute(url, "ALTER DATABASE serializable_by_default SET default_transaction_isolation = 'serializable'")
    cores = [make_core(url), make_core(url)]
    make_user(cores[0], "ann")
    reports = [usage_report("ann", f"key-{number}", meter="api_calls") for number in range(24)]

    settled = _at_once([partial(record, cores[number % 2], report) for number, report in enumerate(reports)])

    assert sorted(usage_answer(outcome).new_usage for outcome in settled) == list(range(1, 25))
    assert broken_rules(url) == {}

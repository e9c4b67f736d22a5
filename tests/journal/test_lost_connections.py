"""The database goes away at the worst moments: one effect for each key all the same, and an answer that is true."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.support.books import broken_rules, dump, keys
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
from tests.support.proxy import Proxy
from tests.support.watched import BEGIN, COMMIT, COMMITTED, LOADED, Gate, WatchedEngine
from tollhoused.domain.books import Settled
from tollhoused.errors import StoreUnavailable
from tollhoused.journal.journal import Limits
from tollhoused.store import schema
from tollhoused.usecases import usage
from tollhoused.usecases.core import Core

REPORT = usage_report("ann", "key", 12)
HASTY = Limits(away_pause_seconds=0.0)


def _lost() -> sqlite3.OperationalError:
    """What a driver says of a connection that is gone; both engines take it for that."""
    return sqlite3.OperationalError("the connection is lost")


def _check_one_effect(url: str, settled: Settled) -> None:
    answer = usage_answer(settled)
    assert (answer.new_usage, answer.charged_nanos, answer.balance_after_nanos) == (12, 80_000_000, 4_920_000_000)
    assert keys(url) == ["key"]
    assert broken_rules(url) == {}


@pytest.mark.parametrize("point", [BEGIN, LOADED, COMMIT])
def test_a_connection_lost_before_the_commit_costs_nobody_anything(
    watched_core: Core, watch: WatchedEngine, database_url: str, point: str
) -> None:
    make_user(watched_core, "ann")
    give_credits(watched_core, "ann", 5)
    watch.fail_once(point, _lost())

    settled = record(watched_core, REPORT)

    assert not settled.replayed
    _check_one_effect(database_url, settled)


def test_a_connection_lost_after_the_commit_is_answered_from_what_was_stored(
    watched_core: Core, watch: WatchedEngine, database_url: str
) -> None:
    make_user(watched_core, "ann")
    give_credits(watched_core, "ann", 5)
    watch.fail_once(COMMITTED, _lost())

    settled = record(watched_core, REPORT)

    assert settled.replayed
    _check_one_effect(database_url, settled)


@pytest.mark.parametrize("point", [COMMIT, COMMITTED])
def test_a_new_user_is_made_once_whatever_happens_at_the_commit(
    watched_core: Core, watch: WatchedEngine, database_url: str, point: str
) -> None:
    watch.fail_once(point, _lost())

    answer = make_user(watched_core, "ann")

    assert answer.created
    assert [row[0] for row in dump(database_url)["accounts"]] == [answer.account_id]


def test_a_database_that_stays_away_is_said_to_be_and_comes_back(
    watched_core: Core, watch: WatchedEngine, database_url: str
) -> None:
    make_user(watched_core, "ann")
    give_credits(watched_core, "ann", 5)
    for _ in range(1 + Limits().away_reruns_max):
        watch.fail_once(BEGIN, _lost())

    with pytest.raises(StoreUnavailable):
        record(watched_core, REPORT)
    assert keys(database_url) == []
    _check_one_effect(database_url, record(watched_core, REPORT))


def test_callers_are_told_by_errors_of_their_own(watched_core: Core, watch: WatchedEngine) -> None:
    """An error that several threads raise at once would collect all their tracebacks."""
    make_user(watched_core, "ann")
    gate = Gate()
    watch.once(BEGIN, gate)
    for _ in range(8):
        watch.fail_once(BEGIN, _lost())
    first = watched_core.journal.submit([usage_command(watched_core, REPORT)], time.monotonic() + 30)
    assert gate.reached.wait(30)
    later = [
        watched_core.journal.submit([usage_command(watched_core, usage_report("ann", name))], time.monotonic() + 30)
        for name in ("one", "two")
    ]
    gate.open()
    first.wait()
    one, two = [ticket.wait()[0] for ticket in later]

    assert isinstance(one, StoreUnavailable)
    assert isinstance(two, StoreUnavailable)
    assert one is not two


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    """Stands between the Core of these tests and PostgreSQL."""
    opened = Proxy(postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def proxied_core(proxy: Proxy, make_core: CoreMaker) -> Core:
    """A Core on PostgreSQL behind the proxy; ann has five units of credit."""
    core = make_core(proxy.url, limits=HASTY)
    make_user(core, "ann")
    give_credits(core, "ann", 5)
    return core


@pytest.mark.parametrize("text", ["BEGIN ISOLATION LEVEL READ COMMITTED", "record_usage", "COMMIT\0"])
def test_postgresql_cut_off_before_it_could_commit(
    proxied_core: Core, proxy: Proxy, postgres_url: str, text: str
) -> None:
    cut = proxy.cut_before(text)

    settled = record(proxied_core, REPORT)

    assert cut.done.is_set()
    assert not settled.replayed
    _check_one_effect(postgres_url, settled)


def test_postgresql_cut_off_after_it_has_committed(proxied_core: Core, proxy: Proxy, postgres_url: str) -> None:
    cut = proxy.cut_after("COMMIT")

    settled = record(proxied_core, REPORT)

    assert cut.done.is_set()
    assert settled.replayed
    _check_one_effect(postgres_url, settled)


def test_postgresql_out_of_reach_and_back(proxied_core: Core, proxy: Proxy, postgres_url: str) -> None:
    proxy.refuse()
    with pytest.raises(StoreUnavailable):
        record(proxied_core, REPORT)
    with pytest.raises(StoreUnavailable):
        usage.get_operation(proxied_core, call(), "key")

    proxy.refuse(False)
    _check_one_effect(postgres_url, record(proxied_core, REPORT))
    assert usage.get_operation(proxied_core, call(), "key").quantity == 12


def _waiting_backend(url: str) -> int:
    """The process that waits for another one's lock, once there is one."""
    with psycopg.connect(url, autocommit=True) as watcher:
        deadline = time.monotonic() + 30
        while True:
            found = watcher.execute(
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchone()
            if found:
                return int(found[0])
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)  # another process is about to wait, and tells nobody


@pytest.mark.parametrize("end", ["pg_terminate_backend", "pg_cancel_backend"])
def test_a_transaction_that_an_operator_ends_is_run_again(postgres_url: str, make_core: CoreMaker, end: str) -> None:
    core = make_core(postgres_url, limits=HASTY)
    make_user(core, "ann")
    give_credits(core, "ann", 5)
    with psycopg.connect(postgres_url) as rival, psycopg.connect(postgres_url, autocommit=True) as operator:
        rival.execute("SELECT id FROM accounts FOR UPDATE")
        ticket = core.journal.submit([usage_command(core, REPORT)], time.monotonic() + 30)
        operator.execute(f"SELECT {end}(%s)", [_waiting_backend(postgres_url)])
        _waiting_backend(postgres_url)
        rival.rollback()
    (outcome,) = ticket.wait()

    assert isinstance(outcome, Settled)
    assert not outcome.replayed
    _check_one_effect(postgres_url, outcome)


def test_a_postgresql_that_crashes_under_load_loses_nothing_that_it_acknowledged(make_core: CoreMaker) -> None:
    cluster = Cluster()
    try:
        url = cluster.create_database("crashing")
        schema.migrate(url)
        cores = [make_core(url), make_core(url)]
        make_user(cores[0], "ann")
        acknowledged: set[str] = set()
        stopping = threading.Event()

        def caller(number: int) -> None:
            event = 0
            while not stopping.is_set():
                report = usage_report("ann", f"{number}-{event}", meter="api_calls")
                try:
                    record(cores[number % 2], report)
                except StoreUnavailable:
                    continue  # with the same key, as the contract says
                acknowledged.add(report.idempotency_key)
                event += 1

        callers = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
        for thread in callers:
            thread.start()
        for _ in range(2):
            so_far = len(acknowledged)
            _until(lambda so_far=so_far: len(acknowledged) >= so_far + 20)  # type: ignore[misc]
            cluster.restart("immediate")
        so_far = len(acknowledged)
        _until(lambda: len(acknowledged) >= so_far + 20)
        stopping.set()
        for thread in callers:
            thread.join(30)

        stored = keys(url)
        assert acknowledged <= set(stored)
        assert len(stored) - len(acknowledged) <= len(callers)
        assert broken_rules(url) == {}
        assert not record(cores[0], usage_report("ann", "afterwards", meter="api_calls")).replayed
    finally:
        cluster.close()


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "the calls have not gone on"
        time.sleep(0.01)  # other threads make progress meanwhile

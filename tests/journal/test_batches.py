"""What waits becomes one transaction; the queue, the batch and the waiting have bounds."""

import sqlite3
import time
from collections.abc import Callable
from threading import Thread

import pytest

from tests.support.books import broken_rules, keys
from tests.support.house import CoreMaker, close_core, make_user, record, usage_answer, usage_command, usage_report, use
from tests.support.watched import COMMIT, LOADED, Gate, WatchedEngine
from tollhoused.domain.books import Settled
from tollhoused.errors import OutOfTime, Overloaded, ShuttingDown
from tollhoused.journal import journal
from tollhoused.journal.journal import Limits, Ticket
from tollhoused.store.store import Store
from tollhoused.usecases.core import Core

METER = "api_calls"


def _submit(core: Core, *names: str, seconds: float = 30.0, atomic: bool = False) -> Ticket:
    """One call with one command under each key."""
    commands = [usage_command(core, usage_report("ann", name, meter=METER)) for name in names]
    return core.journal.submit(commands, time.monotonic() + seconds, atomic)


def _names(first: int, last: int) -> list[str]:
    return [f"key-{number:03}" for number in range(first, last)]


@pytest.fixture
def waiting_core(database_url: str, watch: WatchedEngine, make_core: CoreMaker) -> Callable[..., Core]:
    """Makes a Core whose journal the test starts, when enough is waiting; the user ann is there."""

    def make(limits: Limits | None = None) -> Core:
        first = make_core(database_url)
        make_user(first, "ann")
        close_core(first)
        core = make_core(store=Store(watch), limits=limits, start=False)
        watch.batches.clear()
        return core

    return make


def test_what_waits_becomes_one_transaction(waiting_core: Callable[..., Core], watch: WatchedEngine) -> None:
    core = waiting_core()
    tickets = [_submit(core, name) for name in _names(0, 40)]
    core.journal.start()
    answers = [usage_answer(ticket.wait()[0]) for ticket in tickets]

    assert watch.batches == [40]
    assert [answer.new_usage for answer in answers] == list(range(1, 41))


def test_a_batch_is_bounded_and_a_bulk_call_may_exceed_it(
    waiting_core: Callable[..., Core], watch: WatchedEngine
) -> None:
    core = waiting_core(Limits(batch_max=10))
    tickets = [_submit(core, name) for name in _names(0, 12)]
    tickets.append(_submit(core, *_names(12, 42)))
    tickets.append(_submit(core, "last"))
    core.journal.start()
    for ticket in tickets:
        ticket.wait()

    assert watch.batches == [10, 2, 30, 1]


class Naps:
    """Stands in for the journal's `time`: remembers each sleep, and lets a call come in meanwhile."""

    def __init__(self) -> None:
        self.naps: list[float] = []
        self.meanwhile: list[Callable[[], object]] = []

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:  # stands in for time.sleep, and does not
        self.naps.append(seconds)
        if self.meanwhile:
            self.meanwhile.pop()()


def test_the_journal_lingers_only_after_company(
    waiting_core: Callable[..., Core], watch: WatchedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps = Naps()
    monkeypatch.setattr(journal, "time", naps)
    core = waiting_core(Limits(linger_seconds=0.125))

    alone = [_submit(core, "alone")]
    core.journal.start()
    alone[0].wait()
    _submit(core, "alone again").wait()
    assert (watch.batches, naps.naps) == ([1, 1], [])

    _submit(core, "together 1", "together 2").wait()
    assert (watch.batches, naps.naps) == ([1, 1, 2], [])

    came: list[Ticket] = []
    naps.meanwhile.append(lambda: came.append(_submit(core, "came while the journal lingered")))
    _submit(core, "after company").wait()
    assert (watch.batches, naps.naps) == ([1, 1, 2, 2], [0.125])
    assert came[0].outcomes is not None

    _submit(core, "after company again").wait()
    _submit(core, "alone at last").wait()
    assert (watch.batches, naps.naps) == ([1, 1, 2, 2, 1, 1], [0.125, 0.125])


def test_a_full_queue_refuses_at_once_and_nothing_of_it_is_stored(
    waiting_core: Callable[..., Core], database_url: str
) -> None:
    core = waiting_core(Limits(queue_max=5))
    tickets = [_submit(core, name) for name in _names(0, 5)]

    with pytest.raises(Overloaded):
        _submit(core, "one too many")
    with pytest.raises(Overloaded):
        _submit(core, *_names(5, 9))
    core.journal.start()
    for ticket in tickets:
        ticket.wait()

    assert keys(database_url) == _names(0, 5)
    _submit(core, "there is room again").wait()


def test_a_bulk_call_larger_than_the_queue_is_taken_when_nothing_waits(waiting_core: Callable[..., Core]) -> None:
    core = waiting_core(Limits(queue_max=5))
    ticket = _submit(core, *_names(0, 20))
    with pytest.raises(Overloaded):
        _submit(core, "another")
    core.journal.start()

    assert len(ticket.wait()) == 20


def test_a_call_whose_deadline_has_passed_is_dropped(waiting_core: Callable[..., Core], database_url: str) -> None:
    core = waiting_core()
    late = _submit(core, "late", seconds=-1.0)
    in_time = _submit(core, "in time")
    core.journal.start()
    in_time.wait()

    assert [type(outcome) for outcome in late.wait()] == [OutOfTime]
    assert keys(database_url) == ["in time"]


def _give_up(ticket: Ticket) -> None:
    """The deadline passes now, while the batch is under way."""
    ticket.deadline = time.monotonic()
    with pytest.raises(OutOfTime):
        ticket.wait()


def test_a_caller_who_gave_up_finds_the_first_answer(watched_core: Core, watch: WatchedEngine) -> None:
    make_user(watched_core, "ann")
    gate = Gate()
    watch.once(COMMIT, gate)

    ticket = _submit(watched_core, "key")
    assert gate.reached.wait(30)
    _give_up(ticket)
    gate.open()
    again = record(watched_core, usage_report("ann", "key", meter=METER))

    assert again.replayed
    assert usage_answer(again).new_usage == 1
    assert ticket.wait()[0] == Settled(again.answer)


def test_a_caller_who_gave_up_before_a_rerun_is_not_stored(
    watched_core: Core, watch: WatchedEngine, database_url: str
) -> None:
    make_user(watched_core, "ann")
    gate = Gate()
    watch.once(LOADED, gate)
    watch.fail_once(COMMIT, sqlite3.OperationalError("the connection is lost"))

    ticket = _submit(watched_core, "key")
    assert gate.reached.wait(30)
    _give_up(ticket)
    gate.open()
    again = record(watched_core, usage_report("ann", "key", meter=METER))

    assert not again.replayed
    assert keys(database_url) == ["key"]


def test_closing_finishes_what_was_accepted(
    waiting_core: Callable[..., Core], watch: WatchedEngine, database_url: str
) -> None:
    core = waiting_core(Limits(batch_max=2))
    gate = Gate()
    watch.once(COMMIT, gate)
    tickets = [_submit(core, name) for name in _names(0, 7)]
    core.journal.start()
    assert gate.reached.wait(30)
    closing = Thread(target=core.journal.close)
    closing.start()
    gate.open()
    closing.join(30)

    assert all(ticket.outcomes is not None for ticket in tickets)
    assert keys(database_url) == _names(0, 7)
    with pytest.raises(ShuttingDown):
        _submit(core, "too late")
    core.journal.close()


def test_an_empty_call_is_answered(core: Core) -> None:
    assert core.journal.submit([], time.monotonic() + 30).wait() == []


def test_the_outcome_can_be_asked_for_again(core: Core) -> None:
    make_user(core, "ann")
    ticket = _submit(core, "key")

    assert ticket.wait() == ticket.wait() == ticket.outcomes


def test_callers_who_come_at_once_are_all_counted(core: Core, database_url: str) -> None:
    make_user(core, "ann")
    counts: list[int] = []
    threads = [
        Thread(target=lambda n=number: counts.append(use(core, "ann", f"key-{n}", meter=METER).new_usage))
        for number in range(64)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(counts) == list(range(1, 65))
    assert broken_rules(database_url) == {}

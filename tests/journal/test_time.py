"""Time turns periods and expires credits inside batches, once, and never runs backwards for an account."""

import threading
from functools import partial

import pytest

from tests.support.books import broken_rules, query
from tests.support.house import (
    DAY_US,
    SECOND_US,
    START_US,
    Clock,
    CoreMaker,
    give_credits,
    make_user,
    record,
    usage_answer,
    usage_report,
    use,
)
from tests.support.watched import LOADED, WatchedEngine
from tollhoused.domain.answers import UsageAnswer
from tollhoused.errors import InsufficientCredits
from tollhoused.usecases.core import Core

HOUR_US = 3_600 * SECOND_US


def test_a_clock_that_is_set_back_does_not_take_an_account_back(core: Core, clock: Clock, database_url: str) -> None:
    make_user(core, "ann")
    give_credits(core, "ann", 5)
    clock.now_us = START_US + HOUR_US
    late = use(core, "ann", "late", 12)
    clock.now_us = START_US

    early = use(core, "ann", "early", 1)

    assert (late.recorded_us, early.recorded_us) == (START_US + HOUR_US, START_US + HOUR_US)
    booked = query(database_url, "SELECT slice, booked_us FROM ledger_entries ORDER BY seq")
    assert booked == sorted(booked)
    assert broken_rules(database_url) == {}


def test_credits_that_have_expired_stay_expired_when_the_clock_is_set_back(
    core: Core, clock: Clock, database_url: str
) -> None:
    make_user(core, "ann")
    give_credits(core, "ann", 5, expires_us=START_US + HOUR_US)
    clock.now_us = START_US + HOUR_US
    assert use(core, "ann", "included", 10).balance_after_nanos == 0
    clock.now_us = START_US

    with pytest.raises(InsufficientCredits):
        use(core, "ann", "beyond", 1)

    causes = query(database_url, "SELECT cause_kind, amount_nanos FROM ledger_entries ORDER BY seq")
    assert causes == [("grant", 5_000_000_000), ("expiry", -5_000_000_000)]
    assert broken_rules(database_url) == {}


def test_processes_whose_clocks_differ_agree_on_one_order(
    database_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    behind = Clock(START_US - 5 * 60 * SECOND_US)
    ahead_core, behind_core = make_core(database_url), make_core(database_url, own_clock=behind)
    make_user(ahead_core, "ann")
    answers = [use((ahead_core, behind_core)[number % 2], "ann", f"key-{number}") for number in range(6)]

    assert [answer.recorded_us for answer in answers] == [START_US] * 6
    assert [answer.new_usage for answer in answers] == [1, 2, 3, 4, 5, 6]
    assert broken_rules(database_url) == {}


def test_a_period_that_ends_while_a_batch_is_loading_has_ended_for_it(
    watched_core: Core, watch: WatchedEngine, clock: Clock, database_url: str
) -> None:
    make_user(watched_core, "ann")
    first = use(watched_core, "ann", "first", 10)

    def pass_boundary() -> None:
        clock.now_us = first.period_end_us

    watch.once(LOADED, pass_boundary)
    second = use(watched_core, "ann", "second", 10)

    assert (second.period_start_us, second.new_usage, second.charged_nanos) == (first.period_end_us, 10, 0)
    assert broken_rules(database_url) == {}


def test_an_event_of_the_old_period_is_counted_there(core: Core, clock: Clock, database_url: str) -> None:
    make_user(core, "ann")
    give_credits(core, "ann", 5)
    first = use(core, "ann", "first", 10)
    clock.now_us = first.period_end_us + DAY_US
    use(core, "ann", "of the new period", 3)

    late = usage_answer(record(core, usage_report("ann", "late", 2, event_us=first.period_end_us - 1)))

    assert (late.period_start_us, late.new_usage, late.charged_nanos) == (first.period_start_us, 12, 80_000_000)
    assert use(core, "ann", "of the new period too", 1).new_usage == 4
    assert broken_rules(database_url) == {}


def test_an_account_that_slept_through_months_wakes_up_once(core: Core, clock: Clock, database_url: str) -> None:
    make_user(core, "ann")
    clock.now_us = START_US + 200 * DAY_US
    answer = use(core, "ann", "key")

    assert answer.period_start_us <= clock.now_us < answer.period_end_us
    segments = query(database_url, "SELECT start_us, end_us FROM segments ORDER BY start_us")
    assert [end for _, end in segments] == [*(start for start, _ in segments[1:]), None]
    assert len(segments) == 7


@pytest.mark.parametrize("processes", [1, 2])
def test_a_period_turns_while_reports_and_retries_are_in_flight(
    database_url: str, make_core: CoreMaker, clock: Clock, processes: int
) -> None:
    """Each event stays in the period that it first landed in, and each period is the sum of its events."""
    cores = [make_core(database_url) for _ in range(processes)]
    make_user(cores[0], "ann")
    give_credits(cores[0], "ann", 100)
    boundary_us = use(cores[0], "ann", "before", 1).period_end_us
    clock.now_us = boundary_us - 40
    answers: dict[str, UsageAnswer] = {}
    failures: list[Exception] = []

    def caller(number: int) -> None:
        core = cores[number % processes]
        try:
            for event in range(10):
                key = f"{number}-{event}"
                report = usage_report("ann", key, 3)
                first = usage_answer(record(core, report))
                clock.now_us += 1
                again = record(core, report)
                assert again.replayed
                assert usage_answer(again) == first
                answers[key] = first
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=partial(caller, number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    clock.now_us = boundary_us + DAY_US
    replays = {key: record(cores[0], usage_report("ann", key, 3)) for key in answers}

    assert failures == []
    assert len(answers) == 80
    assert {key: usage_answer(replay) for key, replay in replays.items()} == answers
    for period_start_us, already in [(START_US, 1), (boundary_us, 0)]:
        counts = sorted(answer.new_usage for answer in answers.values() if answer.period_start_us == period_start_us)
        assert counts == [already + 3 * step for step in range(1, len(counts) + 1)]
        assert counts, "no event landed in this period: the boundary was not passed in flight"
    assert broken_rules(database_url) == {}

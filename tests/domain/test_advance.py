from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import (
    HOUR_US,
    NANOS,
    PERIOD_END_US,
    RECORD,
    START_US,
    Desk,
    adjust,
    assign,
    grant,
    override,
    unassign,
    use,
)
from tests.domain.shop import HISTORY, shop_with
from tollhoused.domain.account import Account, CauseKind
from tollhoused.domain.advance import UnknownCatalogueVersion, advance
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.commands import Command
from tollhoused.domain.instants import DAY_US, MINUTE_US

MORE_FREE_CALLS = ("calls = { included = 10,", "calls = { included = 20,")


def instant(text: str) -> int:
    """Microseconds of an instant written in ISO 8601, UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp()) * 10**6


def periods(account: Account) -> list[tuple[int, int]]:
    return [(segment.period_start_us, segment.period_end_us) for segment in account.segments]


def plans(account: Account) -> list[tuple[int, str]]:
    return [(segment.start_us, segment.terms.plan) for segment in account.segments]


def test_a_new_account_begins_with_a_period_on_the_default_plan() -> None:
    account = Desk().account

    assert plans(account) == [(START_US, "free")]
    assert periods(account) == [(START_US, PERIOD_END_US)]
    assert (account.due_us, account.balance_nanos, account.version) == (PERIOD_END_US, 0, 0)


def test_nothing_happens_before_the_account_is_due() -> None:
    account = Desk().account
    account.dirty = False

    advance(account, PERIOD_END_US - 1, HISTORY)

    assert account.as_of_us == PERIOD_END_US - 1
    assert not account.dirty, "there is nothing to save"


def test_a_period_turns_at_its_end_and_counting_begins_anew() -> None:
    desk = Desk()
    desk.use(use(10))

    last = desk.wait_until(PERIOD_END_US - 1).use(use(1, enforcement=RECORD))
    first = desk.wait_until(PERIOD_END_US).use(use(1))

    assert (last.new_usage, last.period_end_us) == (11, PERIOD_END_US)
    assert (first.new_usage, first.period_start_us) == (1, PERIOD_END_US)


def test_every_period_that_passed_unnoticed_is_there_afterwards() -> None:
    desk = Desk().let_time_pass(instant("2026-05-10T00:00:00"))

    starts = ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01"]
    bounds = [instant(start) for start in starts]
    assert periods(desk.account) == list(pairwise(bounds))
    assert [segment.end_us for segment in desk.account.segments] == [*bounds[1:-1], None]


def test_periods_turn_in_the_account_s_own_zone() -> None:
    desk = Desk(zone="Europe/Berlin").let_time_pass(instant("2026-04-20"))

    assert periods(desk.account)[-1] == (instant("2026-04-01T01:00+02:00"), instant("2026-05-01T01:00+02:00"))


def test_a_subscription_is_anchored_where_it_starts() -> None:
    start = instant("2026-01-31T15:00:00")
    desk = Desk().wait_until(start)
    desk.subscribe(assign("plus"))

    desk.let_time_pass(instant("2026-04-01"))

    assert periods(desk.account)[1:] == [
        (start, instant("2026-02-28T15:00:00")),
        (instant("2026-02-28T15:00:00"), instant("2026-03-31T15:00:00")),
        (instant("2026-03-31T15:00:00"), instant("2026-04-30T15:00:00")),
    ]


def test_a_subscription_begins_and_ends_at_its_own_times_and_each_starts_a_period() -> None:
    desk = Desk()
    desk.use(use(7))
    desk.subscribe(assign("plus", start=START_US + DAY_US, end=START_US + 3 * DAY_US))

    desk.let_time_pass(START_US + 10 * DAY_US)

    assert plans(desk.account) == [
        (START_US, "free"),
        (START_US + DAY_US, "plus"),
        (START_US + 3 * DAY_US, "free"),
    ]
    assert desk.use(use(1)).new_usage == 1, "the third period begins with a fresh allowance"
    assert periods(desk.account)[-1] == (START_US + 3 * DAY_US, PERIOD_END_US)


def test_an_override_begins_and_ends_at_its_own_times_and_carries_the_use_on() -> None:
    desk = Desk()
    desk.use(use(7))
    desk.override(override(included=50, start=START_US + DAY_US, end=START_US + 3 * DAY_US))

    during = desk.wait_until(START_US + DAY_US).use(use(20))
    after = desk.wait_until(START_US + 3 * DAY_US).use(use(1, enforcement=RECORD))

    assert (during.new_usage, during.limit, during.overage_quantity) == (27, 50, 0)
    assert (after.new_usage, after.limit, after.overage_quantity) == (28, 10, 1)
    assert set(periods(desk.account)) == {(START_US, PERIOD_END_US)}


def test_a_segment_carries_the_whole_use_of_its_period() -> None:
    desk = Desk()
    desk.use(use(3))
    for day in (1, 2, 3):
        desk.wait_until(START_US + day * DAY_US).override(override(included=50 + day))
        desk.use(use(day))

    carried = [desk.account.counter(segment, "calls").carried for segment in desk.account.segments]

    assert carried == [0, 3, 4, 6]
    assert desk.use(use(1)).new_usage == 10


def test_a_late_event_does_not_move_what_was_carried_on() -> None:
    desk = Desk()
    desk.use(use(3))
    desk.wait_until(START_US + DAY_US).override(override(included=50))

    late = desk.use(use(4, at=START_US))

    assert (late.new_usage, late.limit) == (7, 10)
    assert desk.use(use(1)).new_usage == 4


def test_terms_that_stay_the_same_open_no_segment() -> None:
    desk = Desk()
    desk.override(override(included=10))
    desk.override(override("minutes", start=START_US + DAY_US, included=30))

    desk.let_time_pass(START_US + 2 * DAY_US)

    assert len(desk.account.segments) == 1


def test_expiry_takes_what_is_left_of_its_own_grant_at_its_own_instant() -> None:
    desk = Desk()
    expires = START_US + DAY_US
    desk.credit(grant(7 * NANOS, id="a", expires=expires + 1))
    desk.credit(grant(5 * NANOS, id="b", expires=expires))
    desk.use(use(11))

    desk.let_time_pass(expires)

    assert desk.remaining == {"a": 7 * NANOS, "b": 0}
    entry = desk.ledger[-1]
    assert (entry.cause.kind, entry.grant_id, entry.amount_nanos) == (CauseKind.EXPIRY, "b", -3 * NANOS)
    assert (entry.balance_after_nanos, desk.account.balance_nanos) == (7 * NANOS, 7 * NANOS)


def test_what_happened_unnoticed_is_booked_now_and_effective_then() -> None:
    desk = Desk()
    desk.credit(grant(expires=START_US + DAY_US))

    desk.let_time_pass(START_US + 3 * DAY_US)

    entry = desk.ledger[-1]
    assert (entry.booked_us, entry.effective_us) == (START_US + 3 * DAY_US, START_US + DAY_US)


def test_a_grant_that_is_used_up_has_nothing_to_expire() -> None:
    desk = Desk()
    desk.credit(grant(2 * NANOS, expires=START_US + DAY_US))
    desk.use(use(11))
    entries = len(desk.ledger)

    desk.let_time_pass(START_US + DAY_US)

    assert len(desk.ledger) == entries


def test_grants_that_become_effective_together_settle_debt_in_burn_order() -> None:
    desk = Desk()
    desk.credit(adjust(-5 * NANOS))
    desk.credit(grant(4 * NANOS, id="a", priority=2, effective=START_US + DAY_US))
    desk.credit(grant(4 * NANOS, id="b", priority=1, effective=START_US + DAY_US))
    desk.credit(grant(4 * NANOS, id="c", priority=0, effective=START_US + DAY_US, meters=("calls",)))

    desk.let_time_pass(START_US + 2 * DAY_US)

    assert desk.remaining == {"a": 3 * NANOS, "b": 0, "c": 4 * NANOS}
    assert desk.account.debt_nanos == 0
    assert {entry.effective_us for entry in desk.ledger[-4:]} == {START_US + DAY_US}


def test_the_next_due_instant_is_the_first_at_which_time_changes_anything() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", start=START_US + 9 * DAY_US))
    assert desk.account.due_us == START_US + 9 * DAY_US
    desk.override(override(included=1, start=START_US + 8 * DAY_US))
    assert desk.account.due_us == START_US + 8 * DAY_US
    desk.credit(grant(effective=START_US + 7 * DAY_US))
    assert desk.account.due_us == START_US + 7 * DAY_US
    desk.credit(grant(expires=START_US + 6 * DAY_US))
    assert desk.account.due_us == START_US + 6 * DAY_US

    due = [desk.let_time_pass(START_US + day * DAY_US).account.due_us for day in (6, 7, 8, 9)]

    assert due == [START_US + 7 * DAY_US, START_US + 8 * DAY_US, START_US + 9 * DAY_US, instant("2026-02-10")]


def test_time_never_runs_backwards_for_an_account() -> None:
    desk = Desk()
    desk.let_time_pass(PERIOD_END_US + HOUR_US)

    answer = desk.wait_until(START_US).use(use(1))

    assert (answer.recorded_us, answer.event_us) == (PERIOD_END_US + HOUR_US, PERIOD_END_US + HOUR_US)
    desk.credit(grant())
    assert desk.ledger[-1].booked_us == PERIOD_END_US + HOUR_US
    assert desk.account.as_of_us == PERIOD_END_US + HOUR_US


def test_without_a_subscription_a_period_keeps_the_version_it_began_under() -> None:
    desk = Desk()
    desk.history = shop_with(MORE_FREE_CALLS)

    assert desk.use(use(1)).limit == 10
    desk.override(override("minutes", included=40))
    same_period = desk.use(use(1))
    next_period = desk.wait_until(PERIOD_END_US).use(use(1))

    assert (same_period.limit, same_period.plan_version) == (10, 1)
    assert (next_period.limit, next_period.plan_version) == (20, 2)


def test_a_period_that_nobody_saw_begin_has_the_version_of_its_beginning_too() -> None:
    desk = Desk()
    versions = shop_with(MORE_FREE_CALLS).versions
    desk.history = CatalogueHistory(versions, applied_us={1: START_US, 2: PERIOD_END_US + DAY_US})

    answer = desk.wait_until(PERIOD_END_US + 40 * DAY_US).use(use(1))

    assert [segment.terms.plan_version for segment in desk.account.segments] == [1, 1, 2]
    assert (answer.limit, answer.plan_version) == (20, 2)


def test_a_subscription_keeps_the_version_it_was_made_under() -> None:
    desk = Desk()
    desk.subscribe(assign("free"))
    desk.history = shop_with(MORE_FREE_CALLS)

    answer = desk.wait_until(instant("2026-03-15")).use(use(1))

    assert (answer.limit, answer.plan_version) == (10, 1)


def test_a_version_that_is_not_loaded_yet_is_asked_for() -> None:
    desk = Desk()
    desk.history = shop_with(MORE_FREE_CALLS)
    desk.subscribe(assign("plus", start=START_US + DAY_US))

    with pytest.raises(UnknownCatalogueVersion):
        advance(desk.account, START_US + DAY_US, CatalogueHistory({1: desk.history.versions[1]}))


def test_a_change_at_the_very_instant_at_which_a_period_turns_follows_the_turn() -> None:
    desk = Desk().wait_until(PERIOD_END_US)

    desk.subscribe(assign("plus"))

    assert plans(desk.account) == [(START_US, "free"), (PERIOD_END_US, "free"), (PERIOD_END_US + 1, "plus")]
    assert [segment.end_us for segment in desk.account.segments] == [PERIOD_END_US, PERIOD_END_US + 1, None]


def test_changes_in_one_instant_follow_each_other() -> None:
    desk = Desk()
    for included in (1, 2, 3):
        desk.override(override(included=included))
    desk.subscribe(assign("plus", start=START_US + 6))
    desk.override(override(included=4))

    segments = desk.account.segments
    assert [segment.start_us for segment in segments] == [START_US + step for step in range(len(segments))]
    assert all(segment.end_us is None or segment.end_us > segment.start_us for segment in segments)
    assert segments[-1].terms.meters["calls"].included == 4


def facts(account: Account) -> dict[str, object]:
    """What an account is, but for when things were booked."""
    return {
        "segments": account.segments,
        "counters": {key: counter for key, counter in account.counters.items() if counter.carried + counter.used},
        "grants": account.grants,
        "balance": account.balance_nanos,
        "debt": account.debt_nanos,
        "as of": account.as_of_us,
        "due": account.due_us,
        "entries": [
            (entry.sequence, entry.effective_us, entry.grant_id, entry.amount_nanos, entry.balance_after_nanos)
            for entry in account.changes.entries
        ],
    }


days = st.integers(0, 70).map(lambda day: START_US + day * DAY_US)
ends = st.none() | st.integers(71, 100).map(lambda day: START_US + day * DAY_US)
plans_to_come: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        lambda amount, meters, start, end: grant(amount * NANOS, meters=meters, effective=start, expires=end),
        st.integers(1, 9),
        st.sampled_from([(), ("calls",)]),
        days,
        ends,
    ),
    st.integers(1, 9).map(lambda amount: adjust(-amount * NANOS)),
    st.builds(
        lambda plan, start, end: assign(plan, start=start, end=end),
        st.sampled_from(["free", "plus", "most"]),
        days,
        ends,
    ),
    st.builds(
        lambda included, start, end: override(included=included, start=start, end=end), st.integers(0, 30), days, ends
    ),
    st.integers(1, 30).map(lambda quantity: use(quantity, enforcement=RECORD)),
)


@given(st.lists(plans_to_come, max_size=7), st.lists(st.integers(0, 120 * 24), max_size=12))
def test_many_small_steps_lead_where_one_big_step_leads(commands: Sequence[Command], hours: list[int]) -> None:
    desk = Desk()
    for command in commands:
        desk.settle(command)
    at_once, step_by_step = deepcopy(desk.account), desk.account
    end_us = START_US + 120 * DAY_US

    advance(at_once, end_us, desk.history)
    for hour in sorted(hours):
        advance(step_by_step, max(START_US + hour * HOUR_US, step_by_step.as_of_us), desk.history)
    advance(step_by_step, end_us, desk.history)

    assert facts(step_by_step) == facts(at_once)


@given(st.lists(plans_to_come, max_size=7), st.integers(0, 120 * 24))
def test_nothing_changes_between_two_due_instants(commands: Sequence[Command], hour: int) -> None:
    desk = Desk()
    for command in commands:
        desk.settle(command)
    desk.let_time_pass(max(START_US + hour * HOUR_US, desk.account.as_of_us))
    before = {**facts(desk.account), "as of": desk.account.due_us - 1}

    desk.let_time_pass(desk.account.due_us - 1)

    assert facts(desk.account) == before


def test_a_subscription_that_never_began_leaves_no_period_behind() -> None:
    desk = Desk()
    made = desk.subscribe(assign("plus", start=START_US + DAY_US))
    desk.subscribe(unassign(made.subscription_id))

    desk.let_time_pass(START_US + 2 * DAY_US)

    assert plans(desk.account) == [(START_US, "free")]
    assert desk.account.due_us == PERIOD_END_US


@given(
    st.lists(plans_to_come, max_size=7),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.integers(0, 59_999_999),
)
def test_a_sweep_every_minute_of_a_year_leads_where_one_look_after_it_leads(
    commands: Sequence[Command], zone: str, phase_us: int
) -> None:
    """Between two due instants a sweep changes nothing, so only the first one after each is played."""
    desk = Desk(zone=zone)
    for command in commands:
        desk.settle(command)
    at_once, swept = deepcopy(desk.account), desk.account
    end_us = START_US + 366 * DAY_US

    advance(at_once, end_us, desk.history)
    while (sweep_us := -(-(swept.due_us - phase_us) // MINUTE_US) * MINUTE_US + phase_us) < end_us:
        assert 0 <= sweep_us - swept.due_us < MINUTE_US
        advance(swept, sweep_us, desk.history)
    advance(swept, end_us, desk.history)

    assert facts(swept) == facts(at_once)

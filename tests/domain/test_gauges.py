"""Levels and peaks: the shop's free plan includes 4 shelves, more cost 3.00; plus includes 9, more 1.00; most 12."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import (
    NANOS,
    PERIOD_END_US,
    RECORD,
    START_US,
    Desk,
    assign,
    grant,
    override,
    put,
    tick,
    use,
    void_usage,
)
from tollhoused.domain.account import CauseKind, Counter
from tollhoused.domain.commands import Command
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.periods import period_of
from tollhoused.domain.rates import Rate
from tollhoused.errors import (
    InsufficientCredits,
    InvalidField,
    LevelBelowZero,
    MeterNotInPlan,
    QuotaExceeded,
    TollhouseError,
)


def funded(units: int = 100) -> Desk:
    desk = Desk()
    desk.credit(grant(units * NANOS, id="funds"))
    return desk


def refusal(desk: Desk, command: Command) -> TollhouseError:
    """The refusal of a command, which must have changed nothing."""
    desk.settle(tick())
    before = desk.snapshot()
    with pytest.raises(TollhouseError) as caught:
        desk.settle(command)
    assert desk.snapshot() == before
    return caught.value


def space(desk: Desk) -> Counter:
    """The open segment's counter."""
    return desk.account.counter(desk.account.segment, "space")


def closes(desk: Desk) -> list[int]:
    """What was charged by ends of segments, in whole units."""
    return [-entry.amount_nanos // NANOS for entry in desk.ledger if entry.cause.kind is CauseKind.PERIOD_CLOSE]


def test_a_level_is_charged_by_the_peak_of_the_period_once() -> None:
    desk = funded()

    answers = [desk.use(put(level)) for level in (6, 2, 5, 7, 0)]

    assert [answer.charged_nanos // NANOS for answer in answers] == [6, 0, 0, 3, 0]
    assert [answer.level for answer in answers] == [6, 2, 5, 7, 0]
    assert [answer.new_usage for answer in answers] == [6, 6, 6, 7, 7]
    assert [answer.remaining for answer in answers] == [0, 2, 0, 0, 4]
    assert desk.account.balance_nanos == 91 * NANOS


def test_changes_move_the_level_and_usage_on_a_gauge_is_one() -> None:
    desk = funded()

    levels = [desk.use(command).level for command in (put(delta=3), use(2, "space"), put(delta=-4), put(delta=1))]

    assert levels == [3, 5, 1, 2]
    assert (space(desk).peak, space(desk).charged_nanos) == (5, 3 * NANOS)


def test_a_level_never_falls_below_zero() -> None:
    desk = funded()
    desk.use(put(3))

    found = refusal(desk, put(delta=-4))

    assert isinstance(found, LevelBelowZero)
    assert found.metadata == {"meter": "space", "level": "3", "delta": "-4"}
    assert desk.use(put(delta=-3)).level == 0


def test_what_credits_do_not_pay_is_refused_and_lowering_never_is() -> None:
    desk = funded(5)

    assert isinstance(refusal(desk, put(6)), InsufficientCredits)
    assert desk.use(put(5)).charged_nanos == 3 * NANOS
    answer = desk.use(put(8, enforcement=RECORD))
    assert (answer.debt_nanos, answer.lifted) == (7 * NANOS, ("INSUFFICIENT_CREDITS",))
    assert desk.use(put(7)).level == 7
    assert desk.use(put(8)).charged_nanos == 0, "the peak is paid for"
    assert isinstance(refusal(desk, put(9)), InsufficientCredits)


def test_a_hard_limit_refuses_rises_beyond_it_and_charges_nothing() -> None:
    desk = funded()
    desk.subscribe(assign("most"))

    assert isinstance(refusal(desk, put(13)), QuotaExceeded)
    answer = desk.use(put(15, enforcement=RECORD))
    assert (answer.charged_nanos, answer.lifted, answer.remaining) == (0, ("QUOTA_EXCEEDED",), 0)
    assert desk.use(put(13)).level == 13
    found = refusal(desk, put(delta=1))
    assert isinstance(found, QuotaExceeded)
    assert (found.metadata["used"], found.metadata["requested"]) == ("13", "1")
    assert desk.use(put(10)).remaining == 2
    assert desk.use(put(12)).level == 12
    assert isinstance(refusal(desk, put(13)), QuotaExceeded), "that the peak was higher is no permission"
    desk.let_time_pass(START_US + 100 * DAY_US)
    assert (closes(desk), desk.account.balance_nanos) == ([], 100 * NANOS)


def test_a_new_period_begins_with_the_level_and_its_close_charges_it() -> None:
    desk = funded()
    desk.use(put(9))
    desk.use(put(6))

    desk.let_time_pass(PERIOD_END_US)

    assert space(desk)[2:] == (0, 6, 0, 0, 6, START_US)
    assert (closes(desk), desk.account.balance_nanos) == ([], 85 * NANOS)
    second_end_us = desk.account.segment.period_end_us
    desk.let_time_pass(second_end_us + DAY_US)
    assert (closes(desk), desk.account.balance_nanos) == ([6], 79 * NANOS)
    entry = desk.ledger[-1]
    assert (entry.effective_us, entry.booked_us) == (second_end_us, second_end_us + DAY_US)
    assert entry.cause.reference == f"{PERIOD_END_US}/space"


def test_a_rise_charges_what_the_period_began_with_too() -> None:
    desk = funded()
    desk.use(put(6))
    desk.let_time_pass(PERIOD_END_US + DAY_US)

    assert desk.use(put(5)).charged_nanos == 0
    assert desk.use(put(7)).charged_nanos == 9 * NANOS
    desk.let_time_pass(PERIOD_END_US + 40 * DAY_US)
    assert closes(desk) == []


def test_a_close_makes_debt_of_what_no_credits_pay() -> None:
    desk = funded(7)
    desk.use(put(6))

    desk.let_time_pass(PERIOD_END_US + 65 * DAY_US)

    assert closes(desk) == [1, 5, 6]
    assert (desk.account.balance_nanos, desk.account.debt_nanos) == (-11 * NANOS, 11 * NANOS)


def test_an_account_that_nobody_looked_at_comes_to_what_a_daily_sweep_does() -> None:
    lazy, busy = funded(50), funded(50)
    for desk in (lazy, busy):
        desk.use(put(7))
        desk.subscribe(assign("plus", start=START_US + 100 * DAY_US, end=START_US + 170 * DAY_US))
        desk.settle(override("space", included=1, start=START_US + 200 * DAY_US))
    for day in range(1, 366):
        busy.let_time_pass(START_US + day * DAY_US)
    lazy.let_time_pass(START_US + 365 * DAY_US)

    assert lazy.account.counters == busy.account.counters
    assert lazy.account.balance_nanos == busy.account.balance_nanos
    lazily, busily = ([entry._replace(booked_us=0) for entry in desk.ledger[3:]] for desk in (lazy, busy))
    assert len(lazily) >= 10
    assert lazily == busily


def test_other_terms_within_a_period_charge_only_what_rises_under_them() -> None:
    desk = funded()
    desk.use(put(6))
    desk.settle(override("space", included=2, rate=Rate(2 * NANOS)))

    assert space(desk)[2:] == (6, 0, 0, 0, 6, START_US)
    assert desk.use(put(5)).charged_nanos == 0
    assert desk.use(put(8)).charged_nanos == 4 * NANOS


def test_a_change_of_terms_charges_what_the_segment_before_has_not() -> None:
    desk = funded()
    desk.use(put(6))
    desk.let_time_pass(PERIOD_END_US + DAY_US)

    desk.settle(override("space", included=100))

    assert closes(desk) == [6]
    assert desk.use(put(90)).charged_nanos == 0


def test_the_latest_time_wins_the_level_and_an_older_one_counts_for_the_peak() -> None:
    desk = funded()
    desk.wait_until(START_US + 2 * DAY_US)
    desk.use(put(3, at=START_US + DAY_US))

    answer = desk.use(put(6, at=START_US + DAY_US - 1))

    assert (answer.level, answer.new_usage, answer.charged_nanos) == (3, 6, 6 * NANOS)
    assert desk.use(put(2, at=START_US + DAY_US)).level == 2, "of two at the same time the one that came last"


def test_what_comes_late_counts_in_its_own_segment() -> None:
    desk = funded()
    desk.use(put(3))
    desk.let_time_pass(PERIOD_END_US + DAY_US)
    desk.use(put(2))

    answer = desk.use(put(6, at=PERIOD_END_US - DAY_US))

    assert (answer.level, answer.new_usage, answer.charged_nanos) == (2, 6, 6 * NANOS)
    assert answer.period_end_us == PERIOD_END_US
    assert (space(desk).peak, space(desk).level) == (3, 2)


def test_what_comes_late_and_is_the_latest_moves_the_level_and_the_peak_of_now() -> None:
    desk = funded()
    desk.use(put(3))
    desk.let_time_pass(PERIOD_END_US + DAY_US)

    answer = desk.use(put(6, at=PERIOD_END_US - DAY_US))

    assert (answer.level, answer.charged_nanos) == (6, 6 * NANOS)
    assert (space(desk).peak, space(desk).level, space(desk).charged_nanos) == (6, 6, 0)
    desk.let_time_pass(PERIOD_END_US + 40 * DAY_US)
    assert closes(desk) == [6]


def test_a_change_that_comes_late_is_not_lost() -> None:
    desk = funded()
    desk.use(put(3))
    desk.let_time_pass(PERIOD_END_US + DAY_US)
    desk.use(put(delta=-2))

    assert desk.use(put(delta=2, at=PERIOD_END_US - DAY_US)).level == 3
    assert isinstance(refusal(desk, put(delta=-4, at=PERIOD_END_US - DAY_US)), LevelBelowZero)


def test_a_level_of_a_meter_that_the_plan_lacks() -> None:
    desk = Desk()

    assert isinstance(refusal(desk, put(1, meter="beacons")), MeterNotInPlan)
    answer = desk.use(put(5, meter="beacons", enforcement=RECORD))
    assert (answer.level, answer.charged_nanos, answer.limit) == (5, 0, 0)


def test_levels_are_replayed_and_cannot_be_voided() -> None:
    desk = funded()
    first = desk.use(put(6, key="k"))

    again = desk.settle(put(6, key="k"))

    assert (again.answer, again.replayed) == (first, True)
    desk.use(use(1, "space", key="rise"))
    for key in ("k", "rise"):
        assert isinstance(refusal(desk, void_usage(key)), InvalidField)


levels = st.tuples(st.integers(0, 12), st.integers(0, 20), st.booleans())


@given(st.lists(levels, min_size=1, max_size=25), st.sampled_from(["free", "plus"]))
def test_every_period_costs_its_peak_however_the_level_moved(moves: list[tuple[int, int, bool]], plan: str) -> None:
    """The peaks are those of a plain list of levels over time."""
    desk = Desk()
    if plan == "plus":
        desk.subscribe(assign("plus"))
    anchor_us = desk.account.segment.period_start_us
    level, peaks = 0, {anchor_us: 0}
    for target, days, absolute in moves:
        desk.wait_until(desk.now_us + days * DAY_US)
        start_us = period_of(anchor_us, "UTC", max(desk.now_us, anchor_us)).start_us
        while max(peaks) < start_us:
            peaks[period_of(anchor_us, "UTC", max(peaks)).end_us] = level
        desk.use(put(target, enforcement=RECORD) if absolute else put(delta=target - level, enforcement=RECORD))
        level = target
        peaks[start_us] = max(peaks[start_us], level)
    desk.let_time_pass(period_of(anchor_us, "UTC", max(desk.now_us, anchor_us)).end_us)

    included, price = (4, 3) if plan == "free" else (9, 1)
    owed = sum(max(0, peak - included) * price for peak in peaks.values())
    assert desk.account.balance_nanos == -owed * NANOS

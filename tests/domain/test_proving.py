"""Books that are right though they look strange: the proof has nothing to say about them."""

from tests.domain.at_the_desk import HISTORY
from tests.domain.builders import (
    HOUR_US,
    NANOS,
    START_US,
    Desk,
    adjust,
    assign,
    commit,
    grant,
    override,
    put,
    reserve,
    use,
)
from tests.domain.proving import prove
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.money import MAX_NANOS


def test_a_correction_passes_over_what_is_held() -> None:
    desk = Desk()
    for id, priority in (("grant_a", 1), ("grant_b", 2)):
        desk.credit(grant(4 * NANOS, id=id, priority=priority))
    desk.reserve(reserve(12, id="rsv_1"))  # two more than the allowance, at 2.00 each

    assert [item.grant_id for item in desk.credit(adjust(-NANOS)).debits] == ["grant_b"]
    assert prove(desk) == []


def test_what_was_reserved_when_a_plan_was_changed_is_committed_under_the_one_before() -> None:
    desk = Desk().wait_until(START_US + HOUR_US)
    desk.reserve(reserve(2, id="rsv_1", hours=10))
    desk.subscribe(assign("plus"))
    desk.wait_until(START_US + 2 * HOUR_US)

    answer = desk.commit(commit("rsv_1", 2)).usage

    assert (answer.plan, answer.event_us) == ("free", desk.account.segments[0].end_us)
    assert prove(desk) == []


def test_what_was_reserved_may_be_committed_in_the_microsecond_of_a_change_of_plan() -> None:
    desk = Desk().wait_until(START_US + HOUR_US)
    subscription_id = desk.subscribe(assign("plus")).subscription_id
    desk.wait_until(START_US + 2 * HOUR_US)
    desk.reserve(reserve(2, id="rsv_1"))
    desk.subscribe(assign("free", changes=subscription_id))

    assert desk.commit(commit("rsv_1", 2)).usage.plan == "plus"
    desk.use(use())
    assert prove(desk) == []


def test_a_gauge_whose_charge_cannot_be_stored_is_charged_nothing_when_its_period_ends() -> None:
    desk = Desk()
    desk.credit(adjust(-MAX_NANOS))
    desk.use(put(0))
    desk.use(put(4))
    desk.wait_until(START_US + HOUR_US)
    desk.override(override("space", included=1))
    desk.wait_until(START_US + 70 * DAY_US)
    desk.use(put(0))

    assert desk.account.debt_nanos == MAX_NANOS
    assert prove(desk) == []


def test_included_credits_that_cannot_be_stored_are_left_out() -> None:
    desk = Desk(HISTORY).wait_until(START_US + HOUR_US)
    desk.credit(grant(MAX_NANOS, id="grant_a"))
    desk.subscribe(assign("plus"))
    desk.use(use(101))

    assert set(desk.remaining) == {"grant_a"}
    assert prove(desk) == []

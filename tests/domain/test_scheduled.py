"""Trials that end by the clock, and changes of plan that happen at their time whether or not anybody calls."""

import pytest

from tests.domain.builders import (
    NANOS,
    RECORD,
    START_US,
    Desk,
    assign,
    cancel,
    grant,
    override,
    put,
    unassign,
    use,
)
from tests.domain.shop import shop_with
from tollhoused.domain.commands import Command
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.subscription import SubscriptionStatus
from tollhoused.errors import InvalidField, NoPendingPlanChange, SubscriptionNotFound, TollhouseError

LATER_US = START_US + 10 * DAY_US


def refusal(desk: Desk, command: Command) -> TollhouseError:
    """The refusal of a command, which must have changed nothing."""
    desk.let_time_pass(desk.now_us + 10)  # a change of terms takes a microsecond of its own
    before = desk.snapshot()
    with pytest.raises(TollhouseError) as caught:
        desk.settle(command)
    assert desk.snapshot() == before
    return caught.value


def plan(desk: Desk) -> str:
    return desk.account.segment.terms.plan


def test_a_trial_ends_by_the_clock_and_changes_nothing_else() -> None:
    desk = Desk()
    made = desk.subscribe(assign("plus", id="sub", trial=LATER_US, end=LATER_US + DAY_US))

    assert (made.status, made.trial_end_us, made.counts) == ("trialing", LATER_US, True)
    assert desk.account.due_us == LATER_US
    found = desk.account.subscriptions["sub"]
    statuses = [found.status(at_us) for at_us in (START_US - 1, LATER_US - 1, LATER_US, LATER_US + DAY_US)]
    assert statuses == [
        SubscriptionStatus.TRIALING,
        SubscriptionStatus.TRIALING,
        SubscriptionStatus.ACTIVE,
        SubscriptionStatus.CANCELED,
    ]
    desk.let_time_pass(LATER_US)
    assert (plan(desk), len(desk.account.segments)) == ("plus", 2)
    assert desk.subscribe(unassign("sub")).status == "canceled"


def test_a_trial_can_be_made_longer_and_ends_after_it_begins() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", id="sub", trial=LATER_US))

    assert desk.subscribe(assign("most", changes="sub", trial=LATER_US + 1)).trial_end_us == LATER_US + 1
    assert desk.subscribe(assign("plus", changes="sub")).trial_end_us == LATER_US + 1
    for command in (assign(trial=START_US), assign(start=LATER_US, trial=LATER_US), assign(changes="sub", trial=1)):
        found = refusal(desk, command)
        assert isinstance(found, InvalidField)
        assert found.field == "trial_end_time"


def test_a_scheduled_change_happens_at_its_time_though_nobody_calls() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", id="sub"))
    made = desk.subscribe(assign("most", changes="sub", at=LATER_US))

    assert (made.plan, made.pending_plan, made.pending_version, made.pending_us) == ("plus", "most", 1, LATER_US)
    assert desk.account.due_us == LATER_US
    desk.use(use(3))
    desk.let_time_pass(LATER_US - 1)
    assert plan(desk) == "plus"
    desk.let_time_pass(START_US + 20 * DAY_US)

    segment = desk.account.segment
    assert (plan(desk), segment.start_us, segment.period_start_us) == ("most", LATER_US, START_US + 1)
    assert desk.account.subscriptions["sub"].pending is None
    assert desk.account.counter(segment, "calls").carried == 3
    late = desk.use(use(1, at=LATER_US - 1))
    assert (late.plan, late.limit) == ("plus", 100)


def test_the_change_is_pinned_to_the_version_of_when_it_was_scheduled() -> None:
    desk = Desk(shop_with(("calls = { included = 100,", "calls = { included = 900,")))
    desk.subscribe(assign("most", id="sub"))
    desk.subscribe(assign("plus", changes="sub", version=1, at=LATER_US))

    desk.let_time_pass(LATER_US)

    assert desk.use(use(1)).limit == 100


def test_a_change_that_is_taken_back_does_not_happen() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", id="sub"))
    desk.subscribe(assign("most", changes="sub", at=LATER_US))

    answer = desk.subscribe(cancel("sub"))

    assert (answer.plan, answer.pending_plan, answer.pending_us) == ("plus", None, None)
    desk.let_time_pass(LATER_US + DAY_US)
    assert plan(desk) == "plus"
    assert isinstance(refusal(desk, cancel("sub")), NoPendingPlanChange)
    assert isinstance(refusal(desk, cancel("other")), SubscriptionNotFound)


def test_what_has_happened_cannot_be_taken_back() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", id="sub"))
    desk.subscribe(assign("most", changes="sub", at=LATER_US))
    desk.wait_until(LATER_US)

    assert isinstance(refusal(desk, cancel("sub")), NoPendingPlanChange)
    assert plan(desk) == "most"


def test_a_later_request_replaces_what_is_pending_and_one_at_once_does_away_with_it() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", id="sub"))
    desk.subscribe(assign("most", changes="sub", at=LATER_US))
    desk.subscribe(assign("free", changes="sub", at=LATER_US + DAY_US))

    desk.let_time_pass(LATER_US)
    assert plan(desk) == "plus"
    desk.subscribe(assign("most", changes="sub", at=LATER_US - DAY_US))
    assert plan(desk) == "most"
    desk.let_time_pass(LATER_US + 2 * DAY_US)
    assert plan(desk) == "most"


def test_a_change_lies_within_the_time_of_a_subscription_that_is_there() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", id="sub", end=LATER_US))

    for command in (
        assign("most", at=LATER_US),
        assign("most", changes="sub", at=LATER_US),
        assign("most", changes="sub", at=LATER_US + 1, end=LATER_US + 1),
    ):
        found = refusal(desk, command)
        assert isinstance(found, InvalidField)
        assert found.field == "effective_time"
    assert desk.subscribe(assign("most", changes="sub", at=LATER_US, end=LATER_US + 1)).pending_us == LATER_US


def test_the_end_of_a_subscription_is_the_end_of_what_was_pending() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", id="sub"))
    desk.subscribe(assign("most", changes="sub", at=LATER_US))

    assert desk.subscribe(unassign("sub")).pending_plan is None
    desk.let_time_pass(LATER_US + DAY_US)
    assert plan(desk) == "free"


def test_one_that_does_not_count_changes_too_and_may_count_by_it() -> None:
    desk = Desk()
    desk.subscribe(assign("plus", id="better"))
    desk.subscribe(assign("free", id="other"))
    desk.subscribe(assign("most", changes="other", at=LATER_US))

    desk.let_time_pass(LATER_US)

    assert (plan(desk), desk.account.segment.subscription_id) == ("most", "other")


def test_a_year_with_all_of_it_comes_to_the_same_however_often_somebody_looks() -> None:
    lazy, busy = Desk(), Desk()
    for desk in (lazy, busy):
        desk.credit(grant(200 * NANOS, id="funds", expires=START_US + 300 * DAY_US))
        desk.use(put(7, enforcement=RECORD))
        desk.subscribe(assign("plus", id="sub", trial=START_US + 14 * DAY_US, end=START_US + 330 * DAY_US))
        desk.subscribe(assign("most", changes="sub", at=START_US + 75 * DAY_US))
        desk.settle(override("space", id="exception", included=2, start=START_US + 140 * DAY_US))
    for day in range(1, 366):
        busy.let_time_pass(START_US + day * DAY_US)
    lazy.let_time_pass(START_US + 365 * DAY_US)

    assert lazy.account.segments == busy.account.segments
    assert lazy.account.counters == busy.account.counters
    assert lazy.account.subscriptions == busy.account.subscriptions
    lazily, busily = ([entry._replace(booked_us=0) for entry in desk.ledger[2:]] for desk in (lazy, busy))
    assert len(lazily) >= 3
    assert lazily == busily

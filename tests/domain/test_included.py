"""Credits that come with a plan: here free includes 4.00 until the period ends, and plus 6.00 for calls for 40 days."""

from itertools import pairwise

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
    unassign,
    use,
    void_usage,
)
from tests.domain.shop import shop_with
from tollhoused.domain.account import CauseKind, Grant
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.included import included_id
from tollhoused.domain.instants import DAY_US

HISTORY = shop_with(
    (
        "[plans.free.prices]",
        '[plans.free.credits.gift]\namount = "4.00"\nlasts = "period"\n\n[plans.free.prices]',
    ),
    (
        "[plans.plus.prices]",
        """[plans.plus.credits.calls]
amount = "6.00"
category = "paid"
priority = 7
meters = ["calls"]
lasts = 40

[plans.plus.prices]""",
    ),
)


def desk() -> Desk:
    return Desk(HISTORY)


def included(found: Desk) -> list[Grant]:
    """What plans have brought so far."""
    ids = [entry.cause.reference for entry in found.ledger if entry.cause.kind is CauseKind.PLAN_GRANT]
    return [found.account.grants[id_] for id_ in ids]


def test_an_account_begins_with_what_the_default_plan_includes() -> None:
    found = desk()

    (gift,) = included(found)

    assert (gift.id, gift.category, gift.priority) == (included_id("gift", START_US), GrantCategory.PROMOTIONAL, 100)
    assert (gift.effective_us, gift.expires_us, gift.meters) == (START_US, PERIOD_END_US, frozenset())
    assert found.account.balance_nanos == gift.remaining_nanos == 4 * NANOS
    assert found.account.due_us == PERIOD_END_US
    assert found.use(use(12)).debits[0].grant_id == gift.id


def test_each_period_brings_its_own_and_takes_the_last_ones() -> None:
    found = desk()
    found.use(use(11))

    found.let_time_pass(PERIOD_END_US + DAY_US)

    assert [item.remaining_nanos // NANOS for item in included(found)] == [0, 4]
    entry = found.ledger[-1]
    assert (entry.cause.kind, entry.effective_us, entry.booked_us) == (
        CauseKind.PLAN_GRANT,
        PERIOD_END_US,
        PERIOD_END_US + DAY_US,
    )


def test_a_year_that_nobody_looked_at_brings_twelve_of_which_one_is_left() -> None:
    lazy, busy = desk(), desk()
    for day in range(1, 366):
        busy.let_time_pass(START_US + day * DAY_US)
    lazy.let_time_pass(START_US + 365 * DAY_US)

    assert len(included(lazy)) == 13
    assert lazy.account.balance_nanos == 4 * NANOS
    assert [entry._replace(booked_us=0) for entry in lazy.ledger] == [
        entry._replace(booked_us=0) for entry in busy.ledger
    ]


def test_a_new_subscription_brings_what_its_plan_includes_and_its_end_what_the_default_plan_does() -> None:
    found = desk()
    found.wait_until(START_US + DAY_US)
    made = found.subscribe(assign("plus"))

    calls = included(found)[-1]
    assert (calls.category, calls.priority, calls.meters) == (GrantCategory.PAID, 7, frozenset({"calls"}))
    assert calls.expires_us == START_US + DAY_US + 40 * DAY_US
    found.wait_until(START_US + 2 * DAY_US)
    found.subscribe(unassign(made.subscription_id))
    assert [item.amount_nanos // NANOS for item in included(found)] == [4, 6, 4]


def test_another_plan_within_the_period_brings_nothing_before_the_next_one() -> None:
    found = desk()
    found.wait_until(START_US + DAY_US)
    made = found.subscribe(assign("most"))
    found.wait_until(START_US + 2 * DAY_US)

    found.subscribe(assign("plus", changes=made.subscription_id))

    assert len(included(found)) == 1
    found.let_time_pass(found.account.segment.period_end_us)
    assert [item.amount_nanos // NANOS for item in included(found)] == [4, 6]


def test_a_sweep_that_comes_again_and_retries_bring_nothing_twice() -> None:
    found = desk()
    for hours in (0, 0, 1, 24 * 31, 24 * 31, 24 * 32):
        found.let_time_pass(START_US + hours * HOUR_US)

    ids = [item.id for item in included(found)]
    assert len(ids) == len(set(ids)) == 2


def test_what_may_pay_for_anything_settles_debt_and_what_is_restricted_does_not() -> None:
    found = desk()
    found.use(use(16, enforcement=RECORD))
    assert found.account.debt_nanos == 8 * NANOS

    found.let_time_pass(PERIOD_END_US)
    assert (found.account.debt_nanos, included(found)[-1].remaining_nanos) == (4 * NANOS, 0)

    found.subscribe(assign("plus"))
    assert (found.account.debt_nanos, included(found)[-1].remaining_nanos) == (4 * NANOS, 6 * NANOS)


def test_what_no_balance_can_hold_is_left_out() -> None:
    found = desk()
    found.credit(grant(2**62 - 4 * NANOS))

    found.credit(adjust(-4 * NANOS))
    found.credit(grant(4 * NANOS))
    found.let_time_pass(PERIOD_END_US)

    assert (len(included(found)), found.account.balance_nanos) == (1, 2**62)


def test_a_void_gives_back_to_included_credits_and_they_end_with_their_period() -> None:
    found = desk()
    found.use(use(12, key="k"))
    found.let_time_pass(PERIOD_END_US + DAY_US)

    answer = found.void(void_usage("k"))

    assert answer.balance.total_nanos == 4 * NANOS
    assert found.ledger[-1].cause.kind is CauseKind.EXPIRY


def test_ids_sort_by_time_and_differ_by_code() -> None:
    ids = [included_id("gift", START_US + days * DAY_US) for days in range(400)]

    assert all(before < after for before, after in pairwise(ids))
    assert all(len(id_) == len("grant_") + 26 for id_ in ids)
    assert included_id("gift", START_US) != included_id("calls", START_US)

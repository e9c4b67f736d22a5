"""Usage that an account brings along counts against the allowance, and is never charged nor priced again."""

import pytest

from tests.domain.builders import ANNA, ANNAS, NANOS, PERIOD_END_US, START_US, Desk, fresh, grant, put, use
from tollhoused.domain.answers import OpeningAnswer
from tollhoused.domain.identity import MatchedBy
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.opening import OpenUsage
from tollhoused.errors import AmountOutOfRange, MeterNotInPlan, QuotaExceeded


def _open(desk: Desk, meter: str, quantity: int) -> OpeningAnswer:
    command = OpenUsage(
        client="cli",
        idempotency_key=fresh("key"),
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        meter=meter,
        quantity=quantity,
        gauge=meter == "space",
    )
    answer = desk.settle(command).answer
    assert isinstance(answer, OpeningAnswer)
    return answer


def test_it_leaves_less_of_the_allowance() -> None:
    desk = Desk().wait_until(START_US + DAY_US)

    assert _open(desk, "calls", 7)[3:] == (7, 7, 10, 3)
    assert desk.use(use(3)).remaining == 0


def test_beyond_the_allowance_only_what_follows_is_charged() -> None:
    desk = Desk().wait_until(START_US + DAY_US)
    desk.credit(grant(10 * NANOS))

    assert _open(desk, "calls", 25)[3:] == (25, 25, 10, 0)
    answer = desk.use(use(2))

    assert (answer.new_usage, answer.overage_quantity, answer.charged_nanos) == (27, 2, 4 * NANOS)
    assert [entry.amount_nanos for entry in desk.ledger] == [10 * NANOS, -4 * NANOS]


def test_it_fills_a_hard_limit() -> None:
    desk = Desk().wait_until(START_US + DAY_US)
    _open(desk, "minutes", 29)

    desk.use(use(1, "minutes"))
    with pytest.raises(QuotaExceeded):
        desk.use(use(1, "minutes"))


def test_after_use_of_its_own_a_segment_opens_in_which_nothing_is_priced_again() -> None:
    desk = Desk().wait_until(START_US + DAY_US)
    desk.credit(grant(10 * NANOS))
    desk.use(use(11))
    desk.use(use(4, "minutes"))

    assert _open(desk, "calls", 100).new_usage == 111
    assert desk.use(use(1)).charged_nanos == 2 * NANOS
    assert desk.use(use(1, "minutes")).new_usage == 5
    assert [segment.terms for segment in desk.account.segments] == [desk.account.segment.terms] * 2
    assert desk.account.balance_nanos == 6 * NANOS


def test_it_ends_with_the_period() -> None:
    desk = Desk().wait_until(START_US + DAY_US)
    _open(desk, "calls", 9)
    _open(desk, "calls", 9)

    assert desk.wait_until(PERIOD_END_US).use(use(1)).new_usage == 1


def test_a_level_holds_on_and_only_what_rises_above_it_is_charged() -> None:
    desk = Desk().wait_until(START_US + DAY_US)
    desk.credit(grant(100 * NANOS))

    assert _open(desk, "space", 9)[3:] == (9, 9, 4, 0)
    answers = [desk.use(put(level)) for level in (7, 9, 10)]

    assert [answer.charged_nanos // NANOS for answer in answers] == [0, 0, 3]
    desk.let_time_pass(PERIOD_END_US)
    assert desk.account.balance_nanos == 97 * NANOS, "the next period charges the level that was left when it rises"
    assert desk.use(put(11)).charged_nanos == 7 * 3 * NANOS


def test_a_level_that_is_brought_along_late_prices_nothing_again() -> None:
    desk = Desk().wait_until(START_US + DAY_US)
    desk.credit(grant(100 * NANOS))
    assert desk.use(put(6)).charged_nanos == 2 * 3 * NANOS

    assert _open(desk, "space", 5)[3:] == (5, 6, 4, 0)
    assert desk.use(put(8)).charged_nanos == 2 * 3 * NANOS
    assert desk.account.balance_nanos == 88 * NANOS


def test_what_cannot_be_counted_is_refused_and_leaves_no_trace() -> None:
    desk = Desk().wait_until(START_US + DAY_US)
    desk.let_time_pass(START_US + DAY_US)
    before = desk.snapshot()

    with pytest.raises(MeterNotInPlan):
        _open(desk, "beacons", 1)
    with pytest.raises(AmountOutOfRange):
        _open(desk, "calls", 2**62 + 1)
    assert desk.snapshot() == before

"""Auto-reload buys by itself: while credits are below the threshold, one at a time, within its caps."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import builders as b
from tests.domain.builders import ANNAS, HOUR_US, NANOS, PERIOD_END_US, START_US
from tests.domain.cashier import Cashier, auto_reload, paid, resume
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.intent import IntentState
from tollhoused.domain.payments import PaymentFacts, PaymentStatus
from tollhoused.errors import AutoReloadNotSet, InsufficientCredits

STARTED, PAID = "auto_reload.started", "auto_reload.succeeded"
DECLINED, STOPPED = "auto_reload.failed", "auto_reload.stopped"


@pytest.fixture
def desk() -> Cashier:
    """Anna has 20.00, and below 5.00 buys 10.00, at most three times a month."""
    cashier = Cashier()
    cashier.credit(b.grant(20 * NANOS))
    cashier.settle(auto_reload())
    return cashier


def test_a_reload_is_due_below_the_threshold_and_one_is_in_flight(desk: Cashier) -> None:
    desk.spend(15)
    assert desk.reloads == []

    desk.spend(1)
    (intent,) = desk.reloads
    assert (intent.credits_nanos, intent.price_minor, intent.state) == (10 * NANOS, 1000, "open")
    assert (desk.reload.intent_id, desk.reload.bought, desk.reload.spent_nanos) == (intent.id, 1, 10 * NANOS)
    for _ in range(50):
        desk.spend(1)
    assert len(desk.reloads) == 1
    assert desk.news() == [STARTED]


def test_it_is_a_state_it_is_due_as_soon_as_it_is_set(desk: Cashier) -> None:
    desk.settle(auto_reload(threshold=21))

    assert len(desk.reloads) == 1


def test_it_is_due_again_where_one_was_not_enough(desk: Cashier) -> None:
    desk.spend(30)
    desk.pay(desk.reloads[0])
    assert (desk.account.balance_nanos, len(desk.reloads)) == (0, 2)

    desk.pay(desk.reloads[1])
    assert (desk.account.balance_nanos, len(desk.reloads)) == (10 * NANOS, 2)
    assert (desk.reload.intent_id, desk.reload.bought) == ("", 2)
    assert desk.news() == [STARTED, PAID, STARTED, PAID]


def test_a_change_of_the_amount_leaves_what_is_in_flight_as_it_is(desk: Cashier) -> None:
    desk.spend(16)
    desk.settle(auto_reload(amount=100, enabled=False))
    desk.pay(desk.reloads[0])

    assert desk.account.balance_nanos == 14 * NANOS
    desk.spend(14)
    assert (len(desk.reloads), desk.reload.bought) == (1, 1)


def test_what_is_held_and_what_is_owed_is_not_there(desk: Cashier) -> None:
    desk.reserve(b.reserve(18))  # 8 beyond the allowance hold 16.00

    assert len(desk.reloads) == 1


def test_credits_that_expire_make_it_due_by_the_clock_alone_even_where_a_command_is_refused() -> None:
    desk = Cashier()
    desk.credit(b.grant(20 * NANOS, expires=START_US + HOUR_US))
    desk.settle(auto_reload())
    desk.wait_until(START_US + HOUR_US)
    with pytest.raises(InsufficientCredits):
        desk.use(b.use(11))

    assert len(desk.reloads) == 1
    assert desk.news() == [STARTED]


def test_the_cap_in_count_holds_until_the_month_turns(desk: Cashier) -> None:
    desk.spend(20)
    for index in range(3):
        desk.pay(desk.reloads[index])
        desk.spend(10)
    assert (len(desk.reloads), desk.reload.bought) == (3, 3)
    assert desk.account.due_us == PERIOD_END_US  # the usage period ends with the month here

    desk.let_time_pass(PERIOD_END_US - 1)
    assert len(desk.reloads) == 3
    desk.let_time_pass(PERIOD_END_US)
    assert (len(desk.reloads), desk.reload.bought, desk.reload.spent_nanos) == (4, 1, 10 * NANOS)


def test_the_cap_in_money_holds_and_a_higher_one_counts_at_once(desk: Cashier) -> None:
    desk.settle(auto_reload(count_max=100, nanos_max=19 * NANOS))
    desk.spend(20)
    desk.pay(desk.reloads[0])
    desk.spend(10)
    assert len(desk.reloads) == 1

    desk.settle(auto_reload(count_max=100, nanos_max=20 * NANOS))
    assert (len(desk.reloads), desk.reload.spent_nanos) == (2, 20 * NANOS)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Africa/Cairo"])
def test_the_month_turns_at_midnight_of_the_account_s_zone_by_the_clock_alone(zone: str) -> None:
    desk = Cashier(zone=zone)
    desk.settle(auto_reload(count_max=1))
    desk.let_time_pass(_instant(2026, 3, 1, zone) + DAY_US)
    desk.pay(desk.reloads[0])  # that of January
    desk.spend(10)
    for month in (4, 5):  # daylight saving begins before the first in some of them
        desk.pay(desk.reloads[-1])
        desk.spend(10)
        count, turn_us = len(desk.reloads), _instant(2026, month, 1, zone)
        desk.let_time_pass(turn_us - 1)
        assert len(desk.reloads) == count
        assert desk.account.due_us == turn_us
        desk.let_time_pass(turn_us)
        assert len(desk.reloads) == count + 1


def test_a_refused_command_does_not_forget_when_the_month_turns() -> None:
    zone = "Asia/Tokyo"
    desk = Cashier(zone=zone)
    desk.settle(auto_reload(count_max=1))
    desk.pay(desk.reloads[0])
    desk.credit(b.grant(NANOS, expires=START_US + HOUR_US))
    desk.spend(11)
    desk.wait_until(START_US + 2 * HOUR_US)
    with pytest.raises(InsufficientCredits):
        desk.use(b.use(11))

    assert desk.account.due_us == _instant(2026, 2, 1, zone) < PERIOD_END_US


def test_after_declines_it_waits_and_stops_at_the_third(desk: Cashier) -> None:
    desk.spend(16)
    for wait_us in (HOUR_US, 24 * HOUR_US):
        desk.decline(desk.reloads[-1])
        count, due_us = len(desk.reloads), desk.now_us + wait_us
        assert (desk.reload.intent_id, desk.reload.next_us, desk.account.due_us) == ("", due_us, due_us)
        desk.let_time_pass(due_us - 1)
        desk.spend(1)
        assert len(desk.reloads) == count
        desk.let_time_pass(due_us)
        assert len(desk.reloads) == count + 1
    assert desk.news() == [STARTED, DECLINED, STARTED, DECLINED, STARTED]

    desk.decline(desk.reloads[-1], "expired_card")
    assert desk.news() == [DECLINED, STOPPED]
    assert (desk.reload.failures, desk.reload.bought, desk.reload.spent_nanos) == (3, 0, 0)
    desk.let_time_pass(desk.now_us + 20 * DAY_US)
    assert len(desk.reloads) == 3
    (stopped,) = desk.told(STOPPED)
    assert (stopped.data.decline, stopped.data.failures, stopped.data.retry_us) == ("expired_card", 3, None)  # type: ignore[union-attr]


def test_what_has_stopped_goes_on_once_it_is_resumed(desk: Cashier) -> None:
    desk.spend(16)
    for wait_us in (HOUR_US, 24 * HOUR_US, 0):
        desk.decline(desk.reloads[-1])
        desk.let_time_pass(desk.now_us + wait_us)
    desk.settle(auto_reload())
    assert len(desk.reloads) == 3

    desk.settle(resume())
    assert (len(desk.reloads), desk.reload.failures, desk.reload.stopped_us) == (4, 0, None)


def test_resuming_tries_at_once_what_only_waits_and_what_was_never_set_cannot_be_resumed(desk: Cashier) -> None:
    desk.spend(16)
    desk.decline(desk.reloads[0])
    desk.settle(resume())
    assert len(desk.reloads) == 2

    with pytest.raises(AutoReloadNotSet):
        Cashier().settle(resume())


def test_a_success_ends_the_row_of_declines(desk: Cashier) -> None:
    desk.spend(16)
    desk.decline(desk.reloads[0])
    desk.let_time_pass(START_US + HOUR_US)
    desk.pay(desk.reloads[1])

    assert (desk.reload.failures, desk.reload.next_us, desk.reload.bought) == (0, 0, 1)


def test_a_decline_is_counted_once_however_often_it_is_heard_of(desk: Cashier) -> None:
    desk.spend(16)
    for _ in range(3):
        desk.decline(desk.reloads[0])

    assert (desk.reload.failures, len(desk.reloads)) == (1, 1)


def test_what_failed_is_not_in_flight_again_but_its_money_is_taken_and_counted(desk: Cashier) -> None:
    desk.spend(16)
    (intent,) = desk.reloads
    desk.decline(intent, "authentication_required")
    pending = PaymentFacts(f"pay_{intent.id}", intent.id, ANNAS, PaymentStatus.PENDING, "eur")
    assert desk.observe(pending).state == "failed"
    assert desk.retry(intent.id, 1).state == "failed"
    assert desk.note(intent.id, IntentState.WAITING).state == "failed"

    assert desk.pay(intent).state == "succeeded"
    assert (desk.account.balance_nanos, desk.reload.bought, desk.reload.spent_nanos) == (14 * NANOS, 1, 10 * NANOS)
    desk.pay(intent)
    assert desk.reload.bought == 1
    assert desk.news() == [STARTED, DECLINED, PAID]


def test_money_of_the_month_before_does_not_count_in_the_next(desk: Cashier) -> None:
    desk.spend(16)
    (first,) = desk.reloads
    desk.decline(first)
    desk.let_time_pass(PERIOD_END_US + DAY_US)
    assert len(desk.reloads) == 2
    desk.pay(first)

    assert (desk.reload.bought, desk.reload.intent_id) == (1, desk.reloads[1].id)


def test_an_attempt_that_is_noted_as_failed_is_a_decline(desk: Cashier) -> None:
    desk.spend(16)
    desk.note(desk.reloads[0].id, IntentState.FAILED, problem="no_customer")

    assert (desk.reload.intent_id, desk.reload.failures, desk.reloads[0].state) == ("", 1, "failed")


def test_a_pending_payment_stays_in_flight(desk: Cashier) -> None:
    desk.spend(16)
    (intent,) = desk.reloads
    desk.observe(PaymentFacts("pay_1", intent.id, ANNAS, PaymentStatus.PENDING, "eur"))
    desk.spend(1)

    assert (desk.reloads[0].state, desk.reload.intent_id, len(desk.reloads)) == ("waiting", intent.id, 1)


def test_a_refund_of_a_reload_takes_its_credits(desk: Cashier) -> None:
    desk.spend(16)
    desk.pay(desk.reloads[0])
    desk.pay(desk.reloads[0], returned=500)

    assert desk.account.balance_nanos == 9 * NANOS
    assert desk.news() == [STARTED, PAID, "top_up.returned"]


STEPS = st.one_of(
    st.tuples(st.just("spend"), st.integers(1, 12)),
    st.tuples(st.just("pay"), st.integers(0, 9)),
    st.tuples(st.just("decline"), st.integers(0, 9)),
    st.tuples(st.just("refund"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from([1, 24, 24 * 20])),
    st.tuples(st.just("set"), st.integers(1, 3)),
    st.tuples(st.just("resume"), st.just(0)),
)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_one_is_in_flight_within_the_caps_and_none_is_missing(steps: list[tuple[str, int]]) -> None:
    desk = Cashier()
    desk.settle(auto_reload())
    for kind, number in steps:
        picked = desk.reloads[number % len(desk.reloads)] if desk.reloads else None
        if kind == "spend":
            desk.spend(number)
        elif kind == "wait":
            desk.let_time_pass(desk.now_us + number * HOUR_US)
        elif kind == "set":
            desk.settle(auto_reload(threshold=5 * number, amount=10 * number))
        elif kind == "resume":
            desk.settle(resume())
        elif picked and kind == "pay":
            desk.pay(picked, returned=picked.returned_minor)
        elif picked and kind == "refund" and picked.state == "succeeded":
            desk.pay(picked, returned=picked.price_minor)
        elif picked and kind == "decline":
            desk.decline(picked)
        _check(desk)


def _check(desk: Cashier) -> None:
    reload, account = desk.reload, desk.account
    flying = [intent.id for intent in desk.reloads if intent.in_flight]
    assert flying == ([reload.intent_id] if reload.intent_id else [])
    month = [intent for intent in desk.reloads if intent.created_us >= reload.month_us]
    counted = [intent for intent in month if intent.state is not IntentState.FAILED]
    assert reload.bought == len(counted)
    assert reload.spent_nanos == sum(intent.credits_nanos for intent in counted)
    assert account.balance_nanos == sum(entry.amount_nanos for entry in desk.ledger)
    for intent in desk.reloads:
        entries = [entry for entry in desk.ledger if entry.cause.reference == intent.id]
        came = sum(entry.amount_nanos for entry in entries if entry.cause.kind == "top_up")
        went = sum(entry.amount_nanos for entry in entries if entry.cause.kind == "clawback")
        assert came == (intent.credits_nanos if intent.state is IntentState.SUCCEEDED else 0)
        assert went == -intent.clawed_nanos
    if account.available_nanos(None, desk.now_us) >= reload.threshold_nanos or flying or reload.stopped_us is not None:
        return
    capped = (
        reload.bought >= reload.monthly_count_max or reload.spent_nanos + reload.amount_nanos > reload.monthly_nanos_max
    )
    assert capped or reload.next_us > desk.now_us, "a reload is due and was not begun"
    assert account.due_us <= (PERIOD_END_US * 10 if capped else reload.next_us)


def _instant(year: int, month: int, day: int, zone: str) -> int:
    local = datetime(year, month, day, tzinfo=ZoneInfo(zone))
    return int(local.astimezone(UTC).timestamp()) * 1_000_000


def test_what_others_pay_for_is_no_reload(desk: Cashier) -> None:
    desk.spend(16)
    (intent,) = desk.reloads
    answer = desk.observe(paid(999, intent=intent.id))

    assert "were asked for" in answer.problem
    assert desk.reload.intent_id == intent.id

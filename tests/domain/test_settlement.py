"""Payments, heard of in any order and any number of times: credits come once and go with what is given back."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import builders as b
from tests.domain.builders import ANNAS, NANOS, START_US, Desk
from tests.domain.cashier import CENTS, Cashier, paid, top_up
from tollhoused.domain.intent import IntentState
from tollhoused.domain.payments import PaymentFacts, PaymentStatus
from tollhoused.errors import AmountOutOfRange, OrderNotFound

PENDING, SUCCEEDED = PaymentStatus.PENDING, PaymentStatus.SUCCEEDED
FAILED, CANCELED = PaymentStatus.FAILED, PaymentStatus.CANCELED


@pytest.fixture
def desk() -> Cashier:
    """Anna asks for credits of 10.00 at a price of 10.00."""
    cashier = Cashier()
    cashier.settle(top_up("int_1"))
    return cashier


def test_a_payment_brings_its_credits_once(desk: Cashier) -> None:
    for _ in range(3):
        answer = desk.observe(paid())
        assert (answer.state, answer.again, answer.problem) == ("succeeded", False, "")

    intent = desk.account.intents["int_1"]
    assert (intent.payment_id, intent.paid_minor, intent.settled_us) == ("pay_1", 1000, START_US)
    assert desk.remaining == {intent.grant_id: 10 * NANOS}
    (entry,) = desk.ledger
    assert (entry.cause.kind, entry.cause.reference, entry.amount_nanos) == ("top_up", "int_1", 10 * NANOS)
    assert desk.news() == ["top_up.succeeded"]


def test_credits_that_come_settle_debt_first(desk: Cashier) -> None:
    desk.credit(b.adjust(-4 * NANOS))
    desk.observe(paid())

    assert (desk.account.debt_nanos, desk.account.balance_nanos) == (0, 6 * NANOS)
    assert list(desk.remaining.values()) == [6 * NANOS]
    assert [entry.cause.kind for entry in desk.ledger] == ["adjustment", "top_up", "settlement", "settlement"]


def test_a_refund_in_parts_takes_credits_in_parts(desk: Cashier) -> None:
    desk.observe(paid())
    for returned, left in [(1, 999), (333, 667), (333, 667), (1000, 0)]:
        desk.observe(paid(returned=returned))
        assert desk.account.balance_nanos == left * CENTS

    assert [entry.amount_nanos for entry in desk.ledger[1:]] == [-1 * CENTS, -332 * CENTS, -667 * CENTS]
    assert desk.news() == ["top_up.succeeded", "top_up.returned", "top_up.returned", "top_up.returned"]


def test_credits_that_were_spent_are_owed_and_come_back_with_a_dispute_that_is_won(desk: Cashier) -> None:
    desk.observe(paid())
    desk.credit(b.adjust(-7 * NANOS))
    desk.observe(paid(returned=1000))
    assert (desk.account.balance_nanos, desk.account.debt_nanos) == (-7 * NANOS, 7 * NANOS)

    desk.observe(paid(returned=0))
    assert (desk.account.balance_nanos, desk.account.debt_nanos) == (3 * NANOS, 0)
    desk.observe(paid(returned=1000))
    assert (desk.account.balance_nanos, desk.account.debt_nanos) == (-7 * NANOS, 7 * NANOS)
    changes = [event.data.credits_change_nanos for event in desk.told("top_up.returned")]  # type: ignore[union-attr]
    assert changes == [-10 * NANOS, 10 * NANOS, -10 * NANOS]


def test_what_comes_again_pays_debt_before_it_can_be_spent(desk: Cashier) -> None:
    desk.observe(paid())
    desk.observe(paid(returned=1000))
    desk.credit(b.adjust(-12 * NANOS))
    desk.observe(paid(returned=500))

    assert (desk.account.balance_nanos, desk.account.debt_nanos) == (-7 * NANOS, 7 * NANOS)
    assert [(entry.grant_id, entry.amount_nanos) for entry in desk.ledger[-1:]] == [(None, 5 * NANOS)]


def test_a_payment_takes_from_its_own_credits_first(desk: Cashier) -> None:
    desk.credit(b.grant(5 * NANOS, id="gift", priority=1))
    desk.observe(paid())
    desk.observe(paid(returned=400))

    assert sorted(desk.remaining.values()) == [5 * NANOS, 6 * NANOS]
    assert desk.remaining["gift"] == 5 * NANOS


def test_credits_that_a_reservation_holds_are_not_taken_from_it() -> None:
    desk = Cashier()
    desk.settle(top_up("int_1"))
    desk.observe(paid())
    desk.reserve(b.reserve(13, id="rsv_1"))  # 3 beyond the allowance hold 6.00
    desk.observe(paid(returned=1000))

    assert (desk.account.debt_nanos, desk.account.held_nanos) == (6 * NANOS, 6 * NANOS)
    desk.commit(b.commit("rsv_1", 13))
    assert (desk.account.balance_nanos, desk.account.debt_nanos) == (-6 * NANOS, 6 * NANOS)


def test_a_payment_that_was_given_back_before_we_heard_of_it_leaves_nothing(desk: Cashier) -> None:
    answer = desk.observe(paid(returned=1000))

    assert (answer.state, answer.problem) == ("succeeded", "")
    assert (desk.account.balance_nanos, desk.account.debt_nanos) == (0, 0)
    assert [entry.amount_nanos for entry in desk.ledger] == [10 * NANOS, -10 * NANOS]


def test_more_than_was_paid_is_never_taken(desk: Cashier) -> None:
    desk.observe(paid())
    desk.observe(paid(returned=5000))

    assert desk.account.balance_nanos == 0
    assert desk.account.intents["int_1"].returned_minor == 1000


def test_a_tax_on_top_or_a_higher_price_brings_no_more_and_is_returned_in_proportion(desk: Cashier) -> None:
    desk.observe(paid(1250))
    assert desk.account.balance_nanos == 10 * NANOS

    desk.observe(paid(1250, returned=625))
    assert desk.account.balance_nanos == 5 * NANOS


@pytest.mark.parametrize(("cents", "currency"), [(999, "eur"), (1000, "usd"), (100_000, "usd")])
def test_too_little_or_another_currency_is_reported_and_books_nothing(desk: Cashier, cents: int, currency: str) -> None:
    answer = desk.observe(paid(cents, currency=currency))

    assert "1000 eur were asked for" in answer.problem
    assert answer.state == "open"
    assert (desk.ledger, desk.account.intents["int_1"].payment_id) == ([], "")
    assert desk.observe(paid(cents, currency=currency, returned=cents)).problem == ""
    assert desk.observe(paid(payment="pay_2")).state == "succeeded"


def test_the_second_payment_of_one_order_is_reported_until_it_was_given_back(desk: Cashier) -> None:
    desk.observe(paid(), at=20)
    for at in (10, 20, 30):
        assert "pay_2 pays for what pay_1 has paid for" in desk.observe(paid(payment="pay_2"), at=at).problem
    assert desk.observe(paid(payment="pay_2", returned=1000)).problem == ""
    assert desk.observe(PaymentFacts("pay_2", "int_1", ANNAS, FAILED, "eur")).problem == ""

    assert desk.account.balance_nanos == 10 * NANOS
    assert len(desk.ledger) == 1


def test_another_card_may_pay_where_the_first_was_declined(desk: Cashier) -> None:
    declined = PaymentFacts("pay_1", "int_1", ANNAS, FAILED, "eur", decline="card_declined")
    assert desk.observe(declined, at=20).state == "waiting"
    assert desk.account.intents["int_1"].problem == "card_declined"

    assert desk.observe(paid(payment="pay_2"), at=10).state == "succeeded"
    assert desk.account.intents["int_1"].problem == ""
    assert desk.observe(declined, at=30).state == "succeeded"


def test_a_page_that_has_expired_stays_so_unless_money_comes(desk: Cashier) -> None:
    desk.note("int_1", IntentState.EXPIRED)
    for status in (PENDING, FAILED, CANCELED):
        assert desk.observe(PaymentFacts("pay_1", "int_1", ANNAS, status, "eur")).state == "expired"

    assert desk.observe(paid()).state == "succeeded"
    desk.note("int_1", IntentState.EXPIRED)
    assert desk.account.intents["int_1"].state is IntentState.SUCCEEDED


def test_what_comes_of_an_attempt_never_says_that_money_has_come(desk: Cashier) -> None:
    with pytest.raises(AssertionError, match="a payment brings credits"):
        desk.note("int_1", IntentState.SUCCEEDED)


def test_another_attempt_follows_only_a_known_failure(desk: Cashier) -> None:
    assert desk.retry("int_1", 1).state == "open"
    assert desk.account.intents["int_1"].attempt == 1

    desk.note("int_1", IntentState.FAILED, problem="no such price")
    desk.retry("int_1", 1)
    desk.retry("int_1", 1)
    intent = desk.account.intents["int_1"]
    assert (intent.attempt, intent.state, intent.problem, intent.key) == (2, "open", "", "int_1_2")
    desk.note("int_1", IntentState.WAITING, attempt=1, url="https://old.example.org")
    assert desk.account.intents["int_1"].url == ""


def test_the_payment_of_an_unknown_order_and_amounts_out_of_range_are_refused(desk: Cashier) -> None:
    with pytest.raises(OrderNotFound):
        desk.observe(paid(intent="int_9"))
    desk.credit(b.grant(2**62 - 5))
    before = desk.snapshot()
    with pytest.raises(AmountOutOfRange):
        desk.observe(paid())
    assert desk.snapshot() == before


LIFE = [
    PaymentFacts("pay_1", "int_1", ANNAS, PENDING, "eur"),
    PaymentFacts("pay_1", "int_1", ANNAS, FAILED, "eur", decline="card_declined"),
    paid(),
    paid(returned=300),
    paid(returned=1000),
    paid(returned=300),
]
"""Declined, paid with another card, partly refunded, disputed, and the dispute won; in the order of time."""


def test_every_order_of_a_payment_s_life_leads_to_the_same_books() -> None:
    for order in permutations(range(len(LIFE))):
        desk = Cashier()
        desk.settle(top_up("int_1"))
        for at in order:
            desk.observe(LIFE[at], at=at + 1)
        _check_end(desk)


@given(
    heard=st.lists(st.integers(0, len(LIFE) - 1), max_size=12),
    spending=st.lists(st.sampled_from([-13, -5, -1, 2]), max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_repetitions_and_spending_in_between_change_nothing_of_that(heard: list[int], spending: list[int]) -> None:
    desk = Cashier()
    desk.settle(top_up("int_1"))
    changes = [units * NANOS for units in spending]
    for index, at in enumerate([*heard, len(LIFE) - 1]):
        desk.observe(LIFE[at], at=at + 1)
        if index < len(changes):
            desk.credit(b.adjust(changes[index]))
    _check_end(desk, sum(changes[: len(heard) + 1]))


def _check_end(desk: Desk, besides_nanos: int = 0) -> None:
    intent = desk.account.intents["int_1"]
    assert (intent.state, intent.returned_minor, intent.clawed_nanos) == ("succeeded", 300, 3 * NANOS)
    assert desk.account.balance_nanos == 7 * NANOS + besides_nanos
    assert desk.account.debt_nanos == max(0, -desk.account.balance_nanos)
    by_cause = {
        kind: sum(entry.amount_nanos for entry in desk.ledger if entry.cause.kind == kind)
        for kind in ("top_up", "clawback")
    }
    assert by_cause == {"top_up": 10 * NANOS, "clawback": -3 * NANOS}
    assert sum(entry.cause.kind == "top_up" for entry in desk.ledger) == 1

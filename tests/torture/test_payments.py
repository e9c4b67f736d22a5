"""The provider's record against the rows: where they agree there is no violation, and each kind of damage is named."""

from dataclasses import replace

import pytest

from tests.torture.payments import check_payments
from tests.torture.rows import Bought, Stored, StoredOrder
from tests.torture.shop import Page, Payment, Record, Sold

TEN = 10 * 10**9
PAID = Payment("pi_1", "int_1", "succeeded", 1_000, 5)
ORDER = StoredOrder("int_1", "acct_1", "top_up", "succeeded", TEN, 1_000, "pi_1", "grant_1", 1_000, 10, 20)
FIRST = replace(ORDER, id="int_2", kind="reload", payment_id="pi_2", grant_id="grant_2", created_us=30, settled_us=40)
SECOND = replace(FIRST, id="int_3", payment_id="pi_3", grant_id="grant_3", created_us=40, settled_us=50)
SOLD = Sold("sub_1", "acct_1", "active", "price_1")
RECORD = Record(
    payments=[
        PAID,
        Payment("pi_2", "int_2", "succeeded", 1_000, 6),
        Payment("pi_3", "int_3", "succeeded", 1_000, 7),
        Payment("pi_4", "int_1", "requires_payment_method", 0, 4),
        Payment("pi_5", "", "succeeded", 2_900, 8),
    ],
    pages=[Page("cs_1", "int_1", "complete"), Page("cs_2", "int_1", "expired")],
    subscriptions=[SOLD],
    customers=["acct_1", "acct_2", ""],
    events=["evt_1", "evt_2"],
    acknowledged=["evt_1"],
)
STORED = Stored(
    operations=[],
    counters={},
    ledger={("int_1", "top_up"): TEN, ("int_2", "top_up"): TEN, ("int_3", "top_up"): TEN},
    orders={order.id: order for order in (ORDER, FIRST, SECOND)},
    bought={"sub_1": Bought("acct_1", "price_1", "active")},
    events={"evt_1": ("applied", ""), "evt_2": ("ignored", "")},
)


def _found(record: Record = RECORD, stored: Stored = STORED) -> set[str]:
    return {violation.invariant for violation in check_payments(record, stored)}


def _with(**orders: StoredOrder) -> Stored:
    return replace(STORED, orders=STORED.orders | orders)


def test_a_clean_record_has_no_violation() -> None:
    assert _found() == set()


def test_credits_that_came_twice_are_found() -> None:
    assert _found(stored=replace(STORED, ledger=STORED.ledger | {("int_1", "top_up"): 2 * TEN})) == {"V11"}


def test_a_payment_without_its_credits_is_found() -> None:
    waiting = replace(ORDER, state="waiting", payment_id="", grant_id="", paid_minor=0)

    assert _found(stored=_with(int_1=waiting)) == {"V11"}


def test_credits_that_nobody_paid_for_are_found() -> None:
    assert "V11" in _found(replace(RECORD, payments=RECORD.payments[1:]))


def test_an_order_that_is_charged_twice_is_found() -> None:
    twice = [*RECORD.payments, replace(PAID, id="pi_6")]

    assert _found(replace(RECORD, payments=twice)) == {"V2"}


def test_an_order_with_two_pages_to_pay_on_is_found() -> None:
    assert _found(replace(RECORD, pages=[*RECORD.pages, Page("cs_3", "int_1", "open")])) == {"V2"}


def test_a_payment_for_an_order_that_is_not_stored_is_found() -> None:
    orders = {"int_1": ORDER, "int_2": FIRST}
    ledger = {cause: nanos for cause, nanos in STORED.ledger.items() if cause[0] != "int_3"}

    assert _found(stored=replace(STORED, orders=orders, ledger=ledger)) == {"V1"}


def test_two_reloads_in_flight_are_found() -> None:
    assert _found(stored=_with(int_3=replace(SECOND, created_us=39))) == {"V11"}


def test_an_order_of_which_nobody_knows_what_became_is_found() -> None:
    left = replace(ORDER, id="int_4", state="open", payment_id="", grant_id="", paid_minor=0, settled_us=None)

    assert _found(stored=_with(int_4=left)) == {"V14"}


@pytest.mark.parametrize("bought", [{}, {"sub_1": Bought("acct_2", "price_1", "active")}])
def test_a_subscription_that_is_not_mirrored_is_found(bought: dict[str, Bought]) -> None:
    assert _found(stored=replace(STORED, bought=bought)) == {"V1"}


def test_a_subscription_that_the_provider_does_not_know_is_found() -> None:
    assert _found(replace(RECORD, subscriptions=[])) == {"V3"}


def test_an_acknowledged_event_that_is_not_stored_is_found() -> None:
    assert _found(stored=replace(STORED, events={"evt_2": ("ignored", "")})) == {"V1"}


def test_an_event_that_nobody_sent_is_found() -> None:
    assert _found(replace(RECORD, events=["evt_1"])) == {"V3"}


def test_an_event_of_which_nothing_was_made_is_found() -> None:
    assert _found(stored=replace(STORED, events=STORED.events | {"evt_2": ("dead", "why")})) == {"V11"}


def test_an_account_that_is_two_customers_is_found() -> None:
    assert _found(replace(RECORD, customers=["acct_1", "acct_1"])) == {"V2"}

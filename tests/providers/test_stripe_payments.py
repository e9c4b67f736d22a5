"""Pages, charges, refunds and disputes at Stripe, read back as payments."""

import pytest

from tests.fakes.stripe.world import Outcome
from tests.providers.shop import NOW_US, PAGES, TEN_DOLLARS, Shop
from tollhoused.domain.payments import CustomerFacts, Item, PaymentFacts, PaymentStatus
from tollhoused.providers.provider import NotThere, Refused
from tollhoused.providers.stripe.provider import StripeProvider


def test_a_customer_is_whose_account_we_said(shop: Shop) -> None:
    customer_id = shop.customer()

    assert shop.stripe.read_customer(customer_id) == CustomerFacts(customer_id, "ada", "ada@example.org")


def test_the_same_attempt_makes_one_customer(shop: Shop) -> None:
    assert shop.customer() == shop.customer()
    assert len(shop.fake.all("customer")) == 1


def test_a_customer_without_an_email_gives_its_own_later(shop: Shop) -> None:
    customer_id = shop.stripe.customer("ada", "", "make-ada")

    assert shop.stripe.read_customer(customer_id).email == ""


def test_a_customer_that_the_page_made_is_adopted(shop: Shop) -> None:
    page = shop.page("")
    shop.fake.shopper.complete_checkout(page.checkout_id, email="bob@example.org")
    customer_id = shop.fake.get(page.checkout_id)["customer"]
    before = shop.stripe.read_customer(customer_id)

    shop.stripe.adopt_customer(customer_id, "bob")

    assert before == CustomerFacts(customer_id, "", "bob@example.org")
    assert shop.stripe.read_customer(customer_id) == before._replace(account_id="bob")


def test_a_page_is_open_then_completed_and_names_its_payment(shop: Shop) -> None:
    page = shop.page(shop.customer())
    shop.fake.shopper.complete_checkout(page.checkout_id)
    after = shop.stripe.read_checkout(page.checkout_id)

    assert page.url.startswith("http")
    assert (page.intent_id, page.completed, page.expired) == ("topup-1", False, False)
    assert after == page._replace(url="", completed=True, payment_id=after.payment_id)
    assert shop.stripe.read_payment(after.payment_id) == PaymentFacts(
        after.payment_id, "topup-1", "ada", PaymentStatus.SUCCEEDED, "usd", paid_minor=1_000
    )


def test_a_page_that_nobody_used_expires(shop: Shop) -> None:
    page = shop.page(shop.customer())
    shop.fake.shopper.expire_checkout(page.checkout_id)

    assert shop.stripe.read_checkout(page.checkout_id) == page._replace(url="", expired=True)


def test_tax_is_not_part_of_what_was_paid_and_comes_back_with_it(shop: Shop) -> None:
    shop.fake.world.tax_percent = 19
    taxing = StripeProvider(shop.fake.api_key, base_url=shop.fake.address, automatic_tax=True)
    page = shop._replace(stripe=taxing).page(shop.customer())
    shop.fake.shopper.complete_checkout(page.checkout_id)
    payment_id = shop.stripe.read_checkout(page.checkout_id).payment_id

    assert shop.fake.get(payment_id)["amount_received"] == 1_190
    assert shop.stripe.read_payment(payment_id).paid_minor == 1_000
    assert shop.stripe.refund(payment_id, 400, "refund-1").returned_minor == 400
    assert shop.stripe.refund(payment_id, 600, "refund-2").returned_minor == 1_000
    assert sum(refund["amount"] for refund in shop.fake.all("refund")) == 1_190


def test_a_card_of_a_page_is_charged_later_without_the_customer(shop: Shop) -> None:
    customer_id = shop.customer()
    shop.fake.shopper.complete_checkout(shop.page(customer_id).checkout_id)

    paid = shop.charge(customer_id)

    assert paid == PaymentFacts(paid.payment_id, "reload-1", "ada", PaymentStatus.SUCCEEDED, "usd", 2_500)
    assert shop.stripe.read_payment(paid.payment_id) == paid


def test_the_default_card_goes_before_the_newest(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    shop.fake.shopper.add_card(customer_id, Outcome.DECLINED, default=False)

    assert shop.charge(customer_id).status is PaymentStatus.SUCCEEDED


def test_the_newest_card_is_charged_where_none_is_the_default(shop: Shop) -> None:
    customer_id = shop.customer()
    shop.fake.shopper.add_card(customer_id, Outcome.DECLINED, default=False)
    shop.fake.shopper.add_card(customer_id, Outcome.SUCCEEDED, default=False)

    assert shop.charge(customer_id).status is PaymentStatus.SUCCEEDED


def test_a_customer_without_a_card_is_not_charged(shop: Shop) -> None:
    with pytest.raises(Refused) as refused:
        shop.charge(shop.customer())

    assert refused.value.code == "no_card"
    assert shop.fake.all("payment_intent") == []


@pytest.mark.parametrize(
    ("card", "decline"),
    [
        (Outcome.DECLINED, "card_declined"),
        (Outcome.INSUFFICIENT_FUNDS, "insufficient_funds"),
        (Outcome.AUTHENTICATION_REQUIRED, "authentication_required"),
    ],
)
def test_a_decline_is_an_answer(shop: Shop, card: Outcome, decline: str) -> None:
    failed = shop.charge(shop.customer(card))

    assert (failed.status, failed.decline, failed.paid_minor) == (PaymentStatus.FAILED, decline, 0)
    assert (failed.intent_id, failed.account_id) == ("reload-1", "ada")
    assert shop.stripe.read_payment(failed.payment_id) == failed


def test_a_charge_that_takes_days_is_pending_until_it_is_settled(shop: Shop) -> None:
    pending = shop.charge(shop.customer(Outcome.PROCESSING))
    shop.fake.shopper.settle(pending.payment_id)

    assert pending.status is PaymentStatus.PENDING
    assert shop.stripe.read_payment(pending.payment_id) == pending._replace(
        status=PaymentStatus.SUCCEEDED, paid_minor=2_500
    )


def test_a_link_is_paid_once_by_whoever_has_it(shop: Shop) -> None:
    items = [TEN_DOLLARS, Item("A sticker", 250, 2)]
    link = shop.stripe.payment_link(
        intent_id="link-1",
        account_id="ada",
        items=items,
        currency="usd",
        return_url=PAGES["success_url"],
        attempt="link-1.1",
    )
    open_page = shop.stripe.read_checkout(link.checkout_id)
    shop.fake.shopper.pay_link(link.checkout_id)
    after = shop.stripe.read_checkout(link.checkout_id)

    assert open_page == link
    assert (link.intent_id, link.url != "", after.url) == ("link-1", True, "")
    assert after == link._replace(url="", completed=True, payment_id=after.payment_id)
    assert shop.stripe.read_payment(after.payment_id) == PaymentFacts(
        after.payment_id, "link-1", "ada", PaymentStatus.SUCCEEDED, "usd", 1_500
    )


def test_refunds_and_disputes_are_taken_back_and_given_back(shop: Shop) -> None:
    payment_id = shop.charge(shop.customer(Outcome.SUCCEEDED)).payment_id

    assert shop.stripe.refund(payment_id, 1_000, "refund-1").returned_minor == 1_000
    assert shop.stripe.refund(payment_id, 1_000, "refund-1").returned_minor == 1_000
    assert shop.stripe.refund(payment_id, 500, "refund-2").returned_minor == 1_500
    first = shop.fake.all("refund")[0]["id"]
    shop.fake.shopper.fail_refund(first)
    assert shop.stripe.read_payment(payment_id).returned_minor == 500
    dispute_id = shop.fake.shopper.dispute(payment_id, amount=1_200)["id"]
    assert shop.stripe.read_payment(payment_id).returned_minor == 1_700
    shop.fake.shopper.close_dispute(dispute_id, won=True)
    assert shop.stripe.read_payment(payment_id).returned_minor == 500


def test_a_lost_dispute_stays_taken_and_no_more_than_all(shop: Shop) -> None:
    payment_id = shop.charge(shop.customer(Outcome.SUCCEEDED)).payment_id
    shop.stripe.refund(payment_id, 1_000, "refund-1")

    shop.fake.shopper.close_dispute(shop.fake.shopper.dispute(payment_id)["id"], won=False)

    assert shop.stripe.read_payment(payment_id).returned_minor == 2_500


def test_more_than_was_paid_is_not_given_back(shop: Shop) -> None:
    payment_id = shop.charge(shop.customer(Outcome.SUCCEEDED)).payment_id

    with pytest.raises(Refused):
        shop.stripe.refund(payment_id, 2_501, "refund-1")

    assert shop.stripe.read_payment(payment_id).returned_minor == 0


def test_a_customers_payments_are_all_told_since_an_instant(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    early = shop.charge(customer_id, "reload-1.1")
    shop.fake.advance(days=2)
    late = [shop.charge(customer_id, f"reload-{number}.1", 100 + number) for number in range(101)]
    refunded = shop.stripe.refund(late[0].payment_id, 50, "refund-1")
    day_us = 86_400_000_000

    assert list(shop.stripe.payments_of(customer_id, NOW_US + day_us)) == [*late[:0:-1], refunded]
    assert list(shop.stripe.payments_of(customer_id, NOW_US))[-1] == early
    assert list(shop.stripe.payments_of("cus_nobody", NOW_US)) == []


def test_what_others_made_has_no_ids_of_ours(shop: Shop) -> None:
    subscription = shop.subscribe(shop.price(2_900), shop.customer())
    renewal = shop.fake.all("payment_intent")[0]["id"]

    facts = shop.stripe.read_payment(renewal)

    assert subscription.price_id
    assert (facts.intent_id, facts.account_id, facts.paid_minor) == ("", "", 2_900)


def test_the_portal_is_a_url(shop: Shop) -> None:
    assert shop.stripe.portal(shop.customer(), "https://talk.example.org/account", "portal-1").startswith("http")


@pytest.mark.parametrize("unknown", ["read_payment", "read_checkout", "read_customer", "read_subscription"])
def test_what_is_not_there_is_not_there(shop: Shop, unknown: str) -> None:
    with pytest.raises(NotThere):
        getattr(shop.stripe, unknown)("plink_x" if unknown == "read_checkout" else "xx_1")


def test_a_parameter_that_names_nothing_is_not_there_either(shop: Shop) -> None:
    with pytest.raises(NotThere):
        shop.page("cus_nobody")

import pytest
import stripe

from tests.fakes.conftest import MONTH, NOW, Shop
from tests.fakes.stripe.world import Outcome

HALF_MONTH = MONTH // 2


def _change(shop: Shop, bought: stripe.Subscription, price: str, **more: object) -> stripe.Subscription:
    params = {"items": [{"id": bought.items.data[0].id, "price": price}], **more}
    return shop.client.v1.subscriptions.update(bought.id, params)  # type: ignore[arg-type]


def _latest_invoice(shop: Shop, subscription: str) -> stripe.Invoice:
    found = shop.client.v1.subscriptions.retrieve(subscription, {"expand": ["latest_invoice"]})
    assert isinstance(found.latest_invoice, stripe.Invoice)
    return found.latest_invoice


def test_a_subscription_is_paid_at_once_and_runs_for_a_month(shop: Shop) -> None:
    bought = shop.subscription()

    item = bought.items.data[0]
    assert (bought.status, item.price.id) == ("active", shop.pro)
    assert (item.current_period_start, item.current_period_end) == (NOW, NOW + MONTH)
    invoice = _latest_invoice(shop, bought.id)
    assert (invoice.status, invoice.billing_reason, invoice.amount_paid) == ("paid", "subscription_create", 2_900)


def test_a_declined_first_payment_leaves_it_incomplete_until_it_expires(shop: Shop) -> None:
    bought = shop.subscription(card=Outcome.DECLINED)
    assert bought.status == "incomplete"

    shop.fake.advance(seconds=23 * 3_600)

    assert shop.fake.get(bought.id)["status"] == "incomplete_expired"
    assert shop.fake.get(str(bought.latest_invoice))["status"] == "void"


def test_an_incomplete_subscription_becomes_active_when_its_invoice_is_paid(shop: Shop) -> None:
    bought = shop.subscription(card=Outcome.DECLINED)

    shop.fake.shopper.pay_invoice(str(bought.latest_invoice))

    assert shop.fake.get(bought.id)["status"] == "active"


def test_error_if_incomplete_makes_nothing(shop: Shop) -> None:
    customer = shop.customer(Outcome.DECLINED)

    with pytest.raises(stripe.CardError):
        shop.client.v1.subscriptions.create(
            {"customer": customer, "items": [{"price": shop.pro}], "payment_behavior": "error_if_incomplete"}
        )

    assert shop.fake.all("subscription") == []
    assert shop.fake.events("customer.subscription.created") == []


def test_a_customer_without_a_card_cannot_subscribe(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shop.client.v1.subscriptions.create({"customer": shop.customer(card=None), "items": [{"price": shop.pro}]})


def test_an_upgrade_is_billed_at_once_for_the_rest_of_the_period(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.advance(seconds=HALF_MONTH)

    changed = _change(shop, bought, shop.team, proration_behavior="always_invoice")

    assert changed.items.data[0].price.id == shop.team
    assert changed.items.data[0].current_period_end == NOW + MONTH
    invoice = _latest_invoice(shop, bought.id)
    assert [line.amount for line in invoice.lines.data] == [-1_450, 4_950]
    assert (invoice.billing_reason, invoice.amount_paid) == ("subscription_update", 3_500)
    told = shop.fake.events("customer.subscription.updated")[-1]["data"]
    assert told["previous_attributes"]["items"]["data"][0]["price"]["id"] == shop.pro


def test_without_always_invoice_the_difference_waits_for_the_renewal(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.advance(seconds=HALF_MONTH)
    _change(shop, bought, shop.team)
    assert len(shop.fake.all("invoice")) == 1

    shop.fake.advance_to(NOW + MONTH)

    assert [line.amount for line in _latest_invoice(shop, bought.id).lines.data] == [-1_450, 4_950, 9_900]


def test_a_change_to_the_same_price_is_not_billed(shop: Shop) -> None:
    bought = shop.subscription()

    _change(shop, bought, shop.pro, proration_behavior="always_invoice")

    assert len(shop.fake.all("invoice")) == 1


def test_a_change_without_proration_costs_nothing_now(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.advance(seconds=HALF_MONTH)

    _change(shop, bought, shop.team, proration_behavior="none")

    assert shop.fake.all("invoiceitem") == []


def test_a_downgrade_that_is_billed_now_leaves_a_credit_for_later(shop: Shop) -> None:
    bought = shop.subscription(shop.team)
    shop.fake.advance(seconds=HALF_MONTH)

    _change(shop, bought, shop.pro, proration_behavior="always_invoice")

    assert _latest_invoice(shop, bought.id).total == -3_500
    assert shop.fake.get(str(bought.customer))["balance"] == -3_500
    shop.fake.advance_to(NOW + MONTH)
    renewal = _latest_invoice(shop, bought.id)
    assert (renewal.total, renewal.amount_due, renewal.status) == (2_900, 0, "paid")
    assert shop.fake.get(str(bought.customer))["balance"] == -600


def test_another_interval_begins_a_new_period_at_once(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.advance(seconds=HALF_MONTH)

    changed = _change(shop, bought, shop.pro_yearly)

    item = changed.items.data[0]
    assert (item.current_period_start, changed.billing_cycle_anchor) == (NOW + HALF_MONTH, NOW + HALF_MONTH)
    assert item.current_period_end == NOW + HALF_MONTH + 365 * 86_400
    assert [line.amount for line in _latest_invoice(shop, bought.id).lines.data] == [-1_450, 29_000]


def test_an_item_without_its_id_is_added_beside_the_other(shop: Shop) -> None:
    bought = shop.subscription()

    changed = shop.client.v1.subscriptions.update(bought.id, {"items": [{"price": shop.team}]})

    assert [item.price.id for item in changed.items.data] == [shop.pro, shop.team]


@pytest.mark.parametrize(
    ("behavior", "price", "status"),
    [("allow_incomplete", "team", "past_due"), ("pending_if_incomplete", "pro", "active")],
)
def test_an_upgrade_that_cannot_be_paid(shop: Shop, behavior: str, price: str, status: str) -> None:
    bought = shop.subscription()
    shop.fake.shopper.set_cards(str(bought.customer), Outcome.DECLINED)

    changed = _change(shop, bought, shop.team, proration_behavior="always_invoice", payment_behavior=behavior)

    assert (changed.items.data[0].price.id, changed.status) == (getattr(shop, price), status)
    assert (changed.pending_update is not None) == (behavior == "pending_if_incomplete")
    shop.fake.shopper.pay_invoice(str(changed.latest_invoice))
    after = shop.client.v1.subscriptions.retrieve(bought.id)
    assert (after.items.data[0].price.id, after.status, after.pending_update) == (shop.team, "active", None)


def test_an_upgrade_that_cannot_be_paid_can_be_refused_without_a_trace(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.shopper.set_cards(str(bought.customer), Outcome.DECLINED)
    told = len(shop.fake.events())

    with pytest.raises(stripe.CardError):
        _change(shop, bought, shop.team, proration_behavior="always_invoice", payment_behavior="error_if_incomplete")

    assert shop.fake.get(bought.id)["items"]["data"][0]["price"]["id"] == shop.pro
    assert len(shop.fake.events()) == told


def test_an_upgrade_that_waits_for_payment_too_long_is_forgotten(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.shopper.set_cards(str(bought.customer), Outcome.DECLINED)
    _change(shop, bought, shop.team, proration_behavior="always_invoice", payment_behavior="pending_if_incomplete")

    shop.fake.advance(days=1)

    assert shop.fake.get(bought.id)["pending_update"] is None
    assert len(shop.fake.events("customer.subscription.pending_update_expired")) == 1


def test_it_is_canceled_at_once(shop: Shop) -> None:
    bought = shop.subscription()

    ended = shop.client.v1.subscriptions.cancel(bought.id)

    assert (ended.status, ended.ended_at) == ("canceled", NOW)
    assert len(shop.fake.events("customer.subscription.deleted")) == 1
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.subscriptions.cancel(bought.id)
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription can only"):
        shop.client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": False})


def test_it_is_canceled_at_the_periods_end(shop: Shop) -> None:
    bought = shop.subscription()
    ending = shop.client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at) == ("active", NOW + MONTH)

    shop.fake.advance_to(NOW + MONTH)

    ended = shop.fake.get(bought.id)
    assert (ended["status"], ended["ended_at"]) == ("canceled", NOW + MONTH)
    assert len(shop.fake.all("invoice")) == 1


def test_a_cancellation_is_taken_back_before_the_end(shop: Shop) -> None:
    bought = shop.subscription()
    shop.client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})

    kept = shop.client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": False})
    shop.fake.advance_to(NOW + MONTH)

    assert (kept.cancel_at, kept.canceled_at) == (None, None)
    assert shop.fake.get(bought.id)["status"] == "active"


def test_ended_subscriptions_are_listed_when_asked_for(shop: Shop) -> None:
    ended, living = shop.subscription(), shop.subscription()
    shop.client.v1.subscriptions.cancel(ended.id)

    subscriptions = shop.client.v1.subscriptions
    assert [item.id for item in subscriptions.list().data] == [living.id]
    assert [item.id for item in subscriptions.list({"status": "all"}).data] == [living.id, ended.id]
    assert [item.id for item in subscriptions.list({"status": "canceled"}).data] == [ended.id]
    assert subscriptions.list({"customer": str(ended.customer)}).data == []


def test_a_customer_changes_cancels_and_stays_in_the_portal(shop: Shop) -> None:
    bought = shop.subscription()
    calls = len(shop.fake.requests)
    shopper = shop.fake.shopper

    assert shopper.change_plan(bought.id, shop.team)["items"]["data"][0]["price"]["id"] == shop.team
    assert shopper.cancel(bought.id)["cancel_at_period_end"] is True
    assert shopper.stay(bought.id)["cancel_at_period_end"] is False
    assert shopper.cancel(bought.id, at_once=True)["status"] == "canceled"

    assert len(shop.fake.requests) == calls
    assert shop.fake.events("customer.subscription.deleted")[0]["request"]["id"] is None


def test_fields_without_a_use_here_can_be_read_all_the_same(shop: Shop) -> None:
    bought = shop.subscription()

    assert (bought.days_until_due, bought.test_clock, bought.application) == (None, None, None)

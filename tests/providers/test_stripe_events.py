"""Events as the fake Stripe sends and lists them, in the shapes of both generations of its API."""

import json

import pytest

from tests.fakes.stripe.render import CURRENT, OLD
from tests.fakes.stripe.world import Outcome
from tests.providers.shop import NOW_SECONDS, NOW_US, SECOND_US, Shop
from tollhoused.domain.payments import Topic
from tollhoused.providers.provider import BadWebhook


@pytest.mark.parametrize("version", [OLD, CURRENT])
def test_everything_that_happens_says_what_to_look_at(shop: Shop, version: str) -> None:
    """Whatever an event names can be read, and nothing that happened goes unnamed."""
    shop.fake.webhooks.version = version
    plan = shop.subscribe(shop.price(2_900), shop.customer())
    shop.stripe.change_plan(plan.subscription_id, shop.price(500), 4, at_renewal=True, attempt="change-1")
    reload = shop.charge(plan.customer_id)
    shop.stripe.refund(reload.payment_id, 500, "refund-1")
    shop.fake.shopper.close_dispute(shop.fake.shopper.dispute(reload.payment_id, 100)["id"])
    page = shop.page(plan.customer_id)
    shop.fake.shopper.complete_checkout(page.checkout_id)
    shop.fake.advance(days=40)
    top_up = shop.stripe.read_checkout(page.checkout_id).payment_id

    topics: set[tuple[Topic, str]] = set()
    for event in shop.fake.events():
        body = shop.fake.webhooks.payload(event["id"])
        shop.stripe.verify(
            body, shop.fake.webhooks.sign(body), [shop.fake.webhook_secret], shop.fake.clock.now * SECOND_US
        )
        notice = shop.stripe.translate(body, live=False)
        assert (notice.event_id, notice.kind) == (event["id"], event["type"])
        assert notice.created_us == event["created"] * SECOND_US
        topics.update(notice.topics)

    read = {
        Topic.PAYMENT: shop.stripe.read_payment,
        Topic.CHECKOUT: shop.stripe.read_checkout,
        Topic.SUBSCRIPTION: shop.stripe.read_subscription,
    }
    for topic, name in topics:
        assert name in read[topic](name)
    assert {(Topic.PAYMENT, reload.payment_id), (Topic.PAYMENT, top_up)} < topics
    assert {(Topic.CHECKOUT, page.checkout_id), (Topic.SUBSCRIPTION, plan.subscription_id)} < topics


@pytest.mark.parametrize("version", [OLD, CURRENT])
def test_an_invoice_leads_to_its_subscription_in_both_generations(shop: Shop, version: str) -> None:
    shop.fake.webhooks.version = version
    plan = shop.subscribe(shop.price(2_900), shop.customer())
    (paid,) = shop.fake.events("invoice.paid")

    notice = shop.stripe.translate(shop.fake.webhooks.payload(paid["id"]), live=False)

    assert ("subscription" in paid["data"]["object"]) == (version == OLD)
    assert notice.topics == ((Topic.SUBSCRIPTION, plan.subscription_id),)


def test_the_sdks_own_check_agrees_with_ours(shop: Shop) -> None:
    shop.charge(shop.customer(Outcome.SUCCEEDED))
    body = shop.fake.webhooks.payload(shop.fake.events()[-1]["id"])
    header = shop.fake.webhooks.sign(body)

    shop.stripe.verify(body, header, [shop.fake.webhook_secret], NOW_US)
    with pytest.raises(BadWebhook):
        shop.stripe.verify(body, header, ["another"], NOW_US)


@pytest.mark.parametrize("charges", [1, 40, 60])
def test_all_events_are_listed_oldest_first_page_by_page(shop: Shop, charges: int) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    for number in range(charges):
        shop.charge(customer_id, f"reload-{number}.1")
        shop.fake.advance(seconds=1)

    listed = [json.loads(body) for body in shop.stripe.events(NOW_US)]

    assert [event["id"] for event in listed] == [event["id"] for event in shop.fake.events()]
    assert [shop.stripe.translate(body, live=False).kind for body in shop.stripe.events(NOW_US)][-1].startswith("pay")


def test_events_are_listed_since_an_instant_and_there_may_be_none(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    shop.fake.advance(days=1)
    shop.charge(customer_id)
    later_us = shop.fake.clock.now * SECOND_US

    since = [json.loads(body)["created"] for body in shop.stripe.events(later_us)]

    assert set(since) == {NOW_SECONDS + 86_400}
    assert list(shop.stripe.events(later_us + SECOND_US)) == []


def test_events_that_come_while_the_list_is_read_come_along(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    for number in range(40):
        shop.charge(customer_id, f"reload-{number}.1")
    listing = shop.stripe.events(NOW_US)
    first = json.loads(next(listing))
    late = shop.charge(customer_id, "reload-40.1")

    rest = [json.loads(body) for body in listing]

    assert [first["id"], *(event["id"] for event in rest)] == [event["id"] for event in shop.fake.events()]
    assert rest[-1]["data"]["object"]["id"] == late.payment_id

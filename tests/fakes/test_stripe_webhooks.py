import itertools
import time

import pytest
import stripe

from tests.fakes.conftest import NOW, Shop
from tests.fakes.receiver import Receiver
from tests.fakes.stripe.render import OLD
from tests.fakes.stripe.webhooks import Delivery


@pytest.fixture
def held(shop: Shop, receiver: Receiver) -> list[str]:
    """Four events that are held back: their types."""
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.webhooks.delivery = Delivery.HELD
    for place in range(4):
        shop.client.v1.customers.create({"email": f"{place}@example.com"})
    return [f"{place}@example.com" for place in range(4)]


def _emails(receiver: Receiver) -> list[str]:
    return [posted.event["data"]["object"]["email"] for posted in receiver.posted]


def test_the_sdk_accepts_the_signatures(shop: Shop, receiver: Receiver) -> None:
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.webhooks.signing_time = _wall
    customer = shop.customer(card=None)
    shop.fake.webhooks.settle()

    body, header = receiver.posted[0]

    event = stripe.Webhook.construct_event(body, header, shop.fake.webhook_secret)
    assert (event.type, event.data.object["id"]) == ("customer.created", customer)
    for other in (shop.fake.api_key, shop.fake.webhook_secret[:-1]):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, header, other)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", header, shop.fake.webhook_secret)


def test_a_signature_bears_the_fakes_time_or_any_other(shop: Shop) -> None:
    shop.customer(card=None)
    event_id = shop.fake.events()[-1]["id"]
    body = shop.fake.webhooks.payload(event_id)

    assert shop.fake.webhooks.sign(body).startswith(f"t={NOW},v1=")
    assert shop.fake.webhooks.sign(body, at=17).startswith("t=17,v1=")


def test_events_arrive_in_order_after_the_answer(shop: Shop, receiver: Receiver) -> None:
    shop.fake.webhooks.send_to(receiver.url)

    shop.subscription()
    shop.fake.webhooks.settle()

    assert receiver.types == [event["type"] for event in shop.fake.events()][-len(receiver.types) :]
    assert {attempt.status for attempt in shop.fake.webhooks.attempts} == {200}
    assert shop.client.v1.events.list({"delivery_success": False, "created": {"gt": NOW}}).data == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_what_is_held_back_goes_out_in_any_order(
    shop: Shop, receiver: Receiver, held: list[str], order: tuple[int, ...]
) -> None:
    assert receiver.posted == []

    assert shop.fake.webhooks.release(order) == [200] * 4

    assert _emails(receiver) == [held[place] for place in order]


def test_what_is_held_back_goes_out_reversed_twice_or_not_at_all(
    shop: Shop, receiver: Receiver, held: list[str]
) -> None:
    shop.fake.webhooks.release([0, 0, 1, 3], reverse=True)
    assert _emails(receiver) == [held[place] for place in (3, 1, 0, 0)]
    assert shop.fake.webhooks.waiting() == []

    shop.client.v1.customers.create({"email": "late@example.com"})
    shop.fake.webhooks.release(copies=3)
    assert _emails(receiver)[4:] == ["late@example.com"] * 3

    shop.client.v1.customers.create({"email": "never@example.com"})
    assert shop.fake.webhooks.drop() == 1
    assert shop.fake.webhooks.release() == []


def test_a_dropped_event_is_still_found_by_asking(shop: Shop, receiver: Receiver) -> None:
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.webhooks.delivery = Delivery.DROPPED

    shop.charge(shop.customer())
    shop.fake.webhooks.settle()

    assert receiver.posted == []
    lost = shop.client.v1.events.list({"delivery_success": False, "types": ["payment_intent.succeeded"]}).data
    assert [event.type for event in lost] == ["payment_intent.succeeded"]
    assert shop.client.v1.events.retrieve(lost[0].id).data.object["status"] == "succeeded"
    assert shop.fake.webhooks.deliver(lost[0].id) == 200
    assert receiver.types == ["payment_intent.succeeded"]


def test_an_event_that_was_not_taken_comes_again_for_three_days(shop: Shop, receiver: Receiver) -> None:
    shop.fake.webhooks.send_to(receiver.url)
    receiver.status = 503
    shop.customer(card=None)
    shop.fake.webhooks.settle()
    assert len(shop.fake.webhooks.waiting()) == 1

    for seconds in (299, 1, 1_800, 7_200):
        shop.fake.advance(seconds=seconds)
        shop.fake.webhooks.settle()
    assert [attempt.status for attempt in shop.fake.webhooks.attempts] == [503] * 4

    receiver.status = 200
    shop.fake.advance(days=1)
    shop.fake.webhooks.settle()
    assert len({posted.event["id"] for posted in receiver.posted}) == 1
    assert shop.fake.webhooks.waiting() == []


def test_an_event_that_is_never_taken_is_given_up(shop: Shop, receiver: Receiver) -> None:
    shop.fake.webhooks.send_to(receiver.url)
    receiver.status = 500
    shop.customer(card=None)
    shop.fake.webhooks.settle()

    for _ in range(4):
        shop.fake.advance(days=1)
        shop.fake.webhooks.settle()

    assert shop.fake.webhooks.waiting() == []


def test_nobody_listening_is_a_failed_delivery(shop: Shop) -> None:
    shop.fake.webhooks.send_to("http://127.0.0.1:1/webhooks/stripe")
    shop.customer(card=None)
    shop.fake.webhooks.settle()

    assert [attempt.status for attempt in shop.fake.webhooks.attempts] == [0]


def test_what_a_clock_brings_is_told_too(shop: Shop, receiver: Receiver) -> None:
    shop.subscription()
    shop.fake.webhooks.send_to(receiver.url)

    shop.fake.advance(days=31)
    shop.fake.webhooks.settle()

    assert receiver.types[0] == "customer.subscription.updated"
    assert "invoice.paid" in receiver.types


@pytest.mark.parametrize("redeliver", [True, False])
def test_the_version_of_the_endpoint_decides_the_shape(shop: Shop, receiver: Receiver, redeliver: bool) -> None:
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.webhooks.delivery = Delivery.HELD
    shop.subscription()
    [event_id] = [e["id"] for e in shop.fake.webhooks.waiting() if e["type"] == "customer.subscription.created"]

    if redeliver:
        shop.fake.webhooks.deliver(event_id, OLD)
    else:
        shop.fake.webhooks.version = OLD
        shop.fake.webhooks.release()

    [posted] = [item for item in receiver.posted if item.event["id"] == event_id]
    assert posted.event["api_version"] == OLD
    assert posted.event["data"]["object"]["current_period_start"] == NOW


def test_a_receiver_that_calls_the_fake_from_a_control_method_is_answered(shop: Shop, receiver: Receiver) -> None:
    bought = shop.subscription()
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.webhooks.delivery = Delivery.BEFORE_ANSWER
    seen: list[str] = []
    receiver.on_post = lambda posted: seen.append(shop.client.v1.subscriptions.retrieve(bought.id).status)

    shop.fake.advance(days=31)

    assert set(seen) == {"active"}


def _wall() -> int:
    return int(time.time())

"""Many at once, and what comes first."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import stripe

from tests.fakes.conftest import NOW, Shop
from tests.fakes.receiver import Posted, Receiver
from tests.fakes.stripe import catalog
from tests.fakes.stripe.failures import Fault
from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.shapes import Route
from tests.fakes.stripe.webhooks import Delivery


def test_fifty_calls_with_one_key_charge_once(shop: Shop) -> None:
    customer = shop.customer()

    def charge(_: int) -> str:
        try:
            return shop.charge(customer, key="reload-1").id
        except stripe.StripeError as refused:
            return str(refused.http_status)

    with ThreadPoolExecutor(50) as callers:
        answers = set(callers.map(charge, range(50)))

    [intent] = shop.fake.all("payment_intent")
    assert {intent["id"]} <= answers <= {intent["id"], "409"}


def test_one_event_arrives_ten_times_at_once(shop: Shop, receiver: Receiver) -> None:
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.webhooks.delivery = Delivery.HELD
    shop.customer(card=None)
    together = threading.Barrier(10, timeout=5)

    def wait_for_the_others(posted: Posted) -> None:
        together.wait()

    receiver.on_post = wait_for_the_others

    assert shop.fake.webhooks.release(copies=10, parallel=True) == [200] * 10


def test_a_webhook_leaves_after_the_answer(shop: Shop, receiver: Receiver) -> None:
    shop.fake.webhooks.send_to(receiver.url)
    answered: list[int] = []
    receiver.on_post = lambda posted: answered.append(shop.fake.requests[-1].status)

    shop.charge(shop.customer())
    shop.fake.webhooks.settle()

    assert set(answered) == {200}


def test_a_webhook_also_comes_for_an_answer_that_is_lost(shop: Shop, receiver: Receiver) -> None:
    customer = shop.customer()
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.failures.add(Fault.LOST_AFTER)

    with pytest.raises(stripe.APIConnectionError):
        shop.charge(customer)
    shop.fake.webhooks.settle()

    assert "payment_intent.succeeded" in receiver.types


def test_the_sdk_repeats_a_lost_call_by_itself_with_the_same_key(shop: Shop) -> None:
    customer = shop.customer()
    stubborn = stripe.StripeClient(shop.fake.api_key, base_addresses={"api": shop.fake.address}, max_network_retries=1)
    shop.fake.failures.add(Fault.LOST_AFTER, path="/v1/payment_intents")

    assert replace(shop, client=stubborn).charge(customer).status == "succeeded"

    assert len(shop.fake.all("charge")) == 1
    assert [call.replayed for call in shop.fake.requests[-2:]] == [False, True]


def test_a_refused_request_leaves_no_trace(shop: Shop) -> None:
    products, told = shop.fake.all("product"), len(shop.fake.events())

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.prices.create({"currency": "usd", "product_data": {"name": "Half"}, "unit_amount": -1})

    assert (shop.fake.all("product"), len(shop.fake.events())) == (products, told)


def test_calls_that_hang_do_not_keep_the_fake_from_closing() -> None:
    began = time.monotonic()
    with FakeStripe(now=NOW) as fake:
        client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address}, max_network_retries=0)
        fake.failures.add(Fault.LOST_BEFORE, times=20, seconds=60)
        with ThreadPoolExecutor(20) as callers:
            calls = [callers.submit(client.v1.customers.create, {}) for _ in range(20)]
            while len(fake.requests) < 20:
                time.sleep(0.01)  # the calls arrive one by one
            fake.failures.over.set()

    assert all(isinstance(call.exception(), stripe.APIConnectionError) for call in calls)
    assert time.monotonic() - began < 30


def test_a_defect_of_the_fake_is_no_stripe_error(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Route("GET", "/v1/products", lambda world, form: world.nonsense)
    monkeypatch.setattr("tests.fakes.stripe.api.ROUTES", [broken, *catalog.ROUTES])

    fake = FakeStripe(now=NOW)
    client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address}, max_network_retries=0)
    with pytest.raises(stripe.APIError):
        client.v1.products.list()

    with pytest.raises(AssertionError, match="nonsense"):
        fake.__exit__(None, None, None)

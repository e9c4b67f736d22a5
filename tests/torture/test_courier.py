"""Events reach the servers in the end: late, twice and out of order, however often nobody was there."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import stripe

from tests.fakes.receiver import Receiver
from tests.fakes.stripe.fake import FakeStripe
from tests.torture.courier import Courier

CUSTOMERS = 40
WAIT_SECONDS = 60.0


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as opened:
        yield opened


@pytest.fixture
def courier(fake: FakeStripe) -> Iterator[Courier]:
    courier = Courier(fake, random.Random(1))
    courier.start()
    yield courier
    courier.stop()


def test_what_a_server_does_not_take_comes_again_until_it_does(fake: FakeStripe, courier: Courier) -> None:
    client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address})
    with Receiver() as receiver:
        receiver.status = 503
        courier.urls = [receiver.url]
        for number in range(CUSTOMERS):
            client.v1.customers.create({"name": str(number)})
        _until(lambda: len(receiver.posted) >= CUSTOMERS // 2)
        assert courier.undelivered() == len(fake.events())
        receiver.status = 200
        _until(lambda: courier.undelivered() == 0)

        posted = Counter(item.event["id"] for item in receiver.posted)
        assert posted.keys() == {event["id"] for event in fake.events()} == courier.acknowledged
        assert courier.deliveries >= len(receiver.posted) - 1
        assert courier.failed_deliveries >= CUSTOMERS // 2 - 1


def test_events_come_out_of_order_and_some_twice(fake: FakeStripe, courier: Courier) -> None:
    client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address})
    with Receiver() as receiver:
        courier.urls = [receiver.url]
        for number in range(CUSTOMERS):
            client.v1.customers.create({"name": str(number)})
        _until(lambda: courier.undelivered() == 0 and len(receiver.posted) > CUSTOMERS)

        arrived = [item.event["id"] for item in receiver.posted]
        assert arrived != sorted(arrived, key=[event["id"] for event in fake.events()].index)


def test_in_a_hurry_nothing_is_kept_back(fake: FakeStripe, courier: Courier) -> None:
    client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address})
    with Receiver() as receiver:
        courier.hurry()
        courier.urls = [receiver.url]
        client.v1.customers.create({"name": "late"})
        _until(lambda: courier.undelivered() == 0)

        assert len(receiver.posted) == len(fake.events())


def _until(done: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)  # there is nothing to wait on: another thread delivers

"""Four events of a subscription, in all 24 orders, each twice, in both generations of payloads: one end (P4)."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.fakes.stripe.render import CURRENT, OLD
from tests.fakes.stripe.webhooks import Delivery
from tests.support.house import START_US
from tests.support.till import Till, taking_webhooks
from tollhoused.domain.payments import SubscriptionFacts
from tollhoused.domain.subscription import Subscription
from tollhoused.store.providers import APPLIED
from tollhoused.usecases import payments

FOUR = ["customer.subscription.created", *["customer.subscription.updated"] * 2, "customer.subscription.deleted"]
ORDERS = list(itertools.permutations(range(4)))


@contextmanager
def four_events(till: Till, user_id: str) -> Iterator[list[int]]:
    """Places in what the fake holds back: made, paid for, made better, ended. All within one second."""
    subscription_id = till.buy(user_id)
    item = till.fake.get(subscription_id)["items"]["data"][0]["id"]
    prices = till.prices
    subscriptions = till.client.v1.subscriptions
    subscriptions.update(subscription_id, {"items": [{"id": item, "price": prices["team"]}]})
    subscriptions.cancel(subscription_id)
    held = till.fake.webhooks.waiting()
    places = [place for place, event in enumerate(held) if event["type"] in FOUR]
    assert [held[place]["type"] for place in places] == FOUR
    yield places
    till.fake.webhooks.drop()


def apply_all(till: Till) -> None:
    """As a cashier does, one after the other."""
    for event in till.core.store.providers.pending(till.core.clock(), 100):
        till.core.store.providers.note(payments.apply_event(till.core, till.desk, event))


@pytest.mark.parametrize("version", [OLD, CURRENT])
def test_all_orders_of_four_events_with_duplicates_end_alike(till: Till, version: str) -> None:
    till.fake.webhooks.version = version
    till.fake.webhooks.delivery = Delivery.HELD
    ends: set[tuple[object, ...]] = set()
    with taking_webhooks(till):
        for number, order in enumerate(ORDERS):
            user_id = f"user-{number}"
            with four_events(till, user_id) as places:
                for place in order:
                    kept = till.fake.webhooks.waiting()[places[place]]["id"]
                    assert [till.fake.webhooks.deliver(kept) for _ in range(2)] == [200, 200]
                    apply_all(till)
                assert till.account(user_id).segment.terms.plan == "hobby"
            ends.add(_shown(till.subscription(user_id)))

    assert len(ends) == 1
    (end,) = ends
    assert end[:2] == ("team", "canceled")
    states = {event.state for event in till.core.store.providers.events("", START_US + 1_000_000, 1_000)}
    assert states == {APPLIED}


def test_all_orders_in_which_four_looks_may_be_stored_end_alike(till: Till) -> None:
    ends: set[tuple[object, ...]] = set()
    for number, order in enumerate(ORDERS):
        user_id = f"user-{number}"
        looks = list(_four_looks(till, user_id))
        for place in order:
            facts, seen_us = looks[place]
            payments.observe_subscription(till.core, till.desk, facts, seen_us)
            payments.observe_subscription(till.core, till.desk, facts, seen_us)
            if place == 3:
                assert till.account(user_id).segment.terms.plan == "hobby", (
                    "the last look counts as soon as it is stored"
                )
        assert till.account(user_id).segment.terms.plan == "hobby"
        ends.add(_shown(till.subscription(user_id))[1:])

    assert len(ends) == 1


def _four_looks(till: Till, user_id: str) -> Iterator[tuple[SubscriptionFacts, int]]:
    """What was read at four times, and when."""
    subscription_id = till.buy(user_id)
    item = till.fake.get(subscription_id)["items"]["data"][0]["id"]
    subscriptions, prices = till.client.v1.subscriptions, till.prices
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: subscriptions.update(subscription_id, {"items": [{"id": item, "price": prices["team"]}]}),
        lambda: subscriptions.update(subscription_id, {"cancel_at_period_end": True}),
        lambda: subscriptions.cancel(subscription_id),
    ]
    for step in steps:
        step()
        till.advance(seconds=1)
        yield till.desk.provider.read_subscription(subscription_id), till.core.clock()


def _shown(found: Subscription) -> tuple[object, ...]:
    """What people see of it, without what tells accounts apart."""
    is_over = found.is_over(found.end_us or 0)
    return (found.plan, found.standing.value if found.standing else "", is_over, found.pending, found.price_id)

"""Payments and bought subscriptions through the journal, on both engines: stored, loaded again and proved."""

import time

import pytest

from tests.support.house import DAY_US, HUB, SECOND_US, START_US, Clock, CoreMaker, call, make_user, person, use
from tests.support.paying import (
    PROVIDER,
    order_top_up,
    reload_in_flight,
    set_auto_reload,
    show_payment,
    show_subscription,
)
from tollhoused.domain.bought import subscription_id
from tollhoused.domain.payments import Standing, SubscriptionFacts
from tollhoused.domain.proof import Finding
from tollhoused.domain.subscription import Subscription
from tollhoused.errors import InsufficientCredits
from tollhoused.usecases.core import Core
from tollhoused.usecases.entitlements import get_entitlement
from tollhoused.usecases.sweeping import sweep
from tollhoused.usecases.verify import verify

SOLD = HUB.replace(
    '[plans.pro.prices]\nmonthly = { amount = "29.00" }',
    '[plans.pro.prices]\nmonthly = { amount = "29.00", provider_price_ids = { stripe = "price_pro" } }',
)
GRACE_US = 3 * DAY_US
SHOWN = SubscriptionFacts(
    subscription_id="sub_1",
    customer_id="cus_1",
    account_id="",
    plan_version=1,
    standing=Standing.ACTIVE,
    price_id="price_pro",
    start_us=START_US,
    anchor_us=START_US,
    billing_start_us=START_US,
    billing_end_us=START_US + 31 * DAY_US,
)


@pytest.fixture
def shop(make_core: CoreMaker, database_url: str) -> Core:
    """A house that sells the plan pro by Stripe, on each engine in turn."""
    return make_core(database_url, catalogue=SOLD)


def findings(core: Core) -> list[Finding]:
    found: list[Finding] = []
    verify(core.store, found.append)
    return found


def plan_of(core: Core, user_id: str) -> str:
    return get_entitlement(core, call(), person(user_id), "talk").segment.terms.plan


def known(core: Core) -> Subscription:
    found = core.store.providers.subscription(subscription_id(PROVIDER, "sub_1"))
    assert found
    return found[1]


def settle_sweep(core: Core) -> None:
    """Brings what is due up to date, and waits for it."""
    for ticket in sweep(core, time.monotonic() + 10, 100):
        ticket.wait()


def test_a_bought_subscription_is_stored_with_all_that_it_is(shop: Core, clock: Clock) -> None:
    account_id = make_user(shop, "ada").account_id
    show_subscription(shop, account_id, SHOWN, GRACE_US)
    assert plan_of(shop, "ada") == "pro"
    clock.now_us += DAY_US
    due = SHOWN._replace(standing=Standing.PAST_DUE, next_price_id="price_pro", next_us=START_US + 31 * DAY_US)
    show_subscription(shop, account_id, due, GRACE_US)

    stored = known(shop)
    assert (stored.standing, stored.grace_until_us) == (Standing.PAST_DUE, clock.now_us + GRACE_US)
    assert (stored.price_id, stored.provider_id, stored.provider) == ("price_pro", "sub_1", "stripe")
    assert (stored.billing_start_us, stored.billing_end_us) == (START_US, START_US + 31 * DAY_US)
    assert stored.pending is not None
    clock.now_us += GRACE_US
    assert plan_of(shop, "ada") == "hobby"
    settle_sweep(shop)
    assert findings(shop) == []
    show_subscription(shop, account_id, SHOWN, GRACE_US)
    assert plan_of(shop, "ada") == "pro"
    show_subscription(shop, account_id, SHOWN._replace(standing=Standing.CANCELED), GRACE_US)
    show_subscription(shop, account_id, SHOWN, GRACE_US)
    assert (plan_of(shop, "ada"), known(shop).standing) == ("hobby", Standing.CANCELED)
    assert findings(shop) == []


def test_an_end_that_was_taken_back_unheard_leaves_books_that_can_be_proved(shop: Core, clock: Clock) -> None:
    account_id = make_user(shop, "ada").account_id
    show_subscription(shop, account_id, SHOWN._replace(end_us=START_US + DAY_US), GRACE_US)
    clock.now_us += 2 * DAY_US
    settle_sweep(shop)
    assert plan_of(shop, "ada") == "hobby"
    show_subscription(shop, account_id, SHOWN, GRACE_US)

    assert plan_of(shop, "ada") == "pro"
    assert findings(shop) == []


def test_the_turn_of_the_month_begins_a_reload_by_the_sweep_alone(shop: Core, clock: Clock) -> None:
    account_id = make_user(shop, "ada").account_id
    show_payment(shop, order_top_up(shop, "ada", 100, key="top up"), 10_000)
    set_auto_reload(shop, "ada", 101, 1, key="reload")
    for number in range(10):  # as often as the cap allows
        show_payment(shop, reload_in_flight(shop, account_id).id, 100)
        use(shop, "ada", f"use {number}", 200)
    assert shop.store.providers.open_intents(clock.now_us, 10) == []
    with pytest.raises(InsufficientCredits):
        use(shop, "ada", "refused", 90_000)
    clock.now_us = START_US + 20 * DAY_US  # from the middle of January to February
    settle_sweep(shop)

    assert reload_in_flight(shop, account_id).created_us == clock.now_us
    assert findings(shop) == []


def test_a_refund_before_the_payment_was_seen_beside_what_is_held_can_be_proved(shop: Core, clock: Clock) -> None:
    make_user(shop, "ada")
    order = order_top_up(shop, "ada", 10, key="top up")
    show_payment(shop, order, 1_000, 250)
    clock.now_us += SECOND_US
    show_payment(shop, order, 1_000, 1_000)
    show_payment(shop, order, 1_000, 0)

    assert findings(shop) == []

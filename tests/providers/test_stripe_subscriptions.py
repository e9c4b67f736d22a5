"""Plans at Stripe: bought, changed now or at the renewal, ended, taken up again, read back each time."""

import pytest

from tests.fakes.stripe.clock import DAY_SECONDS, add_interval
from tests.fakes.stripe.render import OLD
from tests.fakes.stripe.world import Dunning, Outcome
from tests.providers.shop import NOW_SECONDS, NOW_US, SECOND_US, Shop
from tollhoused.domain.payments import Standing, SubscriptionFacts
from tollhoused.providers.provider import NotThere, Refused
from tollhoused.providers.stripe import client

RENEWAL_SECONDS = add_interval(NOW_SECONDS, "month", 1)
RENEWAL_US = RENEWAL_SECONDS * SECOND_US


@pytest.mark.parametrize("version", [client.API_VERSION, OLD])
def test_a_plan_is_bought_on_its_page(shop: Shop, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older version is that of an account which Stripe holds back: what is read is the same."""
    customer_id = shop.customer()
    price_id = shop.price(2_900)
    bought = shop.subscribe(price_id, customer_id)
    monkeypatch.setattr(client, "API_VERSION", version)
    reading = type(shop.stripe)(shop.fake.api_key, base_url=shop.fake.address)  # type: ignore[call-arg]

    assert reading.read_subscription(bought.subscription_id) == bought
    assert bought == SubscriptionFacts(
        subscription_id=bought.subscription_id,
        customer_id=customer_id,
        account_id="ada",
        plan_version=3,
        standing=Standing.ACTIVE,
        price_id=price_id,
        start_us=NOW_US,
        anchor_us=NOW_US,
        billing_start_us=NOW_US,
        billing_end_us=RENEWAL_US,
    )


def test_a_plan_without_a_customer_makes_one(shop: Shop) -> None:
    bought = shop.subscribe(shop.price(2_900))

    assert shop.stripe.read_customer(bought.customer_id).account_id == ""
    assert list(shop.stripe.subscriptions_of(bought.customer_id)) == [bought]


def test_an_upgrade_is_charged_at_once_and_keeps_the_billing_interval(shop: Shop) -> None:
    bought, team = shop.subscribe(shop.price(2_900)), shop.price(9_900)
    shop.fake.advance(days=10)

    changed = shop.stripe.change_plan(bought.subscription_id, team, 4, at_renewal=False, attempt="change-1")

    assert changed == bought._replace(price_id=team, plan_version=4)
    invoice = shop.fake.all("invoice")[-1]
    assert (invoice["status"], invoice["billing_reason"]) == ("paid", "subscription_update")
    assert 0 < invoice["total"] < 7_000


def test_a_repeated_upgrade_is_charged_once(shop: Shop) -> None:
    bought, team = shop.subscribe(shop.price(2_900)), shop.price(9_900)

    for _ in range(3):
        shop.stripe.change_plan(bought.subscription_id, team, 4, at_renewal=False, attempt="change-1")

    assert len(shop.fake.all("invoice")) == 2


@pytest.mark.parametrize("card", [Outcome.DECLINED, Outcome.AUTHENTICATION_REQUIRED])
def test_an_upgrade_that_is_not_paid_is_refused_and_leaves_the_plan(shop: Shop, card: Outcome) -> None:
    bought, team = shop.subscribe(shop.price(2_900)), shop.price(9_900)
    shop.fake.shopper.set_cards(bought.customer_id, card)

    with pytest.raises(Refused) as refused:
        shop.stripe.change_plan(bought.subscription_id, team, 4, at_renewal=False, attempt="change-1")

    assert refused.value.code != ""
    assert shop.stripe.read_subscription(bought.subscription_id) == bought


def test_a_downgrade_comes_with_the_renewal(shop: Shop) -> None:
    bought, starter = shop.subscribe(shop.price(2_900)), shop.price(500)

    scheduled = shop.stripe.change_plan(bought.subscription_id, starter, 4, at_renewal=True, attempt="change-1")
    shop.fake.advance_to(RENEWAL_SECONDS)
    after = shop.stripe.read_subscription(bought.subscription_id)

    assert scheduled == bought._replace(next_price_id=starter, next_us=RENEWAL_US)
    assert (after.price_id, after.plan_version, after.standing) == (starter, 4, Standing.ACTIVE)
    assert (after.next_price_id, after.next_us, after.account_id) == ("", None, "ada")
    assert after.billing_start_us == RENEWAL_US
    assert shop.fake.all("invoice")[-1]["total"] == 500


def test_a_downgrade_from_a_month_to_a_year_is_one_too(shop: Shop) -> None:
    bought, yearly = shop.subscribe(shop.price(2_900)), shop.price(12_000, "year")

    shop.stripe.change_plan(bought.subscription_id, yearly, 4, at_renewal=True, attempt="change-1")
    shop.fake.advance_to(RENEWAL_SECONDS)
    after = shop.stripe.read_subscription(bought.subscription_id)

    assert (after.price_id, after.billing_start_us) == (yearly, RENEWAL_US)
    assert after.billing_end_us == add_interval(RENEWAL_SECONDS, "year", 1) * SECOND_US


def test_the_last_scheduled_change_counts(shop: Shop) -> None:
    bought, starter, free = shop.subscribe(shop.price(2_900)), shop.price(500), shop.price(0)

    shop.stripe.change_plan(bought.subscription_id, starter, 4, at_renewal=True, attempt="change-1")
    again = shop.stripe.change_plan(bought.subscription_id, free, 5, at_renewal=True, attempt="change-2")

    assert (again.next_price_id, again.next_us) == (free, RENEWAL_US)
    assert len(shop.fake.all("subscription_schedule")) == 1


def test_a_scheduled_change_is_taken_back(shop: Shop) -> None:
    bought, starter = shop.subscribe(shop.price(2_900)), shop.price(500)
    shop.stripe.change_plan(bought.subscription_id, starter, 4, at_renewal=True, attempt="change-1")

    first = shop.stripe.cancel_change(bought.subscription_id, "back-1")
    second = shop.stripe.cancel_change(bought.subscription_id, "back-1")
    shop.fake.advance_to(RENEWAL_SECONDS)

    assert first == second == bought
    assert shop.stripe.read_subscription(bought.subscription_id).price_id == bought.price_id


def test_an_upgrade_takes_a_scheduled_downgrade_back(shop: Shop) -> None:
    bought, starter, team = shop.subscribe(shop.price(2_900)), shop.price(500), shop.price(9_900)
    shop.stripe.change_plan(bought.subscription_id, starter, 4, at_renewal=True, attempt="change-1")

    changed = shop.stripe.change_plan(bought.subscription_id, team, 5, at_renewal=False, attempt="change-2")

    assert changed == bought._replace(price_id=team, plan_version=5)


def test_a_change_that_has_come_can_be_followed_by_another(shop: Shop) -> None:
    """The schedule holds the subscription for one more interval; that must not be in the way."""
    bought, starter, team = shop.subscribe(shop.price(2_900)), shop.price(500), shop.price(9_900)
    shop.stripe.change_plan(bought.subscription_id, starter, 4, at_renewal=True, attempt="change-1")
    shop.fake.advance_to(RENEWAL_SECONDS + DAY_SECONDS)
    next_us = add_interval(NOW_SECONDS, "month", 2) * SECOND_US

    scheduled = shop.stripe.change_plan(bought.subscription_id, team, 5, at_renewal=True, attempt="change-2")
    ended = shop.stripe.cancel(bought.subscription_id, at_renewal=True, attempt="end-1")

    assert (scheduled.price_id, scheduled.next_price_id, scheduled.next_us) == (starter, team, next_us)
    assert (ended.next_price_id, ended.end_us) == ("", next_us)


@pytest.mark.parametrize("at_renewal", [False, True])
def test_a_change_takes_an_end_back(shop: Shop, at_renewal: bool) -> None:
    bought, team = shop.subscribe(shop.price(2_900)), shop.price(9_900)
    shop.stripe.cancel(bought.subscription_id, at_renewal=True, attempt="end-1")

    changed = shop.stripe.change_plan(bought.subscription_id, team, 4, at_renewal=at_renewal, attempt="change-1")

    assert changed.end_us is None
    assert team in (changed.price_id, changed.next_price_id)


def test_it_ends_where_it_would_renew_or_goes_on_after_all(shop: Shop) -> None:
    bought = shop.subscribe(shop.price(2_900))

    ending = shop.stripe.cancel(bought.subscription_id, at_renewal=True, attempt="end-1")
    again = shop.stripe.cancel(bought.subscription_id, at_renewal=True, attempt="end-1")
    resumed = shop.stripe.resume(bought.subscription_id, "resume-1")

    assert ending == again == bought._replace(end_us=RENEWAL_US)
    assert resumed == shop.stripe.resume(bought.subscription_id, "resume-1") == bought
    shop.stripe.cancel(bought.subscription_id, at_renewal=True, attempt="end-2")
    shop.fake.advance_to(RENEWAL_SECONDS)
    over = shop.stripe.read_subscription(bought.subscription_id)
    assert (over.standing, over.end_us) == (Standing.CANCELED, RENEWAL_US)


def test_it_ends_at_once_and_does_not_come_back(shop: Shop) -> None:
    bought = shop.subscribe(shop.price(2_900))
    shop.stripe.change_plan(bought.subscription_id, shop.price(500), 4, at_renewal=True, attempt="change-1")
    shop.fake.advance(days=1)

    ended = shop.stripe.cancel(bought.subscription_id, at_renewal=False, attempt="end-1")

    assert ended == bought._replace(standing=Standing.CANCELED, end_us=NOW_US + DAY_SECONDS * SECOND_US)
    assert shop.stripe.cancel(bought.subscription_id, at_renewal=False, attempt="end-1") == ended
    assert list(shop.stripe.subscriptions_of(bought.customer_id)) == [ended]
    with pytest.raises(Refused):
        shop.stripe.change_plan(bought.subscription_id, shop.price(9_900), 5, at_renewal=False, attempt="change-2")
    assert shop.stripe.read_subscription(bought.subscription_id) == ended


def test_a_renewal_that_is_not_paid_makes_it_past_due_and_then_what_the_settings_say(shop: Shop) -> None:
    shop.fake.world.dunning = Dunning(in_the_end="unpaid")
    bought = shop.subscribe(shop.price(2_900))
    shop.fake.shopper.set_cards(bought.customer_id, Outcome.DECLINED)

    shop.fake.advance_to(RENEWAL_SECONDS + 2 * 3_600)
    first = shop.stripe.read_subscription(bought.subscription_id).standing
    shop.fake.advance(days=20)

    assert first is Standing.PAST_DUE
    assert shop.fake.get(bought.subscription_id)["status"] == "unpaid"
    assert shop.stripe.read_subscription(bought.subscription_id).standing is Standing.PAST_DUE


def test_all_subscriptions_of_a_customer_are_told_with_their_schedules(shop: Shop) -> None:
    customer_id = shop.customer()
    bought, starter = shop.subscribe(shop.price(2_900), customer_id), shop.price(500)
    shop.stripe.change_plan(bought.subscription_id, starter, 4, at_renewal=True, attempt="change-1")

    assert [facts.next_price_id for facts in shop.stripe.subscriptions_of(customer_id)] == [starter]


def test_a_preview_says_what_is_due_now_and_next_and_changes_nothing(shop: Shop) -> None:
    bought, team = shop.subscribe(shop.price(2_900)), shop.price(9_900)
    shop.fake.advance(days=10)

    preview = shop.stripe.preview_change(bought.subscription_id, team)

    assert shop.stripe.read_subscription(bought.subscription_id) == bought
    shop.stripe.change_plan(bought.subscription_id, team, 4, at_renewal=False, attempt="change-1")
    invoice = shop.fake.all("invoice")[-1]
    assert preview == (invoice["total"], 9_900, RENEWAL_US, "usd")


def test_a_preview_of_less_is_a_credit_and_of_a_year_begins_now(shop: Shop) -> None:
    bought = shop.subscribe(shop.price(2_900))
    shop.fake.advance(days=10)
    year_us = add_interval(shop.fake.clock.now, "year", 1) * SECOND_US

    less = shop.stripe.preview_change(bought.subscription_id, shop.price(500))
    yearly = shop.stripe.preview_change(bought.subscription_id, shop.price(29_000, "year"))

    assert (less.due_now_minor < 0, less.next_minor, less.next_us) == (True, 500, RENEWAL_US)
    assert (yearly.next_minor, yearly.next_us) == (29_000, year_us)
    assert 26_000 < yearly.due_now_minor < 29_000


@pytest.mark.parametrize("at_renewal", [False, True])
def test_a_price_that_is_not_there_changes_nothing(shop: Shop, at_renewal: bool) -> None:
    bought = shop.subscribe(shop.price(2_900))

    with pytest.raises(NotThere):
        shop.stripe.change_plan(bought.subscription_id, "price_x", 4, at_renewal=at_renewal, attempt="change-1")

    assert shop.stripe.read_subscription(bought.subscription_id) == bought


def test_a_trial_is_told_and_a_change_scheduled_in_it_keeps_it(shop: Shop) -> None:
    customer_id, pro, starter = shop.customer(Outcome.SUCCEEDED), shop.price(2_900), shop.price(500)
    name = shop.operator.v1.subscriptions.create(
        {"customer": customer_id, "items": [{"price": pro}], "trial_period_days": 14}
    ).id
    end_us = NOW_US + 14 * DAY_SECONDS * SECOND_US

    on_trial = shop.stripe.read_subscription(name)
    scheduled = shop.stripe.change_plan(name, starter, 4, at_renewal=True, attempt="change-1")
    preview = shop.stripe.preview_change(name, starter)
    shop.fake.advance(days=15)
    after = shop.stripe.read_subscription(name)

    assert (on_trial.standing, on_trial.trial_end_us, on_trial.billing_end_us) == (Standing.TRIALING, end_us, end_us)
    assert scheduled == on_trial._replace(next_price_id=starter, next_us=end_us)
    assert preview == (0, 500, end_us, "usd")
    assert (after.standing, after.price_id, after.plan_version) == (Standing.ACTIVE, starter, 4)


def test_a_pause_for_want_of_a_card_is_ended_by_resuming(shop: Shop) -> None:
    customer_id = shop.customer()
    name = shop.operator.v1.subscriptions.create(
        {
            "customer": customer_id,
            "items": [{"price": shop.price(2_900)}],
            "trial_period_days": 14,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        }
    ).id
    shop.fake.advance(days=15)
    paused = shop.stripe.read_subscription(name)
    shop.fake.shopper.add_card(customer_id)

    resumed = shop.stripe.resume(name, "resume-1")

    assert paused.standing is Standing.PAUSED
    assert resumed.standing is Standing.ACTIVE
    assert shop.stripe.resume(name, "resume-1") == resumed


def test_a_pause_of_collection_is_ended_by_resuming(shop: Shop) -> None:
    bought = shop.subscribe(shop.price(2_900))
    shop.operator.v1.subscriptions.update(bought.subscription_id, {"pause_collection": {"behavior": "void"}})

    assert shop.stripe.resume(bought.subscription_id, "resume-1") == bought
    assert shop.fake.get(bought.subscription_id)["pause_collection"] is None


def test_an_end_on_a_day_of_its_own_is_told_and_taken_back(shop: Shop) -> None:
    bought = shop.subscribe(shop.price(2_900))
    end_seconds = NOW_SECONDS + 5 * DAY_SECONDS
    shop.operator.v1.subscriptions.update(bought.subscription_id, {"cancel_at": end_seconds})

    ending = shop.stripe.read_subscription(bought.subscription_id)

    assert ending == bought._replace(end_us=end_seconds * SECOND_US)
    assert shop.stripe.resume(bought.subscription_id, "resume-1") == bought

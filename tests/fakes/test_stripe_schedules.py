import pytest
import stripe

from tests.fakes.conftest import MONTH, NOW, Shop

FEBRUARY = 28 * 86_400


def _downgrade(shop: Shop, bought: stripe.Subscription, end_behavior: str = "release") -> stripe.SubscriptionSchedule:
    """Team until the period's end, then Pro, as a provider schedules a downgrade."""
    made = shop.client.v1.subscription_schedules.create({"from_subscription": bought.id})
    now = made.phases[0]
    return shop.client.v1.subscription_schedules.update(
        made.id,
        {
            "end_behavior": end_behavior,
            "phases": [
                {"items": [{"price": shop.team}], "start_date": now.start_date, "end_date": now.end_date},
                {"items": [{"price": shop.pro}], "metadata": {"plan": "pro"}, "proration_behavior": "none"},
            ],
        },
    )


def test_a_downgrade_happens_at_the_periods_end(shop: Shop) -> None:
    bought = shop.subscription(shop.team)
    schedule = _downgrade(shop, bought)
    assert (schedule.status, schedule.phases[1].end_date) == ("active", NOW + MONTH + FEBRUARY)
    assert shop.fake.get(bought.id)["schedule"] == schedule.id
    shop.fake.advance_to(NOW + MONTH - 1)
    assert shop.fake.get(bought.id)["items"]["data"][0]["price"]["id"] == shop.team

    shop.fake.advance(seconds=1)

    changed = shop.fake.get(bought.id)
    assert changed["items"]["data"][0]["price"]["id"] == shop.pro
    assert changed["metadata"] == {"plan": "pro"}
    invoice = shop.fake.get(changed["latest_invoice"])
    assert [line["amount"] for line in invoice["lines"]["data"]] == [2_900]


def test_after_its_last_phase_the_subscription_goes_on_alone(shop: Shop) -> None:
    bought = shop.subscription(shop.team)
    schedule = _downgrade(shop, bought)

    shop.fake.advance_to(NOW + MONTH + FEBRUARY)

    ended = shop.client.v1.subscription_schedules.retrieve(schedule.id)
    assert (ended.status, ended.subscription, ended.released_subscription) == ("released", None, bought.id)
    after = shop.fake.get(bought.id)
    assert (after["schedule"], after["status"]) == (None, "active")


def test_or_ends_with_it(shop: Shop) -> None:
    bought = shop.subscription(shop.team)
    schedule = _downgrade(shop, bought, "cancel")

    shop.fake.advance_to(NOW + MONTH + FEBRUARY)

    assert shop.fake.get(schedule.id)["status"] == "completed"
    assert shop.fake.get(bought.id)["status"] == "canceled"


def test_a_released_schedule_changes_nothing_any_more(shop: Shop) -> None:
    bought = shop.subscription(shop.team)
    schedule = _downgrade(shop, bought)

    shop.client.v1.subscription_schedules.release(schedule.id)
    shop.fake.advance_to(NOW + MONTH)

    assert shop.fake.get(bought.id)["items"]["data"][0]["price"]["id"] == shop.team
    assert len(shop.fake.events("subscription_schedule.released")) == 1
    with pytest.raises(stripe.InvalidRequestError, match="released"):
        shop.client.v1.subscription_schedules.release(schedule.id)


def test_another_interval_begins_with_its_phase(shop: Shop) -> None:
    bought = shop.subscription(shop.pro_yearly)
    made = shop.client.v1.subscription_schedules.create({"from_subscription": bought.id})
    now = made.phases[0]
    shop.client.v1.subscription_schedules.update(
        made.id,
        {
            "phases": [
                {"items": [{"price": shop.pro_yearly}], "start_date": now.start_date, "end_date": now.end_date},
                {"items": [{"price": shop.pro}], "duration": {"interval": "month", "interval_count": 2}},
            ]
        },
    )

    shop.fake.advance_to(now.end_date)

    item = shop.fake.get(bought.id)["items"]["data"][0]
    assert (item["current_period_start"], item["current_period_end"]) == (now.end_date, now.end_date + MONTH)
    reasons = [(invoice["billing_reason"], invoice["total"]) for invoice in shop.fake.all("invoice")]
    assert reasons == [("subscription_create", 29_000), ("subscription_update", 2_900)]


def test_a_schedule_owns_the_cancellation_and_there_is_only_one(shop: Shop) -> None:
    bought = shop.subscription(shop.team)
    _downgrade(shop, bought)

    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        shop.client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError, match="already attached to a schedule"):
        shop.client.v1.subscription_schedules.create({"from_subscription": bought.id})


def test_the_phase_that_runs_keeps_its_start(shop: Shop) -> None:
    bought = shop.subscription(shop.team)
    made = shop.client.v1.subscription_schedules.create({"from_subscription": bought.id})

    with pytest.raises(stripe.InvalidRequestError, match="start date of the current phase"):
        shop.client.v1.subscription_schedules.update(
            made.id, {"phases": [{"items": [{"price": shop.team}], "start_date": NOW + 1, "end_date": NOW + MONTH}]}
        )


def test_canceling_the_subscription_ends_its_schedule(shop: Shop) -> None:
    bought = shop.subscription(shop.team)
    schedule = _downgrade(shop, bought)

    shop.client.v1.subscriptions.cancel(bought.id)

    assert shop.fake.get(schedule.id)["status"] == "canceled"

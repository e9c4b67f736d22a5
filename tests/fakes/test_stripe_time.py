from datetime import UTC, datetime

import pytest
import stripe

from tests.fakes.conftest import MONTH, NOW, Shop
from tests.fakes.stripe.clock import DAY_SECONDS, add_interval, next_end
from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.world import Dunning, Outcome


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_renewals_happen_at_their_own_time_however_far_the_clock_jumps(shop: Shop) -> None:
    bought = shop.subscription()

    shop.fake.advance_to(_at("2026-04-15"))

    told = [event["created"] for event in shop.fake.events("invoice.paid")]
    assert told == [_at("2026-01-01"), _at("2026-02-01"), _at("2026-03-01"), _at("2026-04-01")]
    assert shop.fake.get(bought.id)["items"]["data"][0]["current_period_end"] == _at("2026-05-01")
    assert {invoice["billing_reason"] for invoice in shop.fake.all("invoice")[1:]} == {"subscription_cycle"}


def test_a_month_ends_on_its_last_day_and_comes_back_to_the_anchor() -> None:
    anchor = _at("2026-01-31T12:00")

    ends = [add_interval(anchor, "month", count) for count in (1, 2, 12)]

    assert ends == [_at("2026-02-28T12:00"), _at("2026-03-31T12:00"), _at("2027-01-31T12:00")]
    assert next_end(anchor, "month", 1, ends[0]) == ends[1]
    assert add_interval(_at("2024-02-29"), "year", 1) == _at("2025-02-28")


def test_a_declined_renewal_is_tried_again_and_gets_through(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.shopper.set_cards(str(bought.customer), Outcome.DECLINED)
    shop.fake.advance_to(NOW + MONTH)
    late = shop.fake.get(bought.id)
    invoice = shop.fake.get(late["latest_invoice"])
    assert (late["status"], invoice["attempt_count"]) == ("past_due", 1)
    assert invoice["next_payment_attempt"] == NOW + MONTH + 3 * DAY_SECONDS

    shop.fake.shopper.set_cards(str(bought.customer), Outcome.SUCCEEDED)
    shop.fake.advance(days=3)

    assert shop.fake.get(bought.id)["status"] == "active"
    assert shop.fake.get(invoice["id"])["attempt_count"] == 2


@pytest.mark.parametrize("in_the_end", ["canceled", "unpaid", "past_due"])
def test_a_renewal_that_is_never_paid_ends_as_the_account_says(shop: Shop, in_the_end: str) -> None:
    shop.fake.world.dunning = Dunning(retry_days=(1, 2), in_the_end=in_the_end)
    bought = shop.subscription()
    shop.fake.shopper.set_cards(str(bought.customer), Outcome.DECLINED)

    shop.fake.advance_to(NOW + MONTH + 3 * DAY_SECONDS - 1)
    assert shop.fake.get(bought.id)["status"] == "past_due"
    shop.fake.advance(seconds=1)

    assert shop.fake.get(bought.id)["status"] == in_the_end
    assert [event["created"] - NOW - MONTH for event in shop.fake.events("invoice.payment_failed")] == [
        0,
        DAY_SECONDS,
        3 * DAY_SECONDS,
    ]


def test_an_unpaid_subscription_is_active_again_when_everything_is_paid(shop: Shop) -> None:
    shop.fake.world.dunning = Dunning(retry_days=(), in_the_end="unpaid")
    bought = shop.subscription()
    shop.fake.shopper.set_cards(str(bought.customer), Outcome.DECLINED)
    shop.fake.advance_to(NOW + MONTH)

    shop.fake.shopper.pay_invoice(shop.fake.get(bought.id)["latest_invoice"])

    assert shop.fake.get(bought.id)["status"] == "active"


def test_a_trial_is_announced_and_becomes_a_paid_plan(shop: Shop) -> None:
    bought = shop.client.v1.subscriptions.create(
        {"customer": shop.customer(), "items": [{"price": shop.pro}], "trial_period_days": 14}
    )
    end = NOW + 14 * DAY_SECONDS
    assert (bought.status, bought.trial_end, bought.items.data[0].current_period_end) == ("trialing", end, end)
    assert shop.fake.all("charge") == []

    shop.fake.advance_to(end)

    after = shop.fake.get(bought.id)
    assert (after["status"], after["billing_cycle_anchor"]) == ("active", end)
    assert shop.fake.get(after["latest_invoice"])["amount_paid"] == 2_900
    notices = [event["created"] for event in shop.fake.events("customer.subscription.trial_will_end")]
    assert notices == [end - 3 * DAY_SECONDS]


@pytest.mark.parametrize(
    ("without", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
def test_a_trial_without_a_card_ends_as_it_was_agreed(shop: Shop, without: str, status: str) -> None:
    bought = shop.client.v1.subscriptions.create(
        {
            "customer": shop.customer(card=None),
            "items": [{"price": shop.pro}],
            "trial_period_days": 1,
            "trial_settings": {"end_behavior": {"missing_payment_method": without}},
        }
    )

    shop.fake.advance(days=1)

    assert shop.fake.get(bought.id)["status"] == status


def test_a_paused_subscription_is_resumed_with_a_card(shop: Shop) -> None:
    customer = shop.customer(card=None)
    bought = shop.client.v1.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": shop.pro}],
            "trial_period_days": 1,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        }
    )
    shop.fake.advance(days=2)
    shop.fake.shopper.add_card(customer)

    resumed = shop.client.v1.subscriptions.resume(bought.id)

    assert (resumed.status, resumed.items.data[0].current_period_start) == ("active", NOW + 2 * DAY_SECONDS)
    assert [event["type"] for event in shop.fake.events() if event["type"].endswith(("paused", "resumed"))] == [
        "customer.subscription.paused",
        "customer.subscription.resumed",
    ]


def test_a_trial_can_be_cut_short(shop: Shop) -> None:
    bought = shop.client.v1.subscriptions.create(
        {"customer": shop.customer(), "items": [{"price": shop.pro}], "trial_period_days": 14}
    )
    shop.fake.advance(days=1)

    paid = shop.client.v1.subscriptions.update(bought.id, {"trial_end": "now"})

    assert (paid.status, paid.items.data[0].current_period_start) == ("active", NOW + DAY_SECONDS)
    assert shop.fake.get(str(paid.latest_invoice))["amount_paid"] == 2_900


@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")]
)
def test_nothing_is_collected_while_collection_is_paused(shop: Shop, behavior: str, status: str) -> None:
    bought = shop.subscription()
    pause: stripe.params.SubscriptionUpdateParamsPauseCollection = {
        "behavior": behavior,
        "resumes_at": NOW + MONTH + DAY_SECONDS,
    }
    shop.client.v1.subscriptions.update(bought.id, {"pause_collection": pause})

    shop.fake.advance_to(_at("2026-03-15"))

    assert [invoice["status"] for invoice in shop.fake.all("invoice")] == ["paid", status, "paid"]
    assert (shop.fake.get(bought.id)["status"], shop.fake.get(bought.id)["pause_collection"]) == ("active", None)


def test_events_are_kept_for_thirty_days(shop: Shop) -> None:
    shop.fake.advance(days=30)

    assert shop.client.v1.events.list().data == []


def test_without_a_time_of_its_own_the_fake_follows_the_wall() -> None:
    with FakeStripe() as fake:
        client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address})
        fake.advance(days=1)

        made = client.v1.customers.create({})

        assert abs(made.created - datetime.now(UTC).timestamp() - DAY_SECONDS) < 5

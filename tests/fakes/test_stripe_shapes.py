"""The two generations of payloads: before the moves of 2025-03-31, and now."""

from typing import Any

import pytest
import stripe

from tests.fakes.conftest import MONTH, NOW, Shop
from tests.fakes.stripe.render import CURRENT, OLD


def _about(shop: Shop, kind: str, version: str) -> dict[str, Any]:
    shop.fake.webhooks.version = version
    about: dict[str, Any] = shop.fake.events(kind)[-1]["data"]["object"]
    return about


def test_a_subscriptions_period_moved_to_its_items(shop: Shop) -> None:
    shop.subscription()
    old, new = (_about(shop, "customer.subscription.created", version) for version in (OLD, CURRENT))

    assert (old["current_period_start"], old["current_period_end"]) == (NOW, NOW + MONTH)
    assert "current_period_end" not in old["items"]["data"][0]
    assert "current_period_end" not in new
    assert new["items"]["data"][0]["current_period_end"] == NOW + MONTH
    assert old["plan"]["id"] == old["items"]["data"][0]["price"]["id"] == new["items"]["data"][0]["price"]["id"]


def test_a_renewal_says_what_was_before_in_both(shop: Shop) -> None:
    shop.subscription()
    shop.fake.advance(seconds=MONTH)

    shop.fake.webhooks.version = OLD
    old = shop.fake.events("customer.subscription.updated")[-1]["data"]["previous_attributes"]
    shop.fake.webhooks.version = CURRENT
    new = shop.fake.events("customer.subscription.updated")[-1]["data"]["previous_attributes"]

    assert (old["current_period_start"], old["current_period_end"]) == (NOW, NOW + MONTH)
    assert new["items"]["data"][0]["current_period_end"] == NOW + MONTH
    assert old["latest_invoice"] == new["latest_invoice"]


def test_an_invoice_names_its_subscription_elsewhere(shop: Shop) -> None:
    shop.client.v1.subscriptions.create(
        {"customer": shop.customer(), "items": [{"price": shop.pro}], "metadata": {"account": "a1"}}
    )
    old, new = (_about(shop, "invoice.paid", version) for version in (OLD, CURRENT))

    details = new["parent"]["subscription_details"]
    assert (old["subscription"], old["subscription_details"]["metadata"]) == (
        details["subscription"],
        details["metadata"],
    )
    assert details["metadata"] == {"account": "a1"}
    assert (old["paid"], new["status"], "paid" in new, "subscription" in new) == (True, "paid", False, False)
    assert "parent" not in old
    assert shop.fake.get(old["payment_intent"])["latest_charge"] == old["charge"]
    assert {"payment_intent", "charge"} & set(new) == set()


def test_a_line_names_its_price_and_its_proration_elsewhere(shop: Shop) -> None:
    bought = shop.subscription()
    item = bought.items.data[0].id
    shop.client.v1.subscriptions.update(
        bought.id, {"items": [{"id": item, "price": shop.team}], "proration_behavior": "always_invoice"}
    )
    old, new = (_about(shop, "invoice.paid", version)["lines"]["data"][1] for version in (OLD, CURRENT))

    assert new["pricing"]["price_details"]["price"] == old["price"]["id"] == shop.team
    details = new["parent"]["invoice_item_details"]
    assert (old["type"], old["proration"], old["subscription_item"]) == (
        "invoiceitem",
        details["proration"],
        details["subscription_item"],
    )
    assert details["proration"] is True
    assert {"price", "proration"} & set(new) == set()


def test_a_payment_names_its_invoice_only_in_the_old_shape(shop: Shop) -> None:
    bought = shop.subscription()

    assert _about(shop, "payment_intent.succeeded", OLD)["invoice"] == bought.latest_invoice
    assert "invoice" not in _about(shop, "payment_intent.succeeded", CURRENT)


@pytest.mark.parametrize("version", [OLD, "2024-12-18.acacia"])
def test_a_client_that_asks_for_an_old_version_is_answered_in_it(shop: Shop, version: str) -> None:
    bought = shop.subscription()
    options: stripe.RequestOptions = {"stripe_version": version}

    found = shop.client.v1.subscriptions.retrieve(
        bought.id, {"expand": ["latest_invoice.payment_intent.latest_charge"]}, options
    ).to_dict()

    assert found["current_period_end"] == NOW + MONTH
    assert found["latest_invoice"]["payment_intent"]["latest_charge"]["paid"] is True


def test_nothing_of_the_fakes_own_is_ever_sent(shop: Shop) -> None:
    bought = shop.subscription()
    shop.client.v1.subscription_schedules.create({"from_subscription": bought.id})
    shop.client.v1.payment_links.create({"line_items": [{"price": shop.pack, "quantity": 1}]})
    for version in (OLD, CURRENT):
        shop.fake.webhooks.version = version

        assert [name for event in shop.fake.events() for name in _names(event) if name.startswith("_")] == []


def _names(value: object) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(name for inner in value.values() for name in _names(inner))]
    return [name for inner in value for name in _names(inner)] if isinstance(value, list) else []

import pytest
import stripe

from tests.fakes.conftest import MONTH, NOW, Shop
from tests.fakes.stripe.world import Outcome


def test_the_preview_of_an_upgrade_is_what_the_upgrade_costs(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.advance(seconds=MONTH // 3)
    item = {"id": bought.items.data[0].id, "price": shop.team}
    details: stripe.params.InvoiceCreatePreviewParams = {
        "subscription": bought.id,
        "subscription_details": {"items": [{**item}], "proration_behavior": "always_invoice"},  # type: ignore[typeddict-item]
    }
    told = len(shop.fake.events())

    preview = shop.client.v1.invoices.create_preview(details)

    assert len(shop.fake.events()) == told
    assert shop.fake.get(bought.id)["items"]["data"][0]["price"]["id"] == shop.pro
    shop.client.v1.subscriptions.update(
        bought.id, {"items": [{"id": item["id"], "price": shop.team}], "proration_behavior": "always_invoice"}
    )
    real = shop.fake.get(shop.fake.get(bought.id)["latest_invoice"])
    assert (preview.total, preview.amount_due) == (real["total"], real["amount_paid"]) == (4_667, 4_667)
    assert [line.amount for line in preview.lines.data] == [line["amount"] for line in real["lines"]["data"]]


def test_the_preview_without_a_change_is_the_next_renewal(shop: Shop) -> None:
    bought = shop.subscription()

    preview = shop.client.v1.invoices.create_preview({"subscription": bought.id})

    assert (preview.total, preview.lines.data[0].period.start) == (2_900, NOW + MONTH)
    assert preview.id.startswith("upcoming_in_")


def test_the_preview_of_a_subscription_to_be(shop: Shop) -> None:
    preview = shop.client.v1.invoices.create_preview(
        {"customer": shop.customer(), "subscription_details": {"items": [{"price": shop.team, "quantity": 2}]}}
    )

    assert preview.total == 19_800
    assert shop.fake.all("subscription") == []


def test_what_ends_has_no_next_invoice(shop: Shop) -> None:
    bought = shop.subscription()
    shop.client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.invoices.create_preview({"subscription": bought.id})

    assert refused.value.code == "invoice_upcoming_none"


def test_an_invoice_is_made_of_items_and_paid(shop: Shop) -> None:
    customer = shop.customer()
    invoices = shop.client.v1.invoices
    shop.client.v1.invoice_items.create({"customer": customer, "pricing": {"price": shop.pack}, "quantity": 2})
    shop.client.v1.invoice_items.create(
        {"customer": customer, "amount": 500, "currency": "usd", "description": "Extra"}
    )
    drafted = invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    assert (drafted.status, drafted.total) == ("draft", 2_500)

    paid = invoices.pay(invoices.finalize_invoice(drafted.id).id)

    assert (paid.status, paid.amount_paid, paid.billing_reason) == ("paid", 2_500, "manual")
    payment = shop.client.v1.invoice_payments.list({"invoice": paid.id}).data[0]
    assert payment.payment.type == "payment_intent"
    intent = str(payment.payment.payment_intent)
    found = shop.client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}})
    assert [item.invoice for item in found.data] == [paid.id]
    assert len(shop.fake.events("invoice_payment.paid")) == 1


def test_an_open_invoice_is_paid_later_with_another_card(shop: Shop) -> None:
    bought = shop.subscription()
    shop.fake.shopper.set_cards(str(bought.customer), Outcome.DECLINED)
    shop.fake.advance(seconds=MONTH)
    late = shop.fake.get(bought.id)["latest_invoice"]
    with pytest.raises(stripe.CardError):
        shop.client.v1.invoices.pay(late)

    shop.client.v1.invoices.pay(late, {"payment_method": "pm_card_visa"})

    assert shop.fake.get(bought.id)["status"] == "active"
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        shop.client.v1.invoices.pay(late)


def test_an_open_invoice_is_voided_or_given_up(shop: Shop) -> None:
    first, second = (str(shop.subscription(card=Outcome.DECLINED).latest_invoice) for _ in range(2))

    assert shop.client.v1.invoices.void_invoice(first).status == "void"
    assert shop.client.v1.invoices.mark_uncollectible(second).status == "uncollectible"


def test_invoices_are_listed_by_customer_subscription_and_status(shop: Shop) -> None:
    bought = shop.subscription()
    shop.subscription(card=Outcome.DECLINED)

    invoices = shop.client.v1.invoices
    assert [item.id for item in invoices.list({"subscription": bought.id}).data] == [bought.latest_invoice]
    assert [item.id for item in invoices.list({"customer": str(bought.customer)}).data] == [bought.latest_invoice]
    assert [item.status for item in invoices.list({"status": "open"}).data] == ["open"]
    lines = invoices.line_items.list(str(bought.latest_invoice)).data
    assert [line.amount for line in lines] == [2_900]

import pytest
import stripe

from tests.fakes.conftest import Shop
from tests.fakes.stripe.world import Outcome


def test_a_card_on_file_is_charged_while_nobody_is_there(shop: Shop) -> None:
    intent = shop.charge(shop.customer(), 2_500, key="reload-1")

    assert (intent.status, intent.amount_received, intent.currency) == ("succeeded", 2_500, "usd")
    assert isinstance(intent.latest_charge, str)
    assert shop.client.v1.charges.retrieve(intent.latest_charge).paid is True
    told = shop.fake.events("payment_intent.succeeded")[0]
    assert told["data"]["object"]["metadata"] == {"attempt": "reload-1"}
    assert told["request"]["idempotency_key"] == "reload-1"


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        (Outcome.DECLINED, "card_declined", "generic_decline"),
        (Outcome.INSUFFICIENT_FUNDS, "card_declined", "insufficient_funds"),
        (Outcome.AUTHENTICATION_REQUIRED, "authentication_required", "authentication_required"),
    ],
)
def test_a_refused_charge_names_the_intent_and_the_reason(
    shop: Shop, card: Outcome, code: str, decline_code: str
) -> None:
    customer = shop.customer(card)

    with pytest.raises(stripe.CardError) as refused:
        shop.charge(customer)

    assert (refused.value.http_status, refused.value.code) == (402, code)
    assert refused.value.error is not None
    assert refused.value.error.decline_code == decline_code
    intent = refused.value.error.payment_intent
    assert intent is not None
    assert intent.status == "requires_payment_method"
    kept = shop.client.v1.payment_intents.retrieve(intent.id)
    assert kept.last_payment_error is not None
    assert kept.last_payment_error.code == code
    assert len(shop.fake.events("payment_intent.payment_failed")) == 1


def test_a_customer_that_is_there_is_asked_to_authenticate(shop: Shop) -> None:
    customer = shop.customer(Outcome.AUTHENTICATION_REQUIRED)
    card = shop.fake.get(customer)["invoice_settings"]["default_payment_method"]
    intent = shop.client.v1.payment_intents.create(
        {"amount": 1_000, "currency": "usd", "customer": customer, "payment_method": card, "confirm": True}
    )
    assert (intent.status, intent.client_secret is not None) == ("requires_action", True)

    assert shop.fake.shopper.authenticate(intent.id)["status"] == "succeeded"


def test_an_intent_is_made_first_and_confirmed_later(shop: Shop) -> None:
    intent = shop.client.v1.payment_intents.create({"amount": 1_000, "currency": "usd"})
    assert intent is not None
    assert intent.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        shop.client.v1.payment_intents.confirm(intent.id)

    confirmed = shop.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert confirmed.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.payment_intents.cancel(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"


def test_an_intent_that_nobody_paid_is_canceled(shop: Shop) -> None:
    intent = shop.client.v1.payment_intents.create({"amount": 1_000, "currency": "usd"})

    assert shop.client.v1.payment_intents.cancel(intent.id).status == "canceled"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"amount": 49}, "amount"),
        ({"amount": "1.5"}, "amount"),
        ({"currency": ""}, "currency"),
        ({"customer": "x"}, "customer"),
    ],
)
def test_a_charge_that_makes_no_sense_is_refused(shop: Shop, change: dict[str, object], param: str) -> None:
    params = {"amount": 1_000, "currency": "usd", **change}

    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.payment_intents.create(params)  # type: ignore[arg-type]

    assert refused.value.param == param


def test_another_customers_card_is_refused(shop: Shop) -> None:
    card = shop.fake.get(shop.customer())["invoice_settings"]["default_payment_method"]

    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.payment_intents.create(
            {"amount": 1_000, "currency": "usd", "customer": shop.customer(), "payment_method": card}
        )

    assert refused.value.param == "payment_method"


def test_a_slow_charge_is_settled_later(shop: Shop) -> None:
    intent = shop.charge(shop.customer(Outcome.PROCESSING))
    assert intent is not None
    assert intent.status == "processing"

    assert shop.fake.shopper.settle(intent.id, succeeded=False)["status"] == "requires_payment_method"


def test_a_card_is_attached_made_the_default_and_detached(shop: Shop) -> None:
    customer = shop.customer(card=None)
    card = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})
    assert shop.charge(customer).status == "succeeded"

    shop.client.v1.payment_methods.detach(card.id)

    assert shop.client.v1.payment_methods.list({"customer": customer}).data == []
    with pytest.raises(stripe.CardError):
        shop.client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer})


def test_a_charge_is_refunded_in_parts_and_never_beyond_the_whole(shop: Shop) -> None:
    intent = shop.charge(shop.customer(), 1_000)
    refunds = shop.client.v1.refunds
    refunds.create({"payment_intent": intent.id, "amount": 300, "metadata": {"why": "one"}})
    refunds.create({"payment_intent": intent.id, "amount": 200})
    with pytest.raises(stripe.InvalidRequestError) as beyond:
        refunds.create({"payment_intent": intent.id, "amount": 501})

    rest = refunds.create({"payment_intent": intent.id})

    assert (beyond.value.param, rest.amount, rest.status) == ("amount", 500, "succeeded")
    told = [event["data"]["object"] for event in shop.fake.events("charge.refunded")]
    assert [(charge["amount_refunded"], charge["refunded"]) for charge in told] == [
        (300, False),
        (500, False),
        (1_000, True),
    ]
    assert len(shop.fake.events("refund.created")) == 3
    assert len(refunds.list({"payment_intent": intent.id}).data) == 3
    with pytest.raises(stripe.InvalidRequestError) as over:
        refunds.create({"payment_intent": intent.id})
    assert over.value.code == "charge_already_refunded"


def test_a_refund_that_the_bank_sends_back_counts_no_more(shop: Shop) -> None:
    intent = shop.charge(shop.customer())
    refund = shop.client.v1.refunds.create({"payment_intent": intent.id})

    shop.fake.shopper.fail_refund(refund.id)

    assert shop.client.v1.refunds.retrieve(refund.id).status == "failed"
    assert shop.fake.get(str(intent.latest_charge))["amount_refunded"] == 0
    assert len(shop.fake.events("refund.failed")) == 1


@pytest.mark.parametrize(("won", "status", "returned"), [(True, "won", 1), (False, "lost", 0)])
def test_a_dispute_is_opened_and_decided(shop: Shop, won: bool, status: str, returned: int) -> None:
    intent = shop.charge(shop.customer())
    dispute = shop.fake.shopper.dispute(intent.id, amount=400)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.refunds.create({"payment_intent": intent.id})

    shop.fake.shopper.close_dispute(dispute["id"], won)

    assert refused.value.code == "charge_disputed"
    found = shop.client.v1.disputes.list({"payment_intent": intent.id}).data[0]
    assert (found.status, found.amount, found.payment_intent) == (status, 400, intent.id)
    assert len(shop.fake.events("charge.dispute.funds_withdrawn")) == 1
    assert len(shop.fake.events("charge.dispute.funds_reinstated")) == returned
    assert len(shop.fake.events("charge.dispute.closed")) == 1

import http.client
from urllib.parse import urlsplit

import pytest
import stripe

from tests.fakes.conftest import MONTH, NOW, Shop
from tests.fakes.stripe.world import Outcome

BACK = "http://localhost/back?session={CHECKOUT_SESSION_ID}"


def _session(shop: Shop, mode: str, price: str, **more: object) -> stripe.checkout.Session:
    params = {"mode": mode, "line_items": [{"price": price, "quantity": 1}], "success_url": BACK, **more}
    return shop.client.v1.checkout.sessions.create(params)  # type: ignore[arg-type]


def test_a_plan_is_bought(shop: Shop) -> None:
    more = {
        "client_reference_id": "a1",
        "metadata": {"account": "a1"},
        "subscription_data": {"metadata": {"account": "a1"}},
    }
    session = _session(shop, "subscription", shop.pro, **more)
    assert (session.status, session.payment_status, session.customer) == ("open", "unpaid", None)

    shop.fake.shopper.complete_checkout(session.id, email="somebody@example.com")

    done = shop.client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "customer", "line_items"]})
    assert (done.status, done.payment_status, done.amount_total) == ("complete", "paid", 2_900)
    assert isinstance(done.subscription, stripe.Subscription)
    assert isinstance(done.customer, stripe.Customer)
    assert (done.subscription.status, done.subscription.metadata["account"]) == ("active", "a1")
    assert done.customer.email == "somebody@example.com"
    assert done.line_items is not None
    assert done.line_items.data[0].price is not None
    assert done.line_items.data[0].price.id == shop.pro


def test_the_events_of_a_purchase_are_told_in_stripes_order(shop: Shop) -> None:
    session = _session(shop, "subscription", shop.pro)
    shop.fake.shopper.complete_checkout(session.id)

    kinds = [event["type"] for event in shop.fake.events()]

    wanted = [
        "customer.created",
        "customer.subscription.created",
        "payment_intent.succeeded",
        "invoice.paid",
        "customer.subscription.updated",
        "checkout.session.completed",
    ]
    assert [kind for kind in kinds if kind in wanted] == wanted
    created, updated = (
        shop.fake.events("customer.subscription.created"),
        shop.fake.events("customer.subscription.updated"),
    )
    assert created[0]["data"]["object"]["status"] == "incomplete"
    assert updated[0]["data"]["object"]["status"] == "active"
    assert updated[0]["data"]["previous_attributes"] == {"status": "incomplete"}


def test_a_pack_is_bought_and_the_card_kept_for_later(shop: Shop) -> None:
    customer = shop.customer(card=None)
    data = {"metadata": {"top_up": "t1"}, "setup_future_usage": "off_session"}
    session = _session(shop, "payment", shop.pack, customer=customer, payment_intent_data=data)

    done = shop.fake.shopper.complete_checkout(session.id)

    intent = shop.client.v1.payment_intents.retrieve(done["payment_intent"])
    assert (intent.status, intent.amount_received, intent.metadata["top_up"]) == ("succeeded", 1_000, "t1")
    assert len(shop.client.v1.customers.payment_methods.list(customer).data) == 1


def test_a_declined_card_leaves_the_session_open(shop: Shop) -> None:
    session = _session(shop, "subscription", shop.pro)

    assert shop.fake.shopper.complete_checkout(session.id, Outcome.DECLINED)["status"] == "open"
    assert shop.fake.all("subscription") == []
    assert shop.fake.shopper.complete_checkout(session.id)["status"] == "complete"


def test_a_declined_try_is_told_and_the_next_one_pays_the_same_intent(shop: Shop) -> None:
    session = _session(shop, "payment", shop.pack, payment_intent_data={"metadata": {"top_up": "t1"}})

    shop.fake.shopper.complete_checkout(session.id, Outcome.DECLINED)
    done = shop.fake.shopper.complete_checkout(session.id)

    [declined] = shop.fake.events("payment_intent.payment_failed")
    [succeeded] = shop.fake.events("payment_intent.succeeded")
    assert declined["data"]["object"]["metadata"] == {"top_up": "t1"}
    assert declined["data"]["object"]["id"] == succeeded["data"]["object"]["id"] == done["payment_intent"]


@pytest.mark.parametrize(("succeeded", "kind", "status"), [(True, "succeeded", "paid"), (False, "failed", "unpaid")])
def test_a_slow_payment_is_settled_after_the_session(shop: Shop, succeeded: bool, kind: str, status: str) -> None:
    session = _session(shop, "payment", shop.pack)
    done = shop.fake.shopper.complete_checkout(session.id, Outcome.PROCESSING)
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")

    shop.fake.shopper.settle(done["payment_intent"], succeeded)

    told = shop.fake.events(f"checkout.session.async_payment_{kind}")
    assert [event["data"]["object"]["payment_status"] for event in told] == [status]


def test_a_customer_that_is_there_can_authenticate_and_cannot_later(shop: Shop) -> None:
    session = _session(shop, "subscription", shop.pro)
    done = shop.fake.shopper.complete_checkout(session.id, Outcome.AUTHENTICATION_REQUIRED)

    shop.fake.advance(days=31)

    assert done["payment_status"] == "paid"
    assert shop.fake.get(done["subscription"])["status"] == "past_due"
    asked = [event["created"] for event in shop.fake.events("invoice.payment_action_required")]
    assert asked == [NOW, NOW + MONTH]


def test_a_card_is_stored_without_a_charge(shop: Shop) -> None:
    customer = shop.customer(card=None)
    session = shop.client.v1.checkout.sessions.create(
        {"mode": "setup", "customer": customer, "currency": "usd", "success_url": BACK}
    )

    done = shop.fake.shopper.complete_checkout(session.id)

    assert done["payment_status"] == "no_payment_required"
    assert shop.client.v1.setup_intents.retrieve(done["setup_intent"]).status == "succeeded"
    assert shop.fake.all("charge") == []


def test_tax_comes_on_top_where_it_is_asked_for(shop: Shop) -> None:
    shop.fake.world.tax_percent = 20

    done = shop.fake.shopper.complete_checkout(_session(shop, "payment", shop.pack, automatic_tax={"enabled": True}).id)

    assert (done["amount_subtotal"], done["amount_total"]) == (1_000, 1_200)
    assert shop.fake.get(done["payment_intent"])["amount_received"] == 1_200


def test_an_ad_hoc_item_is_sold_once(shop: Shop) -> None:
    data = {"currency": "usd", "unit_amount": 700, "product_data": {"name": "Setup"}}
    session = _session(shop, "payment", "", line_items=[{"price_data": data, "quantity": 3}])

    assert session.amount_total == 2_100


@pytest.mark.parametrize(
    ("mode", "recurring", "more", "param"),
    [
        ("payment", True, {}, "mode"),
        ("subscription", False, {}, "mode"),
        ("subscription", True, {"payment_intent_data": {"metadata": {"a": "b"}}}, "payment_intent_data"),
        ("payment", False, {"subscription_data": {"metadata": {"a": "b"}}}, "subscription_data"),
        ("nonsense", True, {}, "mode"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    shop: Shop, mode: str, recurring: bool, more: dict[str, object], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _session(shop, mode, shop.pro if recurring else shop.pack, **more)

    assert refused.value.param == param


def test_a_session_is_over_after_a_day_or_when_it_is_expired(shop: Shop) -> None:
    left, closed = (_session(shop, "payment", shop.pack) for _ in range(2))
    shop.client.v1.checkout.sessions.expire(closed.id)

    shop.fake.advance(days=1)

    told = [(event["created"], event["data"]["object"]["id"]) for event in shop.fake.events("checkout.session.expired")]
    assert told == [(NOW, closed.id), (NOW + 86_400, left.id)]
    assert shop.client.v1.checkout.sessions.retrieve(left.id).url is None


def test_a_browser_can_pay_at_the_sessions_url(shop: Shop) -> None:
    session = _session(shop, "payment", shop.pack)

    assert _post(session.url, "card=generic_decline")[0] == 402
    status, location = _post(session.url, "email=somebody%40example.com")

    assert (status, location) == (303, BACK.replace("{CHECKOUT_SESSION_ID}", session.id))
    assert shop.fake.get(session.id)["status"] == "complete"


def test_a_payment_link_makes_a_session_for_each_customer(shop: Shop) -> None:
    link = shop.client.v1.payment_links.create(
        {
            "line_items": [{"price": shop.pack, "quantity": 2}],
            "metadata": {"account": "a1"},
            "after_completion": {"type": "redirect", "redirect": {"url": BACK}},
            "restrictions": {"completed_sessions": {"limit": 2}},
        }
    )

    sessions = [shop.fake.shopper.pay_link(link.id), shop.fake.shopper.pay_link(link.id)]

    assert [(paid["amount_total"], paid["payment_link"]) for paid in sessions] == [(2_000, link.id)] * 2
    assert sessions[0]["metadata"] == {"account": "a1"}
    assert _post(link.url, "")[0] == 400
    assert shop.client.v1.payment_links.update(link.id, {"active": False}).active is False


def test_the_portal_has_an_address_for_a_customer(shop: Shop) -> None:
    customer = shop.customer()

    session = shop.client.v1.billing_portal.sessions.create({"customer": customer, "return_url": "http://localhost/"})

    assert session.url.startswith(shop.fake.address)
    assert (session.customer, session.return_url) == (customer, "http://localhost/")


def test_an_open_invoice_has_a_page_to_pay_at(shop: Shop) -> None:
    bought = shop.subscription(card=Outcome.DECLINED)
    invoice = shop.client.v1.invoices.retrieve(str(bought.latest_invoice))

    assert _post(invoice.hosted_invoice_url, "card=insufficient_funds")[0] == 402
    assert _post(invoice.hosted_invoice_url, "")[0] == 200

    assert shop.fake.get(bought.id)["status"] == "active"


def _post(url: str | None, body: str) -> tuple[int, str | None]:
    parts = urlsplit(url or "")
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    connection.request("POST", parts.path, body)
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.getheader("location")

"""What happens when a customer completes a checkout session, and when its slow payment ends."""

from typing import Any

from tests.fakes.stripe import charging, invoices, subscriptions
from tests.fakes.stripe.customers import attach, create_customer, new_card
from tests.fakes.stripe.forms import merged
from tests.fakes.stripe.lines import add_item
from tests.fakes.stripe.shapes import Object, invalid
from tests.fakes.stripe.world import Outcome, World


def complete(world: World, session: Object, card: Outcome, email: str) -> None:
    """The customer pays. Raises ApiError for a declined card: the session stays open, as the page would.

    A declined try of a payment has happened, and the next one uses the same intent. A subscription leaves no trace.
    """
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.", code="checkout_session_not_open")
    if session["mode"] == "payment":
        _complete(world, session, card, email)
        return
    with world.whole_or_nothing():
        _complete(world, world.get("checkout.session", session["id"]), card, email)


def _complete(world: World, session: Object, card: Outcome, email: str) -> None:
    method = new_card(world, card)
    saves = (session["_form"].get("payment_intent_data") or {}).get("setup_future_usage")
    if session["customer"] is None:
        address = session["customer_email"] or email or f"{session['id']}@example.com"
        session["customer_details"] = {"email": address}
        creates = session["_form"].get("customer_creation") == "always" or saves
        if session["mode"] == "subscription" or creates:
            session["customer"] = create_customer(world, {"email": address})["id"]
    keeps = session["customer"] and (session["mode"] != "payment" or saves)
    if keeps and session["mode"] != "payment":
        attach(world, {"customer": session["customer"]}, method["id"])
    {"payment": _pay, "subscription": _subscribe, "setup": _set_up}[session["mode"]](world, session, method)
    if keeps and session["mode"] == "payment":
        attach(world, {"customer": session["customer"]}, method["id"])
    session.update(status="complete", url=None)
    world.emit("checkout.session.completed", session)


def settled(world: World, session: Object, succeeded: bool) -> None:
    """A slow payment of a completed session has ended."""
    if succeeded:
        session["payment_status"] = "paid"
    kind = "succeeded" if succeeded else "failed"
    world.emit(f"checkout.session.async_payment_{kind}", session)


def _pay(world: World, session: Object, method: Object) -> None:
    data = session["_form"].get("payment_intent_data") or {}
    about = {
        "metadata": merged({}, data),
        "description": data.get("description"),
        "setup_future_usage": data.get("setup_future_usage"),
        "_session": session["id"],
    }
    if session["amount_total"] == 0:
        session["payment_status"] = "no_payment_required"
        return
    if session["payment_intent"] is None:
        total, currency = session["amount_total"], session["currency"]
        made = charging.new_intent(world, total, currency, session["customer"], **about)
        session["payment_intent"] = made["id"]
    intent = world.get("payment_intent", session["payment_intent"])
    if error := charging.attempt(world, intent, method, off_session=False):
        raise error
    if intent["status"] == "requires_action":  # the customer is there and proves who it is
        charging.succeed(world, intent)
    session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"


def _subscribe(world: World, session: Object, method: Object) -> None:
    lines = session["_line_items"]
    recurring = [line for line in lines if line["price"]["recurring"]]
    items = [{"price": line["price"]["id"], "quantity": str(line["quantity"])} for line in recurring]
    prices = {line["price"]["id"]: line["price"] for line in recurring}
    was_active = {name: price["active"] for name, price in prices.items()}
    for price in prices.values():  # what `price_data` made is not for sale, but this session sells it
        price["active"] = True
    data: Any = session["_form"].get("subscription_data") or {}
    form = {**data, "items": items, "default_payment_method": method["id"]}
    form["automatic_tax"] = {"enabled": str(session["automatic_tax"]["enabled"]).lower()}
    subscription = subscriptions.begin(world, world.get("customer", session["customer"]), form)
    for name, price in prices.items():
        price["active"] = was_active[name]
    for line in lines:
        if not line["price"]["recurring"]:
            about = {"quantity": line["quantity"], "subscription": subscription["id"]}
            add_item(world, session["customer"], line["price"], line["amount_subtotal"], **about)
    if error := subscriptions.start(world, subscription, charge=True, off_session=False):
        raise error
    invoice = world.get("invoice", subscription["latest_invoice"])
    session.update(subscription=subscription["id"], invoice=invoice["id"])
    if "_payment_intent" not in invoice:
        session["payment_status"] = "no_payment_required"
        return
    intent = world.get("payment_intent", invoice["_payment_intent"])
    intent["_session"] = session["id"]
    if intent["status"] == "requires_action":  # the customer is there and proves who it is
        charging.succeed(world, intent)
        invoices.paid(world, invoice)
    session["payment_status"] = "paid" if invoice["status"] == "paid" else "unpaid"


def _set_up(world: World, session: Object, method: Object) -> None:
    fields = {"customer": session["customer"], "payment_method": method["id"], "usage": "off_session"}
    data = session["_form"].get("setup_intent_data") or {}
    intent = world.add("setup_intent", status="succeeded", metadata=merged({}, data), **fields)
    session["setup_intent"] = intent["id"]
    world.emit("setup_intent.succeeded", intent)

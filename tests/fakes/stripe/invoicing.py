"""Invoices as the API lists, makes, pays and previews them."""

from tests.fakes.stripe import invoices, standing, subscriptions
from tests.fakes.stripe.billing import draft, period_end, period_of, with_period
from tests.fakes.stripe.catalog import price_of
from tests.fakes.stripe.customers import PAGE, living, method_named
from tests.fakes.stripe.forms import flag, merged, page, required, text, whole
from tests.fakes.stripe.lines import add_item, waiting_items
from tests.fakes.stripe.proration import adopt, item_list, planned
from tests.fakes.stripe.shapes import Object, Route, invalid, listing
from tests.fakes.stripe.world import World

NONE_UPCOMING = "No upcoming invoices for customer"


def create_item(world: World, form: Object) -> Object:
    """Something to bill with the next invoice."""
    customer = living(world, text(form, "customer"), "customer")
    price = price_of(world, _priced(world, form), "price")
    quantity = whole(form, "quantity", 1)
    about = {"description": form.get("description"), "metadata": merged({}, form), "quantity": quantity}
    item = add_item(world, customer["id"], price, price["unit_amount"] * quantity, **about)
    item["_subscription"] = form.get("subscription")
    return item


def create(world: World, form: Object) -> Object:
    """A draft for a customer, with what waits for it where the form says so."""
    customer = living(world, text(form, "customer"), "customer")
    takes = form.get("pending_invoice_items_behavior", "exclude") == "include"
    items = waiting_items(world, customer["id"], None) if takes else []
    currency = form.get("currency") or customer["currency"] or "usd"
    lines = invoices.item_lines(world, items)
    taxed = flag(form.get("automatic_tax") or {}, "enabled")
    composed = invoices.compose(world, customer["id"], "manual", lines, currency, None, taxed, merged({}, form))
    return invoices.keep(world, composed, items)


def finalize(world: World, form: Object, name: str) -> Object:
    """Makes a draft due."""
    invoice = world.get("invoice", name)
    invoices.finalize(world, invoice)
    return invoice


def pay(world: World, form: Object, name: str) -> Object:
    """Charges an open invoice now. A declined card raises ApiError 402, and has happened."""
    invoice = world.get("invoice", name)
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "draft":
        invoices.finalize(world, invoice)
    if flag(form, "paid_out_of_band"):
        invoices.paid(world, invoice)
        return invoice
    method = method_named(world, form["payment_method"]) if form.get("payment_method") else None
    error = invoices.collect(world, invoice, method, flag(form, "off_session", True))
    if error:
        raise error
    return invoice


def void(world: World, form: Object, name: str) -> Object:
    """Takes an open invoice back."""
    invoices.close(world, world.get("invoice", name), "void")
    return world.get("invoice", name)


def write_off(world: World, form: Object, name: str) -> Object:
    """Gives an open invoice up."""
    invoices.close(world, world.get("invoice", name), "uncollectible")
    return world.get("invoice", name)


def preview(world: World, form: Object) -> Object:
    """The invoice that a change or the next renewal would make. Nothing happens."""
    with world.imagined():
        details = form.get("subscription_details") or {}
        if form.get("subscription"):
            invoice = _next(world, form["subscription"], details)
        else:
            invoice = _first(world, form, details)
        return {**invoice, "id": f"upcoming_{invoice['id']}"}


def list_all(world: World, form: Object) -> Object:
    """Invoices by customer, subscription and status."""
    found = [
        item
        for item in world.all("invoice")
        if form.get("customer") in (None, item["customer"])
        and form.get("status") in (None, item["status"])
        and form.get("subscription") in (None, (standing.subscription_of(world, item) or {}).get("id"))
    ]
    return page(found, form, "/v1/invoices")


def list_payments(world: World, form: Object) -> Object:
    """Which payments settled which invoices."""
    intent = (form.get("payment") or {}).get("payment_intent")
    found = [
        item
        for item in world.all("invoice_payment")
        if form.get("invoice") in (None, item["invoice"]) and intent in (None, item["payment"]["payment_intent"])
    ]
    return page(found, form, "/v1/invoice_payments")


def list_lines(world: World, form: Object, name: str) -> Object:
    """The lines of an invoice."""
    return listing(world.get("invoice", name)["lines"]["data"], f"/v1/invoices/{name}/lines")


def _next(world: World, name: str, form: Object) -> Object:
    subscription = world.get("subscription", name, "subscription")
    if subscription["status"] in standing.ENDED:
        raise invalid(NONE_UPCOMING, code="invoice_upcoming_none")
    if "items" in form or form.get("billing_cycle_anchor") == "now":
        plan = planned(world, subscription, form)
        subscription.update(adopt(world, subscription, plan))
        if plan.billed_now and subscription["status"] != "trialing":
            return draft(world, subscription, "subscription_update", plan.restarts)[0]
    elif subscription["cancel_at_period_end"]:
        raise invalid(NONE_UPCOMING, code="invoice_upcoming_none")
    items, start = subscription["items"]["data"], period_of(subscription)[1]
    end = period_end(items, subscription["billing_cycle_anchor"], start)
    subscription.update(items=item_list(name, with_period(items, start, end)), status="active")
    return draft(world, subscription, "upcoming", True)[0]


def _first(world: World, form: Object, details: Object) -> Object:
    if not details.get("items"):
        raise required("subscription_details[items]")
    customer = living(world, text(form, "customer"), "customer")
    subscription = subscriptions.begin(world, customer, details)
    return draft(world, subscription, "upcoming", True)[0]


def _priced(world: World, form: Object) -> Object:
    """An item by price (`pricing[price]` in current versions), or by an amount alone."""
    named = (form.get("pricing") or {}).get("price") or form.get("price")
    if named:
        return {"price": named}
    if "price_data" in form:
        return form
    currency = form.get("currency", "usd")
    product = {"name": form.get("description") or "Item"}
    return {"price_data": {"currency": currency, "unit_amount": form.get("amount", ""), "product_data": product}}


ITEM = "customer price pricing price_data amount currency quantity description metadata subscription"
ROUTES = [
    Route("POST", "/v1/invoiceitems", create_item, ITEM),
    Route("GET", "/v1/invoiceitems/*", lambda world, form, name: world.get("invoiceitem", name)),
    Route(
        "POST",
        "/v1/invoices",
        create,
        "customer currency metadata pending_invoice_items_behavior automatic_tax auto_advance collection_method",
    ),
    Route("GET", "/v1/invoices", list_all, f"customer subscription status {PAGE}"),
    Route("POST", "/v1/invoices/create_preview", preview, "customer subscription subscription_details automatic_tax"),
    Route("GET", "/v1/invoices/*", lambda world, form, name: world.get("invoice", name)),
    Route("GET", "/v1/invoices/*/lines", list_lines, PAGE),
    Route("POST", "/v1/invoices/*/finalize", finalize, "auto_advance"),
    Route("POST", "/v1/invoices/*/pay", pay, "payment_method off_session paid_out_of_band"),
    Route("POST", "/v1/invoices/*/void", void),
    Route("POST", "/v1/invoices/*/mark_uncollectible", write_off),
    Route("GET", "/v1/invoice_payments", list_payments, f"invoice payment status {PAGE}"),
    Route("GET", "/v1/invoice_payments/*", lambda world, form, name: world.get("invoice_payment", name)),
]

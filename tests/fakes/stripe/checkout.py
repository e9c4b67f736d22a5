"""Checkout sessions as the API makes, lists and expires them."""

from tests.fakes.stripe.catalog import price_of
from tests.fakes.stripe.clock import DAY_SECONDS
from tests.fakes.stripe.customers import PAGE, living
from tests.fakes.stripe.forms import flag, merged, page, required, text, whole
from tests.fakes.stripe.shapes import Object, Route, invalid, listing
from tests.fakes.stripe.world import World

MODES = ("payment", "subscription", "setup")
PARAMS = (
    "mode line_items customer customer_email customer_creation success_url cancel_url client_reference_id metadata"
    " subscription_data payment_intent_data setup_intent_data expires_at automatic_tax allow_promotion_codes currency"
    " billing_address_collection payment_method_types payment_method_collection customer_update locale ui_mode"
    " return_url saved_payment_method_options submit_type tax_id_collection adaptive_pricing"
)


def create(world: World, form: Object) -> Object:
    """An open session; its `url` is where the customer goes."""
    mode = text(form, "mode")
    if mode not in MODES:
        raise invalid(f"Invalid mode: must be one of {', '.join(MODES)}", "mode")
    if form.get("customer") and form.get("customer_email"):
        raise invalid("You may only specify one of these parameters: customer, customer_email.")
    text(form, "success_url")
    for name, only in (("subscription_data", "subscription"), ("payment_intent_data", "payment")):
        if name in form and mode != only:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
    return add_session(world, form, mode, priced(world, form, mode))


def add_session(world: World, form: Object, mode: str, lines: list[Object], link: str | None = None) -> Object:
    """A session over lines that were priced."""
    customer = living(world, form["customer"], "customer")["id"] if form.get("customer") else None
    subtotal = sum(line["amount_subtotal"] for line in lines)
    taxed = flag(form.get("automatic_tax") or {}, "enabled")
    tax = subtotal * world.tax_percent // 100 if taxed else 0
    email = form.get("customer_email")
    session = world.add(
        "checkout.session",
        amount_subtotal=subtotal if lines else None,
        amount_total=subtotal + tax if lines else None,
        automatic_tax={"enabled": taxed, "status": None},
        cancel_url=form.get("cancel_url"),
        client_reference_id=form.get("client_reference_id"),
        currency=lines[0]["currency"] if lines else form.get("currency"),
        customer=customer,
        customer_details={"email": email} if email else None,
        customer_email=email,
        expires_at=whole(form, "expires_at", world.now + DAY_SECONDS),
        invoice=None,
        metadata=merged({}, form),
        mode=mode,
        payment_intent=None,
        payment_link=link,
        payment_method_types=["card"],
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        setup_intent=None,
        status="open",
        subscription=None,
        success_url=form.get("success_url"),
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": tax},
        ui_mode="hosted_page",
        _form=form,
        _line_items=lines,
    )
    session["url"] = f"{world.address}/c/pay/{session['id']}"
    return session


def priced(world: World, form: Object, mode: str) -> list[Object]:
    """The lines of a form with their prices. Raises ApiError where they do not fit the mode."""
    given = form.get("line_items") or []
    if mode != "setup" and not given:
        raise required("line_items")
    lines = [_line(world, item, place) for place, item in enumerate(given)]
    recurring = [line["price"]["recurring"] is not None for line in lines]
    if mode == "payment" and any(recurring):
        raise invalid("You specified `payment` mode but passed a recurring price.", "mode")
    if mode == "subscription" and not any(recurring):
        raise invalid("You must provide at least one recurring price in `subscription` mode.", "mode")
    return lines


def expire(world: World, form: Object, name: str) -> Object:
    """Nobody can complete the session any more."""
    session = world.get("checkout.session", name)
    if session["status"] != "open":
        raise invalid(f'Only Checkout Sessions with a status in ["open"] can be expired. It is {session["status"]}.')
    session.update(status="expired", url=None)
    world.emit("checkout.session.expired", session)
    return session


def _line(world: World, item: Object, place: int) -> Object:
    price, quantity = price_of(world, item, f"line_items[{place}]"), whole(item, "quantity", 1)
    amount = price["unit_amount"] * quantity
    product = world.get("product", price["product"])
    return {
        "id": world.name("item"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "price": price,
        "quantity": quantity,
    }


def list_sessions(world: World, form: Object) -> Object:
    """Sessions by customer, payment intent, subscription, payment link and status."""
    names = [name for name in ("customer", "payment_intent", "subscription", "payment_link", "status") if name in form]
    found = [item for item in world.all("checkout.session") if all(item[name] == form[name] for name in names)]
    return page(found, form, "/v1/checkout/sessions")


def list_lines(world: World, form: Object, name: str) -> Object:
    """The lines of a session."""
    lines = world.get("checkout.session", name)["_line_items"]
    return listing(lines, f"/v1/checkout/sessions/{name}/line_items")


FILTERS = "customer payment_intent subscription payment_link status"
ROUTES = [
    Route("POST", "/v1/checkout/sessions", create, PARAMS),
    Route("GET", "/v1/checkout/sessions", list_sessions, f"{FILTERS} {PAGE}"),
    Route("GET", "/v1/checkout/sessions/*", lambda world, form, name: world.get("checkout.session", name)),
    Route("GET", "/v1/checkout/sessions/*/line_items", list_lines, PAGE),
    Route("POST", "/v1/checkout/sessions/*/expire", expire),
]

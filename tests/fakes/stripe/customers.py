"""Customers and the payment methods that they pay with."""

from tests.fakes.stripe.forms import merged, page, text
from tests.fakes.stripe.shapes import Object, Route, card_error, invalid
from tests.fakes.stripe.world import TEST_CARDS, Outcome, World

CUSTOMER = "email name description phone metadata invoice_settings payment_method address"
PAGE = "limit starting_after ending_before created"


def create_customer(world: World, form: Object) -> Object:
    """A customer, perhaps with a payment method at once."""
    customer = world.add(
        "customer",
        email=form.get("email") or None,
        name=form.get("name") or None,
        phone=form.get("phone") or None,
        description=form.get("description") or None,
        address=form.get("address") or None,
        metadata=merged({}, form),
        invoice_settings={"default_payment_method": None, "custom_fields": None, "footer": None},
        balance=0,
        currency=None,
        delinquent=False,
        default_source=None,
        invoice_prefix=f"F{world.made:07d}",
    )
    if form.get("payment_method"):
        attach(world, {"customer": customer["id"]}, form["payment_method"])
    _set_default(world, customer, form)
    world.emit("customer.created", customer)
    return customer


def update_customer(world: World, form: Object, name: str) -> Object:
    """Changes what is known of a customer, and what it pays with by default."""
    customer = living(world, name)
    before = dict(customer["invoice_settings"])
    _set_default(world, customer, form)
    after, customer["invoice_settings"] = customer["invoice_settings"], before
    changes = {key: form[key] or None for key in ("email", "name", "phone", "description", "address") if key in form}
    metadata = merged(customer["metadata"], form)
    world.change(customer, "customer.updated", invoice_settings=after, metadata=metadata, **changes)
    return customer


def living(world: World, name: str, param: str = "id") -> Object:
    """A customer that was not deleted."""
    customer = world.get("customer", name, param)
    if customer.get("deleted"):
        raise invalid(f"No such customer: '{name}'", param=param, code="resource_missing")
    return customer


def list_customers(world: World, form: Object) -> Object:
    """Customers that were not deleted, by e-mail address."""
    found = [item for item in world.all("customer") if not item.get("deleted")]
    return page([item for item in found if form.get("email") in (None, item["email"])], form, "/v1/customers")


def create_payment_method(world: World, form: Object) -> Object:
    """A card. Its number decides nothing here: `Outcome` does, or one of Stripe's test payment methods."""
    kind = text(form, "type")
    return new_card(world, Outcome.SUCCEEDED, kind, merged({}, form))


def new_card(world: World, outcome: Outcome, kind: str = "card", metadata: Object | None = None) -> Object:
    """A payment method that is charged with this outcome."""
    return world.add(
        "payment_method",
        type=kind,
        customer=None,
        billing_details={"address": None, "email": None, "name": None, "phone": None},
        allow_redisplay="unspecified",
        metadata=metadata or {},
        _outcome=outcome,
        **{kind: {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2040, "funding": "credit"}},
    )


def method_named(world: World, name: str, param: str = "payment_method") -> Object:
    """A payment method by its id; a test payment method's name makes a new one."""
    if name in TEST_CARDS:
        return new_card(world, Outcome(TEST_CARDS[name]))
    return world.get("payment_method", name, param)


def attach(world: World, form: Object, name: str) -> Object:
    """Gives a payment method to a customer."""
    customer = living(world, text(form, "customer"), "customer")
    if name == "pm_card_chargeDeclined":
        raise card_error("card_declined", "generic_decline", "Your card was declined.")
    method = method_named(world, name, "id")
    if method["customer"] not in (None, customer["id"]):
        raise invalid("The payment method you provided has already been attached to a customer.", "payment_method")
    world.change(method, "payment_method.attached", customer=customer["id"])
    return method


def detach(world: World, form: Object, name: str) -> Object:
    """Takes a payment method away from its customer, for good."""
    method = world.get("payment_method", name)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    settings = world.get("customer", method["customer"])["invoice_settings"]
    if settings["default_payment_method"] == name:
        settings["default_payment_method"] = None
    world.change(method, "payment_method.detached", customer=None, _outcome=Outcome.DECLINED)
    return method


def update_method(world: World, form: Object, name: str) -> Object:
    """Changes a payment method's metadata."""
    method = world.get("payment_method", name)
    world.change(method, "payment_method.updated", metadata=merged(method["metadata"], form))
    return method


def list_methods(world: World, form: Object, customer: str = "") -> Object:
    """The payment methods of a customer, or of whom the form names."""
    owner = customer or form.get("customer")
    found = [method for method in world.all("payment_method") if owner and method["customer"] == owner]
    return page([method for method in found if form.get("type") in (None, method["type"])], form, "/v1/payment_methods")


def _set_default(world: World, customer: Object, form: Object) -> None:
    settings = form.get("invoice_settings") or {}
    if "default_payment_method" not in settings:
        return
    name = settings["default_payment_method"]
    if name:
        method = method_named(world, name, "invoice_settings[default_payment_method]")
        if method["customer"] != customer["id"]:
            message = f"The customer does not have a payment method with the ID {name}."
            raise invalid(message, "invoice_settings[default_payment_method]", "resource_missing")
        name = method["id"]
    customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": name or None}


ROUTES = [
    Route("POST", "/v1/customers", create_customer, CUSTOMER),
    Route("GET", "/v1/customers", list_customers, f"email {PAGE}"),
    Route("GET", "/v1/customers/*", lambda world, form, name: world.get("customer", name)),
    Route("POST", "/v1/customers/*", update_customer, CUSTOMER.replace(" payment_method", "")),
    Route("GET", "/v1/customers/*/payment_methods", list_methods, f"type {PAGE}"),
    Route("POST", "/v1/payment_methods", create_payment_method, "type card billing_details metadata"),
    Route("GET", "/v1/payment_methods", list_methods, f"customer type {PAGE}"),
    Route("GET", "/v1/payment_methods/*", lambda world, form, name: world.get("payment_method", name)),
    Route("POST", "/v1/payment_methods/*", update_method, "metadata"),
    Route("POST", "/v1/payment_methods/*/attach", attach, "customer"),
    Route("POST", "/v1/payment_methods/*/detach", detach),
]

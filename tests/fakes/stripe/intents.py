"""Payment intents as the API makes and confirms them, and what else moves when one ends."""

from tests.fakes.stripe import charging, invoices, paying
from tests.fakes.stripe.customers import PAGE, attach, living, method_named
from tests.fakes.stripe.forms import flag, merged, page, text, whole
from tests.fakes.stripe.shapes import ApiError, Object, Route, invalid
from tests.fakes.stripe.world import Outcome, World

SMALLEST_AMOUNT = 50
CONFIRM = (
    "payment_method off_session return_url error_on_requires_action setup_future_usage mandate_data use_stripe_sdk"
)
CHANGEABLE = "amount currency customer metadata description receipt_email setup_future_usage payment_method"
CREATE = (
    f"{CONFIRM} amount currency customer metadata description receipt_email confirm payment_method_types"
    " automatic_payment_methods statement_descriptor statement_descriptor_suffix"
)


def create(world: World, form: Object) -> Object:
    """An intent to be paid, confirmed at once where the form says so."""
    amount, currency = whole(form, "amount"), text(form, "currency").lower()
    if amount < SMALLEST_AMOUNT:
        raise invalid(
            f"Amount must be at least {SMALLEST_AMOUNT} in the currency's unit.", "amount", "amount_too_small"
        )
    confirms = flag(form, "confirm")
    if "off_session" in form and not confirms:
        raise invalid("You cannot set `off_session` when `confirm` is not true.", "off_session")
    customer = living(world, form["customer"], "customer")["id"] if form.get("customer") else None
    method = _method(world, form, customer)
    if confirms and method is None:
        raise _missing_method()
    about = {name: form.get(name) for name in ("description", "receipt_email", "setup_future_usage")}
    intent = charging.new_intent(world, amount, currency, customer, metadata=merged({}, form), **about)
    if method:
        intent.update(payment_method=method["id"], status="requires_confirmation")
    return confirm(world, form, intent["id"]) if confirms else intent


def confirm(world: World, form: Object, name: str) -> Object:
    """Tries to charge. A declined try raises ApiError 402, and has happened."""
    intent = world.get("payment_intent", name)
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        message = f"This PaymentIntent's status is {intent['status']} and cannot be confirmed."
        raise invalid(message, code="payment_intent_unexpected_state")
    method = _method(world, form, intent["customer"])
    if method is None and intent["payment_method"] is None:
        raise _missing_method()
    method = method or world.get("payment_method", intent["payment_method"])
    strict = flag(form, "off_session") or flag(form, "error_on_requires_action")
    error = charging.attempt(world, intent, method, strict)
    saves = form.get("setup_future_usage") or intent["setup_future_usage"]
    if saves and intent["customer"] and intent["status"] == "succeeded" and method["customer"] is None:
        attach(world, {"customer": intent["customer"]}, method["id"])
    settled(world, intent, error)
    if error:
        raise error
    return intent


def cancel(world: World, form: Object, name: str) -> Object:
    """Gives an intent up that was not paid."""
    intent = world.get("payment_intent", name)
    if intent["status"] in ("succeeded", "canceled", "processing"):
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise invalid(message, code="payment_intent_unexpected_state")
    charging.cancel(world, intent, form.get("cancellation_reason"))
    return intent


def update(world: World, form: Object, name: str) -> Object:
    """Changes an intent that is not paid yet, or the metadata of any."""
    intent = world.get("payment_intent", name)
    names = ("currency", "description", "receipt_email", "setup_future_usage")
    changes: Object = {key: form[key] or None for key in names if key in form}
    if "amount" in form:
        changes["amount"] = whole(form, "amount")
    if changes and intent["status"] in ("succeeded", "canceled", "processing"):
        message = f"This PaymentIntent could not be updated because it has a status of {intent['status']}."
        raise invalid(message, code="payment_intent_unexpected_state")
    if method := _method(world, form, intent["customer"]):
        changes |= {"payment_method": method["id"], "status": "requires_confirmation"}
    intent.update(changes, metadata=merged(intent["metadata"], form))
    return intent


def authenticate(world: World, intent: Object, succeeded: bool) -> None:
    """The customer proves who it is, or fails to."""
    if intent["status"] != "requires_action":
        raise invalid(f"Nothing to authenticate: the PaymentIntent is {intent['status']}.")
    _end(world, intent, succeeded, Outcome.AUTHENTICATION_REQUIRED)


def settle(world: World, intent: Object, succeeded: bool) -> None:
    """The bank's slow answer arrives."""
    if intent["status"] != "processing":
        raise invalid(f"Nothing to settle: the PaymentIntent is {intent['status']}.")
    _end(world, intent, succeeded, Outcome.DECLINED)


def settled(world: World, intent: Object, error: ApiError | None) -> None:
    """Carries an intent's end to the invoice or the session that it was for."""
    if intent["status"] not in ("succeeded", "requires_payment_method"):
        return
    if "_invoice" in intent:
        invoice = world.get("invoice", intent["_invoice"])
        if intent["status"] == "succeeded":
            invoices.paid(world, invoice)
        else:
            invoices.failed(world, invoice, error)
    if "_session" in intent:
        session = world.get("checkout.session", intent["_session"])
        if session["payment_status"] == "unpaid":
            paying.settled(world, session, intent["status"] == "succeeded")


def list_all(world: World, form: Object) -> Object:
    """Intents by customer."""
    found = [item for item in world.all("payment_intent") if form.get("customer") in (None, item["customer"])]
    return page(found, form, "/v1/payment_intents")


def create_setup(world: World, form: Object) -> Object:
    """Keeps a payment method for later, without a charge."""
    customer = living(world, form["customer"], "customer")["id"] if form.get("customer") else None
    method = method_named(world, form["payment_method"]) if form.get("payment_method") else None
    confirms = flag(form, "confirm")
    if confirms and method is None:
        raise _missing_method()
    if confirms and customer and method:
        attach(world, {"customer": customer}, method["id"])
    intent = world.add(
        "setup_intent",
        customer=customer,
        metadata=merged({}, form),
        payment_method=method["id"] if method else None,
        status="succeeded" if confirms else "requires_confirmation" if method else "requires_payment_method",
        usage=form.get("usage", "off_session"),
    )
    intent["client_secret"] = f"{intent['id']}_secret_{world.salt}"
    world.emit("setup_intent.created", intent)
    if confirms:
        world.emit("setup_intent.succeeded", intent)
    return intent


def _end(world: World, intent: Object, succeeded: bool, outcome: Outcome) -> None:
    error = None
    if succeeded:
        charging.succeed(world, intent)
    else:
        error = charging.decline(world, intent, outcome)
    settled(world, intent, error)


def _method(world: World, form: Object, customer: str | None) -> Object | None:
    """The payment method that the form names. It must be nobody's or this customer's."""
    if not form.get("payment_method"):
        return None
    method = method_named(world, form["payment_method"])
    if method["customer"] not in (None, customer):
        message = "The payment method supplied belongs to another customer: the PaymentIntent must name that customer."
        raise invalid(message, "payment_method")
    if flag(form, "off_session") and customer and method["customer"] is None:
        message = "The payment method must be attached to the customer to be used off-session."
        raise invalid(message, "payment_method")
    return method


def _missing_method() -> ApiError:
    message = "You cannot confirm this PaymentIntent because it's missing a payment method."
    return invalid(message, code="payment_intent_unexpected_state")


ROUTES = [
    Route("POST", "/v1/payment_intents", create, CREATE),
    Route("GET", "/v1/payment_intents", list_all, f"customer {PAGE}"),
    Route("GET", "/v1/payment_intents/*", lambda world, form, name: world.get("payment_intent", name)),
    Route("POST", "/v1/payment_intents/*", update, CHANGEABLE),
    Route("POST", "/v1/payment_intents/*/confirm", confirm, CONFIRM),
    Route("POST", "/v1/payment_intents/*/cancel", cancel, "cancellation_reason"),
    Route("POST", "/v1/setup_intents", create_setup, "customer payment_method confirm usage metadata return_url"),
    Route("GET", "/v1/setup_intents/*", lambda world, form, name: world.get("setup_intent", name)),
]

"""One payment: an intent, its tries as charges, and how a try ends."""

from tests.fakes.stripe.shapes import ApiError, Object, card_error
from tests.fakes.stripe.world import Outcome, World

DECLINES = {
    Outcome.DECLINED: ("card_declined", "generic_decline", "Your card was declined."),
    Outcome.INSUFFICIENT_FUNDS: ("card_declined", "insufficient_funds", "Your card has insufficient funds."),
    Outcome.AUTHENTICATION_REQUIRED: (
        "authentication_required",
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}


def new_intent(world: World, amount: int, currency: str, customer: str | None, **fields: object) -> Object:
    """An intent that has no payment method yet."""
    intent = world.add(
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_received=0,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic",
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        **{"description": None, "metadata": {}, "receipt_email": None, "setup_future_usage": None, **fields},
        last_payment_error=None,
        latest_charge=None,
        next_action=None,
        payment_method=None,
        payment_method_types=["card"],
        processing=None,
        status="requires_payment_method",
    )
    intent["client_secret"] = f"{intent['id']}_secret_{world.salt}"
    world.emit("payment_intent.created", intent)
    return intent


def attempt(world: World, intent: Object, method: Object, off_session: bool) -> ApiError | None:
    """Tries to charge. An error is returned, not raised: the declined intent stays as what happened."""
    outcome = world.forced or method["_outcome"]
    intent.update(payment_method=method["id"], last_payment_error=None, next_action=None)
    if outcome is Outcome.PROCESSING:
        intent.update(status="processing")
        world.emit("payment_intent.processing", intent)
        return None
    if outcome is Outcome.AUTHENTICATION_REQUIRED and not off_session:
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        intent.update(status="requires_action", next_action=action)
        world.emit("payment_intent.requires_action", intent)
        return None
    if outcome is Outcome.SUCCEEDED:
        succeed(world, intent)
        return None
    return decline(world, intent, outcome)


def succeed(world: World, intent: Object) -> None:
    """The money is there."""
    charge = _charge(world, intent, status="succeeded", paid=True, captured=True)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        next_action=None,
        last_payment_error=None,
    )
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)


def decline(world: World, intent: Object, outcome: Outcome) -> ApiError:
    """The bank refused: the intent asks for another payment method."""
    code, decline_code, message = DECLINES[outcome]
    charge = _charge(world, intent, status="failed", paid=False, captured=False)
    charge.update(failure_code=code, failure_message=message)
    method = world.get("payment_method", intent["payment_method"])
    error = {
        "type": "card_error",
        "code": code,
        "decline_code": decline_code,
        "message": message,
        "charge": charge["id"],
        "payment_method": method,
    }
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        last_payment_error=error,
        latest_charge=charge["id"],
        next_action=None,
    )
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    details = {"payment_intent": intent, "payment_method": method, "charge": charge["id"]}
    return card_error(code, decline_code, message, **details)


def cancel(world: World, intent: Object, reason: str | None) -> None:
    """The intent will never be charged."""
    intent.update(status="canceled", canceled_at=world.now, cancellation_reason=reason, next_action=None)
    world.emit("payment_intent.canceled", intent)


def _charge(world: World, intent: Object, **fields: object) -> Object:
    return world.add(
        "charge",
        amount=intent["amount"],
        amount_captured=intent["amount"] if fields["paid"] else 0,
        amount_refunded=0,
        balance_transaction=None,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        dispute=None,
        disputed=False,
        failure_code=None,
        failure_message=None,
        metadata=dict(intent["metadata"]),
        payment_intent=intent["id"],
        payment_method=intent["payment_method"],
        receipt_url=None,
        refunded=False,
        _invoice=intent.get("_invoice"),
        **fields,
    )

"""Money that goes back: refunds and disputes."""

from collections.abc import Callable

from tests.fakes.stripe.customers import PAGE
from tests.fakes.stripe.forms import merged, page, required, whole
from tests.fakes.stripe.shapes import Object, Route, identity, invalid
from tests.fakes.stripe.world import World

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
WARNED = ("won", "lost")


def create_refund(world: World, form: Object) -> Object:
    """Gives back a charge or a part of it; several parts may not exceed the whole."""
    charge = charge_of(world, form)
    if not charge["paid"]:
        raise invalid(f"Charge {charge['id']} has not succeeded and cannot be refunded.", "charge")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if charge["disputed"]:
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    amount = whole(form, "amount", left)
    if not 0 < amount <= left:
        raise invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", "amount")
    if form.get("reason") not in (None, *REASONS):
        raise invalid(f"Invalid reason: must be one of {', '.join(REASONS)}", "reason")
    refund = world.add(
        "refund",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        metadata=merged({}, form),
        payment_intent=charge["payment_intent"],
        reason=form.get("reason"),
        receipt_number=None,
        status="succeeded",
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge, {"amount_refunded": charge["amount_refunded"] - amount})
    return refund


def fail_refund(world: World, refund: Object) -> None:
    """The bank sent the refund back: the charge counts as paid again by so much."""
    charge = world.get("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    refund.update(status="failed", failure_reason="lost_or_stolen_card")
    world.emit("refund.updated", refund, {"status": "succeeded"})
    world.emit("refund.failed", refund)


def charge_of(world: World, form: Object) -> Object:
    """The charge that a form names, or the last one of the intent that it names."""
    if form.get("charge"):
        return world.get("charge", form["charge"], "charge")
    if not form.get("payment_intent"):
        raise required("payment_intent")
    intent = world.get("payment_intent", form["payment_intent"], "payment_intent")
    if not intent["latest_charge"]:
        raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return world.get("charge", intent["latest_charge"])


def open_dispute(world: World, charge: Object, amount: int | None, reason: str) -> Object:
    """The customer's bank takes the money back until it is decided."""
    dispute = world.add(
        "dispute",
        amount=charge["amount"] if amount is None else amount,
        charge=charge["id"],
        currency=charge["currency"],
        evidence={},
        is_charge_refundable=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="needs_response",
    )
    charge.update(disputed=True, dispute=dispute["id"])
    world.emit("charge.dispute.created", dispute)
    world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(world: World, dispute: Object, won: bool) -> None:
    """It is decided; what was won comes back."""
    if dispute["status"] in WARNED:
        raise invalid(f"Dispute {dispute['id']} is already closed.")
    dispute["status"] = "won" if won else "lost"
    if won:
        world.emit("charge.dispute.funds_reinstated", dispute)
    world.emit("charge.dispute.closed", dispute)


def list_of_payment(kind: str) -> Callable[[World, Object], Object]:
    """Refunds or disputes or charges, by charge, intent or customer."""

    def listed(world: World, form: Object) -> Object:
        names = [name for name in ("charge", "payment_intent", "customer") if form.get(name)]
        found = [item for item in world.all(kind) if all(identity(item.get(name)) == form[name] for name in names)]
        return page(found, form, f"/v1/{kind}s")

    return listed


def update_refund(world: World, form: Object, name: str) -> Object:
    """Changes a refund's metadata."""
    refund = world.get("refund", name)
    world.change(refund, "refund.updated", metadata=merged(refund["metadata"], form))
    return refund


def lose(world: World, form: Object, name: str) -> Object:
    """Gives up a dispute."""
    dispute = world.get("dispute", name)
    close_dispute(world, dispute, won=False)
    return dispute


ROUTES = [
    Route("POST", "/v1/refunds", create_refund, "charge payment_intent amount reason metadata"),
    Route("GET", "/v1/refunds", list_of_payment("refund"), f"charge payment_intent {PAGE}"),
    Route("GET", "/v1/refunds/*", lambda world, form, name: world.get("refund", name)),
    Route("POST", "/v1/refunds/*", update_refund, "metadata"),
    Route("GET", "/v1/disputes", list_of_payment("dispute"), f"charge payment_intent {PAGE}"),
    Route("GET", "/v1/disputes/*", lambda world, form, name: world.get("dispute", name)),
    Route("POST", "/v1/disputes/*/close", lose),
    Route("GET", "/v1/charges", list_of_payment("charge"), f"payment_intent customer {PAGE}"),
    Route("GET", "/v1/charges/*", lambda world, form, name: world.get("charge", name)),
]

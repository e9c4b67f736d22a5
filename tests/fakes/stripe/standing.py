"""What a subscription's status becomes when its invoices are paid or are not."""

from tests.fakes.stripe.shapes import Object
from tests.fakes.stripe.world import World

ENDED = ("canceled", "incomplete_expired")


def subscription_of(world: World, invoice: Object) -> Object | None:
    """The subscription that an invoice is for."""
    details = (invoice["parent"] or {}).get("subscription_details")
    return world.get("subscription", details["subscription"]) if details else None


def after_payment(world: World, invoice: Object) -> None:
    """A paid invoice makes its subscription active, unless others of it are still open."""
    subscription = subscription_of(world, invoice)
    if subscription is None or subscription["status"] in ENDED:
        return
    owed = [other for other in world.all("invoice") if other["status"] == "open" and other["id"] != invoice["id"]]
    if any(subscription_of(world, other) is subscription for other in owed):
        return
    if subscription["status"] in ("incomplete", "past_due", "unpaid"):
        world.change(subscription, "customer.subscription.updated", status="active")
    if (pending := subscription["pending_update"]) and pending["_invoice"] == invoice["id"]:
        items = {**subscription["items"], "data": pending["_items"]}
        world.change(subscription, "customer.subscription.updated", items=items, pending_update=None)
        world.emit("customer.subscription.pending_update_applied", subscription)


def after_failure(world: World, invoice: Object) -> None:
    """An unpaid invoice: the first one leaves a subscription incomplete, a later one past due and tried again."""
    subscription = subscription_of(world, invoice)
    if subscription is None or subscription["pending_update"]:
        return
    if subscription["status"] in ("active", "trialing"):
        world.change(subscription, "customer.subscription.updated", status="past_due")


def when_given_up(world: World, invoice: Object) -> None:
    """The last try has failed: what the account's settings say becomes of the subscription."""
    subscription = subscription_of(world, invoice)
    if subscription is None or subscription["status"] != "past_due":
        return
    if world.dunning.in_the_end == "canceled":
        end(world, subscription, "payment_failed")
    else:
        world.change(subscription, "customer.subscription.updated", status=world.dunning.in_the_end)


def end(world: World, subscription: Object, reason: str, status: str = "canceled", **details: object) -> None:
    """The subscription is over, and so is its schedule."""
    schedule = subscription["schedule"]
    kept = {**subscription["cancellation_details"], "reason": reason, **details}
    subscription.update(
        status=status,
        ended_at=world.now,
        canceled_at=subscription["canceled_at"] or world.now,
        cancellation_details=kept,
        pending_update=None,
        schedule=None,
    )
    incomplete = status == "incomplete_expired"
    world.emit("customer.subscription.updated" if incomplete else "customer.subscription.deleted", subscription)
    for item in world.all("invoiceitem"):
        if item["_subscription"] == subscription["id"] and item["invoice"] is None:
            del world.objects["invoiceitem"][item["id"]]
    for invoice in world.all("invoice"):
        if subscription_of(world, invoice) is subscription and invoice["status"] == "open":
            invoice.update(auto_advance=False, next_payment_attempt=None)
    if schedule:
        ended = world.get("subscription_schedule", schedule)
        canceled = {"status": "canceled", "canceled_at": world.now, "current_phase": None}
        world.change(ended, "subscription_schedule.canceled", **canceled)

"""Periods of a subscription and the invoices for them."""

import copy

from tests.fakes.stripe.clock import next_end
from tests.fakes.stripe.invoices import close, collect, compose, finalize, item_lines, keep
from tests.fakes.stripe.lines import line_of_subscription, waiting_items
from tests.fakes.stripe.shapes import ApiError, Object
from tests.fakes.stripe.world import World

UPDATED = "customer.subscription.updated"


def amount_of(item: Object) -> int:
    """What an item costs for a whole period."""
    return int(item["price"]["unit_amount"] * item["quantity"])


def period_of(subscription: Object) -> tuple[int, int]:
    """The current period, which all items share: start, and end (not included)."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def with_period(items: list[Object], start: int, end: int) -> list[Object]:
    """Copies of items in another period."""
    return [{**item, "current_period_start": start, "current_period_end": end} for item in items]


def period_end(items: list[Object], anchor: int, after: int) -> int:
    """When the period that runs at `after` ends, counted from the anchor."""
    recurring = items[0]["price"]["recurring"]
    return next_end(anchor, recurring["interval"], recurring["interval_count"], after)


def draft(world: World, subscription: Object, reason: str, for_period: bool) -> tuple[Object, list[Object]]:
    """The invoice for what waits and, perhaps, for the current period; and the items it bills. Nothing is kept."""
    items = waiting_items(world, subscription["customer"], subscription["id"])
    lines = item_lines(world, items)
    if for_period:
        free = subscription["status"] == "trialing"
        parts = subscription["items"]["data"]
        lines += [line_of_subscription(world, subscription, part, 0 if free else amount_of(part)) for part in parts]
    taxed = subscription["automatic_tax"]["enabled"]
    currency = subscription["currency"]
    invoice = compose(world, subscription["customer"], reason, lines, currency, subscription, taxed)
    return invoice, items


def bill(
    world: World,
    subscription: Object,
    reason: str,
    changes: Object,
    *,
    for_period: bool,
    event: str = UPDATED,
    charge: bool = True,
    off_session: bool = True,
) -> ApiError | None:
    """Changes a subscription, tells of it, and issues the invoice for it. A declined payment is returned."""
    previous = {name: copy.deepcopy(subscription[name]) for name in changes if subscription[name] != changes[name]}
    subscription.update(changes)
    invoice, items = draft(world, subscription, reason, for_period)
    previous["latest_invoice"], subscription["latest_invoice"] = subscription["latest_invoice"], invoice["id"]
    world.emit(event, subscription, previous if event == UPDATED else None)
    keep(world, invoice, items)
    paused = subscription["pause_collection"] if reason == "subscription_cycle" else None
    if subscription["status"] == "unpaid" or (paused and paused["behavior"] == "keep_as_draft"):
        return None
    finalize(world, invoice)
    if paused and invoice["status"] == "open":
        close(world, invoice, "void" if paused["behavior"] == "void" else "uncollectible")
    return collect(world, invoice, off_session=off_session) if charge else None

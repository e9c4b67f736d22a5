"""What time brings: renewals, tries again, ends of trials, phases, sessions. Each at its own instant, in order."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.fakes.stripe import checkout, invoices, schedules, standing
from tests.fakes.stripe.billing import UPDATED, bill, period_end, period_of, with_period
from tests.fakes.stripe.clock import DAY_SECONDS
from tests.fakes.stripe.proration import item_list
from tests.fakes.stripe.shapes import Object
from tests.fakes.stripe.subscriptions import INCOMPLETE_SECONDS
from tests.fakes.stripe.world import World

TRIAL_NOTICE_SECONDS = 3 * DAY_SECONDS
RENEWED = ("active", "past_due", "unpaid")


class Due(NamedTuple):
    """Something that falls due: at equal times the lower rank goes first, so that an end comes before a renewal."""

    at: int
    rank: int
    name: str
    happens: Callable[[World, Object], None]
    about: Object


def catch_up(world: World, until: int) -> None:
    """Lets everything happen that is due by then; `world.now` is the instant of each."""
    while due := min((item for item in _dues(world) if item.at <= until), key=lambda item: item[:3], default=None):
        world.past = due.at
        try:
            due.happens(world, due.about)
        finally:
            world.past = None


def _dues(world: World) -> Iterator[Due]:
    for session in world.all("checkout.session"):
        if session["status"] == "open":
            yield Due(session["expires_at"], 0, session["id"], _expire, session)
    for schedule in world.all("subscription_schedule"):
        if schedule["status"] == "active":
            yield Due(schedule["current_phase"]["end_date"], 2, schedule["id"], schedules.turn, schedule)
    for invoice in world.all("invoice"):
        if invoice["status"] == "open" and invoice["next_payment_attempt"]:
            yield Due(invoice["next_payment_attempt"], 4, invoice["id"], _try_again, invoice)
    for subscription in world.all("subscription"):
        yield from _dues_of(subscription)


def _dues_of(subscription: Object) -> Iterator[Due]:
    name, status = subscription["id"], subscription["status"]
    if status in standing.ENDED:
        return
    if subscription["cancel_at"]:
        yield Due(subscription["cancel_at"], 1, name, _end, subscription)
    if pending := subscription["pending_update"]:
        yield Due(pending["expires_at"], 3, name, _forget_update, subscription)
    if (paused := subscription["pause_collection"]) and paused["resumes_at"]:
        yield Due(paused["resumes_at"], 3, name, _collect_again, subscription)
    if status == "incomplete":
        yield Due(subscription["start_date"] + INCOMPLETE_SECONDS, 3, name, _give_up, subscription)
    if status == "trialing":
        if "_noticed" not in subscription:
            notice = max(subscription["trial_start"] or 0, subscription["trial_end"] - TRIAL_NOTICE_SECONDS)
            yield Due(notice, 3, name, _notice, subscription)
        yield Due(subscription["trial_end"], 5, name, _end_trial, subscription)
    if status in RENEWED:
        yield Due(period_of(subscription)[1], 5, name, _renew, subscription)


def _expire(world: World, session: Object) -> None:
    checkout.expire(world, {}, session["id"])


def _try_again(world: World, invoice: Object) -> None:
    invoices.collect(world, invoice)


def _end(world: World, subscription: Object) -> None:
    standing.end(world, subscription, "cancellation_requested")


def _give_up(world: World, subscription: Object) -> None:
    invoice = world.get("invoice", subscription["latest_invoice"])
    standing.end(world, subscription, "payment_failed", "incomplete_expired")
    if invoice["status"] == "open":
        invoices.close(world, invoice, "void")


def _forget_update(world: World, subscription: Object) -> None:
    invoice = world.get("invoice", subscription["pending_update"]["_invoice"])
    world.change(subscription, "customer.subscription.pending_update_expired", pending_update=None)
    invoices.close(world, invoice, "void")


def _collect_again(world: World, subscription: Object) -> None:
    world.change(subscription, UPDATED, pause_collection=None)


def _notice(world: World, subscription: Object) -> None:
    subscription["_noticed"] = True
    world.emit("customer.subscription.trial_will_end", subscription)


def _end_trial(world: World, subscription: Object) -> None:
    without = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    settings = world.get("customer", subscription["customer"])["invoice_settings"]
    pays = subscription["default_payment_method"] or settings["default_payment_method"]
    if pays or without == "create_invoice":
        subscription["billing_cycle_anchor"] = world.now
        _renew(world, subscription)
    elif without == "cancel":
        standing.end(world, subscription, "payment_failed")
    else:
        world.change(subscription, UPDATED, status="paused")
        world.emit("customer.subscription.paused", subscription)


def _renew(world: World, subscription: Object) -> None:
    """The next period begins and is billed. A trial that is over makes the subscription active first."""
    start = period_of(subscription)[1]
    items = subscription["items"]["data"]
    end = period_end(items, subscription["billing_cycle_anchor"], start)
    changes: Object = {"items": item_list(subscription["id"], with_period(items, start, end))}
    if subscription["status"] == "trialing":
        changes["status"] = "active"
    bill(world, subscription, "subscription_cycle", changes, for_period=True)

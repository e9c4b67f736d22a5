"""Subscription schedules: what a subscription will be later, phase by phase."""

from itertools import pairwise

from tests.fakes.stripe import standing, subscriptions
from tests.fakes.stripe.billing import UPDATED, period_of
from tests.fakes.stripe.catalog import price_of
from tests.fakes.stripe.clock import add_interval
from tests.fakes.stripe.customers import PAGE
from tests.fakes.stripe.forms import merged, page, required, text, whole
from tests.fakes.stripe.shapes import Object, Route, invalid
from tests.fakes.stripe.world import World

END_BEHAVIORS = ("release", "cancel")


def create(world: World, form: Object) -> Object:
    """A schedule from a subscription: its one phase is what is, until the current period's end."""
    subscription = world.get("subscription", text(form, "from_subscription"), "from_subscription")
    if subscription["status"] in standing.ENDED:
        raise invalid("You cannot migrate a subscription that is already canceled.", "from_subscription")
    if subscription["schedule"]:
        message = (
            f"You cannot migrate a subscription that is already attached to a schedule: {subscription['schedule']}"
        )
        raise invalid(message, "from_subscription")
    start, end = period_of(subscription)
    items = [_phase_item(item["price"]["id"], item["quantity"]) for item in subscription["items"]["data"]]
    ends = subscription["cancel_at_period_end"]
    schedule = world.add(
        "subscription_schedule",
        billing_mode=subscription["billing_mode"],
        canceled_at=None,
        completed_at=None,
        current_phase={"start_date": start, "end_date": end},
        customer=subscription["customer"],
        default_settings={"collection_method": "charge_automatically"},
        end_behavior="cancel" if ends else "release",
        metadata=merged({}, form),
        phases=[_phase(items, start, end, "create_prorations", {}, subscription["currency"])],
        released_at=None,
        released_subscription=None,
        status="active",
        subscription=subscription["id"],
    )
    world.emit("subscription_schedule.created", schedule)
    clear = {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None} if ends else {}
    world.change(subscription, UPDATED, schedule=schedule["id"], **clear)
    return schedule


def update(world: World, form: Object, name: str) -> Object:
    """Sets the phases anew; the one that runs keeps its start, and changes the subscription at once."""
    schedule = _active(world, name, "update")
    end_behavior = form.get("end_behavior", schedule["end_behavior"])
    if end_behavior not in END_BEHAVIORS:
        raise invalid(f"Invalid end_behavior: must be one of {', '.join(END_BEHAVIORS)}", "end_behavior")
    phases = _phases(world, schedule, form["phases"]) if "phases" in form else schedule["phases"]
    running = next((phase for phase in phases if phase["start_date"] <= world.now < phase["end_date"]), None)
    if running is None:
        raise invalid("One of the phases must run now.", "phases")
    with world.whole_or_nothing():
        schedule = world.get("subscription_schedule", name)
        changes = {"end_behavior": end_behavior, "phases": phases, "metadata": merged(schedule["metadata"], form)}
        current = {name: running[name] for name in ("start_date", "end_date")}
        world.change(schedule, "subscription_schedule.updated", current_phase=current, **changes)
        enter(world, schedule, {**running, "proration_behavior": form.get("proration_behavior", "create_prorations")})
    return schedule


def release(world: World, form: Object, name: str) -> Object:
    """Lets the subscription go on as it is, without what was planned."""
    schedule = _active(world, name, "release")
    let_go(world, schedule)
    return schedule


def cancel(world: World, form: Object, name: str) -> Object:
    """Ends the schedule and its subscription at once."""
    schedule = _active(world, name, "cancel")
    standing.end(world, world.get("subscription", schedule["subscription"]), "cancellation_requested")
    return schedule


def let_go(world: World, schedule: Object) -> None:
    """The schedule is over, the subscription stays."""
    subscription = world.get("subscription", schedule["subscription"])
    released = {"status": "released", "released_at": world.now, "released_subscription": subscription["id"]}
    schedule.update(released, subscription=None, current_phase=None)
    world.emit("subscription_schedule.released", schedule)
    world.change(subscription, UPDATED, schedule=None)


def enter(world: World, schedule: Object, phase: Object) -> None:
    """Makes the subscription what the phase says: its prices in their order, its metadata."""
    subscription = world.get("subscription", schedule["subscription"])
    held = subscription["items"]["data"]
    wanted = [(item["price"], item["quantity"]) for item in phase["items"]]
    same = [(item["price"]["id"], item["quantity"]) for item in held] == wanted
    form: Object = {"metadata": phase["metadata"]} if phase["metadata"] else {}
    if not same:
        items: list[Object] = [{"price": price, "quantity": str(quantity)} for price, quantity in wanted]
        for item, change in zip(held, items, strict=False):
            change["id"] = item["id"]
        items += [{"id": item["id"], "deleted": "true"} for item in held[len(items) :]]
        form |= {"items": items, "proration_behavior": phase["proration_behavior"]}
    if form:
        subscriptions.update(world, form, subscription["id"])


def turn(world: World, schedule: Object) -> None:
    """The current phase has ended: the next one begins, or the schedule is over."""
    later = [phase for phase in schedule["phases"] if phase["start_date"] >= schedule["current_phase"]["end_date"]]
    if later:
        current = {name: later[0][name] for name in ("start_date", "end_date")}
        world.change(schedule, "subscription_schedule.updated", current_phase=current)
        enter(world, schedule, later[0])
    elif schedule["end_behavior"] == "release":
        let_go(world, schedule)
    else:
        subscription = world.get("subscription", schedule["subscription"])
        subscription["schedule"] = None
        completed = {"status": "completed", "completed_at": world.now, "current_phase": None}
        world.change(schedule, "subscription_schedule.completed", **completed)
        standing.end(world, subscription, "cancellation_requested")


def list_all(world: World, form: Object) -> Object:
    """Schedules by customer."""
    found = [item for item in world.all("subscription_schedule") if form.get("customer") in (None, item["customer"])]
    return page(found, form, "/v1/subscription_schedules")


def _active(world: World, name: str, doing: str) -> Object:
    schedule = world.get("subscription_schedule", name)
    if schedule["status"] != "active":
        raise invalid(f"You cannot {doing} a subscription schedule that is in the `{schedule['status']}` status.")
    return schedule


def _phases(world: World, schedule: Object, given: list[Object]) -> list[Object]:
    phases: list[Object] = []
    for place, form in enumerate(given):
        param = f"phases[{place}]"
        start = form.get("start_date", "")
        begin = world.now if start == "now" else whole(form, "start_date", phases[-1]["end_date"] if phases else 0)
        if not begin:
            raise required(f"{param}[start_date]")
        prices = [price_of(world, item, f"{param}[items]") for item in form.get("items") or []]
        if not prices:
            raise required(f"{param}[items]")
        quantities = [whole(item, "quantity", 1) for item in form["items"]]
        items = [_phase_item(price["id"], count) for price, count in zip(prices, quantities, strict=True)]
        end = _end(world, form, begin, prices[0]["recurring"])
        behavior = form.get("proration_behavior", "create_prorations")
        phases.append(_phase(items, begin, end, behavior, merged({}, form), prices[0]["currency"]))
    for before, after in pairwise(phases):
        if after["start_date"] != before["end_date"]:
            raise invalid("A phase must begin when the one before it ends.", "phases")
    current = schedule["current_phase"]["start_date"]
    if current not in [phase["start_date"] for phase in phases]:
        raise invalid("You can not modify the start date of the current phase.", "phases[0][start_date]")
    return phases


def _end(world: World, form: Object, begin: int, recurring: Object) -> int:
    if form.get("end_date") == "now":
        return world.now
    if "end_date" in form:
        end = whole(form, "end_date")
        if end <= begin:
            raise invalid("The end of a phase must lie after its start.", "phases[end_date]")
        return end
    duration = form.get("duration") or recurring
    count = int(duration.get("interval_count", 1)) * whole(form, "iterations", 1)
    return add_interval(begin, duration["interval"], count)


def _phase_item(price: str, quantity: int) -> Object:
    return {"price": price, "plan": price, "quantity": quantity, "metadata": {}, "discounts": [], "tax_rates": []}


def _phase(items: list[Object], start: int, end: int, behavior: str, metadata: Object, currency: str) -> Object:
    return {
        "add_invoice_items": [],
        "billing_cycle_anchor": None,
        "currency": currency,
        "discounts": [],
        "end_date": end,
        "items": items,
        "metadata": metadata,
        "proration_behavior": behavior,
        "start_date": start,
        "trial_end": None,
    }


ROUTES = [
    Route("POST", "/v1/subscription_schedules", create, "from_subscription metadata"),
    Route("GET", "/v1/subscription_schedules", list_all, f"customer {PAGE}"),
    Route("GET", "/v1/subscription_schedules/*", lambda world, form, name: world.get("subscription_schedule", name)),
    Route("POST", "/v1/subscription_schedules/*", update, "phases end_behavior metadata proration_behavior"),
    Route("POST", "/v1/subscription_schedules/*/release", release, "preserve_cancel_date"),
    Route("POST", "/v1/subscription_schedules/*/cancel", cancel, "invoice_now prorate"),
]

"""Subscriptions as the API makes, changes and ends them."""

from tests.fakes.stripe import standing
from tests.fakes.stripe.billing import UPDATED, amount_of, bill, period_end, with_period
from tests.fakes.stripe.customers import PAGE, living
from tests.fakes.stripe.forms import flag, page, required, text, whole
from tests.fakes.stripe.invoices import NO_METHOD, method_for
from tests.fakes.stripe.lines import waiting_items
from tests.fakes.stripe.proration import adopt, credit_unused, item_list, new_item, planned
from tests.fakes.stripe.shapes import ApiError, Object, Route, invalid, missing
from tests.fakes.stripe.terms import blank, cancellation, plain, trial_end_of
from tests.fakes.stripe.world import World

HOUR_SECONDS = 3_600
INCOMPLETE_SECONDS = 23 * HOUR_SECONDS
BEHAVIORS = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
CHANGEABLE = (
    "items metadata default_payment_method cancel_at cancel_at_period_end cancellation_details payment_behavior"
    " proration_behavior billing_cycle_anchor trial_end trial_settings off_session payment_settings automatic_tax"
    " description collection_method"
)


def create(world: World, form: Object) -> Object:
    """A subscription of a customer that is there, paid with what the customer has on file."""
    behavior = _behavior(form)
    with world.whole_or_nothing():
        subscription = begin(world, living(world, text(form, "customer"), "customer"), form)
        waits = behavior == "default_incomplete"
        if not waits and _owes(subscription) and not method_for(world, {**_invoice_of(subscription)}):
            raise invalid(NO_METHOD, code="resource_missing")
        error = start(world, subscription, charge=not waits, off_session=flag(form, "off_session"))
        if error and behavior == "error_if_incomplete":
            raise error
    return subscription


def begin(world: World, customer: Object, form: Object) -> Object:
    """The subscription with its first period, before anything is billed."""
    subscription = world.add("subscription", customer=customer["id"], **blank(world, form))
    items = [new_item(world, subscription["id"], item, place) for place, item in enumerate(form.get("items") or [])]
    if not items:
        raise required("items")
    if len({item["price"]["currency"] for item in items}) > 1:
        raise invalid("All prices of a subscription must have the same currency.", "items")
    trial_end = trial_end_of(world, form)
    anchor = trial_end or whole(form, "billing_cycle_anchor", world.now)
    end = trial_end or period_end(items, anchor, world.now)
    if trial_end:
        subscription.update(status="trialing", trial_start=world.now, trial_end=trial_end)
    subscription.update(
        items=item_list(subscription["id"], with_period(items, world.now, end)),
        billing_cycle_anchor=anchor,
        currency=items[0]["price"]["currency"],
    )
    customer["currency"] = subscription["currency"]
    subscription.update(cancellation(world, subscription, form))
    return subscription


def start(world: World, subscription: Object, *, charge: bool, off_session: bool) -> ApiError | None:
    """Tells of a new subscription and issues its first invoice."""
    return bill(
        world,
        subscription,
        "subscription_create",
        {},
        for_period=True,
        event="customer.subscription.created",
        charge=charge,
        off_session=off_session,
    )


def update(world: World, form: Object, name: str) -> Object:
    """Changes a subscription. A price of another interval, or the first that is not free, begins a new period."""
    subscription = world.get("subscription", name)
    behavior = _behavior(form)
    if subscription["status"] in standing.ENDED and set(form) - {"metadata", "cancellation_details"}:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    with world.whole_or_nothing():
        subscription = world.get("subscription", name)
        changes = {**plain(world, subscription, form), **cancellation(world, subscription, form)}
        ends_trial = form.get("trial_end") == "now" and subscription["status"] == "trialing"
        if "items" not in form and form.get("billing_cycle_anchor") != "now" and not ends_trial:
            world.change(subscription, UPDATED, **changes)
            return subscription
        if ends_trial:
            subscription.update(status="active", trial_end=world.now)
        plan = planned(world, subscription, form)
        plan = plan._replace(restarts=plan.restarts or ends_trial, behavior="none" if ends_trial else plan.behavior)
        changes |= adopt(world, subscription, plan)
        waiting = waiting_items(world, subscription["customer"], name)
        if subscription["status"] != "trialing" and (plan.restarts or (plan.billed_now and waiting)):
            _billed(world, subscription, changes, behavior, flag(form, "off_session", True))
        else:
            world.change(subscription, UPDATED, **changes)
    return subscription


def cancel(world: World, form: Object, name: str) -> Object:
    """Ends a subscription at once."""
    subscription = world.get("subscription", name)
    if subscription["status"] in standing.ENDED:
        raise missing("subscription", name)
    details = form.get("cancellation_details") or {}
    if flag(form, "prorate") and subscription["status"] != "trialing":
        credit_unused(world, subscription)
    if flag(form, "invoice_now"):
        bill(world, subscription, "subscription_update", {}, for_period=False)
    standing.end(world, subscription, "cancellation_requested", **details)
    return subscription


def resume(world: World, form: Object, name: str) -> Object:
    """Starts a subscription that was paused because its trial ended without a payment method."""
    subscription = world.get("subscription", name)
    if subscription["status"] != "paused":
        raise invalid("You can only resume subscriptions with `status: paused`.")
    items = subscription["items"]["data"]
    running = with_period(items, world.now, period_end(items, world.now, world.now))
    changes = {"items": item_list(name, running), "status": "active", "billing_cycle_anchor": world.now}
    bill(world, subscription, "subscription_update", changes, for_period=True)
    if subscription["status"] == "active":
        world.emit("customer.subscription.resumed", subscription)
    return subscription


def list_all(world: World, form: Object) -> Object:
    """Subscriptions by customer, price and status; ended ones only when asked for."""
    status = form.get("status", "living")
    found = [
        item
        for item in world.all("subscription")
        if _wanted(item["status"], status)
        and form.get("customer") in (None, item["customer"])
        and (not form.get("price") or form["price"] in [part["price"]["id"] for part in item["items"]["data"]])
    ]
    return page(found, form, "/v1/subscriptions")


def delete_customer(world: World, form: Object, name: str) -> Object:
    """A deleted customer's subscriptions end at once."""
    customer = living(world, name)
    for subscription in world.all("subscription"):
        if subscription["customer"] == name and subscription["status"] not in standing.ENDED:
            standing.end(world, subscription, "cancellation_requested")
    world.emit("customer.deleted", customer)
    world.objects["customer"][name] = {**customer, "deleted": True}
    return {"id": name, "object": "customer", "deleted": True}


def _billed(world: World, subscription: Object, changes: Object, behavior: str, off_session: bool) -> None:
    """Bills a change at once; what cannot be paid is refused, waits, or leaves the subscription past due."""
    before = {name: subscription[name] for name in ("items", "billing_cycle_anchor", "currency")}
    if behavior == "pending_if_incomplete":
        items = changes["items"]["data"]
        waiting = {"expires_at": world.now + INCOMPLETE_SECONDS, "subscription_items": items, "_items": items}
        subscription["pending_update"] = {**waiting, "_invoice": None}
    restarts = "billing_cycle_anchor" in changes
    charge = behavior != "default_incomplete"
    error = bill(
        world, subscription, "subscription_update", changes, for_period=restarts, charge=charge, off_session=off_session
    )
    if error and behavior == "error_if_incomplete":
        raise error
    if behavior == "pending_if_incomplete":
        if world.get("invoice", subscription["latest_invoice"])["status"] == "open":
            subscription["pending_update"]["_invoice"] = subscription["latest_invoice"]
            world.change(subscription, UPDATED, **before)
        else:
            subscription["pending_update"] = None


def _behavior(form: Object) -> str:
    behavior = str(form.get("payment_behavior", BEHAVIORS[0]))
    if behavior not in BEHAVIORS:
        raise invalid(f"Invalid payment_behavior: must be one of {', '.join(BEHAVIORS)}", "payment_behavior")
    return behavior


def _wanted(status: str, filter_: str) -> bool:
    if filter_ in ("all", "living"):
        return filter_ == "all" or status != "canceled"
    return status in standing.ENDED if filter_ == "ended" else status == filter_


def _owes(subscription: Object) -> bool:
    return subscription["status"] != "trialing" and sum(map(amount_of, subscription["items"]["data"])) > 0


def _invoice_of(subscription: Object) -> Object:
    details = {"subscription_details": {"subscription": subscription["id"]}}
    return {"parent": details, "default_payment_method": None, "customer": subscription["customer"]}


ROUTES = [
    Route("POST", "/v1/subscriptions", create, f"customer trial_period_days {CHANGEABLE}"),
    Route("GET", "/v1/subscriptions", list_all, f"customer price status {PAGE}"),
    Route("GET", "/v1/subscriptions/*", lambda world, form, name: world.get("subscription", name)),
    Route("POST", "/v1/subscriptions/*", update, f"proration_date pause_collection {CHANGEABLE}"),
    Route("DELETE", "/v1/subscriptions/*", cancel, "invoice_now prorate cancellation_details"),
    Route("POST", "/v1/subscriptions/*/resume", resume, "billing_cycle_anchor proration_behavior"),
    Route("DELETE", "/v1/customers/*", delete_customer),
]

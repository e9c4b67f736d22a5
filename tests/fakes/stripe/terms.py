"""What a form says of a subscription besides its items: trial, end, card, words."""

from tests.fakes.stripe.billing import period_of, with_period
from tests.fakes.stripe.clock import DAY_SECONDS
from tests.fakes.stripe.customers import method_named
from tests.fakes.stripe.forms import flag, merged, whole
from tests.fakes.stripe.proration import item_list
from tests.fakes.stripe.shapes import Object, invalid
from tests.fakes.stripe.world import World

NO_CANCELLATION = {"reason": None, "comment": None, "feedback": None}
PAUSES = ("keep_as_draft", "mark_uncollectible", "void")


def blank(world: World, form: Object) -> Object:
    """A subscription without items."""
    if form.get("collection_method", "charge_automatically") != "charge_automatically":
        raise invalid("The fake only charges automatically.", "collection_method")
    method = form.get("default_payment_method")
    return {
        "automatic_tax": {"enabled": flag(form.get("automatic_tax") or {}, "enabled"), "liability": None},
        "billing_cycle_anchor": world.now,
        "billing_mode": {"type": "flexible"},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": NO_CANCELLATION,
        "collection_method": "charge_automatically",
        "currency": "",
        "default_payment_method": method_named(world, method)["id"] if method else None,
        "description": form.get("description"),
        "discounts": [],
        "ended_at": None,
        "items": item_list("", []),
        "latest_invoice": None,
        "metadata": merged({}, form),
        "pause_collection": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": world.now,
        "status": "incomplete",
        "trial_end": None,
        "trial_settings": form.get("trial_settings") or {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }


def plain(world: World, subscription: Object, form: Object) -> Object:
    """What changes without a question of money."""
    changes: Object = {name: form[name] or None for name in ("description", "trial_settings") if name in form}
    changes["metadata"] = merged(subscription["metadata"], form)
    if form.get("default_payment_method"):
        changes["default_payment_method"] = method_named(world, form["default_payment_method"])["id"]
    if form.get("trial_end", "now") != "now":
        end = trial_end_of(world, form)
        items = with_period(subscription["items"]["data"], world.now, end or world.now)
        held = item_list(subscription["id"], items)
        changes |= {"trial_end": end, "status": "trialing", "billing_cycle_anchor": end, "items": held}
    if "pause_collection" in form:
        changes["pause_collection"] = _pause(form["pause_collection"]) if form["pause_collection"] else None
    return changes


def _pause(form: Object) -> Object:
    if form.get("behavior") not in PAUSES:
        raise invalid(f"Invalid behavior: must be one of {', '.join(PAUSES)}", "pause_collection[behavior]")
    return {"behavior": form["behavior"], "resumes_at": whole(form, "resumes_at", 0) or None}


def cancellation(world: World, subscription: Object, form: Object) -> Object:
    """What `cancel_at_period_end` and `cancel_at` change."""
    named = [name for name in ("cancel_at_period_end", "cancel_at") if name in form]
    if not named:
        return {}
    if subscription["schedule"]:
        message = f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating"
        raise invalid(f"{message} any cancelation behavior directly is not allowed.", named[0])
    at_end = flag(form, "cancel_at_period_end")
    given = form.get("cancel_at", "")
    if at_end or given in ("min_period_end", "max_period_end"):
        cancel_at: int | None = period_of(subscription)[1]
    else:
        cancel_at = whole(form, "cancel_at", 0) or None
    reason = {**NO_CANCELLATION, **(form.get("cancellation_details") or {})}
    return {
        "cancel_at": cancel_at,
        "cancel_at_period_end": at_end,
        "canceled_at": world.now if cancel_at else None,
        "cancellation_details": {**reason, "reason": "cancellation_requested" if cancel_at else None},
    }


def trial_end_of(world: World, form: Object) -> int | None:
    """When the trial that a form asks for ends; None for none."""
    days, end = whole(form, "trial_period_days", 0), form.get("trial_end", "")
    if end in ("", "now"):
        return world.now + days * DAY_SECONDS if days else None
    if whole(form, "trial_end") <= world.now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    return whole(form, "trial_end")

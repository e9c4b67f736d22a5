"""Subscription schedules: the phase that comes next, and the phases that make one change at the next renewal."""

from typing import Any

from tollhoused.providers.stripe.reading import Json, inner, listed, text, whole

LIVE = {"active", "not_started"}


def following(schedule: Json) -> Json:
    """The phase after the current one, empty where there is none or the schedule is over or not expanded."""
    if schedule.get("status") not in LIVE:
        return {}
    current_end = whole(inner(schedule, "current_phase").get("end_date"))
    later = [phase for phase in listed(schedule.get("phases")) if whole(phase.get("start_date")) >= current_end > 0]
    return min(later, key=lambda phase: whole(phase.get("start_date")), default={})


def phases_with(
    schedule: Json, subscription: Json, price: dict[str, Any], recurring: Json, given: dict[str, str]
) -> list[dict[str, Any]]:
    """The current phase as it is, up to the renewal, and then one with the other price for one billing interval.

    Entering a phase puts its metadata on the subscription, which so gets the version of the plan with its price.
    """
    current = _current(schedule)
    items = [_item(item) for item in listed(current.get("items"))]
    kept: dict[str, Any] = {
        "items": items,
        "start_date": whole(current.get("start_date")),
        "end_date": _renewal(subscription) or whole(current.get("end_date")),
    }
    if subscription.get("status") == "trialing" and whole(current.get("trial_end")):
        kept["trial_end"] = whole(current.get("trial_end"))
    if discounts := [{"discount": text(found)} for found in _discounts(current) if text(found)]:
        kept["discounts"] = discounts
    if current.get("metadata"):
        kept["metadata"] = inner(current, "metadata")
    duration = {
        "interval": text(recurring.get("interval")) or "month",
        "interval_count": whole(recurring.get("interval_count")) or 1,
    }
    return [kept, {"items": [price], "duration": duration, "proration_behavior": "none", "metadata": given}]


def _current(schedule: Json) -> Json:
    start = whole(inner(schedule, "current_phase").get("start_date"))
    phases = listed(schedule.get("phases"))
    return next((phase for phase in phases if whole(phase.get("start_date")) == start), phases[0] if phases else {})


def _renewal(subscription: Json) -> int:
    item = next(iter(listed(subscription.get("items"))), {})
    return whole(subscription.get("current_period_end")) or whole(item.get("current_period_end"))


def _item(item: Json) -> dict[str, Any]:
    return {"price": text(item.get("price")) or text(item.get("plan")), "quantity": whole(item.get("quantity")) or 1}


def _discounts(phase: Json) -> list[Json]:
    return [inner(found, "discount") or {"id": text(found.get("discount"))} for found in listed(phase.get("discounts"))]

"""One reading of subscriptions for all versions of the API: answers and events have the same shape within a version.

Until 2025-02 the billing period stands at the subscription, since 2025-03-31 ("basil") at its items.
"""

from tollhoused.domain.payments import Standing, SubscriptionFacts
from tollhoused.providers.stripe.reading import (
    ACCOUNT,
    PLAN_VERSION,
    Json,
    inner,
    instant_us,
    listed,
    number,
    text,
)
from tollhoused.providers.stripe.schedules import following

STANDINGS = {
    "trialing": Standing.TRIALING,
    "active": Standing.ACTIVE,
    "past_due": Standing.PAST_DUE,
    "unpaid": Standing.PAST_DUE,
    "paused": Standing.PAUSED,
    "canceled": Standing.CANCELED,
    "incomplete": Standing.INCOMPLETE,
    "incomplete_expired": Standing.CANCELED,
}
"""A status that Stripe adds counts as past due: the customer keeps the plan for the grace, and somebody looks."""


def subscription_facts(subscription: Json) -> SubscriptionFacts:
    """A subscription in our words; its schedule must be expanded for its next price to be known."""
    item = next(iter(listed(subscription.get("items"))), {})
    given = inner(subscription, "metadata")
    standing = STANDINGS.get(text(subscription.get("status")), Standing.PAST_DUE)
    start_us = instant_us(subscription.get("start_date")) or instant_us(subscription.get("created")) or 0
    billing_start_us = _either("current_period_start", subscription, item) or start_us
    billing_end_us = _either("current_period_end", subscription, item) or billing_start_us
    next_phase = following(inner(subscription, "schedule")) if standing is not Standing.CANCELED else {}
    next_item = next(iter(listed(next_phase.get("items"))), {})
    return SubscriptionFacts(
        subscription_id=text(subscription),
        customer_id=text(subscription.get("customer")),
        account_id=text(given.get(ACCOUNT)),
        plan_version=number(given.get(PLAN_VERSION)),
        standing=standing,
        price_id=_price_of(item) or _price_of(subscription),
        start_us=start_us,
        anchor_us=instant_us(subscription.get("billing_cycle_anchor")) or start_us,
        billing_start_us=billing_start_us,
        billing_end_us=billing_end_us,
        trial_end_us=instant_us(subscription.get("trial_end")),
        end_us=_end_us(subscription, standing, billing_end_us),
        next_price_id=_price_of(next_item),
        next_us=instant_us(next_phase.get("start_date")),
    )


def _either(name: str, subscription: Json, item: Json) -> int | None:
    return instant_us(subscription.get(name)) or instant_us(item.get(name))


def _price_of(holder: Json) -> str:
    return text(holder.get("price")) or text(holder.get("plan"))


def _end_us(subscription: Json, standing: Standing, billing_end_us: int) -> int | None:
    if ended_us := instant_us(subscription.get("ended_at")):
        return ended_us
    if standing is Standing.CANCELED:
        return instant_us(subscription.get("canceled_at")) or billing_end_us
    if subscription.get("cancel_at_period_end") is True:
        return instant_us(subscription.get("cancel_at")) or billing_end_us
    return instant_us(subscription.get("cancel_at"))

"""Subscriptions at Stripe: what they are, and how they change now or with a schedule.

Each method reads first and does only what is still to be done, so that a repeated call goes on where the first one was
cut off; the calls that one attempt needs have keys of their own.
https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from collections.abc import Iterator
from typing import Any

from tollhoused.domain.payments import PlanPreview, Standing, SubscriptionFacts
from tollhoused.providers.stripe.client import Client
from tollhoused.providers.stripe.reading import (
    ACCOUNT,
    PLAN_VERSION,
    Json,
    inner,
    instant_us,
    listed,
    metadata,
    number,
    text,
    whole,
)
from tollhoused.providers.stripe.schedules import following, phases_with
from tollhoused.providers.stripe.standings import subscription_facts

WITH_SCHEDULE = ["schedule"]


class Subscriptions(Client):
    """The part of the provider that is about subscriptions."""

    def read_subscription(self, subscription_id: str) -> SubscriptionFacts:
        """Reads a subscription with the change that is scheduled for it."""
        return subscription_facts(self._read(subscription_id))

    def subscriptions_of(self, customer_id: str) -> Iterator[SubscriptionFacts]:
        """A customer's subscriptions, ended ones included, newest first."""
        found = self.all("/v1/subscriptions", customer=customer_id, status="all", expand=["data.schedule"])
        return map(subscription_facts, found)

    def change_plan(
        self, subscription_id: str, price_id: str, plan_version: int, *, at_renewal: bool, attempt: str
    ) -> SubscriptionFacts:
        """Gives a subscription another price, now or when it renews next.

        A change that cannot be paid now is Refused with the decline's code and leaves the price as it was; a schedule
        or an end may be taken back all the same.
        """
        subscription = self._read(subscription_id)
        if at_renewal:
            self._schedule(subscription, price_id, plan_version, attempt)
        else:
            self._change_now(subscription, price_id, plan_version, attempt)
        return self.read_subscription(subscription_id)

    def cancel_change(self, subscription_id: str, attempt: str) -> SubscriptionFacts:
        """Takes back the change that is scheduled; nothing where none is."""
        subscription = self._read(subscription_id)
        if not following(inner(subscription, "schedule")):
            return subscription_facts(subscription)
        self._release(subscription, attempt)
        return self.read_subscription(subscription_id)

    def cancel(self, subscription_id: str, *, at_renewal: bool, attempt: str) -> SubscriptionFacts:
        """Ends a subscription now, or where it would renew next; a scheduled change is taken back."""
        subscription = self._read(subscription_id)
        facts = subscription_facts(subscription)
        if facts.standing is Standing.CANCELED or (at_renewal and subscription.get("cancel_at_period_end") is True):
            return facts
        self._release(subscription, attempt)
        if at_renewal:
            self.post(f"/v1/subscriptions/{subscription_id}", f"{attempt}:end", cancel_at_period_end=True)
        else:
            self.delete(f"/v1/subscriptions/{subscription_id}")
        return self.read_subscription(subscription_id)

    def resume(self, subscription_id: str, attempt: str) -> SubscriptionFacts:
        """Takes back an end that has not come, or ends a pause."""
        subscription = self._read(subscription_id)
        path = f"/v1/subscriptions/{subscription_id}"
        self._go_on(subscription, attempt)
        if subscription.get("status") == "paused":
            self.post(f"{path}/resume", f"{attempt}:resume", billing_cycle_anchor="now")
        if subscription.get("pause_collection"):
            self.post(path, f"{attempt}:collect", pause_collection="")
        return self.read_subscription(subscription_id)

    def preview_change(self, subscription_id: str, price_id: str) -> PlanPreview:
        """What another price would cost if it were changed now; the next renewal without discounts and tax."""
        subscription = self._read(subscription_id)
        price = self.get(f"/v1/prices/{price_id}")
        invoice = self.post(
            "/v1/invoices/create_preview",
            subscription=subscription_id,
            subscription_details={
                "items": [{"id": text(item_of(subscription)), "price": price_id}],
                "proration_behavior": "always_invoice",
            },
        )
        ends = [whole(inner(line, "period").get("end")) for line in listed(invoice.get("lines"))]
        renewal_us = subscription_facts(subscription).billing_end_us
        on_trial = subscription.get("status") == "trialing"  # then the preview is that of the first renewal
        return PlanPreview(
            due_now_minor=0 if on_trial else whole(invoice.get("total")),
            next_minor=whole(price.get("unit_amount")) * quantity_of(subscription),
            next_us=renewal_us if on_trial else instant_us(max(ends, default=0)) or renewal_us,
            currency=text(invoice.get("currency")),
        )

    def _read(self, subscription_id: str) -> Json:
        return self.get(f"/v1/subscriptions/{subscription_id}", expand=WITH_SCHEDULE)

    def _change_now(self, subscription: Json, price_id: str, plan_version: int, attempt: str) -> None:
        self._release(subscription, attempt)
        self._go_on(subscription, attempt)
        if _has(item_of(subscription), subscription, price_id, plan_version):
            return
        self.post(
            f"/v1/subscriptions/{text(subscription)}",
            f"{attempt}:change",
            items=[{"id": text(item_of(subscription)), "price": price_id}],
            metadata=metadata(plan_version=plan_version),
            proration_behavior="always_invoice",
            payment_behavior="error_if_incomplete",
        )

    def _schedule(self, subscription: Json, price_id: str, plan_version: int, attempt: str) -> None:
        schedule = inner(subscription, "schedule")
        next_phase = following(schedule)
        items = listed(next_phase.get("items"))
        if items and _has(items[0], next_phase, price_id, plan_version):
            return
        if not next_phase and _has(item_of(subscription), subscription, price_id, plan_version):
            self._go_on(subscription, attempt)
            return
        self._go_on(subscription, attempt)
        if not schedule:
            path, key = "/v1/subscription_schedules", f"{attempt}:schedule"
            schedule = self.post(path, key, from_subscription=text(subscription))
        recurring = inner(self.get(f"/v1/prices/{price_id}"), "recurring")
        given = metadata(account_id=text(inner(subscription, "metadata").get(ACCOUNT)), plan_version=plan_version)
        price = {"price": price_id, "quantity": quantity_of(subscription)}
        self.post(
            f"/v1/subscription_schedules/{text(schedule)}",
            f"{attempt}:phases",
            phases=phases_with(schedule, subscription, price, recurring, given),
            end_behavior="release",
            proration_behavior="none",
        )

    def _release(self, subscription: Json, attempt: str) -> None:
        """Takes the subscription out of its schedule; what was scheduled does not come."""
        if schedule_id := text(subscription.get("schedule")):
            self.post(f"/v1/subscription_schedules/{schedule_id}/release", f"{attempt}:release")

    def _go_on(self, subscription: Json, attempt: str) -> None:
        """Takes back an end that has not come."""
        taken_back: dict[str, Any] = {}
        if subscription.get("cancel_at_period_end") is True:
            taken_back = {"cancel_at_period_end": False}
        elif subscription.get("cancel_at") and not subscription.get("ended_at"):
            taken_back = {"cancel_at": ""}
        if taken_back:
            self.post(f"/v1/subscriptions/{text(subscription)}", f"{attempt}:go-on", **taken_back)


def item_of(subscription: Json) -> Json:
    """What is subscribed: our subscriptions have one item."""
    return next(iter(listed(subscription.get("items"))), {})


def quantity_of(subscription: Json) -> int:
    """How many of it: one, unless somebody changed that at Stripe."""
    return whole(item_of(subscription).get("quantity")) or 1


def _has(item: Json, holder: Json, price_id: str, plan_version: int) -> bool:
    given = inner(holder, "metadata")
    return text(item.get("price")) == price_id and number(given.get(PLAN_VERSION)) == plan_version

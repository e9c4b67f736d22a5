"""A subscription as a value: which plan, from when to when, under which catalogue version, and what it will be."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from tollhoused.domain.payments import Standing


class SubscriptionStatus(StrEnum):
    """Where a subscription is in its life, by the clock (requirement S8)."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    INCOMPLETE = "incomplete"
    CANCELED = "canceled"


class PlanChange(NamedTuple):
    """Another plan that a subscription will have from an instant on, pinned to a catalogue version."""

    plan: str
    plan_version: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A plan bought or assigned for [start_us, end_us); pinned to the catalogue version it was made under.

    Until `trial_end_us` it is a trial. `pending` is the one change of plan that is to come.

    What a provider sells has its id and price there, its `standing` when the provider was last asked (`observed_us`),
    and the stretch that is billed. One that is past due counts until `grace_until_us`.
    """

    id: str
    provider: str
    plan: str
    plan_version: int
    start_us: int
    end_us: int | None
    anchor_us: int
    trial_end_us: int | None = None
    pending: PlanChange | None = None
    provider_id: str = ""
    price_id: str = ""
    standing: Standing = Standing.ACTIVE
    grace_until_us: int | None = None
    billing_start_us: int | None = None
    billing_end_us: int | None = None
    observed_us: int = 0

    def runs(self, at_us: int) -> bool:
        """Whether the subscription gives its plan at this instant."""
        if self.standing in (Standing.PAUSED, Standing.INCOMPLETE):
            return False
        if self.standing is Standing.PAST_DUE and self.grace_until_us is not None and at_us >= self.grace_until_us:
            return False
        return self.start_us <= at_us and not self.is_over(at_us)

    def is_over(self, at_us: int) -> bool:
        """Whether it has ended by this instant."""
        return self.end_us is not None and self.end_us <= at_us

    def status(self, at_us: int) -> SubscriptionStatus:
        """Its status at an instant; before its start, the one that it will begin with."""
        at_us = max(at_us, self.start_us)
        if self.is_over(at_us):
            return SubscriptionStatus.CANCELED
        if self.standing in (Standing.PAST_DUE, Standing.PAUSED, Standing.INCOMPLETE):
            return SubscriptionStatus(self.standing.value)
        if self.trial_end_us is not None and at_us < self.trial_end_us:
            return SubscriptionStatus.TRIALING
        return SubscriptionStatus.ACTIVE

    def changed(self, at_us: int) -> "Subscription":
        """The subscription with its pending change made, if that is due by an instant."""
        change = self.pending
        if change is None or change.at_us > at_us:
            return self
        return replace(self, plan=change.plan, plan_version=change.plan_version, pending=None)

    def instants(self) -> tuple[int | None, ...]:
        """When time alone changes it; nothing does after its end."""
        during = [self.trial_end_us, self.grace_until_us, self.pending.at_us if self.pending else None]
        if self.end_us is not None:
            during = [at_us for at_us in during if at_us is not None and at_us < self.end_us]
        return (self.start_us, self.end_us, *during)

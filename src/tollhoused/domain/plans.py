"""How operators assign plans and make exceptions, without a provider (requirement S9)."""

from dataclasses import dataclass, replace

from tollhoused.domain.account import Account
from tollhoused.domain.answers import OverrideAnswer, SubscriptionAnswer
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.commands import (
    AssignPlan,
    Command,
    RemoveOverride,
    SetOverride,
    UnassignPlan,
)
from tollhoused.domain.decision import Decision, Effect, after
from tollhoused.domain.rates import rate_to_json
from tollhoused.domain.subscription import PlanChange, Subscription
from tollhoused.domain.terms import Override
from tollhoused.errors import InvalidField, NoPendingPlanChange, OverrideNotFound, SubscriptionNotFound

MANUAL = "manual"
"""The provider of subscriptions that operators assign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPendingPlanChange(Command):
    """Takes back a change of plan that was scheduled."""

    kind = "cancel_pending_plan_change"
    needs_whole = True
    subscription_id: str

    def content(self) -> dict[str, object]:
        return {"subscription_id": self.subscription_id}


def decide_assignment(account: Account, command: AssignPlan, now_us: int, history: CatalogueHistory) -> Decision:
    """A new manual subscription, or another plan for one that runs (anchor, times and the period's use stay)."""
    plan_version = command.plan_version or history.newest_version
    catalogue = history.versions.get(plan_version)
    if catalogue is None:
        raise InvalidField("plan_version", f"{plan_version} is not an applied catalogue version")
    if command.plan not in catalogue.plans:
        raise InvalidField("plan", f"{command.plan!r} is not in catalogue version {plan_version}")
    if command.changes:
        changed = _changed(_manual(account, command.changes, now_us), command, plan_version, now_us)
    else:
        if command.effective_us is not None:
            raise InvalidField("effective_time", "is for changes; a new subscription has a start_time")
        start_us = max(now_us, command.start_us or 0)
        changed = Subscription(
            id=command.new_id,
            provider=MANUAL,
            plan=command.plan,
            plan_version=plan_version,
            start_us=start_us,
            end_us=command.end_us,
            anchor_us=start_us if command.anchor_us is None else command.anchor_us,
            trial_end_us=command.trial_end_us,
        )
    begins_us = max(changed.start_us, now_us)
    if command.trial_end_us is not None and command.trial_end_us <= begins_us:
        raise InvalidField("trial_end_time", "must be later than the start and than now")
    if changed.end_us is not None and changed.end_us <= begins_us:
        raise InvalidField("end_time", "must be later than the start and than now")
    return _subscription_decision(account, command, changed, now_us, history)


def decide_unassignment(account: Account, command: UnassignPlan, now_us: int, history: CatalogueHistory) -> Decision:
    """Ends a manual subscription now; one that has not begun never does."""
    current = _manual(account, command.subscription_id, now_us)
    ended = replace(current, end_us=max(now_us, current.start_us), pending=None)
    return _subscription_decision(account, command, ended, now_us, history)


def decide_cancellation(
    account: Account, command: CancelPendingPlanChange, now_us: int, history: CatalogueHistory
) -> Decision:
    """Takes back the change of plan that a manual subscription was to have."""
    current = _manual(account, command.subscription_id, now_us)
    if current.pending is None:
        message = "no change of plan is pending for this subscription"
        raise NoPendingPlanChange(message, subscription_id=current.id)
    return _subscription_decision(account, command, replace(current, pending=None), now_us, history)


def decide_override(account: Account, command: SetOverride, now_us: int, history: CatalogueHistory) -> Decision:
    """An exception for one meter from now, or from a later time, on."""
    from_us = max(now_us, command.from_us or 0)
    if command.until_us is not None and command.until_us <= from_us:
        raise InvalidField("end_time", "must be later than start_time and than now")
    override = Override(
        id=command.override_id,
        meter=command.meter,
        included=command.included,
        policy=command.policy,
        rate=command.rate,
        from_us=from_us,
        until_us=command.until_us,
    )
    return _override_decision(account, command, override)


def decide_removal(account: Account, command: RemoveOverride, now_us: int) -> Decision:
    """Ends an override now; one that has not begun never does."""
    override = account.overrides.get(command.override_id)
    if override is None or _ended(override.from_us, override.until_us, now_us):
        message = "the account has no override of this id in force or to come"
        raise OverrideNotFound(message, override_id=command.override_id)
    return _override_decision(account, command, replace(override, until_us=max(now_us, override.from_us)))


def _changed(current: Subscription, command: AssignPlan, plan_version: int, now_us: int) -> Subscription:
    """The subscription with another plan, at once or from a later time on. A later request replaces what is pending."""
    if command.start_us is not None:
        raise InvalidField("start_time", "cannot be changed; leave it out together with subscription_id")
    trial_end_us = current.trial_end_us if command.trial_end_us is None else command.trial_end_us
    end_us = current.end_us if command.end_us is None else command.end_us
    changed = replace(current, end_us=end_us, trial_end_us=trial_end_us, pending=None)
    at_us = command.effective_us
    if at_us is None or at_us <= now_us:
        return replace(changed, plan=command.plan, plan_version=plan_version)
    if at_us <= current.start_us or (end_us is not None and end_us <= at_us):
        raise InvalidField("effective_time", "must lie within the subscription's time")
    return replace(changed, pending=PlanChange(command.plan, plan_version, at_us))


def _ended(start_us: int, end_us: int | None, now_us: int) -> bool:
    """Whether what holds for [start_us, end_us) is over. What was ended before it began has start and end in one."""
    return end_us is not None and end_us <= max(start_us, now_us)


def _manual(account: Account, subscription_id: str, now_us: int) -> Subscription:
    """An operators' subscription that has not ended."""
    found = account.subscriptions.get(subscription_id)
    if found is None or found.provider != MANUAL or _ended(found.start_us, found.end_us, now_us):
        message = "the account has no open subscription of this id that operators may change"
        raise SubscriptionNotFound(message, subscription_id=subscription_id)
    return found


def _subscription_decision(
    account: Account, command: Command, changed: Subscription, now_us: int, history: CatalogueHistory
) -> Decision:
    effect = Effect(subscription=changed)
    answer = SubscriptionAnswer(
        account_id=account.id,
        matched_by=command.matched_by.value,
        subscription_id=changed.id,
        provider=changed.provider,
        plan=changed.plan,
        plan_version=changed.plan_version,
        start_us=changed.start_us,
        end_us=changed.end_us,
        anchor_us=changed.anchor_us,
        status=changed.status(now_us).value,
        trial_end_us=changed.trial_end_us,
        pending_plan=changed.pending.plan if changed.pending else None,
        pending_version=changed.pending.plan_version if changed.pending else None,
        pending_us=changed.pending.at_us if changed.pending else None,
        counts=after(account, effect, now_us, history).segment.subscription_id == changed.id,
    )
    return Decision(effect, answer)


def _override_decision(account: Account, command: Command, override: Override) -> Decision:
    answer = OverrideAnswer(
        account_id=account.id,
        matched_by=command.matched_by.value,
        override_id=override.id,
        meter=override.meter,
        included=override.included,
        policy=override.policy.value if override.policy else None,
        rate=rate_to_json(override.rate) if override.rate else None,
        from_us=override.from_us,
        until_us=override.until_us,
    )
    return Decision(Effect(override=override), answer)

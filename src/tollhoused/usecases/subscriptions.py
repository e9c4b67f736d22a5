"""Plans that operators assign, exceptions that they make, and what there is to choose from (requirements S1, S9)."""

from tollhoused.domain.account import MAX_QUANTITY
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import Catalogue, Policy
from tollhoused.domain.commands import AssignPlan, RemoveOverride, SetOverride, UnassignPlan
from tollhoused.domain.identity import Subject
from tollhoused.domain.plans import MANUAL, CancelPendingPlanChange
from tollhoused.domain.rates import Rate
from tollhoused.errors import InvalidField
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading


def assign_plan(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    plan: str,
    plan_version: int,
    start_us: int | None,
    end_us: int | None,
    subscription_id: str,
    idempotency_key: str,
    validate_only: bool,
    anchor_us: int | None = None,
    trial_end_us: int | None = None,
    effective_us: int | None = None,
) -> Settled:
    """Assigns a plan without a provider, or changes the plan of the manual subscription `subscription_id`.

    The usage periods of a new one turn by `anchor_us`, by its start unless given. A change is made at `effective_us`.
    """
    forms.idempotency_key(idempotency_key)
    match = core.match(subject)
    command = AssignPlan(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        new_id=core.new_id("sub"),
        changes=forms.text("subscription_id", subscription_id, forms.NAME_LENGTH_MAX, required=False),
        plan=forms.text("plan", plan, forms.NAME_LENGTH_MAX),
        plan_version=_version(core, plan_version) if plan_version else None,
        start_us=start_us,
        end_us=end_us,
        anchor_us=anchor_us,
        trial_end_us=trial_end_us,
        effective_us=effective_us,
    )
    return core.run(call, command, validate_only)


def unassign_plan(
    core: Core, call: Call, *, subject: Subject, subscription_id: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Ends a manual subscription now."""
    forms.idempotency_key(idempotency_key)
    match = core.match(subject)
    command = UnassignPlan(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        subscription_id=forms.text("subscription_id", subscription_id, forms.NAME_LENGTH_MAX),
    )
    return core.run(call, command, validate_only)


def cancel_pending_plan_change(
    core: Core, call: Call, *, subject: Subject, subscription_id: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Takes back a change of plan that was scheduled for a manual subscription."""
    forms.idempotency_key(idempotency_key)
    match = core.match(subject)
    command = CancelPendingPlanChange(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        subscription_id=forms.text("subscription_id", subscription_id, forms.NAME_LENGTH_MAX),
    )
    return core.run(call, command, validate_only)


def set_override(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    meter: str,
    included: int | None,
    policy: Policy | None,
    rate: Rate | None,
    from_us: int | None,
    until_us: int | None,
    idempotency_key: str,
    validate_only: bool,
) -> Settled:
    """Makes an exception for one meter of one account."""
    forms.idempotency_key(idempotency_key)
    if included is None and policy is None and rate is None:
        raise InvalidField("included", "is required unless a policy or a rate is given")
    if included is not None:
        forms.in_range(included, 0, MAX_QUANTITY, "included")
    match = core.match(subject)
    command = SetOverride(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        override_id=core.new_id("ovr"),
        meter=forms.meter(core.catalogue, meter).code,
        included=included,
        policy=policy,
        rate=rate,
        from_us=from_us,
        until_us=until_us,
    )
    return core.run(call, command, validate_only)


def remove_override(
    core: Core, call: Call, *, subject: Subject, override_id: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Ends an override now."""
    forms.idempotency_key(idempotency_key)
    match = core.match(subject)
    command = RemoveOverride(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        override_id=forms.text("override_id", override_id, forms.NAME_LENGTH_MAX),
    )
    return core.run(call, command, validate_only)


def is_bought(core: Core, subscription_id: str) -> bool:
    """Whether a provider sells a subscription; of one that is not there nobody does."""
    with reading():
        found = core.store.providers.subscription(subscription_id) if subscription_id else None
    return found is not None and found[1].provider != MANUAL


def list_plans(core: Core, plan_version: int) -> tuple[int, Catalogue]:
    """The plans of a catalogue version; 0 stands for the newest."""
    version = _version(core, plan_version) if plan_version else core.shelf.history.newest_version
    return version, core.shelf.history.versions[version]


def _version(core: Core, version: int) -> int:
    if version not in core.shelf.history.versions:
        raise InvalidField("plan_version", f"{version} is not an applied catalogue version")
    return version

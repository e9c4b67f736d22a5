"""May this customer do this, and what is left? (requirements E1 to E4)"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tollhoused.domain.account import Account, Segment
from tollhoused.domain.answers import BalanceFacts, UsageAnswer
from tollhoused.domain.catalogue import Interval, MeterKind, MeterTerms, Plan, Policy
from tollhoused.domain.commands import RecordUsage
from tollhoused.domain.credits import balance_facts
from tollhoused.domain.identity import Match, Subject
from tollhoused.domain.terms import charge_for, overage_of
from tollhoused.errors import (
    FailedPrecondition,
    InsufficientCredits,
    InternalError,
    InvalidField,
    ResourceExhausted,
    SubjectConflict,
    TollhouseError,
)
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, View
from tollhoused.usecases.offers import interval_of
from tollhoused.usecases.usage import UsageReport, usage_command

T = TypeVar("T")

BATCH_SUBJECTS_MAX = 100


@dataclass(frozen=True, slots=True)
class MeterState:
    """One meter in the current usage period. Overage and charge are of the whole period, all its segments.

    Of a gauge `used` is the peak, and what is left is left of its `level`.
    """

    meter: str
    terms: MeterTerms
    used: int
    held: int
    remaining: int | None
    overage: int
    charged_nanos: int
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What an account may do now. `valid_until_us` is the next instant at which time alone changes the answer."""

    account: Account
    match: Match
    has_access: bool
    segment: Segment
    meters: list[MeterState]
    overage_allowed: bool
    balance: BalanceFacts
    valid_until_us: int
    active_subscriptions: int
    billing_interval: Interval | None


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """Whether a usage event would be allowed now.

    `answer` is what recording it would say, None where it would be refused. `plans_that_allow` is told only then.
    """

    allowed: bool
    refusal: TollhouseError | None
    account: Account
    match: Match
    meter: str
    segment: Segment
    answer: UsageAnswer | None
    cost_nanos: int
    overage: int
    missing_nanos: int
    plans_that_allow: list[str]
    is_gauge: bool = False


def get_entitlement(core: Core, call: Call, subject: Subject, product: str) -> Entitlement:
    """Everything that an account may do, has used and has left."""
    return entitlement_of(core, call, core.view(subject), call.product(core.catalogue, product, required=False))


def told_entitlement(core: Core, call: Call, subject: Subject, product: str, tell: Callable[[Entitlement], T]) -> T:
    """The same, as `tell` puts it: that is kept, and done again only where something has changed."""
    product = call.product(core.catalogue, product, required=False)
    question = ("entitlement", product, call.products)
    return core.recall(subject, question, lambda view: tell(entitlement_of(core, call, view, product)))


def batch_get_entitlements(
    core: Core, call: Call, subjects: Sequence[Subject | TollhouseError], product: str
) -> list[Entitlement | TollhouseError]:
    """Entitlements in the order of the subjects; a subject that cannot be resolved has its refusal."""
    if not 1 <= len(subjects) <= BATCH_SUBJECTS_MAX:
        raise InvalidField("subjects", f"must have from 1 to {BATCH_SUBJECTS_MAX} entries")
    product = call.product(core.catalogue, product, required=False)
    views = core.view_all([subject for subject in subjects if isinstance(subject, Subject)])
    results: list[Entitlement | TollhouseError] = []
    for subject in subjects:
        view = views[subject] if isinstance(subject, Subject) else subject
        results.append(entitlement_of(core, call, view, product) if isinstance(view, View) else view)
    return results


def check_feature(core: Core, subject: Subject, feature: str) -> tuple[bool, str]:
    """Whether the current plan has a feature, and the plan. Raises InvalidField for a feature that nothing declares."""
    forms.text("feature", feature, forms.FEATURE_LENGTH_MAX)
    terms = core.recall(subject, "terms", lambda view: view.account.segment.terms)
    catalogue = core.catalogue
    products = {f"{product}.access" for product in catalogue.products}
    if feature not in terms.features and feature not in catalogue.features and feature not in products:
        raise InvalidField("feature", f"{feature!r} is neither a feature of the catalogue nor of the plan")
    return feature in terms.features, terms.plan


def check_usage(core: Core, call: Call, subject: Subject, report: UsageReport) -> UsageCheck:
    """Would this usage be allowed now, what would it cost, and what would help?

    Never writes; a refusal is an answer.
    """
    command = usage_command(core, call, report, subject, keyed=False)
    view = core.view(subject)
    account, match = view.account, view.match
    segment = account.segment_at(account.as_of_us if command.event_us is None else command.event_us)
    outcome = core.run_all(call, [command], validate_only=True)[0]
    cost_nanos, overage = _cost(account, segment, command)
    if isinstance(outcome, TollhouseError):
        if isinstance(outcome, SubjectConflict) or not isinstance(outcome, FailedPrecondition | ResourceExhausted):
            raise outcome
        missing = outcome.metadata.get("missing_nanos", "0") if isinstance(outcome, InsufficientCredits) else "0"
        plans = _plans_that_allow(core, account, command)
        return UsageCheck(
            False,
            outcome,
            account,
            match,
            command.meter,
            segment,
            None,
            cost_nanos,
            overage,
            int(missing),
            plans,
            command.gauge,
        )
    if not isinstance(outcome.answer, UsageAnswer):
        raise InternalError("internal error")
    answer = outcome.answer
    return UsageCheck(
        True,
        None,
        account,
        match,
        command.meter,
        segment,
        answer,
        answer.charged_nanos,
        answer.overage_quantity,
        0,
        [],
    )


def entitlement_of(core: Core, call: Call, view: View, product: str) -> Entitlement:
    """Access is to the product, or where none is named to any that the caller speaks for."""
    account, segment = view.account, view.account.segment
    terms = segment.terms
    products = [product] if product else call.products or core.catalogue.products
    now_us = account.as_of_us
    counting = account.subscriptions.get(segment.subscription_id or "")
    return Entitlement(
        account=account,
        match=view.match,
        has_access=any(terms.grants_product(item) for item in products),
        segment=segment,
        meters=[
            _meter_state(account, code, item, core.catalogue.meters[code].kind is MeterKind.GAUGE)
            for code, item in sorted(terms.meters.items())
        ],
        overage_allowed=any(item.policy is Policy.CREDITS for item in terms.meters.values()),
        balance=balance_facts(account, now_us),
        valid_until_us=account.due_us,
        active_subscriptions=sum(item.runs(now_us) for item in account.subscriptions.values()),
        billing_interval=interval_of(core, counting) if counting else None,
    )


def _meter_state(account: Account, meter: str, terms: MeterTerms, is_gauge: bool) -> MeterState:
    segment = account.segment
    counter = account.counter(segment, meter)
    used = counter.carried + counter.used
    held = account.held(segment.start_us, meter)
    of_period = [
        account.counter(item, meter) for item in account.segments if item.period_start_us == segment.period_start_us
    ]
    taken = counter.level if is_gauge else used + held
    return MeterState(
        meter=meter,
        terms=terms,
        used=used,
        held=held,
        remaining=None if terms.policy is Policy.UNMETERED else max(0, terms.included - taken),
        overage=sum(item.overage for item in of_period[:-1]) + overage_of(terms, counter.carried, counter.used),
        charged_nanos=sum(item.charged_nanos for item in of_period),
        level=counter.level if is_gauge else None,
    )


def _cost(account: Account, segment: Segment, command: RecordUsage) -> tuple[int, int]:
    """What the usage would cost in nanos, and its overage, whether or not it would be allowed."""
    terms = segment.terms.meters.get(command.meter)
    if terms is None:
        return 0, 0
    counter = account.counter(segment, command.meter)
    if command.gauge:
        peak = max(counter.peak, counter.level + command.quantity)
        if peak == counter.peak:
            return 0, 0
        overage = overage_of(terms, counter.carried, peak - counter.carried)
        return charge_for(terms, overage) - counter.charged_nanos, overage - counter.overage
    before = overage_of(terms, counter.carried, counter.used)
    overage = overage_of(terms, counter.carried, counter.used + command.quantity)
    return charge_for(terms, overage) - charge_for(terms, before), overage - before


def _plans_that_allow(core: Core, account: Account, command: RecordUsage) -> list[str]:
    """Plans of the newest version under which the period's use and this event would pass, lowest rank first."""
    used = account.counter(account.segment, command.meter)
    held = account.held(account.segment.start_us, command.meter)
    total = used.peak + held + command.quantity
    more = command.quantity
    if command.gauge:
        total = used.level + command.quantity
        more = max(0, total - used.peak)
    available_nanos = account.available_nanos(command.meter, account.as_of_us)

    def allows(plan: Plan) -> bool:
        terms = plan.meters.get(command.meter)
        if terms is None or f"{command.product}.access" not in plan.features:
            return False
        if terms.policy is Policy.HARD_LIMIT:
            return total <= terms.included
        before = overage_of(terms, 0, total - more)
        return charge_for(terms, overage_of(terms, 0, total)) - charge_for(terms, before) <= available_nanos

    plans = sorted(core.catalogue.plans.values(), key=lambda plan: plan.rank)
    return [plan.code for plan in plans if allows(plan)]

"""How one usage event is settled: allowance first, then credits, then refusal or debt (requirements U1, U3, U4)."""

from tollhoused.domain.account import (
    MAX_QUANTITY,
    Account,
    Cause,
    CauseKind,
    Counter,
    Posting,
    Segment,
    burn,
    check_total,
    limit_of,
)
from tollhoused.domain.answers import Debit, UsageAnswer
from tollhoused.domain.catalogue import MeterTerms, Policy
from tollhoused.domain.commands import Enforcement, RecordUsage
from tollhoused.domain.decision import Decision, Effect, Rules, check_balance
from tollhoused.domain.instants import rfc3339
from tollhoused.domain.terms import NO_TERMS, charge_for, overage_of
from tollhoused.errors import (
    EventInFuture,
    EventTooOld,
    InsufficientCredits,
    MeterNotInPlan,
    QuotaExceeded,
    SubscriptionRequired,
    TollhouseError,
)


def decide_usage(account: Account, command: RecordUsage, now_us: int, rules: Rules) -> Decision:
    """Settles one usage event against an account that has been advanced to `now_us`.

    Reads `account` and changes nothing: a refusal is raised before anything moved. Under RECORD the refusals that
    state can lift are listed in the answer instead.
    """
    event_us = counted_time(command.event_us, now_us, rules)
    segment = account.segment_at(event_us)
    refusals = _Refusals(command.enforcement)
    terms = _terms(segment, command, refusals)
    counter = account.counter(segment, command.meter)
    after = _counted(counter, terms, command.quantity)
    if terms.policy is Policy.HARD_LIMIT and terms is not NO_TERMS:
        _check_quota(segment, counter, terms, command, refusals)
    charge_nanos = after.charged_nanos - counter.charged_nanos
    debits, unpaid_nanos = _pay(account, command, charge_nanos, now_us, refusals)
    postings = (*debits, Posting(None, -unpaid_nanos)) if unpaid_nanos else tuple(debits)
    balance_nanos = check_balance(account, -charge_nanos, unpaid_nanos)
    limit = limit_of(segment, command.meter)
    new_usage = after.carried + after.used
    answer = UsageAnswer(
        account_id=account.id,
        matched_by=command.matched_by.value,
        meter=command.meter,
        plan=segment.terms.plan,
        plan_version=segment.terms.plan_version,
        quantity=command.quantity,
        new_usage=new_usage,
        limit=limit,
        remaining=None if limit is None else max(0, limit - new_usage),
        overage_quantity=after.overage - counter.overage,
        charged_nanos=charge_nanos,
        currency=account.currency,
        balance_after_nanos=balance_nanos,
        debits=tuple([Debit(posting.grant_id or "", -posting.amount_nanos) for posting in debits]),
        debt_nanos=unpaid_nanos,
        lifted=tuple(refusals.lifted),
        event_us=event_us,
        recorded_us=now_us,
        period_start_us=segment.period_start_us,
        period_end_us=segment.period_end_us,
    )
    cause = Cause(CauseKind.USAGE, command.idempotency_key, command.client) if postings else None
    return Decision(Effect(cause=cause, postings=postings, effective_us=event_us, counter=after), answer)


def counted_time(event_us: int | None, now_us: int, rules: Rules) -> int:
    """The instant an event counts at (requirement U10). A little ahead of us counts as now."""
    if event_us is None:
        return now_us
    if event_us < now_us - rules.late_window_us:
        raise EventTooOld(
            "event_time is older than the window for late events", oldest_time=rfc3339(now_us - rules.late_window_us)
        )
    if event_us > now_us + rules.future_tolerance_us:
        raise EventInFuture(
            "event_time is ahead of the server's clock", newest_time=rfc3339(now_us + rules.future_tolerance_us)
        )
    return min(event_us, now_us)


class _Refusals:
    """Raises a refusal under ENFORCE; under RECORD notes it as lifted."""

    def __init__(self, enforcement: Enforcement) -> None:
        self._enforce = enforcement is Enforcement.ENFORCE
        self.lifted: list[str] = []

    def meet(self, refusal: TollhouseError) -> None:
        if self._enforce:
            raise refusal
        self.lifted.append(refusal.reason)


def _terms(segment: Segment, command: RecordUsage, refusals: _Refusals) -> MeterTerms:
    """The meter's terms in the segment, once product and meter have been found in the plan."""
    terms = segment.terms
    if not terms.grants_product(command.product):
        message = f"plan {terms.plan} gives no access to product {command.product}"
        refusals.meet(SubscriptionRequired(message, product=command.product, plan=terms.plan))
    found = terms.meters.get(command.meter)
    if found is None:
        message = f"plan {terms.plan} does not include meter {command.meter}"
        refusals.meet(MeterNotInPlan(message, meter=command.meter, plan=terms.plan))
        return NO_TERMS
    return found


def _counted(counter: Counter, terms: MeterTerms, quantity: int) -> Counter:
    """The counter after the event; overage and charge are functions of its use, never accumulated."""
    used = counter.used + quantity
    check_total("usage", counter.carried + used, MAX_QUANTITY)
    overage = overage_of(terms, counter.carried, used)
    charged_nanos = charge_for(terms, overage)
    check_total("charge", charged_nanos)
    return Counter(counter.segment_start_us, counter.meter, counter.carried, used, overage, charged_nanos)


def _check_quota(
    segment: Segment, counter: Counter, terms: MeterTerms, command: RecordUsage, refusals: _Refusals
) -> None:
    """HARD_LIMIT: the whole event must fit into what is left of the allowance."""
    used = counter.carried + counter.used
    if used + command.quantity > terms.included:
        message = f"{command.meter}: {used} of {terms.included} used, {command.quantity} more requested"
        metadata: dict[str, str | int] = {
            "meter": command.meter,
            "limit": terms.included,
            "used": used,
            "requested": command.quantity,
            "reset_time": rfc3339(segment.period_end_us),
        }
        refusals.meet(QuotaExceeded(message, **metadata))


def _pay(
    account: Account, command: RecordUsage, charge_nanos: int, now_us: int, refusals: _Refusals
) -> tuple[list[Posting], int]:
    """The debits for a charge in burn order, and what remains unpaid (only where a refusal was lifted)."""
    if charge_nanos == 0:
        return [], 0
    grants = account.usable_grants(command.meter, now_us)
    available_nanos = account.unowed_nanos(grants)
    if charge_nanos > available_nanos:
        missing_nanos = charge_nanos - available_nanos
        message = f"the overage costs {charge_nanos} nanos, {available_nanos} are available for {command.meter}"
        metadata: dict[str, str | int] = {
            "balance_nanos": available_nanos,
            "required_nanos": charge_nanos,
            "missing_nanos": missing_nanos,
            "currency": account.currency,
        }
        refusals.meet(InsufficientCredits(message, **metadata))
    return burn(grants, charge_nanos)

"""How one usage event is settled: allowance first, then credits, then refusal or debt (requirements U1, U3, U4)."""

from tollhoused.domain.account import Account, Cause, CauseKind, Counter, Posting, Segment, burn
from tollhoused.domain.answers import Debit, UsageAnswer
from tollhoused.domain.catalogue import MeterTerms, Policy
from tollhoused.domain.commands import Enforcement, RecordUsage
from tollhoused.domain.counting import counted, limit_of
from tollhoused.domain.decision import Decision, Effect, Rules, check_balance
from tollhoused.domain.holds import Purse, reheld
from tollhoused.domain.instants import rfc3339
from tollhoused.domain.reservation import Reservation
from tollhoused.domain.terms import NO_TERMS
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
    refusals = Refusals(command.enforcement)
    terms = terms_for(segment, command.product, command.meter, refusals)
    counter = account.counter(segment, command.meter)
    after = counted(counter, terms, command.quantity)
    holding = account.holding(segment.start_us, command.meter)
    held = sum([item.quantity for item in holding])
    if terms.policy is Policy.HARD_LIMIT and terms is not NO_TERMS:
        check_quota(segment, counter, terms, command.quantity, held, refusals)
    charge_nanos = after.charged_nanos - counter.charged_nanos
    debits, unpaid_nanos = pay(account, command.meter, charge_nanos, now_us, refusals)
    postings = (*debits, Posting(None, -unpaid_nanos)) if unpaid_nanos else tuple(debits)
    reservations: tuple[Reservation, ...] = ()
    if holding:
        purse = Purse(account, command.meter, now_us, debits, unpaid_nanos)
        reservations, missing_nanos = reheld(holding, terms, after, purse)
        if missing_nanos:
            required_nanos = charge_nanos + missing_nanos
            refusals.meet(too_expensive(account, command.meter, required_nanos, required_nanos - missing_nanos))
    balance_nanos = check_balance(account, -charge_nanos, unpaid_nanos)
    limit = limit_of(segment, command.meter)
    new_usage = after.carried + after.used
    # By position: a call with so many names takes three times as long, and every event makes one.
    answer = UsageAnswer(
        account.id,
        command.matched_by.value,
        command.meter,
        segment.terms.plan,
        segment.terms.plan_version,
        command.quantity,
        new_usage,
        limit,
        None if limit is None else max(0, limit - new_usage - held),
        after.overage - counter.overage,
        charge_nanos,
        account.currency,
        balance_nanos,
        tuple([Debit(posting.grant_id or "", -posting.amount_nanos) for posting in debits]),
        unpaid_nanos,
        tuple(refusals.lifted),
        event_us,
        now_us,
        segment.period_start_us,
        segment.period_end_us,
    )
    cause = Cause(CauseKind.USAGE, command.idempotency_key, command.client) if postings else None
    effect = Effect(cause=cause, postings=postings, effective_us=event_us, counter=after, reservations=reservations)
    return Decision(effect, answer)


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


class Refusals:
    """Raises a refusal under ENFORCE; under RECORD notes it as lifted."""

    def __init__(self, enforcement: Enforcement) -> None:
        self._enforce = enforcement is Enforcement.ENFORCE
        self.lifted: list[str] = []

    def meet(self, refusal: TollhouseError) -> None:
        if self._enforce:
            raise refusal
        if refusal.reason not in self.lifted:
            self.lifted.append(refusal.reason)


def terms_for(segment: Segment, product: str, meter: str, refusals: Refusals) -> MeterTerms:
    """The meter's terms in the segment, once product and meter have been found in the plan."""
    terms = segment.terms
    if not terms.grants_product(product):
        message = f"plan {terms.plan} gives no access to product {product}"
        refusals.meet(SubscriptionRequired(message, product=product, plan=terms.plan))
    found = terms.meters.get(meter)
    if found is None:
        message = f"plan {terms.plan} does not include meter {meter}"
        refusals.meet(MeterNotInPlan(message, meter=meter, plan=terms.plan))
        return NO_TERMS
    return found


def check_quota(
    segment: Segment, counter: Counter, terms: MeterTerms, quantity: int, held: int, refusals: Refusals
) -> None:
    """HARD_LIMIT: the whole event must fit into what is left of the allowance once `held` units are taken off."""
    used = counter.carried + counter.used
    if used + held + quantity > terms.included:
        message = f"{counter.meter}: {used} of {terms.included} used, {held} held, {quantity} more requested"
        metadata: dict[str, str | int] = {
            "meter": counter.meter,
            "limit": terms.included,
            "used": used,
            "held": held,
            "requested": quantity,
            "reset_time": rfc3339(segment.period_end_us),
        }
        refusals.meet(QuotaExceeded(message, **metadata))


def too_expensive(account: Account, meter: str, required_nanos: int, available_nanos: int) -> InsufficientCredits:
    """The refusal of what costs more than there is."""
    message = f"the overage costs {required_nanos} nanos, {available_nanos} are available for {meter}"
    metadata: dict[str, str | int] = {
        "balance_nanos": available_nanos,
        "required_nanos": required_nanos,
        "missing_nanos": required_nanos - available_nanos,
        "currency": account.currency,
    }
    return InsufficientCredits(message, **metadata)


def pay(account: Account, meter: str, charge_nanos: int, now_us: int, refusals: Refusals) -> tuple[list[Posting], int]:
    """The debits for a charge in burn order, and what remains unpaid (only where a refusal was lifted)."""
    if charge_nanos == 0:
        return [], 0
    grants = account.usable_grants(meter, now_us)
    available_nanos = account.unowed_nanos(grants)
    if charge_nanos > available_nanos:
        refusals.meet(too_expensive(account, meter, charge_nanos, available_nanos))
    return burn(grants, charge_nanos)

"""How reservations are made, extended, committed and released (requirement U7; design: money)."""

from tollhoused.domain.account import Account, Cause, CauseKind
from tollhoused.domain.answers import CommitAnswer, Debit, ReservationAnswer, ReservationFacts, UsageAnswer
from tollhoused.domain.catalogue import CatalogueHistory, MeterTerms, Policy
from tollhoused.domain.commands import (
    CommitReservation,
    Enforcement,
    ExtendReservation,
    ReleaseReservation,
    ReservationCommand,
    ReserveUsage,
)
from tollhoused.domain.counting import limit_of
from tollhoused.domain.credits import balance_facts
from tollhoused.domain.decision import Decision, Effect, after, check_balance
from tollhoused.domain.holds import End, Purse, committed, reheld, released, segment_of
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.reservation import OverCommit, Reservation, ReservationState
from tollhoused.domain.terms import NO_TERMS
from tollhoused.domain.usage import Refusals, check_quota, terms_for, too_expensive
from tollhoused.errors import ReservationExceeded, ReservationFinal, ReservationNotFound

LIFE_MAX_US = 7 * DAY_US
"""From its making to its end, however often it is extended: shorter than the window for late events."""


def decide_reserve(account: Account, command: ReserveUsage, now_us: int, history: CatalogueHistory) -> Decision:
    """Holds allowance and credits as recording would use them under ENFORCE; refuses as that would."""
    segment = account.segment_at(now_us)
    refusals = Refusals(Enforcement.ENFORCE)
    terms = terms_for(segment, command.product, command.meter, refusals)
    counter = account.counter(segment, command.meter)
    holding = account.holding(segment.start_us, command.meter)
    if terms.policy is Policy.HARD_LIMIT:
        held = sum(item.quantity for item in holding)
        check_quota(segment, counter, terms, command.quantity, held, refusals)
    made = Reservation(
        id=command.new_id,
        client=command.client,
        product=command.product,
        meter=command.meter,
        segment_start_us=segment.start_us,
        plan=segment.terms.plan,
        plan_version=segment.terms.plan_version,
        quantity=command.quantity,
        on_expiry=command.on_expiry,
        over_commit=command.over_commit,
        created_us=now_us,
        expires_us=now_us + command.ttl_us,
    )
    purse = Purse(account, command.meter, now_us)
    available_nanos = purse.available_nanos
    changed, missing_nanos = reheld([*holding, made], terms, counter, purse)
    if missing_nanos:
        raise too_expensive(account, command.meter, available_nanos + missing_nanos, available_nanos)
    if all(item.id != made.id for item in changed):
        changed = (*changed, made)
    return _answered(account, command, made.id, Effect(reservations=changed), now_us, history)


def decide_extend(account: Account, command: ExtendReservation, now_us: int, history: CatalogueHistory) -> Decision:
    """A later end, no later than its longest life allows; never an earlier one."""
    current = _open(account, command)
    latest_us = current.created_us + LIFE_MAX_US
    expires_us = max(current.expires_us, min(now_us + command.ttl_us, latest_us))
    effect = Effect(reservations=(current._replace(expires_us=expires_us),))
    return _answered(account, command, current.id, effect, now_us, history)


def decide_release(account: Account, command: ReleaseReservation, now_us: int, history: CatalogueHistory) -> Decision:
    """Gives everything back: the action did not happen."""
    current = _open(account, command)
    end = released(account, current, now_us, ReservationState.RELEASED)
    return _answered(account, command, current.id, Effect(reservations=end.reservations), now_us, history)


def decide_commit(account: Account, command: CommitReservation, now_us: int, history: CatalogueHistory) -> Decision:
    """Counts what was used in the segment of the reservation, and gives the rest back.

    Up to the reserved quantity it is never refused; beyond, what the reservation itself says happens.
    """
    current = _open(account, command)
    refusals = _check_excess(account, current, command.quantity)
    end = committed(account, current, command.quantity, now_us)
    assert end.counter is not None
    ended = end.reservations[0]
    unpaid_nanos = -sum([posting.amount_nanos for posting in end.postings if posting.grant_id is None])
    if unpaid_nanos and command.quantity > current.quantity:
        refusals.meet(too_expensive(account, current.meter, ended.charged_nanos, ended.charged_nanos - unpaid_nanos))
    balance_nanos = check_balance(account, -ended.charged_nanos, unpaid_nanos)
    cause = Cause(CauseKind.USAGE, command.idempotency_key, command.client) if end.postings else None
    effect = Effect(
        cause=cause,
        postings=end.postings,
        effective_us=current.created_us,
        counter=end.counter,
        reservations=end.reservations,
    )
    later = after(account, effect, now_us, history)
    answer = CommitAnswer(
        account_id=account.id,
        reservation=reservation_facts(later.reservations[current.id]),
        usage=_usage_answer(later, current, end, refusals, balance_nanos, now_us),
    )
    return Decision(effect, answer)


def reservation_facts(reservation: Reservation) -> ReservationFacts:
    """A reservation as answers show it."""
    return ReservationFacts(
        id=reservation.id,
        product=reservation.product,
        meter=reservation.meter,
        plan=reservation.plan,
        plan_version=reservation.plan_version,
        quantity=reservation.quantity,
        on_expiry=reservation.on_expiry.value,
        over_commit=reservation.over_commit.value,
        state=reservation.state.value,
        held_nanos=reservation.held_nanos,
        holds=tuple([Debit(grant_id, amount_nanos) for grant_id, amount_nanos in reservation.holds]),
        created_us=reservation.created_us,
        expires_us=reservation.expires_us,
        used=reservation.used,
        charged_nanos=reservation.charged_nanos,
        ended_us=reservation.ended_us,
    )


def _open(account: Account, command: ReservationCommand) -> Reservation:
    """The reservation, if a call may still end or extend it."""
    found = account.reservations.get(command.reservation_id)
    if found is None:
        raise ReservationNotFound("no reservation has this id", reservation_id=command.reservation_id)
    if not found.is_open:
        message = f"the reservation has ended: it is {found.state.value}"
        raise ReservationFinal(message, reservation_id=found.id, state=found.state.value)
    return found


def _check_excess(account: Account, reservation: Reservation, quantity: int) -> Refusals:
    """Whether a commit may exceed its reservation, and what is lifted by that."""
    refusals = Refusals(Enforcement.ENFORCE if reservation.over_commit is OverCommit.ENFORCE else Enforcement.RECORD)
    if quantity <= reservation.quantity:
        return refusals
    if reservation.over_commit is OverCommit.REFUSE:
        message = f"{quantity} units exceed the {reservation.quantity} that were reserved"
        raise ReservationExceeded(
            message, reservation_id=reservation.id, reserved=reservation.quantity, requested=quantity
        )
    segment = segment_of(account, reservation)
    terms: MeterTerms = segment.terms.meters.get(reservation.meter, NO_TERMS)
    if terms.policy is Policy.HARD_LIMIT and terms is not NO_TERMS:
        held = account.held(segment.start_us, reservation.meter) - reservation.quantity
        check_quota(segment, account.counter(segment, reservation.meter), terms, quantity, held, refusals)
    return refusals


def _usage_answer(
    later: Account, reservation: Reservation, end: End, refusals: Refusals, balance_nanos: int, now_us: int
) -> UsageAnswer:
    """The commit as a usage event, read from the account as it is after it."""
    segment, ended = segment_of(later, reservation), end.reservations[0]
    counter = later.counter(segment, reservation.meter)
    limit, new_usage = limit_of(segment, reservation.meter), counter.carried + counter.used
    held = later.held(segment.start_us, reservation.meter)
    return UsageAnswer(
        account_id=later.id,
        matched_by="",
        meter=reservation.meter,
        plan=segment.terms.plan,
        plan_version=segment.terms.plan_version,
        quantity=ended.used,
        new_usage=new_usage,
        limit=limit,
        remaining=None if limit is None else max(0, limit - new_usage - held),
        overage_quantity=ended.overage,
        charged_nanos=ended.charged_nanos,
        currency=later.currency,
        balance_after_nanos=balance_nanos,
        debits=tuple([Debit(item.grant_id, -item.amount_nanos) for item in end.postings if item.grant_id]),
        debt_nanos=-sum([item.amount_nanos for item in end.postings if item.grant_id is None]),
        lifted=tuple(refusals.lifted),
        event_us=reservation.created_us,
        recorded_us=now_us,
        period_start_us=segment.period_start_us,
        period_end_us=segment.period_end_us,
    )


def _answered(
    account: Account,
    command: ReserveUsage | ReservationCommand,
    reservation_id: str,
    effect: Effect,
    now_us: int,
    history: CatalogueHistory,
) -> Decision:
    """The decision with its answer, read from the account as the effect would leave it."""
    later = after(account, effect, now_us, history)
    answer = ReservationAnswer(
        account_id=account.id,
        matched_by=command.matched_by.value if isinstance(command, ReserveUsage) else "",
        currency=account.currency,
        reservation=reservation_facts(later.reservations[reservation_id]),
        balance=balance_facts(later, now_us),
    )
    return Decision(effect, answer)

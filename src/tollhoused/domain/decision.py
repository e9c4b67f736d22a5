"""What a command will change: decided without touching the account, applied without being able to fail."""

from dataclasses import dataclass
from typing import NamedTuple

from tollhoused.domain.account import Account, Cause, CauseKind, Counter, Grant, Posting, Segment
from tollhoused.domain.advance import carry_on, expire_grants, reconsider, settle_debt
from tollhoused.domain.answers import Answer
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.intent import AutoReload, Intent
from tollhoused.domain.money import check_total
from tollhoused.domain.reservation import Reservation
from tollhoused.domain.subscription import Subscription
from tollhoused.domain.terms import Override


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The server's limits on event times, in microseconds."""

    late_window_us: int
    future_tolerance_us: int


class Effect(NamedTuple):
    """What moves. A `segment` carries the open one on under the same terms, and is there before the counter.

    Postings are booked for `cause` and take effect at `effective_us`, None for now. Settlements are booked for the
    grant that pays the debt off; what is `returned` goes to the new grant for a cause of its own. A gauge's
    event counts with a `level`, and one that comes late may have `shifted` the open segment's counter.
    """

    cause: Cause | None = None
    postings: tuple[Posting, ...] = ()
    effective_us: int | None = None
    settlement: tuple[Posting, ...] = ()
    segment: Segment | None = None
    counter: Counter | None = None
    grant: Grant | None = None
    subscription: Subscription | None = None
    override: Override | None = None
    reservations: tuple[Reservation, ...] = ()
    returned: tuple[Cause, Posting] | None = None
    shifted: Counter | None = None
    level: int | None = None
    intent: Intent | None = None
    reload: AutoReload | None = None
    customer: str | None = None


class Decision(NamedTuple):
    """One command's effect, and what its caller is told."""

    effect: Effect
    answer: Answer


def apply(account: Account, effect: Effect, now_us: int, history: CatalogueHistory) -> None:
    """Moves the account. Cannot fail: `decide` has refused everything that a CHECK or an int64 could."""
    if effect.segment:
        carry_on(account, effect.segment, now_us)
    if effect.counter:
        account.put_counter(effect.counter)
    if effect.shifted:
        account.put_counter(effect.shifted)
    if effect.grant:
        account.put_grant(effect.grant)
        instants = (effect.grant.effective_us, effect.grant.expires_us)
        account.due_us = min([account.due_us, *(at_us for at_us in instants if at_us is not None and at_us > now_us)])
    if effect.cause:
        effective_us = now_us if effect.effective_us is None else effect.effective_us
        for posting in effect.postings:
            account.post(posting, effect.cause, now_us, effective_us)
    if effect.returned:
        cause, posting = effect.returned
        account.post(posting, cause, now_us, now_us)
    if effect.grant:
        for posting in effect.settlement:
            account.post(posting, Cause(CauseKind.SETTLEMENT, effect.grant.id), now_us, now_us)
    if effect.reservations:
        for reservation in effect.reservations:
            account.put_reservation(reservation)
            if reservation.is_open:
                account.due_us = min(account.due_us, reservation.expires_us)
    if effect.reservations or (effect.cause and effect.cause.kind is CauseKind.VOID):
        # Credits that have come back may belong to grants that have ended or will, or be what pays the debt.
        ends_us = [account.grants[item.grant_id].expires_us for item in effect.postings if item.grant_id]
        account.due_us = min([account.due_us, *(at_us for at_us in ends_us if at_us is not None and at_us > now_us)])
        expire_grants(account, now_us, now_us)
        settle_debt(account, now_us, now_us)
    if effect.intent:
        account.put_intent(effect.intent)
    if effect.reload:
        account.put_reload(effect.reload)
    if effect.customer is not None:
        account.customer = effect.customer
        account.dirty = True
    if effect.subscription:
        account.put_subscription(effect.subscription)
    if effect.override:
        account.put_override(effect.override)
    if effect.subscription or effect.override:
        reconsider(account, now_us, history)


def after(account: Account, effect: Effect, now_us: int, history: CatalogueHistory) -> Account:
    """The account as the effect would leave it, on a copy."""
    trial = account.copy()
    apply(trial, effect, now_us, history)
    return trial


def check_balance(account: Account, change_nanos: int, debt_change_nanos: int = 0) -> int:
    """The balance after a change. Raises AmountOutOfRange when balance, debt or credits could not be stored."""
    balance_nanos = account.balance_nanos + change_nanos
    debt_nanos = account.debt_nanos + debt_change_nanos
    check_total("balance", balance_nanos)
    check_total("debt", debt_nanos)
    check_total("credits", balance_nanos + debt_nanos)
    return balance_nanos

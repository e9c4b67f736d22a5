"""What a command and the time before it did to an account, told as outgoing events (requirements C8, O7).

Everything is read off the account before and after, so a new command needs nothing of its own to be heard of. Each
threshold fires when it is passed, and not again before it was left: usage counts from below to above, credits from
above to below. For credits the account itself remembers whether they may fire, so that neither replicas nor a change of
the catalogue make one fire twice or not at all.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tollhoused.domain.account import Account, CauseKind, Counter, LedgerEntry
from tollhoused.domain.advance import advance
from tollhoused.domain.catalogue import CatalogueHistory, Policy, Thresholds
from tollhoused.domain.outgoing import (
    CreditsExpired,
    CreditsGranted,
    CreditsLevel,
    EventData,
    EventKind,
    OutgoingEvent,
    PlanChanged,
    ReservationExpired,
    UsageThreshold,
)
from tollhoused.domain.payment_events import told_of_turn
from tollhoused.domain.reload import heed_reload
from tollhoused.domain.reservation import Reservation

LOW_ARMED = 1
DEPLETED_ARMED = 2
"""Bits of `Account.alarms`: credits have been at or above the amount, or above nothing, and it has not fired since."""

ALL_ARMED = LOW_ARMED | DEPLETED_ARMED

Told = tuple[EventKind, EventData]


class Mark(NamedTuple):
    """How far an account had come: what lies behind it is new. `over` are reservations that end at its next instant."""

    entries: int
    segments: int
    rises: int
    turns: int
    over: tuple[Reservation, ...]


def advance_telling(account: Account, now_us: int, history: CatalogueHistory) -> None:
    """Brings an account to an instant and tells what happened on the way, instant by instant.

    What time alone has made due is bought: whatever is decided next may be refused.
    """
    thresholds = history.newest.thresholds
    if account.grants and account.alarms != ALL_ARMED:
        _arm(account, spendable_nanos(account, account.as_of_us), thresholds)
    if account.due_us > now_us:
        advance(account, now_us, history)
    else:
        _advance_by_instants(account, now_us, history)
    if account.reload:
        since = mark(account)
        heed_reload(account, now_us)
        tell(account, since, now_us, now_us, thresholds)


def _advance_by_instants(account: Account, now_us: int, history: CatalogueHistory) -> None:
    thresholds, since = history.newest.thresholds, mark(account)

    def heed(at_us: int) -> None:
        nonlocal since
        tell(account, since, at_us, now_us, thresholds)
        since = mark(account)

    advance(account, now_us, history, heed)


def mark(account: Account) -> Mark:
    """Notes where an account stands."""
    over: tuple[Reservation, ...] = ()
    if account.reservations:
        ending = (item for item in account.reservations.values() if item.is_open and item.expires_us <= account.due_us)
        over = tuple(sorted(ending, key=lambda item: (item.expires_us, item.id)))
    changes = account.changes
    return Mark(len(changes.entries), len(account.segments), len(changes.rises), len(changes.turns), over)


def tell(account: Account, since: Mark, at_us: int, now_us: int, thresholds: Thresholds) -> None:
    """Adds the events of what has happened since the mark, by the instant `at_us`, to what has to be written."""
    for kind, data in _told(account, since, thresholds):
        _emit(account, kind, data, now_us)
    if account.alarms or account.grants:
        left_nanos = spendable_nanos(account, at_us)
        if account.alarms == ALL_ARMED and left_nanos > 0 and left_nanos >= thresholds.credits_low_nanos:
            return  # as after nearly every usage event: nothing to fire, nothing to arm
        for kind, data in _levels(account, left_nanos, thresholds):
            _emit(account, kind, data, now_us)


def spendable_nanos(account: Account, at_us: int) -> int:
    """What grants in force have left less the debt, never below zero. What is held counts until it is spent."""
    left_nanos = sum(
        [
            grant.remaining_nanos
            for grant in account.grants.values()
            if grant.effective_us <= at_us and (grant.ends_us is None or at_us < grant.ends_us)
        ]
    )
    return max(0, left_nanos - account.debt_nanos)


def crossed(before: int, after: int, included: int, percents: tuple[int, ...]) -> list[int]:
    """The percentages of an allowance that usage has come to, or passed, on its way from `before` to `after`.

    They ascend, so that most usage, which is below the first or beyond the last, is compared once.
    """
    if not percents or after * 100 < included * percents[0] or before * 100 >= included * percents[-1]:
        return []
    return [percent for percent in percents if before * 100 < included * percent <= after * 100]


def _emit(account: Account, kind: EventKind, data: EventData, now_us: int) -> None:
    events = account.changes.events
    events.append(OutgoingEvent(account.id, account.version + 1, len(events) + 1, kind, now_us, data))
    account.dirty = True


def _told(account: Account, since: Mark, thresholds: Thresholds) -> Iterator[Told]:
    for reservation in since.over:
        ended = account.reservations[reservation.id]
        if ended.ended_us == ended.expires_us:
            yield EventKind.RESERVATION_EXPIRED, _expired(account, ended)
    for entry in account.changes.entries[since.entries :]:
        if entry.cause.kind is not CauseKind.USAGE:
            yield from _of_entry(account, entry)
    if len(account.segments) > since.segments:
        for earlier, later in pairwise(account.segments[max(0, since.segments - 1) :]):
            old, new = earlier.terms, later.terms
            if old.plan != new.plan:
                changed = PlanChanged(old.plan, old.plan_version, new.plan, new.plan_version, later.start_us)
                yield EventKind.PLAN_CHANGED, changed
    for before, after in account.changes.rises[since.rises :]:
        yield from _of_use(account, before, after, thresholds)
    for turn in account.changes.turns[since.turns :]:
        yield from told_of_turn(account, turn)


def _expired(account: Account, ended: Reservation) -> ReservationExpired:
    return ReservationExpired(
        ended.id,
        ended.product,
        ended.meter,
        ended.quantity,
        ended.state.value,
        ended.charged_nanos,
        account.currency,
        ended.expires_us,
    )


def _of_entry(account: Account, entry: LedgerEntry) -> Iterator[Told]:
    if entry.grant_id is None:
        return
    if entry.cause.kind is CauseKind.EXPIRY:
        expired = CreditsExpired(account.currency, entry.grant_id, -entry.amount_nanos, entry.effective_us)
        yield EventKind.CREDITS_EXPIRED, expired
    elif entry.cause.kind in (CauseKind.GRANT, CauseKind.ADJUSTMENT) and entry.amount_nanos > 0:
        grant = account.grants[entry.grant_id]
        yield (
            EventKind.CREDITS_GRANTED,
            CreditsGranted(
                account.currency,
                grant.id,
                grant.category.value,
                entry.amount_nanos,
                tuple(sorted(grant.meters)),
                grant.effective_us,
                grant.expires_us,
            ),
        )


def _of_use(account: Account, before: Counter, after: Counter, thresholds: Thresholds) -> Iterator[Told]:
    segment = next(item for item in account.segments if item.start_us == after.segment_start_us)
    terms = segment.terms.meters.get(after.meter)
    if terms is None or terms.policy is Policy.UNMETERED:
        return
    used = after.carried + after.used
    for percent in crossed(before.carried + before.used, used, terms.included, thresholds.usage_percent):
        yield (
            EventKind.USAGE_THRESHOLD,
            UsageThreshold(
                after.meter,
                percent,
                used,
                terms.included,
                segment.terms.plan,
                segment.terms.plan_version,
                segment.period_start_us,
                segment.period_end_us,
            ),
        )


def _levels(account: Account, left_nanos: int, thresholds: Thresholds) -> Iterator[Told]:
    """Fires what is armed and passed, and arms what is passed the other way."""
    low_nanos = thresholds.credits_low_nanos
    if account.alarms & LOW_ARMED and left_nanos < low_nanos:
        account.alarms &= ~LOW_ARMED
        yield EventKind.CREDITS_LOW, CreditsLevel(account.currency, left_nanos, low_nanos, account.debt_nanos)
    if account.alarms & DEPLETED_ARMED and left_nanos == 0:
        account.alarms &= ~DEPLETED_ARMED
        yield EventKind.CREDITS_DEPLETED, CreditsLevel(account.currency, 0, 0, account.debt_nanos)
    _arm(account, left_nanos, thresholds)


def _arm(account: Account, left_nanos: int, thresholds: Thresholds) -> None:
    armed = account.alarms
    if left_nanos > 0:
        armed |= DEPLETED_ARMED
        if left_nanos >= thresholds.credits_low_nanos:
            armed |= LOW_ARMED
    if armed != account.alarms:
        account.alarms = armed
        account.dirty = True

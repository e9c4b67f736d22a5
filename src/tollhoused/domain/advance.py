"""Time moves first: brings an account to an instant before anything is decided on it (design: time).

Everything that time alone does happens here, instant by instant in order: periods turn, grants become effective and
expire, subscriptions and overrides begin and end. Readers do the same on a copy, so what is read never depends on a
timer having fired.
"""

from collections.abc import Callable, Iterator

from tollhoused.domain.account import Account, Cause, CauseKind, Counter, Posting, Segment, burn
from tollhoused.domain.catalogue import Catalogue, CatalogueHistory, Plan
from tollhoused.domain.counting import counted
from tollhoused.domain.holds import expired
from tollhoused.domain.included import included_grant
from tollhoused.domain.money import MAX_NANOS, check_total
from tollhoused.domain.periods import period_of
from tollhoused.domain.subscription import Subscription
from tollhoused.domain.terms import NO_TERMS, resolve_terms
from tollhoused.errors import AmountOutOfRange


class UnknownCatalogueVersion(LookupError):
    """A subscription is pinned to a catalogue version that this process has not loaded yet."""


def advance(
    account: Account, now_us: int, history: CatalogueHistory, heed: Callable[[int], None] | None = None
) -> None:
    """Applies every instant up to and including `now_us`, and stores it as the account's `as_of`.

    An account that is due must be loaded whole. What happens is booked at `now_us` and effective at its own instant.
    `heed` hears of each instant once it was applied.
    """
    while account.due_us <= now_us:
        assert account.whole, account.id
        at_us = account.due_us
        _end_reservations(account, at_us, now_us)
        expire_grants(account, at_us, now_us)
        settle_debt(account, at_us, now_us)
        _change_plans(account, at_us)
        turn(account, at_us, now_us, history)
        account.due_us = min(coming_instants(account, at_us))
        account.dirty = True
        if heed:
            heed(at_us)
    account.as_of_us = max(account.as_of_us, now_us)


def reconsider(account: Account, now_us: int, history: CatalogueHistory) -> None:
    """Takes a change of subscriptions or overrides into account at once, and finds the next due instant."""
    turn(account, now_us, now_us, history)
    account.due_us = min(coming_instants(account, now_us))


def turn(account: Account, at_us: int, now_us: int, history: CatalogueHistory) -> None:
    """Opens a new period or segment where the instant calls for one.

    A period ends at its boundary, or when another subscription starts to count. Within a period, a change of terms
    opens a segment that carries the use on.
    """
    subscription = counting_subscription(account, at_us, history)
    subscription_id = subscription.id if subscription else None
    current = account.segments[-1] if account.segments else None
    same_period = current and at_us < current.period_end_us and current.subscription_id == subscription_id
    if subscription:
        plan_version = subscription.plan_version
        plan = pinned_plan(subscription, history)
    else:
        plan_version = current.terms.plan_version if current and same_period else history.version_at(at_us)
        catalogue = version_of(history, plan_version)
        plan = catalogue.plans[catalogue.default_plan]
    terms = resolve_terms(plan, plan_version, account.overrides.values(), at_us)
    if current and same_period:
        if terms != current.terms:
            segment = Segment(at_us, None, current.period_start_us, current.period_end_us, subscription_id, terms)
            carry_on(account, segment, now_us)
        return
    anchor_us = subscription.anchor_us if subscription else account.anchor_us
    period = period_of(anchor_us, account.zone, at_us)
    opened = Segment(at_us, None, at_us, period.end_us, subscription_id, terms)
    if current:
        _close_gauges(account, at_us, now_us)
        _keep_levels(account, current, opened)
    account.open_segment(opened)
    _include(account, plan, opened, now_us)


def carry_on(account: Account, segment: Segment, now_us: int) -> None:
    """Opens another segment of the same period, with the period's use so far."""
    _close_gauges(account, segment.start_us, now_us)
    _carry(account, account.segment, segment)
    account.open_segment(segment)


def counting_subscription(account: Account, at_us: int, history: CatalogueHistory) -> Subscription | None:
    """The one subscription that counts: highest rank, then oldest (requirement S9)."""

    def precedence(item: Subscription) -> tuple[int, int, str]:
        return (-pinned_plan(item, history).rank, item.start_us, item.id)

    return min((item for item in account.subscriptions.values() if item.runs(at_us)), key=precedence, default=None)


def pinned_plan(subscription: Subscription, history: CatalogueHistory) -> Plan:
    """The plan as it stood in the version that the subscription was made under."""
    return version_of(history, subscription.plan_version).plans[subscription.plan]


def version_of(history: CatalogueHistory, version: int) -> Catalogue:
    """One applied version. Raises UnknownCatalogueVersion for one that another replica has applied since we looked."""
    catalogue = history.versions.get(version)
    if catalogue is None:
        raise UnknownCatalogueVersion(f"catalogue version {version}")
    return catalogue


def debt_settlement(grant_id: str, settled_nanos: int) -> tuple[Posting, ...]:
    """The pair of postings by which a grant's credits settle debt; none for nothing."""
    return (Posting(grant_id, -settled_nanos), Posting(None, settled_nanos)) if settled_nanos else ()


def expire_grants(account: Account, at_us: int, now_us: int) -> None:
    """Expiry takes what is left of its own grant, and nothing else.

    What reservations hold of it stays until they end; what comes back from them then expires, too.
    """
    for grant in list(account.grants.values()):
        ends_us = grant.ends_us
        if ends_us is not None and ends_us <= at_us and grant.unheld_nanos > 0:
            cause = Cause(CauseKind.EXPIRY, grant.id)
            account.post(Posting(grant.id, -grant.unheld_nanos), cause, now_us, ends_us)


def settle_debt(account: Account, at_us: int, now_us: int) -> None:
    """Unrestricted grants that have become effective pay the debt off, in burn order."""
    for grant in account.usable_grants(None, at_us):
        if not grant.meters:
            cause = Cause(CauseKind.SETTLEMENT, grant.id)
            settled_nanos = min(account.debt_nanos, grant.unheld_nanos)
            for posting in debt_settlement(grant.id, settled_nanos):
                account.post(posting, cause, now_us, at_us)


def _change_plans(account: Account, at_us: int) -> None:
    """Scheduled changes of plan happen at their time, whether or not the subscription counts."""
    for subscription in list(account.subscriptions.values()):
        changed = subscription.changed(at_us)
        if changed is not subscription:
            account.put_subscription(changed)


def _end_reservations(account: Account, at_us: int, now_us: int) -> None:
    """Reservations whose time is over end as they were told to when they were made."""
    over = [item for item in account.reservations.values() if item.is_open and item.expires_us <= at_us]
    for reservation in sorted(over, key=lambda item: (item.expires_us, item.id)):
        end = expired(account, reservation)
        if end.counter:
            account.put_counter(end.counter)
        for posting in end.postings:
            account.post(posting, Cause(CauseKind.RESERVATION, reservation.id), now_us, reservation.created_us)
        for changed in end.reservations:
            account.put_reservation(changed)


def _include(account: Account, plan: Plan, period: Segment, now_us: int) -> None:
    """Issues the credits that the plan includes in the usage period that begins; what cannot be stored is left out."""
    for credits in plan.credits:
        grant = included_grant(credits, period)
        if account.balance_nanos + account.debt_nanos + grant.amount_nanos > MAX_NANOS:
            continue
        account.put_grant(grant)
        posting = Posting(grant.id, grant.amount_nanos)
        account.post(posting, Cause(CauseKind.PLAN_GRANT, grant.id), now_us, period.start_us)
    if plan.credits:
        settle_debt(account, period.start_us, now_us)


def close_reference(segment_start_us: int, meter: str) -> str:
    """How ledger entries name the close of a gauge's segment."""
    return f"{segment_start_us}/{meter}"


def meter_of_close(reference: str) -> str:
    """The gauge that such a name speaks of; empty where it is none."""
    return reference.partition("/")[2]


def _close_gauges(account: Account, at_us: int, now_us: int) -> None:
    """Charges what the open segment has not charged yet of its gauges' peaks, as RECORD would.

    What could not be stored is charged nothing: time passes whatever a catalogue's rates come to.
    """
    for counter in _counters_of(account, account.segment):
        if not counter.level_us:
            continue
        terms = account.segment.terms.meters.get(counter.meter, NO_TERMS)
        try:
            closed = counted(counter, terms, 0)
            charge_nanos = closed.charged_nanos - counter.charged_nanos
            debits, unpaid_nanos = burn(account.usable_grants(counter.meter, at_us), charge_nanos)
            check_total("balance", account.balance_nanos - charge_nanos)
            check_total("debt", account.debt_nanos + unpaid_nanos)
        except AmountOutOfRange:
            continue
        if closed != counter:
            account.put_counter(closed)
        cause = Cause(CauseKind.PERIOD_CLOSE, close_reference(counter.segment_start_us, counter.meter))
        for posting in (*debits, Posting(None, -unpaid_nanos)) if unpaid_nanos else debits:
            account.post(posting, cause, now_us, at_us)


def _keep_levels(account: Account, closed: Segment, opened: Segment) -> None:
    """A new period begins with the level that was left as its peak; nothing of it is charged yet."""
    for counter in _counters_of(account, closed):
        if counter.level:
            kept = Counter(opened.start_us, counter.meter, used=counter.level)
            account.put_counter(kept._replace(level=counter.level, level_us=counter.level_us))


def _carry(account: Account, closed: Segment, opened: Segment) -> None:
    """Starts the new segment's counters from the period's use so far."""
    for counter in _counters_of(account, closed):
        if counter.peak:
            carried = Counter(opened.start_us, counter.meter, carried=counter.peak)
            account.put_counter(carried._replace(level=counter.level, level_us=counter.level_us))


def _counters_of(account: Account, segment: Segment) -> list[Counter]:
    return [counter for (start_us, _), counter in account.counters.items() if start_us == segment.start_us]


def coming_instants(account: Account, after_us: int) -> Iterator[int]:
    """The coming instants at which time alone changes this account."""
    candidates: list[int | None] = [account.segment.period_end_us]
    for grant in account.grants.values():
        if grant.remaining_nanos > 0:
            candidates += [grant.effective_us, grant.expires_us]
    for subscription in account.subscriptions.values():
        candidates += subscription.instants()
    for override in account.overrides.values():
        candidates += [override.from_us, override.until_us]
    for reservation in account.reservations.values():
        if reservation.is_open:
            candidates.append(reservation.expires_us)
    return (instant for instant in candidates if instant is not None and instant > after_us)

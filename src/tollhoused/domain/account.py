"""An account's state as values, and the one place where that state moves: `Account`'s methods.

Values are immutable; the account replaces them and remembers what it replaced, so that a copy is cheap and a save
writes only what changed. Those that every usage event makes anew are named tuples: Python makes one in a quarter of
the time that a frozen dataclass takes.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import NamedTuple

from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.intent import AutoReload, Intent
from tollhoused.domain.outgoing import OutgoingEvent
from tollhoused.domain.reservation import Reservation
from tollhoused.domain.subscription import Subscription
from tollhoused.domain.terms import Override, Terms

HOUR_US = 3_600_000_000
MAX_QUANTITY = 2**62
NEVER_US = 2**62
"""A due time that never comes."""


class AccountKind(StrEnum):
    """Who an account bills: one person, or an organization."""

    PERSONAL = "personal"
    ORGANIZATION = "organization"


class CauseKind(StrEnum):
    """What made a ledger entry: an operation, a grant, a reservation or time."""

    USAGE = "usage"
    GRANT = "grant"
    ADJUSTMENT = "adjustment"
    VOIDED_GRANT = "voided_grant"
    EXPIRY = "expiry"
    SETTLEMENT = "settlement"
    RESERVATION = "reservation"
    """A reservation that was committed by its own end, without a call."""
    VOID = "void"
    """An operation that voids usage: what it gives back to grants, and takes off the debt."""
    PLAN_GRANT = "plan_grant"
    """The beginning of a usage period, whose plan includes credits; named by the grant."""
    PERIOD_CLOSE = "period_close"
    """The end of a segment, which charges a gauge's peak; named by the segment's start and the meter."""
    VOIDED_DEBT = "voided_debt"
    """The same operation: the grant that it makes where the debt of the usage was settled since."""
    TOP_UP = "top_up"
    """A payment that has come for an intent, which names it."""
    CLAWBACK = "clawback"
    """What was given back of that payment, or came again after a dispute; named by the intent."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a usage period under unchanging terms: [start_us, end_us), open while end_us is None."""

    start_us: int
    end_us: int | None
    period_start_us: int
    period_end_us: int
    subscription_id: str | None
    terms: Terms


class Counter(NamedTuple):
    """One meter's use in one segment; `carried` is the period's use when the segment opened, frozen then.

    A gauge's use is its peak. `level` is the one that holds, from the instant `level_us` on, which is 0 for counters
    that are no gauge's; both stay as they are when the segment closes.
    """

    segment_start_us: int
    meter: str
    carried: int = 0
    used: int = 0
    overage: int = 0
    charged_nanos: int = 0
    level: int = 0
    level_us: int = 0

    @property
    def peak(self) -> int:
        """The use of the whole period, up to this segment's end."""
        return self.carried + self.used


class Grant(NamedTuple):
    """Credits with their own priority, validity [effective_us, expires_us) and restriction (no meters: any).

    What open reservations hold of it is part of the remainder, and outlives the grant's end until they end.
    """

    id: str
    category: GrantCategory
    priority: int
    effective_us: int
    expires_us: int | None
    meters: frozenset[str]
    amount_nanos: int
    remaining_nanos: int
    created_us: int
    held_nanos: int = 0
    voided_us: int | None = None

    @property
    def unheld_nanos(self) -> int:
        """What is left and not held."""
        return self.remaining_nanos - self.held_nanos

    @property
    def ends_us(self) -> int | None:
        """When it ends: by its expiry, or by being voided before."""
        return self.expires_us if self.voided_us is None else self.voided_us

    def usable(self, at_us: int) -> bool:
        """Whether anything of the grant can be spent or held at this instant."""
        return (
            self.remaining_nanos > self.held_nanos
            and self.effective_us <= at_us
            and (self.expires_us is None or at_us < self.expires_us)
            and self.voided_us is None
        )

    def pays_for(self, meter: str | None) -> bool:
        """Whether the restriction lets the grant pay for this meter; None asks for any restriction at all."""
        return meter is None or not self.meters or meter in self.meters

    def burn_order(self) -> tuple[int, int, bool, int, str]:
        """Requirement C4: priority, then soonest expiry, then promotional before paid, then oldest."""
        expires_us = NEVER_US if self.expires_us is None else self.expires_us
        return (self.priority, expires_us, self.category is GrantCategory.PAID, self.created_us, self.id)


class Cause(NamedTuple):
    """What a ledger entry is booked for: an operation (client and key) or, with an empty client, a grant."""

    kind: CauseKind
    reference: str
    client: str = ""


class LedgerEntry(NamedTuple):
    """One immutable row of an account's ledger. No grant: the amount changes the debt."""

    sequence: int
    booked_us: int
    effective_us: int
    grant_id: str | None
    amount_nanos: int
    balance_after_nanos: int
    cause: Cause

    @property
    def slice(self) -> int:
        """The UTC hour of booking, which leads the ledger's key."""
        return self.booked_us // HOUR_US


class Posting(NamedTuple):
    """A signed amount for a grant, or for the debt when it names none."""

    grant_id: str | None
    amount_nanos: int


Paid = Intent | AutoReload | Subscription
Turn = tuple[Paid | None, Paid]


@dataclass(slots=True)
class Changes:
    """What has to be written: keys of replaced values, new ledger entries and outgoing events, both in order.

    `grants` are those that were put as a whole, `moved_grants` those of which amounts have moved, new ones or not.
    `rises` are counters before and after more was used, `turns` what payments move, before (None: it is new) and after
    a change: from both events are told.
    """

    counters: set[tuple[int, str]] = field(default_factory=set)
    grants: set[str] = field(default_factory=set)
    moved_grants: set[str] = field(default_factory=set)
    segments: set[int] = field(default_factory=set)
    subscriptions: set[str] = field(default_factory=set)
    overrides: set[str] = field(default_factory=set)
    reservations: set[str] = field(default_factory=set)
    intents: set[str] = field(default_factory=set)
    entries: list[LedgerEntry] = field(default_factory=list)
    rises: list[tuple[Counter, Counter]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    events: list[OutgoingEvent] = field(default_factory=list)

    def copy(self) -> "Changes":
        """An independent copy."""
        return Changes(*(copy(getattr(self, item.name)) for item in fields(self)))


@dataclass(slots=True, eq=False)
class Account:
    """One account's loaded state. `whole` says that every counter of the open segment, subscription and override is
    here; every open reservation always is.

    `version` is the loaded one (0: not stored yet). `due_us` is the next instant at which time alone changes the
    account. `alarms` are bits: which events about low credits may fire. `customer` is what a provider calls it, such as
    "stripe:...", empty while no provider knows it; of its intents those are here that commands name.
    """

    id: str
    kind: AccountKind
    currency: str
    zone: str
    anchor_us: int
    version: int
    as_of_us: int
    due_us: int
    balance_nanos: int
    debt_nanos: int
    held_nanos: int
    open_reservations: int
    ledger_seq: int
    whole: bool
    alarms: int = 0
    customer: str = ""
    reload: AutoReload | None = None
    segments: list[Segment] = field(default_factory=list)
    counters: dict[tuple[int, str], Counter] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    dirty: bool = False

    def copy(self) -> "Account":
        """A copy on which a change can be tried and dropped."""
        return replace(
            self,
            segments=list(self.segments),
            counters=dict(self.counters),
            grants=dict(self.grants),
            subscriptions=dict(self.subscriptions),
            overrides=dict(self.overrides),
            reservations=dict(self.reservations),
            intents=dict(self.intents),
            changes=self.changes.copy(),
        )

    @property
    def segment(self) -> Segment:
        """The open segment."""
        return self.segments[-1]

    def segment_at(self, at_us: int) -> Segment:
        """The segment of an instant; what lies before the account's first segment counts in the first."""
        for segment in reversed(self.segments):
            if segment.start_us <= at_us:
                return segment
        return self.segments[0]

    def counter(self, segment: Segment, meter: str) -> Counter:
        """The meter's counter in a segment, at zero where nothing was used yet."""
        return self.counters.get((segment.start_us, meter)) or Counter(segment.start_us, meter)

    def holding(self, segment_start_us: int, meter: str) -> list[Reservation]:
        """Open reservations of a counter, oldest first: the order in which they stand in line."""
        if not self.reservations:
            return []
        found = [
            item
            for item in self.reservations.values()
            if item.is_open and item.meter == meter and item.segment_start_us == segment_start_us
        ]
        return sorted(found, key=lambda item: (item.created_us, item.id))

    def held(self, segment_start_us: int, meter: str) -> int:
        """Units that open reservations of a counter hold."""
        return sum([item.quantity for item in self.holding(segment_start_us, meter)])

    def usable_grants(self, meter: str | None, at_us: int) -> list[Grant]:
        """Grants that may pay for the meter now, in burn order."""
        grants = [grant for grant in self.grants.values() if grant.usable(at_us) and grant.pays_for(meter)]
        if len(grants) > 1:
            grants.sort(key=Grant.burn_order)
        return grants

    def available_nanos(self, meter: str | None, at_us: int) -> int:
        """What ENFORCE may spend on the meter: usable unheld remainders minus debt, never below zero."""
        return self.unowed_nanos(self.usable_grants(meter, at_us))

    def unowed_nanos(self, grants: Iterable[Grant]) -> int:
        """What is left of the grants once the debt is taken off, never below zero."""
        return max(0, sum([grant.unheld_nanos for grant in grants]) - self.debt_nanos)

    def put_counter(self, counter: Counter) -> None:
        """Stores a counter's new state."""
        key = (counter.segment_start_us, counter.meter)
        before = self.counters.get(key)
        if counter.used > (before.used if before else 0):
            self.changes.rises.append((before or Counter(*key, carried=counter.carried), counter))
        self.counters[key] = counter
        self.changes.counters.add(key)
        self.dirty = True

    def put_grant(self, grant: Grant) -> None:
        """Stores a new grant; its credits arrive by a posting."""
        self.grants[grant.id] = grant
        self.changes.grants.add(grant.id)
        self.dirty = True

    def put_reservation(self, reservation: Reservation) -> None:
        """Stores a new or changed reservation, and moves what its grants hold."""
        before = self.reservations.get(reservation.id)
        self.open_reservations += reservation.is_open - bool(before and before.is_open)
        for hold in before.holds if before else ():
            self._hold(hold.grant_id, -hold.amount_nanos)
        for hold in reservation.holds:
            self._hold(hold.grant_id, hold.amount_nanos)
        self.reservations[reservation.id] = reservation
        self.changes.reservations.add(reservation.id)
        self.dirty = True

    def _hold(self, grant_id: str, amount_nanos: int) -> None:
        grant = self.grants[grant_id]
        self.grants[grant_id] = grant._replace(held_nanos=grant.held_nanos + amount_nanos)
        self.changes.moved_grants.add(grant_id)
        self.held_nanos += amount_nanos

    def put_intent(self, intent: Intent) -> None:
        """Stores a new or changed intent."""
        self.changes.turns.append((self.intents.get(intent.id), intent))
        self.intents[intent.id] = intent
        self.changes.intents.add(intent.id)
        self.dirty = True

    def put_reload(self, reload: AutoReload) -> None:
        """Stores how the account buys credits by itself."""
        self.changes.turns.append((self.reload, reload))
        self.reload = reload
        self.dirty = True

    def put_subscription(self, subscription: Subscription) -> None:
        """Stores a new or changed subscription."""
        self.changes.turns.append((self.subscriptions.get(subscription.id), subscription))
        self.subscriptions[subscription.id] = subscription
        self.changes.subscriptions.add(subscription.id)
        self.dirty = True

    def put_override(self, override: Override) -> None:
        """Stores a new or changed override."""
        self.overrides[override.id] = override
        self.changes.overrides.add(override.id)
        self.dirty = True

    def open_segment(self, segment: Segment) -> None:
        """Closes the open segment where the new one starts, and opens the new one."""
        if self.segments:
            closed = replace(self.segments[-1], end_us=segment.start_us)
            self.segments[-1] = closed
            self.changes.segments.add(closed.start_us)
        self.segments.append(segment)
        self.changes.segments.add(segment.start_us)
        self.dirty = True

    def post(self, posting: Posting, cause: Cause, booked_us: int, effective_us: int) -> None:
        """Books one amount: moves its grant or the debt, the balance, and appends the ledger entry."""
        amount_nanos = posting.amount_nanos
        if posting.grant_id is None:
            self.debt_nanos -= amount_nanos
        else:
            grant = self.grants[posting.grant_id]
            self.grants[grant.id] = grant._replace(remaining_nanos=grant.remaining_nanos + amount_nanos)
            self.changes.moved_grants.add(grant.id)
        self.balance_nanos += amount_nanos
        self.ledger_seq += 1
        self.changes.entries.append(
            LedgerEntry(
                self.ledger_seq, booked_us, effective_us, posting.grant_id, amount_nanos, self.balance_nanos, cause
            )
        )
        self.dirty = True


def burn(grants: Iterable[Grant], amount_nanos: int) -> tuple[list[Posting], int]:
    """Takes an amount from grants in their order; returns the debits and what no grant could pay."""
    postings = []
    left_nanos = amount_nanos
    for grant in grants:
        if left_nanos == 0:
            break
        taken_nanos = min(grant.unheld_nanos, left_nanos)
        postings.append(Posting(grant.id, -taken_nanos))
        left_nanos -= taken_nanos
    return postings, left_nanos

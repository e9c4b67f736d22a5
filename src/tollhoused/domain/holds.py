"""What open reservations hold of an account's credits, and how it moves when one of them ends (requirement U7).

Reservations of one counter stand in line behind what is used, oldest first: each holds what its units would cost if
all before it were used up. So whatever is used or given back meanwhile, all of them together hold exactly what
committing them would charge, and no promise is paid for twice.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tollhoused.domain.account import Account, Counter, Posting, Segment
from tollhoused.domain.catalogue import MeterTerms
from tollhoused.domain.counting import counted
from tollhoused.domain.reservation import Hold, OnExpiry, Reservation, ReservationState
from tollhoused.domain.terms import NO_TERMS


class Purse:
    """Credits that may be held for a meter, while a decision is worked out: what grants have left beyond debt."""

    def __init__(
        self, account: Account, meter: str, now_us: int, spent: Sequence[Posting] = (), owed_nanos: int = 0
    ) -> None:
        """`spent` are debits and `owed_nanos` new debt that the same decision has made already."""
        self._order = [grant.id for grant in account.usable_grants(meter, now_us)]
        self._free = {id_: account.grants[id_].unheld_nanos for id_ in self._order}
        self._debt_nanos = account.debt_nanos + owed_nanos
        self._lasting = {
            grant.id for grant in account.grants.values() if grant.ends_us is None or now_us < grant.ends_us
        }
        for posting in spent:
            if posting.grant_id is not None and posting.grant_id in self._free:
                self._free[posting.grant_id] += posting.amount_nanos

    @property
    def available_nanos(self) -> int:
        """What may still be taken."""
        return max(0, sum(self._free.values()) - self._debt_nanos)

    def take(self, amount_nanos: int) -> tuple[list[Hold], int]:
        """Takes an amount in burn order; returns what was taken of each grant, and what is missing."""
        within_nanos = min(amount_nanos, self.available_nanos)
        holds, _ = self.burn(within_nanos)
        return holds, amount_nanos - within_nanos

    def burn(self, amount_nanos: int) -> tuple[list[Hold], int]:
        """Spends an amount in burn order whatever is owed; returns what each grant pays, and what becomes debt."""
        holds = []
        for id_ in self._order:
            taken_nanos = min(self._free[id_], amount_nanos)
            if taken_nanos:
                self._free[id_] -= taken_nanos
                amount_nanos -= taken_nanos
                holds.append(Hold(id_, taken_nanos))
        self._debt_nanos += amount_nanos
        return holds, amount_nanos

    def give_back(self, holds: Sequence[Hold]) -> None:
        """Returns what was held. What comes back to a grant that has ended is of use to nobody."""
        for grant_id, amount_nanos in holds:
            if grant_id in self._lasting:
                if grant_id not in self._free:
                    self._order.append(grant_id)
                self._free[grant_id] = self._free.get(grant_id, 0) + amount_nanos


def reheld(
    holding: Sequence[Reservation], terms: MeterTerms, counter: Counter, purse: Purse
) -> tuple[tuple[Reservation, ...], int]:
    """The reservations of a counter whose holds must change for its new use, and nanos that the purse lacks for that.

    `holding` are all that stay open, in line. Raises AmountOutOfRange when what they would cost could not be stored.
    """
    needs = []
    for reservation in holding:
        later = counted(counter, terms, reservation.quantity)
        needs.append(later.charged_nanos - counter.charged_nanos)
        counter = later
    changed: dict[str, Reservation] = {}
    for reservation, need_nanos in zip(holding, needs, strict=True):
        surplus_nanos = reservation.held_nanos - need_nanos
        if surplus_nanos > 0:
            kept, returned = _split(reservation.holds, need_nanos)
            purse.give_back(returned)
            changed[reservation.id] = reservation._replace(holds=kept)
    missing_nanos = 0
    for reservation, need_nanos in zip(holding, needs, strict=True):
        lacking_nanos = need_nanos - reservation.held_nanos
        if lacking_nanos > 0:
            taken, missing = purse.take(lacking_nanos)
            missing_nanos += missing
            if taken:
                changed[reservation.id] = reservation._replace(holds=_joined(reservation.holds, taken))
    return tuple(changed.values()), missing_nanos


class End(NamedTuple):
    """How a reservation ends: the counter after it, what is booked, and every reservation that changes with it."""

    counter: Counter | None
    postings: tuple[Posting, ...]
    reservations: tuple[Reservation, ...]


def segment_of(account: Account, reservation: Reservation) -> Segment:
    """The segment in which the reservation was made, which must be loaded."""
    return next(item for item in account.segments if item.start_us == reservation.segment_start_us)


def released(account: Account, reservation: Reservation, at_us: int, state: ReservationState) -> End:
    """Gives everything back; those that stand behind it in line need less then."""
    segment = segment_of(account, reservation)
    terms = segment.terms.meters.get(reservation.meter, NO_TERMS)
    purse = Purse(account, reservation.meter, at_us)
    purse.give_back(reservation.holds)
    others = _line(account, reservation, terms, account.counter(segment, reservation.meter), purse)
    return End(None, (), (reservation._replace(state=state, holds=(), ended_us=at_us), *others))


def committed(account: Account, reservation: Reservation, quantity: int, at_us: int) -> End:
    """Counts a quantity as used at an instant: what was held pays first, then what is free; the rest becomes debt.

    Whether a quantity beyond what was reserved may pass is not asked here.
    """
    segment = segment_of(account, reservation)
    terms = segment.terms.meters.get(reservation.meter, NO_TERMS)
    before = account.counter(segment, reservation.meter)
    after = counted(before, terms, quantity)
    charge_nanos = after.charged_nanos - before.charged_nanos
    own, kept = _split(reservation.holds, charge_nanos)
    purse = Purse(account, reservation.meter, at_us)
    purse.give_back(kept)
    more, unpaid_nanos = purse.burn(charge_nanos - sum([hold.amount_nanos for hold in own]))
    postings = [Posting(grant_id, -amount_nanos) for grant_id, amount_nanos in _joined(own, more)]
    if unpaid_nanos:
        postings.append(Posting(None, -unpaid_nanos))
    ended = reservation._replace(
        state=ReservationState.COMMITTED,
        holds=(),
        used=quantity,
        overage=after.overage - before.overage,
        charged_nanos=charge_nanos,
        ended_us=at_us,
    )
    return End(after, tuple(postings), (ended, *_line(account, reservation, terms, after, purse)))


def expired(account: Account, reservation: Reservation) -> End:
    """The end of a reservation whose time is over, as it was told when it was made."""
    at_us = reservation.expires_us
    if reservation.on_expiry is OnExpiry.COMMIT:
        return committed(account, reservation, reservation.quantity, at_us)
    return released(account, reservation, at_us, ReservationState.EXPIRED)


def _line(
    account: Account, left: Reservation, terms: MeterTerms, counter: Counter, purse: Purse
) -> tuple[Reservation, ...]:
    """The other reservations of the counter whose holds change when one has left the line.

    What the purse lacks for them is not refused: only a RECORD can have brought that about, and it becomes debt when
    they are committed.
    """
    others = [item for item in account.holding(left.segment_start_us, left.meter) if item.id != left.id]
    return reheld(others, terms, counter, purse)[0] if others else ()


def _split(holds: Sequence[Hold], first_nanos: int) -> tuple[tuple[Hold, ...], tuple[Hold, ...]]:
    """The holds that make up the first so many nanos, and those of the rest."""
    first, rest = [], []
    for grant_id, amount_nanos in holds:
        taken_nanos = min(amount_nanos, first_nanos)
        first_nanos -= taken_nanos
        if taken_nanos:
            first.append(Hold(grant_id, taken_nanos))
        if amount_nanos > taken_nanos:
            rest.append(Hold(grant_id, amount_nanos - taken_nanos))
    return tuple(first), tuple(rest)


def _joined(holds: Sequence[Hold], more: Sequence[Hold]) -> tuple[Hold, ...]:
    """Holds with one entry for each grant, in the order in which the grants came."""
    sums: dict[str, int] = {}
    for grant_id, amount_nanos in (*holds, *more):
        sums[grant_id] = sums.get(grant_id, 0) + amount_nanos
    return tuple([Hold(grant_id, amount_nanos) for grant_id, amount_nanos in sums.items()])

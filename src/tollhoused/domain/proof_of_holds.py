"""Proof of an account's reservations: each ended once, and what open ones hold is what totals say (requirement U7)."""

from collections import Counter as Bag
from collections.abc import Generator
from dataclasses import dataclass, field

from tollhoused.domain.proof import Evidence, Finding
from tollhoused.domain.reservation import Reservation, ReservationState


@dataclass(slots=True)
class Sums:
    """Units, units beyond the allowance and nanos of one meter in one segment."""

    quantity: int = 0
    overage: int = 0
    charged_nanos: int = 0

    def add(self, reservation: Reservation) -> None:
        """Adds what a reservation recorded when it was committed."""
        self.quantity += reservation.used
        self.overage += reservation.overage
        self.charged_nanos += reservation.charged_nanos


Key = tuple[int | None, str | None]


@dataclass(slots=True)
class Reserved:
    """What the account's reservations come to.

    `by_call` and `by_expiry` are what commits recorded by segment and meter, `charged` the counters and charges of
    those that their own end committed, by id. `any` says that there is a reservation at all: then grants were held for
    it, and what other operations found available cannot be told from the rows.
    """

    any: bool = False
    by_call: dict[Key, Sums] = field(default_factory=dict)
    by_expiry: dict[Key, Sums] = field(default_factory=dict)
    charged: dict[str, tuple[Key, int]] = field(default_factory=dict)


def prove_holds(evidence: Evidence) -> Generator[Finding, None, Reserved]:
    """V12 of reservations, grants and the account."""
    account = evidence.account
    found = Reserved()
    held: Bag[str] = Bag()
    open_reservations = 0
    for item in evidence.reservations:
        found.any = True
        name = f"reservation {item.id}"
        if item.is_open:
            open_reservations += 1
            for hold in item.holds:
                held[hold.grant_id] += hold.amount_nanos
            if item.expires_us <= account.as_of_us or item.expires_us < account.due_us:
                what = f"{name} is open until {item.expires_us}, but the account looks again at {account.due_us}"
                yield evidence.finding("V12", what)
        elif item.holds:
            yield evidence.finding("V12", f"{name} has ended and still holds {item.held_nanos}")
        if item.state is ReservationState.COMMITTED:
            by_expiry = item.ended_us == item.expires_us
            sums = found.by_expiry if by_expiry else found.by_call
            key = (item.segment_start_us, item.meter)
            sums.setdefault(key, Sums()).add(item)
            if by_expiry and item.charged_nanos:
                found.charged[item.id] = (key, item.charged_nanos)
        elif item.used or item.charged_nanos:
            yield evidence.finding("V12", f"{name} is {item.state.value}, but recorded {item.used}")
    stored = (account.open_reservations, account.held_nanos)
    if stored != (open_reservations, held.total()):
        what = f"its open reservations and their nanos are {stored}, they sum to {(open_reservations, held.total())}"
        yield evidence.finding("V12", what)
    for grant in account.grants.values():
        if grant.held_nanos != held[grant.id]:
            what = f"grant {grant.id} has held_nanos {grant.held_nanos}, its reservations hold {held[grant.id]}"
            yield evidence.finding("V12", what)
    return found

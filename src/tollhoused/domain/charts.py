"""Usage over time: how a range is cut into hours, days or months of a time zone (requirement U12).

Every boundary is an instant; a day that the clocks make longer or shorter is one bucket all the same. Pure.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tollhoused.domain.account import HOUR_US, Account
from tollhoused.domain.books import Operation
from tollhoused.domain.commands import CommitReservation, RecordUsage
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.reservation import Reservation, ReservationState

KINDS_OF_USAGE = (RecordUsage.kind, CommitReservation.kind)
"""The kinds of operations whose quantities add up to totals, less what was voided; a level adds up to nothing."""

EXPIRY_OF_RESERVATION = "expiry_of_reservation"
"""The kind of usage that no operation recorded: the expiry of a reservation did, and the reservation tells it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Granularity(StrEnum):
    """How long a bucket is, on the clocks of the zone."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Stretch(NamedTuple):
    """Instants [from_us, to_us) in which every bucket begins a whole number of units after `phase_us`, which lies
    before the epoch.
    """

    from_us: int
    to_us: int
    phase_us: int


class UnitTotal(NamedTuple):
    """What counted in one unit, as the store sums it up; `meter` and `product` as in `UsageTotal`."""

    unit_us: int
    meter: str
    product: str
    quantity: int
    overage: int
    charged_nanos: int
    events: int


class UsageTotal(NamedTuple):
    """What counted in [start_us, end_us); `meter` and `product` are empty where the question did not ask by them."""

    start_us: int
    end_us: int
    meter: str
    product: str
    quantity: int
    overage: int
    charged_nanos: int
    events: int


def usage_of_expiry(account_id: str, ended: Reservation) -> Operation:
    """The usage that the expiry of a reservation counted, as if an operation had recorded it; its id is the key."""
    assert ended.ended_us is not None, ended.id
    return Operation(
        idempotency_key=ended.id,
        client=ended.client,
        account_id=account_id,
        kind=EXPIRY_OF_RESERVATION,
        stored_us=ended.ended_us,
        event_us=ended.created_us,
        product=ended.product,
        meter=ended.meter,
        segment_start_us=ended.segment_start_us,
        quantity=ended.used,
        overage=ended.overage,
        charged_nanos=ended.charged_nanos,
        metadata=None,
        sent="",
        answer="",
    )


def unbooked_expiries(advanced: Account) -> list[Reservation]:
    """Reservations that counted themselves when an account was brought up to date in memory, and nobody has booked."""
    return [
        ended
        for id_ in sorted(advanced.changes.reservations)
        if (ended := advanced.reservations[id_]).state is ReservationState.COMMITTED
    ]


@dataclass(frozen=True, slots=True)
class Buckets:
    """A range cut into buckets: `bounds` are their starts, and the end of the last; all within the range."""

    bounds: list[int]
    unit_us: int

    def stretches(self) -> list[Stretch]:
        """The range in few pieces, in each of which whole units tell the buckets apart.

        Clocks that are changed begin another one. Months are told apart by their days.
        """
        starts = self.bounds[:-1]
        runs = groupby(range(len(starts)), key=lambda index: self._phase_us(index))
        firsts = [(next(run), phase_us) for phase_us, run in runs]
        ends = [*(starts[index] for index, _ in firsts[1:]), self.bounds[-1]]
        return [Stretch(starts[index], end, phase) for (index, phase), end in zip(firsts, ends, strict=True)]

    def _phase_us(self, index: int) -> int:
        # The first bucket may be cut off: it belongs to whatever follows it.
        return self.bounds[max(index, min(1, len(self.bounds) - 2))] % self.unit_us - self.unit_us

    def of(self, instant_us: int) -> tuple[int, int]:
        """The bucket of an instant before the range's end, [start_us, end_us)."""
        index = max(0, bisect_right(self.bounds, instant_us) - 1)
        return self.bounds[index], self.bounds[index + 1]


def cut(start_us: int, end_us: int, zone: str, granularity: Granularity) -> Buckets:
    """The buckets of [start_us, end_us); the first and the last are cut off where the range cuts them."""
    clock = ZoneInfo(zone)
    after: Mapping[Granularity, Callable[[int, ZoneInfo], int]] = {
        Granularity.HOUR: _next_hour,
        Granularity.DAY: _next_day,
        Granularity.MONTH: _next_month,
    }
    bounds = [start_us]
    while bounds[-1] < end_us:
        bounds.append(after[granularity](bounds[-1], clock))
    bounds[-1] = end_us
    return Buckets(bounds, HOUR_US if granularity is Granularity.HOUR else DAY_US)


def _next_hour(instant_us: int, clock: ZoneInfo) -> int:
    """The next instant at which the clock shows a whole hour, or is changed to show one that it has shown."""
    local = _local(instant_us, clock)
    past_us = (local.minute * 60 + local.second) * 1_000_000 + local.microsecond
    return instant_us + HOUR_US - past_us


def _next_day(instant_us: int, clock: ZoneInfo) -> int:
    return _next_start(instant_us, clock, lambda day: day + timedelta(days=1))


def _next_month(instant_us: int, clock: ZoneInfo) -> int:
    return _next_start(instant_us, clock, lambda day: (day.replace(day=1) + timedelta(days=32)).replace(day=1))


def _next_start(instant_us: int, clock: ZoneInfo, step: Callable[[date], date]) -> int:
    """The first later instant at which such a day begins.

    A midnight that is skipped moves on by the gap, one that is shown twice means its first showing: Python's fold=0.
    """
    day = step(_local(instant_us, clock).date())
    while (begins_us := _midnight_us(day, clock)) <= instant_us:
        day = step(day)  # a day that a zone has skipped altogether begins where the next one does
    return begins_us


def _midnight_us(day: date, clock: ZoneInfo) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=clock)
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _local(instant_us: int, clock: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=instant_us)).astimezone(clock)

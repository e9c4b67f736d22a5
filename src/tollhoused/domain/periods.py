"""The monthly usage period: which stretch of time an instant belongs to.

Source: requirement S6. A period begins at the anchor's wall-clock time in the account's zone, every month. Every
boundary is counted from the ORIGINAL anchor, so that the 31st comes back after February.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# The supported instants, [1900, 9999) in UTC: the neighbouring boundaries still fit what datetime can hold.
MIN_INSTANT_US = (datetime(1900, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
END_INSTANT_US = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Period:
    """The half-open stretch [start_us, end_us), in microseconds since the epoch, UTC."""

    start_us: int
    end_us: int


def check_zone(zone: str) -> None:
    """Raise ValueError unless `zone` is the exact name of an IANA time zone, such as "Europe/Berlin"."""
    if zone not in _known_zones():
        raise ValueError(f"unknown time zone {zone!r}")


def period_of(anchor_us: int, zone: str, t_us: int) -> Period:
    """Find the monthly period that contains `t_us`, before the anchor as well as after it.

    Raises ValueError for an unknown zone and for an instant outside [MIN_INSTANT_US, END_INSTANT_US).
    """
    check_zone(zone)
    anchor = _local(anchor_us, zone)
    moment = _local(t_us, zone)
    # Only a guess: t may lie before the boundary in its month, or after the next one, where the clocks were set back
    # across midnight into the month before.
    months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
    while _boundary_us(anchor, months) > t_us:
        months -= 1
    while _boundary_us(anchor, months + 1) <= t_us:
        months += 1
    return Period(_boundary_us(anchor, months), _boundary_us(anchor, months + 1))


def _boundary_us(anchor: datetime, months: int) -> int:
    """Move the anchor by whole months on the wall clock, the day no later than the month's last.

    A time that the clocks skip moves forward by the length of the gap, a time that they show twice means its first
    showing; the anchor itself (0 months) is always the instant it was given as. Python's fold=0 is this very rule.
    """
    if months == 0:
        return _instant_us(anchor)
    years, month_index = divmod(anchor.month - 1 + months, 12)
    year, month = anchor.year + years, month_index + 1
    day = min(anchor.day, monthrange(year, month)[1])
    return _instant_us(anchor.replace(year=year, month=month, day=day, fold=0))


def _local(instant_us: int, zone: str) -> datetime:
    if not MIN_INSTANT_US <= instant_us < END_INSTANT_US:
        raise ValueError(f"instant out of range: {instant_us}")
    return (_EPOCH + timedelta(microseconds=instant_us)).astimezone(ZoneInfo(zone))


def _instant_us(moment: datetime) -> int:
    # Dividing timedeltas is exact; datetime.timestamp() would be a float.
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND


@cache
def _known_zones() -> frozenset[str]:
    # "localtime" is this machine's setting under some systems: two replicas could disagree about it.
    return frozenset(available_timezones() - {"localtime"})

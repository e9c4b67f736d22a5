"""The fake's own time: seconds since 1970 that stand still until a test moves them, and Stripe's calendar."""

import time
from calendar import monthrange
from datetime import UTC, datetime

DAY_SECONDS = 86_400
MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


class Clock:
    """Seconds since 1970: standing still, or the wall's time and what was added to it."""

    def __init__(self, now: int | None) -> None:
        self.running = now is None
        self._base = 0 if now is None else now

    @property
    def now(self) -> int:
        """The instant that every answer and event bears."""
        return self._base + (int(time.time()) if self.running else 0)

    def move_to(self, now: int) -> None:
        """Sets the time, which never goes back."""
        assert now >= self.now, (now, self.now)
        self._base += now - self.now


def add_interval(anchor: int, interval: str, count: int) -> int:
    """`count` intervals after the anchor. A month without the anchor's day ends on its last day."""
    if interval in DAYS:
        return anchor + count * DAYS[interval] * DAY_SECONDS
    at = datetime.fromtimestamp(anchor, UTC)
    months = at.year * 12 + at.month - 1 + count * MONTHS[interval]
    year, month = divmod(months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp())


def next_end(anchor: int, interval: str, interval_count: int, after: int) -> int:
    """The first end of a billing period later than `after`, counted from the anchor: after 28 February comes 31 March.

    An anchor that lies ahead ends the first period itself.
    """
    periods = 0
    while add_interval(anchor, interval, periods * interval_count) <= after:
        periods += 1
    return add_interval(anchor, interval, periods * interval_count)

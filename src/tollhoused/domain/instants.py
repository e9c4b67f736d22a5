"""Instants are microseconds since the epoch, UTC; this is how they are written for people and in error metadata."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
DAY_US = 86_400 * SECOND_US


def rfc3339(instant_us: int) -> str:
    """RFC 3339 in UTC, exact to the microsecond."""
    return (_EPOCH + timedelta(microseconds=instant_us)).isoformat().replace("+00:00", "Z")

"""Pages of lists: time ranges, sizes, and tokens that say where the next page begins."""

import base64
import json
from dataclasses import dataclass

from tollhoused.domain.instants import DAY_US
from tollhoused.errors import InvalidField

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1_000
RANGE_DEFAULT_US = 31 * DAY_US
RANGE_MAX_US = 366 * DAY_US


@dataclass(frozen=True, slots=True)
class TimeRange:
    """[start_us, end_us)."""

    start_us: int
    end_us: int


def time_range(start_us: int | None, end_us: int | None, now_us: int) -> TimeRange:
    """Ends just after now and reaches 31 days back unless told otherwise; 366 days at the most."""
    end = now_us + 1 if end_us is None else end_us
    start = end - RANGE_DEFAULT_US if start_us is None else start_us
    if start >= end:
        raise InvalidField("start_time", "must be earlier than end_time")
    if end - start > RANGE_MAX_US:
        raise InvalidField("start_time", "must lie within 366 days before end_time")
    return TimeRange(start, end)


def page_size(value: int) -> int:
    """1 to 1,000; 0 stands for 100."""
    if not 0 <= value <= PAGE_SIZE_MAX:
        raise InvalidField("page_size", f"must be from 1 to {PAGE_SIZE_MAX}, or 0 for {PAGE_SIZE_DEFAULT}")
    return value or PAGE_SIZE_DEFAULT


def cursor_text(values: list[object]) -> str:
    """An opaque token."""
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode()


def cursor_values(token: str) -> list[object]:
    """What a token holds. Raises InvalidField for text that we did not make."""
    try:
        values = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(map(_storable, values)):
        raise InvalidField("page_token", "is not a token of this list")
    return values


def _storable(value: object) -> bool:
    """Whether both engines take the value: a 64-bit integer, or text without U+0000 and lone surrogates."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    return type(value) is int and -(2**63) <= value < 2**63

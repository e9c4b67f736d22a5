"""Instants as people and files write them, read exactly to the microsecond."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from tollhoused.domain.instants import SECOND_US

FORMATS = "iso, unix, unix-ms, unix-us, or a pattern such as '%d/%m/%Y %H:%M:%S'"

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,12}))?\s*(Z|z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_UNIX = re.compile(r"(\d{1,18})(?:\.(\d{1,12}))?")
_UNITS_US = {"unix": SECOND_US, "unix-ms": 1_000, "unix-us": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_reader(form: str) -> Callable[[str], int]:
    """A function from text to microseconds since the epoch, for one of FORMATS. Raises ValueError.

    What names no zone is UTC. Digits beyond the microsecond are cut off, never rounded up into the future.
    """
    if form == "iso":
        return read_iso
    if form in _UNITS_US:
        unit_us = _UNITS_US[form]
        return lambda text: _read_unix(text, unit_us)
    if "%" not in form:
        raise ValueError(f"{form!r} is no format for times: take {FORMATS}")
    return lambda text: _read_pattern(text, form)


def read_iso(text: str) -> int:
    """ISO 8601 with `T` or a space, any number of decimals and an optional zone. Raises ValueError."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a time such as 2026-01-31 18:17:03.97 or 2026-01-31T18:17:03Z")
    day, clock, decimals, zone = match.groups()
    offset = "+00:00" if zone is None or zone.upper() in ("Z", "UTC") else zone
    whole = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset}")
    return _since_epoch_us(whole) + _decimals_us(decimals, SECOND_US)


def _read_unix(text: str, unit_us: int) -> int:
    match = _UNIX.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a number since the epoch")
    return int(match[1]) * unit_us + _decimals_us(match[2], unit_us)


def _read_pattern(text: str, pattern: str) -> int:
    read = datetime.strptime(text.strip(), pattern)  # noqa: DTZ007 - what names no zone is UTC
    return _since_epoch_us(read if read.tzinfo else read.replace(tzinfo=UTC))


def _since_epoch_us(instant: datetime) -> int:
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_US + since.microseconds


def _decimals_us(decimals: str | None, unit_us: int) -> int:
    """Decimals of a unit in whole microseconds."""
    return int(decimals) * unit_us // 10 ** len(decimals) if decimals else 0

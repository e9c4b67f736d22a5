"""Amounts of money as whole nanos (1e-9) of one currency unit.

Source: requirement C1. No float is ever made: an amount written by a person is decimal text.
"""

import re

from tollhoused.errors import AmountOutOfRange

NANOS_PER_UNIT = 1_000_000_000
# Every stored total stays within +-MAX_NANOS, so that adding two of them still fits a signed 64-bit column.
MAX_NANOS = 2**62

_DECIMALS = 9
_AMOUNT = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]{1,9}))?")


def parse_amount(text: str) -> int:
    """Read decimal text as nanos, exactly: "0.002" is 2,000,000.

    Takes an optional minus sign, digits without leading zeros, and at most nine decimals. Anything else
    (an exponent, a plus sign, spaces, separators, an amount beyond MAX_NANOS) raises ValueError.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError('not an amount: write digits with at most nine decimals, such as "0.002" or "25.00"')
    sign, units, decimals = match.groups(default="")
    if len(units) > len(str(MAX_NANOS)):  # refused before int() is given thousands of digits
        raise ValueError("the amount is out of range")
    nanos = int(units) * NANOS_PER_UNIT + int(decimals.ljust(_DECIMALS, "0"))
    if nanos > MAX_NANOS:
        raise ValueError("the amount is out of range")
    return -nanos if sign else nanos


def format_amount(nanos: int) -> str:
    """Write nanos as exact decimal text with at least two decimals: "25.00", "0.002", "-1.50"."""
    units, rest = divmod(abs(nanos), NANOS_PER_UNIT)
    decimals = f"{rest:0{_DECIMALS}d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nanos < 0 else ''}{units}.{decimals}"


def check_total(name: str, value: int, limit: int = MAX_NANOS) -> None:
    """Raises AmountOutOfRange when a total could not be stored."""
    if not -limit <= value <= limit:
        raise AmountOutOfRange(f"{name} would leave the range that can be stored", total=name)

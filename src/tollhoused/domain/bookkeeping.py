"""The ledger as double entry (requirement C9): where the other half of every entry goes.

Our ledger has one side, the customer's: credits are what we owe, debt is what is owed to us. The other side follows
from what the entry was booked for. Amounts here have the signs of plain-text accounting: what comes in is positive in
assets and expenses, negative in liabilities and income, and every transaction adds up to zero.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tollhoused.domain.account import CauseKind
from tollhoused.domain.advance import meter_of_close
from tollhoused.domain.catalogue import GrantCategory

Path = tuple[str, ...]
"""An account of the books, from its kind downwards: ("Income", "Usage", "talk", "voice_minutes")."""

DEPOSITS: Path = ("Assets", "Deposits")
PROMOTIONS: Path = ("Expenses", "Promotions")
REFUNDS: Path = ("Assets", "Refunds")
"""Money that was given back, or taken back by a dispute: what it lessens is what was deposited."""
ADJUSTMENTS: Path = ("Expenses", "Adjustments")
BREAKAGE: Path = ("Income", "Breakage")
OPENING: Path = ("Equity", "Opening")
SETTLEMENT: Path = ("Equity", "Settlement")
"""Between the two entries by which credits settle debt; zero after each pair."""

CARRIED = ("Assets", "Liabilities", "Equity")
"""Kinds whose balances go on from one stretch of time to the next; income and expenses begin anew."""
NOT_KNOWN = "unknown"


class LedgerLine(NamedTuple):
    """A ledger entry with what is known about its grant (`category`) and its operation (`product`, `meter`)."""

    account_id: str
    sequence: int
    booked_us: int
    effective_us: int
    grant_id: str | None
    category: str | None
    amount_nanos: int
    cause_kind: str
    cause: str
    cause_client: str
    product: str | None
    meter: str | None


class Half(NamedTuple):
    """A signed amount on one account of the books."""

    path: Path
    amount_nanos: int


def halves(line: LedgerLine) -> tuple[Half, Half]:
    """Both sides of a ledger entry: the customer's, and what stands against it."""
    against = _AGAINST[CauseKind(line.cause_kind)](line)
    return Half(customer(line.account_id, line.category), -line.amount_nanos), Half(against, line.amount_nanos)


def customer(account_id: str, category: str | None) -> Path:
    """What is owed to a customer in credits of a category, or, without one, what the customer owes."""
    if category is None:
        return ("Assets", "Receivable", account_id)
    return ("Liabilities", "Credits", account_id, category)


def customer_of(path: Path) -> str | None:
    """Whose account of the books it is; None for those that all customers share."""
    return path[2] if path[:2] in (("Assets", "Receivable"), ("Liabilities", "Credits")) else None


def _usage(line: LedgerLine) -> Path:
    return ("Income", "Usage", line.product or NOT_KNOWN, line.meter or NOT_KNOWN)


def _close(line: LedgerLine) -> Path:
    # A gauge's level is one for all products: which of them the close charges for cannot be told.
    return ("Income", "Usage", NOT_KNOWN, meter_of_close(line.cause) or NOT_KNOWN)


def _grant(line: LedgerLine) -> Path:
    return PROMOTIONS if line.category == GrantCategory.PROMOTIONAL else DEPOSITS


_AGAINST: Mapping[CauseKind, Callable[[LedgerLine], Path]] = {
    CauseKind.USAGE: _usage,
    CauseKind.GRANT: _grant,
    CauseKind.ADJUSTMENT: lambda _: ADJUSTMENTS,
    CauseKind.VOIDED_GRANT: _grant,
    CauseKind.RESERVATION: _usage,
    CauseKind.VOID: _usage,
    CauseKind.VOIDED_DEBT: _usage,
    CauseKind.PERIOD_CLOSE: _close,
    CauseKind.PLAN_GRANT: _grant,
    CauseKind.EXPIRY: lambda _: BREAKAGE,
    CauseKind.SETTLEMENT: lambda _: SETTLEMENT,
    CauseKind.TOP_UP: lambda _: DEPOSITS,
    CauseKind.CLAWBACK: lambda _: REFUNDS,
}
"""Every cause has its other side; a test holds that none is missing."""

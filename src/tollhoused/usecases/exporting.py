"""The books as a double-entry journal (requirement C9): every ledger entry balanced, then what accounts amount to."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from tollhoused.domain.account import NEVER_US
from tollhoused.domain.bookkeeping import CARRIED, OPENING, Half, LedgerLine, Path, customer, halves
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.store.journal_export import LedgerOf, ledgers
from tollhoused.store.store import Store
from tollhoused.usecases.core import reading


class Transaction(NamedTuple):
    """Halves that add up to zero. `line` is the ledger entry, None for what was there before the range."""

    booked_us: int
    currency: str
    halves: tuple[Half, ...]
    line: LedgerLine | None


class Balance(NamedTuple):
    """What an account of the books must amount to after everything that was booked up to an instant, inclusive."""

    booked_us: int
    currency: str
    path: Path
    amount_nanos: int


def export(store: Store, from_us: int | None, to_us: int | None) -> Iterator[Transaction | Balance]:
    """The journal of what was booked in [from_us, to_us), by account and sequence; memory grows with neither.

    A customer's balances follow the customer's transactions. Without `to_us` they are what is stored beside the ledger:
    grants' remainders and debt, so that a program which adds up the transactions proves them. What was booked before
    `from_us` comes as one opening transaction per customer. Raises StoreUnavailable.
    """
    start_us = 0 if from_us is None else from_us
    running: dict[str, _Running] = {}
    with reading(), ledgers(store, NEVER_US if to_us is None else to_us) as found:
        for ledger in found:
            shared = running.setdefault(ledger.currency, _Running())
            yield from _of_customer(ledger, start_us, shared, stored=to_us is None)
    for currency in sorted(running):
        yield from running[currency].rest(currency, start_us)


class _Running:
    """What accumulates on the accounts that all customers share: a handful of sums."""

    def __init__(self) -> None:
        self.before: Counter[Path] = Counter()
        self.within: Counter[Path] = Counter()
        self.last_us = 0

    def rest(self, currency: str, start_us: int) -> Iterator[Transaction | Balance]:
        """The opening of what goes on, then every balance."""
        carried = {path: nanos for path, nanos in sorted(self.before.items()) if path[0] in CARRIED and nanos}
        last_us = max(self.last_us, start_us)
        if carried:
            yield _opening(currency, start_us, carried)
            self.within[OPENING] -= sum(carried.values())
            for path, nanos in carried.items():
                self.within[path] += nanos
        for path, nanos in sorted(self.within.items()):
            yield Balance(last_us, currency, path, nanos)


def _of_customer(ledger: LedgerOf, start_us: int, shared: _Running, *, stored: bool) -> Iterator[Transaction | Balance]:
    """A customer's opening, transactions and balances: what is `stored` beside the ledger, or its own sums."""
    own: Counter[Path] = Counter()
    last_us, opened = start_us, False
    for line in ledger.lines:
        mine, other = halves(line)
        if line.booked_us >= start_us and not opened:
            opened = True
            yield from _opened(ledger.currency, start_us, own, shared)
        own[mine.path] += mine.amount_nanos
        if line.booked_us < start_us:
            shared.before[other.path] += other.amount_nanos
            continue
        last_us = line.booked_us
        shared.within[other.path] += other.amount_nanos
        yield Transaction(line.booked_us, ledger.currency, (mine, other), line)
    if not opened:
        yield from _opened(ledger.currency, start_us, own, shared)
    shared.last_us = max(shared.last_us, last_us)
    expected = _stored(ledger) if stored else {}
    for path in sorted(own.keys() | {path for path, nanos in expected.items() if nanos}):
        yield Balance(last_us, ledger.currency, path, expected[path] if stored else own[path])


def _opened(currency: str, start_us: int, own: Counter[Path], shared: _Running) -> Iterator[Transaction]:
    if any(own.values()):
        carried = {path: nanos for path, nanos in sorted(own.items()) if nanos}
        shared.within[OPENING] -= sum(carried.values())
        yield _opening(currency, start_us, carried)


def _opening(currency: str, start_us: int, carried: dict[Path, int]) -> Transaction:
    against = Half(OPENING, -sum(carried.values()))
    return Transaction(start_us, currency, (*(Half(*item) for item in carried.items()), against), None)


def _stored(ledger: LedgerOf) -> dict[Path, int]:
    """A customer's balances as the books have them beside the ledger, with the signs of the books."""
    return {
        customer(ledger.account_id, GrantCategory.PAID): -ledger.paid_nanos,
        customer(ledger.account_id, GrantCategory.PROMOTIONAL): -ledger.promotional_nanos,
        customer(ledger.account_id, None): ledger.debt_nanos,
    }

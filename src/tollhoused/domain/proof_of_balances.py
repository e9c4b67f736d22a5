"""Proof that an account's ledger, read once in order, leads to the stored balance, debt and grants."""

from collections.abc import Iterator

from tollhoused.domain.account import HOUR_US, CauseKind, Grant
from tollhoused.domain.money import MAX_NANOS
from tollhoused.domain.proof import EntryRow, Evidence, Finding

FUNDING = (
    CauseKind.GRANT,
    CauseKind.ADJUSTMENT,
    CauseKind.VOIDED_DEBT,
    CauseKind.PLAN_GRANT,
    CauseKind.TOP_UP,
    CauseKind.CLAWBACK,
)
"""What a grant begins with."""


class Replay:
    """The account as the entries so far have left it.

    `_most_nanos` and `_most_debt_nanos` are the most that its grants have had and that it has owed.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._unfunded = {
            id_: grant._replace(remaining_nanos=0, held_nanos=0, voided_us=None)
            for id_, grant in evidence.account.grants.items()
        }
        self._open: dict[str, Grant] = {}
        self._sequence = 0
        self._booked_us = 0
        self._balance_nanos = 0
        self._debt_nanos = 0
        self._most_nanos = 0
        self._most_debt_nanos = 0

    def book(self, entry: EntryRow) -> Iterator[Finding]:
        """V5: the entry follows the one before, and its account and grant can bear it."""
        name = f"entry {entry.sequence}"
        if entry.sequence != self._sequence + 1:
            yield self._evidence.finding("V5", f"{name} follows entry {self._sequence}")
        if entry.slice != entry.booked_us // HOUR_US or entry.booked_us < self._booked_us:
            what = f"{name} is in slice {entry.slice}, booked at {entry.booked_us} after {self._booked_us}"
            yield self._evidence.finding("V5", what)
        balance_nanos = self._balance_nanos + entry.amount_nanos
        if entry.balance_after_nanos != balance_nanos or abs(balance_nanos) > MAX_NANOS:
            what = f"{name} has balance_after_nanos {entry.balance_after_nanos}, the entries so far {balance_nanos}"
            yield self._evidence.finding("V5", what)
        self._sequence = entry.sequence
        self._booked_us = entry.booked_us
        self._balance_nanos = entry.balance_after_nanos
        yield from self._move(entry, name)

    def _move(self, entry: EntryRow, name: str) -> Iterator[Finding]:
        """Moves the grant or the debt. A grant's first entry is the whole of its amount."""
        if entry.grant_id is None:
            self._debt_nanos -= entry.amount_nanos
            self._most_debt_nanos = max(self._most_debt_nanos, self._debt_nanos)
            if self._debt_nanos < 0:
                yield self._evidence.finding("V5", f"{name} leaves a debt of {self._debt_nanos}")
            return
        grant = self._open.pop(entry.grant_id, None) or self._reopened(entry)
        if grant is None:
            grant = self._unfunded.pop(entry.grant_id, None)
            if grant is None:
                closed = entry.grant_id in self._evidence.account.grants
                what = f"{name} moves grant {entry.grant_id}, which {'has nothing left' if closed else 'is not there'}"
                yield self._evidence.finding("V5" if closed else "V6", what)
                return
            if entry.cause_kind not in FUNDING or entry.amount_nanos != grant.amount_nanos:
                what = f"grant {grant.id} of {grant.amount_nanos} begins with {name} of {entry.amount_nanos}"
                yield self._evidence.finding("V5", what)
        remaining_nanos = grant.remaining_nanos + entry.amount_nanos
        if not 0 <= remaining_nanos <= grant.amount_nanos:
            what = f"{name} leaves {remaining_nanos} of grant {grant.id}, which had {grant.amount_nanos}"
            yield self._evidence.finding("V5", what)
        if remaining_nanos:
            self._open[grant.id] = grant._replace(remaining_nanos=remaining_nanos)
        self._most_nanos = max(self._most_nanos, self._balance_nanos + self._debt_nanos)

    def _reopened(self, entry: EntryRow) -> Grant | None:
        """A grant that had nothing left, to which a void returns something."""
        spent = self._evidence.account.grants.get(entry.grant_id or "")
        if spent is None or spent.id in self._unfunded or entry.cause_kind != CauseKind.VOID:
            return None
        return spent._replace(remaining_nanos=0, held_nanos=0, voided_us=None)

    def totals(self) -> Iterator[Finding]:
        """V5: what the account and its grants store is where the ledger ends."""
        account = self._evidence.account
        stored = {
            "ledger_seq": (account.ledger_seq, self._sequence),
            "balance_nanos": (account.balance_nanos, self._balance_nanos),
            "debt_nanos": (account.debt_nanos, self._debt_nanos),
        }
        for name, (found, expected) in stored.items():
            if found != expected:
                yield self._evidence.finding("V5", f"{name} is {found}, by the ledger {expected}")
        remaining_nanos = sum(grant.remaining_nanos for grant in account.grants.values())
        if account.balance_nanos != remaining_nanos - account.debt_nanos:
            what = (
                f"balance_nanos is {account.balance_nanos}, its grants have {remaining_nanos} left and its debt is"
                f" {account.debt_nanos}"
            )
            yield self._evidence.finding("V5", what)
        if self._booked_us > account.as_of_us:
            what = f"the last entry was booked at {self._booked_us}, after as_of_us {account.as_of_us}"
            yield self._evidence.finding("V5", what)
        for grant in account.grants.values():
            yield from self._grant_total(grant)

    def _grant_total(self, grant: Grant) -> Iterator[Finding]:
        account = self._evidence.account
        replayed = self._open.get(grant.id)
        expected_nanos = replayed.remaining_nanos if replayed else 0
        if grant.id in self._unfunded:
            yield self._evidence.finding("V6", f"grant {grant.id} was never booked")
        elif grant.remaining_nanos != expected_nanos:
            what = f"grant {grant.id} has remaining_nanos {grant.remaining_nanos}, by the ledger {expected_nanos}"
            yield self._evidence.finding("V5", what)
        if grant.unheld_nanos and grant.ends_us is not None and grant.ends_us <= account.as_of_us:
            yield self._evidence.finding("V5", f"grant {grant.id} has outlived its end at {grant.ends_us}")
        if account.debt_nanos and grant.usable(account.as_of_us) and not grant.meters:
            yield self._evidence.finding("V5", f"grant {grant.id} has not settled the debt of {account.debt_nanos}")

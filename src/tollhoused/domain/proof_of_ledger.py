"""Proof of an account's ledger: read once in order, it leads to the stored balance, debt and grants, and each entry
is what its cause makes it.
"""

import json
from collections import Counter as Bag
from collections.abc import Iterator, Mapping
from itertools import groupby

from tollhoused.domain.account import CauseKind, Grant, Posting, burn
from tollhoused.domain.catalogue import DEFAULT_PRIORITY, GrantCategory
from tollhoused.domain.commands import (
    AdjustCredits,
    CommitReservation,
    Enforcement,
    GrantCredits,
    RecordUsage,
    VoidGrant,
)
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.money import MAX_NANOS
from tollhoused.domain.proof import EntryRow, Evidence, Finding
from tollhoused.domain.proof_of_balances import Replay
from tollhoused.domain.proof_of_holds import Key, Reserved
from tollhoused.domain.proof_of_payments import Bookings
from tollhoused.domain.proof_of_usage import Used
from tollhoused.domain.voids import Payments, VoidUsage, given_back, returned_grant

OPERATIONS: dict[str, tuple[str, ...]] = {
    CauseKind.USAGE: (RecordUsage.kind, SetUsage.kind, CommitReservation.kind),
    CauseKind.GRANT: (GrantCredits.kind,),
    CauseKind.ADJUSTMENT: (AdjustCredits.kind,),
    CauseKind.VOIDED_GRANT: (VoidGrant.kind,),
    CauseKind.VOID: (VoidUsage.kind,),
}
"""The kinds of operation that entries are booked for; the other causes are grants and reservations."""


def prove_ledger(
    evidence: Evidence, used: Used, reserved: Reserved, included: Mapping[str, Grant], bookings: Bookings
) -> Iterator[Finding]:
    """V2, V5, V6, V7 and V11 of the ledger.

    `included` are the grants that plans must have brought, by id, `bookings` knows what payments must have brought.
    What is held are the account's grants, as they stood before the entry that is being read, and who has paid on the
    counters from which usage was taken back.
    """
    return _Ledger(evidence, used, reserved, included, bookings).prove(used.causes)


class _Ledger(Replay):
    """What each entry must be, by its cause and by what the account has when it comes."""

    def __init__(
        self, evidence: Evidence, used: Used, reserved: Reserved, included: Mapping[str, Grant], bookings: Bookings
    ) -> None:
        super().__init__(evidence)
        self._reserved = reserved
        self._included = dict(included)
        self._closes = dict(used.closes)
        self._left_out = used.left_out
        self._bookings = bookings
        self._payments = {key: Payments() for key in used.voided}

    def prove(self, causes: Bag[str]) -> Iterator[Finding]:
        named: Bag[str] = Bag()
        for (cause_kind, cause, client, _), group in groupby(self._evidence.entries, key=_belonging):
            entries = list(group)
            if cause_kind in OPERATIONS:
                named[cause_kind] += 1
                yield from self._of_operation(f"{cause_kind} {cause} of client {client}", entries)
            elif cause_kind == CauseKind.RESERVATION:
                yield from self._of_reservation(cause, entries)
            elif cause_kind == CauseKind.PERIOD_CLOSE:
                yield from self._of_close(cause, entries)
            elif cause_kind == CauseKind.PLAN_GRANT:
                yield from self._of_plan_grant(cause, entries)
            elif cause_kind == CauseKind.TOP_UP:
                yield from self._bookings.of_top_up(cause, entries, self._unfunded)
            elif cause_kind == CauseKind.CLAWBACK:
                usable = None if self._reserved.any else self._usable(None, entries[0].booked_us)
                yield from self._bookings.of_clawback(cause, entries[0], self._unfunded, usable, self._debt_nanos)
            else:
                yield from self._of_grant(cause_kind, cause, entries)
            for entry in entries:
                yield from self.book(entry)
        for cause_kind, kinds in OPERATIONS.items():
            moving = sum(causes[kind] for kind in kinds)
            nothing_unheld = cause_kind == CauseKind.VOIDED_GRANT and self._reserved.any
            if moving != named[cause_kind] and not nothing_unheld:
                what = f"{moving} operations {', '.join(kinds)} move credits, the ledger names {named[cause_kind]}"
                yield self._evidence.finding("V2", what)
        for reservation_id in self._reserved.charged:
            yield self._evidence.finding(
                "V2", f"reservation {reservation_id} has a charge that the ledger does not name"
            )
        for grant in self._included.values():
            if self._most_nanos + grant.amount_nanos <= MAX_NANOS:  # more could not be stored, and was left out
                yield self._evidence.finding("V6", f"grant {grant.id}, which the plan includes, was never booked")
        for reference in self._closes:
            yield self._evidence.finding("V2", f"the close {reference} has a charge that the ledger does not name")
        for charge_nanos, wrong in self._left_out:
            if self._most_debt_nanos + charge_nanos <= MAX_NANOS:  # more debt than that could not be stored either
                yield wrong
        yield from self._bookings.missing()
        yield from self.totals()

    def _of_operation(self, name: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """V6 of entries that an operation caused: it is there, and they are what it does to these grants."""
        first = entries[0]
        if first.owner != first.account_id or first.kind not in OPERATIONS[_cause_of(first)[0]]:
            found = f"is {first.kind} of account {first.owner}" if first.owner else "is not stored"
            yield self._evidence.finding("V6", f"entry {first.sequence} is booked for {name}, which {found}")
            return
        for entry in entries:
            effective_us = min(entry.booked_us, entry.event_us or 0)
            if entry.booked_us != entry.stored_us or entry.effective_us != effective_us:
                what = (
                    f"entry {entry.sequence} is booked at {entry.booked_us}, effective {entry.effective_us}; its"
                    f" operation was stored at {entry.stored_us}, for {entry.event_us}"
                )
                yield self._evidence.finding("V6", what)
        if first.cause_kind == CauseKind.USAGE:
            yield from self._of_usage(name, entries)
        elif first.cause_kind == CauseKind.GRANT:
            yield from self._of_new_grant(name, entries)
        elif first.cause_kind in (CauseKind.VOID, CauseKind.VOIDED_DEBT):
            yield from self._of_void(name, entries)
        elif first.cause_kind == CauseKind.VOIDED_GRANT:
            yield from self._of_voided_grant(name, entries)
        else:
            yield from self._of_adjustment(name, entries)

    def _of_usage(self, name: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """V2: the debits sum to the charge. V6: in burn order. V7: ENFORCE spends what is available, and no debt."""
        first = entries[0]
        charged_nanos = first.charged_nanos or 0
        debited_nanos = -sum(entry.amount_nanos for entry in entries)
        self._pay((first.segment_start_us, first.meter), entries)
        if debited_nanos != charged_nanos:
            yield self._evidence.finding("V2", f"{name} charged {charged_nanos}, the ledger debits {debited_nanos}")
        if first.kind == CommitReservation.kind:
            return  # what it held pays first, and what that was cannot be told from the rows
        usable = self._usable(first.meter, first.booked_us)
        yield from self._expect_burnt(name, usable, debited_nanos, entries)
        if first.enforcement == Enforcement.ENFORCE:
            available_nanos = max(0, sum(grant.remaining_nanos for grant in usable) - self._debt_nanos)
            if debited_nanos > available_nanos or any(entry.grant_id is None for entry in entries):
                what = f"{name} took {debited_nanos} under ENFORCE, {available_nanos} were available"
                yield self._evidence.finding("V7", what)

    def _of_reservation(self, reservation_id: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """V2: a reservation that its own end committed is charged once, what it says."""
        key, charged_nanos = self._reserved.charged.pop(reservation_id, ((None, None), 0))
        self._pay(key, entries)
        debited_nanos = -sum(entry.amount_nanos for entry in entries)
        if debited_nanos != charged_nanos:
            what = f"reservation {reservation_id} charged {charged_nanos} at its end, the ledger debits {debited_nanos}"
            yield self._evidence.finding("V2", what)

    def _of_close(self, reference: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """V2: the end of a gauge's segment is charged once. V6: at that end, in burn order; what is left is debt."""
        first = entries[0]
        name = f"the close {reference}"
        charged_nanos = self._closes.pop(reference, 0)
        debited_nanos = -sum(entry.amount_nanos for entry in entries)
        if debited_nanos != charged_nanos:
            yield self._evidence.finding("V2", f"{name} charged {charged_nanos}, the ledger debits {debited_nanos}")
        start_us, _, meter = reference.partition("/")
        ends_us = [item.end_us for item in self._evidence.account.segments if str(item.start_us) == start_us]
        if any([entry.effective_us] != ends_us or entry.booked_us < entry.effective_us for entry in entries):
            yield self._evidence.finding("V6", f"{name} is effective at {first.effective_us}, not at its segment's end")
        yield from self._expect_burnt(name, self._usable(meter, first.effective_us), debited_nanos, entries)

    def _of_plan_grant(self, grant_id: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """V2: credits that a plan includes come once. V6: as the plan says, when the usage period begins."""
        first, expected = entries[0], self._included.pop(grant_id, None)
        if expected is None or len(entries) != 1:
            yield self._evidence.finding("V2", f"entry {first.sequence} books credits that no plan includes any more")
            return
        yield from self._expect(f"plan grant {grant_id}", [Posting(grant_id, expected.amount_nanos)], entries)
        in_time = first.effective_us == expected.effective_us <= first.booked_us
        if self._unfunded.get(grant_id) != expected or not in_time:
            yield self._evidence.finding("V6", f"grant {grant_id} is not what the plan includes")

    def _of_void(self, name: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """V2: what is given back is what the charge fell by. V6: to who had paid it, the last first."""
        first = entries[0]
        key = (first.segment_start_us, first.meter)
        charged_nanos = first.charged_nanos or 0
        if sum(entry.amount_nanos for entry in entries) != charged_nanos:
            yield self._evidence.finding("V2", f"{name} gives back {charged_nanos}, the ledger says otherwise")
        expected, settled_nanos = given_back(self._payments.get(key, Payments()), charged_nanos, self._debt_nanos)
        if settled_nanos:
            last = entries[-1]
            expected.append(Posting(last.grant_id, settled_nanos))
            made = self._unfunded.get(last.grant_id or "")
            if made is None or made != returned_grant(made.id, settled_nanos, first.booked_us):
                yield self._evidence.finding("V6", f"grant {last.grant_id} is not what {name} returns of settled debt")
        yield from self._expect(name, expected, entries)
        self._pay(key, entries)

    def _pay(self, key: Key, entries: list[EntryRow]) -> None:
        """Notes who has paid on a counter, where that matters."""
        if payments := self._payments.get(key):
            for entry in entries:
                payments.add(entry.cause_kind, entry.grant_id, entry.amount_nanos, entry.sequence)

    def _of_voided_grant(self, name: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """V6: what is left of the grant is taken, and it is a grant that was voided then."""
        first = entries[0]
        grant = self._open.get(first.grant_id or "")
        stored = self._evidence.account.grants.get(first.grant_id or "")
        if grant is None or stored is None or stored.voided_us != first.booked_us:
            yield self._evidence.finding("V6", f"entry {first.sequence} is booked for {name}, of no grant voided then")
        elif not self._reserved.any:
            yield from self._expect(name, [Posting(grant.id, -grant.remaining_nanos)], entries)

    def _of_new_grant(self, name: str, entries: list[EntryRow]) -> Iterator[Finding]:
        first = entries[0]
        sent = json.loads(first.sent or "{}")
        yield from self._expect(name, [Posting(first.grant_id, sent["amount_nanos"])], entries)
        grant = self._unfunded.get(first.grant_id or "")
        if grant is None:
            return
        asked = grant._replace(
            category=GrantCategory(sent["category"]),
            priority=sent["priority"],
            effective_us=max(first.booked_us, sent["effective_time"] or 0),
            expires_us=sent["expire_time"],
            meters=frozenset(sent["meters"]),
            amount_nanos=sent["amount_nanos"],
            created_us=first.booked_us,
        )
        if grant != asked:
            yield self._evidence.finding("V6", f"grant {grant.id} is not what {name} asked for")

    def _of_adjustment(self, name: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """A negative one burns grants and makes debt of the rest; a positive one settles debt and grants the rest."""
        at_us = entries[0].booked_us
        amount_nanos = json.loads(entries[0].sent or "{}")["amount_nanos"]
        if amount_nanos < 0:
            yield from self._expect_burnt(name, self._usable(None, at_us), -amount_nanos, entries)
            return
        settled_nanos = min(self._debt_nanos, amount_nanos)
        expected = [Posting(None, settled_nanos)] if settled_nanos else []
        if amount_nanos > settled_nanos:
            expected.append(Posting(entries[-1].grant_id, amount_nanos - settled_nanos))
        yield from self._expect(name, expected, entries)
        grant = self._unfunded.get(entries[-1].grant_id or "")
        if grant is not None:
            plain = Grant(
                id=grant.id,
                category=GrantCategory.PAID,
                priority=DEFAULT_PRIORITY,
                effective_us=at_us,
                expires_us=None,
                meters=frozenset(),
                amount_nanos=amount_nanos - settled_nanos,
                remaining_nanos=0,
                created_us=at_us,
            )
            if grant != plain:
                yield self._evidence.finding("V6", f"grant {grant.id} is not what {name} leaves")

    def _of_grant(self, cause_kind: str, grant_id: str, entries: list[EntryRow]) -> Iterator[Finding]:
        """V6 of entries that time caused: a grant expires as a whole, or settles what it can of the debt."""
        first = entries[0]
        name = f"{cause_kind} of grant {grant_id}"
        grant = self._open.get(grant_id)
        if grant is None or first.cause_client or cause_kind not in (CauseKind.EXPIRY, CauseKind.SETTLEMENT):
            yield self._evidence.finding("V6", f"entry {first.sequence} is booked for {name}, which cannot be")
            return
        if cause_kind == CauseKind.EXPIRY:
            if not self._reserved.any:
                yield from self._expect(name, [Posting(grant.id, -grant.remaining_nanos)], entries)
            in_time = first.effective_us == self._evidence.account.grants[grant.id].ends_us
        else:
            settled_nanos = min(self._debt_nanos, grant.remaining_nanos)
            if self._reserved.any:
                settled_nanos = min(settled_nanos, -first.amount_nanos)
            pair = [Posting(grant.id, -settled_nanos), Posting(None, settled_nanos)]
            yield from self._expect(name, pair, entries)
            in_time = grant.usable(first.effective_us) and not grant.meters
        if not in_time or any(entry.effective_us > entry.booked_us for entry in entries):
            what = f"entry {first.sequence}, {name}, is effective at {first.effective_us}, booked at {first.booked_us}"
            yield self._evidence.finding("V6", what)

    def _usable(self, meter: str | None, at_us: int) -> list[Grant]:
        """Grants that may pay for the meter now, in burn order."""
        usable = [grant for grant in self._open.values() if grant.usable(at_us) and grant.pays_for(meter)]
        return sorted(usable, key=Grant.burn_order)

    def _expect_burnt(
        self, name: str, usable: list[Grant], amount_nanos: int, entries: list[EntryRow]
    ) -> Iterator[Finding]:
        """V6: grants pay an amount in burn order, the rest is debt.

        What reservations held then cannot be told from the rows: if there are any, a grant may have paid less than it
        had, or nothing.
        """
        if not self._reserved.any:
            yield from self._expect(name, _burnt(usable, amount_nanos), entries)
            return
        may_pay = iter([*((grant.id, grant.remaining_nanos) for grant in usable), (None, amount_nanos)])
        in_order = all(
            any(entry.grant_id == id_ and 0 < -entry.amount_nanos <= most_nanos for id_, most_nanos in may_pay)
            for entry in entries
        )
        if not in_order or amount_nanos != -sum(entry.amount_nanos for entry in entries):
            found = _described([Posting(entry.grant_id, entry.amount_nanos) for entry in entries])
            yield self._evidence.finding("V6", f"{name} moves {found}, which is not {amount_nanos} in burn order")

    def _expect(self, name: str, expected: list[Posting], entries: list[EntryRow]) -> Iterator[Finding]:
        found = [Posting(entry.grant_id, entry.amount_nanos) for entry in entries]
        if found != expected:
            yield self._evidence.finding("V6", f"{name} moves {_described(found)}, it should {_described(expected)}")


def _cause_of(entry: EntryRow) -> tuple[str, str, str]:
    """What entries that belong together have in common."""
    kind = CauseKind.VOID.value if entry.cause_kind == CauseKind.VOIDED_DEBT else entry.cause_kind
    return kind, entry.cause, entry.cause_client


def _belonging(entry: EntryRow) -> tuple[str, str, str, int]:
    """What entries have in common that are looked at together. Those of refunds are looked at one by one: two refunds
    may follow each other.
    """
    return *_cause_of(entry), entry.sequence if entry.cause_kind == CauseKind.CLAWBACK else 0


def _burnt(usable: list[Grant], amount_nanos: int) -> list[Posting]:
    """What taking an amount from these grants books; the rest is debt."""
    postings, unpaid_nanos = burn(usable, amount_nanos)
    return [*postings, Posting(None, -unpaid_nanos)] if unpaid_nanos else postings


def _described(postings: list[Posting]) -> str:
    moves = (f"{posting.amount_nanos} of {posting.grant_id or 'the debt'}" for posting in postings)
    return ", ".join(moves) or "nothing"

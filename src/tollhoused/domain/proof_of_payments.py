"""Proof of an account's payments: each brought its credits once, and what was given back took them back (V11)."""

from collections import Counter as Bag
from collections.abc import Generator, Iterator, Mapping

from tollhoused.domain.account import Grant
from tollhoused.domain.intent import IntentKind, IntentState
from tollhoused.domain.proof import EntryRow, Evidence, Finding, IntentRow
from tollhoused.domain.settlement import bought_grant

IN_FLIGHT = (IntentState.OPEN.value, IntentState.WAITING.value)


def prove_payments(evidence: Evidence) -> Generator[Finding, None, "Bookings"]:
    """V11 of the account's intents by themselves, and of the reload that the account says is in flight."""
    paid: dict[str, IntentRow] = {}
    payments: dict[str, str] = {}
    reloads: list[str] = []
    for row in evidence.intents:
        if row.kind == IntentKind.RELOAD and row.state in IN_FLIGHT:
            reloads.append(row.id)
        if row.payment_id and payments.setdefault(row.payment_id, row.id) != row.id:
            what = f"payment {row.payment_id} pays for {payments[row.payment_id]} and for {row.id}"
            yield evidence.finding("V11", what)
        if row.state == IntentState.SUCCEEDED:
            if row.credits_nanos:
                paid[row.id] = row
                yield from _of_paid(evidence, row)
        elif row.grant_id or row.paid_minor or row.returned_minor or row.clawed_nanos:
            what = f"intent {row.id} is {row.state}, and has paid {row.paid_minor} for grant {row.grant_id!r}"
            yield evidence.finding("V11", what)
    reload = evidence.account.reload
    named = [reload.intent_id] if reload and reload.intent_id else []
    if reloads != named:
        what = f"its reloads in flight are {', '.join(reloads) or 'none'}, it names {', '.join(named) or 'none'}"
        yield evidence.finding("V11", what)
    return Bookings(evidence, paid)


def _of_paid(evidence: Evidence, row: IntentRow) -> Iterator[Finding]:
    if not row.payment_id or not row.grant_id or row.paid_minor < row.price_minor:
        what = f"intent {row.id} has succeeded by payment {row.payment_id!r} of {row.paid_minor} for {row.price_minor}"
        yield evidence.finding("V11", what)
    if row.currency != evidence.account.currency:
        yield evidence.finding("V11", f"intent {row.id} was paid in {row.currency}")
    taken_nanos = row.credits_nanos * row.returned_minor // row.paid_minor if row.paid_minor else 0
    if row.clawed_nanos != taken_nanos or row.returned_minor > row.paid_minor:
        what = f"intent {row.id} has clawed_nanos {row.clawed_nanos}, by what was given back {taken_nanos}"
        yield evidence.finding("V11", what)


class Bookings:
    """What the ledger must hold of payments that have come, of which there are no more than grants; and so far does."""

    def __init__(self, evidence: Evidence, paid: dict[str, IntentRow]) -> None:
        self._evidence = evidence
        self._paid = paid
        self._unbooked = set(paid)
        self._clawed: Bag[str] = Bag()

    def of_top_up(self, intent_id: str, entries: list[EntryRow], unfunded: Mapping[str, Grant]) -> Iterator[Finding]:
        """V11: credits come once, in one entry, for a payment that has come. V6: their grant is as bought ones are."""
        first, row = entries[0], self._paid.get(intent_id)
        name = f"entry {first.sequence}, the payment of {intent_id},"
        found = [(entry.grant_id, entry.amount_nanos) for entry in entries]
        if row is None or intent_id not in self._unbooked or found != [(row.grant_id, row.credits_nanos)]:
            expected = f"{row.credits_nanos} of {row.grant_id}, once" if row else "nothing"
            yield self._evidence.finding("V11", f"{name} books {found}, it should {expected}")
        self._unbooked.discard(intent_id)
        yield from self._of_grant(name, first, unfunded)

    def of_clawback(
        self,
        intent_id: str,
        entry: EntryRow,
        unfunded: Mapping[str, Grant],
        usable: list[Grant] | None,
        debt_nanos: int,
    ) -> Iterator[Finding]:
        """V11: of a payment whose credits are booked. V6: taken from its own grant, then in burn order, then owed; what
        comes again settles debt before it is a grant. `usable` are grants in burn order, None where that is not known.
        """
        row, name = self._paid.get(intent_id), f"entry {entry.sequence}, what was given back of {intent_id},"
        if row is None or intent_id in self._unbooked:
            yield self._evidence.finding("V11", f"{name} is of no payment that has come")
            return
        self._clawed[intent_id] -= entry.amount_nanos
        if entry.amount_nanos > 0 and entry.grant_id and debt_nanos:
            yield self._evidence.finding("V6", f"{name} makes a grant and leaves a debt of {debt_nanos}")
        if entry.amount_nanos < 0 and usable is not None:
            own_first = sorted(usable, key=lambda grant: grant.id != row.grant_id)
            expected = own_first[0].id if own_first else None
            if entry.grant_id != expected:
                what = f"{name} takes from {entry.grant_id or 'the debt'}, it should from {expected or 'the debt'}"
                yield self._evidence.finding("V6", what)
        yield from self._of_grant(name, entry, unfunded)

    def missing(self) -> Iterator[Finding]:
        """V11: what the ledger has not booked once it is read."""
        for intent_id in sorted(self._unbooked):
            yield self._evidence.finding("V11", f"intent {intent_id} was paid, and its credits were never booked")
        for row in self._paid.values():
            if row.clawed_nanos != self._clawed[row.id]:
                what = f"intent {row.id} has clawed_nanos {row.clawed_nanos}, by the ledger {self._clawed[row.id]}"
                yield self._evidence.finding("V11", what)

    def _of_grant(self, name: str, entry: EntryRow, unfunded: Mapping[str, Grant]) -> Iterator[Finding]:
        """V6 of a grant that an entry begins, and of the entry's times."""
        grant = unfunded.get(entry.grant_id or "")
        if grant is not None and grant != bought_grant(grant.id, entry.amount_nanos, entry.booked_us):
            yield self._evidence.finding("V6", f"grant {grant.id} is not what {name} brings")
        if entry.effective_us != entry.booked_us or entry.cause_client:
            yield self._evidence.finding("V6", f"{name} takes effect at {entry.effective_us}")

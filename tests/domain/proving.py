"""The proof of the books, on books that are in memory: the rows that a database would have stored."""

from collections.abc import Iterator

from tests.domain.builders import ANNAS, Desk
from tollhoused.domain.account import LedgerEntry
from tollhoused.domain.books import Operation
from tollhoused.domain.commands import Enforcement, RecordUsage
from tollhoused.domain.included import included_grants
from tollhoused.domain.proof import EntryRow, Evidence, Finding, OperationRow
from tollhoused.domain.proof_of_holds import prove_holds
from tollhoused.domain.proof_of_ledger import prove_ledger
from tollhoused.domain.proof_of_payments import prove_payments
from tollhoused.domain.proof_of_terms import prove_terms
from tollhoused.domain.proof_of_usage import prove_usage
from tollhoused.domain.voids import VoidUsage


def prove(desk: Desk) -> list[Finding]:
    """What does not hold of Anna's account, in every respect that `tollhouse verify` looks at."""
    return [*prove_terms(_evidence(desk), desk.history), *_usage_and_ledger(desk)]


def _usage_and_ledger(desk: Desk) -> Iterator[Finding]:
    evidence = _evidence(desk)
    reserved = yield from prove_holds(evidence)
    included = {grant.id: grant for grant in included_grants(evidence.account.segments, desk.history)}
    used = yield from prove_usage(evidence, reserved)
    bookings = yield from prove_payments(evidence)
    yield from prove_ledger(evidence, used, reserved, included, bookings)


def _evidence(desk: Desk) -> Evidence:
    account = desk.account
    return Evidence(
        account=account,
        plans=[(segment.terms.plan, segment.terms.plan_version) for segment in account.segments],
        names=frozenset([account.kind.value]),
        members=[],
        reservations=iter(account.reservations.values()),
        last_event_version=0,
        intents=iter(()),
        operations=(_operation_row(item) for item in desk.books.operations.values() if item.account_id == ANNAS),
        entries=(_entry_row(desk, entry) for entry in account.changes.entries),
    )


def _operation_row(item: Operation) -> OperationRow:
    return OperationRow(
        account_id=item.account_id,
        kind=item.kind,
        idempotency_key=item.idempotency_key,
        product=item.product,
        meter=item.meter,
        segment_start_us=item.segment_start_us,
        quantity=item.quantity or 0,
        overage=item.overage or 0,
        charged_nanos=item.charged_nanos or 0,
        slice=item.slice,
        stored_us=item.stored_us,
        event_us=item.event_us,
        enforcement=_enforcement(item),
        client=item.client,
        voided_by=item.voided_by,
        sent=item.sent if item.kind == VoidUsage.kind else None,
    )


def _entry_row(desk: Desk, entry: LedgerEntry) -> EntryRow:
    cause = entry.cause
    caused = desk.books.operations.get((cause.reference, cause.client)) if cause.client else None
    return EntryRow(
        account_id=ANNAS,
        sequence=entry.sequence,
        slice=entry.slice,
        booked_us=entry.booked_us,
        effective_us=entry.effective_us,
        grant_id=entry.grant_id,
        amount_nanos=entry.amount_nanos,
        balance_after_nanos=entry.balance_after_nanos,
        cause_kind=cause.kind,
        cause=cause.reference,
        cause_client=cause.client,
        owner=caused.account_id if caused else None,
        kind=caused.kind if caused else None,
        stored_us=caused.stored_us if caused else None,
        event_us=caused.event_us if caused else None,
        meter=caused.meter if caused else None,
        segment_start_us=caused.segment_start_us if caused else None,
        charged_nanos=caused.charged_nanos if caused else None,
        enforcement=_enforcement(caused) if caused else None,
        sent=caused.sent if caused and caused.kind != RecordUsage.kind else None,
    )


def _enforcement(item: Operation) -> str | None:
    found = [kind.value for kind in Enforcement if f'"enforcement":"{kind.value}"' in item.sent]
    return found[0] if found else None

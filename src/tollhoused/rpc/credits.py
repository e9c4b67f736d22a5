"""CreditsService: prepaid credits and their ledger."""

from functools import partial

from tollhouse.v1 import credits_service_pb2 as pb

from tollhoused.domain.account import CauseKind, LedgerEntry
from tollhoused.domain.credits import grant_facts
from tollhoused.rpc import answers, decode, encode
from tollhoused.rpc.encode import MATCHED_BY, timestamp
from tollhoused.rpc.shop import ShopMethods
from tollhoused.usecases import credits, pages
from tollhoused.usecases.core import Call, Core

CAUSE_KINDS = {
    CauseKind.USAGE: pb.CAUSE_KIND_USAGE,
    CauseKind.GRANT: pb.CAUSE_KIND_GRANT,
    CauseKind.ADJUSTMENT: pb.CAUSE_KIND_ADJUSTMENT,
    CauseKind.EXPIRY: pb.CAUSE_KIND_EXPIRY,
    CauseKind.SETTLEMENT: pb.CAUSE_KIND_SETTLEMENT,
    CauseKind.VOIDED_GRANT: pb.CAUSE_KIND_VOIDED_GRANT,
    CauseKind.RESERVATION: pb.CAUSE_KIND_RESERVATION,
    CauseKind.VOID: pb.CAUSE_KIND_VOID,
    CauseKind.PLAN_GRANT: pb.CAUSE_KIND_PLAN_GRANT,
    CauseKind.PERIOD_CLOSE: pb.CAUSE_KIND_PERIOD_CLOSE,
    CauseKind.VOIDED_DEBT: pb.CAUSE_KIND_VOIDED_DEBT,
    CauseKind.TOP_UP: pb.CAUSE_KIND_TOP_UP,
    CauseKind.CLAWBACK: pb.CAUSE_KIND_CLAWBACK,
}


class CreditsServicer(ShopMethods):
    """The methods of the service."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def GetBalance(self, request: pb.GetBalanceRequest, call: Call) -> pb.GetBalanceResponse:
        found = credits.get_balance(self._core, decode.subject(request.subject))
        parts = sorted((sorted(meters), available_nanos) for meters, available_nanos in found.parts.items())
        return pb.GetBalanceResponse(
            account_id=found.match.account_id,
            matched_by=MATCHED_BY[found.match.matched_by],
            balance=encode.balance(found.currency, found.facts),
            parts=[pb.RestrictedBalance(meters=meters, available_nanos=nanos) for meters, nanos in parts],
        )

    def GrantCredits(self, request: pb.GrantCreditsRequest, call: Call) -> pb.GrantCreditsResponse:
        settled = credits.grant_credits(
            self._core,
            call,
            subject=decode.subject(request.subject),
            amount_nanos=request.amount_nanos,
            currency=request.currency,
            category=decode.known("category", decode.CATEGORIES, request.category),
            priority=request.priority if request.HasField("priority") else None,
            effective_us=decode.given_instant(request, "effective_time"),
            expires_us=decode.given_instant(request, "expire_time"),
            meters=request.meters,
            reason=request.reason,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.grant_credits(settled.answer, settled.replayed)

    def AdjustCredits(self, request: pb.AdjustCreditsRequest, call: Call) -> pb.AdjustCreditsResponse:
        settled = credits.adjust_credits(
            self._core,
            call,
            subject=decode.subject(request.subject),
            amount_nanos=request.amount_nanos,
            currency=request.currency,
            reason=request.reason,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.adjust_credits(settled.answer, settled.replayed)

    def VoidGrant(self, request: pb.VoidGrantRequest, call: Call) -> pb.VoidGrantResponse:
        settled = credits.void_grant(
            self._core,
            call,
            subject=decode.subject(request.subject),
            grant_id=request.grant_id,
            reason=request.reason,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.void_grant(settled.answer, settled.replayed)

    def ListGrants(self, request: pb.ListGrantsRequest, call: Call) -> pb.ListGrantsResponse:
        account, grants, token = credits.list_grants(
            self._core,
            call,
            decode.subject(request.subject),
            include_closed=request.include_closed,
            page_size=pages.page_size(request.page_size),
            page_token=request.page_token,
        )
        return pb.ListGrantsResponse(
            account_id=account.id,
            grants=[encode.grant(account.currency, grant_facts(grant)) for grant in grants],
            next_page_token=token,
        )

    def ListLedgerEntries(self, request: pb.ListLedgerEntriesRequest, call: Call) -> pb.ListLedgerEntriesResponse:
        account, entries, token = credits.list_entries(
            self._core,
            call,
            decode.subject(request.subject),
            partial(decode.time_range, request),
            pages.page_size(request.page_size),
            request.page_token,
        )
        return pb.ListLedgerEntriesResponse(
            account_id=account.id,
            entries=[_entry(entry, account.currency) for entry in entries],
            next_page_token=token,
        )


def _entry(entry: LedgerEntry, currency: str) -> pb.LedgerEntry:
    return pb.LedgerEntry(
        sequence=entry.sequence,
        book_time=timestamp(entry.booked_us),
        effective_time=timestamp(entry.effective_us),
        grant_id=entry.grant_id,
        amount_nanos=entry.amount_nanos,
        balance_after_nanos=entry.balance_after_nanos,
        currency=currency,
        cause_kind=CAUSE_KINDS[entry.cause.kind],
        cause=entry.cause.reference,
    )

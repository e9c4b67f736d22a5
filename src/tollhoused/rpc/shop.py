"""The methods of CreditsService by which money comes in: top-ups and auto-reload."""

from tollhouse.v1 import credits_service_pb2 as pb

from tollhoused.rpc import decode
from tollhoused.rpc.encode import MATCHED_BY
from tollhoused.rpc.order_answers import auto_reload, order, placed_fields, resume_auto_reload, set_auto_reload
from tollhoused.usecases import shop
from tollhoused.usecases.core import Call, Core


class ShopMethods:
    """A part of the service."""

    _core: Core

    def CreateTopUp(self, request: pb.CreateTopUpRequest, call: Call) -> pb.CreateTopUpResponse:
        placed = shop.create_top_up(
            self._core,
            call,
            subject=decode.subject(request.subject),
            amount_nanos=request.amount_nanos,
            currency=request.currency,
            back_to=request.return_url,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return pb.CreateTopUpResponse(**placed_fields(placed))

    def GetTopUp(self, request: pb.GetTopUpRequest, call: Call) -> pb.GetTopUpResponse:
        account_id, intent = shop.get_top_up(self._core, request.order_id)
        return pb.GetTopUpResponse(account_id=account_id, order=order(intent))

    def GetAutoReload(self, request: pb.GetAutoReloadRequest, call: Call) -> pb.GetAutoReloadResponse:
        match, currency, reload = shop.get_auto_reload(self._core, decode.subject(request.subject))
        return pb.GetAutoReloadResponse(
            account_id=match.account_id,
            auto_reload=auto_reload(reload, currency) if reload else None,
            matched_by=MATCHED_BY[match.matched_by],
        )

    def SetAutoReload(self, request: pb.SetAutoReloadRequest, call: Call) -> pb.SetAutoReloadResponse:
        settled = shop.set_auto_reload(
            self._core,
            call,
            subject=decode.subject(request.subject),
            enabled=request.enabled,
            threshold_nanos=request.threshold_nanos,
            amount_nanos=request.amount_nanos,
            currency=request.currency,
            monthly_count_max=request.monthly_count_max,
            monthly_nanos_max=request.monthly_nanos_max,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return set_auto_reload(settled.answer, settled.replayed)

    def ResumeAutoReload(self, request: pb.ResumeAutoReloadRequest, call: Call) -> pb.ResumeAutoReloadResponse:
        settled = shop.resume_auto_reload(
            self._core,
            call,
            subject=decode.subject(request.subject),
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return resume_auto_reload(settled.answer, settled.replayed)

"""ReservationService: what is held before an action, and settled after it."""

from tollhouse.v1 import reservation_service_pb2 as pb

from tollhoused.domain.reservations import reservation_facts
from tollhoused.rpc import decode, encode
from tollhoused.rpc import reservation_answers as answers
from tollhoused.usecases import pages, reservations
from tollhoused.usecases.core import Call, Core


class ReservationServicer:
    """The methods of the service."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def ReserveUsage(self, request: pb.ReserveUsageRequest, call: Call) -> pb.ReserveUsageResponse:
        wish = reservations.Wish(
            subject=decode.subject(request.subject),
            product=request.product,
            meter=request.meter,
            quantity=request.quantity,
            ttl_us=decode.given_duration(request, "ttl"),
            on_expiry=decode.known("on_expiry", decode.ON_EXPIRY, request.on_expiry),
            over_commit=decode.known("over_commit", decode.OVER_COMMIT, request.over_commit),
            metadata=request.metadata,
        )
        settled = reservations.reserve(self._core, call, wish, request.idempotency_key, request.validate_only)
        return answers.reserve_usage(settled.answer, settled.replayed)

    def ExtendReservation(self, request: pb.ExtendReservationRequest, call: Call) -> pb.ExtendReservationResponse:
        settled = reservations.extend(
            self._core,
            call,
            request.reservation_id,
            decode.given_duration(request, "ttl"),
            request.idempotency_key,
            request.validate_only,
        )
        return answers.extend_reservation(settled.answer, settled.replayed)

    def CommitReservation(self, request: pb.CommitReservationRequest, call: Call) -> pb.CommitReservationResponse:
        settled = reservations.commit(
            self._core,
            call,
            request.reservation_id,
            request.quantity,
            request.metadata,
            request.idempotency_key,
            request.validate_only,
        )
        return answers.commit_reservation(settled.answer, settled.replayed)

    def ReleaseReservation(self, request: pb.ReleaseReservationRequest, call: Call) -> pb.ReleaseReservationResponse:
        settled = reservations.release(
            self._core, call, request.reservation_id, request.idempotency_key, request.validate_only
        )
        return answers.release_reservation(settled.answer, settled.replayed)

    def GetReservation(self, request: pb.GetReservationRequest, call: Call) -> pb.GetReservationResponse:
        account_id, found = reservations.get(self._core, call, request.reservation_id)
        shown = encode.reservation(self._core.catalogue.currency, reservation_facts(found))
        return pb.GetReservationResponse(account_id=account_id, reservation=shown)

    def ListReservations(self, request: pb.ListReservationsRequest, call: Call) -> pb.ListReservationsResponse:
        account, found, token = reservations.list_of(
            self._core,
            call,
            decode.subject(request.subject),
            product=request.product,
            include_ended=request.include_ended,
            page_size=pages.page_size(request.page_size),
            page_token=request.page_token,
        )
        return pb.ListReservationsResponse(
            account_id=account.id,
            reservations=[encode.reservation(account.currency, reservation_facts(item)) for item in found],
            next_page_token=token,
        )

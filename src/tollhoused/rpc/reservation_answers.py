"""The responses of ReservationService, made of the answers that are stored beside operations."""

from tollhouse.v1 import reservation_service_pb2 as reservation_pb

from tollhoused.domain.answers import Answer, CommitAnswer, ReservationAnswer
from tollhoused.rpc import encode
from tollhoused.rpc.encode import MATCHED_BY, REASONS


def reserve_usage(answer: Answer, replayed: bool) -> reservation_pb.ReserveUsageResponse:
    """The reservation that was made."""
    assert isinstance(answer, ReservationAnswer)
    return reservation_pb.ReserveUsageResponse(
        account_id=answer.account_id,
        reservation=encode.reservation(answer.currency, answer.reservation),
        balance=encode.balance(answer.currency, answer.balance),
        matched_by=MATCHED_BY[answer.matched_by],
        replayed=replayed,
    )


def extend_reservation(answer: Answer, replayed: bool) -> reservation_pb.ExtendReservationResponse:
    """The reservation with its new end."""
    assert isinstance(answer, ReservationAnswer)
    return reservation_pb.ExtendReservationResponse(
        account_id=answer.account_id,
        reservation=encode.reservation(answer.currency, answer.reservation),
        replayed=replayed,
    )


def release_reservation(answer: Answer, replayed: bool) -> reservation_pb.ReleaseReservationResponse:
    """The reservation that was given back."""
    assert isinstance(answer, ReservationAnswer)
    return reservation_pb.ReleaseReservationResponse(
        account_id=answer.account_id,
        reservation=encode.reservation(answer.currency, answer.reservation),
        balance=encode.balance(answer.currency, answer.balance),
        replayed=replayed,
    )


def commit_reservation(answer: Answer, replayed: bool) -> reservation_pb.CommitReservationResponse:
    """The reservation that was committed, and what that recorded."""
    assert isinstance(answer, CommitAnswer)
    usage = answer.usage
    return reservation_pb.CommitReservationResponse(
        account_id=answer.account_id,
        reservation=encode.reservation(usage.currency, answer.reservation),
        usage=reservation_pb.CommittedUsage(
            quantity=usage.quantity,
            new_usage=usage.new_usage,
            limit=usage.limit,
            remaining=usage.remaining,
            overage_quantity=usage.overage_quantity,
            charged_nanos=usage.charged_nanos,
            currency=usage.currency,
            balance_after_nanos=usage.balance_after_nanos,
            debits=encode.debits(usage.debits),
            debt_nanos=usage.debt_nanos,
            lifted=sorted(REASONS[reason] for reason in usage.lifted),
            event_time=encode.timestamp(usage.event_us),
            record_time=encode.timestamp(usage.recorded_us),
            usage_period=encode.usage_period(usage.period_start_us, usage.period_end_us),
        ),
        replayed=replayed,
    )

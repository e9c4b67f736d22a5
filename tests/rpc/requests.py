"""Commands as the requests that a client sends."""

from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import reservation_service_pb2 as reservations_pb
from tollhouse.v1 import subscription_service_pb2 as subscriptions_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tests.support.door import Door, at
from tollhoused.domain.commands import (
    AdjustCredits,
    AssignPlan,
    Command,
    CommitReservation,
    ExtendReservation,
    GrantCredits,
    RecordUsage,
    ReleaseReservation,
    RemoveOverride,
    ReserveUsage,
    SetOverride,
    UnassignPlan,
    VoidGrant,
)
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.plans import CancelPendingPlanChange
from tollhoused.domain.rates import Rate
from tollhoused.domain.voids import VoidUsage

Call = tuple[Callable[..., Any], Any]


def call_of(door: Door, subject: common.Subject, command: Command) -> Call:
    """The method and the request by which a client of this subject gives the command."""
    key: dict[str, Any] = {"idempotency_key": command.idempotency_key}
    whose: dict[str, Any] = {"subject": subject, **key}
    match command:
        case RecordUsage():
            return door.usage.RecordUsage, usage_pb.RecordUsageRequest(
                quantity=command.quantity, **_event(command), **whose
            )
        case SetUsage():
            value = {"delta": command.delta} if command.level is None else {"level": command.level}
            return door.usage.SetUsage, usage_pb.SetUsageRequest(**value, **_event(command), **whose)
        case VoidUsage():
            request = usage_pb.VoidUsageRequest(voided_key=command.voided_key, reason=command.reason, **key)
            return door.usage.VoidUsage, request
        case GrantCredits():
            return door.credits.GrantCredits, _grant(command, whose)
        case AdjustCredits():
            return door.credits.AdjustCredits, credits_pb.AdjustCreditsRequest(
                amount_nanos=command.amount_nanos, currency="eur", reason=command.reason, **whose
            )
        case VoidGrant():
            return door.credits.VoidGrant, credits_pb.VoidGrantRequest(grant_id=command.grant_id, **whose)
        case ReserveUsage() | ExtendReservation() | ReleaseReservation() | CommitReservation():
            return _of_reservation(door, command, whose)
    return _of_terms(door, command, whose)


def _of_reservation(door: Door, command: Command, whose: dict[str, Any]) -> Call:
    key: dict[str, Any] = {"idempotency_key": command.idempotency_key}
    match command:
        case ReserveUsage():
            words: dict[str, Any] = {
                "on_expiry": f"ON_EXPIRY_{command.on_expiry.name}",
                "over_commit": f"OVER_COMMIT_{command.over_commit.name}",
            }
            return door.reservations.ReserveUsage, reservations_pb.ReserveUsageRequest(
                product=command.product,
                meter=command.meter,
                quantity=command.quantity,
                ttl=_span(command.ttl_us),
                **words,
                **whose,
            )
        case ExtendReservation():
            return door.reservations.ExtendReservation, reservations_pb.ExtendReservationRequest(
                reservation_id=command.reservation_id, ttl=_span(command.ttl_us), **key
            )
        case ReleaseReservation():
            return door.reservations.ReleaseReservation, reservations_pb.ReleaseReservationRequest(
                reservation_id=command.reservation_id, **key
            )
        case CommitReservation():
            return door.reservations.CommitReservation, reservations_pb.CommitReservationRequest(
                reservation_id=command.reservation_id, quantity=command.quantity, **key
            )
    raise AssertionError(command.kind)


def _of_terms(door: Door, command: Command, whose: dict[str, Any]) -> Call:
    match command:
        case AssignPlan():
            times = _times(
                start_time=command.start_us,
                end_time=command.end_us,
                trial_end_time=command.trial_end_us,
                effective_time=command.effective_us,
            )
            return door.subscriptions.AssignPlan, subscriptions_pb.AssignPlanRequest(
                plan=command.plan, subscription_id=command.changes, **times, **whose
            )
        case UnassignPlan():
            return door.subscriptions.UnassignPlan, subscriptions_pb.UnassignPlanRequest(
                subscription_id=command.subscription_id, **whose
            )
        case CancelPendingPlanChange():
            return door.subscriptions.CancelPendingPlanChange, subscriptions_pb.CancelPendingPlanChangeRequest(
                subscription_id=command.subscription_id, **whose
            )
        case SetOverride():
            words: dict[str, Any] = {"policy": f"POLICY_{command.policy.name}"} if command.policy else {}
            return door.subscriptions.SetOverride, subscriptions_pb.SetOverrideRequest(
                meter=command.meter,
                included=command.included,
                rate=_rate(command.rate) if command.rate else None,
                **words,
                **_times(start_time=command.from_us, end_time=command.until_us),
                **whose,
            )
        case RemoveOverride():
            return door.subscriptions.RemoveOverride, subscriptions_pb.RemoveOverrideRequest(
                override_id=command.override_id, **whose
            )
    raise AssertionError(command.kind)


def _event(command: RecordUsage | SetUsage) -> dict[str, Any]:
    """The fields that both kinds of usage have."""
    words = {"enforcement": f"ENFORCEMENT_{command.enforcement.name}"}
    return {"product": command.product, "meter": command.meter, **words, **_times(event_time=command.event_us)}


def _grant(command: GrantCredits, whose: dict[str, Any]) -> credits_pb.GrantCreditsRequest:
    words: dict[str, Any] = {"category": f"GRANT_CATEGORY_{command.category.name}"}
    return credits_pb.GrantCreditsRequest(
        amount_nanos=command.amount_nanos,
        currency="eur",
        priority=command.priority,
        meters=sorted(command.meters),
        reason=command.reason,
        **words,
        **_times(effective_time=command.effective_us, expire_time=command.expires_us),
        **whose,
    )


def _times(**instants: int | None) -> dict[str, Any]:
    return {name: at(instant_us) for name, instant_us in instants.items() if instant_us is not None}


def _span(span_us: int) -> Duration:
    return Duration(seconds=span_us // 1_000_000, nanos=span_us % 1_000_000 * 1_000)


def _rate(rate: Rate) -> common.Rate:
    words: dict[str, Any] = {"model": f"RATE_MODEL_{rate.model.name}"}
    tiers = [common.RateTier(up_to=tier.up_to, price_nanos=tier.price_nanos) for tier in rate.tiers]
    return common.Rate(price_nanos=rate.price_nanos, per_units=rate.per_units, tiers=tiers, **words)

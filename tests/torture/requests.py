"""Commands as the requests that carry them, and what of each answer the history keeps."""

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import reservation_service_pb2 as reservation_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tests.torture.cast import Actor
from tests.torture.commands import (
    GAUGE,
    Adjustment,
    Assign,
    Command,
    Commit,
    Extend,
    Grant,
    Level,
    Limit,
    Release,
    Reserve,
    Unassign,
    Usage,
    VoidGrant,
    VoidUsage,
)
from tests.torture.history import Answer
from tests.torture.purchase_requests import METHODS as PURCHASE_METHODS
from tests.torture.purchase_requests import lasting, purchase_request

CURRENCY = "usd"
REASON = "torture"
PRODUCT = "talk"
OVER = {
    "refuse": reservation_pb.OVER_COMMIT_REFUSE,
    "enforce": reservation_pb.OVER_COMMIT_ENFORCE,
    "record": reservation_pb.OVER_COMMIT_RECORD,
}
METHODS = {
    Usage: "RecordUsage",
    Level: "SetUsage",
    Reserve: "ReserveUsage",
    Extend: "ExtendReservation",
    Commit: "CommitReservation",
    Release: "ReleaseReservation",
    VoidUsage: "VoidUsage",
    Grant: "GrantCredits",
    Adjustment: "AdjustCredits",
    VoidGrant: "VoidGrant",
    Limit: "SetOverride",
    Assign: "AssignPlan",
    Unassign: "UnassignPlan",
    **PURCHASE_METHODS,
}


def request_of(command: Command) -> Message:
    """The command as a call of its own."""
    match command:
        case Usage():
            return usage_request(command)
        case Level():
            return _level_request(command)
        case VoidUsage():
            return usage_pb.VoidUsageRequest(voided_key=command.voided_key, reason=REASON, idempotency_key=command.key)
        case Reserve() | Extend() | Commit() | Release():
            return _reservation_request(command)
        case Grant():
            return grant_request(command)
        case Adjustment():
            return credits_pb.AdjustCreditsRequest(
                subject=subject(command.actor),
                amount_nanos=command.amount_nanos,
                currency=CURRENCY,
                reason=REASON,
                idempotency_key=command.key,
            )
        case VoidGrant():
            return credits_pb.VoidGrantRequest(
                subject=subject(command.actor), grant_id=command.grant_id, reason=REASON, idempotency_key=command.key
            )
        case Limit():
            return limit_request(command)
        case Assign():
            return assign_request(command)
        case Unassign():
            return subscription_pb.UnassignPlanRequest(
                subject=subject(command.actor), subscription_id=command.subscription_id, idempotency_key=command.key
            )
    return purchase_request(command)


def answer_of(response: Any) -> Answer:
    """What an acknowledgement says; `replayed` and `voided` are kept apart, for a replay may differ in them."""
    replayed, voided = response.replayed, getattr(response, "voided", False)
    response.replayed = False
    if voided:
        response.voided = False
    fields = response.DESCRIPTOR.fields_by_name
    if "order" in fields:
        return Answer(
            lasting(response.order),
            replayed,
            response.account_id,
            0,
            0,
            0,
            0,
            voided,
            response.order.order_id,
            response.order.url,
        )
    content = response.SerializeToString(deterministic=True)
    used = response.usage if "usage" in fields else response
    return Answer(
        content=content,
        replayed=replayed,
        account_id=response.account_id,
        new_usage=used.peak if "peak" in fields else getattr(used, "new_usage", 0),
        charged_nanos=getattr(used, "charged_nanos", 0),
        debt_nanos=getattr(used, "debt_nanos", 0),
        balance_nanos=_balance_of(response, used),
        voided=voided,
        made_id=_made_by(response),
    )


def subject(actor: Actor) -> common.Subject:
    """How requests name an account."""
    return common.Subject(user_id=actor.user_id, email=actor.email, org_id=actor.org_id)


def usage_request(usage: Usage) -> usage_pb.RecordUsageRequest:
    """A usage event on its own."""
    request = usage_pb.RecordUsageRequest(
        subject=subject(usage.actor),
        product=usage.product,
        meter=usage.meter,
        quantity=usage.quantity,
        enforcement=_enforcement(usage.record),
        idempotency_key=usage.key,
    )
    if usage.event_us is not None:
        request.event_time.CopyFrom(_timestamp(usage.event_us))
    if usage.label:
        request.metadata["label"] = usage.label
    return request


def usage_item(usage: Usage) -> usage_pb.UsageItem:
    """The same usage event as an item: its fields have the same numbers."""
    return usage_pb.UsageItem.FromString(usage_request(usage).SerializeToString())


def grant_request(grant: Grant) -> credits_pb.GrantCreditsRequest:
    """Paid credits."""
    request = credits_pb.GrantCreditsRequest(
        subject=subject(grant.actor),
        amount_nanos=grant.amount_nanos,
        currency=CURRENCY,
        category=credits_pb.GRANT_CATEGORY_PAID,
        priority=grant.priority,
        meters=grant.meters,
        idempotency_key=grant.key,
    )
    if grant.expires_us is not None:
        request.expire_time.CopyFrom(_timestamp(grant.expires_us))
    return request


def limit_request(limit: Limit) -> subscription_pb.SetOverrideRequest:
    """An override that refuses what goes beyond it."""
    return subscription_pb.SetOverrideRequest(
        subject=subject(limit.actor),
        meter=limit.meter,
        included=limit.included,
        policy=common.POLICY_HARD_LIMIT,
        idempotency_key=limit.key,
    )


def assign_request(assign: Assign) -> subscription_pb.AssignPlanRequest:
    """A plan, now or later."""
    request = subscription_pb.AssignPlanRequest(
        subject=subject(assign.actor),
        plan=assign.plan,
        subscription_id=assign.subscription_id,
        idempotency_key=assign.key,
    )
    if assign.effective_us is not None:
        request.effective_time.CopyFrom(_timestamp(assign.effective_us))
    return request


def _level_request(level: Level) -> usage_pb.SetUsageRequest:
    return usage_pb.SetUsageRequest(
        subject=subject(level.actor),
        product=PRODUCT,
        meter=GAUGE,
        level=None if level.change else level.value,
        delta=level.value if level.change else None,
        enforcement=_enforcement(level.actor.records),
        idempotency_key=level.key,
    )


def _reservation_request(command: Reserve | Extend | Commit | Release) -> Message:
    match command:
        case Reserve():
            ends = reservation_pb.ON_EXPIRY_COMMIT if command.commits else reservation_pb.ON_EXPIRY_RELEASE
            return reservation_pb.ReserveUsageRequest(
                subject=subject(command.actor),
                product=PRODUCT,
                meter=command.meter,
                quantity=command.quantity,
                ttl=_duration(command.ttl_us),
                on_expiry=ends,
                over_commit=OVER[command.over],
                idempotency_key=command.key,
            )
        case Extend():
            return reservation_pb.ExtendReservationRequest(
                reservation_id=command.reservation_id, ttl=_duration(command.ttl_us), idempotency_key=command.key
            )
        case Commit():
            return reservation_pb.CommitReservationRequest(
                reservation_id=command.reservation_id, quantity=command.quantity, idempotency_key=command.key
            )
        case Release():
            return reservation_pb.ReleaseReservationRequest(
                reservation_id=command.reservation_id, idempotency_key=command.key
            )


def _balance_of(response: Any, used: Any) -> int:
    if "balance" in response.DESCRIPTOR.fields_by_name:
        return int(response.balance.total_nanos)
    return int(getattr(used, "balance_after_nanos", 0))


def _made_by(response: Any) -> str:
    """The id of what was made or changed, by which later calls name it."""
    fields = response.DESCRIPTOR.fields_by_name
    if "reservation" in fields:
        return str(response.reservation.reservation_id)
    if "subscription" in fields:
        return str(response.subscription.subscription_id)
    return str(response.grant.grant_id) if "grant" in fields else ""


def _enforcement(record: bool) -> common.Enforcement:
    return common.ENFORCEMENT_RECORD if record else common.ENFORCEMENT_ENFORCE


def _timestamp(instant_us: int) -> Timestamp:
    return Timestamp(seconds=instant_us // 1_000_000, nanos=instant_us % 1_000_000 * 1_000)


def _duration(span_us: int) -> Duration:
    return Duration(seconds=span_us // 1_000_000, nanos=span_us % 1_000_000 * 1_000)

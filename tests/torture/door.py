"""One client's way to the servers: generated stubs on channels of its own, replies as the history keeps them."""

from typing import cast

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import error_reason_pb2 as reasons
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb
from tollhouse.v1.credits_service_pb2_grpc import CreditsServiceStub
from tollhouse.v1.subscription_service_pb2_grpc import SubscriptionServiceStub
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.torture.cast import Actor
from tests.torture.commands import Grant, Limit, Shipment, Usage
from tests.torture.history import Answer, Reply, Result

CURRENCY = "usd"

# Servers come back within a second, so a channel must not wait longer than that before it tries again.
CHANNEL_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.enable_retries", 0),
]

REFUSING = {"INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "FAILED_PRECONDITION"}
UNKNOWN = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED"}
"""After these the contract says: repeat with the same key. INTERNAL says so too, but must not happen."""


class Door:
    """Channels to every server, for one thread."""

    def __init__(self, addresses: list[str]) -> None:
        self._channels = [grpc.insecure_channel(address, options=CHANNEL_OPTIONS) for address in addresses]
        self._usage = [UsageServiceStub(channel) for channel in self._channels]
        self._credits = [CreditsServiceStub(channel) for channel in self._channels]
        self._limits = [SubscriptionServiceStub(channel) for channel in self._channels]

    def send(self, shipment: Shipment, server: int, timeout_seconds: float) -> list[Reply]:
        """One call to one server; a reply for each command, in order."""
        try:
            if shipment.batch:
                return self._batch(shipment, server, timeout_seconds)
            (command,) = shipment.commands
            match command:
                case Usage():
                    response = self._usage[server].RecordUsage(usage_request(command), timeout=timeout_seconds)
                    return [_recorded(response)]
                case Grant():
                    granted = self._credits[server].GrantCredits(grant_request(command), timeout=timeout_seconds)
                    return [_acknowledged(granted, granted.balance.total_nanos)]
                case Limit():
                    limited = self._limits[server].SetOverride(limit_request(command), timeout=timeout_seconds)
                    return [_acknowledged(limited, 0)]
        except grpc.RpcError as error:
            return [_failed(error)] * len(shipment.commands)

    def close(self) -> None:
        """Closes every channel."""
        for channel in self._channels:
            channel.close()

    def _batch(self, shipment: Shipment, server: int, timeout_seconds: float) -> list[Reply]:
        items = [usage_item(command) for command in shipment.commands if isinstance(command, Usage)]
        request = usage_pb.BatchRecordUsageRequest(items=items, atomic=shipment.atomic)
        response = self._usage[server].BatchRecordUsage(request, timeout=timeout_seconds)
        return [_of_item(result) for result in response.results]


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
        enforcement=common.ENFORCEMENT_RECORD if usage.record else common.ENFORCEMENT_ENFORCE,
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


def result_of(status: str, reason: str) -> Result:
    """What a status other than OK lets a client conclude."""
    if status == "ALREADY_EXISTS":
        return Result.CONFLICT
    if status in REFUSING or (status == "RESOURCE_EXHAUSTED" and reason == "QUOTA_EXCEEDED"):
        return Result.REFUSED
    return Result.UNKNOWN


def _timestamp(instant_us: int) -> Timestamp:
    return Timestamp(seconds=instant_us // 1_000_000, nanos=instant_us % 1_000_000 * 1_000)


def _recorded(response: usage_pb.RecordUsageResponse) -> Reply:
    replayed = response.replayed
    response.replayed = False
    answer = Answer(
        content=response.SerializeToString(deterministic=True),
        replayed=replayed,
        account_id=response.account_id,
        new_usage=response.new_usage,
        charged_nanos=response.charged_nanos,
        debt_nanos=response.debt_nanos,
        balance_nanos=response.balance_after_nanos,
    )
    return Reply(Result.ACKNOWLEDGED, "OK", answer=answer)


def _acknowledged(
    response: credits_pb.GrantCreditsResponse | subscription_pb.SetOverrideResponse, balance_nanos: int
) -> Reply:
    replayed = response.replayed
    response.replayed = False
    content = response.SerializeToString(deterministic=True)
    answer = Answer(content, replayed, response.account_id, 0, 0, 0, balance_nanos)
    return Reply(Result.ACKNOWLEDGED, "OK", answer=answer)


def _of_item(result: usage_pb.BatchItemResult) -> Reply:
    if result.WhichOneof("result") == "recorded":
        return _recorded(result.recorded)
    status = code_pb2.Code.Name(result.error.code)
    reason = reasons.ErrorReason.Name(result.error.reason).removeprefix("ERROR_REASON_")
    metadata = dict(result.error.metadata)
    return Reply(result_of(status, reason), status, reason, metadata, detail=result.error.message)


def _failed(error: grpc.RpcError) -> Reply:
    call = cast(grpc.Call, error)
    status = call.code().name
    info = error_details_pb2.ErrorInfo()
    packed = rpc_status.from_call(call)
    for detail in packed.details if packed else ():
        detail.Unpack(info)
    reply_metadata = dict(info.metadata)
    return Reply(result_of(status, info.reason), status, info.reason, reply_metadata, detail=call.details() or "")

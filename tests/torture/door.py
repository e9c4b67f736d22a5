"""One client's way to the servers: generated stubs on channels of its own, replies as the history keeps them."""

from collections.abc import Iterator
from typing import Any, cast

import grpc
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status
from tollhouse.v1 import error_reason_pb2 as reasons
from tollhouse.v1 import usage_service_pb2 as usage_pb
from tollhouse.v1.credits_service_pb2_grpc import CreditsServiceStub
from tollhouse.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tollhouse.v1.subscription_service_pb2_grpc import SubscriptionServiceStub
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.torture.commands import Shipment, Usage
from tests.torture.history import Reply, Result
from tests.torture.requests import METHODS, answer_of, request_of, usage_item

STREAM_ITEMS = 3
"""Items in one message of a stream."""

# Servers come back within a second, so a channel must not wait longer than that before it tries again. The least pause
# is also how long gRPC lets an attempt to connect take: on a busy machine a greeting needs its time.
CHANNEL_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 10_000),
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
        services = (UsageServiceStub, ReservationServiceStub, CreditsServiceStub, SubscriptionServiceStub)
        self._methods: list[dict[str, Any]] = []
        for channel in self._channels:
            stubs = [vars(service(channel)) for service in services]
            self._methods.append({name: method for stub in stubs for name, method in stub.items()})

    def send(self, shipment: Shipment, server: int, timeout_seconds: float) -> list[Reply]:
        """One call to one server; a reply for each command, in order."""
        methods = self._methods[server]
        if shipment.stream:
            return list(_streamed(methods["StreamUsage"], shipment, timeout_seconds))
        try:
            if shipment.batch:
                request = usage_pb.BatchRecordUsageRequest(items=_items(shipment), atomic=shipment.atomic)
                response = methods["BatchRecordUsage"](request, timeout=timeout_seconds)
                return [_of_item(result) for result in response.results]
            (command,) = shipment.commands
            answer = methods[METHODS[type(command)]](request_of(command), timeout=timeout_seconds)
            return [_acknowledged(answer)]
        except grpc.RpcError as error:
            return [_failed(error)] * len(shipment.commands)

    def close(self) -> None:
        """Closes every channel."""
        for channel in self._channels:
            channel.close()


def _items(shipment: Shipment) -> list[usage_pb.UsageItem]:
    return [usage_item(command) for command in shipment.commands if isinstance(command, Usage)]


def _streamed(method: Any, shipment: Shipment, timeout_seconds: float) -> Iterator[Reply]:
    """The items in a few messages; what no acknowledgement names has the outcome that ended the stream."""
    items = _items(shipment)
    messages = [
        usage_pb.StreamUsageRequest(items=items[first : first + STREAM_ITEMS])
        for first in range(0, len(items), STREAM_ITEMS)
    ]
    known: list[Reply] = []
    rest = Reply(Result.UNKNOWN, "MISSING", detail="the stream ended in order without acknowledging the item")
    try:
        for response in method(iter(messages), timeout=timeout_seconds):
            for acknowledgement in response.acknowledgements:
                expected = items[len(known)].idempotency_key if len(known) < len(items) else "nothing"
                if acknowledgement.idempotency_key != expected:
                    detail = f"{acknowledgement.idempotency_key} was acknowledged instead of {expected}"
                    rest = Reply(Result.UNKNOWN, "DISORDER", detail=detail)
                    break
                known.append(_of_item(acknowledgement))
    except grpc.RpcError as error:
        rest = _failed(error)
    yield from known
    yield from [rest] * (len(items) - len(known))


def result_of(status: str, reason: str) -> Result:
    """What a status other than OK lets a client conclude."""
    if status == "ALREADY_EXISTS":
        return Result.CONFLICT
    if reason == "PROVIDER_REFUSED":
        return Result.DECLINED
    if status in REFUSING or (status == "RESOURCE_EXHAUSTED" and reason == "QUOTA_EXCEEDED"):
        return Result.REFUSED
    return Result.UNKNOWN


def _acknowledged(response: Any) -> Reply:
    return Reply(Result.ACKNOWLEDGED, "OK", answer=answer_of(response))


def _of_item(result: usage_pb.BatchItemResult | usage_pb.ItemAcknowledgement) -> Reply:
    if result.WhichOneof("result") == "recorded":
        return _acknowledged(result.recorded)
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

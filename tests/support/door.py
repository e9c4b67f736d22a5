"""The gRPC door for tests: a server on a real socket, the generated stubs on one channel, and refusals as values."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_status import rpc_status
from tollhouse.v1.account_service_pb2 import UpsertUserRequest, UpsertUserResponse
from tollhouse.v1.account_service_pb2_grpc import AccountServiceStub
from tollhouse.v1.admin_service_pb2_grpc import AdminServiceStub
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.credits_service_pb2 import GRANT_CATEGORY_PAID, GrantCreditsRequest, GrantCreditsResponse
from tollhouse.v1.credits_service_pb2_grpc import CreditsServiceStub
from tollhouse.v1.entitlement_service_pb2_grpc import EntitlementServiceStub
from tollhouse.v1.event_service_pb2_grpc import EventServiceStub
from tollhouse.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tollhouse.v1.subscription_service_pb2_grpc import SubscriptionServiceStub
from tollhouse.v1.usage_service_pb2 import RecordUsageRequest, RecordUsageResponse, UsageItem
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.support.house import CoreMaker
from tests.support.keyed import keyed
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.observing import CallObserver, Tracing
from tollhoused.rpc.guard import Deadlines
from tollhoused.rpc.open_calls import OpenLimits
from tollhoused.rpc.server import CALLS_MAX, GrpcServer
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.throttle import Throttle

TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 10.0
WATCHES = ("/tollhouse.v1.EntitlementService/WatchEntitlements", "/tollhouse.v1.EventService/WatchEvents")


@dataclass(slots=True)
class Door:
    """The services of one server behind one channel, whose calls carry an API key if there is one."""

    address: str
    key: str = ""
    channel: grpc.Channel = field(init=False)
    usage: UsageServiceStub = field(init=False)
    entitlements: EntitlementServiceStub = field(init=False)
    credits: CreditsServiceStub = field(init=False)
    accounts: AccountServiceStub = field(init=False)
    subscriptions: SubscriptionServiceStub = field(init=False)
    reservations: ReservationServiceStub = field(init=False)
    events: EventServiceStub = field(init=False)
    admin: AdminServiceStub = field(init=False)

    def __post_init__(self) -> None:
        channel = grpc.insecure_channel(self.address)
        self.channel = keyed(channel, self.key) if self.key else channel
        self.usage = UsageServiceStub(self.channel)
        self.entitlements = EntitlementServiceStub(self.channel)
        self.credits = CreditsServiceStub(self.channel)
        self.accounts = AccountServiceStub(self.channel)
        self.subscriptions = SubscriptionServiceStub(self.channel)
        self.reservations = ReservationServiceStub(self.channel)
        self.events = EventServiceStub(self.channel)
        self.admin = AdminServiceStub(self.channel)

    def raw(self, method: str) -> Callable[..., bytes]:
        """A method by its path, such as "/tollhouse.v1.UsageService/RecordUsage", that takes and gives bytes.

        Of a stream of requests it sends one, of a watch it takes the first answer and leaves.
        """
        if method not in WATCHES:
            return cast(Callable[..., bytes], self.channel.unary_unary(method))

        def first_answer(request: bytes, **more: Any) -> bytes:
            opened: Any = self.channel.unary_stream(method)
            watch = opened(request, **more)
            answer: bytes = next(watch)
            watch.cancel()
            return answer

        return first_answer

    def health(self, service: str = "") -> int:
        """What health says about a service, or about the whole server."""
        check = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        return check(HealthCheckRequest(service=service), timeout=TIMEOUT_SECONDS).status

    def watch(self, service: str = "") -> Any:
        """The stream of what health says; an iterator with `cancel`."""
        watch = self.channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        return watch(HealthCheckRequest(service=service), timeout=TIMEOUT_SECONDS)

    def make_user(self, user_id: str, email: str = "") -> UpsertUserResponse:
        """Makes a user with an account, or completes the user."""
        request = UpsertUserRequest(user_id=user_id, email=email, idempotency_key=f"user/{user_id}/{email}")
        return self.accounts.UpsertUser(request, timeout=TIMEOUT_SECONDS)

    def fund(self, user_id: str, units: int, key: str = "") -> GrantCreditsResponse:
        """Grants paid credits, in whole units of the currency."""
        request = GrantCreditsRequest(
            subject=Subject(user_id=user_id),
            amount_nanos=units * NANOS_PER_UNIT,
            currency="usd",
            category=GRANT_CATEGORY_PAID,
            idempotency_key=key or f"grant/{user_id}/{units}",
        )
        return self.credits.GrantCredits(request, timeout=TIMEOUT_SECONDS)

    def record(self, request: RecordUsageRequest) -> RecordUsageResponse:
        """Records one usage event."""
        return self.usage.RecordUsage(request, timeout=TIMEOUT_SECONDS)


def usage(user_id: str, key: str, quantity: int = 1, **more: Any) -> RecordUsageRequest:
    """A usage event of the product `talk`, in voice minutes unless told otherwise."""
    fields: dict[str, Any] = {"subject": Subject(user_id=user_id), "product": "talk", "meter": "voice_minutes"}
    return RecordUsageRequest(**{**fields, "quantity": quantity, "idempotency_key": key, **more})


def item(user_id: str, key: str, quantity: int = 1, **more: Any) -> UsageItem:
    """The same for a batch."""
    return UsageItem.FromString(usage(user_id, key, quantity, **more).SerializeToString())


def at(instant_us: int) -> Timestamp:
    """An instant as messages have it."""
    return Timestamp(seconds=instant_us // 1_000_000, nanos=instant_us % 1_000_000 * 1_000)


def micros(value: Timestamp) -> int:
    """An instant as the domain has it."""
    return value.seconds * 1_000_000 + value.nanos // 1_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status with its details, decoded as a client would."""

    code: str
    message: str
    reason: str = ""
    domain: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: Mapping[str, str] = field(default_factory=dict)
    retry_seconds: float | None = None
    quotas: tuple[str, ...] = ()


def refusal(
    method: Callable[..., object], request: Message | bytes, timeout: float | None = TIMEOUT_SECONDS, **more: object
) -> Refusal:
    """Calls, and gives what the call was refused with."""
    with pytest.raises(grpc.RpcError) as caught:
        method(request, timeout=timeout, **more)
    return refusal_of(caught.value)


def refusal_of(error: grpc.RpcError) -> Refusal:
    """The status that a call ended with."""
    info, bad, retry, quota = ErrorInfo(), BadRequest(), RetryInfo(), QuotaFailure()
    retry_seconds = None
    status = rpc_status.from_call(cast(grpc.Call, error))
    for detail in status.details if status else ():
        _ = detail.Unpack(info) or detail.Unpack(bad) or detail.Unpack(quota)
        if detail.Unpack(retry):
            retry_seconds = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return Refusal(
        code=error.code().name,
        message=error.details() or "",
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        violations={violation.field: violation.description for violation in bad.field_violations},
        retry_seconds=retry_seconds,
        quotas=tuple(violation.subject for violation in quota.violations),
    )


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for another thread or process to make something true, and fails when that takes too long."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, f"still not: {what}"
        time.sleep(0.005)  # there is nothing here to wait on


def free_address() -> str:
    """An address of this machine on which nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


ServerMaker = Callable[..., tuple[GrpcServer, Door]]


@pytest.fixture
def serve() -> Iterator[ServerMaker]:
    """Opens doors over Cores, on free ports, that say they serve.

    `serve(core, keyring=..., key=..., ...)` takes what a GrpcServer does; without a keyring everybody may come in.
    """
    opened: list[tuple[GrpcServer, Door]] = []

    def open_door(
        core: Core,
        *,
        keyring: Keyring | None = None,
        key: str = "",
        reflection: bool = False,
        deadlines: Deadlines | None = None,
        open_limits: OpenLimits | None = None,
        throttle: Throttle | None = None,
        calls_max: int = CALLS_MAX,
        observer: CallObserver | None = None,
        tracing: Tracing | None = None,
    ) -> tuple[GrpcServer, Door]:
        server = GrpcServer(
            core,
            keyring,
            throttle=throttle,
            calls_max=calls_max,
            reflection=reflection,
            deadlines=deadlines,
            open_limits=open_limits,
            observer=observer,
            tracing=tracing,
        )
        door = Door(f"127.0.0.1:{server.start('127.0.0.1:0')}", key)
        opened.append((server, door))
        server.health.report(True)
        return server, door

    yield open_door
    for server, door in opened:
        door.channel.close()
        server.drain(grace_seconds=0, notice_seconds=0)


@pytest.fixture
def server_and_door(core: Core, serve: ServerMaker) -> tuple[GrpcServer, Door]:
    """A server over `core`, and its door."""
    return serve(core)


@pytest.fixture
def server(server_and_door: tuple[GrpcServer, Door]) -> GrpcServer:
    """The server over `core`."""
    return server_and_door[0]


@pytest.fixture
def door(server_and_door: tuple[GrpcServer, Door]) -> Door:
    """The stubs of the server over `core`, on each engine in turn."""
    return server_and_door[1]


@pytest.fixture
def sqlite_door(sqlite_url: str, make_core: CoreMaker, serve: ServerMaker) -> Door:
    """The stubs of a server on SQLite, for what has nothing to do with the engine."""
    return serve(make_core(sqlite_url))[1]

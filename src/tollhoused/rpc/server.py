"""The gRPC server: every service with its name in health, its threads, its limits, its start and its end."""

import ipaddress
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION_SERVICE
from grpc_reflection.v1alpha.reflection import enable_server_reflection
from tollhouse.v1 import account_service_pb2 as account_pb
from tollhouse.v1 import admin_service_pb2 as admin_pb
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import entitlement_service_pb2 as entitlement_pb
from tollhouse.v1 import reservation_service_pb2 as reservation_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tollhoused.errors import Overloaded
from tollhoused.observing import CallObserver, Tracing
from tollhoused.rpc.access import ACCESS
from tollhoused.rpc.accounts import AccountServicer
from tollhoused.rpc.admin import AdminServicer
from tollhoused.rpc.admission import CallPool, Dispatch
from tollhoused.rpc.credits import CreditsServicer
from tollhoused.rpc.doorkeeper import Doorkeeper
from tollhoused.rpc.entitlements import EntitlementServicer
from tollhoused.rpc.guard import Deadlines, Guard, Handler
from tollhoused.rpc.health import HEALTH_SERVICE, HealthKeeper
from tollhoused.rpc.reservations import ReservationServicer
from tollhoused.rpc.status import Faults
from tollhoused.rpc.subscriptions import SubscriptionServicer
from tollhoused.rpc.usage import UsageServicer
from tollhoused.settings import parse_address
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.throttle import Throttle

CALLS_MAX = 384
"""Calls that are taken on at once, unless a setting says otherwise."""

HEALTH_THREADS = 2
"""For health, which must answer while every other thread waits."""

REFUSAL_THREADS = 2
"""For refusing calls that are too many: quick, and never waiting for anything."""

FULL = Overloaded("the server has all the calls it takes on at once")

NOTICE_SECONDS = 1.0
"""How long a server that is about to end still serves after health has said so: balancers need time to take note."""

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    # A port has one owner: a second server fails loudly instead of taking half of the connections.
    ("grpc.so_reuseport", 0),
    # What is more than this on one connection waits at its client.
    ("grpc.max_concurrent_streams", 1_000),
    # Dead connections are found out; clients may ping every ten seconds, also between calls.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]


class AddressError(Exception):
    """The server cannot listen there; the message says where and why."""


class GrpcServer:
    """The door over one Core. Health says NOT_SERVING until somebody reports otherwise."""

    def __init__(
        self,
        core: Core,
        keyring: Keyring | None,
        *,
        throttle: Throttle | None = None,
        calls_max: int = CALLS_MAX,
        reflection: bool = False,
        deadlines: Deadlines | None = None,
        observer: CallObserver | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """Without a keyring anybody may call, without a throttle as fast as they like."""
        self.health = HealthKeeper()
        self._calls = CallPool(calls_max)
        self._small = ThreadPoolExecutor(HEALTH_THREADS, thread_name_prefix="health")
        self._refusals = ThreadPoolExecutor(REFUSAL_THREADS, thread_name_prefix="refusal")
        self._methods: dict[str, Handler] = {}
        self._refusing: dict[str, Handler] = {}
        self._server = grpc.server(self._calls, options=OPTIONS)
        faults = Faults(core.new_id)
        guard = Guard(faults, deadlines or Deadlines(), Doorkeeper(keyring), throttle, observer, tracing)
        services = [
            self._add(
                guard, usage_pb.DESCRIPTOR.services_by_name["UsageService"], UsageServicer(core, faults, observer)
            ),
            self._add(
                guard,
                entitlement_pb.DESCRIPTOR.services_by_name["EntitlementService"],
                EntitlementServicer(core, faults),
            ),
            self._add(
                guard, reservation_pb.DESCRIPTOR.services_by_name["ReservationService"], ReservationServicer(core)
            ),
            self._add(guard, credits_pb.DESCRIPTOR.services_by_name["CreditsService"], CreditsServicer(core)),
            self._add(guard, account_pb.DESCRIPTOR.services_by_name["AccountService"], AccountServicer(core)),
            self._add(
                guard,
                subscription_pb.DESCRIPTOR.services_by_name["SubscriptionService"],
                SubscriptionServicer(core),
            ),
            self._add(guard, admin_pb.DESCRIPTOR.services_by_name["AdminService"], AdminServicer(core)),
        ]
        self._server.add_generic_rpc_handlers(
            [Dispatch(self._methods, self._refusing, self._calls), self.health.handler(guard, self._small)]
        )
        if reflection:
            enable_server_reflection([*services, HEALTH_SERVICE, REFLECTION_SERVICE], self._server)

    def start(self, address: str) -> int:
        """Listens on a loopback address such as "127.0.0.1:50051" and serves; returns the port, which 0 leaves to us.

        Raises AddressError, and SettingsError for text that is no address.
        """
        check_loopback(address)
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise AddressError(f"cannot listen on {address}: the port is in use, or not ours to use") from error
        self._server.start()
        return port

    def drain(self, grace_seconds: float, notice_seconds: float = NOTICE_SECONDS) -> None:
        """Ends without failing a call: tells health, serves a little longer, then finishes what is under way.

        What still runs after `grace_seconds` is cancelled. The core may be closed afterwards.
        """
        self.health.retire()
        time.sleep(notice_seconds)
        self.health.close()
        self._server.stop(grace_seconds).wait()
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._small.shutdown(wait=False, cancel_futures=True)
        self._refusals.shutdown(wait=False, cancel_futures=True)

    def _add(self, guard: Guard, service: ServiceDescriptor, servicer: object) -> str:
        """Registers a service; its servicer has methods by the same names. Returns the service's full name.

        A method without its row in ACCESS is a KeyError.
        """
        for method in service.methods:
            name = f"{service.full_name}/{method.name}"
            behaviour = getattr(servicer, method.name)
            self._methods[f"/{name}"] = guard.call(name, GetMessageClass(method.input_type), ACCESS[name], behaviour)
            self._refusing[f"/{name}"] = guard.refusing(name, FULL, self._refusals)
        self.health.add(service.full_name)
        return service.full_name


def check_loopback(address: str) -> None:
    """Raises AddressError unless only this machine can reach the address: nobody is asked yet who they are."""
    if not _is_loopback(parse_address("listen", address).host):
        raise AddressError(f"{address} can be reached from other machines: use 127.0.0.1, [::1] or localhost")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

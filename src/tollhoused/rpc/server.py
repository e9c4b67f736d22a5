"""The gRPC server: every service with its name in health, its threads, its limits, its start and its end."""

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
from tollhouse.v1 import event_service_pb2 as event_pb
from tollhouse.v1 import reservation_service_pb2 as reservation_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tollhoused.addresses import parse_address
from tollhoused.errors import Overloaded, Reported
from tollhoused.observing import CallObserver, Tracing
from tollhoused.rpc.access import ACCESS
from tollhoused.rpc.accounts import AccountServicer
from tollhoused.rpc.admin import AdminServicer
from tollhoused.rpc.admission import CallPool, Dispatch
from tollhoused.rpc.channel import HEALTH_SERVICE
from tollhoused.rpc.credits import CreditsServicer
from tollhoused.rpc.doorkeeper import Doorkeeper
from tollhoused.rpc.entitlements import EntitlementServicer
from tollhoused.rpc.event_watches import EventWatches
from tollhoused.rpc.events import EventServicer
from tollhoused.rpc.guard import Deadlines, Guard, Handler
from tollhoused.rpc.health import HealthKeeper
from tollhoused.rpc.open_calls import Keeper, OpenDoor, OpenLimits
from tollhoused.rpc.reading import Reader
from tollhoused.rpc.reservations import ReservationServicer
from tollhoused.rpc.status import Faults
from tollhoused.rpc.subscriptions import SubscriptionServicer
from tollhoused.rpc.usage import UsageServicer
from tollhoused.rpc.usage_streams import UsageStreams
from tollhoused.rpc.watches import Watches
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.throttle import Throttle

CALLS_MAX = 384
"""Calls that are taken on at once, unless a setting says otherwise."""

HEALTH_THREADS = 16
"""For health, which must answer while every other thread waits, and when some callers never say what they ask.

They start as they are needed, and there is seldom need for a second one."""

REFUSAL_THREADS = 2
"""For refusing calls that are too many: quick, and never waiting for anything."""

STREAM_USAGE = "tollhouse.v1.UsageService/StreamUsage"
WATCH_EVENTS = "tollhouse.v1.EventService/WatchEvents"
WATCH_ENTITLEMENTS = "tollhouse.v1.EntitlementService/WatchEntitlements"

FULL = Overloaded("the server has all the calls it takes on at once")

NOTICE_SECONDS = 1.0
"""How long a server that is about to end still serves after health has said so: balancers need time to take note."""

METADATA_BYTES_MAX = 16 * 1024
"""Of one call, counted as HTTP/2 does: names, values, and 32 bytes for each entry."""

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    # One bound for a call's metadata. Between two bounds the library refuses calls by chance.
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
    # A stream that is not read takes in this much and no more, however fast its client is.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 256 * 1024),
    # What is more than this on one connection waits at its client.
    ("grpc.max_concurrent_streams", 1_000),
    # Dead connections are found out; clients may ping every ten seconds, also between calls. Who pings more often than
    # that is told so (too_many_pings), and its connection ends.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]


def options(calls_max: int, *, shares_port: bool = False) -> list[tuple[str, Any]]:
    """For a server that takes on so many calls at once.

    Calls that no thread has looked at yet wait in the library, a thousand of them and more unless it is told otherwise:
    by the time they are looked at they are of no use to anybody, and they keep those that are from being looked at. As
    many may wait as are taken on, so that a burst which all are taken of loses none. The library itself ends those
    beyond with CANCELLED. Between its two limits it does so by chance, so they are one.
    """
    unseen_max = max(CALLS_MAX, calls_max)
    return [
        *OPTIONS,
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.server.max_pending_requests", unseen_max),
        ("grpc.server.max_pending_requests_hard_limit", unseen_max + 1),
    ]


class AddressError(Reported):
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
        open_limits: OpenLimits | None = None,
        observer: CallObserver | None = None,
        tracing: Tracing | None = None,
        shares_port: bool = False,
    ) -> None:
        """Without a keyring anybody may call, without a throttle as fast as they like.

        A port has one owner, so that a second server fails loudly instead of taking half of the connections, unless it
        `shares_port` with others that do.
        """
        self.health = HealthKeeper()
        self._calls = CallPool(calls_max)
        self._small = ThreadPoolExecutor(HEALTH_THREADS, thread_name_prefix="health")
        self._refusals = ThreadPoolExecutor(REFUSAL_THREADS, thread_name_prefix="refusal")
        self._methods: dict[str, Handler] = {}
        self._refusing: dict[str, Handler] = {}
        self._own: dict[str, UsageStreams | Watches | EventWatches] = {}
        self._server = grpc.server(self._calls, options=options(calls_max, shares_port=shares_port))
        self._asks_for_keys = keyring is not None
        faults, doorkeeper = Faults(core.new_id), Doorkeeper(keyring, core.check_open)
        reader = Reader()
        guard = Guard(faults, deadlines or Deadlines(), doorkeeper, reader, throttle, observer, tracing)
        open_door = OpenDoor(faults, doorkeeper, throttle, observer, open_limits)
        self.streams = UsageStreams(core, open_door)
        self.watches = Watches(core, open_door, self._calls, reader)
        self.event_watches = EventWatches(core, open_door, self._calls, reader)
        self._keeper = Keeper([reader.tick, self.streams.tick, self.watches.tick, self.event_watches.tick])
        self._open_calls: dict[str, UsageStreams | Watches | EventWatches] = {
            WATCH_EVENTS: self.event_watches,
            STREAM_USAGE: self.streams,
            WATCH_ENTITLEMENTS: self.watches,
        }
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
            self._add(guard, event_pb.DESCRIPTOR.services_by_name["EventService"], EventServicer(core)),
            self._add(guard, admin_pb.DESCRIPTOR.services_by_name["AdminService"], AdminServicer(core)),
        ]
        # Probes get a server of their own: in plain text, and without a client's way to keep it busy.
        self._probed = grpc.server(self._small, options=options(calls_max, shares_port=shares_port))
        for server in (self._server, self._probed):
            self.health.add_to(server, guard, self._small)
        self._server.add_generic_rpc_handlers([Dispatch(self._methods, self._refusing, self._calls, self._own)])
        if reflection:
            enable_server_reflection([*services, HEALTH_SERVICE, REFLECTION_SERVICE], self._server)

    def start(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Listens on an address such as "127.0.0.1:50051" and serves; returns the port, which 0 leaves to us.

        Without credentials it speaks plain text. Raises AddressError, and SettingsError for text that is no address.
        """
        check_listen(address, secured=credentials is not None, asks_for_keys=self._asks_for_keys)
        port = _listening(self._server, address, credentials)
        self.watches.start()
        self.event_watches.start()
        self._keeper.start()
        return port

    def start_probed(self, address: str) -> int:
        """Answers health, and nothing else, in plain text on this address of any network; returns the port.

        Raises AddressError, and SettingsError for text that is no address.
        """
        parse_address("health_listen", address)
        return _listening(self._probed, address, None)

    def drain(self, grace_seconds: float, notice_seconds: float = NOTICE_SECONDS) -> None:
        """Ends without failing a call: tells health, serves a little longer, then finishes what is under way.

        What still runs after `grace_seconds` is cancelled. The core may be closed afterwards.
        """
        self.health.retire()
        time.sleep(notice_seconds)
        self.health.close()
        self.streams.close()
        self.watches.close()
        self.event_watches.close()
        self._server.stop(grace_seconds).wait()
        self._keeper.stop()
        self.streams.shutdown()
        self._probed.stop(None).wait()
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._small.shutdown(wait=False, cancel_futures=True)
        self._refusals.shutdown(wait=False, cancel_futures=True)

    def _add(self, guard: Guard, service: ServiceDescriptor, servicer: object) -> str:
        """Registers a service; its servicer has methods by the same names, but for streams. Returns its full name.

        A method without its row in ACCESS is a KeyError.
        """
        for method in service.methods:
            name = f"{service.full_name}/{method.name}"
            if method.server_streaming:
                self._own[f"/{name}"] = self._open_calls[name]
                self._methods[f"/{name}"] = self._open_calls[name].handler(name, ACCESS[name])
            else:
                behaviour, request_type = getattr(servicer, method.name), GetMessageClass(method.input_type)
                self._methods[f"/{name}"] = guard.call(name, request_type, ACCESS[name], behaviour)
            self._refusing[f"/{name}"] = guard.refusing(name, FULL, self._refusals)
        self.health.add(service.full_name)
        return service.full_name


def check_listen(address: str, *, secured: bool, asks_for_keys: bool) -> None:
    """Raises AddressError for an address that other machines can reach without TLS, or without keys, TLS or not."""
    if parse_address("listen", address).is_loopback:
        return
    if not asks_for_keys:
        raise AddressError(
            f"{address} can be reached from other machines, which insecure_no_auth would let in:"
            " ask for keys, or listen on 127.0.0.1, [::1] or localhost"
        )
    if not secured:
        raise AddressError(
            f"{address} can be reached from other machines, and keys would travel in plain text:"
            " set tls_cert and tls_key, or listen on 127.0.0.1, [::1] or localhost"
        )


def _listening(server: grpc.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise AddressError(f"cannot listen on {address}: the port is in use, or not ours to use") from error
    server.start()
    return port

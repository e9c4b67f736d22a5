"""Crowds that want nothing but to be in the way: idle connections, streams that nobody reads, metadata without end."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import WatchEntitlementsRequest
from tollhouse.v1.entitlement_service_pb2_grpc import EntitlementServiceStub
from tollhouse.v1.usage_service_pb2 import GetOperationRequest, StreamUsageRequest
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.benchmarks.books import Books
from tests.benchmarks.servers import Server
from tests.overload.probe import Probe
from tests.overload.trial import Bound, Tally, Trial

IDLE = 2_000
STREAMS = 3 * 32
WATCHES = 200
LARGE_CALLS = 50
STAY_SECONDS = 5.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
METADATA_BYTES = 64 * 1024


def crowds(books: Books, server: Server, tally: Tally) -> Trial:
    """All of them at once for a while; the others must not notice."""
    trial = Trial(f"{books.engine}: crowds that are in the way")
    with Probe(server, books.users[0]) as probe, ExitStack() as stack:
        before_mb = server.resident_mb()
        for number in range(IDLE):
            connection = stack.enter_context(_connected(server.address))
            if number % 2:
                connection.sendall(PREFACE)  # half of them speak, and never ask
        channel = stack.enter_context(grpc.insecure_channel(server.address))
        metadata = (("x-api-key", server.api_key),)
        ended = threading.Event()
        stack.callback(ended.set)
        usage, entitlements = UsageServiceStub(channel), EntitlementServiceStub(channel)
        streams: list[Any] = [usage.StreamUsage(_silent(ended), metadata=metadata) for _ in range(STREAMS)]
        subjects = [Subject(user_id=user_id) for user_id in books.users[:100]]
        watches: list[Any] = [
            entitlements.WatchEntitlements(WatchEntitlementsRequest(subjects=subjects), metadata=metadata)
            for _ in range(WATCHES)
        ]
        large = Counter(_large(usage) for _ in range(LARGE_CALLS))
        began = time.monotonic()
        time.sleep(STAY_SECONDS)  # they stay for a while
        during_mb = probe.memory_mb
        slowest = probe.recovery_seconds(began)
        refused = sum(stream.code() is grpc.StatusCode.UNAVAILABLE for stream in streams if stream.done())
        for call in (*streams, *watches):
            call.cancel()
    tally.acknowledged += probe.stored
    tally.answers["DEADLINE_EXCEEDED"] += len(probe.health_seconds)
    trial.figures = {
        "idle_connections": float(IDLE),
        "silent_streams": float(STREAMS),
        "unread_watches": float(WATCHES),
        "memory_before_mb": before_mb,
        "health_answers": float(len(probe.health_seconds)),
        "health_slowest_ms": max(probe.health_seconds, default=0.0) * 1_000,
    }
    trial.bounds = {
        "health_failures": Bound(probe.health_failures, most=0),
        "others_brisk_after_seconds": Bound(slowest, most=2.0),
        "memory_mb": Bound(during_mb, most=300.0),
        "streams_refused": Bound(refused, least=STREAMS - 32),
        "large_metadata_refused": Bound(large["RESOURCE_EXHAUSTED"], least=LARGE_CALLS),
    }
    return trial


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def _silent(ended: threading.Event) -> Iterator[StreamUsageRequest]:
    """Opens a stream and sends nothing."""
    ended.wait()
    yield from ()


def _large(usage: UsageServiceStub) -> str:
    """The status of a call whose metadata is too large."""
    try:
        usage.GetOperation(GetOperationRequest(), timeout=5, metadata=(("x-note", "x" * METADATA_BYTES),))
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"

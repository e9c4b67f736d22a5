"""Somebody who looks on all the while: does health answer, does a call get through, how much memory is used."""

import threading
import time
import uuid
from contextlib import suppress
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.usage_service_pb2 import RecordUsageRequest
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.benchmarks.servers import Server
from tests.benchmarks.templates import METER, PRODUCT

EVERY_SECONDS = 0.1
CALL_SECONDS = 1.0
BRISK_SECONDS = 0.5
"""A call that takes longer shows that the server is not itself yet."""


class Probe:
    """Two threads with a connection each, until the context ends."""

    def __init__(self, server: Server, user_id: str) -> None:
        self.health_seconds: list[float] = []
        self.health_failures = 0
        self.memory_mb = 0.0
        self.stored = 0
        self._calls: list[tuple[float, bool]] = []
        self._server, self._user_id = server, user_id
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=act, daemon=True) for act in (self._ask_health, self._call)]

    def __enter__(self) -> "Probe":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def recovery_seconds(self, since: float) -> float:
        """From an instant (of `time.monotonic`) until every call succeeds briskly; infinite if the last one did not."""
        bad = [at for at, brisk in self._calls if at >= since and not brisk]
        good = [at for at, brisk in self._calls if brisk and (not bad or at > bad[-1])]
        if not good:
            return float("inf")
        return max(0.0, good[0] - since) if bad else 0.0

    def brisk_share(self, since: float, until: float) -> float:
        """Of the calls that began in this time."""
        brisk = [each for at, each in self._calls if since <= at < until]
        return sum(brisk) / max(1, len(brisk))

    def _ask_health(self) -> None:
        with self._channel() as channel:
            check: Any = channel.unary_unary(
                "/grpc.health.v1.Health/Check", response_deserializer=HealthCheckResponse.FromString
            )
            while not self._ended.wait(EVERY_SECONDS):
                self.memory_mb = max(self.memory_mb, self._server.resident_mb())
                began = time.monotonic()
                try:
                    served = check(b"", timeout=CALL_SECONDS).status == HealthCheckResponse.SERVING
                except grpc.RpcError:
                    served = False
                self.health_seconds.append(time.monotonic() - began)
                self.health_failures += not served

    def _call(self) -> None:
        with self._channel() as channel:
            usage = UsageServiceStub(channel)
            while not self._ended.wait(EVERY_SECONDS):
                began = time.monotonic()
                answered = False
                with suppress(grpc.RpcError):
                    usage.RecordUsage(
                        self._request(), timeout=CALL_SECONDS, metadata=(("x-api-key", self._server.api_key),)
                    )
                    answered = True
                    self.stored += 1
                self._calls.append((began, answered and time.monotonic() - began < BRISK_SECONDS))

    def _request(self) -> RecordUsageRequest:
        return RecordUsageRequest(
            subject=Subject(user_id=self._user_id),
            product=PRODUCT,
            meter=METER,
            quantity=1,
            idempotency_key=str(uuid.uuid4()),
        )

    def _channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self._server.address, options=[("grpc.use_local_subchannel_pool", 1)])

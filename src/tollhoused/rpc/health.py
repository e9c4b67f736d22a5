"""The standard health service, `grpc.health.v1`: each of our services by its name, and the whole server as "".

`liveness` says that the process answers, whatever the database does: who restarts it for NOT_SERVING asks for this one.

Check answers from memory. Streams of Watch are told by a thread of their own, so that a watcher that does not read
keeps neither Check nor the one who reports waiting.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from tollhoused.errors import ShuttingDown
from tollhoused.rpc.channel import HEALTH_SERVICE
from tollhoused.rpc.guard import Context, Guard, Send

WHOLE_SERVER = ""
LIVENESS = "liveness"

SERVING: int = HealthCheckResponse.SERVING
NOT_SERVING: int = HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN: int = HealthCheckResponse.SERVICE_UNKNOWN


class HealthKeeper:
    """Knows what is served, and tells whoever asks or watches. Nothing is, until `report` says so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._services = {WHOLE_SERVER, LIVENESS}
        self._status = NOT_SERVING
        self._retired = False
        self._closed = False
        # Every open stream, and whether it watches what can change: the others are only ended with the rest.
        self._watchers: dict[Send, bool] = {}
        self._teller = ThreadPoolExecutor(1, thread_name_prefix="health-teller")

    @property
    def watchers(self) -> int:
        """How many streams are open."""
        return len(self._watchers)

    @property
    def serving(self) -> bool:
        """Whether calls can be answered, as far as was reported."""
        return self._status == SERVING

    def add(self, service: str) -> None:
        """Makes a service known under its full name, such as "tollhouse.v1.UsageService"."""
        self._services.add(service)

    def report(self, serving: bool) -> None:
        """Says whether calls can be answered now, both ways and as often as that changes; ignored once retired."""
        with self._lock:
            if not self._retired:
                self._set(SERVING if serving else NOT_SERVING)

    def retire(self) -> None:
        """Says that calls will not be answered here any more, whatever is reported later."""
        with self._lock:
            self._retired = True
            self._set(NOT_SERVING)

    def close(self) -> None:
        """Ends the streams of all watchers."""
        with self._lock:
            self._closed = True
            for send in self._watchers:
                self._teller.submit(send, None)
        self._teller.shutdown(wait=False)

    def add_to(self, server: grpc.Server, guard: Guard, pool: ThreadPoolExecutor) -> None:
        """Adds the service to a server; its methods run in `pool`.

        They are registered by name: so the library keeps a queue for each, in which they wait for no other call.
        """
        methods: dict[str, Any] = {
            "Check": guard.answering(HealthCheckRequest, self._check, pool),
            "Watch": guard.watching(HealthCheckRequest, self._watch, pool),
        }
        server.add_registered_method_handlers(HEALTH_SERVICE, methods)

    def _check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        if request.service not in self._services:
            # The health protocol wants this code; it is none of our errors.
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details("unknown service")
            return HealthCheckResponse()
        return HealthCheckResponse(status=self._status_of(request.service))

    def _watch(self, request: HealthCheckRequest, context: Context, send: Send) -> None:
        follows = request.service in self._services - {LIVENESS}
        with self._lock:
            if self._closed:
                raise ShuttingDown("this server is shutting down")
            self._watchers[send] = follows
            self._teller.submit(send, HealthCheckResponse(status=self._status_of(request.service)))
        if not context.add_callback(lambda: self._forget(send)):
            self._forget(send)  # the caller has left already

    def _status_of(self, service: str) -> int:
        if service == LIVENESS:
            return SERVING
        return self._status if service in self._services else SERVICE_UNKNOWN

    def _set(self, status: int) -> None:
        if status != self._status:
            self._status = status
            for send, follows in self._watchers.items():
                if follows:
                    self._teller.submit(send, HealthCheckResponse(status=status))

    def _forget(self, send: Send) -> None:
        with self._lock:
            self._watchers.pop(send, None)

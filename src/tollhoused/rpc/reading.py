"""How the one request of a call is read: within a time, so that who only opens calls keeps no thread for long."""

import time
from collections.abc import Iterator

import grpc

from tollhoused.errors import UndecodableRequest


class Reader:
    """Reads requests, and cancels the calls that do not send theirs in time. gRPC itself would wait for ever."""

    def __init__(self) -> None:
        self._waiting: dict[object, tuple[float, grpc.ServicerContext]] = {}

    def read(self, requests: Iterator[bytes], context: grpc.ServicerContext, seconds_max: float) -> bytes:
        """The request of a call that has one.

        Raises grpc.RpcError when the call ends before, also because it was late, and UndecodableRequest for a call
        without a request.
        """
        ticket = object()
        self._waiting[ticket] = (time.monotonic() + seconds_max, context)
        try:
            for data in requests:
                return data
        finally:
            del self._waiting[ticket]
        raise UndecodableRequest("the call ended without its request")

    def tick(self, now: float) -> None:
        """Cancels the calls that are late; to be called several times a second."""
        for late_at, context in self._waiting.copy().values():
            if now > late_at:
                context.cancel()

"""HTTP/1.1 with an end: uvicorn's own protocol lets a connection that never finishes its request stay for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 5.0
"""How long a connection may take to send a request's head, from its opening or from the last answer."""

REQUEST_SECONDS = 30.0
"""How long a request may then take, its body and its answer included."""

CONNECTIONS_MAX = 256
"""More are closed as they come."""


class BoundedProtocol(H11Protocol):
    """Each connection has a timer: for the next request to come, and for the one under way to end."""

    head_seconds = HEAD_SECONDS
    request_seconds = REQUEST_SECONDS
    connections_max = CONNECTIONS_MAX

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            transport.abort()
        else:
            self._arm(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._arm(self.head_seconds)

    def _arm(self, seconds: float, unfinished: object | None = None) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._look, unfinished)

    def _look(self, unfinished: object | None) -> None:
        """Ends a connection on which nothing goes on, or still the same request."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's own annotation forgets the None
        under_way = None if cycle is None or cycle.response_complete else cycle
        if under_way is None or under_way is unfinished:
            self.transport.abort()
        else:
            self._arm(self.request_seconds, under_way)

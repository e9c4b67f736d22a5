"""HTTP/1.1 with an end: uvicorn's own protocol lets a connection that never finishes its request stay for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 5.0
"""How long a connection may take to send a request's head, from its opening or from the last answer."""

REQUEST_SECONDS = 30.0
"""How long a request may then take, its body and its answer included."""

CONNECTIONS_MAX = 256
"""Beyond it who has been quiet for longest makes room, so that strangers who only hold connections shut nobody out."""


class BoundedProtocol(H11Protocol):
    """Each connection has a timer: for the next request to come, and for the one under way to end."""

    head_seconds = HEAD_SECONDS
    request_seconds = REQUEST_SECONDS
    connections_max = CONNECTIONS_MAX

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._quiet_since = self.loop.time()
        self._arm(self.head_seconds)
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._quiet_since = self.loop.time()
        self._arm(self.head_seconds)

    def _arm(self, seconds: float, unfinished: object | None = None) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._look, unfinished)

    def _make_room(self) -> None:
        """The one that has just come is the last to go, and does when each other one has a request under way."""
        there = [each for each in self.connections if isinstance(each, BoundedProtocol) and not each.is_leaving]
        if len(there) > self.connections_max:
            quiet = (each for each in there if each.under_way is None)
            min(quiet, key=lambda each: each._quiet_since).transport.abort()

    @property
    def is_leaving(self) -> bool:
        """Whether it is about to be closed."""
        return self.transport.is_closing()

    @property
    def under_way(self) -> RequestResponseCycle | None:
        """The request that has not got its whole answer."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's own annotation forgets the None
        return None if cycle is None or cycle.response_complete else cycle

    def _look(self, unfinished: object | None) -> None:
        """Ends a connection on which nothing goes on, or still the same request."""
        under_way = self.under_way
        if under_way is None or under_way is unfinished:
            self.transport.abort()
        else:
            self._arm(self.request_seconds, under_way)

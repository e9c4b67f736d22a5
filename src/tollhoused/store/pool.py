"""A few connections that readers share."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, NamedTuple, Protocol, TypeVar

from tollhoused.store.faults import DRIVER_ERRORS, Fault, StoreFault, translated

WAIT_SECONDS = 5.0


class PoolUse(NamedTuple):
    """Connections in use now and at most; since the start, how often somebody waited for one, and how long in all."""

    in_use: int
    limit: int
    waits: int
    waited_seconds: float


class Closable(Protocol):
    """A connection, as far as the pool cares."""

    def close(self) -> None:
        """Lets go of the database."""


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """At most `size` connections, opened when first needed, the one used last handed out first."""

    def __init__(self, size: int, connect: Callable[[], C]) -> None:
        self.size = size
        self._connect = connect
        self._idle: queue.LifoQueue[C | None] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._waits = 0
        self._waited_seconds = 0.0
        for _ in range(size):
            self._idle.put(None)

    def take(self) -> tuple[C, bool]:
        """A connection, and whether it has been used before.

        Raises StoreFault when every one stays busy, the pool is closed or the database does not answer.
        """
        if self._closed:
            raise StoreFault(Fault.AWAY, "the store is closed")
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._awaited()
        if connection is not None:
            return connection, True
        try:
            connection = self._connect()
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        finally:
            if connection is None:
                self._idle.put(None)
        return connection, False

    @property
    def use(self) -> PoolUse:
        """How busy it is."""
        return PoolUse(self.size - self._idle.qsize(), self.size, self._waits, self._waited_seconds)

    def _awaited(self) -> C | None:
        began = time.monotonic()
        try:
            return self._idle.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise StoreFault(Fault.AWAY, "every reading connection is busy") from None
        finally:
            with self._lock:
                self._waits += 1
                self._waited_seconds += time.monotonic() - began

    def give(self, connection: C | None) -> None:
        """Takes a connection back; None for one that broke and was closed."""
        with self._lock:
            if self._closed and connection is not None:
                connection.close()
                connection = None
            self._idle.put(connection)

    def empty(self) -> None:
        """Closes the connections that nobody uses: what broke one has broken them all."""
        idle: list[C | None] = []
        with suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for connection in idle:
            if connection is not None:
                connection.close()
            self._idle.put(None)

    def close(self) -> None:
        """Closes the idle connections now and the others when they come back."""
        with self._lock:
            self._closed = True
        self.empty()

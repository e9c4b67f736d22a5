"""Failures on demand: what the next requests run into."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

HELD_SECONDS_MAX = 30.0


class Fault(StrEnum):
    """What can go wrong with a request."""

    LOST_BEFORE = "lost_before"
    """Nothing happens, and the connection ends without an answer."""
    LOST_AFTER = "lost_after"
    """It happens, and the connection ends without an answer; a repeat with the key is answered."""
    SERVER_ERROR = "server_error"
    """500, nothing happened, and the key is free."""
    SERVER_ERROR_AFTER = "server_error_after"
    """500 though it happened; the key answers 500 from then on."""
    RATE_LIMITED = "rate_limited"
    """429, nothing happened."""
    SLOW = "slow"
    """It happens, and the answer comes late."""
    DECLINED = "declined"
    """Whatever is charged is declined."""
    AUTHENTICATION_REQUIRED = "authentication_required"
    """Whatever is charged asks for the customer."""


@dataclass(slots=True)
class Planned:
    """A fault for the next `times` requests with this method whose path begins so."""

    fault: Fault
    method: str
    path: str
    times: int
    seconds: float


@dataclass(slots=True)
class Held:
    """A request that waits between its arrival and its effect."""

    method: str
    path: str
    arrived: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Lets it happen."""
        self._released.set()

    def wait(self) -> None:
        """Called by the server: stands here until released."""
        self.arrived.set()
        self._released.wait(HELD_SECONDS_MAX)


class Failures:
    """The faults that wait for their requests."""

    def __init__(self) -> None:
        self.over = threading.Event()
        """Set when the fake closes: nothing hangs any longer."""
        self._planned: list[Planned] = []
        self._held: list[Held] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault, method: str = "POST", path: str = "/v1/", times: int = 1, seconds: float = 0.0) -> None:
        """Plans a fault. `seconds`: how long a lost connection hangs first, or a slow answer takes."""
        with self._lock:
            self._planned.append(Planned(fault, method, path, times, seconds))

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._planned.clear()

    @contextmanager
    def held(self, method: str, path: str) -> Iterator[Held]:
        """The next such request stands still, in flight, until it is released or the block ends."""
        held = Held(method, path)
        with self._lock:
            self._held.append(held)
        try:
            yield held
        finally:
            held.release()
            with self._lock:
                if held in self._held:
                    self._held.remove(held)

    def hang(self, planned: Planned | None) -> None:
        """Called by the server: as long as the test asked for."""
        self.over.wait(planned.seconds if planned else 0.0)

    def take(self, method: str, path: str) -> Planned | None:
        """The fault that this request runs into."""
        with self._lock:
            for planned in self._planned:
                if planned.method == method and path.startswith(planned.path):
                    planned.times -= 1
                    if not planned.times:
                        self._planned.remove(planned)
                    return planned
        return None

    def take_hold(self, method: str, path: str) -> Held | None:
        """What this request has to wait for."""
        with self._lock:
            for held in self._held:
                if held.method == method and path.startswith(held.path):
                    self._held.remove(held)
                    return held
        return None

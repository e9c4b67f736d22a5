"""The desk at which a payment provider is asked: few at a time, and nobody while it does not answer.

A provider that hangs must slow down nobody who does not need it: at most `CALLS_MAX` calls wait for it, further ones
are refused at once, and after `FAILURES_MAX` calls without an answer nobody asks for `PAUSE_SECONDS`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from tollhoused.domain.instants import DAY_US
from tollhoused.errors import ProviderRefused, ProviderUnavailable
from tollhoused.providers.provider import OutcomeUnknown, Provider, ProviderFailure, Refused

T = TypeVar("T")

CALLS_MAX = 16
FAILURES_MAX = 5
PAUSE_SECONDS = 5.0


class DeskObserver(Protocol):
    """Hears of every call to a provider."""

    def asked(self, what: str, outcome: str, seconds: float) -> None:
        """`what` is the method, `outcome` is ok, refused, unknown or busy."""
        ...


class NobodyLooks:
    """Hears nothing."""

    def asked(self, what: str, outcome: str, seconds: float) -> None:
        """Does nothing."""


class Busy(OutcomeUnknown):
    """The provider was not asked: too many wait for it, or it has not answered lately."""


@dataclass(slots=True, eq=False)
class Desk:
    """A provider, and what holds for this deployment.

    Customers are sent back to `return_origins` only; what is past due counts for `grace_us` more.
    """

    provider: Provider
    return_origins: frozenset[str] = frozenset()
    grace_us: int = 7 * DAY_US
    observer: DeskObserver = field(default_factory=NobodyLooks)
    _places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(CALLS_MAX))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _failures: int = 0
    _closed_until: float = 0.0

    @property
    def name(self) -> str:
        """The provider's."""
        return self.provider.name

    def ask(self, what: str, call: Callable[[Provider], T]) -> T:
        """What the provider answers; `what` names the call for those who watch. Raises ProviderFailure."""
        if time.monotonic() < self._closed_until or not self._places.acquire(blocking=False):
            self.observer.asked(what, "busy", 0.0)
            raise Busy(f"{self.name} is not asked now: it does not answer, or too many wait for it")
        began = time.monotonic()
        outcome = "ok"
        try:
            return call(self.provider)
        except Refused:
            outcome = "refused"
            raise
        except OutcomeUnknown:
            outcome = "unknown"
            raise
        finally:
            self._places.release()
            self._note(outcome)
            self.observer.asked(what, outcome, time.monotonic() - began)

    def _note(self, outcome: str) -> None:
        with self._lock:
            self._failures = self._failures + 1 if outcome == "unknown" else 0
            if self._failures >= FAILURES_MAX:
                self._failures = 0
                self._closed_until = time.monotonic() + PAUSE_SECONDS


def told(failure: ProviderFailure) -> ProviderRefused | ProviderUnavailable:
    """The error that a caller sees of a call to a provider that did not succeed."""
    if isinstance(failure, Refused):
        return ProviderRefused(str(failure), code=failure.code)
    return ProviderUnavailable(str(failure))

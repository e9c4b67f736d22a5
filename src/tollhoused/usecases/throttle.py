"""Rate limits: how many items each client may send a minute, counted in this process (requirement I5)."""

import math
import threading
import time
from collections.abc import Callable

from tollhoused.domain.rate_limits import RateLimit
from tollhoused.errors import RateLimited

BURST_ITEMS_MIN = 1_000
"""As many as the largest batch has items: a batch is admitted whole."""

BURST_SECONDS = 5.0


class Throttle:
    """What each client has sent lately. There are few clients, and each costs a number.

    Each of `replicas` processes grants its part of the limit, so that together they grant about the whole.
    """

    def __init__(
        self, items_per_minute: int, replicas: int = 1, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        share = items_per_minute / replicas
        self._limit = RateLimit(share, max(BURST_ITEMS_MIN, int(share * BURST_SECONDS / 60)))
        self._monotonic = monotonic
        self._free_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, client: str, items: int = 1) -> None:
        """Admits all of a call's items, or raises RateLimited and counts none of them.

        A call without items counts as one; more than any burst are left to the form's own limit.
        """
        wanted = min(max(items, 1), self._limit.burst_items)
        with self._lock:
            free_at, wait_seconds = self._limit.take(self._free_at.get(client, 0.0), self._monotonic(), wanted)
            self._free_at[client] = free_at
        if wait_seconds:
            raise RateLimited(
                f"the client sends more than {self._limit.items_per_minute:g} items a minute",
                retry_after_ms=math.ceil(wait_seconds * 1_000),
            )

"""How fast a client may send: the generic cell rate algorithm, a clock and a number in, a decision out.

Source: requirement I5; the algorithm is that of ITU-T I.371, annex A (virtual scheduling).
"""

from dataclasses import dataclass

MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many items a minute in the long run, and up to `burst_items` at once after a pause."""

    items_per_minute: float
    burst_items: int

    def take(self, free_at_seconds: float, now_seconds: float, items: int) -> tuple[float, float]:
        """Asks for 1 to `burst_items` items at once: all of them or none.

        `free_at_seconds` is what the last take that succeeded has returned, at first 0: the instant at which everything
        taken so far is paid back. Returns the new one and 0, or the old one and the seconds to wait (more than 0).
        """
        assert 0 < items <= self.burst_items, items
        item_seconds = MINUTE_SECONDS / self.items_per_minute
        taken_until = max(free_at_seconds, now_seconds) + items * item_seconds
        wait_seconds = taken_until - now_seconds - self.burst_items * item_seconds
        # A wait that rounding alone has left is none.
        return (free_at_seconds, wait_seconds) if wait_seconds > 1e-9 else (taken_until, 0.0)

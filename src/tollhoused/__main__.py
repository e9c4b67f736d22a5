"""The only place that reads the wall clock and makes randomness; it hands both to the command line."""

import secrets
import sys
import threading
import time

from tollhoused.cli.app import run
from tollhoused.cli.program import Program
from tollhoused.domain.keys import SECRET_BYTES

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Base 32 in ascending order, so that text sorts as the numbers do."""

ID_LENGTH = 26
RANDOM_BITS = 80


def wall_clock() -> int:
    """Now, in microseconds since the epoch."""
    return time.time_ns() // 1_000


class Ids:
    """Time-ordered ids: a prefix and 26 digits, of which the first ten are the millisecond and the rest is random.

    Each id of a process sorts after the one before, also within a millisecond and when the clock is set back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self, prefix: str) -> str:
        """A new id, such as `acct_01k...`."""
        candidate = (time.time_ns() // 1_000_000 << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
        with self._lock:
            self._last = number = max(candidate, self._last + 1)
        return f"{prefix}_{_digits(number)}"


def _digits(number: int) -> str:
    return "".join(DIGITS[number >> shift & 31] for shift in range(5 * (ID_LENGTH - 1), -1, -5))


def new_secret() -> bytes:
    """256 bits for an API key."""
    return secrets.token_bytes(SECRET_BYTES)


def main() -> None:
    """The command `tollhouse`."""
    run(sys.argv[1:], Program(clock=wall_clock, new_id=Ids(), new_secret=new_secret))


if __name__ == "__main__":
    main()

"""What befalls the line between one server and PostgreSQL: cuts, also around COMMIT, delays and silence."""

import random
import time
from collections.abc import Callable
from enum import Enum

from tests.support.proxy import Cut, Proxy

CUT_SECONDS = 1.5
"""How long a cut waits for the COMMIT that it is about."""

DELAY_SECONDS = (0.01, 0.1)
SLOW_SECONDS = (0.5, 1.5)
SILENCE_SECONDS = (0.3, 2.0)


class Trouble(Enum):
    """A fault of the line, by the figure that counts it."""

    CUT = "line_cuts"
    CUT_BEFORE_COMMIT = "cuts_before_commit"
    CUT_AFTER_COMMIT = "cuts_after_commit"
    DELAY = "line_delays"
    SILENCE = "line_silences"


class Line:
    """The proxy with everything that can be done to it, each for a bounded time. The line is whole again afterwards."""

    def __init__(self, proxy: Proxy, chance: random.Random) -> None:
        self._proxy = proxy
        self._chance = chance
        self._troubles: dict[Trouble, Callable[[], bool]] = {
            Trouble.CUT: self._cut,
            Trouble.CUT_BEFORE_COMMIT: lambda: self._carried_out(proxy.cut_before("COMMIT\0")),
            Trouble.CUT_AFTER_COMMIT: lambda: self._carried_out(proxy.cut_after("COMMIT")),
            Trouble.DELAY: self._delay,
            Trouble.SILENCE: self._silence,
        }

    def trouble(self, which: Trouble | None = None) -> Trouble | None:
        """Does this one, or any, and says which, if it came about: nobody may have committed anything meanwhile."""
        trouble = which or self._chance.choice(list(self._troubles))
        return trouble if self._troubles[trouble]() else None

    def _cut(self) -> bool:
        self._proxy.cut()
        return True

    def _carried_out(self, cut: Cut) -> bool:
        done = cut.done.wait(CUT_SECONDS)
        self._proxy.forget(cut)
        return done

    def _delay(self) -> bool:
        self._proxy.delay(self._chance.uniform(*DELAY_SECONDS))
        time.sleep(self._chance.uniform(*SLOW_SECONDS))  # the fault itself
        self._proxy.delay(0.0)
        return True

    def _silence(self) -> bool:
        """Nothing goes through for a while; then the line is cut, or what was kept back arrives after all."""
        self._proxy.swallow()
        time.sleep(self._chance.uniform(*SILENCE_SECONDS))  # the fault itself
        if self._chance.random() < 0.5:
            self._proxy.cut()
        self._proxy.swallow(False)
        return True

"""Named points at which a test-only server can be told to kill itself."""

import os
import signal

KILL_VARIABLE = "TOLLHOUSE_TEST_KILL"
"""Tells a server where: `point:passes`. Empty: nowhere."""


HASTE_VARIABLE = "TOLLHOUSE_TEST_HASTE"
"""Tells a server to wait less for what passes by itself. Empty: no."""


class KillSwitch:
    """Kills this process at the given pass of one named point."""

    def __init__(self) -> None:
        self._point = ""
        self._passes_left = 0

    def arm(self, order: str) -> None:
        """Takes the order of the variable."""
        self._point, _, passes = order.rpartition(":")
        self._passes_left = int(passes or 0)

    def passing(self, point: str) -> None:
        """The process passes a point."""
        if point == self._point:
            self._passes_left -= 1
            if self._passes_left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


SWITCH = KillSwitch()
"""Armed by the server that plants a fault."""

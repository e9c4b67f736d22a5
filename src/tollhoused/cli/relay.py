"""The relay: a thread that gives outgoing events their positions, in one process of a database at a time.

It looks ten times a second. Which process relays is a lease that whoever has something to relay takes when it is free,
so that an idle database is not written to; one that dies is followed after `LEASE_SECONDS`.
"""

import logging
import threading

from tollhoused.domain.instants import SECOND_US
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases.core import Core

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
AWAY_SECONDS = 1.0
LEASE_SECONDS = 3
BATCH = 500
"""Events in one transaction: accounts are not kept waiting for long."""


class Relay:
    """A thread that lives as long as the server, whatever the database does."""

    def __init__(self, core: Core, look_seconds: float = LOOK_SECONDS) -> None:
        self._core = core
        self._holder = core.new_id("relay")
        self._look_seconds = look_seconds
        self._trouble = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more; what is under way is finished."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(AWAY_SECONDS)

    def step(self) -> int:
        """Relays what waits now, if it is this process's to do; says how many. Raises StoreFault."""
        events, total = self._core.store.events, 0
        while not self._stopping.is_set() and events.anything_waits():
            placed = events.relay(self._holder, self._core.clock(), LEASE_SECONDS * SECOND_US, BATCH)
            total += placed or 0
            if placed is None or placed < BATCH:
                break
        return total

    def _run(self) -> None:
        pause_seconds = self._look_seconds
        while not self._stopping.wait(pause_seconds):
            pause_seconds = self._look_seconds if self._guarded_step() else AWAY_SECONDS

    def _guarded_step(self) -> bool:
        """Whether the database could be used."""
        trouble = ""
        try:
            if not self._core.closed:
                self.step()
        except StoreFault as failure:
            if failure.fault in (Fault.AWAY, Fault.REFUSED):  # otherwise another process was quicker
                trouble = str(failure)
        except Exception:
            log.exception("the relay met something that nothing provides for")
            return False
        if trouble and trouble != self._trouble:
            log.warning("outgoing events wait: %s", trouble)
        self._trouble = trouble
        return not trouble

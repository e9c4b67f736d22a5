"""The courier: sends outgoing events to their endpoints, each endpoint by one process and one thread at a time.

It looks twice a second. An endpoint that does not answer at once goes to other threads, which have more patience: those
that are quick never wait for those that are slow.
"""

import logging
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tollhoused.cli.posting import PostFailed, TooSlow, post
from tollhoused.domain.endpoints import Endpoint, body_of, headers_of, next_attempt_us
from tollhoused.domain.instants import SECOND_US
from tollhoused.store.deliveries import Delivery, Result, Work
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases.core import Core

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
AWAY_SECONDS = 1.0
QUICK_SECONDS = 2.0
SLOW_SECONDS = 15.0
LEASE_SECONDS = 60
"""Longer than an attempt with all that belongs to it."""
END_SECONDS = 1.0
"""For attempts that are under way when the server stops."""
THREADS = 16
"""For endpoints that answer quickly, and as many for those that do not."""
PORTION = 20


class Courier:
    """Threads that live as long as the server, whatever endpoints and the database do."""

    def __init__(
        self,
        core: Core,
        *,
        allow_private: bool = False,
        look_seconds: float = LOOK_SECONDS,
        quick_seconds: float = QUICK_SECONDS,
        slow_seconds: float = SLOW_SECONDS,
    ) -> None:
        """`allow_private` lets it post to addresses that are not public."""
        self._core = core
        self._allow_private = allow_private
        self._holder = core.new_id("courier")
        self._look_seconds = look_seconds
        self._seconds = {False: quick_seconds, True: slow_seconds}
        self._context: ssl.SSLContext | None = None
        self._slow: set[str] = set()
        self._busy: set[str] = set()
        self._pools: dict[bool, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._working = 0
        self._closed = False
        self._trouble = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._pools = {
            slow: ThreadPoolExecutor(THREADS, thread_name_prefix="courier-slow" if slow else "courier-quick")
            for slow in (False, True)
        }
        self._context = ssl.create_default_context()
        self._thread.start()

    def stop(self) -> None:
        """Looks no more. An attempt that is under way has a moment to end; a later end is not stored any more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(AWAY_SECONDS)
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._ended.wait_for(lambda: not self._working, END_SECONDS)
            self._closed = True

    def _run(self) -> None:
        pause_seconds = self._look_seconds
        while not self._stopping.wait(pause_seconds):
            pause_seconds = self._look_seconds if self._guarded_look() else AWAY_SECONDS

    def _guarded_look(self) -> bool:
        """Whether the database could be used."""
        trouble = ""
        try:
            if not self._core.closed:
                self._look()
        except StoreFault as failure:
            trouble = str(failure)
        except Exception:
            log.exception("the courier met something that nothing provides for")
            return False
        if trouble and trouble != self._trouble:
            log.warning("endpoints are sent nothing: %s", trouble)
        self._trouble = trouble
        return not trouble

    def _look(self) -> None:
        """Has whatever is due sent, but to endpoints that somebody is at already."""
        for endpoint_id in sorted(self._core.store.deliveries.due(self._core.clock())):
            with self._lock:
                if endpoint_id in self._busy:
                    continue
                self._busy.add(endpoint_id)
                slow = endpoint_id in self._slow
            self._pools[slow].submit(self._serve, endpoint_id, slow)

    def _serve(self, endpoint_id: str, slow: bool) -> None:
        """Sends an endpoint a portion of what it is due."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._working += 1
        try:
            now_us = self._core.clock()
            work = self._core.store.deliveries.take(
                endpoint_id, self._holder, now_us, LEASE_SECONDS * SECOND_US, PORTION
            )
            for delivery in work.deliveries if work else ():
                if self._stopping.is_set() or not work or not self._deliver(work, delivery, slow):
                    break
        except StoreFault as failure:
            if failure.fault in (Fault.AWAY, Fault.REFUSED):  # otherwise another process was quicker
                log.warning("an endpoint is sent its events later: %s", failure)
        except Exception:
            log.exception("the courier met something that nothing provides for")
        finally:
            with self._lock:
                self._busy.discard(endpoint_id)
                self._working -= 1
                self._ended.notify()

    def _deliver(self, work: Work, delivery: Delivery, slow: bool) -> bool:
        """One attempt; says whether the next delivery may follow at once."""
        endpoint, attempts = work.endpoint, delivery.attempts + 1
        began, problem = time.monotonic(), ""
        try:
            self._post(endpoint, delivery, self._seconds[slow])
        except TooSlow as failure:
            if not slow:
                self._slow.add(endpoint.id)  # this was not its attempt: it has more time over there
                return False
            problem = str(failure)
        except PostFailed as failure:
            problem = str(failure)
        if self._closed:
            return False
        now_us = self._core.clock()
        again_us = next_attempt_us(endpoint.id, delivery.event.position or 0, attempts, now_us) if problem else None
        result = Result(not problem, attempts, again_us, problem)
        if result.state == "dead":
            log.error("endpoint %s has not taken event %s: it is given up", endpoint.id, delivery.event.id)
        if slow and not problem and time.monotonic() - began < self._seconds[False]:
            self._slow.discard(endpoint.id)
        until_us = now_us + LEASE_SECONDS * SECOND_US
        return self._core.store.deliveries.settle(work, delivery, result, self._holder, until_us) and not problem

    def _post(self, endpoint: Endpoint, delivery: Delivery, seconds: float) -> None:
        body = body_of(delivery.event)
        headers = headers_of(endpoint, delivery.event, body, self._core.clock())
        assert self._context is not None
        post(endpoint.url, headers, body, seconds, allow_private=self._allow_private, context=self._context)

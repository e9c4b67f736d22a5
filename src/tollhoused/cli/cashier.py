"""The cashier: applies what the payment provider has told, and has it do what nobody waits for (requirements C6, P3).

It looks four times a second. Who has something to do takes a lease, so that an idle database is not written to; a
process that dies is followed after `LEASE_SECONDS`. Doing something twice does no harm, so that whoever loses the lease
may finish what it is at.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tollhoused.cli.program import CommandFailed
from tollhoused.domain.instants import DAY_US, MINUTE_US, SECOND_US
from tollhoused.domain.intent import IntentState
from tollhoused.errors import Aborted, DeadlineExceeded, TollhouseError, Unavailable
from tollhoused.observing import ProviderObserver
from tollhoused.providers.provider import ProviderFailure
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.providers import DEAD, PENDING, ProviderEvent
from tollhoused.usecases import orders, payments
from tollhoused.usecases.core import Core
from tollhoused.usecases.desk import Desk

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
AWAY_SECONDS = 1.0
LEASE_SECONDS = 15
RENEW_SECONDS = 5
END_SECONDS = 2.0
"""For work that is under way when the server stops; what takes longer is done again by the next process."""

THREADS = 8
INTENT_THREADS = 4
"""A provider that hangs over charges leaves room for events."""

LOOK_MAX = 500
CALLER_US = MINUTE_US
"""So long an intent is left to whoever has called for it."""

AGAIN_US = tuple(seconds * SECOND_US for seconds in (5, 30, 120, 600, 3_600))
GIVEN_UP_US = 3 * DAY_US
"""A provider that is away for less does not cost an event."""

ATTEMPTS_MAX = 10
"""For what nothing provides for."""

COUNT_SECONDS = 5.0

PASSING = (ProviderFailure, Unavailable, DeadlineExceeded, Aborted, StoreFault)
"""What may pass by itself: the provider, the database, or too much to do."""


class _Waits(NamedTuple):
    """An intent whose attempt has not come to an end, and when to try again."""

    attempts: int
    until_us: int


class Cashier:
    """A thread that looks and others that work, as long as the server lives, whatever provider and database do."""

    def __init__(
        self, core: Core, observer: ProviderObserver | None = None, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        """The core must have a desk. Raises CommandFailed where it has none."""
        if core.desk is None:
            raise CommandFailed("provider: no payment provider is configured")
        self._core = core
        self._desk: Desk = core.desk
        self._observer = observer or ProviderObserver()
        self._holder = core.new_id("cashier")
        self._look_seconds = look_seconds
        self._leased_us = 0
        self._waits: dict[str, _Waits] = {}
        self._busy: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._closed = False
        self._trouble = ""
        self._count_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cashier", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more. What is under way has a moment to end; a later end is not stored any more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(AWAY_SECONDS)
        with self._lock:
            self._ended.wait_for(lambda: not self._busy, END_SECONDS)
            self._closed = True
        self._let_go()

    def step(self) -> int:
        """Begins whatever is due and has a thread to do it, if it is this process's to do; says how much there was.

        Raises StoreFault.
        """
        store, now_us = self._core.store.providers, self._core.clock()
        intents = store.open_intents(now_us - CALLER_US, LOOK_MAX)
        self._forget({intent_id for _, intent_id in intents})
        wanting = [item for item in intents if self._is_due(item[1], now_us)]
        events = store.pending(now_us, LOOK_MAX)
        if not (wanting or events) or not self._mine(now_us):
            return 0
        for account_id, intent_id in wanting:
            self._begin(intent_id, True, partial(self._carry_out, account_id, intent_id))
        for event in events:
            self._begin(f"{event.provider}/{event.id}", False, partial(self._apply, event))
        return len(wanting) + len(events)

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
                self._count()
        except StoreFault as failure:
            if failure.fault in (Fault.AWAY, Fault.REFUSED):  # otherwise another process was quicker
                trouble = str(failure)
        except Exception:
            log.exception("the cashier met something that nothing provides for")
            return False
        if trouble and trouble != self._trouble:
            log.warning("events of the payment provider wait: %s", trouble)
        self._trouble = trouble
        return not trouble

    def _mine(self, now_us: int) -> bool:
        """Whether this process does the work; its lease is taken on now and then."""
        if now_us + (LEASE_SECONDS - RENEW_SECONDS) * SECOND_US < self._leased_us:
            return True
        length_us = LEASE_SECONDS * SECOND_US
        mine = self._core.store.providers.lease("cashier", self._holder, now_us, length_us)
        self._leased_us = now_us + length_us if mine else 0
        return mine

    def _let_go(self) -> None:
        """Lets another process go on at once."""
        now_us = self._core.clock()
        if now_us < self._leased_us:
            try:
                self._core.store.providers.lease("cashier", self._holder, now_us, 0)
            except StoreFault as failure:
                log.info("another process goes on in %d seconds: %s", LEASE_SECONDS, failure)

    def _begin(self, name: str, is_intent: bool, work: Callable[[], None]) -> None:
        """Has work done by a thread of its own, unless it is being done or too much is.

        The threads are daemons: a process that ends does not wait for a provider that hangs.
        """
        with self._lock:
            full = len(self._busy) >= THREADS or (is_intent and sum(self._busy.values()) >= INTENT_THREADS)
            if full or name in self._busy or self._stopping.is_set():
                return
            self._busy[name] = is_intent
        threading.Thread(target=self._work, args=(name, work), name=f"cashier-{name}", daemon=True).start()

    def _work(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except StoreFault as failure:
            log.warning("what became of %s is stored later: %s", name, failure)
        except Exception:
            log.exception("the cashier met something that nothing provides for")
        finally:
            with self._lock:
                del self._busy[name]
                self._ended.notify_all()

    def _apply(self, listed: ProviderEvent) -> None:
        """Applies an event, unless that was done since it was listed: what was stored of it then stays."""
        event = self._core.store.providers.event(listed.provider, listed.id)
        if event is None or event.state != PENDING or event.next_attempt_us > self._core.clock():
            return
        try:
            seen = payments.apply_event(self._core, self._desk, event)
            seen = seen._replace(attempts=event.attempts + 1)
        except PASSING as failure:
            seen = self._later(event, str(failure), self._core.clock() - event.received_us >= GIVEN_UP_US)
        except Exception as failure:
            log.exception("event %s could not be applied", event.id)
            problem = str(failure) if isinstance(failure, TollhouseError) else type(failure).__name__
            seen = self._later(event, problem, gives_up=True)
        if self._closed:
            return
        if seen.state == DEAD:
            log.error("event %s (%s) of %s is given up: %s", event.id, event.kind, event.provider, seen.problem)
        self._core.store.providers.note(seen)
        lag_seconds = (self._core.clock() - event.created_us) / SECOND_US
        self._observer.handled("postponed" if seen.state == PENDING else seen.state, lag_seconds)

    def _later(self, event: ProviderEvent, problem: str, gives_up: bool) -> ProviderEvent:
        """The event, to be tried again; or given up, where it was tried often enough for that."""
        attempts = event.attempts + 1
        state = DEAD if gives_up and attempts >= ATTEMPTS_MAX else PENDING
        again_us = self._core.clock() + _pause_us(attempts)
        return event._replace(state=state, attempts=attempts, next_attempt_us=again_us, problem=problem)

    def _carry_out(self, account_id: str, intent_id: str) -> None:
        """Makes the attempt of an intent, unless that was done since it was listed."""
        found = self._core.store.providers.intent(intent_id)
        if found is None or found[1].state is not IntentState.OPEN or not self._is_due(intent_id, self._core.clock()):
            return
        try:
            orders.carry_out(self._core, self._desk, account_id, found[1])
        except PASSING as failure:
            log.warning("%s is tried again: %s", intent_id, failure)
        except Exception:
            log.exception("%s could not be carried out", intent_id)
        attempts = self._waits.get(intent_id, _Waits(0, 0)).attempts + 1
        self._waits[intent_id] = _Waits(attempts, self._core.clock() + _pause_us(attempts))

    def _is_due(self, intent_id: str, now_us: int) -> bool:
        waits = self._waits.get(intent_id)
        return waits is None or waits.until_us <= now_us

    def _forget(self, still_open: set[str]) -> None:
        """Those that came to their end need no remembering."""
        for intent_id in [known for known in list(self._waits) if known not in still_open]:
            self._waits.pop(intent_id, None)

    def _count(self) -> None:
        """Tells now and then how much waits."""
        if time.monotonic() < self._count_at:
            return
        self._count_at = time.monotonic() + COUNT_SECONDS
        depths = self._core.store.providers.depths()
        waiting, oldest_us = depths.get(PENDING, (0, 0))
        oldest_seconds = (self._core.clock() - oldest_us) / SECOND_US if waiting else 0.0
        self._observer.inbox(waiting, depths.get(DEAD, (0, 0))[0], oldest_seconds)


def _pause_us(attempts: int) -> int:
    """From one attempt to the next; longer each time, to an hour."""
    return AGAIN_US[min(attempts, len(AGAIN_US)) - 1]

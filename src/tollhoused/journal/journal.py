"""The journal: one thread that turns waiting commands into one transaction at a time (design: the journal).

Callers submit and wait; the writer drains what is waiting, settles it in arrival order on the loaded set, commits, and
only then answers. It lingers for company only when the last batch had some, so a lone caller never waits for nobody.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tollhoused.domain.advance import UnknownCatalogueVersion
from tollhoused.domain.books import Books, Moved
from tollhoused.domain.commands import Command
from tollhoused.domain.decision import Rules
from tollhoused.errors import (
    Contention,
    InternalError,
    OutOfTime,
    Overloaded,
    ShuttingDown,
    StoreUnavailable,
    TollhouseError,
)
from tollhoused.journal.settling import Outcome, redirected, settle_each, settle_together
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.store.store import Store
from tollhoused.store.wanted import wanted_by

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the queue and of a batch, in commands; one bulk call may exceed `batch_max`."""

    queue_max: int = 8_192
    batch_max: int = 512
    linger_seconds: float = 0.005
    reruns_max: int = 10
    away_reruns_max: int = 3
    away_pause_seconds: float = 0.1


class Ticket:
    """A submitted call: its commands, and a gate that opens when every one of them has its outcome."""

    __slots__ = ("_gate", "atomic", "commands", "deadline", "outcomes")

    def __init__(self, commands: Sequence[Command], atomic: bool, deadline: float) -> None:
        self.commands = list(commands)
        self.atomic = atomic
        self.deadline = deadline
        self.outcomes: list[Outcome] | None = None
        self._gate = threading.Lock()
        self._gate.acquire()

    def answer(self, outcomes: list[Outcome]) -> None:
        """Opens the gate; the first answer stands."""
        if self.outcomes is None:
            self.outcomes = outcomes
            self._gate.release()

    def fail(self, error: TollhouseError) -> None:
        """The same failure for every command."""
        self.answer([error] * len(self.commands))

    def wait(self) -> list[Outcome]:
        """Outcomes in the order of the commands.

        Raises OutOfTime at the deadline, whatever becomes of the call then.
        """
        if not self._gate.acquire(timeout=max(0.0, self.deadline - time.monotonic())):
            raise OutOfTime("the deadline passed before the outcome was known")
        self._gate.release()
        assert self.outcomes is not None
        return self.outcomes


class Journal:
    """The only writer of a process. Start it, submit from any thread, close it: what was accepted is finished."""

    def __init__(
        self, store: Store, shelf: CatalogueShelf, clock: Callable[[], int], rules: Rules, limits: Limits | None = None
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._clock = clock
        self._rules = rules
        self._limits = limits or Limits()
        self._queue: deque[Ticket] = deque()
        self._waiting = 0
        self._idle = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def close(self, timeout_seconds: float = 30.0) -> None:
        """Takes no more, finishes what was accepted."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def submit(self, commands: Sequence[Command], deadline: float, atomic: bool = False) -> Ticket:
        """Queues one call. `deadline` is in the seconds of `time.monotonic`.

        Raises Overloaded when the queue is full and ShuttingDown when the journal is closed: nothing was written then.
        """
        ticket = Ticket(commands, atomic, deadline)
        with self._changed:
            if self._closing:
                raise ShuttingDown("this server is shutting down")
            if self._waiting and self._waiting + len(commands) > self._limits.queue_max:
                raise Overloaded("too many calls are waiting", retry_after_ms=100)
            self._queue.append(ticket)
            self._waiting += len(commands)
            if self._idle:
                self._idle = False
                self._changed.notify()
        return ticket

    def _run(self) -> None:
        company = False
        while tickets := self._take(company):
            company = sum(len(ticket.commands) for ticket in tickets) > 1
            try:
                self._write(tickets)
            except Exception:
                log.exception("a batch failed in a way that nothing provides for")
                for ticket in tickets:
                    ticket.fail(InternalError("internal error"))

    def _take(self, company: bool) -> list[Ticket]:
        """The next batch; empty when closed and drained. Waits a little for more where more is usual."""
        with self._changed:
            while not self._queue and not self._closing:
                self._idle = True
                self._changed.wait()
            self._idle = False
            linger = company and not self._closing and self._waiting < self._limits.batch_max
        if linger:
            time.sleep(self._limits.linger_seconds)
        taken: list[Ticket] = []
        size = 0
        with self._changed:
            while self._queue and (not taken or size + len(self._queue[0].commands) <= self._limits.batch_max):
                ticket = self._queue.popleft()
                size += len(ticket.commands)
                taken.append(ticket)
            self._waiting -= size
        return taken

    def _write(self, tickets: list[Ticket]) -> None:
        """Writes a batch, again if that helps, in halves if the database refuses it; then answers every ticket."""
        collisions = absences = 0
        while tickets := _in_time(tickets):
            try:
                tickets = self._transact(tickets)
                collisions += 1  # what is left has moved, and may move again
            except UnknownCatalogueVersion:
                self._refresh_shelf()
                collisions += 1
            except StoreFault as failure:
                log.warning("batch of %d calls failed: %s", len(tickets), failure)
                if failure.fault is Fault.REFUSED:
                    self._halve(tickets, failure)
                    return
                if failure.fault is Fault.AWAY:
                    absences += 1
                    time.sleep(self._limits.away_pause_seconds)
                else:
                    collisions += 1
            if absences > self._limits.away_reruns_max:
                tickets = _fail(tickets, StoreUnavailable("the database cannot be reached or cannot write"))
            elif collisions > self._limits.reruns_max:
                tickets = _fail(tickets, Contention("concurrent work won every attempt"))

    def _transact(self, tickets: list[Ticket]) -> list[Ticket]:
        """One transaction. Answers what was settled; returns the tickets whose subjects have moved, redirected."""
        commands = [command for ticket in tickets for command in ticket.commands]
        with self._store.batch() as batch:
            books = batch.load(wanted_by(commands), self._clock)
            outcomes = [self._settle(books, ticket) for ticket in tickets]
            batch.commit(books)
        moved = []
        for ticket, answers in zip(tickets, outcomes, strict=True):
            if any(isinstance(answer, Moved) for answer in answers):
                moved.append(ticket)
                _redirect(ticket, answers)
            else:
                ticket.answer([answer for answer in answers if not isinstance(answer, Moved)])
        return moved

    def _settle(self, books: Books, ticket: Ticket) -> list[Outcome | Moved]:
        settle = settle_together if ticket.atomic else settle_each
        return settle(books, ticket.commands, self._shelf.history, self._rules)

    def _halve(self, tickets: list[Ticket], failure: StoreFault) -> None:
        """Finds the call that the database refuses; it alone fails, as a defect of ours."""
        if len(tickets) == 1:
            log.error("the database refuses a call that we had decided on: %s", failure)
            tickets[0].fail(InternalError("internal error"))
            return
        middle = len(tickets) // 2
        self._write(tickets[:middle])
        self._write(tickets[middle:])

    def _refresh_shelf(self) -> None:
        try:
            self._shelf.refresh()
        except StoreFault as failure:
            log.warning("the catalogue could not be refreshed: %s", failure)


def _in_time(tickets: list[Ticket]) -> list[Ticket]:
    """Drops calls whose callers have stopped waiting."""
    now = time.monotonic()
    for ticket in tickets:
        if ticket.deadline <= now:
            ticket.fail(OutOfTime("the deadline passed before the call could be stored"))
    return [ticket for ticket in tickets if ticket.deadline > now]


def _fail(tickets: list[Ticket], error: TollhouseError) -> list[Ticket]:
    """Fails every ticket; none is left."""
    for ticket in tickets:
        ticket.fail(error)
    return []


def _redirect(ticket: Ticket, answers: list[Outcome | Moved]) -> None:
    """Sends moved commands to the accounts that their subjects name now.

    Commands that were settled in the same call are stored by now, or refused; settled again, they replay or are
    refused again.
    """
    pairs = zip(ticket.commands, answers, strict=True)
    ticket.commands = [redirected(command, item) if isinstance(item, Moved) else command for command, item in pairs]

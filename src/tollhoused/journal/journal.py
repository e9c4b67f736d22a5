"""The journal: one thread that turns waiting commands into one transaction at a time (design: the journal).

Callers submit and wait; the writer drains what is waiting, settles it in arrival order on the loaded set, commits, and
only then answers. It lingers for company only when the last batch had some, so a lone caller never waits for nobody.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tollhoused.domain.account import Account
from tollhoused.domain.advance import UnknownCatalogueVersion
from tollhoused.domain.books import Books, Moved
from tollhoused.domain.catalogue import CatalogueError
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
from tollhoused.journal.pace import Pace
from tollhoused.journal.settling import Outcome, aimed_together, redirected, settle_each, settle_together
from tollhoused.observing import REPLAYED, STORED, JournalObserver, Tracing
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
    """A submitted call: a gate that opens when every one of its commands has its outcome."""

    __slots__ = ("_found", "_gate", "_missing", "atomic", "commands", "deadline", "origin", "since")

    def __init__(
        self, commands: Sequence[Command], atomic: bool, deadline: float, origin: object | None = None
    ) -> None:
        """`origin` is the trace's span that waits for the outcomes."""
        self.origin = origin
        self.since = time.monotonic()
        self.commands = commands
        self.atomic = atomic
        self.deadline = deadline
        self._found: list[Outcome | None] = [None] * len(commands)
        self._missing = len(commands)
        self._gate = threading.Lock()
        if self._missing:
            self._gate.acquire()

    @property
    def outcomes(self) -> list[Outcome] | None:
        """Outcomes in the order of the commands; None until the last one is known."""
        return None if self._missing else [outcome for outcome in self._found if outcome is not None]

    def put(self, position: int, outcome: Outcome) -> None:
        """One command's outcome. The first one stands; the last one opens the gate."""
        if self._found[position] is None:
            self._found[position] = outcome
            self._missing -= 1
            if self._missing == 0:
                self._gate.release()

    def wait(self) -> list[Outcome]:
        """Outcomes in the order of the commands.

        Raises OutOfTime at the deadline, whatever becomes of the call then.
        """
        if self._gate.acquire(timeout=max(0.0, self.deadline - time.monotonic())):
            self._gate.release()
        outcomes = self.outcomes
        if outcomes is None:
            raise OutOfTime("the deadline passed before the outcome was known")
        return outcomes

    def pieces(self) -> "list[Piece]":
        """What can be stored apart: each command, or an atomic call as a whole."""
        if self.atomic:
            return [Piece(self, 0, self.commands)]
        return [Piece(self, position, [command]) for position, command in enumerate(self.commands)]


class Piece:
    """What is stored or refused as one: a command, or all commands of an atomic call."""

    __slots__ = ("_first", "commands", "ticket")

    def __init__(self, ticket: Ticket, first: int, commands: Sequence[Command]) -> None:
        """`first` is the position of the first command in the call."""
        self.ticket = ticket
        self.commands = commands
        self._first = first

    def answer(self, outcomes: Sequence[Outcome]) -> None:
        """Tells the call what became of these commands."""
        for position, outcome in enumerate(outcomes, self._first):
            self.ticket.put(position, outcome)

    def fail(self, error: TollhouseError) -> None:
        """The same failure for every command."""
        self.answer([error] * len(self.commands))


class Journal:
    """The only writer of a process. Start it, submit from any thread, close it: what was accepted is finished."""

    def __init__(
        self,
        store: Store,
        shelf: CatalogueShelf,
        clock: Callable[[], int],
        rules: Rules,
        limits: Limits | None = None,
        observer: JournalObserver | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._clock = clock
        self._rules = rules
        self._limits = limits or Limits()
        self._pace = Pace(self._limits.batch_max)
        self._observer = observer or JournalObserver()
        self._observed = observer is not None
        self._tracing = tracing or Tracing()
        self.write_failed = False
        """Whether the database could not write a batch; who has found out that it can again takes this back."""
        self._queue: deque[Ticket] = deque()
        self._waiting = 0
        self._idle = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        # Hears which accounts a transaction had loaded once it is stored, in this thread: it must be quick.
        self.on_commit: Callable[[Iterable[Account]], None] | None = None

    @property
    def waiting(self) -> int:
        """How many commands are in the queue."""
        return self._waiting

    @property
    def queue_max(self) -> int:
        """How many commands may be in the queue."""
        return self._limits.queue_max

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

        Raises Overloaded when the queue is full, or too long for this deadline, and ShuttingDown when the journal is
        closed: nothing was written then.
        """
        ticket = Ticket(aimed_together(commands) if atomic else commands, atomic, deadline, self._tracing.origin())
        with self._changed:
            if self._closing:
                raise ShuttingDown("this server is shutting down")
            if self._waiting and self._waiting + len(commands) > self._limits.queue_max:
                raise Overloaded("too many calls are waiting", retry_after_ms=100)
            if not self._pace.in_time(self._waiting, deadline - time.monotonic()):
                raise Overloaded("more calls are waiting than can be written in time", retry_after_ms=100)
            self._queue.append(ticket)
            self._waiting += len(commands)
            if self._idle:
                self._idle = False
                self._changed.notify()
        return ticket

    def _run(self) -> None:
        company = False
        while tickets := self._take(company):
            pieces = [piece for ticket in tickets for piece in ticket.pieces()]
            size = sum(len(piece.commands) for piece in pieces)
            company = size > 1
            now = time.monotonic()
            self._observer.taken(size, now - tickets[0].since)
            self._tracing.queued([(ticket.origin, now - ticket.since) for ticket in tickets if ticket.origin])
            try:
                self._write(pieces)
            except Exception:
                log.exception("a batch failed outside of its transaction")
                for piece in pieces:
                    piece.fail(_internal_error())

    def _take(self, company: bool) -> list[Ticket]:
        """The next batch; empty when closed and drained. Waits a little for more where more is usual."""
        with self._changed:
            while not self._queue and not self._closing:
                self._idle = True
                self._changed.wait()
            self._idle = False
            linger = company and not self._closing and self._waiting < self._pace.batch_max
        if linger:
            time.sleep(self._limits.linger_seconds)
        taken: list[Ticket] = []
        size = 0
        with self._changed:
            while self._queue and (not taken or size + len(self._queue[0].commands) <= self._pace.batch_max):
                ticket = self._queue.popleft()
                size += len(ticket.commands)
                taken.append(ticket)
            self._waiting -= size
        return taken

    def _write(self, pieces: list[Piece], *, patient: bool = True) -> None:
        """Writes a batch, again if that helps, in halves if it does not; then every piece is answered."""
        collisions = absences = 0
        while pieces := self._in_time(pieces):
            hopeless: Callable[[], TollhouseError] | None = None
            try:
                pieces = self._transact(pieces, patient=patient)
                collisions += 1  # what is left has moved, and may move again
                if pieces:
                    self._observer.failed("MOVED")
            except UnknownCatalogueVersion:
                self._observer.failed("CATALOGUE")
                self._refresh_shelf()
                collisions += 1
            except StoreFault as failure:
                self._observer.failed(failure.fault.name)
                log.warning("a batch of %d failed: %s", len(pieces), failure)
                if failure.fault is Fault.REFUSED:
                    hopeless = _internal_error
                elif failure.fault is Fault.BLOCKED:
                    hopeless, patient = _contention, False
                elif failure.fault is Fault.AWAY:
                    absences += 1
                    self.write_failed = True
                    time.sleep(self._limits.away_pause_seconds)
                else:
                    collisions += 1
            except Exception as error:
                # The halves will fail as well, down to one piece: only that one is worth a traceback.
                self._observer.failed("DEFECT")
                log.error("a batch of %d failed unforeseen: %r", len(pieces), error, exc_info=len(pieces) == 1)
                hopeless = _internal_error
            if absences > self._limits.away_reruns_max:
                for piece in pieces:
                    piece.fail(StoreUnavailable("the database cannot be reached or cannot write"))
                return
            if collisions > self._limits.reruns_max:
                hopeless = _contention
            if hopeless:
                self._halve(pieces, hopeless, patient=patient)
                return

    def _in_time(self, pieces: list[Piece]) -> list[Piece]:
        """Drops what its callers have stopped waiting for. It may have been stored if a COMMIT was lost before."""
        now = time.monotonic()
        for piece in pieces:
            if piece.ticket.deadline <= now:
                self._observer.dropped(len(piece.commands))
                piece.fail(OutOfTime("the deadline passed before the outcome was known"))
        return [piece for piece in pieces if piece.ticket.deadline > now]

    def _transact(self, pieces: list[Piece], *, patient: bool = True) -> list[Piece]:
        """One transaction. Answers what was settled; returns the pieces whose subjects have moved, redirected."""
        commands = [command for piece in pieces for command in piece.commands]
        began = time.monotonic()
        origins = [piece.ticket.origin for piece in pieces if piece.ticket.origin]
        with (
            self._tracing.transaction(origins, len(commands)),
            self._store.batch() if patient else self._store.impatient_batch() as batch,
        ):
            books = batch.load(wanted_by(commands), self._clock)
            outcomes = [self._settle(books, piece) for piece in pieces]
            settled_at = time.monotonic()
            batch.commit(books)
        now = time.monotonic()
        self._pace.wrote(len(commands), now - began)
        self._observer.committed(len(commands), now - began, now - settled_at)
        if self._observed:
            self._tell(commands, outcomes)
        moved = []
        for piece, answers in zip(pieces, outcomes, strict=True):
            settled = [answer for answer in answers if not isinstance(answer, Moved)]
            if len(settled) == len(answers):
                piece.answer(settled)
            else:
                piece.commands = redirected(piece.commands, answers)
                moved.append(piece)
        if self.on_commit:
            self._announce(self.on_commit, books)
        return moved

    def _announce(self, hear: Callable[[Iterable[Account]], None], books: Books) -> None:
        try:
            hear(books.accounts.values())
        except Exception:
            log.exception("who follows commits has failed")  # what is stored stays so

    def _settle(self, books: Books, piece: Piece) -> list[Outcome | Moved]:
        settle = settle_together if piece.ticket.atomic else settle_each
        return settle(books, piece.commands, self._shelf.history, self._rules)

    def _tell(self, commands: Sequence[Command], outcomes: Sequence[Sequence[Outcome | Moved]]) -> None:
        """What became of commands, counted; those that have moved are not settled yet."""
        ends = (end for answers in outcomes for end in answers)
        tally = Counter(
            (command.kind, end.reason if isinstance(end, TollhouseError) else REPLAYED if end.replayed else STORED)
            for command, end in zip(commands, ends, strict=True)
            if not isinstance(end, Moved)
        )
        for (kind, outcome), number in tally.items():
            self._observer.settled(kind, outcome, number)

    def _halve(self, pieces: list[Piece], error: Callable[[], TollhouseError], *, patient: bool) -> None:
        """Finds the piece that makes a batch fail; it alone is answered with the error."""
        if len(pieces) == 1:
            failure = error()
            log.error("%s fails on its own: %s", pieces[0].commands[0].kind, failure.reason)
            pieces[0].fail(failure)
            return
        self._observer.halved()
        middle = len(pieces) // 2
        self._write(pieces[:middle], patient=patient)
        self._write(pieces[middle:], patient=patient)

    def _refresh_shelf(self) -> None:
        try:
            self._shelf.refresh()
        except (StoreFault, CatalogueError) as failure:
            log.warning("the catalogue could not be refreshed: %s", failure)


def _internal_error() -> TollhouseError:
    return InternalError("internal error")


def _contention() -> TollhouseError:
    return Contention("concurrent work won every attempt")

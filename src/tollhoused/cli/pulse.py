"""The pulse of a server: once a second it looks at the database, tells health, and every few beats it sweeps.

Until the books are open it tries to open them, so that a server outlives a database that is away when it starts.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from tollhoused.cli.program import CommandFailed
from tollhoused.domain.catalogue import CatalogueError
from tollhoused.domain.instants import rfc3339
from tollhoused.domain.registry_commands import TouchKeys
from tollhoused.errors import Reported, TollhouseError
from tollhoused.journal.journal import Ticket
from tollhoused.store.faults import StoreFault
from tollhoused.usecases import testing_time
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.sweeping import sweep

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
SWEEP_SECONDS = 5.0
NOTE_SECONDS = 60.0
OWN_DEADLINE_SECONDS = 60.0
"""How long the server's own acts may take."""

LASTING = (CommandFailed, CatalogueError)
"""What does not pass by itself: it ends a server that starts. One that waits for its database waits on, and says so,
for whoever mends it: an exit would only turn into a loop of restarts.
"""

SWEEP_ACCOUNTS_MAX = 500
"""At each sweep; what is left waits for the next, and is right without it."""


class Pulse:
    """A thread that lives as long as the server, whatever the database does."""

    def __init__(
        self,
        core: Core,
        report: Callable[[bool], None],
        keyring: Keyring | None = None,
        beat_seconds: float = BEAT_SECONDS,
        open_books: Callable[[], None] | None = None,
    ) -> None:
        """`report` hears at every beat whether calls can be answered; the keyring is kept fresh where there is one.

        `open_books`, where the core is closed, raises what keeps it closed; it is called until it does not.
        """
        self._core = core
        self._keyring = keyring
        self._note_at = 0.0
        self._noting: tuple[TouchKeys, Ticket] | None = None
        self._report = report
        self._beat_seconds = beat_seconds
        self._open_books = open_books
        self._serving: bool | None = None
        self._trouble = ""
        self._sweep_at = 0.0
        self._swept: list[Ticket] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Beats once before it returns, so that health is known from the start; then on its own.

        Raises what keeps the books closed and cannot pass by itself: CommandFailed and CatalogueError.
        """
        self._guarded_beat()
        self._thread.start()

    def stop(self) -> None:
        """Beats no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(BEAT_SECONDS)

    def beat(self) -> None:
        """One look at the database, and a sweep when it is time."""
        trouble = self._look()
        serving = not trouble
        if serving and not self._serving:
            log.info("health is SERVING")
        elif trouble and trouble != self._trouble:
            log.error("health is NOT_SERVING: %s", trouble)
        self._serving, self._trouble = serving, trouble
        self._report(serving)
        if serving:
            self._refresh()
            self._refresh_clock()
            if self._keyring:
                self._refresh_keys(self._keyring)
                self._note_now_and_then(self._keyring)
            self._sweep()

    def note_uses(self) -> None:
        """Has the journal note when keys were used last; what it does not take is kept."""
        used = self._keyring.take_used() if self._keyring else None
        if self._keyring is None or used is None:
            return
        try:
            self._noting = used, self._core.journal.submit([used], time.monotonic() + OWN_DEADLINE_SECONDS)
        except TollhouseError as refusal:
            log.warning("when keys were used last is noted later: %s", refusal)
            self._keyring.give_back(used)

    def _run(self) -> None:
        while not self._stopping.wait(self._beat_seconds):
            self._guarded_beat()

    def _guarded_beat(self) -> None:
        try:
            self.beat()
        except LASTING:
            raise
        except Exception:
            log.exception("the pulse met something that nothing provides for")

    def _look(self) -> str:
        """Why calls cannot be answered now; empty when they can.

        Before it says so for the first time, again, or after a batch could not be written, it writes something itself.
        """
        try:
            if self._open_books:
                self._open_books()
                self._open_books = None
                self._core.closed = False
            self._core.store.ping()
            if not self._serving or self._core.journal.write_failed:
                self._core.store.touch(self._core.clock())
                self._core.journal.write_failed = False
        except LASTING as failure:
            if not self._thread.is_alive():
                raise
            return str(failure)
        except Reported as failure:
            return str(failure)
        return ""

    def _refresh(self) -> None:
        """Takes in catalogue versions that another process has applied."""
        before = self._core.shelf.history.newest_version
        try:
            self._core.shelf.refresh()
        except StoreFault as failure:
            log.warning("the catalogue could not be refreshed: %s", failure)
        except CatalogueError as error:
            log.error("the newest catalogue version cannot be read by this program, %d stays: %s", before, error)
        after = self._core.shelf.history.newest_version
        if after != before:
            log.info("catalogue version %d is in force", after)

    def _refresh_clock(self) -> None:
        """Takes in how far another process has moved the test clock."""
        before_us = self._core.clock.offset_us
        try:
            testing_time.refresh(self._core)
        except TollhouseError as failure:
            log.warning("the test clock could not be read: %s", failure)
        if self._core.clock.offset_us != before_us:
            log.info("the test clock was moved forward, it shows %s", rfc3339(self._core.clock()))

    def _refresh_keys(self, keyring: Keyring) -> None:
        """Takes in keys that were made or ended anywhere."""
        try:
            keyring.refresh()
        except StoreFault as failure:
            log.warning("the API keys could not be refreshed: %s", failure)

    def _note_now_and_then(self, keyring: Keyring) -> None:
        """Notes once a minute when keys were used last, one attempt after the other."""
        if self._noting:
            used, ticket = self._noting
            if ticket.outcomes is None:
                return
            self._noting = None
            for refusal in _refusals([ticket]):
                log.warning("when keys were used last is noted later: %s", refusal)
                keyring.give_back(used)
        now = time.monotonic()
        if now >= self._note_at:
            self._note_at = now + NOTE_SECONDS
            self.note_uses()

    def _sweep(self) -> None:
        now = time.monotonic()
        if now < self._sweep_at or any(ticket.outcomes is None for ticket in self._swept):
            return
        self._sweep_at = now + SWEEP_SECONDS
        for refusal in _refusals(self._swept):
            log.warning("an account that was due could not be brought up to date: %s", refusal)
        self._swept = []
        try:
            self._swept = sweep(self._core, now + OWN_DEADLINE_SECONDS, SWEEP_ACCOUNTS_MAX)
        except TollhouseError as refusal:
            log.warning("accounts that are due wait for the next sweep: %s", refusal)
        if self._swept:
            log.info("%d accounts are due and are brought up to date", len(self._swept))


def _refusals(tickets: Iterable[Ticket]) -> list[TollhouseError]:
    outcomes = [outcome for ticket in tickets for outcome in ticket.outcomes or ()]
    return [outcome for outcome in outcomes if isinstance(outcome, TollhouseError)]

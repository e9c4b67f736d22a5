"""Following entitlements: who follows a subject hears its state, and again whenever it may have changed (E5).

One thread looks for all followers. It is told at once of what this process commits. What other processes commit, what
time alone changes and what subjects come to name it finds by looking: the looking is the truth, being told a short cut.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tollhoused.domain.account import Account
from tollhoused.domain.identity import Match, Subject
from tollhoused.errors import Overloaded, TollhouseError
from tollhoused.store.faults import StoreFault
from tollhoused.usecases.core import Core, View, reading

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at every followed account."""

RESOLVE_LOOKS = 10
"""After as many looks every subject has been resolved anew."""

READ_MAX = 200
"""Subjects that are read in one snapshot."""

FOLLOWED_MAX = 20_000
"""Subjects that one process follows: all their accounts are looked at in one query."""

REST_SECONDS = 0.02
REST_SECONDS_MAX = 1.0
REST_TIMES = 4
"""After a round the follower rests as many times as long as the round took: what is followed slows down before the
writers do.
"""


CLOSE_SECONDS = 2.0
"""How long closing waits for a round that is under way, which the database may hold up."""


class Follower(Protocol):
    """Somebody who follows subjects."""

    def tell(self, subject: Subject, found: View | TollhouseError, memo: dict[object, bytes]) -> None:
        """A subject's state, or why it has none; `memo` is shared by all who are told in the same round."""

    def flush(self, checked_us: int | None) -> None:
        """That is all for now. At first `checked_us` is the instant at which everything was read."""


class _State(NamedTuple):
    """By what a state is told from another one. Without an account: by the refusal. Seen under a catalogue version."""

    catalogue: int = 0
    account_id: str = ""
    version: int = 0
    due_us: int = 0
    found_by: str = ""


NOTHING = _State()


@dataclass(slots=True)
class _Followed:
    """One subject with its followers; those in `fresh` have not heard of it yet."""

    followers: set[Follower] = field(default_factory=set)
    fresh: set[Follower] = field(default_factory=set)
    state: _State = NOTHING


class Feed:
    """Everything that is followed in this process. Start it, follow and unfollow from any thread, close it."""

    def __init__(self, core: Core, rest: Callable[[], None] = lambda: None, look_seconds: float = LOOK_SECONDS) -> None:
        """`rest` is called after each round and returns when what was told has gone out."""
        self._core = core
        self._rest = rest
        self._look_seconds = look_seconds
        self._followed: dict[Subject, _Followed] = {}
        self._by_account: dict[str, set[Subject]] = {}
        self._versions: dict[str, int] = {}
        self._dirty: dict[Subject, None] = {}
        self._to_resolve: list[Subject] = []
        # Who has heard something but not yet everything for the first time, with when the first was read.
        self._newcomers: dict[Follower, int] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._failing = False
        self._look_at = 0.0
        self._looked_at = 0.0
        self._checked_us = 0
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    @property
    def checked_us(self) -> int:
        """Everything that was stored before this instant has been told."""
        return self._checked_us

    @property
    def looks(self) -> bool:
        """Whether the last look at everything is recent, so that `checked_us` tells something."""
        return time.monotonic() - self._looked_at < 5 * self._look_seconds

    @property
    def subjects(self) -> int:
        """How many subjects are followed."""
        return len(self._followed)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def close(self) -> None:
        """Tells nothing any more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def follow(self, subjects: Iterable[Subject], follower: Follower) -> None:
        """Tells the follower these subjects' states, soon and from then on.

        Raises Overloaded beyond FOLLOWED_MAX, and follows none then.
        """
        wanted = list(subjects)
        with self._changed:
            if len(self._followed) + sum(subject not in self._followed for subject in wanted) > FOLLOWED_MAX:
                raise Overloaded("as many subjects are watched as may be")
            for subject in wanted:
                followed = self._followed.setdefault(subject, _Followed())
                followed.followers.add(follower)
                followed.fresh.add(follower)
                self._dirty[subject] = None
            self._core.journal.on_commit = self._note
            self._changed.notify_all()

    def unfollow(self, subjects: Iterable[Subject], follower: Follower) -> None:
        """Tells the follower no more."""
        with self._changed:
            for subject in subjects:
                followed = self._followed.get(subject)
                if followed is None:
                    continue
                followed.followers.discard(follower)
                followed.fresh.discard(follower)
                if not followed.followers:
                    self._file(subject, followed, NOTHING)
                    del self._followed[subject]
            if not self._followed:
                self._core.journal.on_commit = None

    def _note(self, accounts: Iterable[Account]) -> None:
        """A transaction of this process is stored. Called in the journal's thread, only while somebody follows."""
        with self._changed:
            for account in accounts:
                if account.dirty and account.id in self._by_account:
                    self._dirty.update(dict.fromkeys(self._by_account[account.id]))
            if self._dirty:
                self._changed.notify_all()

    def _run(self) -> None:
        while self._wait():
            began = time.monotonic()
            try:
                self._round(look=began >= self._look_at)
                self._failing = False
            except Exception as error:
                self._complain(error)
            self._rest()
            took = time.monotonic() - began
            pause = self._look_seconds if self._failing else min(REST_SECONDS_MAX, max(REST_SECONDS, REST_TIMES * took))
            with self._changed:
                self._changed.wait_for(lambda: self._closing, pause)

    def _wait(self) -> bool:
        """Returns when there is something to do; false when it is closed."""
        with self._changed:
            while not self._closing:
                pause = self._look_at - time.monotonic()
                if self._dirty or (self._followed and pause <= 0):
                    return True
                self._changed.wait(pause if self._followed else None)
            return False

    def _round(self, *, look: bool) -> None:
        """Reads what has changed or is new, and with `look` first finds out what has changed elsewhere."""
        started_us, started = self._core.clock(), time.monotonic()
        if look:
            self._look_at = started + self._look_seconds
            self._look(started_us)
        with self._changed:
            dirty, self._dirty = list(self._dirty), {}
        while dirty:
            try:
                self._read(dirty[:READ_MAX], started_us)
            except BaseException:
                with self._changed:
                    self._dirty.update(dict.fromkeys(item for item in dirty if item in self._followed))
                raise
            del dirty[:READ_MAX]
        for follower, since_us in self._newcomers.items():
            follower.flush(since_us)
        self._newcomers.clear()
        if look:
            self._checked_us, self._looked_at = started_us, started

    def _look(self, now_us: int) -> None:
        """Finds accounts with another version, accounts that time has changed, subjects that name others by now."""
        with reading():
            moved = self._core.store.moved_accounts(list(self._versions.items())) if self._versions else []
        catalogue = self._core.shelf.history.newest_version
        with self._changed:
            for subject, each in self._followed.items():
                if 0 < each.state.due_us <= now_us or each.state.catalogue != catalogue:
                    self._dirty[subject] = None
            for account_id in moved:
                self._dirty.update(dict.fromkeys(self._by_account.get(account_id, ())))
            subjects = self._next_to_resolve()
        found = self._core.look_up(set(subjects)) if subjects else {}
        with self._changed:
            for subject, match in found.items():
                followed = self._followed.get(subject)
                if followed and _found_by(match) != (followed.state.account_id, followed.state.found_by):
                    self._dirty[subject] = None

    def _next_to_resolve(self) -> list[Subject]:
        """So many that after RESOLVE_LOOKS looks all had their turn."""
        if not self._to_resolve:
            self._to_resolve = list(self._followed)
        number = -(-len(self._followed) // RESOLVE_LOOKS)
        subjects, self._to_resolve = self._to_resolve[:number], self._to_resolve[number:]
        return [subject for subject in subjects if subject in self._followed]

    def _read(self, subjects: Sequence[Subject], now_us: int) -> None:
        """Reads subjects in one snapshot and tells who has to hear of them."""
        found = self._core.view_all(subjects)
        memo: dict[object, bytes] = {}
        told: set[Follower] = set()
        for subject, view, fresh, others in self._news(found):
            for follower in (*fresh, *others):
                follower.tell(subject, view, memo)
            for follower in fresh:
                self._newcomers.setdefault(follower, now_us)
            told |= others
        for follower in told - self._newcomers.keys():
            follower.flush(None)

    def _news(
        self, found: dict[Subject, View | TollhouseError]
    ) -> Iterator[tuple[Subject, View | TollhouseError, set[Follower], set[Follower]]]:
        """What was found, with who hears of it first and, where it is new, the others."""
        for subject, view in found.items():
            with self._changed:
                followed = self._followed.get(subject)
                if followed is None:
                    continue
                fresh, followed.fresh = followed.fresh, set()
                state = self._state(view)
                others = followed.followers - fresh if state != followed.state else set()
                self._file(subject, followed, state)
            yield subject, view, fresh, others

    def _state(self, found: View | TollhouseError) -> _State:
        catalogue = self._core.shelf.history.newest_version
        if isinstance(found, TollhouseError):
            return _State(catalogue, found_by=found.reason)
        account = found.account
        return _State(catalogue, account.id, account.version, account.due_us, found.match.matched_by.value)

    def _file(self, subject: Subject, followed: _Followed, state: _State) -> None:
        """Keeps the state, and the accounts that are to be looked at."""
        before = followed.state.account_id
        if before and before != state.account_id:
            self._by_account[before].discard(subject)
            if not self._by_account[before]:
                del self._by_account[before], self._versions[before]
        if state.account_id:
            self._by_account.setdefault(state.account_id, set()).add(subject)
            self._versions[state.account_id] = state.version
        followed.state = state

    def _complain(self, error: Exception) -> None:
        """Says once that nothing can be told; whoever follows notices by the silence."""
        foreseen = isinstance(error, (TollhouseError, StoreFault))
        if not self._failing or not foreseen:
            log.warning("what is watched cannot be read: %s", error, exc_info=None if foreseen else error)
        self._failing = True


def _found_by(found: Match | TollhouseError) -> tuple[str, str]:
    """What of a state depends on the directory alone."""
    if isinstance(found, TollhouseError):
        return "", found.reason
    return found.account_id, found.matched_by.value

"""What every use case works with, and the two ways through it: submit to the journal, or read a snapshot."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tollhoused.domain.account import Account
from tollhoused.domain.advance import advance
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import Catalogue
from tollhoused.domain.commands import Command, Tick
from tollhoused.domain.decision import Rules
from tollhoused.domain.identity import Match, Subject
from tollhoused.domain.instants import DAY_US
from tollhoused.errors import StoreUnavailable, TollhouseError
from tollhoused.journal.journal import Journal
from tollhoused.journal.preview import preview
from tollhoused.journal.settling import Outcome
from tollhoused.store.faults import StoreFault
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.store.store import Store
from tollhoused.store.wanted import whole_accounts

PERIOD_MAX_US = 32 * DAY_US
"""Longer than any usage period: what a question about the current period has to look back."""

MATCHES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, and until when the answer is of use (in the seconds of `time.monotonic`)."""

    client: str
    deadline: float


class Matches:
    """Subjects that were resolved lately.

    Only a hint which account to lock: the journal resolves again under the lock.
    """

    def __init__(self, size_max: int = MATCHES_MAX) -> None:
        self._size_max = size_max
        self._lock = threading.Lock()
        self._known: OrderedDict[Subject, Match] = OrderedDict()

    def get(self, subject: Subject) -> Match | None:
        """The match that was found last."""
        return self._known.get(subject)

    def put(self, subject: Subject, match: Match) -> None:
        """Remembers a match, forgetting the oldest beyond the bound."""
        with self._lock:
            self._known[subject] = match
            if len(self._known) > self._size_max:
                self._known.popitem(last=False)


@dataclass(slots=True, eq=False)
class Core:
    """The parts that the doors share; composed once, at start."""

    store: Store
    shelf: CatalogueShelf
    journal: Journal
    clock: Callable[[], int]
    new_id: Callable[[str], str]
    rules: Rules
    matches: Matches = field(default_factory=Matches)

    @property
    def catalogue(self) -> Catalogue:
        """The newest version, which decides products, meters, limits and packs."""
        return self.shelf.history.newest

    def match(self, subject: Subject) -> Match:
        """The account to lock for a command; may be out of date, which the journal finds out."""
        return self.matches.get(subject) or self.resolve(subject)

    def resolve(self, subject: Subject) -> Match:
        """The account that a subject names now. Raises SubjectNotFound, SubjectConflict or NotAMember."""
        found = self.look_up({subject})[subject]
        if isinstance(found, TollhouseError):
            raise found
        return found

    def match_all(self, subjects: Sequence[Subject]) -> dict[Subject, Match | TollhouseError]:
        """The accounts to lock for many commands, or why there is none."""
        found: dict[Subject, Match | TollhouseError] = {}
        unknown = set()
        for subject in subjects:
            match = self.matches.get(subject)
            if match:
                found[subject] = match
            else:
                unknown.add(subject)
        if unknown:
            found |= self.look_up(unknown)
        return found

    def look_up(self, subjects: set[Subject]) -> dict[Subject, Match | TollhouseError]:
        """What subjects name now, or the refusal of each."""
        with reading():
            directory = self.store.directory(subjects)
        found: dict[Subject, Match | TollhouseError] = {}
        for subject in subjects:
            try:
                found[subject] = match = directory.resolve(subject)
            except TollhouseError as refusal:
                found[subject] = refusal
            else:
                self.matches.put(subject, match)
        return found

    def run(self, call: Call, command: Command, validate_only: bool) -> Settled:
        """Carries out one command, or previews it. Raises its refusal."""
        return single(self.run_all(call, [command], validate_only=validate_only))

    def run_all(
        self, call: Call, commands: Sequence[Command], *, validate_only: bool, atomic: bool = False
    ) -> list[Outcome]:
        """Carries out or previews commands; outcomes in their order."""
        if validate_only:
            with reading():
                return preview(self.store, self.shelf, self.clock, self.rules, commands, atomic)
        return self.journal.submit(commands, call.deadline, atomic).wait()

    def look(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Accounts as they are now, with everything that counts in their usage period; brought up to date in memory."""
        since_us = self.clock() - PERIOD_MAX_US
        with reading():
            books = self.store.snapshot(whole_accounts(account_ids, since_us), self.clock)
        for account in books.accounts.values():
            advance(account, max(books.clock_us, account.as_of_us), self.shelf.history)
        return books.accounts

    def up_to_date(self, call: Call, match: Match, subject: Subject) -> Account:
        """The account, once what time alone has changed is booked: lists and balances agree then."""
        with reading():
            books = self.store.snapshot(whole_accounts([match.account_id], self.clock()), self.clock)
        account = books.accounts[match.account_id]
        if account.due_us <= books.clock_us:
            single(self.run_all(call, [tick(match, subject)], validate_only=False))
        return account


@contextmanager
def reading() -> Iterator[None]:
    """Turns the store's faults into the error that a caller of a question sees."""
    try:
        yield
    except StoreFault as failure:
        raise StoreUnavailable("the database cannot be reached") from failure


def tick(match: Match, subject: Subject) -> Tick:
    """The empty command for an account."""
    return Tick(
        client="",
        idempotency_key="",
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
    )


def single(outcomes: Sequence[Outcome]) -> Settled:
    """The only outcome. Raises it when it is a refusal."""
    outcome = outcomes[0]
    if isinstance(outcome, TollhouseError):
        raise outcome
    return outcome

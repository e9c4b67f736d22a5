"""What every use case works with, and the two ways through it: submit to the journal, or read a snapshot."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from tollhoused.domain.account import Account
from tollhoused.domain.advance import UnknownCatalogueVersion, advance
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import Catalogue
from tollhoused.domain.commands import Command, Tick
from tollhoused.domain.decision import Rules
from tollhoused.domain.directory import Directory
from tollhoused.domain.identity import Match, Subject
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.keys import Environment
from tollhoused.errors import Contention, ProductNotAllowed, StoreUnavailable, SubjectNotFound, TollhouseError
from tollhoused.journal.journal import Journal, Ticket
from tollhoused.journal.preview import preview
from tollhoused.journal.settling import Outcome
from tollhoused.store.faults import StoreFault
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.store.store import Store
from tollhoused.store.wanted import whole_accounts
from tollhoused.usecases import forms
from tollhoused.usecases.desk import Desk
from tollhoused.usecases.memo import Kept, Memo

T = TypeVar("T")

PERIOD_MAX_US = 32 * DAY_US
"""Longer than any usage period: what a question about the current period has to look back."""

MATCHES_MAX = 100_000
ATTEMPTS_MAX = 4


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, and until when the answer is of use (in the seconds of `time.monotonic`).

    `products` are those that the caller may speak for, none for any; `may_create` lets it ask for accounts to be made.
    """

    client: str
    deadline: float
    products: frozenset[str] = frozenset()
    may_create: bool = True

    def product(self, catalogue: Catalogue, value: str, field: str = "product", *, required: bool = True) -> str:
        """The product that the caller speaks for; one that speaks for exactly one need not name it.

        Raises InvalidField for one that the catalogue does not have, ProductNotAllowed for somebody else's.
        """
        if not value and len(self.products) == 1:
            return next(iter(self.products))
        forms.product(catalogue, value, field, required=required)
        if value and self.products and value not in self.products:
            raise ProductNotAllowed(f"the API key does not speak for product {value}", product=value)
        return value


class MovableClock:
    """The wall clock, or in the test environment one that is ahead of it: the only clock that the books know."""

    def __init__(self, wall: Callable[[], int], offset_us: int = 0) -> None:
        self._wall = wall
        self.offset_us = offset_us

    def __call__(self) -> int:
        """Now, in microseconds since the epoch."""
        return self._wall() + self.offset_us

    def wall(self) -> int:
        """The wall clock, by which others work."""
        return self._wall()


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

    def forget(self, subject: Subject) -> None:
        """Drops a match that has turned out to be wrong."""
        self._known.pop(subject, None)

    def put(self, subject: Subject, match: Match) -> None:
        """Remembers a match, forgetting the oldest beyond the bound."""
        with self._lock:
            self._known[subject] = match
            if len(self._known) > self._size_max:
                self._known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class View:
    """An account as it is now, and how its subject was matched."""

    match: Match
    account: Account


@dataclass(slots=True, eq=False)
class Core:
    """The parts that the doors share; composed once, at start."""

    store: Store
    shelf: CatalogueShelf
    journal: Journal
    clock: MovableClock
    new_id: Callable[[str], str]
    new_secret: Callable[[], bytes]
    environment: Environment
    rules: Rules
    matches: Matches = field(default_factory=Matches)
    memo: Memo = field(default_factory=Memo)
    events_allow_private: bool = False
    """Whether outgoing events may be sent to addresses that are not public, and without TLS."""
    desk: Desk | None = None
    """Where the payment provider is asked; there need not be one."""
    closed: bool = False
    """Whether the books are still to be opened: a server starts before its database can be used. No use case may run
    then; each door asks `check_open` first.
    """

    def check_open(self) -> None:
        """Raises StoreUnavailable until the books are open."""
        if self.closed:
            raise StoreUnavailable("the database cannot be used yet")

    @property
    def live(self) -> bool:
        """Whether it is real money."""
        return self.environment is Environment.LIVE

    @property
    def return_origins(self) -> frozenset[str] | None:
        """Where customers are sent back to; None where there is no provider to send them back."""
        return self.desk.return_origins if self.desk else None

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
        return self._resolved(directory, subjects)

    def run(self, call: Call, command: Command, validate_only: bool) -> Settled:
        """Carries out one command, or previews it. Raises its refusal."""
        return single(self.run_all(call, [command], validate_only=validate_only))

    def run_all(
        self,
        call: Call,
        commands: Sequence[Command],
        *,
        validate_only: bool,
        atomic: bool = False,
        first: Sequence[Command] = (),
    ) -> list[Outcome]:
        """Carries out or previews commands; outcomes in their order.

        `first` is carried out before them, each by itself, and nobody asks what became of it.
        """
        if validate_only:
            with reading():
                return self.knowing(
                    lambda: preview(self.store, self.shelf, self.clock, self.rules, commands, atomic, first)
                )
        if atomic and first:
            self.journal.submit(first, call.deadline).wait()
            first = ()
        ticket = self.journal.submit([*first, *commands], call.deadline, atomic)
        return self.settled(commands, ticket, len(first))

    def settled(self, commands: Sequence[Command], ticket: Ticket, after: int = 0) -> list[Outcome]:
        """Waits for what became of commands that were submitted after so many others; outcomes in their order."""
        outcomes = ticket.wait()[after:]
        for command, outcome in zip(commands, outcomes, strict=True):
            elsewhere = isinstance(outcome, Settled) and outcome.answer.account_id != command.account_id
            if elsewhere or isinstance(outcome, SubjectNotFound):
                self.matches.forget(command.subject)
        return outcomes

    def view(self, subject: Subject) -> View:
        """A subject's account as it is now. Raises the subject's refusal."""
        found = self.view_all([subject])[subject]
        if isinstance(found, TollhouseError):
            raise found
        return found

    def recall(self, subject: Subject, question: Hashable, answer: Callable[[View], T]) -> T:
        """What `answer` makes of a subject's account; made anew only where something has changed since.

        `question` names everything else that the answer depends on. Subject and version are read in one snapshot.
        """
        hint, catalogue = self.matches.get(subject), self.shelf.history.newest_version
        kept = self.memo.get((hint, question)) if hint else None
        if hint and kept and kept.catalogue == catalogue:
            with reading():
                directory, version = self.store.version(subject, hint.account_id)
            if version == kept.version and self.clock() < kept.until_us and directory.resolve(subject) == hint:
                found: T = kept.answer
                return found
        view = self.view(subject)
        made = answer(view)
        account = view.account
        self.memo.put((view.match, question), Kept(account.version, catalogue, account.due_us, made))
        return made

    def view_all(self, subjects: Sequence[Subject]) -> dict[Subject, View | TollhouseError]:
        """Accounts with everything that counts in their usage period, brought up to date in memory.

        Subjects and accounts are read in one snapshot: what was found last is the hint which accounts to read, and is
        read again when the snapshot's directory says otherwise.
        """
        since_us = self.clock() - PERIOD_MAX_US
        for _ in range(ATTEMPTS_MAX):
            hints = {match.account_id for subject in subjects if (match := self.matches.get(subject))}
            wanted = whole_accounts(sorted(hints), since_us)
            wanted.subjects.update(subjects)
            with reading():
                books = self.store.snapshot(wanted, self.clock)
            found = self._resolved(books.directory, set(subjects))
            matches = [match for match in found.values() if isinstance(match, Match)]
            if all(match.account_id in books.accounts for match in matches):
                for account in books.accounts.values():
                    self._advance(account, books.clock_us)
                return {
                    subject: View(match, books.accounts[match.account_id]) if isinstance(match, Match) else match
                    for subject, match in found.items()
                }
        raise Contention("the subject's account changed at every attempt")

    def _advance(self, account: Account, clock_us: int) -> None:
        now_us = max(clock_us, account.as_of_us)
        self.knowing(lambda: advance(account, now_us, self.shelf.history))

    def knowing(self, ask: Callable[[], T]) -> T:
        """What `ask` gives; asked again with the newest versions when one was met that another replica has applied."""
        try:
            return ask()
        except UnknownCatalogueVersion:
            with reading():
                self.shelf.refresh()
            return ask()

    def _resolved(self, directory: Directory, subjects: set[Subject]) -> dict[Subject, Match | TollhouseError]:
        """What the directory makes of the subjects; matches are remembered as hints."""
        found: dict[Subject, Match | TollhouseError] = {}
        for subject in subjects:
            try:
                found[subject] = match = directory.resolve(subject)
            except TollhouseError as refusal:
                found[subject] = refusal
            else:
                self.matches.put(subject, match)
        return found

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

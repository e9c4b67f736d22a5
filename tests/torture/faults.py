"""Planted faults: the classic ways of billing wrongly, each planted in the server as it is, so that runs must find it.

Most are known from published defects of billing and ledger systems. Each is planted by replacing a function or two.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg

from tests.torture.money_faults import (
    EVENT_ACKNOWLEDGED,
    PROVIDER_ANSWERED,
    plant_charged_again,
    plant_credited_twice,
    plant_credits_before_payment,
    plant_event_acknowledged_first,
    plant_reload_beside_another,
)
from tests.torture.switch import SWITCH
from tollhoused.domain import usage as domain_usage
from tollhoused.domain.account import Account, Posting, burn
from tollhoused.domain.books import Books, Moved, Operation, Settled
from tollhoused.domain.commands import Command, RecordUsage
from tollhoused.domain.identity import Match, Subject
from tollhoused.journal.journal import Journal, Piece, Ticket
from tollhoused.store import postgres, tables
from tollhoused.store.dialect import Dialect, Write
from tollhoused.store.loading import writes
from tollhoused.store.sqlite import SqliteSession
from tollhoused.store.statements import Statements
from tollhoused.store.store import Batch
from tollhoused.store.wanted import wanted_by
from tollhoused.usecases.core import Core

BEFORE_COMMIT = "before commit"
AFTER_COMMIT = "after commit"
BETWEEN = "between two transactions"
ACKNOWLEDGED = "acknowledged before commit"
NAMED_POINTS = (BEFORE_COMMIT, AFTER_COMMIT)
"""Where the correct server can be told to kill itself."""

REACH_CLIENT_SECONDS = 0.05
"""Long enough for an answer to leave the process."""

LOOK_SECONDS = 0.01
"""Between a look at the store and what follows from it; other calls come between, as they do under load."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault. `points` are the places at which a crash shows it; a fault with none shows without one."""

    plant: Callable[[], None]
    points: tuple[str, ...] = ()


def replace(owner: object, name: str, new: object) -> None:
    """Puts `new` in the place of a function or class, for good."""
    patch.object(owner, name, new).start()


def watch_commits() -> None:
    """Named points around every commit of a batch."""
    commit = Batch.commit

    def watched(self: Batch, books: Books) -> None:
        SWITCH.passing(BEFORE_COMMIT)
        commit(self, books)
        SWITCH.passing(AFTER_COMMIT)

    replace(Batch, "commit", watched)


def plant_no_dedupe() -> None:
    """A known key is carried out again, and its row is overwritten."""

    def never(self: Books, command: Command) -> Settled | None:
        return None

    _overwrite_operations()
    replace(Books, "_replay", never)


def plant_dedupe_outside() -> None:
    """The key is looked up before the call is queued; under the lock nobody looks again."""
    seen: dict[int, tuple[Command, Operation | None]] = {}
    submit = Journal.submit
    replay = Books._replay

    def look_then_submit(self: Journal, commands: Sequence[Command], deadline: float, atomic: bool = False) -> Ticket:
        for command in commands:
            seen[id(command)] = command, self._store.operation(command.idempotency_key, command.client)
        time.sleep(LOOK_SECONDS)  # see LOOK_SECONDS
        return submit(self, commands, deadline, atomic)

    def replay_what_was_seen(self: Books, command: Command) -> Settled | None:
        _, operation = seen.get(id(command), (command, None))
        key = (command.idempotency_key, command.client)
        known = self.operations.pop(key, None)
        if operation is not None:
            self.operations[key] = operation
        settled = replay(self, command)
        if known is not None:
            self.operations[key] = known
        return settled

    _overwrite_operations()
    replace(Journal, "submit", look_then_submit)
    replace(Books, "_replay", replay_what_was_seen)


def plant_claim_first() -> None:
    """The key is stored in a transaction of its own, then the work is done in another."""
    _commit_in_two(lambda statements, write: write == statements.insert_operations)


def plant_two_transactions() -> None:
    """The usage is stored in one transaction, the debit in a second one."""

    def is_usage(statements: Statements, write: Write) -> bool:
        return write not in (statements.insert_entries, statements.upsert_grants, statements.update_accounts)

    _commit_in_two(is_usage)


def plant_acknowledge_first() -> None:
    """Callers who record usage are answered, then the batch is committed."""
    transact = Journal._transact

    def answer_then_commit(self: Journal, pieces: list[Piece], *, patient: bool = True) -> list[Piece]:
        commands = [command for piece in pieces for command in piece.commands]
        if not all(isinstance(command, RecordUsage) for command in commands):
            return transact(self, pieces, patient=patient)
        with self._store.batch() as batch:
            books = batch.load(wanted_by(commands), self._clock)
            for piece in pieces:
                settled = self._settle(books, piece)
                piece.answer([outcome for outcome in settled if not isinstance(outcome, Moved)])
            time.sleep(REACH_CLIENT_SECONDS)  # a commit that waits for a slow disk
            SWITCH.passing(ACKNOWLEDGED)
            batch.commit(books)
        return []

    replace(Journal, "_transact", answer_then_commit)


def plant_no_floor() -> None:
    """Nobody asks whether the credits suffice; what they cannot pay becomes debt."""

    def pay_anyway(
        account: Account, meter: str, charge_nanos: int, now_us: int, refusals: object
    ) -> tuple[list[Posting], int]:
        return burn(account.usable_grants(meter, now_us), charge_nanos)

    replace(domain_usage, "pay", pay_anyway)


def plant_lost_update() -> None:
    """Accounts are read without a lock and written without a look at their version."""
    make = Statements.__init__

    def make_unlocked(self: Statements, dialect: Dialect) -> None:
        make(self, dialect)
        self.accounts_locked = self.accounts
        versioned = self.update_accounts
        unchecked, found = re.subn(r" AND accounts\.version = \w+\.loaded_version", "", versioned.sql)
        assert found == 1, versioned.sql
        self.update_accounts = Write(unchecked, versioned.relation, counted=True)

    replace(Statements, "__init__", make_unlocked)


def plant_wrong_account() -> None:
    """Resolved subjects are remembered without their organization, and nobody resolves again under the lock."""
    remembered: dict[tuple[str, str], Match] = {}

    def hasty_match(self: Core, subject: Subject) -> Match:
        name = (subject.user_id, subject.email)
        if name not in remembered:
            remembered[name] = self.resolve(subject)
        return remembered[name]

    def trusted_account(self: Books, command: Command) -> Account:
        return self.accounts[command.account_id]

    replace(Core, "match", hasty_match)
    replace(Books, "_account", trusted_account)


def plant_no_reconnect() -> None:
    """A connection that the database has closed is kept, and used for ever."""
    ended = postgres._ended

    def kept(connection: psycopg.Connection[Any] | None, failure: object = None) -> psycopg.Connection[Any] | None:
        ended(connection)
        return connection

    replace(postgres, "_ended", kept)


def plant_undeclared_error() -> None:
    """A decision fails in a way that nothing provides for."""

    def fail(*arguments: object) -> None:
        raise LookupError("no quota for this meter")

    replace(domain_usage, "check_quota", fail)


def _overwrite_operations() -> None:
    """Lets a key be stored again; its primary key would otherwise refuse what the faults above let through."""
    make = Statements.__init__

    def make_overwriting(self: Statements, dialect: Dialect) -> None:
        make(self, dialect)
        self.insert_operations = dialect.upsert(tables.operations)

    replace(Statements, "__init__", make_overwriting)


def _commit_in_two(is_first: Callable[[Statements, Write], bool]) -> None:
    """Commits some of a batch's writes, passes the point, commits the others."""

    def commit(self: Batch, books: Books) -> None:
        changed = writes(self._statements, books)
        first = [item for item in changed if is_first(self._statements, item[0])]
        second = [item for item in changed if not is_first(self._statements, item[0])]
        if first and second:
            self._session.commit(first)
            SWITCH.passing(BETWEEN)
            if isinstance(self._session, SqliteSession):
                self._session.connection.execute("BEGIN IMMEDIATE")
        if changed:
            self._session.commit(second or first)

    replace(Batch, "commit", commit)


def _nothing() -> None:
    """The server as it is."""


FAULTS = {
    "none": Fault(_nothing, NAMED_POINTS),
    "no-dedupe": Fault(plant_no_dedupe),
    "dedupe-outside": Fault(plant_dedupe_outside),
    "claim-first": Fault(plant_claim_first, (BETWEEN,)),
    "two-transactions": Fault(plant_two_transactions, (BETWEEN,)),
    "acknowledge-first": Fault(plant_acknowledge_first, (ACKNOWLEDGED,)),
    "no-floor": Fault(plant_no_floor),
    "lost-update": Fault(plant_lost_update),
    "wrong-account": Fault(plant_wrong_account),
    "no-reconnect": Fault(plant_no_reconnect),
    "undeclared-error": Fault(plant_undeclared_error),
    "credited-twice": Fault(plant_credited_twice),
    "credits-before-payment": Fault(plant_credits_before_payment),
    "charged-again": Fault(plant_charged_again, (PROVIDER_ANSWERED,)),
    "event-acknowledged-first": Fault(plant_event_acknowledged_first, (EVENT_ACKNOWLEDGED,)),
    "reload-beside-another": Fault(plant_reload_beside_another),
}

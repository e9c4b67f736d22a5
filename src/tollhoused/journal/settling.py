"""Settles what was asked on loaded books; shared by the journal, which saves them, and by previews, which do not."""

from collections.abc import Sequence
from dataclasses import replace

from tollhoused.domain.books import Books, Moved, Settled
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.commands import Command
from tollhoused.domain.decision import Rules
from tollhoused.errors import InvalidField, TollhouseError

Outcome = Settled | TollhouseError


def settle_each(
    books: Books, commands: Sequence[Command], history: CatalogueHistory, rules: Rules
) -> list[Outcome | Moved]:
    """Independent commands: an outcome for each, or word that its subject has moved."""
    outcomes: list[Outcome | Moved] = []
    for command in commands:
        try:
            outcomes.append(books.settle(command, history, rules))
        except (TollhouseError, Moved) as refusal:
            outcomes.append(refusal)
    return outcomes


def settle_together(
    books: Books, commands: Sequence[Command], history: CatalogueHistory, rules: Rules
) -> list[Outcome | Moved]:
    """Commands of one account, all or none: one refusal is the outcome of each."""
    try:
        return list(books.settle_atomic(commands, history, rules))
    except TollhouseError as refusal:
        return [refusal] * len(commands)
    except Moved:
        return _whereabouts(books, commands)


def aimed_together(commands: Sequence[Command]) -> list[Command]:
    """The commands of an atomic call, aimed at the account of the first: which one it is shows under the lock."""
    first = commands[0]
    return [
        command if command.account_id == first.account_id else replace(command, account_id=first.account_id)
        for command in commands
    ]


def redirected(commands: Sequence[Command], outcomes: Sequence[Outcome | Moved]) -> list[Command]:
    """The commands, those that have moved aimed at the accounts that their subjects name now."""
    return [
        outcome.redirected(command) if isinstance(outcome, Moved) else command
        for command, outcome in zip(commands, outcomes, strict=True)
    ]


def _whereabouts(books: Books, commands: Sequence[Command]) -> list[Outcome | Moved]:
    """Where the subjects of an atomic call are now: at one account, or it must be refused."""
    moved: list[Outcome | Moved] = []
    account_id = None
    for index, command in enumerate(commands):
        try:
            match = books.directory.resolve(command.subject)
        except TollhouseError as refusal:
            return [refusal.at_item(index)] * len(commands)
        account_id = account_id or match.account_id
        if match.account_id != account_id:
            field = f"items[{index}].subject"
            return [InvalidField(field, "names another account than the first item of an atomic batch")] * len(commands)
        moved.append(Moved(match.account_id, match.matched_by))
    return moved

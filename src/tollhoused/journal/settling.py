"""Settles what was asked on loaded books; shared by the journal, which saves them, and by previews, which do not."""

from collections.abc import Sequence
from dataclasses import replace

from tollhoused.domain.books import Books, Moved, Settled
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.commands import Command
from tollhoused.domain.decision import Rules
from tollhoused.errors import TollhouseError

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
    except (TollhouseError, Moved) as refusal:
        return [refusal] * len(commands)


def redirected(command: Command, moved: Moved) -> Command:
    """The command for the account that its subject names now."""
    return replace(command, account_id=moved.account_id, matched_by=moved.matched_by)

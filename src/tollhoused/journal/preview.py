"""What a command would answer now, decided on a snapshot that nobody saves (requirement U13)."""

from collections.abc import Callable, Sequence

from tollhoused.domain.advance import UnknownCatalogueVersion
from tollhoused.domain.books import Moved
from tollhoused.domain.commands import Command
from tollhoused.domain.decision import Rules
from tollhoused.errors import Contention
from tollhoused.journal.settling import Outcome, aimed_together, redirected, settle_each, settle_together
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.store.store import Store
from tollhoused.store.wanted import wanted_by

ATTEMPTS_MAX = 3


def preview(
    store: Store,
    shelf: CatalogueShelf,
    clock: Callable[[], int],
    rules: Rules,
    commands: Sequence[Command],
    atomic: bool,
    first: Sequence[Command] = (),
) -> list[Outcome]:
    """The outcomes that the journal would give, and nothing written; `first` is settled before them.

    Raises StoreFault, and Contention if subjects keep moving.
    """
    settle = settle_together if atomic else settle_each
    commands = aimed_together(commands) if atomic else commands
    for _ in range(ATTEMPTS_MAX):
        books = store.snapshot(wanted_by([*first, *commands]), clock)
        try:
            before = settle_each(books, first, shelf.history, rules)
            outcomes = settle(books, commands, shelf.history, rules)
        except UnknownCatalogueVersion:
            shelf.refresh()
            continue
        settled = [outcome for outcome in outcomes if not isinstance(outcome, Moved)]
        if len(settled) == len(outcomes):
            return settled
        commands, first = redirected(commands, outcomes), redirected(first, before)
    raise Contention("the subject's account changed at every attempt")

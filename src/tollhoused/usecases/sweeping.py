"""Books what time alone has done to accounts that nobody calls about (requirement S7): never needed to be right."""

from tollhoused.domain.identity import Match, MatchedBy, Subject
from tollhoused.journal.journal import Ticket
from tollhoused.usecases.core import Core, reading, tick


def sweep(core: Core, deadline: float, accounts_max: int) -> list[Ticket]:
    """Submits the empty command for accounts that are due, longest overdue first; the tickets say what became of it.

    One ticket for each, so that an account that the database refuses keeps no other waiting. `deadline` is in the
    seconds of `time.monotonic`. Raises Overloaded or ShuttingDown when the journal takes no more, and StoreUnavailable.
    """
    with reading():
        due = core.store.due_accounts(core.clock(), accounts_max)
    nobody = Subject()
    return [core.journal.submit([tick(Match(account_id, MatchedBy.USER_ID), nobody)], deadline) for account_id in due]

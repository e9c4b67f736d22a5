"""Accounts one after the other, for operators who look for one (requirement O4)."""

from collections.abc import Iterator
from dataclasses import dataclass

from tollhoused.domain.account import Account
from tollhoused.domain.advance import advance
from tollhoused.domain.identity import Organization, User
from tollhoused.store.wanted import whole_accounts
from tollhoused.usecases.core import PERIOD_MAX_US, Core, reading

PAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """An account as it stands now, and who it belongs to."""

    account: Account
    users: list[User]
    organizations: list[Organization]


def list_accounts(core: Core, after: str, size: int) -> Iterator[Entry]:
    """Up to `size` accounts in the order of their ids, which is the order of their making, after the id `after`."""
    while size > 0:
        with reading():
            ids = [account.id for account in core.store.accounts(after, min(size, PAGE))]
        if not ids:
            return
        yield from look(core, ids)
        size -= len(ids)
        after = ids[-1]


def look(core: Core, account_ids: list[str]) -> list[Entry]:
    """These accounts, brought up to date in memory."""
    with reading():
        books = core.store.snapshot(whole_accounts(account_ids, core.clock() - PERIOD_MAX_US), core.clock)
        core.shelf.refresh()  # after the snapshot, so that no version in it is unknown
        entries = []
        for account_id in account_ids:
            account = books.accounts[account_id]
            advance(account, max(books.clock_us, account.as_of_us), core.shelf.history)
            entries.append(Entry(account, *core.store.names(account_id)))
    return entries

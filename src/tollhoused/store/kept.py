"""Accounts as the last batches left them, so that the next ones need not load what nobody has changed since.

Every batch locks the accounts' rows and reads them all the same. Their version moves with whatever belongs to an
account, so an account that is kept with the version of the locked row is exactly what would be loaded, whoever else
writes to the database. Only the reading and making of segments, counters and grants is saved.
"""

from collections import OrderedDict

from tollhoused.domain.account import NEVER_US, Account, Changes
from tollhoused.domain.books import Books
from tollhoused.domain.reservations import LIFE_MAX_US
from tollhoused.store.wanted import Wanted

KEPT_MAX = 10_000
"""An account takes some three kilobytes."""


class KeptAccounts:
    """For the one thread that writes. What was taken is not kept any more: it comes back when it is stored."""

    def __init__(self, size_max: int = KEPT_MAX) -> None:
        self._size_max = size_max
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def take(self, wanted: Wanted) -> dict[str, Account]:
        """Of the wanted accounts those with everything that is wanted of them, as they were stored."""
        if not self._accounts:
            return {}
        meters: dict[str, list[str]] = {}
        for account_id, meter in wanted.meters:
            meters.setdefault(account_id, []).append(meter)
        apart = {account_id for account_id, _ in (*wanted.reservations, *wanted.intents, *wanted.subscriptions)}
        apart.update(wanted.whole, [account_id for account_id, _, _ in wanted.paid])
        taken = {}
        for account_id, since_us in wanted.accounts.items():
            account = self._accounts.pop(account_id, None)
            if account is None or since_us != NEVER_US or account_id in apart:
                continue
            start_us = account.segment.start_us
            if all((start_us, meter) in account.counters for meter in meters.get(account_id, ())):
                _as_stored(account)
                taken[account_id] = account
        return taken

    def keep(self, books: Books) -> None:
        """Keeps the accounts of books that were stored; what open reservations hold is always looked up."""
        for account in books.accounts.values():
            if not account.open_reservations:
                self._accounts[account.id] = account
        while len(self._accounts) > self._size_max:
            self._accounts.popitem(last=False)


def _as_stored(account: Account) -> None:
    """Brings an account to what loading it for a usage event that comes now would make of its rows."""
    if account.dirty or account.version == 0:
        account.version += 1
    account.dirty, account.whole = False, False
    account.changes = Changes()
    for part in (account.subscriptions, account.overrides, account.reservations, account.intents):
        part.clear()
    if len(account.segments) > 1:
        oldest_us = account.as_of_us - LIFE_MAX_US
        account.segments = [item for item in account.segments if item.end_us is None or item.end_us > oldest_us]
        starts = {segment.start_us for segment in account.segments}
        account.counters = {key: counter for key, counter in account.counters.items() if key[0] in starts}
    if any(grant.remaining_nanos == 0 for grant in account.grants.values()):
        account.grants = {id_: grant for id_, grant in account.grants.items() if grant.remaining_nanos}

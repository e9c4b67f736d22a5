"""Accounts that are kept between batches are what loading them would give, whoever else writes."""

import pytest

from tests.support.books import execute
from tests.support.house import DAY_US, Clock, CoreMaker, give_credits, make_user, record, usage_report, use
from tollhoused.domain.account import Account
from tollhoused.errors import QuotaExceeded, TollhouseError
from tollhoused.store.kept import KeptAccounts
from tollhoused.store.loading import load
from tollhoused.store.store import Store
from tollhoused.store.wanted import Wanted, whole_accounts
from tollhoused.usecases.core import Core


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the accounts that batches did not have to load, as they go."""
    ids: list[str] = []
    take = KeptAccounts.take

    def noted(self: KeptAccounts, wanted: Wanted) -> dict[str, Account]:
        found = take(self, wanted)
        ids.extend(found)
        return found

    monkeypatch.setattr(KeptAccounts, "take", noted)
    return ids


def _stored(store: Store, account_id: str, clock: Clock) -> Account:
    with store.engine.reading() as session:
        books = load(session, store._statements, whole_accounts([account_id], 0), clock, lock=False)
    return books.accounts[account_id]


def test_an_account_that_nobody_has_changed_is_not_loaded_again(core: Core, taken: list[str]) -> None:
    account_id = make_user(core, "ann").account_id
    give_credits(core, "ann", 100)
    use(core, "ann", "k1", 10)
    taken.clear()

    answers = [use(core, "ann", f"more{number}") for number in range(3)]

    assert taken == [account_id] * 3
    assert [answer.new_usage for answer in answers] == [11, 12, 13]


def test_what_another_process_has_changed_is_loaded_again(
    database_url: str, make_core: CoreMaker, clock: Clock, taken: list[str]
) -> None:
    one, other = make_core(database_url), make_core(database_url)
    account_id = make_user(one, "ann").account_id
    give_credits(one, "ann", 1)
    use(one, "ann", "k0", 10)
    usage = [use(core, "ann", f"k{number}").new_usage for number, core in enumerate([one, other, other, one, one], 1)]

    assert usage == [11, 12, 13, 14, 15]
    assert account_id in taken
    stored = _stored(one.store, account_id, clock)
    assert stored.balance_nanos == 1_000_000_000 - 5 * 40_000_000
    assert stored.ledger_seq == 6


def test_a_refusal_leaves_nothing_behind_in_what_is_kept(core: Core, clock: Clock) -> None:
    account_id = make_user(core, "ann").account_id
    use(core, "ann", "k1", 10)
    for number in range(2):
        with pytest.raises(TollhouseError) as refusal:
            record(core, usage_report("ann", f"dear{number}", 5))
        assert not isinstance(refusal.value, QuotaExceeded)

    assert _stored(core.store, account_id, clock).segment.start_us
    give_credits(core, "ann", 1)
    assert use(core, "ann", "k2").new_usage == 11


def test_a_period_turns_for_a_kept_account_as_for_any(core: Core, clock: Clock) -> None:
    make_user(core, "ann")
    use(core, "ann", "k1", 10)
    clock.now_us += 32 * DAY_US

    assert use(core, "ann", "k2", 10).new_usage == 10
    with pytest.raises(TollhouseError):
        use(core, "ann", "k3")


def test_late_usage_counts_where_it_belongs(core: Core, clock: Clock) -> None:
    make_user(core, "ann")
    use(core, "ann", "k1", 4)
    before_us = clock.now_us
    clock.now_us += 32 * DAY_US
    use(core, "ann", "k2", 10)

    late = record(core, usage_report("ann", "late", 6, event_us=before_us)).answer

    assert late.new_usage == 10  # type: ignore[union-attr]
    with pytest.raises(TollhouseError):
        use(core, "ann", "k3")


def test_only_so_many_are_kept(core: Core) -> None:
    few = KeptAccounts(size_max=2)
    core.store._kept = few
    ids = [make_user(core, f"user-{number}").account_id for number in range(4)]

    assert list(few._accounts) == ids[2:]


def test_what_was_done_behind_the_version_is_why_it_must_move(core: Core, database_url: str, clock: Clock) -> None:
    """What the whole rests on: whoever changes what belongs to an account moves its version, or is not heard."""
    account_id = make_user(core, "ann").account_id
    use(core, "ann", "k1", 3)
    execute(database_url, "UPDATE counters SET used = 5")
    execute(database_url, f"UPDATE accounts SET version = version + 1 WHERE id = '{account_id}'")

    assert use(core, "ann", "k2", 1).new_usage == 6

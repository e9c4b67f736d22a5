"""Somebody who is erased and comes back at the same moment is erased or made anew, and nobody hears of a contention."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.books import broken_rules, query
from tests.support.house import CoreMaker, call, join, leave, make_organization, make_user, use
from tests.support.watched import BEGIN, WatchedEngine
from tollhoused.domain.identity import MatchedBy, Subject
from tollhoused.domain.people import EraseUser
from tollhoused.domain.proof import Finding
from tollhoused.errors import MembershipNotFound, NotAMember, SubjectConflict, SubjectNotFound
from tollhoused.usecases import erasing
from tollhoused.usecases.core import Core
from tollhoused.usecases.members import aimed
from tollhoused.usecases.verify import verify

PEOPLE = ("ann", "bob")
MAILS = ("ann@example.org", "bob@example.org")
STORM_SECONDS = 2.0
CALLERS = 6
DOCUMENTED = (SubjectNotFound, SubjectConflict, MembershipNotFound, NotAMember)
"""What may become of such calls beside success; all of them say that nothing was recorded."""


def _erase(core: Core, user_id: str) -> str:
    key = core.new_id("erase")
    settled = erasing.erase_user(core, call(), user_id=user_id, email="", idempotency_key=key, validate_only=False)
    return settled.answer.account_id


def _add(core: Core, user_id: str, email: str = "") -> str:
    return make_user(core, user_id, email=email, key=core.new_id("add")).account_id


def _findings(core: Core) -> list[Finding]:
    found: list[Finding] = []
    verify(core.store, found.append)
    return found


def test_who_is_erased_before_an_upsert_gets_its_lock_is_made_anew(
    watched_core: Core, watch: WatchedEngine, database_url: str, make_core: CoreMaker
) -> None:
    """The upsert has found the account that the person had, which is nobody's by the time it is carried out."""
    other = make_core(database_url)
    before = _add(watched_core, "ann", "ann@example.org")
    watch.once(BEGIN, lambda: _erase(other, "ann"))

    after = make_user(watched_core, "ann", email="ann@example.org", key="again")

    assert after.created
    assert after.account_id != before
    assert watched_core.resolve(Subject(email="ann@example.org")).account_id == after.account_id
    assert _findings(watched_core) == []


def test_an_upsert_that_moves_and_then_loses_whom_it_was_sent_to_makes_somebody(
    watched_core: Core, watch: WatchedEngine, database_url: str, make_core: CoreMaker
) -> None:
    """Nobody was there; then another process made her, to whom the journal turned; then she was erased."""
    other = make_core(database_url)
    watch.once(BEGIN, lambda: _add(other, "ann"))
    watch.once(BEGIN, lambda: _erase(other, "ann"))

    after = make_user(watched_core, "ann", key="again")

    assert after.created
    assert query(database_url, "SELECT count(*) FROM accounts") == [(2,)]


def test_an_erasure_and_a_comeback_in_one_batch_leave_two_accounts(database_url: str, make_core: CoreMaker) -> None:
    make_user(make_core(database_url), "ann")
    core = make_core(database_url, start=False)
    subject = Subject(user_id="ann")
    erase = EraseUser(
        client="local", idempotency_key="erase", subject=subject, account_id="", matched_by=MatchedBy.USER_ID
    )
    tickets = [core.journal.submit([aimed(core, erase)], time.monotonic() + 30)]
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_add, core, "ann")
        while core.journal.waiting < 2:
            time.sleep(0.01)  # the call is on its way to the queue, and tells nobody
        core.journal.start()
        tickets[0].wait()
        again = coming.result(30)

    assert core.resolve(subject).account_id == again
    assert query(database_url, "SELECT count(*) FROM accounts") == [(2,)]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_storm_of_comings_and_goings_has_documented_outcomes_only(
    database_url: str, make_core: CoreMaker, caplog: pytest.LogCaptureFixture, processes: int
) -> None:
    caplog.set_level(logging.ERROR, "tollhoused")
    cores = [make_core(database_url) for _ in range(processes)]
    make_organization(cores[0], "acme")
    make_organization(cores[0], "bolt")
    until = time.monotonic() + STORM_SECONDS

    def caller(number: int) -> Counter[str]:
        core, chance = cores[number % processes], random.Random(number)
        acts: list[Callable[[str], object]] = [
            lambda who: _add(core, who),
            lambda who: _add(core, who, chance.choice(MAILS)),
            lambda who: make_user(core, "", email=chance.choice(MAILS), key=core.new_id("add")),
            lambda who: _erase(core, who),
            lambda who: join(core, who, chance.choice(("acme", "bolt")), is_primary=chance.random() < 0.5),
            lambda who: leave(core, who, chance.choice(("acme", "bolt"))),
            lambda who: use(core, who, core.new_id("use"), meter="api_calls"),
        ]
        ends: Counter[str] = Counter()
        while time.monotonic() < until:
            act = chance.randrange(len(acts))
            try:
                acts[act](chance.choice(PEOPLE))
                ends[f"{act} stored"] += 1
            except DOCUMENTED as error:
                ends[f"{act} {type(error).__name__}"] += 1
        return ends

    with ThreadPoolExecutor(CALLERS) as pool:
        ends = sum(pool.map(caller, range(CALLERS)), Counter())

    assert {f"{act} stored" for act in range(7)} <= ends.keys(), ends
    assert [record.getMessage() for record in caplog.records] == []
    assert _findings(cores[0]) == []
    assert broken_rules(database_url) == {}

"""Who belongs where is decided under the locks, on every replica: no call counts where its person is no member."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from tests.support.books import broken_rules, query
from tests.support.house import (
    CoreMaker,
    call,
    join,
    leave,
    make_organization,
    make_user,
    person,
    usage_report,
    use,
)
from tests.support.watched import BEGIN, COMMIT, Gate, WatchedEngine
from tollhoused.domain.account import AccountKind
from tollhoused.domain.answers import UsageAnswer
from tollhoused.domain.identity import Subject
from tollhoused.errors import IdempotencyKeyReused, MembershipNotFound, NotAMember
from tollhoused.usecases import usage
from tollhoused.usecases.core import Core


@pytest.fixture
def cores(watched_core: Core, database_url: str, make_core: CoreMaker) -> tuple[Core, Core]:
    """Two processes on one database, the first under watch: ann, and the organizations acme and bolt."""
    make_user(watched_core, "ann", email="ann@example.org")
    make_organization(watched_core, "acme")
    make_organization(watched_core, "bolt")
    return watched_core, make_core(database_url)


def _account(core: Core, **subject: str) -> str:
    return core.resolve(Subject(**subject)).account_id


def _use_in(core: Core, org_id: str, key: str) -> UsageAnswer:
    report = usage_report("ann", key, meter="api_calls")
    in_organization = usage.UsageReport("ann", "", org_id, *[getattr(report, name) for name in report.__slots__[3:]])
    answer = usage.record(core, call(), in_organization, False).answer
    assert isinstance(answer, UsageAnswer)
    return answer


def test_calls_follow_the_primary_membership_on_every_replica(cores: tuple[Core, Core], database_url: str) -> None:
    first, second = cores
    found = [use(second, "ann", "0").account_id]
    join(first, "ann", "acme", is_primary=True)
    found.append(use(second, "ann", "1").account_id)
    join(first, "ann", "bolt", is_primary=True)
    found.append(use(second, "ann", "2").account_id)
    leave(first, "ann", "bolt")
    found.append(use(second, "ann", "3").account_id)

    personal = query(database_url, "SELECT account FROM users")[0][0]
    assert found == [personal, _account(first, org_id="acme"), _account(first, org_id="bolt"), personal]
    assert broken_rules(database_url) == {}


def test_questions_follow_it_too(cores: tuple[Core, Core]) -> None:
    first, second = cores
    before = second.view(person("ann")).account
    join(first, "ann", "acme", is_primary=True)
    after = second.view(person("ann")).account

    assert (before.kind, after.kind) == (AccountKind.PERSONAL, AccountKind.ORGANIZATION)
    assert after.id == _account(first, org_id="acme")


def test_a_membership_that_ends_while_a_record_is_on_its_way_is_not_used(cores: tuple[Core, Core]) -> None:
    """The other process ends it after this one has looked the subject up, and before it locks the account."""
    first, second = cores
    join(second, "ann", "acme", is_primary=True)
    _use_in(first, "acme", "0")
    personal = make_user(second, "ann", key="again").account_id
    for number, alone in enumerate((True, False)):
        _watch(first).once(BEGIN, lambda: leave(second, "ann", "acme"))
        if alone:
            assert use(first, "ann", f"alone {number}").account_id == personal
        else:
            with pytest.raises(NotAMember):
                _use_in(first, "acme", f"in acme {number}")
        join(second, "ann", "acme", is_primary=True)


def _watch(core: Core) -> WatchedEngine:
    engine = core.store.engine
    assert isinstance(engine, WatchedEngine)
    return engine


@pytest.mark.parametrize("change", [leave, lambda core, user, _: join(core, user, "bolt", is_primary=True)])
def test_a_change_waits_for_records_under_way(
    cores: tuple[Core, Core], database_url: str, change: Callable[[Core, str, str], object]
) -> None:
    """Once a change is answered, nothing is stored any more where the person's calls counted before it."""
    first, second = cores
    join(second, "ann", "acme", is_primary=True)
    gate = Gate()
    _watch(first).once(COMMIT, gate)
    with ThreadPoolExecutor(2) as pool:
        recording = pool.submit(use, first, "ann", "under way")
        assert gate.reached.wait(30)
        changing = pool.submit(change, second, "ann", "acme")
        _, waiting = wait([changing], timeout=0.3)
        gate.open()
        answer = recording.result(30)
        changing.result(30)

    assert waiting == {changing}
    assert answer.account_id == _account(first, org_id="acme")
    assert broken_rules(database_url) == {}


def test_two_processes_that_make_different_memberships_primary_leave_one(
    cores: tuple[Core, Core], database_url: str
) -> None:
    first, second = cores
    _watch(first).once(BEGIN, lambda: join(second, "ann", "bolt", is_primary=True))

    join(first, "ann", "acme", is_primary=True)

    rows = query(database_url, "SELECT org_id, is_primary FROM memberships ORDER BY org_id")
    assert rows == [("acme", 1), ("bolt", 0)]


def test_at_once_on_two_processes_one_membership_ends_up_primary(cores: tuple[Core, Core], database_url: str) -> None:
    def switch(number: int) -> None:
        for round_ in range(6):
            join(cores[number % 2], "ann", ("acme", "bolt")[(number + round_) % 2], is_primary=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(switch, range(4)))

    assert query(database_url, "SELECT sum(is_primary) FROM memberships") == [(1,)]


def test_a_repeated_command_gets_its_first_answer(cores: tuple[Core, Core], database_url: str) -> None:
    first, second = cores
    joined = join(first, "ann", "acme", is_primary=True, key="join")
    left = leave(first, "ann", "acme", key="leave")

    assert join(second, "ann", "acme", is_primary=True, key="join") == joined._replace(replayed=True)
    assert leave(second, "ann", "acme", key="leave") == left._replace(replayed=True)
    with pytest.raises(IdempotencyKeyReused, match="another is_primary"):
        join(second, "ann", "acme", key="join")
    with pytest.raises(MembershipNotFound):
        leave(second, "ann", "acme")
    assert query(database_url, "SELECT * FROM memberships") == []
    acts = {entry.action for entry in first.store.audit(0, 2**62, None, 9)}
    assert acts >= {"add_member", "remove_member"}

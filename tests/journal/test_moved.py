"""What a subject names is decided under the locks, whatever it named when the call was made."""

import time
from collections.abc import Callable

import pytest

from tests.support.books import broken_rules, keys, query
from tests.support.house import CoreMaker, call, make_user, usage_answer, usage_report
from tests.support.watched import BEGIN, COMMIT, COMMITTED, WatchedEngine
from tollhoused.domain.books import Settled
from tollhoused.domain.commands import RecordUsage
from tollhoused.domain.identity import Subject
from tollhoused.errors import InvalidField, SubjectNotFound
from tollhoused.journal.settling import Outcome
from tollhoused.store.store import Store
from tollhoused.usecases import usage
from tollhoused.usecases.core import Core

SHARED = "desk@example.org"


def _report(key: str, *, user_id: str = "", email: str = "", quantity: int = 1) -> usage.UsageReport:
    report = usage_report(user_id, key, quantity, meter="api_calls")
    return usage.UsageReport(user_id, email, "", *[getattr(report, name) for name in report.__slots__[3:]])


def _command(core: Core, report: usage.UsageReport) -> RecordUsage:
    return usage.usage_command(core, call(), report, Subject(report.user_id, report.email))


def _settle(core: Core, commands: list[RecordUsage], *, atomic: bool = False) -> list[Outcome]:
    return core.journal.submit(commands, time.monotonic() + 30, atomic).wait()


def _hand_over(core: Core) -> None:
    """The desk's e-mail goes from ann to bob."""
    make_user(core, "ann", email="ann@example.org")
    make_user(core, "bob", email=SHARED)


@pytest.fixture
def accounts_of(watched_core: Core, watch: WatchedEngine) -> Callable[[str], str]:
    """Users ann, who has the desk's e-mail, bob and cem; tells whose account is whose."""
    found = {
        "ann": make_user(watched_core, "ann", email=SHARED).account_id,
        "bob": make_user(watched_core, "bob").account_id,
        "cem": make_user(watched_core, "cem").account_id,
    }
    watch.batches.clear()
    return found.__getitem__


def test_a_call_finds_the_account_that_its_subject_names_now(
    watched_core: Core, accounts_of: Callable[[str], str], database_url: str
) -> None:
    command = _command(watched_core, _report("key", email=SHARED))
    assert command.account_id == accounts_of("ann")
    _hand_over(watched_core)

    answer = usage_answer(_settle(watched_core, [command])[0])

    assert (answer.account_id, answer.matched_by) == (accounts_of("bob"), "email")
    assert broken_rules(database_url) == {}


def test_a_subject_that_is_gone_is_not_found(watched_core: Core, accounts_of: Callable[[str], str]) -> None:
    command = _command(watched_core, _report("key", email=SHARED))
    make_user(watched_core, "ann", email="ann@example.org")

    (outcome,) = _settle(watched_core, [command])

    assert isinstance(outcome, SubjectNotFound)


def test_a_retry_is_answered_where_the_first_call_landed(
    watched_core: Core, accounts_of: Callable[[str], str], database_url: str
) -> None:
    report = _report("key", email=SHARED)
    (first,) = _settle(watched_core, [_command(watched_core, report)])
    _hand_over(watched_core)

    (again,) = _settle(watched_core, [_command(watched_core, report)])

    assert usage_answer(again) == usage_answer(first)
    assert usage_answer(again).account_id == accounts_of("ann")
    assert keys(database_url) == ["key"]


def test_a_bulk_call_keeps_the_first_outcomes_of_those_who_stayed(
    watched_core: Core, watch: WatchedEngine, accounts_of: Callable[[str], str], database_url: str
) -> None:
    commands = [
        _command(watched_core, _report("stays 1", user_id="ann")),
        _command(watched_core, _report("moves", email=SHARED)),
        _command(watched_core, _report("stays 2", user_id="ann")),
        _command(watched_core, _report("refused", user_id="ann", quantity=2_000)),
    ]
    _hand_over(watched_core)
    watch.batches.clear()

    outcomes = _settle(watched_core, commands)

    assert watch.batches == [2, 1]
    assert [outcome.replayed for outcome in outcomes if isinstance(outcome, Settled)] == [False] * 3
    assert [usage_answer(outcome).account_id for outcome in outcomes[:3]] == [
        accounts_of("ann"),
        accounts_of("bob"),
        accounts_of("ann"),
    ]
    assert not isinstance(outcomes[3], Settled)
    assert broken_rules(database_url) == {}


def test_what_is_stored_stays_told_when_the_rest_of_the_call_fails(
    watched_core: Core, watch: WatchedEngine, accounts_of: Callable[[str], str], database_url: str
) -> None:
    commands = [
        _command(watched_core, _report("stays", user_id="ann")),
        _command(watched_core, _report("moves", email=SHARED)),
    ]
    _hand_over(watched_core)
    watch.once(COMMITTED, lambda: watch.fail_once(COMMIT, LookupError("no driver's error")))

    outcomes = _settle(watched_core, commands)

    assert isinstance(outcomes[0], Settled)
    assert not isinstance(outcomes[1], Settled)
    assert keys(database_url) == ["stays"]


def test_an_atomic_call_moves_as_a_whole(
    watched_core: Core, accounts_of: Callable[[str], str], database_url: str
) -> None:
    commands = [_command(watched_core, _report(f"key {number}", email=SHARED)) for number in range(3)]
    _hand_over(watched_core)

    outcomes = _settle(watched_core, commands, atomic=True)

    assert [usage_answer(outcome).account_id for outcome in outcomes] == [accounts_of("bob")] * 3
    assert [usage_answer(outcome).new_usage for outcome in outcomes] == [1, 2, 3]


def test_an_atomic_call_whose_subjects_have_parted_is_refused(
    watched_core: Core, accounts_of: Callable[[str], str], database_url: str
) -> None:
    commands = [
        _command(watched_core, _report("by user_id", user_id="ann")),
        _command(watched_core, _report("by email", email=SHARED)),
    ]
    _hand_over(watched_core)

    outcomes = _settle(watched_core, commands, atomic=True)

    assert [outcome.field for outcome in outcomes if isinstance(outcome, InvalidField)] == ["items[1].subject"] * 2
    assert keys(database_url) == []


def test_an_atomic_call_whose_subjects_have_come_together_is_stored(
    watched_core: Core, accounts_of: Callable[[str], str], database_url: str
) -> None:
    commands = [
        _command(watched_core, _report("by email", email=SHARED)),
        _command(watched_core, _report("by user_id", user_id="bob")),
    ]
    _hand_over(watched_core)

    outcomes = _settle(watched_core, commands, atomic=True)

    assert [usage_answer(outcome).account_id for outcome in outcomes] == [accounts_of("bob")] * 2
    assert usage_answer(outcomes[1]).new_usage == 2
    assert broken_rules(database_url) == {}


def test_an_atomic_call_names_the_item_whose_subject_is_gone(
    watched_core: Core, accounts_of: Callable[[str], str]
) -> None:
    commands = [
        _command(watched_core, _report("by user_id", user_id="ann")),
        _command(watched_core, _report("by email", email=SHARED)),
    ]
    make_user(watched_core, "ann", email="ann@example.org")

    outcomes = _settle(watched_core, commands, atomic=True)

    assert [outcome.metadata["item"] for outcome in outcomes if isinstance(outcome, SubjectNotFound)] == ["1", "1"]


def test_two_processes_that_make_the_same_user_make_one(
    database_url: str, watch: WatchedEngine, make_core: CoreMaker
) -> None:
    """The second learns from the database that the user is there, and completes what the first has made."""
    first, second = make_core(database_url), make_core(store=Store(watch))
    watch.once(BEGIN, lambda: make_user(first, "ann", email="ann@example.org"))

    answer = make_user(second, "ann", key="the other process's")

    assert not answer.created
    assert answer.email == "ann@example.org"
    assert query(database_url, "SELECT count(*) FROM accounts") == [(1,)]

"""A person who was erased is nowhere to be found, and the books are what they were (requirement O9)."""

import time

import pytest

from tests.support.books import broken_rules, dump, query
from tests.support.house import (
    DAY_US,
    Clock,
    CoreMaker,
    call,
    give_credits,
    join,
    make_organization,
    make_user,
    person,
    record,
    usage_report,
    use,
)
from tollhoused.domain.answers import AccountAnswer, ErasureAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.identity import Subject
from tollhoused.domain.proof import Finding
from tollhoused.errors import IdempotencyKeyReused, InvalidField, OutOfTime, SubjectNotFound
from tollhoused.usecases import accounts, erasing
from tollhoused.usecases.core import Call, Core
from tollhoused.usecases.verify import verify

USER, MAIL = "cassiopeia", "cassi@example.org"


def _erase(core: Core, *, key: str = "erase", within: Call | None = None, validate_only: bool = False) -> Settled:
    return erasing.erase_user(
        core, within or call(), user_id=USER, email="", idempotency_key=key, validate_only=validate_only
    )


def _known(core: Core, clock: Clock) -> AccountAnswer:
    """Somebody with a history: credits, usage over months with labels, a membership."""
    made = make_user(core, USER, email=MAIL, key="make")
    give_credits(core, USER, 5, key="gift")
    for number in range(7):
        clock.now_us += 9 * DAY_US
        record(core, usage_report(USER, f"use {number}", 3, metadata={"name": USER}))
    make_organization(core, "acme")
    join(core, USER, "acme")
    return made


def _findings(core: Core) -> list[Finding]:
    found: list[Finding] = []
    verify(core.store, found.append)
    return found


BOOKS = ("accounts", "ledger_entries", "grants", "counters", "segments", "subscriptions")


def test_nothing_in_the_database_names_the_person_any_more(core: Core, clock: Clock, database_url: str) -> None:
    made = _known(core, clock)
    before = dump(database_url)
    assert USER in repr(before)

    settled = _erase(core)

    after = dump(database_url)
    assert settled.answer == ErasureAnswer(made.account_id, "user_id", 1)
    assert USER not in repr(after)
    assert MAIL not in repr(after)
    assert {name: after[name] for name in BOOKS} == {name: before[name] for name in BOOKS}
    assert len(after["operations"]) == len(before["operations"]) + 1
    assert _findings(core) == []
    assert broken_rules(database_url) == {}


@pytest.mark.parametrize("subject", [person(USER), Subject(email=MAIL), Subject(USER, "", "acme")])
def test_nobody_is_found_under_the_names(core: Core, clock: Clock, database_url: str, subject: Subject) -> None:
    _known(core, clock)
    _erase(core)
    pseudonym = query(database_url, "SELECT user_id FROM users")[0][0]

    for names in (subject, person(pseudonym)):
        with pytest.raises(SubjectNotFound):
            core.resolve(names)
        with pytest.raises(SubjectNotFound):
            core.view(names)
    with pytest.raises(SubjectNotFound):  # although this process knew better a moment ago
        use(core, USER, "later")


def test_the_same_names_make_another_person_with_a_new_account(core: Core, clock: Clock) -> None:
    made = _known(core, clock)
    _erase(core)

    again = make_user(core, USER, email=MAIL, key="make again")

    assert again.created
    assert again.account_id != made.account_id
    assert use(core, USER, "anew").new_usage == 1
    assert _findings(core) == []


def test_the_log_says_that_somebody_was_erased_and_not_who(core: Core, clock: Clock) -> None:
    made = _known(core, clock)
    _erase(core)

    (act,) = [entry for entry in core.store.audit(0, 2**62, None, 100) if entry.action == "erase_user"]
    assert (act.client, act.account_id, act.detail) == ("local", made.account_id, '{"v":1,"kind":"erase_user"}')


def test_a_repeated_call_gets_its_first_answer_and_another_person_s_is_refused(core: Core, clock: Clock) -> None:
    _known(core, clock)
    first = _erase(core)

    assert _erase(core) == first._replace(replayed=True)
    with pytest.raises(SubjectNotFound):
        _erase(core, key="another")
    make_user(core, "bert", key="bert")
    with pytest.raises(IdempotencyKeyReused, match="another user_id"):
        erasing.erase_user(core, call(), user_id="bert", email="", idempotency_key="erase", validate_only=False)


def test_a_preview_changes_nothing(core: Core, clock: Clock, database_url: str) -> None:
    _known(core, clock)
    before = dump(database_url)

    assert isinstance(_erase(core, validate_only=True).answer, ErasureAnswer)
    assert dump(database_url) == before


def test_what_a_call_that_ran_out_of_time_has_left_is_cleared_by_the_next(
    core: Core, clock: Clock, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(core, clock)
    left = "SELECT count(*) FROM operations WHERE metadata IS NOT NULL"
    monkeypatch.setattr(erasing, "OPERATIONS_AT_ONCE", 2)
    within = Call("local", time.monotonic() + 30)
    clear = core.store.erase_notes
    cleared = []

    def clear_and_lose_the_caller(*portion: int | str) -> int:
        cleared.append(clear(*portion))  # type: ignore[arg-type]
        monkeypatch.setattr(time, "monotonic", lambda: within.deadline + 1)
        return cleared[-1]

    monkeypatch.setattr(core.store, "erase_notes", clear_and_lose_the_caller)
    with pytest.raises(OutOfTime, match="repeat with the same key"):
        _erase(core, within=within)
    monkeypatch.undo()

    assert 0 < query(database_url, left)[0][0] < 8
    assert _erase(core).replayed
    assert query(database_url, left) == [(0,)]


def test_erasing_at_once_on_two_processes_erases_once(
    database_url: str, core: Core, clock: Clock, make_core: CoreMaker
) -> None:
    _known(core, clock)
    other = make_core(database_url)
    assert other.resolve(person(USER))

    first, again = _erase(core), _erase(other)

    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(SubjectNotFound):
        use(other, USER, "later")


def test_nobody_can_take_the_pseudonym(core: Core) -> None:
    with pytest.raises(InvalidField, match="user_id: must not begin with 'erased:'"):
        accounts.upsert_user(
            core, call(), user_id="erased:x", email="", zone="", idempotency_key="k", validate_only=False
        )

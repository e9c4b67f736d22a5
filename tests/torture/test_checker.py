"""The checker itself: a clean history has no violation, and each kind of damage to it is named."""

from dataclasses import replace

import pytest

from tests.torture.cast import CAST, Actor
from tests.torture.checker import Evidence, check
from tests.torture.commands import Usage
from tests.torture.history import Answer, Reply, Result, Sent
from tests.torture.lifecycles import check_lifecycles
from tests.torture.rows import Stored, StoredOperation, StoredReservation
from tests.torture.steps import check_counters

FUNDED, POOR = (next(actor for actor in CAST if actor.name == name) for name in ("funded", "poor"))
ACCOUNTS = {actor.name: f"acct_{actor.name}" for actor in CAST}
REFUSED = Reply(Result.REFUSED, "FAILED_PRECONDITION", "INSUFFICIENT_CREDITS")
LOST = Reply(Result.UNKNOWN, "UNAVAILABLE")


def _usage(key: str, quantity: int = 2, actor: Actor = FUNDED) -> Usage:
    return Usage(key, actor, "talk", "voice_minutes", quantity, False, None, "")


def _told(new_usage: int, replayed: bool = False, actor: Actor = FUNDED, debt_nanos: int = 0) -> Reply:
    content = str(new_usage).encode()
    answer = Answer(content, replayed, ACCOUNTS[actor.name], new_usage, 0, debt_nanos, 0)
    return Reply(Result.ACKNOWLEDGED, "OK", answer=answer)


def _row(key: str, new_usage: int, quantity: int = 2, actor: Actor = FUNDED) -> StoredOperation:
    account = ACCOUNTS[actor.name]
    return StoredOperation(key, "local", account, "record_usage", "voice_minutes", 0, quantity, 0, new_usage, 0)


FIRST = Sent(_usage("a"), 0, 10, 20, _told(2))
SECOND = Sent(_usage("b"), 1, 30, 40, _told(4))
AGAIN = Sent(_usage("a"), 1, 50, 60, _told(2, replayed=True))
ROWS = [_row("a", 2), _row("b", 4)]


def _found(sends: list[Sent], rows: list[StoredOperation], bystander: str = "", used: int | None = None) -> set[str]:
    total = sum(row.quantity or 0 for row in rows) if used is None else used
    counters = {(ACCOUNTS["funded"], 0, "voice_minutes"): (0, total)}
    evidence = Evidence(sends, Stored(rows, counters), ACCOUNTS, set(), {"accounts": [""]}, {"accounts": [bystander]})
    return {violation.invariant for violation in check(evidence)}


def test_a_clean_history_has_no_violation() -> None:
    assert _found([FIRST, SECOND, AGAIN], ROWS) == set()


def test_an_unknown_outcome_may_be_stored_or_not() -> None:
    unknown = Sent(_usage("c"), 0, 70, 80, LOST)

    assert _found([FIRST, SECOND, unknown], ROWS) == set()
    assert _found([FIRST, SECOND, unknown], [*ROWS, _row("c", 6)]) == set()


def test_a_refusal_that_the_account_may_get_is_clean() -> None:
    assert _found([FIRST, SECOND, Sent(_usage("c", actor=POOR), 0, 70, 80, REFUSED)], ROWS) == set()


def test_an_acknowledged_key_that_is_not_stored_is_lost() -> None:
    assert "V1" in _found([FIRST, SECOND], ROWS[:1])


def test_a_key_that_is_stored_with_another_content_is_found() -> None:
    assert "V1" in _found([FIRST, SECOND], [ROWS[0], replace(ROWS[1], quantity=1)])


def test_a_key_that_two_answers_claim_to_have_carried_out_is_doubled() -> None:
    assert "V2" in _found([FIRST, SECOND, replace(AGAIN, reply=_told(2))], ROWS)


@pytest.mark.parametrize("sends", [[], [Sent(_usage("c", actor=POOR), 0, 70, 80, REFUSED)]])
def test_what_nobody_sent_or_everybody_was_refused_must_not_be_stored(sends: list[Sent]) -> None:
    assert "V3" in _found([FIRST, SECOND, *sends], [*ROWS, _row("c", 6)])


def test_a_counter_must_be_the_sum_of_its_operations() -> None:
    assert "V4" in _found([FIRST, SECOND], ROWS, used=5)


def test_units_that_no_operation_used_are_found() -> None:
    late = Sent(_usage("b"), 1, 30, 40, _told(7))

    assert "V4" in _found([FIRST, late], [ROWS[0], _row("b", 7)], used=7)


def test_debt_under_enforce_is_found() -> None:
    assert "V7" in _found([FIRST, replace(SECOND, reply=_told(4, debt_nanos=1))], ROWS)


def test_a_replay_that_differs_from_the_first_answer_is_found() -> None:
    assert "V8" in _found([FIRST, SECOND, replace(AGAIN, reply=_told(9, replayed=True))], ROWS)


def test_an_answer_that_differs_from_the_stored_one_is_found() -> None:
    assert "V8" in _found([FIRST, replace(SECOND, reply=_told(5))], ROWS)


def test_two_operations_with_the_same_new_usage_are_found() -> None:
    twin = Sent(_usage("b"), 1, 10, 40, _told(2))

    assert "V9" in _found([FIRST, twin], [ROWS[0], _row("b", 2)], used=2)


def test_new_usage_that_falls_in_real_time_is_found() -> None:
    first, second = replace(FIRST, reply=_told(4)), replace(SECOND, reply=_told(2))
    rows = [_row("a", 4), _row("b", 2)]

    assert _found([first, second], rows) == {"V10"}
    assert _found([first, replace(second, sent_ns=15)], rows) == set()


def test_an_unknown_key_that_is_stored_twice_is_found() -> None:
    unknown = Sent(_usage("c"), 0, 70, 80, LOST)

    assert "V13" in _found([FIRST, SECOND, unknown], [*ROWS, _row("c", 6), _row("c", 8)])


def test_an_answer_from_another_account_is_found() -> None:
    assert "V15" in _found([FIRST, replace(SECOND, reply=_told(4, actor=POOR))], ROWS)


def test_a_row_of_another_account_is_found() -> None:
    assert "V15" in _found([FIRST, SECOND], [ROWS[0], replace(ROWS[1], account=ACCOUNTS["poor"])])


def test_a_bystander_whose_rows_change_is_found() -> None:
    assert _found([FIRST, SECOND], ROWS, bystander="changed") == {"V15"}


def test_a_part_of_an_atomic_batch_is_found() -> None:
    pair = [Sent(_usage(key), 0, 70, 80, LOST, group="c") for key in ("c", "d")]

    assert "atomic" in _found([FIRST, SECOND, *pair], [*ROWS, _row("c", 6)])


@pytest.mark.parametrize(
    "reply",
    [
        Reply(Result.UNKNOWN, "INTERNAL", "INTERNAL"),
        Reply(Result.UNKNOWN, "UNKNOWN"),
        Reply(Result.REFUSED, "NOT_FOUND", "SUBJECT_NOT_FOUND"),
        REFUSED,
    ],
)
def test_a_status_that_the_contract_does_not_allow_here_is_found(reply: Reply) -> None:
    assert _found([FIRST, SECOND, Sent(_usage("c"), 0, 70, 80, reply)], ROWS) == {"status"}


def test_other_content_under_a_stored_key_must_be_refused_by_its_field() -> None:
    named = Reply(Result.CONFLICT, "ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED", {"field": "quantity"})
    twin = Sent(_usage("a", quantity=3), 1, 70, 80, named, altered="quantity")

    assert _found([FIRST, SECOND, twin], ROWS) == set()
    assert _found([FIRST, SECOND, replace(twin, altered="meter")], ROWS) == {"conflict"}
    assert _found([FIRST, SECOND, replace(twin, reply=_told(2, replayed=True))], ROWS) == {"conflict"}


def test_the_first_content_must_not_be_taken_for_another() -> None:
    conflict = Reply(Result.CONFLICT, "ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED", {"field": "quantity"})

    assert _found([FIRST, SECOND, replace(AGAIN, reply=conflict)], ROWS) == {"conflict"}


COMMITTED = StoredReservation(ACCOUNTS["funded"], 0, "voice_minutes", 5, "committed", 2, 90, 70)
RESERVED = StoredOperation(
    "r", "local", ACCOUNTS["funded"], "reserve_usage", "voice_minutes", None, None, None, 0, 0, made_id="rsv"
)
ENDED = replace(_row("e", 6), kind="commit_reservation", made_id="rsv")


@pytest.mark.parametrize(
    ("reservation", "operations"),
    [
        (COMMITTED, [ENDED]),
        (COMMITTED, [RESERVED]),
        (COMMITTED, [RESERVED, ENDED, replace(ENDED, key="f")]),
        (replace(COMMITTED, state="released"), [RESERVED, ENDED]),
        (replace(COMMITTED, state="open", ended_us=None), [RESERVED, ENDED]),
        (replace(COMMITTED, used=1), [RESERVED, ENDED]),
    ],
)
def test_a_reservation_that_is_not_made_and_ended_once_is_found(
    reservation: StoredReservation, operations: list[StoredOperation]
) -> None:
    whole = Stored([RESERVED, ENDED], {}, reservations={"rsv": COMMITTED})

    assert "V12" not in {violation.invariant for violation in check_lifecycles({}, whole)}
    damaged = Stored(operations, {}, reservations={"rsv": reservation})
    assert "V12" in {violation.invariant for violation in check_lifecycles({}, damaged)}


def test_what_is_taken_back_is_followed_along_its_counter() -> None:
    """Used 2, then 4, the first 2 taken back, then 2 more."""
    void = replace(_row("v", 2), kind="void_usage", voided_key="a")
    steps = [_row("a", 2), _row("b", 4), void, _row("c", 4)]
    counters = {(ACCOUNTS["funded"], 0, "voice_minutes"): (0, 4)}

    assert list(check_counters(Stored(steps, counters))) == []
    damaged = [*steps[:3], _row("c", 6)]
    assert {violation.invariant for violation in check_counters(Stored(damaged, counters))} == {"V9"}

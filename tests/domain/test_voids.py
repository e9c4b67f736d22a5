"""Usage that is taken back: the shop's free plan includes 10 calls, which cost 2.00 beyond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import (
    HOUR_US,
    NANOS,
    PERIOD_END_US,
    RECORD,
    START_US,
    Desk,
    adjust,
    assign,
    commit,
    grant,
    release,
    reserve,
    tick,
    use,
    void,
    void_usage,
)
from tollhoused.domain.account import CauseKind
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.reservation import OnExpiry
from tollhoused.domain.terms import charge_for, overage_of
from tollhoused.domain.voids import VoidUsage
from tollhoused.errors import AlreadyVoided, IdempotencyKeyReused, InvalidField, OperationNotFound, TollhouseError


def funded(units: int = 100) -> Desk:
    desk = Desk()
    desk.credit(grant(units * NANOS, id="funds"))
    return desk


def refusal(desk: Desk, command: VoidUsage) -> TollhouseError:
    """The refusal of a command, which must have changed nothing."""
    desk.settle(tick())
    before = desk.snapshot()
    with pytest.raises(TollhouseError) as caught:
        desk.settle(command)
    assert desk.snapshot() == before
    return caught.value


def used(desk: Desk, meter: str = "calls") -> int:
    return desk.account.counter(desk.account.segment, meter).used


def test_a_void_takes_back_the_use_and_its_charge() -> None:
    desk = funded()
    desk.use(use(13, key="k"))

    answer = desk.void(void_usage("k", key="v"))

    assert (answer.quantity, answer.new_usage, answer.remaining, answer.overage_quantity) == (13, 0, 10, 3)
    assert (answer.charged_nanos, answer.debt_nanos, answer.grant) == (6 * NANOS, 0, None)
    assert [(debit.grant_id, debit.amount_nanos) for debit in answer.debits] == [("funds", 6 * NANOS)]
    assert answer.balance.total_nanos == 100 * NANOS
    assert (used(desk), desk.remaining["funds"]) == (0, 100 * NANOS)
    entry = desk.ledger[-1]
    assert (entry.cause.kind, entry.cause.reference, entry.amount_nanos) == (CauseKind.VOID, "v", 6 * NANOS)


def test_what_is_left_keeps_its_price_whichever_event_is_taken_back() -> None:
    """The first ten were free and the last ones paid: without the first, three of the last are free."""
    desk = funded()
    desk.use(use(3, key="first"))
    desk.use(use(7))
    desk.use(use(5))

    answer = desk.void(void_usage("first"))

    assert answer.charged_nanos == 6 * NANOS
    assert desk.account.counter(desk.account.segment, "calls").charged_nanos == 4 * NANOS


def test_a_replay_says_that_it_was_voided_and_its_key_stays_used() -> None:
    desk = funded()
    event = use(3, key="k")
    first = desk.use(event)
    undo = void_usage("k", key="v")
    done = desk.void(undo)

    again = desk.settle(event)

    assert (again.answer, again.replayed, again.voided) == (first, True, True)
    assert used(desk) == 0
    with pytest.raises(IdempotencyKeyReused):
        desk.settle(use(4, key="k"))
    replayed = desk.settle(undo)
    assert (replayed.answer, replayed.replayed, replayed.voided) == (done, True, False)


def test_what_cannot_be_voided() -> None:
    desk = funded()
    desk.use(use(3, key="k"))
    desk.credit(adjust(NANOS, key="credits"))
    desk.void(void_usage("k", key="v"))

    found = refusal(desk, void_usage("k"))
    assert isinstance(found, AlreadyVoided)
    assert found.metadata == {"voided_by": "v"}
    assert isinstance(refusal(desk, void_usage("nothing")), OperationNotFound)
    for key in ("credits", "v"):
        assert isinstance(refusal(desk, void_usage(key)), InvalidField)


def test_the_last_who_paid_is_the_first_to_get_back() -> None:
    desk = Desk()
    desk.credit(grant(4 * NANOS, id="first", priority=1))
    desk.credit(grant(4 * NANOS, id="second", priority=2))
    desk.use(use(10))
    desk.use(use(1, key="a"))
    desk.use(use(2, key="b"))
    assert desk.remaining == {"first": 0, "second": 2 * NANOS}

    answer = desk.void(void_usage("a"))

    assert [(debit.grant_id, debit.amount_nanos) for debit in answer.debits] == [("second", 2 * NANOS)]
    answer = desk.void(void_usage("b"))
    assert [(debit.grant_id, debit.amount_nanos) for debit in answer.debits] == [("first", 4 * NANOS)]


def test_debt_falls_first_and_what_was_settled_since_becomes_a_grant() -> None:
    desk = Desk()
    desk.use(use(15, key="k", enforcement=RECORD))
    assert desk.account.debt_nanos == 10 * NANOS
    desk.credit(adjust(4 * NANOS))

    answer = desk.void(void_usage("k", id="back"))

    assert (answer.charged_nanos, answer.debt_nanos) == (10 * NANOS, 6 * NANOS)
    assert answer.grant
    assert (answer.grant.id, answer.grant.category, answer.grant.amount_nanos) == ("back", "paid", 4 * NANOS)
    assert (desk.account.debt_nanos, desk.account.balance_nanos) == (0, 4 * NANOS)
    assert [entry.cause.kind for entry in desk.ledger[-2:]] == [CauseKind.VOID, CauseKind.VOIDED_DEBT]


def test_the_grant_that_a_void_made_is_not_taken_for_one_that_paid() -> None:
    desk = Desk()
    desk.use(use(12, key="a", enforcement=RECORD))
    desk.credit(adjust(4 * NANOS))
    desk.void(void_usage("a", id="back"))
    desk.use(use(11, key="b"))

    answer = desk.void(void_usage("b"))

    assert [(debit.grant_id, debit.amount_nanos) for debit in answer.debits] == [("back", 2 * NANOS)]
    assert desk.account.balance_nanos == 4 * NANOS


def test_what_returns_to_a_grant_that_has_ended_is_gone_with_an_entry_of_its_own() -> None:
    desk = Desk()
    desk.credit(grant(10 * NANOS, id="short", expires=START_US + HOUR_US))
    desk.credit(grant(10 * NANOS, id="voided"))
    desk.use(use(10))
    desk.use(use(6, key="k"))
    desk.credit(void("voided"))
    desk.let_time_pass(START_US + DAY_US)

    answer = desk.void(void_usage("k"))

    assert {debit.grant_id: debit.amount_nanos for debit in answer.debits} == {
        "short": 10 * NANOS,
        "voided": 2 * NANOS,
    }
    assert (answer.balance.total_nanos, desk.remaining) == (0, {"short": 0, "voided": 0})
    assert [entry.cause.kind for entry in desk.ledger[-2:]] == [CauseKind.EXPIRY] * 2
    assert desk.ledger[-1].effective_us < desk.now_us


def test_what_returns_to_a_spent_grant_expires_at_its_time() -> None:
    desk = Desk()
    desk.credit(grant(4 * NANOS, id="short", expires=START_US + 3 * DAY_US))
    desk.credit(grant(NANOS, id="shorter", expires=START_US + DAY_US, meters=("pages",)))
    desk.use(use(12, key="k"))
    desk.let_time_pass(START_US + 2 * DAY_US)  # when nothing of it is left to look out for

    desk.void(void_usage("k"))

    assert desk.account.due_us == START_US + 3 * DAY_US
    desk.let_time_pass(START_US + 3 * DAY_US)
    assert desk.account.balance_nanos == 0


def test_what_returns_pays_debt_of_another_meter() -> None:
    desk = Desk()
    desk.credit(grant(4 * NANOS, id="funds"))
    desk.use(use(12, key="k"))
    desk.use(use(6, "pages", enforcement=RECORD))
    assert desk.account.debt_nanos == 5 * NANOS

    desk.void(void_usage("k"))

    assert (desk.account.debt_nanos, desk.remaining["funds"]) == (NANOS, 0)


def test_a_release_pays_debt_too() -> None:
    desk = funded(10)
    desk.use(use(10))
    desk.reserve(reserve(5, id="r"))
    desk.credit(adjust(-5 * NANOS))

    desk.reserve(release("r"))

    assert (desk.account.debt_nanos, desk.remaining["funds"]) == (0, 5 * NANOS)


def test_reservations_need_less_when_use_before_them_is_taken_back() -> None:
    desk = funded()
    desk.use(use(10, key="k"))
    desk.reserve(reserve(5, id="r"))
    assert desk.account.held_nanos == 10 * NANOS

    answer = desk.void(void_usage("k"))

    assert (desk.account.held_nanos, answer.balance.available_nanos, answer.remaining) == (0, 100 * NANOS, 5)


def test_a_commit_can_be_voided_and_gets_back_what_held_credits_paid() -> None:
    desk = funded()
    desk.reserve(reserve(15, id="r"))
    desk.commit(commit("r", 12, key="k"))

    answer = desk.void(void_usage("k"))

    assert (answer.quantity, answer.charged_nanos, desk.account.balance_nanos) == (12, 4 * NANOS, 100 * NANOS)


def test_a_charge_that_a_reservation_made_by_itself_is_given_back_too() -> None:
    desk = funded()
    desk.use(use(10, key="free"))
    desk.reserve(reserve(5, id="r", on_expiry=OnExpiry.COMMIT))
    desk.let_time_pass(START_US + DAY_US)
    assert desk.account.balance_nanos == 90 * NANOS

    assert desk.void(void_usage("free")).charged_nanos == 10 * NANOS
    assert desk.account.balance_nanos == 100 * NANOS


def test_a_void_settles_in_the_segment_of_the_usage_and_reprices_nothing_else() -> None:
    desk = funded()
    desk.use(use(12, key="k"))
    desk.subscribe(assign("plus"))
    desk.let_time_pass(PERIOD_END_US + DAY_US)
    desk.use(use(1))

    answer = desk.void(void_usage("k"))

    assert (answer.charged_nanos, answer.new_usage) == (4 * NANOS, 0)
    assert used(desk) == 1


steps = st.one_of(
    st.tuples(st.just("use"), st.integers(1, 12), st.sampled_from(["calls", "tokens", "pages", "minutes"])),
    st.tuples(st.just("void"), st.integers(0, 30), st.just("")),
    st.tuples(st.just("credit"), st.integers(1, 9), st.sampled_from(["", "calls", "pages"])),
    st.tuples(st.just("adjust"), st.integers(-9, -1), st.just("")),
    st.tuples(st.just("reserve"), st.integers(1, 12), st.sampled_from(["calls", "pages"])),
    st.tuples(st.just("wait"), st.integers(1, 40), st.just("")),
)


@given(st.lists(steps, min_size=5, max_size=30))
def test_recording_and_voiding_in_any_order_conserves_use_and_money(taken: list[tuple[str, int, str]]) -> None:
    desk = Desk()
    recorded: dict[str, tuple[int, str]] = {}
    for number, (kind, size, meter) in enumerate(taken):
        if kind == "use":
            desk.use(use(size, meter, key=f"{number}", enforcement=RECORD))
            recorded[f"{number}"] = (size, meter)
        elif kind == "void" and recorded:
            key = sorted(recorded)[size % len(recorded)]
            del recorded[key]
            desk.void(void_usage(key))
        elif kind == "credit":
            expires = desk.now_us + size * HOUR_US if size % 2 else None
            desk.credit(grant(size * NANOS, meters=(meter,) if meter else (), expires=expires))
        elif kind == "adjust":
            desk.credit(adjust(size * NANOS))
        elif kind == "reserve":
            try:
                desk.reserve(reserve(size, meter))
            except TollhouseError:
                continue
        elif kind == "wait":
            desk.let_time_pass(desk.now_us + size * HOUR_US // 4)
        _is_conserved(desk, recorded)


def _is_conserved(desk: Desk, recorded: dict[str, tuple[int, str]]) -> None:
    account = desk.account
    for counter in account.counters.values():
        assert counter.used == sum(size for size, meter in recorded.values() if meter == counter.meter)
        terms = account.segment.terms.meters[counter.meter]
        assert counter.charged_nanos == charge_for(terms, overage_of(terms, counter.carried, counter.used))
    charged_nanos = sum(counter.charged_nanos for counter in account.counters.values())
    paying = (CauseKind.USAGE, CauseKind.VOID, CauseKind.VOIDED_DEBT)
    assert -sum(entry.amount_nanos for entry in desk.ledger if entry.cause.kind in paying) == charged_nanos
    assert account.balance_nanos == sum(desk.remaining.values()) - account.debt_nanos
    assert all(0 <= item.remaining_nanos <= item.amount_nanos for item in account.grants.values())
    free = [item for item in account.grants.values() if item.usable(desk.now_us) and not item.meters]
    assert not (account.debt_nanos and free), "what is free pays the debt"

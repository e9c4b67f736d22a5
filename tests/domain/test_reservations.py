"""What is held, for whom, and what becomes of it: the shop's free plan includes 10 calls, which cost 2.00 beyond."""

from collections.abc import Callable

import pytest

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
    extend,
    grant,
    release,
    reserve,
    tick,
    use,
    void,
)
from tollhoused.domain.account import CauseKind
from tollhoused.domain.commands import Command
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.reservation import OnExpiry, OverCommit, ReservationState
from tollhoused.domain.reservations import LIFE_MAX_US
from tollhoused.errors import (
    GrantNotFound,
    IdempotencyKeyReused,
    InsufficientCredits,
    QuotaExceeded,
    ReservationExceeded,
    ReservationFinal,
    ReservationNotFound,
    TollhouseError,
)


def funded(units: int = 100) -> Desk:
    desk = Desk()
    desk.credit(grant(units * NANOS, id="funds"))
    return desk


def refusal(desk: Desk, command: Command) -> TollhouseError:
    """The refusal of a command, which must have changed nothing."""
    desk.settle(tick())
    before = desk.snapshot()
    with pytest.raises(TollhouseError) as caught:
        desk.settle(command)
    assert desk.snapshot() == before
    return caught.value


def held(desk: Desk) -> tuple[int, int]:
    """Whole units of the currency that the account says are held, and that its grants say."""
    grants = sum(item.held_nanos for item in desk.account.grants.values())
    return desk.account.held_nanos // NANOS, grants // NANOS


def test_a_reservation_holds_what_recording_would_use_and_charge() -> None:
    desk = funded()

    answer = desk.reserve(reserve(13, id="r"))

    made = answer.reservation
    assert (made.state, made.quantity, made.held_nanos) == ("open", 13, 6 * NANOS)
    assert [(hold.grant_id, hold.amount_nanos) for hold in made.holds] == [("funds", 6 * NANOS)]
    assert (made.created_us, made.expires_us) == (START_US, START_US + HOUR_US)
    assert (answer.balance.total_nanos, answer.balance.available_nanos) == (100 * NANOS, 94 * NANOS)
    assert answer.balance.held_nanos == 6 * NANOS
    assert held(desk) == (6, 6)
    assert not desk.ledger[1:], "nothing is booked for a hold"


def test_held_allowance_is_not_there_for_others() -> None:
    desk = funded()
    desk.reserve(reserve(10, id="r"))

    answer = desk.use(use(1))

    # The event itself is within the allowance; what the reservation was promised must now be paid for.
    assert (answer.remaining, answer.charged_nanos) == (0, 0)
    assert held(desk) == (2, 2)


def test_a_hard_limit_counts_what_is_held() -> None:
    desk = Desk()
    desk.reserve(reserve(25, "minutes", id="r"))

    found = refusal(desk, use(6, "minutes"))

    assert isinstance(found, QuotaExceeded)
    assert (found.metadata["used"], found.metadata["held"]) == ("0", "25")
    assert desk.use(use(5, "minutes")).remaining == 0
    assert isinstance(refusal(desk, reserve(1, "minutes")), QuotaExceeded)


def test_held_credits_are_not_there_for_others() -> None:
    desk = funded(10)
    desk.use(use(10))
    desk.reserve(reserve(4, id="r"))

    assert isinstance(refusal(desk, use(2)), InsufficientCredits)
    assert isinstance(refusal(desk, reserve(2)), InsufficientCredits)
    assert desk.use(use(1)).charged_nanos == 2 * NANOS


def test_an_event_that_would_take_what_a_reservation_was_promised_is_refused() -> None:
    desk = Desk()
    desk.reserve(reserve(10, id="r"))

    found = refusal(desk, use(1))

    assert isinstance(found, InsufficientCredits)
    assert found.metadata["missing_nanos"] == str(2 * NANOS)


@pytest.mark.parametrize(("quantity", "charged", "kept"), [(0, 0, 10), (5, 0, 10), (12, 4, 6), (14, 8, 2)])
def test_committing_less_or_all_charges_that_and_gives_the_rest_back(quantity: int, charged: int, kept: int) -> None:
    desk = funded(10)
    desk.reserve(reserve(14, id="r"))

    answer = desk.commit(commit("r", quantity))

    assert (answer.reservation.state, answer.reservation.used) == ("committed", quantity)
    assert answer.usage.charged_nanos == charged * NANOS
    assert answer.usage.balance_after_nanos == kept * NANOS
    assert held(desk) == (0, 0)
    assert desk.account.available_nanos(None, desk.now_us) == kept * NANOS
    assert desk.account.counter(desk.account.segment, "calls").used == quantity


def test_committing_more_is_what_the_reservation_says() -> None:
    desk = funded(4)
    for over_commit in OverCommit:
        desk.reserve(reserve(1, id=over_commit.value, over_commit=over_commit))

    refused = refusal(desk, commit("refuse", 2))
    assert isinstance(refused, ReservationExceeded)
    assert (refused.metadata["reserved"], refused.metadata["requested"]) == ("1", "2")
    assert isinstance(refusal(desk, commit("enforce", 30)), InsufficientCredits)
    answer = desk.commit(commit("record", 30))
    assert answer.usage.charged_nanos == 40 * NANOS
    assert answer.usage.debt_nanos > 0
    assert answer.usage.lifted == ("INSUFFICIENT_CREDITS",)


def test_a_hard_limit_decides_about_the_excess() -> None:
    desk = Desk()
    desk.reserve(reserve(20, "minutes", id="strict", over_commit=OverCommit.ENFORCE))
    desk.reserve(reserve(5, "minutes", id="lenient"))

    assert isinstance(refusal(desk, commit("strict", 26)), QuotaExceeded)
    assert desk.commit(commit("strict", 25)).usage.remaining == 0
    assert desk.commit(commit("lenient", 9)).usage.lifted == ("QUOTA_EXCEEDED",)


def test_terminal_states_are_final_and_retries_replay() -> None:
    desk = funded()
    desk.reserve(reserve(5, id="r"))
    first = desk.commit(commit("r", 3, key="once"))

    again = desk.settle(commit("r", 3, key="once"))
    assert (again.answer, again.replayed) == (first, True)
    with pytest.raises(IdempotencyKeyReused, match="quantity"):
        desk.settle(commit("r", 4, key="once"))
    for command in (commit("r", 3), release("r"), extend("r", 2)):
        found = refusal(desk, command)
        assert isinstance(found, ReservationFinal)
        assert found.metadata["state"] == "committed"
    assert isinstance(refusal(desk, commit("nothing", 1)), ReservationNotFound)


def test_a_release_gives_everything_back() -> None:
    desk = funded()
    desk.reserve(reserve(20, id="r"))

    answer = desk.reserve(release("r"))

    assert (answer.reservation.state, answer.reservation.held_nanos) == ("released", 0)
    assert answer.balance.available_nanos == 100 * NANOS
    assert isinstance(refusal(desk, commit("r", 1)), ReservationFinal)


def test_expiry_is_a_matter_of_stored_time_not_of_anybody_looking() -> None:
    desk = funded()
    desk.reserve(reserve(20, id="r"))

    desk.wait_until(START_US + HOUR_US - 1)
    assert desk.reserve(extend("r", 1)).reservation.expires_us == START_US + 2 * HOUR_US - 1
    desk.wait_until(START_US + 2 * HOUR_US - 1)

    found = refusal(desk, commit("r", 1))
    assert isinstance(found, ReservationFinal)
    assert found.metadata["state"] == "expired"
    assert held(desk) == (0, 0)
    ended = desk.account.reservations["r"]
    assert (ended.state, ended.ended_us) == (ReservationState.EXPIRED, START_US + 2 * HOUR_US - 1)


def test_a_reservation_may_commit_itself_at_its_end() -> None:
    desk = funded()
    desk.reserve(reserve(12, id="r", on_expiry=OnExpiry.COMMIT))

    desk.let_time_pass(START_US + DAY_US)

    ended = desk.account.reservations["r"]
    assert (ended.state, ended.used, ended.charged_nanos) == (ReservationState.COMMITTED, 12, 4 * NANOS)
    entry = desk.ledger[-1]
    assert (entry.cause.kind, entry.cause.reference, entry.amount_nanos) == (CauseKind.RESERVATION, "r", -4 * NANOS)
    assert (entry.effective_us, entry.booked_us) == (START_US, START_US + DAY_US)
    assert desk.account.counter(desk.account.segment, "calls").used == 12


def test_an_extension_never_shortens_and_never_outlives_the_longest_life() -> None:
    desk = funded()
    desk.reserve(reserve(1, id="r", hours=10))

    assert desk.reserve(extend("r", 1)).reservation.expires_us == START_US + 10 * HOUR_US
    assert desk.reserve(extend("r", 1_000)).reservation.expires_us == START_US + LIFE_MAX_US


def test_a_commit_counts_in_the_period_and_under_the_plan_of_its_reserve() -> None:
    desk = funded()
    desk.wait_until(PERIOD_END_US - HOUR_US)
    desk.reserve(reserve(12, id="r", hours=5))
    first = desk.account.segment.start_us
    desk.wait_until(PERIOD_END_US + HOUR_US)
    desk.subscribe(assign("plus"))

    answer = desk.commit(commit("r", 12))

    assert (answer.usage.plan, answer.usage.charged_nanos) == ("free", 4 * NANOS)
    counters = {key[0]: item.used for key, item in desk.account.counters.items() if item.used}
    assert counters == {first: 12}


def test_the_held_part_of_a_grant_outlives_its_expiry_and_what_is_left_of_it_then_expires() -> None:
    desk = Desk()
    desk.use(use(1, "pages", enforcement=RECORD))
    desk.credit(grant(10 * NANOS, id="short", expires=START_US + HOUR_US))
    desk.use(use(10))
    desk.reserve(reserve(4, id="r", hours=3))

    desk.let_time_pass(START_US + 2 * HOUR_US)
    assert desk.remaining["short"] == 8 * NANOS
    assert desk.account.available_nanos(None, desk.now_us) == 0

    desk.commit(commit("r", 1))

    assert desk.remaining["short"] == 0
    kinds = [(entry.cause.kind, entry.amount_nanos // NANOS) for entry in desk.ledger]
    assert kinds[-3:] == [(CauseKind.EXPIRY, -2), (CauseKind.USAGE, -2), (CauseKind.EXPIRY, -6)]
    assert desk.ledger[-1].effective_us == START_US + HOUR_US


def test_reservations_stand_in_line_and_those_behind_need_less_when_one_leaves() -> None:
    desk = funded()
    desk.reserve(reserve(10, id="first"))
    desk.reserve(reserve(5, id="second"))
    assert [desk.account.reservations[id_].held_nanos // NANOS for id_ in ("first", "second")] == [0, 10]

    desk.reserve(release("first"))

    assert desk.account.reservations["second"].held_nanos == 0
    assert held(desk) == (0, 0)


def test_who_commits_first_uses_the_allowance_and_the_line_still_covers_all() -> None:
    desk = funded(10)
    desk.reserve(reserve(10, id="first"))
    desk.reserve(reserve(5, id="second"))

    answer = desk.commit(commit("second", 5))

    assert answer.usage.charged_nanos == 0
    assert desk.account.reservations["first"].held_nanos == 10 * NANOS
    assert desk.commit(commit("first", 10)).usage.charged_nanos == 10 * NANOS
    assert desk.account.balance_nanos == 0


def test_a_void_takes_what_is_not_held_and_the_rest_when_it_comes_back() -> None:
    desk = funded(10)
    desk.use(use(10))
    desk.reserve(reserve(2, id="r"))

    answer = desk.credit(void("funds"))

    assert answer.grant
    assert (answer.grant.remaining_nanos, answer.grant.voided_us) == (4 * NANOS, START_US)
    assert answer.balance.available_nanos == 0
    assert isinstance(refusal(desk, void("funds")), GrantNotFound)
    desk.reserve(release("r"))
    assert desk.remaining["funds"] == 0
    assert desk.ledger[-1].cause.kind is CauseKind.EXPIRY


def test_debt_is_settled_by_what_is_not_held() -> None:
    desk = funded(10)
    desk.use(use(10))
    desk.reserve(reserve(5, id="r"))

    desk.credit(adjust(-5 * NANOS))

    assert (desk.account.debt_nanos, desk.remaining["funds"]) == (5 * NANOS, 10 * NANOS)
    assert desk.commit(commit("r", 5)).usage.debits[0].grant_id == "funds"


@pytest.mark.parametrize(
    "way",
    [
        lambda desk: desk.use(use(30)),
        lambda desk: [desk.use(use(1)) for _ in range(30)],
        lambda desk: [desk.reserve(reserve(30, id="r")), desk.commit(commit("r", 30))],
        lambda desk: [desk.reserve(reserve(7, id="r")), desk.use(use(20)), desk.commit(commit("r", 10))],
        lambda desk: [
            desk.reserve(reserve(30, id="r", on_expiry=OnExpiry.COMMIT)),
            desk.let_time_pass(START_US + DAY_US),
        ],
        lambda desk: [desk.use(use(15)), desk.use(use(15, at=START_US - 1))],
    ],
)
def test_inside_a_segment_the_same_use_costs_the_same_however_it_is_reported(way: Callable[[Desk], object]) -> None:
    desk = funded()

    way(desk)

    assert desk.account.balance_nanos == 60 * NANOS
    assert desk.account.counter(desk.account.segment, "calls").used == 30
    assert held(desk) == (0, 0)

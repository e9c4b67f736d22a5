import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import NANOS, RECORD, START_US, Desk, adjust, grant, use
from tollhoused.domain.account import CauseKind
from tollhoused.domain.answers import BalanceFacts, Debit
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.commands import AdjustCredits, GrantCredits
from tollhoused.domain.credits import balance_facts
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.money import MAX_NANOS
from tollhoused.errors import AmountOutOfRange, InvalidField, TollhouseError


def refusal_of(desk: Desk, command: GrantCredits | AdjustCredits) -> TollhouseError:
    """The refusal of a command, which must have changed nothing."""
    before = desk.snapshot()
    with pytest.raises(TollhouseError) as caught:
        desk.credit(command)
    assert desk.snapshot() == before
    return caught.value


def in_debt(units: int) -> Desk:
    """Anna owes this many units of the currency."""
    desk = Desk()
    desk.credit(adjust(-units * NANOS))
    return desk


def movements(desk: Desk) -> list[tuple[CauseKind, str | None, int]]:
    """The ledger as cause, grant and whole units."""
    return [(entry.cause.kind, entry.grant_id, entry.amount_nanos // NANOS) for entry in desk.ledger]


def test_a_grant_raises_the_balance_and_is_shown_as_it_was_made() -> None:
    desk = Desk()

    answer = desk.credit(
        grant(
            25 * NANOS,
            id="grant_x",
            category=GrantCategory.PROMOTIONAL,
            priority=7,
            expires=START_US + DAY_US,
            meters=("tokens", "calls"),
        )
    )

    made = answer.grant
    assert made
    assert (made.id, made.category, made.priority) == ("grant_x", "promotional", 7)
    assert (made.effective_us, made.expires_us, made.created_us) == (START_US, START_US + DAY_US, START_US)
    assert (made.meters, made.amount_nanos, made.remaining_nanos) == (("calls", "tokens"), 25 * NANOS, 25 * NANOS)
    assert (answer.account_id, answer.matched_by, answer.currency) == ("acct_anna", "user_id", "eur")
    assert (answer.settled_nanos, answer.debits, answer.debt_nanos) == (0, (), 0)
    assert answer.balance == BalanceFacts(total_nanos=25 * NANOS, available_nanos=25 * NANOS, debt_nanos=0)
    assert movements(desk) == [(CauseKind.GRANT, "grant_x", 25)]


def test_a_grant_settles_debt_first_by_a_pair_of_entries() -> None:
    desk = in_debt(3)

    answer = desk.credit(grant(10 * NANOS, id="gift"))

    assert answer.settled_nanos == 3 * NANOS
    assert answer.grant
    assert (answer.grant.amount_nanos, answer.grant.remaining_nanos) == (10 * NANOS, 7 * NANOS)
    assert answer.balance == BalanceFacts(7 * NANOS, 7 * NANOS, 0)
    assert movements(desk)[1:] == [
        (CauseKind.GRANT, "gift", 10),
        (CauseKind.SETTLEMENT, "gift", -3),
        (CauseKind.SETTLEMENT, None, 3),
    ]


def test_a_grant_smaller_than_the_debt_is_used_up_by_it() -> None:
    desk = in_debt(10)

    answer = desk.credit(grant(4 * NANOS))

    assert answer.grant
    assert (answer.settled_nanos, answer.grant.remaining_nanos) == (4 * NANOS, 0)
    assert answer.balance == BalanceFacts(-6 * NANOS, 0, 6 * NANOS)


def test_a_restricted_grant_leaves_debt_alone() -> None:
    desk = in_debt(3)

    answer = desk.credit(grant(10 * NANOS, meters=("calls",)))

    assert answer.settled_nanos == 0
    assert answer.balance == BalanceFacts(total_nanos=7 * NANOS, available_nanos=7 * NANOS, debt_nanos=3 * NANOS)


def test_a_grant_to_come_is_part_of_the_balance_and_settles_debt_when_it_becomes_effective() -> None:
    desk = in_debt(3)

    answer = desk.credit(grant(10 * NANOS, id="gift", effective=START_US + DAY_US))
    assert (answer.settled_nanos, answer.balance) == (0, BalanceFacts(7 * NANOS, 0, 3 * NANOS))

    desk.let_time_pass(START_US + DAY_US)
    assert balance_facts(desk.account, desk.now_us) == BalanceFacts(7 * NANOS, 7 * NANOS, 0)
    assert movements(desk)[2:] == [(CauseKind.SETTLEMENT, "gift", -3), (CauseKind.SETTLEMENT, None, 3)]


def test_an_effective_time_before_now_counts_as_now() -> None:
    answer = Desk().credit(grant(effective=START_US - DAY_US))

    assert answer.grant
    assert answer.grant.effective_us == START_US


@pytest.mark.parametrize(
    "command",
    [
        grant(expires=START_US),
        grant(expires=START_US - 1),
        grant(effective=START_US + 10, expires=START_US + 10),
        grant(effective=START_US - 10, expires=START_US - 5),
    ],
)
def test_a_grant_must_expire_after_now_and_after_it_becomes_effective(command: GrantCredits) -> None:
    refusal = refusal_of(Desk(), command)

    assert isinstance(refusal, InvalidField)
    assert refusal.field == "expire_time"


def test_a_positive_adjustment_becomes_a_paid_grant_without_restriction_or_expiry() -> None:
    desk = Desk()

    answer = desk.credit(adjust(5 * NANOS, id="grant_a"))

    made = answer.grant
    assert made
    assert (made.id, made.category, made.priority, made.meters, made.expires_us) == ("grant_a", "paid", 100, (), None)
    assert (made.amount_nanos, made.remaining_nanos, made.effective_us) == (5 * NANOS, 5 * NANOS, START_US)
    assert (answer.settled_nanos, answer.debits, answer.debt_nanos) == (0, (), 0)
    assert answer.balance == BalanceFacts(5 * NANOS, 5 * NANOS, 0)


def test_a_positive_adjustment_settles_debt_and_only_the_rest_becomes_a_grant() -> None:
    desk = in_debt(3)

    answer = desk.credit(adjust(5 * NANOS, id="grant_a"))

    assert answer.grant
    assert (answer.settled_nanos, answer.grant.amount_nanos, answer.grant.remaining_nanos) == (
        3 * NANOS,
        2 * NANOS,
        2 * NANOS,
    )
    assert movements(desk)[1:] == [(CauseKind.ADJUSTMENT, None, 3), (CauseKind.ADJUSTMENT, "grant_a", 2)]


@pytest.mark.parametrize("units", [2, 3])
def test_a_positive_adjustment_that_debt_swallows_makes_no_grant(units: int) -> None:
    desk = in_debt(3)

    answer = desk.credit(adjust(units * NANOS))

    assert (answer.grant, answer.settled_nanos) == (None, units * NANOS)
    assert answer.balance == BalanceFacts((units - 3) * NANOS, 0, (3 - units) * NANOS)
    assert desk.account.grants == {}


def test_a_negative_adjustment_burns_grants_in_their_order_and_owes_the_rest() -> None:
    desk = Desk()
    desk.credit(grant(2 * NANOS, id="a", priority=2))
    desk.credit(grant(2 * NANOS, id="b", priority=1, meters=("pages",)))

    answer = desk.credit(adjust(-5 * NANOS))

    assert answer.debits == (Debit("b", 2 * NANOS), Debit("a", 2 * NANOS))
    assert (answer.debt_nanos, answer.settled_nanos, answer.grant) == (NANOS, 0, None)
    assert answer.balance == BalanceFacts(-NANOS, 0, NANOS)
    assert movements(desk)[2:] == [
        (CauseKind.ADJUSTMENT, "b", -2),
        (CauseKind.ADJUSTMENT, "a", -2),
        (CauseKind.ADJUSTMENT, None, -1),
    ]


def test_a_negative_adjustment_leaves_grants_that_are_not_effective_alone() -> None:
    desk = Desk()
    desk.credit(grant(5 * NANOS, id="to come", effective=START_US + 1))

    answer = desk.credit(adjust(-2 * NANOS))

    assert (answer.debits, answer.debt_nanos) == ((), 2 * NANOS)
    desk.let_time_pass(START_US + 1)
    assert (desk.remaining, desk.account.debt_nanos) == ({"to come": 3 * NANOS}, 0)


def test_what_is_available_is_what_is_left_minus_debt_and_never_negative() -> None:
    desk = Desk()
    desk.use(use(15, enforcement=RECORD))
    desk.credit(grant(4 * NANOS, meters=("calls",)))
    assert balance_facts(desk.account, desk.now_us) == BalanceFacts(-6 * NANOS, 0, 10 * NANOS)

    desk.credit(grant(9 * NANOS, meters=("pages",)))

    assert balance_facts(desk.account, desk.now_us) == BalanceFacts(3 * NANOS, 3 * NANOS, 10 * NANOS)
    assert desk.account.available_nanos("calls", desk.now_us) == 0


@pytest.mark.parametrize("command", [grant(1), adjust(1)])
def test_a_balance_that_could_not_be_stored_is_refused(command: GrantCredits | AdjustCredits) -> None:
    desk = Desk()
    desk.credit(grant(MAX_NANOS))

    refusal = refusal_of(desk, command)

    assert isinstance(refusal, AmountOutOfRange)
    assert refusal.metadata == {"total": "balance"}


def test_a_debt_that_could_not_be_stored_is_refused() -> None:
    desk = Desk()
    desk.credit(grant(MAX_NANOS, effective=START_US + 1))
    desk.credit(adjust(-MAX_NANOS))

    assert refusal_of(desk, adjust(-1)).metadata == {"total": "debt"}


@pytest.mark.parametrize("command", [grant(1, meters=("calls",)), grant(1, effective=START_US + 1)])
def test_credits_that_could_not_be_added_up_are_refused_however_large_the_debt(command: GrantCredits) -> None:
    desk = Desk()
    desk.credit(adjust(-MAX_NANOS))
    desk.credit(grant(MAX_NANOS, meters=("pages",)))

    assert refusal_of(desk, command).metadata == {"total": "credits"}


def test_the_largest_grant_fits_even_where_it_settles_the_largest_debt() -> None:
    desk = Desk()
    desk.credit(adjust(-MAX_NANOS))
    desk.credit(grant(5, meters=("pages",)))

    assert desk.credit(grant(MAX_NANOS)).balance == BalanceFacts(5, 5, 0)
    assert desk.credit(adjust(-5)).balance == BalanceFacts(0, 0, 0)


def test_a_grant_is_usable_from_its_start_until_before_its_expiry_and_while_something_is_left() -> None:
    desk = Desk()
    desk.credit(grant(id="g", effective=START_US + 10, expires=START_US + 20))
    made = desk.account.grants["g"]

    assert [made.usable(START_US + at) for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert not made._replace(remaining_nanos=0).usable(START_US + 10)


commands = st.lists(
    st.one_of(
        st.integers(1, 9).map(grant),
        st.integers(1, 9).map(lambda amount: grant(amount, meters=("calls",))),
        st.integers(1, 9).map(lambda amount: grant(amount, effective=START_US + 1)),
        st.integers(-9, 9).filter(bool).map(adjust),
    ),
    max_size=8,
)


@given(commands)
def test_the_balance_is_what_is_left_of_the_grants_minus_the_debt(commands: list[GrantCredits | AdjustCredits]) -> None:
    desk = Desk()
    for command in commands:
        answer = desk.credit(command)

        account = desk.account
        assert account.balance_nanos == sum(desk.remaining.values()) - account.debt_nanos
        assert account.balance_nanos == sum(entry.amount_nanos for entry in desk.ledger)
        assert answer.balance == balance_facts(account, desk.now_us)
        free = [item for item in account.usable_grants(None, desk.now_us) if not item.meters]
        assert not (account.debt_nanos and free), "credits that could settle the debt have done so"

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import (
    HOUR_US,
    NANOS,
    PERIOD_END_US,
    RECORD,
    RULES,
    START_US,
    Desk,
    adjust,
    assign,
    fresh,
    grant,
    override,
    use,
)
from tollhoused.domain.account import MAX_QUANTITY, CauseKind
from tollhoused.domain.answers import Debit
from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.commands import Enforcement, RecordUsage
from tollhoused.domain.instants import DAY_US, MINUTE_US
from tollhoused.domain.money import MAX_NANOS
from tollhoused.domain.rates import MAX_UNITS, Rate, price
from tollhoused.errors import (
    AmountOutOfRange,
    EventInFuture,
    EventTooOld,
    InsufficientCredits,
    MeterNotInPlan,
    QuotaExceeded,
    SubscriptionRequired,
    TollhouseError,
)


def refusal_of(desk: Desk, command: RecordUsage) -> TollhouseError:
    """The refusal of a usage event, which must have changed nothing."""
    before = desk.snapshot()
    with pytest.raises(TollhouseError) as caught:
        desk.use(command)
    assert desk.snapshot() == before
    return caught.value


def test_usage_within_the_allowance_is_counted_and_costs_nothing() -> None:
    answer = Desk().use(use(4, at=START_US))

    assert (answer.new_usage, answer.limit, answer.remaining) == (4, 10, 6)
    assert (answer.overage_quantity, answer.charged_nanos, answer.debits, answer.lifted) == (0, 0, (), ())
    assert (answer.account_id, answer.matched_by, answer.currency) == ("acct_anna", "user_id", "eur")
    assert (answer.meter, answer.plan, answer.plan_version, answer.quantity) == ("calls", "free", 1, 4)
    assert (answer.period_start_us, answer.period_end_us) == (START_US, PERIOD_END_US)


def test_an_event_across_the_allowance_is_charged_for_what_lies_beyond_it() -> None:
    desk = Desk()
    desk.credit(grant(100 * NANOS, id="gift"))
    desk.use(use(8))

    answer = desk.use(use(5))

    assert (answer.new_usage, answer.limit, answer.remaining, answer.overage_quantity) == (13, 10, 0, 3)
    assert answer.charged_nanos == 6 * NANOS
    assert answer.debits == (Debit("gift", 6 * NANOS),)
    assert answer.balance_after_nanos == 94 * NANOS
    assert desk.remaining == {"gift": 94 * NANOS}


def test_a_charge_that_several_grants_pay_names_each_in_the_order_they_burnt() -> None:
    desk = Desk()
    desk.credit(grant(3 * NANOS, id="a", priority=2))
    desk.credit(grant(3 * NANOS, id="b", priority=1))

    answer = desk.use(use(12))

    assert answer.debits == (Debit("b", 3 * NANOS), Debit("a", 1 * NANOS))
    assert [(entry.grant_id, entry.amount_nanos) for entry in desk.ledger[2:]] == [
        ("b", -3 * NANOS),
        ("a", -1 * NANOS),
    ]


def test_prices_are_rounded_on_the_cumulative_overage_and_not_on_each_event() -> None:
    desk = Desk()
    desk.credit(grant())

    charges = [desk.use(use(1, "tokens")).charged_nanos for _ in range(8)]

    assert charges == [3, 2, 3, 2, 3, 2, 3, 2], "2.5 nanos each"
    assert desk.use(use(8, "tokens")).charged_nanos == 20


def test_a_package_is_charged_when_it_is_begun() -> None:
    desk = Desk()
    desk.credit(grant())
    desk.use(use(5, "pages"))

    assert [desk.use(use(quantity, "pages")).charged_nanos for quantity in (1, 9, 1)] == [5 * NANOS, 0, 5 * NANOS]


def test_an_unmetered_meter_is_counted_without_limit_and_without_charge() -> None:
    desk = Desk()
    desk.subscribe(assign("plus"))

    answer = desk.use(use(10**6, "beacons"))

    assert (answer.new_usage, answer.limit, answer.remaining) == (10**6, None, None)
    assert (answer.overage_quantity, answer.charged_nanos) == (0, 0)


def test_a_hard_limit_takes_what_fits_to_the_last_unit_and_refuses_the_next() -> None:
    desk = Desk()
    assert desk.use(use(30, "minutes")).remaining == 0

    refusal = refusal_of(desk, use(1, "minutes"))

    assert isinstance(refusal, QuotaExceeded)
    assert refusal.metadata == {
        "meter": "minutes",
        "limit": "30",
        "used": "30",
        "held": "0",
        "requested": "1",
        "reset_time": "2026-02-01T00:00:00Z",
    }


def test_a_hard_limit_refuses_the_whole_event_and_leaves_room_for_a_smaller_one() -> None:
    desk = Desk()
    desk.use(use(28, "minutes"))

    assert isinstance(refusal_of(desk, use(3, "minutes")), QuotaExceeded)
    assert desk.use(use(2, "minutes")).new_usage == 30


def test_a_charge_beyond_the_credits_is_refused_with_what_is_missing() -> None:
    desk = Desk()
    desk.credit(grant(3 * NANOS))

    refusal = refusal_of(desk, use(12))

    assert isinstance(refusal, InsufficientCredits)
    assert refusal.metadata == {
        "balance_nanos": str(3 * NANOS),
        "required_nanos": str(4 * NANOS),
        "missing_nanos": str(1 * NANOS),
        "currency": "eur",
    }


def test_the_last_credits_pay_to_the_last_nano() -> None:
    desk = Desk()
    desk.credit(grant(4 * NANOS))

    assert desk.use(use(12)).balance_after_nanos == 0
    assert isinstance(refusal_of(desk, use(1)), InsufficientCredits)


def test_a_plan_without_the_product_asks_for_a_subscription() -> None:
    refusal = refusal_of(Desk(), use(1, product="send"))

    assert isinstance(refusal, SubscriptionRequired)
    assert refusal.metadata == {"product": "send", "plan": "free"}


def test_a_meter_that_the_plan_lacks_is_named() -> None:
    refusal = refusal_of(Desk(), use(1, "beacons"))

    assert isinstance(refusal, MeterNotInPlan)
    assert refusal.metadata == {"meter": "beacons", "plan": "free"}


@pytest.mark.parametrize(
    "command",
    [
        use(1, product="send"),
        use(1, "beacons"),
        use(31, "minutes"),
        use(11),
        use(1, at=START_US - RULES.late_window_us - 1),
        use(1, at=START_US + RULES.future_tolerance_us + 1),
        use(MAX_QUANTITY + 1),
    ],
    ids=lambda command: f"{command.product}-{command.meter}-{command.quantity}",
)
def test_a_refusal_changes_nothing_so_the_key_may_succeed_later(command: RecordUsage) -> None:
    desk = Desk()
    refusal_of(desk, command)

    desk.credit(grant())
    allowed = desk.use(use(1, key=command.idempotency_key))

    assert (allowed.quantity, allowed.new_usage) == (1, 1)


def test_recorded_usage_beyond_the_credits_takes_what_is_there_and_owes_the_rest() -> None:
    desk = Desk()
    desk.credit(grant(3 * NANOS, id="gift"))

    answer = desk.use(use(12, enforcement=RECORD))

    assert (answer.charged_nanos, answer.debits, answer.debt_nanos) == (4 * NANOS, (Debit("gift", 3 * NANOS),), NANOS)
    assert (answer.balance_after_nanos, answer.lifted) == (-NANOS, ("INSUFFICIENT_CREDITS",))
    assert [(entry.grant_id, entry.amount_nanos) for entry in desk.ledger[1:]] == [
        ("gift", -3 * NANOS),
        (None, -NANOS),
    ]
    assert desk.account.debt_nanos == NANOS


def test_debt_lowers_what_a_restricted_grant_may_still_pay_under_enforce() -> None:
    desk = Desk()
    desk.credit(grant(5 * NANOS, meters=("pages",)))
    desk.use(use(12, enforcement=RECORD))
    assert desk.account.debt_nanos == 4 * NANOS

    refusal = refusal_of(desk, use(6, "pages"))

    assert (refusal.metadata["balance_nanos"], refusal.metadata["missing_nanos"]) == (str(NANOS), str(4 * NANOS))


def test_recorded_usage_beyond_a_hard_limit_is_counted_and_costs_nothing() -> None:
    answer = Desk().use(use(45, "minutes", enforcement=RECORD))

    assert (answer.new_usage, answer.limit, answer.remaining, answer.overage_quantity) == (45, 30, 0, 15)
    assert (answer.charged_nanos, answer.debt_nanos, answer.lifted) == (0, 0, ("QUOTA_EXCEEDED",))


def test_recorded_usage_of_a_meter_outside_the_plan_costs_nothing() -> None:
    answer = Desk().use(use(7, "beacons", enforcement=RECORD))

    assert (answer.new_usage, answer.limit, answer.remaining, answer.overage_quantity) == (7, 0, 0, 7)
    assert (answer.charged_nanos, answer.lifted) == (0, ("METER_NOT_IN_PLAN",))


def test_recorded_usage_of_another_product_is_charged_as_the_meter_is() -> None:
    answer = Desk().use(use(11, product="send", enforcement=RECORD))

    assert (answer.charged_nanos, answer.debt_nanos) == (2 * NANOS, 2 * NANOS)
    assert set(answer.lifted) == {"SUBSCRIPTION_REQUIRED", "INSUFFICIENT_CREDITS"}


def test_record_lifts_nothing_when_nothing_stood_in_the_way() -> None:
    assert Desk().use(use(10, enforcement=RECORD)).lifted == ()


@pytest.mark.parametrize("enforcement", Enforcement)
def test_an_event_is_accepted_from_the_window_s_start_to_five_minutes_ahead(enforcement: Enforcement) -> None:
    oldest, newest = START_US - 35 * DAY_US, START_US + 5 * MINUTE_US
    desk = Desk()
    assert desk.use(use(1, at=oldest, enforcement=enforcement)).event_us == oldest
    assert desk.use(use(1, at=newest, enforcement=enforcement)).event_us == START_US, "what lies ahead counts as now"

    early = refusal_of(desk, use(1, at=oldest - 1, enforcement=enforcement))
    late = refusal_of(desk, use(1, at=newest + 1, enforcement=enforcement))

    assert isinstance(early, EventTooOld)
    assert early.metadata == {"oldest_time": "2025-11-27T00:00:00Z"}
    assert isinstance(late, EventInFuture)
    assert late.metadata == {"newest_time": "2026-01-01T00:05:00Z"}


def test_an_event_without_a_time_counts_when_it_arrives() -> None:
    desk = Desk().wait_until(START_US + 17)

    answer = desk.use(use(1))

    assert (answer.event_us, answer.recorded_us) == (START_US + 17, START_US + 17)


def test_an_event_before_the_account_began_counts_in_its_first_period() -> None:
    answer = Desk().use(use(1, at=START_US - DAY_US))

    assert (answer.event_us, answer.period_start_us) == (START_US - DAY_US, START_US)


def test_a_late_event_belongs_to_the_period_it_happened_in() -> None:
    desk = Desk().wait_until(PERIOD_END_US + HOUR_US)
    desk.use(use(9))

    late = desk.use(use(4, at=PERIOD_END_US - 1))

    assert (late.new_usage, late.period_start_us, late.period_end_us) == (4, START_US, PERIOD_END_US)
    assert desk.use(use(1)).new_usage == 10


def test_a_late_event_settles_under_the_terms_of_its_own_segment() -> None:
    desk = Desk()
    desk.credit(grant())
    desk.use(use(10))
    desk.wait_until(START_US + DAY_US).subscribe(assign("plus"))
    desk.use(use(100))

    assert desk.use(use(1, at=START_US + DAY_US - 1)).charged_nanos == 2 * NANOS
    assert desk.use(use(1, at=START_US + DAY_US)).charged_nanos == 1 * NANOS


def test_a_ledger_entry_shows_when_the_usage_happened_beside_when_it_was_booked() -> None:
    desk = Desk().let_time_pass(START_US + DAY_US)
    desk.credit(grant())

    desk.use(use(11, at=START_US + HOUR_US))

    entry = desk.ledger[-1]
    assert (entry.effective_us, entry.booked_us) == (START_US + HOUR_US, START_US + DAY_US)


def test_a_ledger_entry_names_the_operation_that_caused_it() -> None:
    desk = Desk()
    desk.credit(grant())

    desk.use(use(11, key="call-1", client="phone"))

    cause = desk.ledger[-1].cause
    assert (cause.kind, cause.reference, cause.client) == (CauseKind.USAGE, "call-1", "phone")


def test_a_restricted_grant_pays_for_its_own_meters_only() -> None:
    desk = Desk()
    desk.credit(grant(50 * NANOS, id="for pages", meters=("pages", "tokens")))

    assert isinstance(refusal_of(desk, use(11)), InsufficientCredits)
    assert desk.use(use(6, "pages")).debits == (Debit("for pages", 5 * NANOS),)
    assert desk.use(use(11, enforcement=RECORD)).debits == ()


def test_credits_cannot_be_spent_before_they_are_effective_nor_from_their_expiry_on() -> None:
    desk = Desk()
    desk.credit(grant(50 * NANOS, effective=START_US + 10, expires=START_US + 20))

    assert isinstance(refusal_of(desk, use(11)), InsufficientCredits)
    desk.let_time_pass(START_US + 9)
    assert isinstance(refusal_of(desk, use(11)), InsufficientCredits)
    assert desk.wait_until(START_US + 10).use(use(11)).charged_nanos == 2 * NANOS
    assert desk.wait_until(START_US + 19).use(use(1)).charged_nanos == 2 * NANOS
    desk.let_time_pass(START_US + 20)
    assert isinstance(refusal_of(desk, use(1)), InsufficientCredits)


def test_a_late_event_is_paid_with_what_can_be_spent_when_it_arrives() -> None:
    desk = Desk()
    desk.credit(grant(50 * NANOS, id="gone", expires=START_US + DAY_US))
    desk.let_time_pass(START_US + DAY_US)
    desk.credit(grant(50 * NANOS, id="new"))

    assert desk.use(use(11, at=START_US)).debits == (Debit("new", 2 * NANOS),)


def test_what_was_charged_before_a_change_of_plan_is_not_priced_again() -> None:
    desk = Desk()
    desk.credit(grant())
    subscription = desk.subscribe(assign("plus")).subscription_id
    desk.use(use(104))
    desk.wait_until(START_US + DAY_US).subscribe(assign("free", changes=subscription))

    answer = desk.use(use(1))

    assert (answer.new_usage, answer.overage_quantity, answer.charged_nanos) == (105, 1, 2 * NANOS)


def test_totals_that_could_not_be_stored_are_refused_before_anything_moves() -> None:
    desk = Desk()
    desk.subscribe(assign("most"))
    desk.use(use(MAX_QUANTITY - 1))

    usage = refusal_of(desk, use(2))
    assert isinstance(usage, AmountOutOfRange)
    assert usage.metadata == {"total": "usage"}
    assert desk.use(use(1)).new_usage == MAX_QUANTITY


def test_a_charge_that_could_not_be_stored_is_refused_before_anything_moves() -> None:
    desk = Desk()
    desk.override(override(included=0, policy=Policy.CREDITS, rate=Rate(MAX_NANOS)))

    assert desk.use(use(1, enforcement=RECORD)).debt_nanos == MAX_NANOS
    assert refusal_of(desk, use(1, enforcement=RECORD)).metadata == {"total": "charge"}


def test_a_debt_that_could_not_be_stored_is_refused_before_anything_moves() -> None:
    desk = Desk()
    desk.credit(adjust(-MAX_NANOS))
    desk.credit(grant(5 * NANOS, meters=("pages",)))

    assert refusal_of(desk, use(11, enforcement=RECORD)).metadata == {"total": "debt"}


def charges_of(commands: list[RecordUsage]) -> int:
    """What these usage events cost together on a fresh, funded account."""
    desk = Desk()
    desk.credit(grant(10**6 * NANOS))
    return sum(desk.use(command).charged_nanos for command in commands)


events = st.lists(st.tuples(st.sampled_from(["calls", "tokens", "pages"]), st.integers(1, 9)), max_size=12)


@given(events, st.randoms())
def test_the_order_of_events_inside_a_segment_never_changes_what_they_cost(
    events: list[tuple[str, int]], chance: Random
) -> None:
    as_sent = charges_of([use(quantity, meter) for meter, quantity in events])
    chance.shuffle(events)

    assert charges_of([use(quantity, meter) for meter, quantity in events]) == as_sent


@given(st.sampled_from(["calls", "tokens", "pages"]), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_splitting_usage_never_changes_what_it_costs(meter: str, parts: list[int]) -> None:
    assert charges_of([use(part, meter) for part in parts]) == charges_of([use(sum(parts), meter)])


@st.composite
def graduated_rates(draw: st.DrawFn) -> Rate:
    return Rate(draw(st.integers(0, 10**12)), draw(st.integers(1, 1_000)))


@given(graduated_rates(), st.integers(0, 20), st.lists(st.integers(1, 30), max_size=6))
def test_every_charge_adds_up_to_the_price_of_the_overage(rate: Rate, included: int, parts: list[int]) -> None:
    desk = Desk()
    desk.override(override(included=included, policy=Policy.CREDITS, rate=rate))

    charges = [desk.use(use(part, enforcement=RECORD)).charged_nanos for part in parts]

    assert sum(charges) == price(rate, max(0, sum(parts) - included)) == desk.account.debt_nanos


grants_to_burn = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.none() | st.integers(1, 3),
        st.sampled_from(GrantCategory),
        st.integers(0, 2),
        st.integers(1, 5),
    ),
    max_size=6,
)


@given(grants_to_burn, st.integers(1, 12))
def test_grants_burn_by_priority_then_expiry_then_promotional_then_age(
    wanted: list[tuple[int, int | None, GrantCategory, int, int]], calls: int
) -> None:
    desk = Desk()
    made = []
    for priority, expires, category, age, amount in sorted(wanted, key=lambda item: item[3]):
        desk.wait_until(START_US + age)
        name = fresh("grant")
        made.append((priority, expires, category, name, amount))
        expires_us = None if expires is None else START_US + expires * DAY_US
        desk.credit(grant(2 * amount * NANOS, id=name, priority=priority, category=category, expires=expires_us))

    answer = desk.use(use(10 + calls, enforcement=RECORD))

    units = [name for *_, name, amount in sorted(made, key=_by_the_requirement) for _ in range(amount)]
    burnt = units[:calls]
    assert answer.debits == tuple(Debit(name, 2 * burnt.count(name) * NANOS) for name in dict.fromkeys(burnt))
    assert answer.debt_nanos == 2 * (calls - len(burnt)) * NANOS


def _by_the_requirement(item: tuple[int, int | None, GrantCategory, str, int]) -> tuple[int, float, int, str]:
    """Requirement C4, told once more: grants were made in the order of their ages, so that names tell the oldest."""
    priority, expires, category, name, _ = item
    soonest = float("inf") if expires is None else expires
    return (priority, soonest, [GrantCategory.PROMOTIONAL, GrantCategory.PAID].index(category), name)


def test_the_largest_quantity_at_the_finest_rate_is_exact() -> None:
    desk = Desk()
    desk.override(override(included=0, policy=Policy.CREDITS, rate=Rate(1, per_units=MAX_UNITS)))

    assert desk.use(use(MAX_UNITS // 2 - 1, enforcement=RECORD)).charged_nanos == 0
    assert desk.use(use(1, enforcement=RECORD)).charged_nanos == 1, "half a nano is rounded up, once"

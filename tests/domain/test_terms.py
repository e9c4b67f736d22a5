from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.shop import HISTORY
from tollhoused.domain.catalogue import MeterTerms, Policy
from tollhoused.domain.rates import Rate, RateModel, Tier, price
from tollhoused.domain.terms import (
    Override,
    Terms,
    charge_for,
    overage_of,
    resolve_terms,
    terms_from_json,
    terms_to_json,
)

FREE = HISTORY.newest.plans["free"]
PLUS = HISTORY.newest.plans["plus"]
DEAR = Rate(7_000_000_000)
CHEAP = Rate(1)


def exception(
    meter: str,
    *,
    id: str = "ovr_1",
    included: int | None = None,
    policy: Policy | None = None,
    rate: Rate | None = None,
    start: int = 0,
    end: int | None = None,
) -> Override:
    return Override(id, meter, included, policy, rate, start, end)


def under(*overrides: Override, meter: str = "calls", at: int = 100) -> MeterTerms:
    """One meter's terms on the free plan with these overrides."""
    return resolve_terms(FREE, 1, list(overrides), at).meters[meter]


credits_terms = st.builds(
    MeterTerms,
    included=st.integers(0, 30),
    policy=st.just(Policy.CREDITS),
    rate=st.one_of(
        st.builds(Rate, st.integers(0, 50), st.integers(1, 20)),
        st.builds(Rate, st.integers(0, 50), st.integers(1, 20), st.just(RateModel.PACKAGE)),
    ),
)
rates = st.one_of(
    st.builds(Rate, st.integers(0, 2**62), st.integers(1, 10**15)),
    st.just(Rate(0, 10, RateModel.GRADUATED, (Tier(5, 3), Tier(None, 1)))),
)
all_terms = st.builds(
    Terms,
    plan=st.text(),
    plan_version=st.integers(1, 99),
    features=st.frozensets(st.text(), max_size=4),
    meters=st.dictionaries(
        st.text(),
        st.builds(
            MeterTerms,
            included=st.integers(0, 2**62),
            policy=st.sampled_from(Policy),
            rate=st.none() | rates,
        ),
        max_size=4,
    ),
)


def test_a_plan_without_overrides_gives_its_own_terms() -> None:
    terms = resolve_terms(PLUS, 3, [], 100)

    assert (terms.plan, terms.plan_version) == ("plus", 3)
    assert (terms.features, terms.meters) == (PLUS.features, PLUS.meters)
    assert terms.grants_product("send")
    assert not terms.grants_product("tracking")


def test_an_override_replaces_what_it_names_and_leaves_the_rest_to_the_plan() -> None:
    plan = FREE.meters["calls"]

    assert under(exception("calls", included=500)) == MeterTerms(500, plan.policy, plan.rate)
    assert under(exception("calls", rate=DEAR)) == MeterTerms(plan.included, plan.policy, DEAR)
    assert under(exception("calls", policy=Policy.HARD_LIMIT)) == MeterTerms(plan.included, Policy.HARD_LIMIT, None)
    assert under(exception("calls", included=500), meter="pages") == FREE.meters["pages"]


def test_an_override_counts_from_its_start_until_before_its_end() -> None:
    limited = exception("calls", included=500, start=100, end=200)

    assert [under(limited, at=at).included for at in (99, 100, 199, 200)] == [10, 500, 500, 10]


def test_overrides_of_one_meter_are_laid_over_each_other_the_latest_start_last() -> None:
    early = exception("calls", id="ovr_2", included=1, rate=DEAR, start=10)
    late = exception("calls", id="ovr_1", included=2, start=20)

    assert under(late, early) == under(early, late) == MeterTerms(2, Policy.CREDITS, DEAR)


def test_one_override_may_give_the_policy_and_a_later_one_the_rate() -> None:
    policy = exception("minutes", policy=Policy.CREDITS, start=10)
    rate = exception("minutes", id="ovr_2", rate=DEAR, start=20)

    assert under(policy, rate, meter="minutes") == MeterTerms(30, Policy.CREDITS, DEAR)


def test_a_meter_that_the_plan_lacks_starts_from_nothing_and_a_hard_limit() -> None:
    assert under(exception("beacons", included=5), meter="beacons") == MeterTerms(5, Policy.HARD_LIMIT, None)
    assert under(exception("beacons", rate=DEAR), meter="beacons") == MeterTerms(0, Policy.HARD_LIMIT, None)
    unmetered = exception("beacons", policy=Policy.UNMETERED)
    assert under(unmetered, meter="beacons").policy is Policy.UNMETERED


def test_credits_without_any_rate_act_as_a_hard_limit() -> None:
    assert under(exception("minutes", policy=Policy.CREDITS), meter="minutes") == MeterTerms(
        30, Policy.HARD_LIMIT, None
    )


def test_only_credits_have_a_rate_so_that_terms_that_say_the_same_are_equal() -> None:
    assert under(exception("minutes", rate=DEAR), meter="minutes") == FREE.meters["minutes"]


def test_overage_is_what_the_segment_itself_used_beyond_the_allowance() -> None:
    ten = MeterTerms(10, Policy.CREDITS, CHEAP)

    assert overage_of(ten, carried=0, used=10) == 0
    assert overage_of(ten, carried=0, used=12) == 2
    assert overage_of(ten, carried=8, used=5) == 3
    assert overage_of(ten, carried=25, used=5) == 5, "15 of the period's overage were settled before"
    assert overage_of(MeterTerms(0, Policy.UNMETERED, None), carried=25, used=5) == 0


def test_only_credits_charge_for_overage() -> None:
    assert charge_for(MeterTerms(0, Policy.CREDITS, DEAR), 2) == 14_000_000_000
    assert charge_for(MeterTerms(0, Policy.HARD_LIMIT, None), 2) == 0
    assert charge_for(MeterTerms(0, Policy.UNMETERED, None), 2) == 0


@given(credits_terms, st.integers(0, 60), st.lists(st.integers(1, 20), max_size=10))
def test_charges_of_single_events_add_up_to_the_price_of_the_whole(
    terms: MeterTerms, carried: int, quantities: list[int]
) -> None:
    uses = [sum(quantities[:count]) for count in range(len(quantities) + 1)]
    charges = [charge_for(terms, overage_of(terms, carried, used)) for used in uses]

    assert all(before <= after for before, after in pairwise(charges)), "no event is ever paid back"
    assert terms.rate
    assert charges[-1] == price(terms.rate, overage_of(terms, carried, sum(quantities)))


@given(st.integers(0, 30), st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_cutting_a_period_into_segments_leaves_its_overage_as_it_was(included: int, used: list[int]) -> None:
    terms = MeterTerms(included, Policy.CREDITS, CHEAP)
    of_segments = [overage_of(terms, sum(used[:index]), used[index]) for index in range(len(used))]

    assert sum(of_segments) == overage_of(terms, 0, sum(used)) == max(0, sum(used) - included)


@given(all_terms)
def test_terms_come_back_from_their_text(terms: Terms) -> None:
    assert terms_from_json(terms_to_json(terms)) == terms


@given(all_terms)
def test_equal_terms_have_equal_texts(terms: Terms) -> None:
    backwards = dict(reversed(list(terms.meters.items())))

    assert terms_to_json(Terms(terms.plan, terms.plan_version, terms.features, backwards)) == terms_to_json(terms)

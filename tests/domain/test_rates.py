import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhoused.domain.money import MAX_NANOS, parse_amount
from tollhoused.domain.rates import (
    MAX_TIERS,
    MAX_UNITS,
    Rate,
    RateError,
    RateModel,
    Tier,
    price,
    rate_from_json,
    rate_to_json,
)

AI_TOKENS = Rate(parse_amount("0.002"), per_units=1_000)
SMS_PACKAGES = Rate(parse_amount("5.00"), per_units=100, model=RateModel.PACKAGE)
CHEAPER_BY_THE_DOZEN = Rate(
    0,
    model=RateModel.GRADUATED,
    tiers=(Tier(12, parse_amount("1.00")), Tier(144, parse_amount("0.50")), Tier(None, parse_amount("0.10"))),
)

prices = st.integers(0, MAX_NANOS)
per_units = st.integers(1, MAX_UNITS)


@st.composite
def graduated_rates(draw: st.DrawFn) -> Rate:
    bounds = sorted(draw(st.sets(st.integers(1, 1_000), max_size=5)))
    tiers = tuple(Tier(bound, draw(prices)) for bound in [*bounds, None])
    return Rate(0, draw(per_units), RateModel.GRADUATED, tiers)


rates = st.one_of(
    st.builds(Rate, prices, per_units),
    st.builds(Rate, prices, per_units, st.just(RateModel.PACKAGE)),
    st.builds(Rate, st.integers(0, 100), st.integers(1, 100)),
    graduated_rates(),
)
quantities = st.integers(0, 2_000)


def test_a_unit_price_is_pro_rata_and_exact() -> None:
    assert price(AI_TOKENS, 1_000) == 2_000_000
    assert price(AI_TOKENS, 1) == 2_000
    assert price(AI_TOKENS, 0) == 0


def test_half_a_nano_is_rounded_up_and_less_is_rounded_down() -> None:
    assert price(Rate(1, per_units=2), 1) == 1
    assert price(Rate(1, per_units=3), 1) == 0
    assert price(Rate(2, per_units=3), 1) == 1


def test_a_begun_package_is_paid_in_full() -> None:
    assert [price(SMS_PACKAGES, quantity) for quantity in (0, 1, 100, 101)] == [
        0,
        parse_amount("5.00"),
        parse_amount("5.00"),
        parse_amount("10.00"),
    ]


def test_a_graduated_price_charges_each_part_at_its_tier() -> None:
    assert price(CHEAPER_BY_THE_DOZEN, 12) == parse_amount("12.00")
    assert price(CHEAPER_BY_THE_DOZEN, 13) == parse_amount("12.50")
    assert price(CHEAPER_BY_THE_DOZEN, 154) == parse_amount("79.00")


def test_graduated_parts_are_added_before_the_one_rounding() -> None:
    thirds = Rate(0, per_units=3, model=RateModel.GRADUATED, tiers=(Tier(1, 1), Tier(None, 1)))

    assert price(thirds, 2) == 1


@given(rates, st.lists(st.integers(0, 400), max_size=8))
def test_splitting_a_usage_never_changes_what_it_costs(rate: Rate, reports: list[int]) -> None:
    totals = [sum(reports[:count]) for count in range(len(reports) + 1)]
    charges = [price(rate, after) - price(rate, before) for before, after in pairwise(totals)]

    assert sum(charges) == price(rate, sum(reports))


@given(rates, quantities, quantities)
def test_more_never_costs_less(rate: Rate, quantity: int, more: int) -> None:
    assert 0 <= price(rate, quantity) <= price(rate, quantity + more)


@given(prices, per_units, quantities)
def test_one_tier_for_everything_is_a_unit_price(price_nanos: int, units: int, quantity: int) -> None:
    graduated = Rate(0, units, RateModel.GRADUATED, (Tier(None, price_nanos),))

    assert price(graduated, quantity) == price(Rate(price_nanos, units), quantity)


@given(rates)
def test_a_rate_survives_json(rate: Rate) -> None:
    assert rate_from_json(json.loads(json.dumps(rate_to_json(rate)))) == rate


def test_json_leaves_out_what_is_default() -> None:
    assert rate_to_json(Rate(5)) == {"price_nanos": 5}
    assert rate_to_json(AI_TOKENS) == {"price_nanos": 2_000_000, "per_units": 1_000}
    assert rate_to_json(Rate(0, model=RateModel.GRADUATED, tiers=(Tier(9, 2), Tier(None, 1)))) == {
        "price_nanos": 0,
        "model": "graduated",
        "tiers": [[9, 2], [None, 1]],
    }


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"price_nanos": 0.5},
        {"price_nanos": "5"},
        {"price_nanos": True},
        {"price_nanos": 5, "currency": "usd"},
        {"price_nanos": 5, "model": "flat"},
        {"price_nanos": 5, "per_units": None},
        {"price_nanos": 0, "model": "graduated", "tiers": {}},
        {"price_nanos": 0, "model": "graduated", "tiers": [[1]]},
    ],
)
def test_json_that_is_no_rate_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r"rate|tier|RateModel"):
        rate_from_json(data)


@pytest.mark.parametrize(
    ("field", "price_nanos", "units", "model", "tiers"),
    [
        ("price", -1, 1, RateModel.UNIT, ()),
        ("price", MAX_NANOS + 1, 1, RateModel.UNIT, ()),
        ("price", 1, 1, RateModel.GRADUATED, (Tier(None, 1),)),
        ("per_units", 1, 0, RateModel.UNIT, ()),
        ("per_units", 1, MAX_UNITS + 1, RateModel.PACKAGE, ()),
        ("tiers", 1, 1, RateModel.UNIT, (Tier(None, 1),)),
        ("tiers", 1, 1, RateModel.PACKAGE, (Tier(None, 1),)),
        ("tiers", 0, 1, RateModel.GRADUATED, ()),
        ("tiers", 0, 1, RateModel.GRADUATED, (*(Tier(n, 1) for n in range(1, MAX_TIERS + 1)), Tier(None, 1))),
        ("tiers[0].up_to", 0, 1, RateModel.GRADUATED, (Tier(None, 1), Tier(None, 1))),
        ("tiers[0].up_to", 0, 1, RateModel.GRADUATED, (Tier(0, 1), Tier(None, 1))),
        ("tiers[0].up_to", 0, 1, RateModel.GRADUATED, (Tier(5, 1),)),
        ("tiers[1].up_to", 0, 1, RateModel.GRADUATED, (Tier(5, 1), Tier(5, 1), Tier(None, 1))),
        ("tiers[1].up_to", 0, 1, RateModel.GRADUATED, (Tier(5, 1), Tier(MAX_UNITS + 1, 1), Tier(None, 1))),
        ("tiers[1].price", 0, 1, RateModel.GRADUATED, (Tier(5, 1), Tier(None, -1))),
    ],
)
def test_a_rate_that_contradicts_itself_names_the_field(
    field: str, price_nanos: int, units: int, model: RateModel, tiers: tuple[Tier, ...]
) -> None:
    with pytest.raises(RateError) as caught:
        Rate(price_nanos, units, model, tiers)

    assert caught.value.field == field

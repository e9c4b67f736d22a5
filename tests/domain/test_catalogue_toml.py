import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.post_office import POST, mistake_in, post_with
from tollhoused.domain.catalogue import CatalogueError, Interval, MeterKind, OnUnavailable, PlanPrice, Policy
from tollhoused.domain.catalogue_toml import parse_catalogue
from tollhoused.domain.money import parse_amount
from tollhoused.domain.rates import Rate, RateModel, Tier, price


def test_a_catalogue_is_read() -> None:
    post = parse_catalogue(POST)

    assert (post.name, post.currency, post.default_plan) == ("post office", "eur", "walk_in")
    assert (post.products, post.features) == (("letters", "parcels"), ("tracking.live",))
    assert (post.thresholds.usage_percent, post.thresholds.credits_low_nanos) == ((80, 100), parse_amount("5.00"))
    assert [(pack.code, pack.amount_nanos) for pack in post.packs] == [
        ("small", parse_amount("10.00")),
        ("large", parse_amount("100.00")),
    ]
    assert post.plans["company"].features == {"letters.access", "parcels.access", "tracking.live"}
    assert post.plans["company"].prices == (
        PlanPrice(Interval.MONTHLY, parse_amount("9.99"), {"stripe": "price_m", "dodo": "pdt_m"}),
        PlanPrice(Interval.YEARLY, parse_amount("99.90"), {"stripe": "price_y"}),
    )


def test_a_meter_has_its_aliases_and_clients_deny_unless_told_otherwise() -> None:
    post = parse_catalogue(POST)

    assert post.meter("Stamp.v1") is post.meter("stamps") is post.meters["stamps"]
    assert post.meter("Stamps") is None
    assert post.meters["boxes"].kind is MeterKind.GAUGE
    assert post.meters["stamps"].on_unavailable is OnUnavailable.ALLOW
    assert post.meters["weight"].on_unavailable is OnUnavailable.DENY


def test_a_plan_charges_the_rates_it_names() -> None:
    terms = parse_catalogue(POST).plans["walk_in"].meters

    assert (terms["stamps"].included, terms["stamps"].policy) == (1, Policy.CREDITS)
    assert terms["stamps"].rate == Rate(parse_amount("0.80"))
    assert terms["weight"].rate == Rate(parse_amount("2.50"), per_units=500, model=RateModel.PACKAGE)


def test_a_meters_own_rate_goes_before_the_named_ones() -> None:
    rate = parse_catalogue(POST).plans["company"].meters["stamps"].rate

    assert rate == Rate(
        0,
        per_units=10,
        model=RateModel.GRADUATED,
        tiers=(Tier(1_000, parse_amount("7.00")), Tier(None, parse_amount("6.50"))),
    )
    assert price(rate, 1_010) == parse_amount("706.50")


def test_only_charged_meters_have_a_rate_and_unlimited_ones_need_no_allowance() -> None:
    terms = parse_catalogue(POST).plans["company"].meters

    assert (terms["weight"].policy, terms["weight"].included, terms["weight"].rate) == (Policy.UNMETERED, 0, None)
    assert (terms["boxes"].policy, terms["boxes"].included, terms["boxes"].rate) == (Policy.HARD_LIMIT, 2, None)


def test_a_syntax_error_names_the_line() -> None:
    assert "line 2" in str(mistake_in(post_with('currency = "eur"', "currency = eur")))
    assert "line 9" in str(mistake_in(post_with('credits_low = "5.00"', "usage_percent = []")))


def test_a_syntax_error_at_the_end_names_the_last_line() -> None:
    assert "line 3" in str(mistake_in('name = "x"\n\nproducts = ['))


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 10_000, "a = \0", '\ufeffname = "x"'])
def test_text_that_is_hostile_is_an_error_like_any_other(text: str) -> None:
    assert mistake_in(text).key_path == ""


@given(st.text(max_size=60))
def test_text_that_is_no_catalogue_is_a_catalogue_error(text: str) -> None:
    mistake_in(text)


VALUES = [
    "0",
    "-1",
    "1.5",
    "nan",
    "true",
    '""',
    '"1"',
    '"talk"',
    "[]",
    "[1]",
    '[""]',
    "[[]]",
    "{}",
    "{ a = 1 }",
    "07:30:00",
]


@given(st.sampled_from([index for index, line in enumerate(POST.splitlines()) if "=" in line]), st.sampled_from(VALUES))
def test_any_value_in_any_place_is_read_or_named(index: int, value: str) -> None:
    lines = POST.splitlines()
    lines[index] = f"{lines[index].partition('=')[0]}= {value}"

    mistake = None
    try:
        parse_catalogue("\n".join(lines))
    except CatalogueError as error:
        mistake = error
    assert mistake is None or mistake.key_path or "line" in mistake.message

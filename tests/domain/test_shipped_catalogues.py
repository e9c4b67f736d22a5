from importlib.resources import files
from itertools import pairwise

import pytest

from tollhoused.domain.catalogue import Catalogue, Interval, MeterKind, Policy, check_successor
from tollhoused.domain.catalogue_toml import parse_catalogue
from tollhoused.domain.money import format_amount
from tollhoused.domain.rates import price


def shipped(name: str) -> Catalogue:
    return parse_catalogue((files("tollhoused") / "catalogues" / f"{name}.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def hub() -> Catalogue:
    return shipped("hub")


@pytest.fixture(scope="module")
def memory_store() -> Catalogue:
    return shipped("memory_store")


def by_rank(catalogue: Catalogue) -> list[str]:
    return sorted(catalogue.plans, key=lambda code: catalogue.plans[code].rank)


def prices_of(catalogue: Catalogue, interval: Interval) -> dict[str, str]:
    return {
        code: format_amount(plan_price.amount_nanos)
        for code, plan in catalogue.plans.items()
        for plan_price in plan.prices
        if plan_price.interval is interval
    }


def overage_prices(catalogue: Catalogue, plan: str, quantities: dict[str, int]) -> dict[str, str]:
    terms = catalogue.plans[plan].meters
    rates = {meter: terms[meter].rate for meter in quantities}
    return {meter: format_amount(price(rate, quantities[meter])) for meter, rate in rates.items() if rate is not None}


def test_the_hubs_plans_stand_in_their_order_at_their_prices(hub: Catalogue) -> None:
    assert by_rank(hub) == ["hobby", "early_adopter", "pro", "team", "enterprise"]
    assert prices_of(hub, Interval.MONTHLY) == {"hobby": "0.00", "pro": "29.00", "team": "99.00"}
    assert prices_of(hub, Interval.YEARLY) == {}
    assert hub.default_plan == "hobby"


def test_the_hubs_clients_may_use_the_names_they_know(hub: Catalogue) -> None:
    known = {
        "api_call": "api_calls",
        "apiCalls": "api_calls",
        "voice_minute": "voice_minutes",
        "email_send": "email_sends",
        "emails": "email_sends",
        "ai_token": "ai_tokens",
        "storage_mb": "storage_mb",
    }

    for name, code in known.items():
        meter = hub.meter(name)
        assert meter is not None
        assert meter.code == code


def test_early_adopters_have_the_documented_allowances(hub: Catalogue) -> None:
    terms = hub.plans["early_adopter"].meters

    assert {code: terms[code].included for code in ("api_calls", "voice_minutes", "storage_mb")} == {
        "api_calls": 10_000,
        "voice_minutes": 1_000,
        "storage_mb": 1_024,
    }


def test_the_default_plan_pays_the_free_rate_and_subscribers_half(hub: Catalogue) -> None:
    quantities = {"api_calls": 1, "voice_minutes": 1, "email_sends": 1, "storage_mb": 1_024, "ai_tokens": 1_000}
    free = {
        "api_calls": "0.002",
        "voice_minutes": "0.04",
        "email_sends": "0.002",
        "storage_mb": "0.10",
        "ai_tokens": "0.004",
    }
    half = {
        "api_calls": "0.001",
        "voice_minutes": "0.02",
        "email_sends": "0.001",
        "storage_mb": "0.05",
        "ai_tokens": "0.002",
    }

    assert overage_prices(hub, "hobby", quantities) == free
    for plan in ("early_adopter", "pro", "team"):
        assert overage_prices(hub, plan, quantities) == half


def test_hobby_includes_a_little_of_each_meter_and_can_be_charged(hub: Catalogue) -> None:
    hobby = hub.plans["hobby"]

    assert set(hobby.meters) == set(hub.meters)
    assert all(terms.included > 0 and terms.policy is Policy.CREDITS for terms in hobby.meters.values())
    assert "talk.access" in hobby.features


def test_a_better_hub_plan_never_gives_less(hub: Catalogue) -> None:
    ranked = [hub.plans[code] for code in by_rank(hub)]

    for lower, higher in pairwise(ranked):
        assert lower.features <= higher.features
        for code, terms in lower.meters.items():
            better = higher.meters[code]
            assert better.policy is Policy.UNMETERED or better.included >= terms.included


def test_storage_is_the_hubs_only_gauge(hub: Catalogue) -> None:
    assert [code for code, meter in hub.meters.items() if meter.kind is MeterKind.GAUGE] == ["storage_mb"]


def test_the_hub_sells_credits_and_warns(hub: Catalogue) -> None:
    assert [format_amount(pack.amount_nanos) for pack in hub.packs] == ["10.00", "25.00", "50.00", "100.00"]
    assert hub.thresholds.usage_percent == (80, 100)
    assert format_amount(hub.thresholds.credits_low_nanos) == "1.00"


def test_the_memory_store_sells_four_plans_by_the_month_and_by_the_year(memory_store: Catalogue) -> None:
    assert by_rank(memory_store) == ["free", "starter", "pro", "premium"]
    assert prices_of(memory_store, Interval.MONTHLY) == {
        "free": "0.00",
        "starter": "5.00",
        "pro": "12.00",
        "premium": "29.00",
    }
    assert prices_of(memory_store, Interval.YEARLY) == {"starter": "50.00", "pro": "120.00", "premium": "290.00"}


def test_the_memory_store_limits_calls_and_stored_memories(memory_store: Catalogue) -> None:
    assert {code: meter.kind for code, meter in memory_store.meters.items()} == {
        "api_calls": MeterKind.COUNTER,
        "memories": MeterKind.GAUGE,
    }
    for plan in memory_store.plans.values():
        assert {code: terms.policy for code, terms in plan.meters.items()} == {
            "api_calls": Policy.HARD_LIMIT,
            "memories": Policy.HARD_LIMIT,
        }


@pytest.mark.parametrize("name", ["hub", "memory_store"])
def test_a_shipped_catalogue_may_follow_itself(name: str) -> None:
    check_successor(shipped(name), shipped(name))

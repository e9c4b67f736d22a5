from dataclasses import replace

import pytest

from tollhoused.domain.catalogue import (
    Catalogue,
    CatalogueError,
    CatalogueHistory,
    Meter,
    MeterKind,
    OnUnavailable,
    Plan,
    Thresholds,
    access_feature,
    check_successor,
)


def counter(code: str, *aliases: str) -> Meter:
    return Meter(code, MeterKind.COUNTER, "piece", aliases, 100, OnUnavailable.DENY)


CALLS = counter("calls", "call", "apiCalls")
MAILS = counter("mails", "mail")
FREE = Plan("free", "Free", 0, (), frozenset({access_feature("talk")}), {})

OLD = Catalogue(
    name="shop",
    currency="usd",
    default_plan="free",
    products=("talk", "send"),
    features=("ai.access",),
    meters={"calls": CALLS, "mails": MAILS},
    plans={"free": FREE},
    packs=(),
    thresholds=Thresholds((80, 100), 0),
)


def test_product_access_is_a_feature_of_that_name() -> None:
    assert access_feature("talk") == "talk.access"


def test_a_meter_is_found_by_its_code_and_by_its_aliases() -> None:
    assert [OLD.meter(name) for name in ("calls", "call", "apiCalls")] == [CALLS] * 3
    assert OLD.meter("CALLS") is None
    assert OLD.meter_names() == {"calls", "call", "apiCalls", "mails", "mail"}


def test_a_changed_copy_finds_its_own_meters() -> None:
    assert replace(OLD, meters={"seats": counter("seats")}).meter_names() == {"seats"}


def test_the_newest_version_has_the_highest_number() -> None:
    newest = replace(OLD, name="newest")
    history = CatalogueHistory({10: newest, 9: OLD})

    assert (history.newest_version, history.newest) == (10, newest)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        replace(OLD, name="renamed", features=(), thresholds=Thresholds((50,), 1)),
        replace(OLD, products=("send", "talk", "doc")),
        replace(OLD, default_plan="basic", plans={"basic": replace(FREE, code="basic")}),
        replace(OLD, meters={**OLD.meters, "seats": counter("seats")}),
        replace(OLD, meters={"mails": MAILS, "calls": replace(CALLS, unit="call", max_quantity=5)}),
        replace(OLD, meters={**OLD.meters, "calls": counter("calls", "apiCalls", "call", "request")}),
    ],
)
def test_a_successor_may_add_and_may_change_terms(new: Catalogue) -> None:
    check_successor(OLD, new)


@pytest.mark.parametrize(
    ("key_path", "message", "meters"),
    [
        ("meters.mails", "removed", {"calls": CALLS}),
        ("meters.mails", "removed", {"calls": counter("calls", "call", "apiCalls", "mails", "mail")}),
        ("meters.mails.kind", "'counter'", {"calls": CALLS, "mails": replace(MAILS, kind=MeterKind.GAUGE)}),
        ("meters.calls.aliases", "'call' was removed", {"calls": counter("calls", "apiCalls"), "mails": MAILS}),
        (
            "meters.calls.aliases",
            "'call' now means 'mails'",
            {"calls": counter("calls", "apiCalls"), "mails": counter("mails", "mail", "call")},
        ),
    ],
)
def test_meters_and_their_names_stay(key_path: str, message: str, meters: dict[str, Meter]) -> None:
    with pytest.raises(CatalogueError, match=message) as caught:
        check_successor(OLD, replace(OLD, meters=meters))

    assert caught.value.key_path == key_path


@pytest.mark.parametrize(
    ("key_path", "message", "new"),
    [
        ("currency", "must stay 'usd'", replace(OLD, currency="eur")),
        ("products", "'send' was removed", replace(OLD, products=("talk",))),
    ],
)
def test_the_currency_and_the_products_stay(key_path: str, message: str, new: Catalogue) -> None:
    with pytest.raises(CatalogueError, match=message) as caught:
        check_successor(OLD, new)

    assert caught.value.key_path == key_path

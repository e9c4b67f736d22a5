"""Stripe's objects in our words, in the shape of either generation of its API."""

from typing import Any

import pytest

from tollhoused.domain.payments import PaymentStatus, Standing, SubscriptionFacts
from tollhoused.providers.stripe.payments import payment_facts, scaled
from tollhoused.providers.stripe.standings import subscription_facts

START, END = 1_760_000_000, 1_762_678_400
SECOND_US = 1_000_000


def subscription(generation: str, **more: object) -> dict[str, Any]:
    """A subscription as versions before or since 2025-03-31 show it."""
    period = {"current_period_start": START, "current_period_end": END}
    item = {"id": "si_1", "price": {"id": "price_pro"}, "quantity": 1}
    shared: dict[str, Any] = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "metadata": {"tollhouse_account": "ada", "tollhouse_plan_version": "7", "another": "x"},
        "start_date": START,
        "billing_cycle_anchor": START,
    }
    if generation == "old":
        return {**shared, **period, "items": {"data": [item]}, "plan": {"id": "price_pro"}, **more}
    return {**shared, "items": {"data": [{**item, **period}]}, "billing_mode": {"type": "flexible"}, **more}


@pytest.mark.parametrize("generation", ["old", "new"])
def test_both_generations_say_the_same(generation: str) -> None:
    assert subscription_facts(subscription(generation)) == SubscriptionFacts(
        subscription_id="sub_1",
        customer_id="cus_1",
        account_id="ada",
        plan_version=7,
        standing=Standing.ACTIVE,
        price_id="price_pro",
        start_us=START * SECOND_US,
        anchor_us=START * SECOND_US,
        billing_start_us=START * SECOND_US,
        billing_end_us=END * SECOND_US,
    )


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("trialing", Standing.TRIALING),
        ("active", Standing.ACTIVE),
        ("past_due", Standing.PAST_DUE),
        ("unpaid", Standing.PAST_DUE),
        ("paused", Standing.PAUSED),
        ("canceled", Standing.CANCELED),
        ("incomplete", Standing.INCOMPLETE),
        ("incomplete_expired", Standing.CANCELED),
        ("something_of_next_year", Standing.PAST_DUE),
        (None, Standing.PAST_DUE),
    ],
)
def test_every_status_has_a_standing(status: str | None, standing: Standing) -> None:
    assert subscription_facts(subscription("new", status=status)).standing is standing


@pytest.mark.parametrize("generation", ["old", "new"])
@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({}, None),
        ({"cancel_at_period_end": True, "cancel_at": None}, END),
        ({"cancel_at_period_end": True, "cancel_at": END}, END),
        ({"cancel_at": END + 5}, END + 5),
        ({"status": "canceled", "ended_at": START + 9, "cancel_at": END}, START + 9),
        ({"status": "canceled", "ended_at": None, "canceled_at": START + 8}, START + 8),
        ({"status": "incomplete_expired"}, END),
    ],
)
def test_it_says_when_it_ends(generation: str, more: dict[str, Any], end: int | None) -> None:
    facts = subscription_facts(subscription(generation, **more))

    assert facts.end_us == (None if end is None else end * SECOND_US)


def test_an_expanded_schedule_says_what_comes_next() -> None:
    phases = [
        {"start_date": START, "end_date": END, "items": [{"price": "price_pro"}]},
        {"start_date": END, "end_date": END + 9, "items": [{"price": {"id": "price_starter"}}]},
        {"start_date": END + 9, "end_date": END + 99, "items": [{"price": "price_later"}]},
    ]
    current = {"start_date": START, "end_date": END}
    schedule = {"id": "sub_sched_1", "status": "active", "current_phase": current, "phases": phases}

    facts = subscription_facts(subscription("new", schedule=schedule))

    assert (facts.next_price_id, facts.next_us) == ("price_starter", END * SECOND_US)
    for over in ("released", "canceled", "completed"):
        assert subscription_facts(subscription("new", schedule={**schedule, "status": over})).next_price_id == ""
    last = {**schedule, "current_phase": {"start_date": END + 9, "end_date": END + 99}}
    assert subscription_facts(subscription("new", schedule=last)).next_us is None


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"items": None, "metadata": None, "customer": None, "schedule": "sub_sched_1"},
        {"items": {"data": [None, 7]}, "metadata": [], "status": 5, "trial_end": "soon"},
        {"items": [], "metadata": {"tollhouse_plan_version": "9" * 5000, "tollhouse_account": 5}},
        {"metadata": {"tollhouse_plan_version": "-1"}, "customer": {"id": "cus_1", "deleted": True}},
    ],
)
def test_what_is_missing_or_odd_is_read_as_nothing(odd: dict[str, Any]) -> None:
    facts = subscription_facts({"id": "sub_1", **odd})

    assert (facts.subscription_id, facts.account_id, facts.plan_version) == ("sub_1", "", 0)


@pytest.mark.parametrize(
    ("status", "error", "expected", "decline"),
    [
        ("succeeded", None, PaymentStatus.SUCCEEDED, ""),
        ("canceled", None, PaymentStatus.CANCELED, ""),
        ("processing", None, PaymentStatus.PENDING, ""),
        ("requires_action", None, PaymentStatus.PENDING, ""),
        ("requires_capture", None, PaymentStatus.PENDING, ""),
        ("requires_payment_method", None, PaymentStatus.PENDING, ""),
        (
            "requires_payment_method",
            {"code": "card_declined", "decline_code": "insufficient_funds"},
            PaymentStatus.FAILED,
            "insufficient_funds",
        ),
        (
            "requires_payment_method",
            {"code": "card_declined", "decline_code": "generic_decline"},
            PaymentStatus.FAILED,
            "card_declined",
        ),
        ("something_of_next_year", None, PaymentStatus.PENDING, ""),
        (None, None, PaymentStatus.PENDING, ""),
    ],
)
def test_a_payment_says_what_has_become_of_it(
    status: str | None, error: object, expected: PaymentStatus, decline: str
) -> None:
    facts = payment_facts({"id": "pi_1", "status": status, "last_payment_error": error, "currency": "usd"})

    assert (facts.status, facts.decline, facts.paid_minor) == (expected, decline, 0)


def test_no_more_comes_back_than_was_paid() -> None:
    intent = {"id": "pi_1", "status": "succeeded", "amount_received": 1_100, "metadata": {}}

    facts = payment_facts(intent, tax_minor=100, returned_minor=2_000)

    assert (facts.paid_minor, facts.returned_minor) == (1_000, 1_000)


def test_a_part_is_scaled_by_its_tax_and_rounded_once() -> None:
    assert scaled(1_190, 1_000, 1_190) == 1_000
    assert scaled(595, 1_000, 1_190) == 500
    assert scaled(1, 1_000, 1_190) == 1
    assert scaled(500, 1_190, 1_000) == 595
    assert scaled(500, 700, 700) == 500
    assert scaled(500, 700, 0) == 500

"""Inside a segment usage costs the same however it is reported (requirements C1, U1, U6, U7).

Every price of the shop is one of what was used in all, so how it was cut into reports must not show: not in what was
charged, not in the balance, not in the counters, not in the totals.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from tollhouse.v1 import reservation_service_pb2 as reservations
from tollhouse.v1 import usage_service_pb2 as pb
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.credits_service_pb2 import GetBalanceRequest
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest, MeterEntitlement
from tollhouse.v1.subscription_service_pb2 import AssignPlanRequest

from tests.domain.shop import SHOP
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, at, item, usage
from tests.support.house import DAY_US, SECOND_US, START_US, Clock, CoreMaker

FUNDS = 1_000
NANOS = 10**9
SHOP_IN_DOLLARS = SHOP.replace('currency = "eur"', 'currency = "usd"')


class Case(NamedTuple):
    """What so many units of a meter cost, worked out by hand."""

    plan: str
    meter: str
    costs_nanos: dict[int, int]


CASES = [
    Case("free", "calls", {9: 0, 10: 0, 11: 2 * NANOS, 25: 30 * NANOS}),
    Case("free", "tokens", {1: 3, 3: 8, 4: 10, 5: 13, 9: 23}),
    Case("free", "pages", {5: 0, 6: 5 * NANOS, 15: 5 * NANOS, 16: 10 * NANOS}),
    Case("plus", "pages", {50: 0, 51: NANOS * 2 // 5, 70: 8 * NANOS, 71: NANOS * 33 // 4}),
]


class Seen(NamedTuple):
    """What a customer sees after it: charges by answers and by totals, balance, and what the meter says."""

    charged_nanos: int
    summed: tuple[int, int, int]
    spent_nanos: int
    meter: MeterEntitlement


Way = Callable[[Door, str, str, int], int]
"""Reports so many units of a user's meter, and gives what the answers say was charged."""


def whole(door: Door, user: str, meter: str, units: int) -> int:
    return door.record(usage(user, f"{user}/all", units, meter=meter)).charged_nanos


def one_by_one(door: Door, user: str, meter: str, units: int) -> int:
    answers = [door.record(usage(user, f"{user}/{number}", meter=meter)) for number in range(units)]
    return sum(answer.charged_nanos for answer in answers)


def out_of_order(door: Door, user: str, meter: str, units: int) -> int:
    """Ones and twos, each of which happened before the one that was reported before it, or long after it."""
    charged_nanos = 0
    for number in range((units + 1) // 2):
        event_us = START_US - (number * 7 % 11 + 1) * SECOND_US
        report = usage(user, f"{user}/{number}", min(2, units - 2 * number), meter=meter, event_time=at(event_us))
        charged_nanos += door.record(report).charged_nanos
    return charged_nanos


def _items(user: str, meter: str, units: int) -> list[pb.UsageItem]:
    """Ones, twos, threes and so on."""
    items: list[pb.UsageItem] = []
    while units:
        quantity = min(len(items) + 1, units)
        items.append(item(user, f"{user}/{len(items)}", quantity, meter=meter))
        units -= quantity
    return items


def batched(door: Door, user: str, meter: str, units: int) -> int:
    request = pb.BatchRecordUsageRequest(items=_items(user, meter, units))
    results = door.usage.BatchRecordUsage(request, timeout=TIMEOUT_SECONDS).results
    return sum(result.recorded.charged_nanos for result in results)


def streamed(door: Door, user: str, meter: str, units: int) -> int:
    messages = iter([pb.StreamUsageRequest(items=[each]) for each in _items(user, meter, units)])
    stream = door.usage.StreamUsage(messages, timeout=TIMEOUT_SECONDS)
    return sum(each.recorded.charged_nanos for answer in stream for each in answer.acknowledgements)


def reserved(door: Door, user: str, meter: str, units: int) -> int:
    """Two reservations at once, of which the later one is committed first, and holds more than it used."""
    first = units // 2
    sizes = [size for size in (first, units - first) if size]
    held = []
    for number, size in enumerate(sizes):
        request = reservations.ReserveUsageRequest(
            subject=Subject(user_id=user),
            product="talk",
            meter=meter,
            quantity=size + number,
            idempotency_key=f"{user}/{number}",
        )
        held.append(door.reservations.ReserveUsage(request, timeout=TIMEOUT_SECONDS).reservation.reservation_id)
    charged_nanos = 0
    for id_, size in reversed(list(zip(held, sizes, strict=True))):
        commit = reservations.CommitReservationRequest(reservation_id=id_, quantity=size, idempotency_key=f"{id_}/end")
        answer = door.reservations.CommitReservation(commit, timeout=TIMEOUT_SECONDS)
        charged_nanos += answer.usage.charged_nanos
    return charged_nanos


WAYS: tuple[Way, ...] = (whole, one_by_one, out_of_order, batched, streamed, reserved)


def _seen(door: Door, user: str, meter: str, charged_nanos: int) -> Seen:
    subject = Subject(user_id=user)
    asked = GetEntitlementRequest(subject=subject)
    entitlement = door.entitlements.GetEntitlement(asked, timeout=TIMEOUT_SECONDS).entitlement
    balance = door.credits.GetBalance(GetBalanceRequest(subject=subject), timeout=TIMEOUT_SECONDS).balance
    question = pb.QueryUsageRequest(subject=subject, granularity=pb.GRANULARITY_MONTH)
    totals = door.usage.QueryUsage(question, timeout=TIMEOUT_SECONDS).totals
    summed = tuple(
        sum(getattr(total, name) for total in totals) for name in ("quantity", "overage_quantity", "charged_nanos")
    )
    (found,) = [each for each in entitlement.meters if each.meter == meter]
    assert (balance.held_nanos, balance.debt_nanos) == (0, 0)
    quantity, overage, cost_nanos = summed
    return Seen(charged_nanos, (quantity, overage, cost_nanos), FUNDS * NANOS - balance.total_nanos, found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.plan}-{case.meter}")
def test_usage_costs_the_same_however_it_is_reported(
    case: Case, database_url: str, make_core: CoreMaker, serve: ServerMaker, clock: Clock
) -> None:
    _, door = serve(make_core(database_url, catalogue=SHOP_IN_DOLLARS))
    for units, cost_nanos in case.costs_nanos.items():
        users = {way: f"{way.__name__}-{units}" for way in WAYS}
        clock.now_us = START_US - DAY_US
        for user in users.values():
            door.make_user(user)
            door.fund(user, FUNDS)
            if case.plan != "free":
                plan = AssignPlanRequest(subject=Subject(user_id=user), plan=case.plan, idempotency_key=f"{user}/plan")
                door.subscriptions.AssignPlan(plan, timeout=TIMEOUT_SECONDS)
        clock.now_us = START_US

        seen = {
            way.__name__: _seen(door, user, case.meter, way(door, user, case.meter, units))
            for way, user in users.items()
        }

        first = seen["whole"]
        assert {name: each for name, each in seen.items() if each != first} == {}, units
        assert (first.charged_nanos, first.spent_nanos, first.summed[2]) == (cost_nanos,) * 3, units
        assert (first.summed[0], first.meter.used) == (units, units)
        assert first.meter.charged_nanos == cost_nanos

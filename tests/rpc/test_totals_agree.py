"""Usage over time adds up to what the counters say, whatever has counted it (requirements U7, U8, U12)."""

import time
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from tollhouse.v1 import reservation_service_pb2 as reservations
from tollhouse.v1 import usage_service_pb2 as pb
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD, Subject
from tollhouse.v1.credits_service_pb2 import GetBalanceRequest
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest

from tests.support.door import TIMEOUT_SECONDS, Door, at, item, usage
from tests.support.house import DAY_US, SECOND_US, START_US, Clock
from tollhoused.domain.instants import MINUTE_US
from tollhoused.usecases.core import Core
from tollhoused.usecases.sweeping import sweep
from tollhoused.usecases.verify import verify

ANNA = Subject(user_id="anna")
HOUR_US = DAY_US // 24
FUNDS_NANOS = 1_000 * 10**9


@pytest.fixture
def anna(door: Door) -> Door:
    """Anna with a thousand dollars."""
    door.make_user("anna")
    door.fund("anna", 1_000)
    return door


def counted(door: Door) -> dict[str, int]:
    """What the counters of the usage period say, of meters that something was used of."""
    answer = door.entitlements.GetEntitlement(GetEntitlementRequest(subject=ANNA), timeout=TIMEOUT_SECONDS)
    return {each.meter: each.used for each in answer.entitlement.meters if each.used}


def spent(door: Door) -> int:
    balance = door.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance
    return FUNDS_NANOS - balance.total_nanos


def totals(door: Door, **more: Any) -> list[pb.UsageTotal]:
    request = pb.QueryUsageRequest(subject=ANNA, granularity=pb.GRANULARITY_HOUR, by_meter=True, **more)
    return list(door.usage.QueryUsage(request, timeout=TIMEOUT_SECONDS).totals)


def summed(door: Door) -> tuple[dict[str, int], int, int]:
    """What the totals of the last day add up to by meter, what they say was charged, and their number of events."""
    found = totals(door)
    units = {meter: sum(each.quantity for each in found if each.meter == meter) for meter in {e.meter for e in found}}
    return units, sum(each.charged_nanos for each in found), sum(each.events for each in found)


def events(door: Door, page_size: int = 0) -> list[pb.UsageEvent]:
    """Every usage event, newest first, page by page."""
    found: list[pb.UsageEvent] = []
    request = pb.ListUsageEventsRequest(subject=ANNA, page_size=page_size)
    while True:
        page = door.usage.ListUsageEvents(request, timeout=TIMEOUT_SECONDS)
        found += page.usage_events
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


def reserve(door: Door, key: str, quantity: int, *, minutes: int = 5, commits: bool = False) -> str:
    request = reservations.ReserveUsageRequest(
        subject=ANNA,
        product="talk",
        meter="voice_minutes",
        quantity=quantity,
        idempotency_key=key,
        ttl=Duration(seconds=60 * minutes),
        on_expiry=reservations.ON_EXPIRY_COMMIT if commits else reservations.ON_EXPIRY_RELEASE,
    )
    return door.reservations.ReserveUsage(request, timeout=TIMEOUT_SECONDS).reservation.reservation_id


def agree(core: Core, door: Door) -> None:
    """Totals, events, counters, balance and books all say the same."""
    counters = counted(door)
    levels = {"storage_mb"}
    units, charged_nanos, number = summed(door)
    lasting = [each for each in events(door) if not each.voided_by and each.meter not in levels]
    listed = {meter: sum(e.quantity for e in lasting if e.meter == meter) for meter in {e.meter for e in lasting}}
    assert units == listed == {meter: used for meter, used in counters.items() if meter not in levels}
    assert number == len(lasting)
    assert charged_nanos == spent(door)
    findings: list[object] = []
    verify(core.store, findings.append)
    assert findings == []


def test_totals_events_and_counters_agree_whatever_has_counted(core: Core, anna: Door, clock: Clock) -> None:
    anna.record(usage("anna", "one", 7))
    anna.record(usage("anna", "late", 5, event_time=at(START_US - HOUR_US), enforcement=ENFORCEMENT_RECORD))
    batch = pb.BatchRecordUsageRequest(
        items=[item("anna", f"item {n}", n, meter=meter) for n, meter in enumerate(("voice_minutes", "api_calls"), 2)]
    )
    anna.usage.BatchRecordUsage(batch, timeout=TIMEOUT_SECONDS)
    level = pb.SetUsageRequest(subject=ANNA, product="talk", meter="storage_mb", level=70, idempotency_key="level")
    anna.usage.SetUsage(level, timeout=TIMEOUT_SECONDS)
    agree(core, anna)
    called = reserve(anna, "called", 6)
    reserve(anna, "given back", 9)
    itself = reserve(anna, "itself", 11, minutes=90, commits=True)
    clock.now_us += MINUTE_US
    commit = reservations.CommitReservationRequest(reservation_id=called, quantity=8, idempotency_key="called/end")
    anna.reservations.CommitReservation(commit, timeout=TIMEOUT_SECONDS)
    anna.usage.VoidUsage(pb.VoidUsageRequest(voided_key="one", idempotency_key="void"), timeout=TIMEOUT_SECONDS)
    agree(core, anna)

    clock.now_us = START_US + 90 * MINUTE_US
    agree(core, anna)

    assert counted(anna) == {"voice_minutes": 5 + 2 + 8 + 11, "api_calls": 3, "storage_mb": 70}
    newest = events(anna)[0]
    assert (newest.expired_reservation_id, newest.idempotency_key) == (itself, "")
    assert (newest.product, newest.meter, newest.quantity) == ("talk", "voice_minutes", 11)
    assert newest.event_time == at(START_US), "it counts when it was reserved"
    assert newest.record_time == at(START_US + 90 * MINUTE_US)


@pytest.mark.parametrize("swept", [False, True])
def test_usage_that_an_expiry_counted_is_told_whoever_books_it(
    core: Core, anna: Door, clock: Clock, *, swept: bool
) -> None:
    """Twelve minutes, of which two cost 0.04 each, three that cost as much, and one that is given back."""
    ids = [reserve(anna, f"call {n}", n, minutes=n, commits=True) for n in (12, 3)]
    reserve(anna, "released", 1)
    clock.now_us = START_US + 3 * MINUTE_US + SECOND_US
    (first,) = totals(anna)
    assert (first.quantity, first.events) == (3, 1), "the other one is still open"
    clock.now_us = START_US + DAY_US // 2
    if swept:
        for ticket in sweep(core, time.monotonic() + TIMEOUT_SECONDS, 100):
            ticket.wait()

    (total,) = totals(anna)

    assert (total.quantity, total.overage_quantity, total.events) == (15, 5, 2)
    assert total.charged_nanos == 5 * 40_000_000
    assert [each.expired_reservation_id for each in events(anna)] == ids
    assert events(anna, page_size=1) == events(anna)
    assert totals(anna, product="send") == totals(anna, meter="api_calls") == []
    assert [each.quantity for each in totals(anna, by_product=True, product="talk", meter="voice_minute")] == [15]
    agree(core, anna)
    assert bool(core.store.due_accounts(clock(), 100)) is not swept, "questions write nothing"


def test_usage_that_expiries_counted_comes_page_by_page_among_the_rest(core: Core, anna: Door, clock: Clock) -> None:
    for number in range(1, 5):
        reserve(anna, f"call {number}", 1, minutes=10 * number, commits=True)
    for number in range(4):
        clock.now_us = START_US + (10 * number + 5) * MINUTE_US
        anna.record(usage("anna", f"use {number}", 1))
    clock.now_us = START_US + HOUR_US

    found = events(anna)

    assert [bool(each.expired_reservation_id) for each in found] == [True, False] * 4
    assert all(events(anna, size) == found for size in (1, 2, 3, 5, 8))
    agree(core, anna)

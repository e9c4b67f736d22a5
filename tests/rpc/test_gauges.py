"""Levels over the wire: 100 MB are included on the default plan, more cost 0.10 for each 1,024 of the period's peak."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD, POLICY_HARD_LIMIT, Subject
from tollhouse.v1.credits_service_pb2 import CAUSE_KIND_PERIOD_CLOSE, GetBalanceRequest, ListLedgerEntriesRequest
from tollhouse.v1.entitlement_service_pb2 import CheckUsageRequest, GetEntitlementRequest, MeterEntitlement
from tollhouse.v1.reservation_service_pb2 import ReserveUsageRequest
from tollhouse.v1.subscription_service_pb2 import SetOverrideRequest
from tollhouse.v1.usage_service_pb2 import (
    OPERATION_KIND_SET_USAGE,
    BatchRecordUsageRequest,
    GetOperationRequest,
    ListUsageEventsRequest,
    SetUsageRequest,
    SetUsageResponse,
    VoidUsageRequest,
)

from tests.support.door import TIMEOUT_SECONDS, Door, at, item, refusal, refusal_of, usage
from tests.support.house import DAY_US, START_US, Clock
from tollhoused.usecases.core import Core
from tollhoused.usecases.verify import verify

ANNA = Subject(user_id="anna")
GB = 1_024
GB_NANOS = 100_000_000
DOLLAR = 10**9


@pytest.fixture
def anna(door: Door) -> Door:
    """Anna with a dollar."""
    door.make_user("anna")
    door.fund("anna", 1)
    return door


def _level(key: str, level: int | None = None, delta: int | None = None, **more: Any) -> SetUsageRequest:
    return SetUsageRequest(
        subject=ANNA, product="talk", meter="storage_mb", level=level, delta=delta, idempotency_key=key, **more
    )


def _put(door: Door, request: SetUsageRequest) -> SetUsageResponse:
    return door.usage.SetUsage(request, timeout=TIMEOUT_SECONDS)


def _storage(door: Door) -> MeterEntitlement:
    found = door.entitlements.GetEntitlement(GetEntitlementRequest(subject=ANNA), timeout=TIMEOUT_SECONDS)
    (storage,) = [meter for meter in found.entitlement.meters if meter.meter == "storage_mb"]
    return storage


def _total(door: Door) -> int:
    return door.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance.total_nanos


def _books_are_right(core: Core) -> None:
    findings: list[object] = []
    verify(core.store, findings.append)
    assert findings == []


def test_a_level_in_every_place_where_it_shows(core: Core, anna: Door) -> None:
    request = _level("up", 100 + 2 * GB, metadata={"disk": "blue"})
    asked = _put(anna, _level("up", 100 + 2 * GB, metadata={"disk": "blue"}, validate_only=True))
    done = _put(anna, request)
    assert asked == done

    assert (done.meter, done.level, done.peak, done.limit, done.remaining) == ("storage_mb", 2_148, 2_148, 100, 0)
    assert (done.overage_quantity, done.charged_nanos, done.debt_nanos) == (2 * GB, 2 * GB_NANOS, 0)
    assert done.balance_after_nanos == _total(anna) == DOLLAR - 2 * GB_NANOS
    down = _put(anna, _level("down", delta=-2_100))
    assert (down.level, down.peak, down.charged_nanos, down.remaining) == (48, 2_148, 0, 52)
    again = _put(anna, request)
    assert again.replayed
    again.replayed = False
    assert again == done
    storage = _storage(anna)
    assert (storage.used, storage.level, storage.remaining) == (2_148, 48, 52)
    assert (storage.overage_quantity, storage.charged_nanos) == (2 * GB, 2 * GB_NANOS)
    question = CheckUsageRequest(subject=ANNA, product="talk", meter="storage_mb", quantity=GB)
    check = anna.entitlements.CheckUsage(question, timeout=TIMEOUT_SECONDS)
    assert (check.allowed, check.level, check.new_usage, check.cost_nanos) == (True, 48 + GB, 2_148, 0)
    question.quantity = 100 * GB
    check = anna.entitlements.CheckUsage(question, timeout=TIMEOUT_SECONDS)
    assert (check.allowed, check.level, check.new_usage, check.remaining) == (False, 48, 2_148, 52)
    assert check.cost_nanos == (100 * GB + 48 - 100) * GB_NANOS // GB - 2 * GB_NANOS
    stored = anna.usage.GetOperation(GetOperationRequest(idempotency_key="up"), timeout=TIMEOUT_SECONDS).operation
    assert (stored.kind, stored.set_usage, stored.quantity) == (OPERATION_KIND_SET_USAGE, done, 2_148)
    events = anna.usage.ListUsageEvents(ListUsageEventsRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).usage_events
    assert {event.idempotency_key: event.quantity for event in events} == {"up": 2_148, "down": 48}
    assert {event.idempotency_key: dict(event.metadata) for event in events}["up"] == {"disk": "blue"}
    _books_are_right(core)


def test_usage_on_a_gauge_is_a_rise_of_its_level(core: Core, anna: Door) -> None:
    answer = anna.record(usage("anna", "one", 60, meter="storage_mb"))
    assert (answer.quantity, answer.new_usage, answer.level, answer.remaining) == (60, 60, 60, 40)
    items = [item("anna", key, 20, meter="storage_mb") for key in ("two", "three")]
    batch = anna.usage.BatchRecordUsage(BatchRecordUsageRequest(items=items, atomic=True), timeout=TIMEOUT_SECONDS)
    assert [result.recorded.level for result in batch.results] == [80, 100]
    assert not anna.record(usage("anna", "calls", 1)).HasField("level")
    _books_are_right(core)


def test_the_period_turns_and_its_close_charges_what_was_left(core: Core, clock: Clock, anna: Door) -> None:
    _put(anna, _level("up", 100 + 4 * GB))
    clock.now_us = START_US + 40 * DAY_US

    storage = _storage(anna)
    assert (storage.used, storage.level, storage.charged_nanos) == (100 + 4 * GB, 100 + 4 * GB, 0)
    assert storage.overage_quantity == 4 * GB
    assert _total(anna) == DOLLAR - 4 * GB_NANOS
    clock.now_us = START_US + 4 * 31 * DAY_US
    assert _total(anna) == DOLLAR - 4 * 4 * GB_NANOS
    found = anna.credits.ListLedgerEntries(
        ListLedgerEntriesRequest(subject=ANNA, start_time=at(START_US), end_time=at(clock.now_us + 1)),
        timeout=TIMEOUT_SECONDS,
    )
    closes = [entry for entry in found.entries if entry.cause_kind == CAUSE_KIND_PERIOD_CLOSE]
    assert sum(entry.amount_nanos for entry in closes) == -3 * 4 * GB_NANOS
    _put(anna, _level("late", 1, event_time=at(clock.now_us - DAY_US)))
    _books_are_right(core)


def test_one_more_seat_is_given_as_often_as_there_are_seats(core: Core, anna: Door) -> None:
    limit = SetOverrideRequest(
        subject=ANNA, meter="storage_mb", included=5, policy=POLICY_HARD_LIMIT, idempotency_key="limit"
    )
    anna.subscriptions.SetOverride(limit, timeout=TIMEOUT_SECONDS)

    def one_more(number: int) -> str:
        try:
            _put(anna, _level(f"seat {number}", delta=1))
        except grpc.RpcError as error:
            return refusal_of(error).reason
        return ""

    with ThreadPoolExecutor(8) as pool:
        ends = sorted(pool.map(one_more, range(12)))

    assert ends == [""] * 5 + ["QUOTA_EXCEEDED"] * 7
    assert _storage(anna).level == 5
    _books_are_right(core)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"meter": "voice_minutes"}, "meter"),
        ({"level": -1}, "level"),
        ({"level": 10**12}, "level"),
        ({"delta": 0}, "delta"),
        ({"delta": -(2**63)}, "delta"),
        ({}, "level"),
    ],
)
def test_what_is_no_level(anna: Door, changes: dict[str, Any], field: str) -> None:
    fields = {"subject": ANNA, "product": "talk", "meter": "storage_mb", "idempotency_key": "k"}
    request = SetUsageRequest(**{**fields, **({"level": 1} if "meter" in changes else {}), **changes})

    found = refusal(anna.usage.SetUsage, request)

    assert (found.reason, found.metadata) == ("INVALID_FIELD", {"field": field})


def test_what_gauges_have_no_part_in(core: Core, anna: Door) -> None:
    reserve = ReserveUsageRequest(
        subject=ANNA, product="talk", meter="storage_mb", quantity=1, idempotency_key="reserve"
    )
    assert refusal(anna.reservations.ReserveUsage, reserve).metadata == {"field": "meter"}
    _put(anna, _level("up", 5))
    void = VoidUsageRequest(voided_key="up", idempotency_key="void")
    assert refusal(anna.usage.VoidUsage, void).metadata == {"field": "voided_key"}
    anna.record(usage("anna", "rise", 1, meter="storage_mb"))
    void.voided_key = "rise"
    assert refusal(anna.usage.VoidUsage, void).metadata == {"field": "voided_key"}


def test_what_has_happened_is_recorded_as_debt(core: Core, anna: Door) -> None:
    done = _put(anna, _level("up", 100 + 20 * GB, enforcement=ENFORCEMENT_RECORD))

    assert (done.charged_nanos, done.debt_nanos) == (20 * GB_NANOS, DOLLAR)
    assert refusal(anna.usage.SetUsage, _level("more", delta=GB)).reason == "INSUFFICIENT_CREDITS"
    assert _put(anna, _level("less", delta=-GB)).level == 100 + 19 * GB
    _books_are_right(core)

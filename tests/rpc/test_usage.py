"""Recording what was used, and finding it again, through the door."""

from typing import Any

import pytest
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import usage_service_pb2 as pb
from tollhouse.v1.error_reason_pb2 import (
    ERROR_REASON_INSUFFICIENT_CREDITS,
    ERROR_REASON_INVALID_FIELD,
    ERROR_REASON_SUBJECT_NOT_FOUND,
    ERROR_REASON_SUBSCRIPTION_REQUIRED,
)

from tests.support.door import TIMEOUT_SECONDS, Door, at, item, micros, refusal, usage
from tests.support.house import DAY_US, SECOND_US, START_US, Clock

MINUTE_NANOS = 40_000_000
"""What a voice minute beyond the ten of the default plan costs."""


@pytest.fixture(autouse=True)
def anna(door: Door) -> None:
    door.make_user("anna")


def _batch(door: Door, *items: pb.UsageItem, **more: bool) -> list[pb.BatchItemResult]:
    request = pb.BatchRecordUsageRequest(items=items, **more)
    return list(door.usage.BatchRecordUsage(request, timeout=TIMEOUT_SECONDS).results)


def _events(door: Door, **more: Any) -> pb.ListUsageEventsResponse:
    request = pb.ListUsageEventsRequest(subject=common.Subject(user_id="anna"), **more)
    return door.usage.ListUsageEvents(request, timeout=TIMEOUT_SECONDS)


def test_an_event_is_counted_charged_and_answered_in_full(door: Door, clock: Clock) -> None:
    grant = door.fund("anna", 10).grant
    door.record(usage("anna", "call-1", 8))
    clock.now_us += 7

    answer = door.record(usage("anna", "call-2", 5, meter="voice_minute", event_time=at(START_US + 3)))

    assert (answer.meter, answer.plan, answer.plan_version) == ("voice_minutes", "hobby", 1)
    assert (answer.quantity, answer.new_usage, answer.limit, answer.remaining) == (5, 13, 10, 0)
    assert (answer.is_overage, answer.overage_quantity) == (True, 3)
    assert (answer.charged_nanos, answer.currency) == (3 * MINUTE_NANOS, "usd")
    assert list(answer.debits) == [common.Debit(grant_id=grant.grant_id, amount_nanos=3 * MINUTE_NANOS)]
    assert answer.balance_after_nanos == 10_000_000_000 - 3 * MINUTE_NANOS
    assert (answer.debt_nanos, list(answer.lifted), answer.replayed) == (0, [], False)
    assert answer.matched_by == common.MATCHED_BY_USER_ID
    assert (micros(answer.event_time), micros(answer.record_time)) == (START_US + 3, START_US + 7)
    assert micros(answer.usage_period.start_time) == START_US
    assert micros(answer.usage_period.end_time) == START_US + 31 * DAY_US


def test_record_mode_carries_debt_and_says_what_it_lifted(door: Door) -> None:
    answer = door.record(usage("anna", "late", 12, product="doc", enforcement=common.ENFORCEMENT_RECORD))

    assert answer.debt_nanos == answer.charged_nanos == 2 * MINUTE_NANOS
    assert answer.balance_after_nanos == -2 * MINUTE_NANOS
    assert list(answer.lifted) == [ERROR_REASON_INSUFFICIENT_CREDITS, ERROR_REASON_SUBSCRIPTION_REQUIRED]


def test_a_repeated_call_gets_the_first_answer_and_is_not_charged_again(door: Door, clock: Clock) -> None:
    door.fund("anna", 10)
    first = door.record(usage("anna", "call-1", 12, metadata={"room": "blue"}))
    clock.now_us += SECOND_US

    again = door.record(usage("anna", "call-1", 12, metadata={"room": "blue"}))

    assert again.replayed
    again.replayed = False
    assert again == first


def test_a_key_that_is_used_for_something_else_is_refused_naming_the_field(door: Door) -> None:
    door.make_user("bert")
    door.record(usage("anna", "call-1", metadata={"room": "blue"}))
    changes: dict[str, dict[str, Any]] = {
        "product": {"product": "send"},
        "meter": {"meter": "api_calls"},
        "quantity": {"quantity": 2},
        "event_time": {"event_time": at(START_US)},
        "enforcement": {"enforcement": common.ENFORCEMENT_RECORD},
        "metadata": {"metadata": {"room": "red"}},
        "subject": {"subject": common.Subject(user_id="bert")},
    }

    for field, change in changes.items():
        found = refusal(door.usage.RecordUsage, usage("anna", "call-1", **{"metadata": {"room": "blue"}, **change}))
        assert (found.code, found.reason) == ("ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED")
        assert found.metadata == {"field": field}


def test_a_refused_key_may_succeed_later(door: Door) -> None:
    assert refusal(door.usage.RecordUsage, usage("anna", "call-1", 11)).reason == "INSUFFICIENT_CREDITS"
    door.fund("anna", 1)

    answer = door.record(usage("anna", "call-1", 11))

    assert (answer.replayed, answer.new_usage) == (False, 11)


def test_validate_only_answers_as_the_call_would_and_writes_nothing(door: Door) -> None:
    door.fund("anna", 1)

    tried = door.record(usage("anna", "call-1", 12, validate_only=True))
    done = door.record(usage("anna", "call-1", 12))

    assert not done.replayed
    assert tried == done
    assert refusal(door.usage.RecordUsage, usage("anna", "call-2", 99, validate_only=True)).reason == (
        "INSUFFICIENT_CREDITS"
    )
    assert door.record(usage("anna", "call-1", 12, validate_only=True)).replayed


def test_a_batch_answers_each_item_in_its_place(door: Door) -> None:
    results = _batch(
        door,
        item("anna", "a", 4),
        item("nobody", "b", 1),
        item("anna", "c", 0),
        item("anna", "a", 4),
        item("anna", "d", 7),
        item("anna", "e", 6, enforcement=77),
        item("anna", "f", 6),
    )

    outcomes = [result.WhichOneof("result") for result in results]
    assert outcomes == ["recorded", "error", "error", "recorded", "error", "error", "recorded"]
    assert [results[index].recorded.new_usage for index in (0, 3, 6)] == [4, 4, 10]
    assert [results[index].recorded.replayed for index in (0, 3, 6)] == [False, True, False]
    assert (results[1].error.code, results[1].error.reason) == (5, ERROR_REASON_SUBJECT_NOT_FOUND)
    assert (results[2].error.code, results[2].error.reason) == (3, ERROR_REASON_INVALID_FIELD)
    assert results[2].error.metadata["field"] == "items[2].quantity"
    assert (results[4].error.code, results[4].error.reason) == (9, ERROR_REASON_INSUFFICIENT_CREDITS)
    assert results[4].error.metadata["missing_nanos"] == str(MINUTE_NANOS)
    assert results[5].error.metadata["field"] == "items[5].enforcement"


def test_a_batch_that_is_repeated_changes_nothing(door: Door) -> None:
    items = [item("anna", f"call-{number}") for number in range(9)]
    first = _batch(door, *items)

    again = _batch(door, *items)

    assert [result.recorded.replayed for result in again] == [True] * 9
    assert [result.recorded.new_usage for result in again] == [result.recorded.new_usage for result in first]
    assert door.record(usage("anna", "after")).new_usage == 10


def test_an_atomic_batch_is_recorded_as_a_whole(door: Door) -> None:
    results = _batch(door, item("anna", "a", 4), item("anna", "b", 5), atomic=True)

    assert [result.recorded.new_usage for result in results] == [4, 9]


def test_an_atomic_batch_that_is_refused_leaves_nothing_and_names_the_item(door: Door) -> None:
    request = pb.BatchRecordUsageRequest(items=[item("anna", "a", 4), item("anna", "b", 7)], atomic=True)

    found = refusal(door.usage.BatchRecordUsage, request)

    assert (found.reason, found.metadata["item"]) == ("INSUFFICIENT_CREDITS", "1")
    assert door.record(usage("anna", "a", 1)).new_usage == 1


def test_an_atomic_batch_of_known_keys_is_replayed_and_a_mixed_one_is_refused(door: Door) -> None:
    known = [item("anna", "a"), item("anna", "b")]
    _batch(door, *known, atomic=True)

    assert [result.recorded.replayed for result in _batch(door, *known, atomic=True)] == [True, True]
    mixed = pb.BatchRecordUsageRequest(items=[item("anna", "new"), *known], atomic=True)
    found = refusal(door.usage.BatchRecordUsage, mixed)
    assert (found.code, found.metadata["items"]) == ("ALREADY_EXISTS", "1,2")


def test_an_atomic_batch_is_about_one_account(door: Door) -> None:
    door.make_user("bert")
    request = pb.BatchRecordUsageRequest(items=[item("anna", "a"), item("bert", "b")], atomic=True)

    assert list(refusal(door.usage.BatchRecordUsage, request).violations) == ["items[1].subject"]


def test_a_batch_that_is_only_validated_sees_its_own_items_and_writes_nothing(door: Door) -> None:
    results = _batch(door, item("anna", "a", 6), item("anna", "b", 6), item("anna", "c", 4), validate_only=True)

    assert [result.WhichOneof("result") for result in results] == ["recorded", "error", "recorded"]
    assert results[2].recorded.new_usage == 10
    assert door.record(usage("anna", "d", 10)).new_usage == 10


def test_a_batch_has_one_to_a_thousand_items(door: Door) -> None:
    for count in (0, 1_001):
        request = pb.BatchRecordUsageRequest(items=[item("anna", str(number)) for number in range(count)])
        assert list(refusal(door.usage.BatchRecordUsage, request).violations) == ["items"]


def test_events_are_listed_newest_first_page_by_page(door: Door, clock: Clock) -> None:
    for number in range(5):
        clock.now_us += SECOND_US
        door.record(usage("anna", f"call-{number}", 2, metadata={"n": str(number)}))

    first = _events(door, page_size=2)
    door.record(usage("anna", "meanwhile", meter="api_calls"))
    second = _events(door, page_size=2, page_token=first.next_page_token)
    third = _events(door, page_size=2, page_token=second.next_page_token)

    pages = [list(page.usage_events) for page in (first, second, third)]
    assert [[event.idempotency_key for event in page] for page in pages] == [
        ["call-4", "call-3"],
        ["call-2", "call-1"],
        ["call-0"],
    ]
    assert third.next_page_token == ""
    assert dict(pages[0][0].metadata) == {"n": "4"}
    assert (pages[0][0].quantity, pages[0][0].product, pages[0][0].meter) == (2, "talk", "voice_minutes")


def test_a_listed_event_says_what_it_cost_and_when_it_counts(door: Door, clock: Clock) -> None:
    door.fund("anna", 1)
    door.record(usage("anna", "ahead", 12, event_time=at(START_US + 60 * SECOND_US)))

    (event,) = _events(door).usage_events

    assert (event.overage_quantity, event.charged_nanos, event.currency) == (2, 2 * MINUTE_NANOS, "usd")
    assert micros(event.event_time) == micros(event.record_time) == START_US


def test_events_are_listed_by_meter_product_and_time_of_recording(door: Door, clock: Clock) -> None:
    door.record(usage("anna", "voice"))
    door.record(usage("anna", "mail", product="send", meter="emails"))
    clock.now_us += DAY_US
    door.record(usage("anna", "next-day"))

    def keys(**more: Any) -> list[str]:
        return [event.idempotency_key for event in _events(door, **more).usage_events]

    assert keys(meter="email_send") == ["mail"]
    assert keys(product="talk") == ["next-day", "voice"]
    assert keys(start_time=at(START_US + 1)) == ["next-day"]
    assert keys(end_time=at(START_US + DAY_US), product="talk") == ["voice"]


def test_an_operation_tells_what_became_of_a_call(door: Door, clock: Clock) -> None:
    door.fund("anna", 1)
    first = door.record(usage("anna", "call-1", 12, event_time=at(START_US - 5)))
    clock.now_us += DAY_US

    found = door.usage.GetOperation(pb.GetOperationRequest(idempotency_key="call-1"), timeout=TIMEOUT_SECONDS)

    operation = found.operation
    assert (operation.kind, operation.idempotency_key) == (pb.OPERATION_KIND_RECORD_USAGE, "call-1")
    assert (operation.product, operation.meter, operation.quantity) == ("talk", "voice_minutes", 12)
    assert (operation.overage_quantity, operation.charged_nanos) == (2, 2 * MINUTE_NANOS)
    assert (micros(operation.event_time), micros(operation.record_time)) == (START_US - 5, START_US)
    assert (operation.account_id, operation.currency) == (first.account_id, "usd")
    assert operation.record_usage == first

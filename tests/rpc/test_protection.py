"""More than the server takes on: the admitted are served, the rest hear so at once, and health answers meanwhile."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import BatchGetEntitlementsRequest, GetEntitlementRequest
from tollhouse.v1.usage_service_pb2 import (
    BatchRecordUsageRequest,
    GetOperationRequest,
    RecordUsageRequest,
    RecordUsageResponse,
)

from tests.support.callers import make_client, make_key
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, item, refusal, refusal_of, usage
from tests.support.house import CoreMaker
from tollhoused.domain.keys import Environment
from tollhoused.rpc.guard import Deadlines
from tollhoused.usecases import usage as usage_cases
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.throttle import Throttle

Silence = Callable[[], Iterator[bytes]]

ADMITTED = 20
ABOVE = 100


@pytest.fixture
def core(sqlite_url: str, make_core: CoreMaker) -> Core:
    return make_core(sqlite_url)


@pytest.fixture
def never() -> Iterator[Silence]:
    """Makes requests that are not sent while the test runs."""
    ended = threading.Event()

    def requests() -> Iterator[bytes]:
        ended.wait(TIMEOUT_SECONDS)
        yield from ()

    yield requests
    ended.set()


@contextmanager
def _stalled(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Calls that record usage wait until the context ends; the semaphore counts those that have arrived."""
    arrived, allowed = threading.Semaphore(0), threading.Event()
    record = usage_cases.record

    def stall(*arguments: object) -> object:
        arrived.release()
        allowed.wait(TIMEOUT_SECONDS)
        return record(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(usage_cases, "record", stall)
    try:
        yield arrived
    finally:
        allowed.set()


def _patient(door: Door, request: RecordUsageRequest) -> RecordUsageResponse:
    """Records as a client with the documented retry policy would: OVERLOADED is worth another attempt."""
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            return door.record(request)
        except grpc.RpcError as error:
            if refusal_of(error).reason != "OVERLOADED" or time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)  # what a retry policy does


def test_a_hundred_callers_above_the_limit_are_refused_at_once_and_the_admitted_are_served(
    core: Core, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, door = serve(core, calls_max=ADMITTED)
    door.make_user("anna")
    with _stalled(monkeypatch) as arrived, ThreadPoolExecutor(4) as askers:
        admitted = [
            door.usage.RecordUsage.future(usage("anna", f"in-{number}", meter="api_calls"), timeout=TIMEOUT_SECONDS)
            for number in range(ADMITTED)
        ]
        for _ in range(ADMITTED):
            assert arrived.acquire(timeout=TIMEOUT_SECONDS)

        with ThreadPoolExecutor(ABOVE) as callers:
            above = [
                callers.submit(refusal, door.usage.RecordUsage, usage("anna", f"above-{number}"))
                for number in range(ABOVE)
            ]
            health = [askers.submit(door.health) for _ in range(50)]
            refusals = [each.result() for each in above]
            assert [each.result() for each in health] == [HealthCheckResponse.SERVING] * 50
        assert not any(each.done() for each in admitted)  # the refusals did not wait for them

    assert {each.result().quantity for each in admitted} == {1}
    assert Counter((each.code, each.reason) for each in refusals) == {("UNAVAILABLE", "OVERLOADED"): ABOVE}
    assert all(each.retry_seconds for each in refusals)


@pytest.mark.parametrize("method", ["UsageService/RecordUsage", "EntitlementService/WatchEntitlements"])
def test_calls_that_never_send_their_request_are_refused_when_they_bring_no_key(
    core: Core, serve: ServerMaker, never: Silence, method: str
) -> None:
    make_client(core, "talk-backend")
    door = _keyed(core, serve, calls_max=ADMITTED)
    door.make_user("anna")
    with grpc.insecure_channel(door.address) as stranger:
        open_call: Any = stranger.stream_unary(f"/tollhouse.v1.{method}")
        half_open = [open_call.future(never(), timeout=TIMEOUT_SECONDS) for _ in range(2 * ADMITTED)]
        assert {each.code() for each in half_open} <= {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE}
        assert _patient(door, usage("anna", "meanwhile")).new_usage == 1


def test_who_may_call_has_a_time_to_send_the_request(core: Core, serve: ServerMaker, never: Silence) -> None:
    _, door = serve(core, calls_max=2, deadlines=Deadlines(default_seconds=0.5))
    door.make_user("anna")
    open_call: Any = door.channel.stream_unary("/tollhouse.v1.UsageService/RecordUsage")
    half_open = open_call.future(never(), timeout=TIMEOUT_SECONDS)
    assert half_open.code() == grpc.StatusCode.CANCELLED
    assert _patient(door, usage("anna", "later")).new_usage == 1


@pytest.mark.parametrize("method", ["Check", "Watch"])
def test_health_answers_beside_calls_that_never_say_what_they_ask(
    core: Core, serve: ServerMaker, never: Silence, method: str
) -> None:
    _, door = serve(core)
    with grpc.insecure_channel(door.address) as stranger:
        open_call: Any = stranger.stream_unary(f"/grpc.health.v1.Health/{method}")
        half_open = [open_call.future(never(), timeout=TIMEOUT_SECONDS) for _ in range(8)]
        assert door.health() == HealthCheckResponse.SERVING
        assert {each.code() for each in half_open} == {grpc.StatusCode.CANCELLED}


def test_room_comes_back_and_a_refused_call_has_left_nothing(
    core: Core, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, door = serve(core, calls_max=1)
    door.make_user("anna")
    with _stalled(monkeypatch) as arrived:
        waiting = door.usage.RecordUsage.future(usage("anna", "in"), timeout=TIMEOUT_SECONDS)
        assert arrived.acquire(timeout=TIMEOUT_SECONDS)
        assert refusal(door.usage.RecordUsage, usage("anna", "above")).reason == "OVERLOADED"

    assert waiting.result().new_usage == 1
    assert [_patient(door, usage("anna", f"later-{number}")).new_usage for number in range(5)] == [2, 3, 4, 5, 6]
    again = _patient(door, usage("anna", "above"))
    assert (again.new_usage, again.replayed) == (7, False)


def test_callers_that_leave_give_their_room_back(
    core: Core, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, door = serve(core, calls_max=2)
    door.make_user("anna")
    with _stalled(monkeypatch) as arrived:
        gone = [door.usage.RecordUsage.future(usage("anna", f"gone-{number}"), timeout=30) for number in range(2)]
        for each in gone:
            assert arrived.acquire(timeout=TIMEOUT_SECONDS)
            each.cancel()

    assert _patient(door, usage("anna", "later")).quantity == 1


@pytest.fixture
def slow_door(core: Core, serve: ServerMaker) -> Door:
    """A door for a client that may send a thousand items at once, and then one a second."""
    make_client(core, "talk-backend")
    return _keyed(core, serve, throttle=Throttle(60))


def _keyed(core: Core, serve: ServerMaker, **options: Any) -> Door:
    """A server that asks for keys, and has given one to this door."""
    key = make_key(core, "talk-backend").text
    keyring = Keyring(core.store, Environment.TEST, core.clock, stale_seconds=3_600)
    keyring.refresh()
    _, door = serve(core, keyring=keyring, key=key, **options)
    return door


def _batch(size: int, prefix: str) -> BatchRecordUsageRequest:
    return BatchRecordUsageRequest(
        items=[item("anna", f"{prefix}-{number}", meter="api_calls") for number in range(size)]
    )


def test_a_client_beyond_its_rate_is_refused_with_the_time_to_wait(slow_door: Door) -> None:
    slow_door.make_user("anna")
    slow_door.usage.BatchRecordUsage(_batch(990, "first"), timeout=TIMEOUT_SECONDS)

    whole = refusal(slow_door.usage.BatchRecordUsage, _batch(50, "second"))

    assert (whole.code, whole.reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
    assert whole.retry_seconds is not None
    assert 30 < whole.retry_seconds < 42
    assert "retry_after_ms" not in whole.metadata
    kept = refusal(slow_door.usage.GetOperation, GetOperationRequest(idempotency_key="second-0"))
    assert kept.reason == "OPERATION_NOT_FOUND"


def test_replays_count_and_a_batch_counts_as_its_items(slow_door: Door) -> None:
    slow_door.make_user("anna")
    for _ in range(3):
        slow_door.usage.BatchRecordUsage(_batch(330, "same"), timeout=TIMEOUT_SECONDS)

    assert refusal(slow_door.usage.BatchRecordUsage, _batch(330, "same")).reason == "RATE_LIMITED"


def test_questions_count_by_their_subjects(slow_door: Door) -> None:
    slow_door.make_user("anna")
    subjects = [Subject(user_id="anna")] * 100
    request = BatchGetEntitlementsRequest(subjects=subjects)
    for _ in range(9):
        slow_door.entitlements.BatchGetEntitlements(request, timeout=TIMEOUT_SECONDS)
    with suppress(grpc.RpcError):  # a second that has passed since lets one more through
        slow_door.entitlements.BatchGetEntitlements(request, timeout=TIMEOUT_SECONDS)

    assert refusal(slow_door.entitlements.BatchGetEntitlements, request).reason == "RATE_LIMITED"
    slow_door.entitlements.GetEntitlement(GetEntitlementRequest(subject=subjects[0]), timeout=TIMEOUT_SECONDS)

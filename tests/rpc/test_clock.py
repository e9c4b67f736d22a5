"""Time is moved in the test environment: everything that time alone does is seen at once (requirement O6)."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from tollhouse.v1 import admin_service_pb2 as pb
from tollhouse.v1.account_service_pb2 import UpsertUserRequest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.credits_service_pb2 import GRANT_CATEGORY_PROMOTIONAL, GetBalanceRequest, GrantCreditsRequest
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest
from tollhouse.v1.usage_service_pb2 import GetOperationRequest

from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, at, micros, refusal, usage
from tests.support.house import DAY_US, START_US, Clock, CoreMaker, close_core
from tollhoused.cli.pulse import Pulse
from tollhoused.domain.keys import Environment
from tollhoused.store.store import open_store
from tollhoused.usecases import testing_time
from tollhoused.usecases.core import Core

ANNA = Subject(user_id="anna")


def advance(door: Door, key: str = "forward", **more: Any) -> pb.AdvanceTestClockResponse:
    request = pb.AdvanceTestClockRequest(idempotency_key=key, **more)
    return door.admin.AdvanceTestClock(request, timeout=TIMEOUT_SECONDS)


def days(number: float) -> Duration:
    return Duration(seconds=int(number * 86_400))


def shown(door: Door) -> tuple[int, int]:
    """What the clock shows since the tests' beginning, and how far it is ahead, in days."""
    clock = door.admin.GetTestClock(pb.GetTestClockRequest(), timeout=TIMEOUT_SECONDS).clock
    return (micros(clock.now_time) - START_US) // DAY_US, clock.ahead.seconds // 86_400


def balance(door: Door) -> int:
    return door.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance.total_nanos


def test_a_clock_that_nobody_moved_is_the_real_one(door: Door) -> None:
    assert shown(door) == (0, 0)


def test_it_goes_forward_by_a_span_or_to_an_instant(door: Door, clock: Clock) -> None:
    by = advance(door, "one", by=days(3))
    to = advance(door, "two", to_time=at(START_US + 10 * DAY_US))

    assert (micros(by.clock.now_time), by.clock.ahead) == (START_US + 3 * DAY_US, days(3))
    assert (micros(to.clock.now_time), to.clock.ahead) == (START_US + 10 * DAY_US, days(10))
    assert shown(door) == (10, 10)
    clock.now_us += 2 * DAY_US
    assert shown(door) == (12, 10), "the real one goes on below it"


def test_what_time_does_is_seen_at_once_and_booked_like_any_other(door: Door, core: Core) -> None:
    door.make_user("anna")
    grant = GrantCreditsRequest(
        subject=ANNA,
        amount_nanos=5,
        currency="usd",
        category=GRANT_CATEGORY_PROMOTIONAL,
        expire_time=at(START_US + 5 * DAY_US),
        idempotency_key="promotion",
    )
    door.credits.GrantCredits(grant, timeout=TIMEOUT_SECONDS)
    door.record(usage("anna", "before", 4))

    advance(door, by=days(40))

    assert balance(door) == 0
    question = GetEntitlementRequest(subject=ANNA)
    found = door.entitlements.GetEntitlement(question, timeout=TIMEOUT_SECONDS).entitlement
    assert {meter.meter: meter.used for meter in found.meters}["voice_minutes"] == 0
    after = door.record(usage("anna", "after", 3))
    assert (after.new_usage, micros(after.record_time)) == (3, START_US + 40 * DAY_US)
    (account,) = core.store.accounts("", 10)
    assert (account.as_of_us, account.balance_nanos) == (START_US + 40 * DAY_US, 0)


def test_a_repeated_call_moves_it_once(door: Door) -> None:
    first = advance(door, by=days(1))
    again = advance(door, by=days(1))

    assert (first.replayed, again.replayed, again.clock) == (False, True, first.clock)
    assert shown(door) == (1, 1)
    stored = door.usage.GetOperation(GetOperationRequest(idempotency_key="forward"), timeout=TIMEOUT_SECONDS).operation
    assert stored.advance_test_clock == first
    other = pb.AdvanceTestClockRequest(by=days(2), idempotency_key="forward")
    assert refusal(door.admin.AdvanceTestClock, other).metadata == {"field": "by"}


def test_only_asking_moves_nothing(door: Door) -> None:
    asked = advance(door, by=days(1), validate_only=True)

    assert micros(asked.clock.now_time) == START_US + DAY_US
    assert shown(door) == (0, 0)


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("to_time", {}),
        ("to_time", {"to_time": at(START_US + DAY_US), "by": Duration(seconds=1)}),
        ("to_time", {"to_time": at(START_US)}),
        ("to_time", {"to_time": at(START_US - 1)}),
        ("to_time", {"to_time": at(START_US + 3_654 * DAY_US)}),
        ("by", {"by": Duration()}),
        ("by", {"by": Duration(seconds=-1)}),
        ("by", {"by": Duration(seconds=3_653 * 86_400, nanos=1_000)}),
    ],
)
def test_it_never_goes_back_nor_beyond_ten_years(sqlite_door: Door, field: str, more: dict[str, Any]) -> None:
    request = pb.AdvanceTestClockRequest(idempotency_key="k", **more)

    assert refusal(sqlite_door.admin.AdvanceTestClock, request).violations.keys() == {field}
    assert shown(sqlite_door) == (0, 0)


def test_ten_years_are_the_sum_of_all_moves(sqlite_door: Door) -> None:
    advance(sqlite_door, "one", by=days(3_653))

    more = pb.AdvanceTestClockRequest(by=Duration(nanos=1_000), idempotency_key="two")
    assert refusal(sqlite_door.admin.AdvanceTestClock, more).violations.keys() == {"by"}


def test_every_move_is_in_the_audit_log(door: Door) -> None:
    advance(door, by=days(2))

    question = pb.ListAuditEntriesRequest(start_time=at(START_US - DAY_US))
    entries = door.admin.ListAuditEntries(question, timeout=TIMEOUT_SECONDS).entries
    (entry,) = (entry for entry in entries if entry.action == "advance_test_clock")
    assert (entry.idempotency_key, entry.client_id) == ("forward", "local")
    assert '"by":172800000000' in entry.detail


def test_the_live_environment_has_the_real_time(door: Door, core: Core) -> None:
    advance(door, by=days(1))
    core.environment = Environment.LIVE
    core.clock.offset_us = 0

    request = pb.AdvanceTestClockRequest(by=days(1), idempotency_key="live")
    refusals = [
        refusal(door.admin.AdvanceTestClock, request),
        refusal(door.admin.GetTestClock, pb.GetTestClockRequest()),
    ]
    testing_time.refresh(core)

    assert [each.reason for each in refusals] == ["TEST_CLOCK_DISABLED"] * 2
    assert core.clock() == START_US, "what a test has left in the database counts for nothing"


@pytest.fixture
def replica(make_core: CoreMaker, serve: ServerMaker, database_url: str) -> Callable[[], tuple[Core, Door]]:
    """Another process on the database of `door`."""

    def make() -> tuple[Core, Door]:
        core = make_core(database_url)
        return core, serve(core)[1]

    return make


def test_another_process_follows_with_its_next_heartbeat(door: Door, replica: Callable[[], tuple[Core, Door]]) -> None:
    core, other = replica()
    pulse = Pulse(core, lambda _: None)
    advance(door, by=days(7))
    assert core.clock() == START_US

    pulse.beat()

    assert core.clock() == START_US + 7 * DAY_US
    other.accounts.UpsertUser(UpsertUserRequest(user_id="bert", idempotency_key="bert"), timeout=TIMEOUT_SECONDS)
    assert [account.anchor_us for account in core.store.accounts("", 10)] == [START_US + 7 * DAY_US]


def test_moves_of_several_processes_add_up(door: Door, replica: Callable[[], tuple[Core, Door]]) -> None:
    _, other = replica()
    advance(door, "one", by=days(1))
    advance(other, "two", by=days(1))
    advance(door, "three", by=days(1))

    to = advance(other, "four", to_time=at(START_US + 10 * DAY_US))

    assert micros(to.clock.now_time) == START_US + 10 * DAY_US
    assert shown(door) == shown(other) == (10, 10)


def test_a_move_that_met_another_one_is_repeated(
    sqlite_url: str, make_core: CoreMaker, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core(sqlite_url)
    _, door = serve(core)
    advance(door, "one", by=days(1))
    core.clock.offset_us = 0
    monkeypatch.setattr(testing_time, "refresh", lambda _: None)

    met = refusal(door.admin.AdvanceTestClock, pb.AdvanceTestClockRequest(by=days(1), idempotency_key="two"))
    monkeypatch.undo()

    assert met.reason == "CONTENTION"
    assert micros(advance(door, "two", by=days(1)).clock.now_time) == START_US + 2 * DAY_US


def test_it_survives_a_restart(database_url: str, make_core: CoreMaker, serve: ServerMaker) -> None:
    core = make_core(database_url)
    server, door = serve(core)
    advance(door, by=days(5))
    server.drain(grace_seconds=0, notice_seconds=0)
    close_core(core)

    again = make_core(store=open_store(database_url))
    testing_time.refresh(again)

    assert again.clock() == START_US + 5 * DAY_US

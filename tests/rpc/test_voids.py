"""Taking usage back over the wire: 10 voice minutes are included on the default plan, more cost 0.04 each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD, Subject
from tollhouse.v1.credits_service_pb2 import (
    CAUSE_KIND_EXPIRY,
    CAUSE_KIND_VOID,
    CAUSE_KIND_VOIDED_DEBT,
    GRANT_CATEGORY_PROMOTIONAL,
    GetBalanceRequest,
    GrantCreditsRequest,
    ListLedgerEntriesRequest,
)
from tollhouse.v1.reservation_service_pb2 import CommitReservationRequest, ReserveUsageRequest
from tollhouse.v1.usage_service_pb2 import (
    OPERATION_KIND_VOID_USAGE,
    GetOperationRequest,
    ListUsageEventsRequest,
    VoidUsageRequest,
    VoidUsageResponse,
)

from tests.support.door import TIMEOUT_SECONDS, Door, Refusal, at, refusal, refusal_of, usage
from tests.support.house import DAY_US, Clock
from tollhoused.usecases.core import Core
from tollhoused.usecases.verify import verify

ANNA = Subject(user_id="anna")
MINUTE_NANOS = 40_000_000
DOLLAR = 10**9


@pytest.fixture
def anna(door: Door) -> Door:
    """Anna with a dollar."""
    door.make_user("anna")
    door.fund("anna", 1)
    return door


def _void(door: Door, voided_key: str, key: str, **more: Any) -> VoidUsageResponse:
    request = VoidUsageRequest(voided_key=voided_key, reason="a mistake", idempotency_key=key, **more)
    return door.usage.VoidUsage(request, timeout=TIMEOUT_SECONDS)


def _refused(door: Door, voided_key: str) -> Refusal:
    return refusal(door.usage.VoidUsage, VoidUsageRequest(voided_key=voided_key, idempotency_key="refused"))


def _total(door: Door) -> int:
    return door.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance.total_nanos


def _causes(door: Door) -> Sequence[int]:
    found = door.credits.ListLedgerEntries(ListLedgerEntriesRequest(subject=ANNA), timeout=TIMEOUT_SECONDS)
    return [entry.cause_kind for entry in found.entries][::-1]


def _books_are_right(core: Core) -> None:
    findings: list[object] = []
    verify(core.store, findings.append)
    assert findings == []


def test_a_void_from_its_making_to_every_place_where_it_shows(core: Core, anna: Door) -> None:
    anna.record(usage("anna", "call-1", 8))
    event = usage("anna", "call-2", 5)
    first = anna.record(event)
    asked = _void(anna, "call-2", "undo", validate_only=True)
    assert not anna.record(event).voided
    assert _total(anna) == DOLLAR - 3 * MINUTE_NANOS

    done = _void(anna, "call-2", "undo")

    assert asked == done
    assert (done.meter, done.quantity, done.new_usage, done.limit, done.remaining) == ("voice_minutes", 5, 8, 10, 2)
    assert (done.overage_quantity, done.returned_nanos, done.debt_nanos) == (3, 3 * MINUTE_NANOS, 0)
    assert [(debit.grant_id, debit.amount_nanos) for debit in done.returns] == [
        (debit.grant_id, debit.amount_nanos) for debit in first.debits
    ]
    assert done.balance.total_nanos == _total(anna) == DOLLAR
    again = anna.record(event)
    assert (again.replayed, again.voided, again.charged_nanos) == (True, True, first.charged_nanos)
    assert _void(anna, "call-2", "undo").replayed
    events = anna.usage.ListUsageEvents(ListUsageEventsRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).usage_events
    assert {item.idempotency_key: item.voided_by for item in events} == {"call-2": "undo", "call-1": ""}
    stored = anna.usage.GetOperation(GetOperationRequest(idempotency_key="undo"), timeout=TIMEOUT_SECONDS).operation
    assert (stored.kind, stored.void_usage, stored.quantity) == (OPERATION_KIND_VOID_USAGE, done, 5)
    voided = anna.usage.GetOperation(GetOperationRequest(idempotency_key="call-2"), timeout=TIMEOUT_SECONDS).operation
    assert (voided.voided_by, voided.record_usage) == ("undo", first)
    assert anna.record(usage("anna", "call-3", 1)).new_usage == 9
    _books_are_right(core)


def test_what_cannot_be_voided(core: Core, anna: Door) -> None:
    anna.record(usage("anna", "call-1", 12))
    _void(anna, "call-1", "undo")

    found = _refused(anna, "call-1")
    assert (found.reason, found.metadata) == ("ALREADY_VOIDED", {"voided_by": "undo"})
    assert _refused(anna, "nothing").reason == "OPERATION_NOT_FOUND"
    for key in ("undo", "grant/anna/1", ""):
        found = _refused(anna, key)
        assert (found.reason, found.metadata) == ("INVALID_FIELD", {"field": "voided_key"})
    _books_are_right(core)


def test_what_spent_and_ended_grants_had_paid_comes_back_over_the_batches(core: Core, clock: Clock, door: Door) -> None:
    door.make_user("anna")
    short = GrantCreditsRequest(
        subject=ANNA,
        amount_nanos=DOLLAR,
        currency="usd",
        category=GRANT_CATEGORY_PROMOTIONAL,
        expire_time=at(clock.now_us + DAY_US),
        idempotency_key="short",
    )
    ended = door.credits.GrantCredits(short, timeout=TIMEOUT_SECONDS).grant.grant_id
    door.record(usage("anna", "call-1", 10 + 25))
    spent = door.fund("anna", 2).grant.grant_id
    door.record(usage("anna", "call-2", 100, enforcement=ENFORCEMENT_RECORD))
    assert _total(door) == -2 * DOLLAR
    door.fund("anna", 3)
    clock.now_us += 2 * DAY_US

    first = _void(door, "call-1", "undo 1")

    assert (first.returned_nanos, first.grant.amount_nanos) == (35 * MINUTE_NANOS, 35 * MINUTE_NANOS)
    assert (list(first.returns), _total(door)) == ([], DOLLAR + 35 * MINUTE_NANOS)
    _books_are_right(core)

    last = _void(door, "call-2", "undo 2")

    assert last.grant.amount_nanos == 15 * MINUTE_NANOS
    assert [(debit.grant_id, debit.amount_nanos) for debit in last.returns] == [
        (spent, 2 * DOLLAR),
        (ended, DOLLAR),
    ]
    assert _total(door) == 5 * DOLLAR
    assert _causes(door)[-4:] == [CAUSE_KIND_VOID, CAUSE_KIND_VOID, CAUSE_KIND_VOIDED_DEBT, CAUSE_KIND_EXPIRY]
    _books_are_right(core)


def test_a_commit_can_be_voided_and_says_so_when_it_is_repeated(core: Core, anna: Door) -> None:
    reserve = ReserveUsageRequest(
        subject=ANNA, product="talk", meter="voice_minutes", quantity=20, idempotency_key="reserve"
    )
    made = anna.reservations.ReserveUsage(reserve, timeout=TIMEOUT_SECONDS).reservation
    commit = CommitReservationRequest(reservation_id=made.reservation_id, quantity=15, idempotency_key="commit")
    anna.reservations.CommitReservation(commit, timeout=TIMEOUT_SECONDS)

    done = _void(anna, "commit", "undo")

    assert (done.quantity, done.returned_nanos, _total(anna)) == (15, 5 * MINUTE_NANOS, DOLLAR)
    again = anna.reservations.CommitReservation(commit, timeout=TIMEOUT_SECONDS)
    assert (again.replayed, again.voided) == (True, True)
    _books_are_right(core)


def test_of_many_who_void_the_same_usage_at_once_one_does(core: Core, anna: Door) -> None:
    anna.record(usage("anna", "call", 20))

    def undo(number: int) -> str:
        request = VoidUsageRequest(voided_key="call", idempotency_key=f"undo {number}")
        try:
            anna.usage.VoidUsage(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            return refusal_of(error).reason
        return ""

    with ThreadPoolExecutor(8) as pool:
        ends = sorted(pool.map(undo, range(8)))

    assert ends == ["", *["ALREADY_VOIDED"] * 7]
    assert _total(anna) == DOLLAR
    _books_are_right(core)

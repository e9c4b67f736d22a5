"""Reservations over the wire: 10 voice minutes are included on the default plan, more cost 0.04 each."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from tollhouse.v1 import reservation_service_pb2 as pb
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.credits_service_pb2 import (
    GRANT_CATEGORY_PROMOTIONAL,
    AdjustCreditsRequest,
    GetBalanceRequest,
    GrantCreditsRequest,
    ListGrantsRequest,
    VoidGrantRequest,
)
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest
from tollhouse.v1.usage_service_pb2 import GetOperationRequest

from tests.support.door import TIMEOUT_SECONDS, Door, refusal, refusal_of, usage
from tests.support.house import SECOND_US, START_US, Clock, CoreMaker
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


def _reserve(door: Door, key: str, quantity: int = 15, **more: Any) -> pb.ReserveUsageResponse:
    request = pb.ReserveUsageRequest(
        subject=ANNA, product="talk", meter="voice_minutes", quantity=quantity, idempotency_key=key, **more
    )
    return door.reservations.ReserveUsage(request, timeout=TIMEOUT_SECONDS)


def _commit(door: Door, reservation_id: str, key: str, quantity: int) -> pb.CommitReservationResponse:
    request = pb.CommitReservationRequest(reservation_id=reservation_id, quantity=quantity, idempotency_key=key)
    return door.reservations.CommitReservation(request, timeout=TIMEOUT_SECONDS)


def _get(door: Door, reservation_id: str) -> pb.Reservation:
    request = pb.GetReservationRequest(reservation_id=reservation_id)
    return door.reservations.GetReservation(request, timeout=TIMEOUT_SECONDS).reservation


def _books_are_right(core: Core) -> None:
    findings: list[object] = []
    verify(core.store, findings.append)
    assert findings == []


def test_a_reservation_from_its_making_to_its_commit(core: Core, anna: Door) -> None:
    made = _reserve(anna, "call-1")
    meters = anna.entitlements.GetEntitlement(GetEntitlementRequest(subject=ANNA), timeout=TIMEOUT_SECONDS)
    (voice,) = [meter for meter in meters.entitlement.meters if meter.meter == "voice_minutes"]
    balance = anna.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance

    assert (voice.used, voice.held, voice.remaining) == (0, 15, 0)
    assert (balance.total_nanos, balance.held_nanos) == (DOLLAR, 5 * MINUTE_NANOS)
    assert balance.available_nanos == DOLLAR - 5 * MINUTE_NANOS
    assert made.reservation.state == pb.RESERVATION_STATE_OPEN
    assert (made.reservation.plan, made.reservation.plan_version) == ("hobby", 1)
    _books_are_right(core)

    done = _commit(anna, made.reservation.reservation_id, "call-1/end", 12)

    assert done.reservation.state == pb.RESERVATION_STATE_COMMITTED
    assert (done.usage.quantity, done.usage.charged_nanos) == (12, 2 * MINUTE_NANOS)
    assert done.usage.balance_after_nanos == DOLLAR - 2 * MINUTE_NANOS
    assert _get(anna, made.reservation.reservation_id) == done.reservation
    again = _commit(anna, made.reservation.reservation_id, "call-1/end", 12)
    assert again.replayed
    again.replayed = False
    assert again == done
    stored = anna.usage.GetOperation(GetOperationRequest(idempotency_key="call-1/end"), timeout=TIMEOUT_SECONDS)
    assert stored.operation.commit_reservation == done
    assert (stored.operation.quantity, stored.operation.product) == (12, "talk")
    _books_are_right(core)


def test_lists_show_open_ones_and_with_a_word_those_that_ended(core: Core, anna: Door) -> None:
    ids = [_reserve(anna, f"call-{number}", 1).reservation.reservation_id for number in range(3)]
    request = pb.ReleaseReservationRequest(reservation_id=ids[1], idempotency_key="release")
    anna.reservations.ReleaseReservation(request, timeout=TIMEOUT_SECONDS)

    def listed(**more: Any) -> list[str]:
        wanted = pb.ListReservationsRequest(subject=ANNA, **more)
        found = anna.reservations.ListReservations(wanted, timeout=TIMEOUT_SECONDS)
        return [item.reservation_id for item in found.reservations]

    assert listed() == [ids[2], ids[0]]
    assert listed(include_ended=True) == ids[::-1]
    first = anna.reservations.ListReservations(
        pb.ListReservationsRequest(subject=ANNA, include_ended=True, page_size=2), timeout=TIMEOUT_SECONDS
    )
    assert listed(include_ended=True, page_token=first.next_page_token) == ids[:1]
    _books_are_right(core)


def test_its_end_comes_by_time_alone_in_every_view(core: Core, anna: Door, clock: Clock) -> None:
    released = _reserve(anna, "released", 12, ttl=Duration(seconds=60)).reservation
    kept = _reserve(anna, "kept", 3, ttl=Duration(seconds=60), on_expiry=pb.ON_EXPIRY_COMMIT).reservation
    clock.now_us = START_US + 60 * SECOND_US

    balance = anna.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance
    assert (balance.held_nanos, balance.total_nanos) == (0, DOLLAR)
    request = pb.CommitReservationRequest(
        reservation_id=released.reservation_id, quantity=1, idempotency_key="too late"
    )
    found = refusal(anna.reservations.CommitReservation, request)
    assert (found.reason, found.metadata["state"]) == ("RESERVATION_FINAL", "expired")
    states = [_get(anna, item.reservation_id).state for item in (released, kept)]
    assert states == [pb.RESERVATION_STATE_EXPIRED, pb.RESERVATION_STATE_COMMITTED]
    assert anna.record(usage("anna", "later")).new_usage == 4
    _books_are_right(core)


def test_of_many_commits_at_once_one_counts(core: Core, anna: Door) -> None:
    reservation_id = _reserve(anna, "call").reservation.reservation_id

    def attempt(number: int) -> str:
        try:
            _commit(anna, reservation_id, f"commit-{number}", 11)
        except grpc.RpcError as error:
            return refusal_of(error).reason
        return "committed"

    with ThreadPoolExecutor(8) as callers:
        outcomes = list(callers.map(attempt, range(8)))

    assert sorted(outcomes) == ["RESERVATION_FINAL"] * 7 + ["committed"]
    balance = anna.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance
    assert balance.total_nanos == DOLLAR - MINUTE_NANOS
    _books_are_right(core)


def test_a_preview_reserves_nothing(core: Core, anna: Door) -> None:
    seen = _reserve(anna, "call", validate_only=True)

    assert seen.reservation.held_nanos == 5 * MINUTE_NANOS
    assert (
        refusal(
            anna.reservations.GetReservation, pb.GetReservationRequest(reservation_id=seen.reservation.reservation_id)
        ).reason
        == "RESERVATION_NOT_FOUND"
    )
    assert not _reserve(anna, "call").replayed


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"ttl": Duration()}, "ttl"),
        ({"ttl": Duration(seconds=7 * 86_400 + 1)}, "ttl"),
        ({"quantity": 0}, "quantity"),
        ({"on_expiry": 9}, "on_expiry"),
        ({"over_commit": 9}, "over_commit"),
        ({"meter": "storage_mb"}, "meter"),
    ],
)
def test_bad_wishes_are_named(sqlite_door: Door, more: dict[str, Any], field: str) -> None:
    sqlite_door.make_user("anna")
    fields: dict[str, Any] = {"subject": ANNA, "product": "talk", "meter": "voice_minutes", "quantity": 1}
    request = pb.ReserveUsageRequest(**{**fields, **more, "idempotency_key": "k"})

    found = refusal(sqlite_door.reservations.ReserveUsage, request)

    assert (found.reason, list(found.violations)) == ("INVALID_FIELD", [field])


def test_a_voided_grant_pays_for_nothing_more(core: Core, anna: Door) -> None:
    grants = anna.credits.ListGrants(ListGrantsRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).grants
    reservation_id = _reserve(anna, "call").reservation.reservation_id
    request = VoidGrantRequest(subject=ANNA, grant_id=grants[0].grant_id, reason="a mistake", idempotency_key="void")

    voided = anna.credits.VoidGrant(request, timeout=TIMEOUT_SECONDS)

    assert voided.voided_nanos == DOLLAR - 5 * MINUTE_NANOS
    assert (voided.grant.remaining_nanos, voided.grant.held_nanos) == (5 * MINUTE_NANOS, 5 * MINUTE_NANOS)
    assert voided.balance.available_nanos == 0
    assert refusal(anna.usage.RecordUsage, usage("anna", "more", 1)).reason == "INSUFFICIENT_CREDITS"
    assert _commit(anna, reservation_id, "end", 11).usage.debits[0].grant_id == grants[0].grant_id
    balance = anna.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance
    assert balance.total_nanos == 0
    _books_are_right(core)


def test_a_correction_takes_only_what_is_not_held(core: Core, anna: Door) -> None:
    """The two small grants come first in order, and are held to the last nano."""
    for key in ("first", "second"):
        grant = GrantCreditsRequest(subject=ANNA, amount_nanos=1, currency="usd", idempotency_key=key)
        grant.category = GRANT_CATEGORY_PROMOTIONAL
        grant.priority = 1
        anna.credits.GrantCredits(grant, timeout=TIMEOUT_SECONDS)
    reservation_id = _reserve(anna, "call").reservation.reservation_id
    correction = AdjustCreditsRequest(subject=ANNA, amount_nanos=-DOLLAR, currency="usd", idempotency_key="down")

    answer = anna.credits.AdjustCredits(correction, timeout=TIMEOUT_SECONDS)

    free = DOLLAR - (5 * MINUTE_NANOS - 2)
    assert ([debit.amount_nanos for debit in answer.debits], answer.debt_nanos) == ([free], DOLLAR - free)
    _books_are_right(core)
    assert _commit(anna, reservation_id, "end", 15).usage.debt_nanos == 0
    _books_are_right(core)


def test_two_servers_hold_the_same_credits_only_once(postgres_url: str, make_core: CoreMaker, serve: Any) -> None:
    cores = [make_core(postgres_url) for _ in range(2)]
    doors = [serve(core)[1] for core in cores]
    doors[0].make_user("anna")
    doors[0].fund("anna", 1)

    def attempt(number: int) -> bool:
        try:
            _reserve(doors[number % 2], f"call-{number}", 10)
        except grpc.RpcError as error:
            if refusal_of(error).reason != "INSUFFICIENT_CREDITS":
                raise
            return False
        return True

    with ThreadPoolExecutor(8) as callers:
        outcomes = list(callers.map(attempt, range(8)))

    # A dollar pays for 25 minutes beyond the 10 that are included.
    assert sum(outcomes) == 3
    _books_are_right(cores[0])

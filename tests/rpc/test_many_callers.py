"""Many callers at once: every acknowledged event is there once, whoever else calls, on whichever account."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1.credits_service_pb2 import GetBalanceRequest, ListLedgerEntriesRequest
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest
from tollhouse.v1.usage_service_pb2 import RecordUsageResponse

from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, usage
from tests.support.house import CoreMaker

T = TypeVar("T")

CALLERS = 64
EVENTS = 4
RACERS = 32
MINUTE_NANOS = 40_000_000
DOLLAR = 1_000_000_000


@pytest.fixture
def two_servers(postgres_url: str, make_core: CoreMaker, serve: ServerMaker) -> list[Door]:
    """Two replicas, each with its own journal, on one PostgreSQL."""
    return [serve(make_core(postgres_url))[1] for _ in range(2)]


def _together(count: int, act: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(count) as callers:
        return list(callers.map(act, range(count)))


def _many_events(doors: Sequence[Door], user_of: Callable[[int], str]) -> list[RecordUsageResponse]:
    """Every caller records a few events one after the other, each under a key of its own."""

    def act(caller: int) -> list[RecordUsageResponse]:
        door = doors[caller % len(doors)]
        return [door.record(usage(user_of(caller), f"call-{caller}-{event}")) for event in range(EVENTS)]

    return [answer for answers in _together(CALLERS, act) for answer in answers]


def _race(doors: Sequence[Door]) -> list[RecordUsageResponse]:
    return _together(RACERS, lambda racer: doors[racer % len(doors)].record(usage("anna", "one", 12)))


def _check_books(door: Door, user_id: str, used: int) -> None:
    """The account shows exactly this use and its price, and the ledger says the same entry by entry."""
    subject = common.Subject(user_id=user_id)
    charged_nanos = max(0, used - 10) * MINUTE_NANOS
    entitlement = door.entitlements.GetEntitlement(GetEntitlementRequest(subject=subject), timeout=TIMEOUT_SECONDS)
    (voice,) = [meter for meter in entitlement.entitlement.meters if meter.meter == "voice_minutes"]
    assert (voice.used, voice.charged_nanos) == (used, charged_nanos)
    balance = door.credits.GetBalance(GetBalanceRequest(subject=subject), timeout=TIMEOUT_SECONDS).balance
    assert balance.total_nanos == 100 * DOLLAR - charged_nanos
    request = ListLedgerEntriesRequest(subject=subject, page_size=1_000)
    entries = list(door.credits.ListLedgerEntries(request, timeout=TIMEOUT_SECONDS).entries)[::-1]
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    balances, total_nanos = [], 0
    for entry in entries:
        total_nanos += entry.amount_nanos
        balances.append(total_nanos)
    assert balances == [entry.balance_after_nanos for entry in entries]
    assert total_nanos == balance.total_nanos


def _check_hot_account(doors: Sequence[Door]) -> None:
    doors[0].make_user("anna")
    doors[0].fund("anna", 100)

    answers = _many_events(doors, lambda _: "anna")

    assert sorted(answer.new_usage for answer in answers) == list(range(1, CALLERS * EVENTS + 1))
    assert not any(answer.replayed for answer in answers)
    _check_books(doors[-1], "anna", CALLERS * EVENTS)


def _check_race(doors: Sequence[Door]) -> None:
    doors[0].make_user("anna")
    doors[0].fund("anna", 100)

    answers = _race(doors)

    assert sum(not answer.replayed for answer in answers) == 1
    for answer in answers:
        answer.replayed = False
    assert all(answer == answers[0] for answer in answers)
    _check_books(doors[-1], "anna", 12)


def test_sixty_four_callers_on_one_account(door: Door) -> None:
    _check_hot_account([door])


def test_sixty_four_callers_on_many_accounts(door: Door) -> None:
    users = [f"user-{number}" for number in range(16)]
    for user in users:
        door.make_user(user)
        door.fund(user, 100)

    answers = _many_events([door], lambda caller: users[caller % len(users)])

    assert len(answers) == CALLERS * EVENTS
    for user in users:
        _check_books(door, user, CALLERS * EVENTS // len(users))


def test_thirty_two_callers_racing_one_key_have_one_effect_and_equal_answers(door: Door) -> None:
    _check_race([door])


def test_sixty_four_callers_of_two_servers_on_one_account(two_servers: list[Door]) -> None:
    _check_hot_account(two_servers)


def test_thirty_two_callers_of_two_servers_racing_one_key(two_servers: list[Door]) -> None:
    _check_race(two_servers)


def test_racing_upserts_make_one_account(door: Door) -> None:
    answers = _together(RACERS, lambda _: door.make_user("anna", "anna@example.test"))

    assert len({answer.account.account_id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1

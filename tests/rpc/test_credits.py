"""Prepaid credits and their ledger, through the door."""

from typing import Any

import pytest
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, at, micros, refusal, usage
from tests.support.house import DAY_US, START_US, Clock, CoreMaker

ANNA = common.Subject(user_id="anna")
DOLLAR = 1_000_000_000


@pytest.fixture(autouse=True)
def anna(door: Door) -> None:
    door.make_user("anna")


def _grant(key: str, dollars: int, **more: Any) -> pb.GrantCreditsRequest:
    fields: dict[str, Any] = {"category": pb.GRANT_CATEGORY_PROMOTIONAL, **more}
    return pb.GrantCreditsRequest(
        subject=ANNA, amount_nanos=dollars * DOLLAR, currency="usd", idempotency_key=key, **fields
    )


def _adjust(key: str, dollars: int, **more: Any) -> pb.AdjustCreditsRequest:
    return pb.AdjustCreditsRequest(
        subject=ANNA, amount_nanos=dollars * DOLLAR, currency="usd", idempotency_key=key, **more
    )


def _give(door: Door, key: str, dollars: int, **more: Any) -> pb.GrantCreditsResponse:
    return door.credits.GrantCredits(_grant(key, dollars, **more), timeout=TIMEOUT_SECONDS)


def _correct(door: Door, key: str, dollars: int, **more: Any) -> pb.AdjustCreditsResponse:
    return door.credits.AdjustCredits(_adjust(key, dollars, **more), timeout=TIMEOUT_SECONDS)


def _balance(door: Door) -> pb.GetBalanceResponse:
    return door.credits.GetBalance(pb.GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS)


def _entries(door: Door, **more: Any) -> pb.ListLedgerEntriesResponse:
    request = pb.ListLedgerEntriesRequest(subject=ANNA, **more)
    return door.credits.ListLedgerEntries(request, timeout=TIMEOUT_SECONDS)


def _grants(door: Door, **more: Any) -> pb.ListGrantsResponse:
    return door.credits.ListGrants(pb.ListGrantsRequest(subject=ANNA, **more), timeout=TIMEOUT_SECONDS)


def test_a_grant_is_stored_as_it_was_sent(door: Door) -> None:
    answer = _give(
        door,
        "welcome",
        5,
        priority=0,
        effective_time=at(START_US + DAY_US),
        expire_time=at(START_US + 2 * DAY_US),
        meters=["voice_minute", "api_calls"],
        reason="welcome",
    )

    assert answer.grant == pb.Grant(
        grant_id=answer.grant.grant_id,
        category=pb.GRANT_CATEGORY_PROMOTIONAL,
        priority=0,
        effective_time=at(START_US + DAY_US),
        expire_time=at(START_US + 2 * DAY_US),
        meters=["api_calls", "voice_minutes"],
        amount_nanos=5 * DOLLAR,
        remaining_nanos=5 * DOLLAR,
        currency="usd",
        create_time=at(START_US),
    )
    assert (answer.matched_by, answer.settled_nanos, answer.replayed) == (common.MATCHED_BY_USER_ID, 0, False)
    assert (answer.balance.total_nanos, answer.balance.available_nanos) == (5 * DOLLAR, 0)


def test_what_a_grant_does_not_say_has_its_documented_default(door: Door) -> None:
    grant = _give(door, "plain", 1).grant

    assert (grant.priority, list(grant.meters), grant.HasField("expire_time")) == (100, [], False)
    assert micros(grant.effective_time) == START_US


def test_a_repeated_grant_gives_nothing_more(door: Door) -> None:
    first = _give(door, "once", 5)
    again = _give(door, "once", 5)

    assert again.replayed
    again.replayed = False
    assert again == first
    assert _balance(door).balance.total_nanos == 5 * DOLLAR
    other = refusal(door.credits.GrantCredits, _grant("once", 6))
    assert (other.reason, other.metadata) == ("IDEMPOTENCY_KEY_REUSED", {"field": "amount_nanos"})


def test_one_key_cannot_stand_for_two_kinds_of_command(door: Door) -> None:
    _give(door, "once", 5)

    assert refusal(door.credits.AdjustCredits, _adjust("once", 5)).metadata == {"field": "kind"}


def test_a_grant_settles_debt_first(door: Door) -> None:
    door.record(usage("anna", "late", 60, enforcement=common.ENFORCEMENT_RECORD))

    answer = _give(door, "top-up", 5)

    assert (answer.settled_nanos, answer.grant.remaining_nanos) == (2 * DOLLAR, 3 * DOLLAR)
    assert answer.balance == common.CreditBalance(
        currency="usd", total_nanos=3 * DOLLAR, available_nanos=3 * DOLLAR, debt_nanos=0
    )


def test_a_negative_correction_burns_grants_and_leaves_the_rest_as_debt(door: Door) -> None:
    grant = _give(door, "five", 5).grant

    answer = _correct(door, "minus", -7, reason="a mistake")

    assert list(answer.debits) == [common.Debit(grant_id=grant.grant_id, amount_nanos=5 * DOLLAR)]
    assert (answer.debt_nanos, answer.settled_nanos, answer.HasField("grant")) == (2 * DOLLAR, 0, False)
    assert (answer.balance.total_nanos, answer.balance.debt_nanos) == (-2 * DOLLAR, 2 * DOLLAR)


def test_a_positive_correction_settles_debt_and_the_rest_is_a_grant(door: Door) -> None:
    _correct(door, "minus", -2)

    answer = _correct(door, "plus", 3)
    again = _correct(door, "plus", 3)

    assert (answer.settled_nanos, answer.grant.amount_nanos, answer.grant.category) == (
        2 * DOLLAR,
        DOLLAR,
        pb.GRANT_CATEGORY_PAID,
    )
    assert (again.replayed, again.balance) == (True, answer.balance)


def test_what_is_only_validated_is_answered_and_not_stored(door: Door) -> None:
    tried = _give(door, "grant", 5, validate_only=True)
    corrected = _correct(door, "adjust", -1, validate_only=True)

    assert (tried.balance.total_nanos, corrected.balance.debt_nanos) == (5 * DOLLAR, DOLLAR)
    assert _balance(door).balance.total_nanos == 0
    assert list(_entries(door).entries) == []


def test_the_balance_is_told_by_restriction(door: Door) -> None:
    _give(door, "any", 1)
    _give(door, "voice", 2, meters=["voice_minutes"])
    _give(door, "voice-too", 3, meters=["voice_minute"])
    _give(door, "two", 4, meters=["voice_minutes", "api_calls"])

    found = _balance(door)

    assert [(list(part.meters), part.available_nanos // DOLLAR) for part in found.parts] == [
        ([], 1),
        (["api_calls", "voice_minutes"], 4),
        (["voice_minutes"], 5),
    ]
    assert found.balance.available_nanos == 10 * DOLLAR
    assert found.matched_by == common.MATCHED_BY_USER_ID


def test_grants_are_listed_newest_first_page_by_page(door: Door) -> None:
    made = [_give(door, f"grant-{number}", 1).grant.grant_id for number in range(3)]
    _correct(door, "take", -1)

    first = _grants(door, page_size=1, include_closed=True)
    rest = _grants(door, page_size=2, include_closed=True, page_token=first.next_page_token)

    listed = [grant.grant_id for page in (first, rest) for grant in page.grants]
    assert listed == made[::-1]
    assert rest.next_page_token == ""
    assert len(_grants(door).grants) == 2


def test_the_ledger_chains_and_names_its_causes(door: Door, clock: Clock) -> None:
    grant = _give(door, "expiring", 5, expire_time=at(START_US + DAY_US)).grant
    door.record(usage("anna", "call-1", 60, event_time=at(START_US)))
    _correct(door, "minus", -1)
    clock.now_us = START_US + 2 * DAY_US
    _correct(door, "deep", -1)
    _give(door, "late", 2)

    entries = list(_entries(door).entries)[::-1]

    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [(entry.cause_kind, entry.cause) for entry in entries[:6]] == [
        (pb.CAUSE_KIND_GRANT, "expiring"),
        (pb.CAUSE_KIND_USAGE, "call-1"),
        (pb.CAUSE_KIND_ADJUSTMENT, "minus"),
        (pb.CAUSE_KIND_EXPIRY, grant.grant_id),
        (pb.CAUSE_KIND_ADJUSTMENT, "deep"),
        (pb.CAUSE_KIND_GRANT, "late"),
    ]
    assert {entry.cause_kind for entry in entries[6:]} == {pb.CAUSE_KIND_SETTLEMENT}
    balance_nanos = 0
    for entry in entries:
        balance_nanos += entry.amount_nanos
        assert (entry.balance_after_nanos, entry.currency) == (balance_nanos, "usd")
    expiry = entries[3]
    assert (expiry.amount_nanos, expiry.grant_id) == (-2 * DOLLAR, grant.grant_id)
    assert (micros(expiry.effective_time), micros(expiry.book_time)) == (START_US + DAY_US, START_US + 2 * DAY_US)
    assert (entries[4].grant_id, entries[4].amount_nanos) == ("", -DOLLAR)


def test_ledger_pages_follow_on_each_other(door: Door) -> None:
    for number in range(5):
        _give(door, f"grant-{number}", 1)

    first = _entries(door, page_size=3)
    _give(door, "meanwhile", 1)
    second = _entries(door, page_size=3, page_token=first.next_page_token)

    assert [entry.sequence for entry in first.entries] == [5, 4, 3]
    assert [entry.sequence for entry in second.entries] == [2, 1]
    assert second.next_page_token == ""


def test_a_list_books_first_what_time_has_changed(door: Door, clock: Clock) -> None:
    _give(door, "expiring", 5, expire_time=at(START_US + DAY_US))
    clock.now_us = START_US + 3 * DAY_US

    assert _balance(door).balance.total_nanos == 0
    assert [entry.cause_kind for entry in _entries(door).entries] == [pb.CAUSE_KIND_EXPIRY, pb.CAUSE_KIND_GRANT]
    assert [grant.remaining_nanos for grant in _grants(door, include_closed=True).grants] == [0]


def test_what_a_list_books_is_in_it_on_a_clock_that_goes_on(
    database_url: str, make_core: CoreMaker, serve: ServerMaker, clock: Clock
) -> None:
    class Ticking(Clock):
        def __call__(self) -> int:
            self.now_us += 1
            return self.now_us

    own_clock = Ticking(clock.now_us + DAY_US)
    _, door = serve(make_core(database_url, own_clock=own_clock))
    _give(door, "short", 1, expire_time=at(own_clock.now_us + DAY_US))
    own_clock.now_us += DAY_US

    newest, oldest = _entries(door).entries

    assert (newest.cause_kind, newest.amount_nanos) == (pb.CAUSE_KIND_EXPIRY, -DOLLAR)
    assert oldest.cause_kind == pb.CAUSE_KIND_GRANT


def test_operations_of_credits_can_be_looked_up(door: Door) -> None:
    given = _give(door, "grant", 5)
    corrected = _correct(door, "adjust", -7)

    found = [
        door.usage.GetOperation(usage_pb.GetOperationRequest(idempotency_key=key), timeout=TIMEOUT_SECONDS).operation
        for key in ("grant", "adjust")
    ]

    assert [operation.kind for operation in found] == [
        usage_pb.OPERATION_KIND_GRANT_CREDITS,
        usage_pb.OPERATION_KIND_ADJUST_CREDITS,
    ]
    assert (found[0].grant_credits, found[1].adjust_credits) == (given, corrected)
    assert (found[0].meter, found[0].quantity, micros(found[0].event_time)) == ("", 0, START_US)

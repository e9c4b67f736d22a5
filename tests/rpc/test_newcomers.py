"""Usage of somebody unknown makes the account first, where the call asks for it and its key may (requirement I1)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1.account_service_pb2 import ACCOUNT_KIND_ORGANIZATION, GetAccountRequest, GetAccountResponse
from tollhouse.v1.usage_service_pb2 import BatchRecordUsageRequest, BatchRecordUsageResponse, RecordUsageRequest

from tests.support.books import broken_rules, query
from tests.support.callers import make_client, make_key
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, item, refusal, usage
from tests.support.house import CoreMaker, make_organization
from tollhoused.domain.keys import Environment, Scope
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring


def _report(key: str, quantity: int = 1, **subject: str) -> RecordUsageRequest:
    return usage("", key, quantity, subject=common.Subject(**subject), create_if_missing=True)


def _account(door: Door, **subject: str) -> GetAccountResponse:
    request = GetAccountRequest(subject=common.Subject(**subject))
    return door.accounts.GetAccount(request, timeout=TIMEOUT_SECONDS)


def _unknown(door: Door, **subject: str) -> bool:
    request = GetAccountRequest(subject=common.Subject(**subject))
    return refusal(door.accounts.GetAccount, request).reason == "SUBJECT_NOT_FOUND"


def _batch(door: Door, *items: RecordUsageRequest, **more: Any) -> BatchRecordUsageResponse:
    request = BatchRecordUsageRequest(
        items=[item("", "", create_if_missing=True).FromString(one.SerializeToString()) for one in items], **more
    )
    return door.usage.BatchRecordUsage(request, timeout=TIMEOUT_SECONDS)


def test_a_person_gets_an_account_and_the_usage_is_recorded(door: Door, database_url: str) -> None:
    answer = door.record(_report("k", 4, user_id="anna", email="anna@example.test"))
    again = door.record(_report("k", 4, user_id="anna", email="anna@example.test"))

    assert (answer.new_usage, answer.matched_by, answer.replayed) == (4, common.MATCHED_BY_USER_ID, False)
    assert (again.account_id, again.new_usage, again.replayed) == (answer.account_id, 4, True)
    assert _account(door, email="anna@example.test").account.account_id == answer.account_id
    assert broken_rules(database_url) == {}
    acts = query(database_url, "SELECT client, action, account FROM audit_log WHERE action = 'upsert_user'")
    assert acts == [("local", "upsert_user", answer.account_id)]


def test_an_organization_gets_one_where_it_stands_alone(door: Door) -> None:
    answer = door.record(_report("k", org_id="acme"))

    assert answer.matched_by == common.MATCHED_BY_ORG_ID
    assert _account(door, org_id="acme").account.kind == ACCOUNT_KIND_ORGANIZATION


def test_memberships_are_not_invented(door: Door, core: Core) -> None:
    make_organization(core, "acme")
    door.make_user("bert")
    for subject, reason in (
        ({"user_id": "anna", "org_id": "acme"}, "SUBJECT_NOT_FOUND"),
        ({"user_id": "anna", "org_id": "bolt"}, "SUBJECT_NOT_FOUND"),
        ({"user_id": "bert", "org_id": "bolt"}, "SUBJECT_NOT_FOUND"),
        ({"user_id": "bert", "org_id": "acme"}, "NOT_A_MEMBER"),
    ):
        assert refusal(door.usage.RecordUsage, _report("k", 1, **subject)).reason == reason
    assert _unknown(door, user_id="anna")
    assert _unknown(door, org_id="bolt")


def test_the_flag_is_no_part_of_what_the_key_stands_for(door: Door) -> None:
    made = door.record(_report("k", user_id="anna"))

    assert door.record(usage("anna", "k")).replayed
    door.record(usage("anna", "other"))
    assert door.record(_report("other", user_id="anna")).replayed
    assert _account(door, user_id="anna").account.account_id == made.account_id


def test_without_the_flag_nobody_is_made(door: Door) -> None:
    assert refusal(door.usage.RecordUsage, usage("anna", "k")).reason == "SUBJECT_NOT_FOUND"
    assert _unknown(door, user_id="anna")


def test_a_preview_answers_as_the_call_would_and_makes_nobody(door: Door) -> None:
    request = _report("k", 12, user_id="anna")
    request.enforcement = common.ENFORCEMENT_RECORD
    request.validate_only = True

    preview = door.record(request)
    pair = [_report("1", 4, user_id="anna"), _report("2", 5, user_id="anna")]
    batches = [_batch(door, *pair, atomic=atomic, validate_only=True) for atomic in (False, True)]
    poor = _report("k", 99, user_id="anna")
    poor.validate_only = True

    assert (preview.new_usage, preview.overage_quantity, preview.debt_nanos) == (12, 2, 80_000_000)
    for batch in batches:
        assert [result.recorded.new_usage for result in batch.results] == [4, 9]
    assert refusal(door.usage.RecordUsage, poor).reason == "INSUFFICIENT_CREDITS"
    assert _unknown(door, user_id="anna")
    request.validate_only = False
    made = door.record(request)
    assert (made.new_usage, made.debt_nanos) == (preview.new_usage, preview.debt_nanos)


def test_a_call_that_is_refused_may_leave_an_empty_account_but_a_malformed_one_does_not(door: Door) -> None:
    assert refusal(door.usage.RecordUsage, _report("k", 0, user_id="anna")).reason == "INVALID_FIELD"
    assert refusal(door.usage.RecordUsage, _report("", 1, user_id="anna")).reason == "INVALID_FIELD"
    assert _unknown(door, user_id="anna")
    assert refusal(door.usage.RecordUsage, _report("k", 99, user_id="anna")).reason == "INSUFFICIENT_CREDITS"
    assert _account(door, user_id="anna").account.account_id


@pytest.mark.parametrize("atomic", [False, True])
def test_a_batch_makes_each_newcomer_once(door: Door, database_url: str, atomic: bool) -> None:
    second = {"user_id": "anna"} if atomic else {"org_id": "acme"}
    items = [_report("1", 2, user_id="anna"), _report("2", 3, **second), _report("3", 4, user_id="anna")]

    found = [result.recorded.new_usage for result in _batch(door, *items, atomic=atomic).results]
    again = [result.recorded.replayed for result in _batch(door, *items, atomic=atomic).results]

    assert found == ([2, 5, 9] if atomic else [2, 3, 6])
    assert again == [True] * 3
    assert query(database_url, "SELECT count(*) FROM accounts") == [(1 if atomic else 2,)]


def test_items_of_a_batch_that_are_not_to_be_made_are_refused_by_themselves(door: Door) -> None:
    plain = usage("anna", "1")
    malformed = _report("2", 0, user_id="cem")
    results = _batch(door, plain, malformed, _report("3", user_id="bert")).results

    assert [result.error.metadata.get("part", "-") for result in results] == ["user_id", "-", "-"]
    assert results[1].error.metadata["field"] == "items[1].quantity"
    assert results[2].recorded.new_usage == 1
    assert _unknown(door, user_id="anna")
    assert _unknown(door, user_id="cem")


def test_two_servers_that_make_the_same_person_make_one(
    database_url: str, make_core: CoreMaker, serve: ServerMaker
) -> None:
    doors = [serve(make_core(database_url))[1] for _ in range(2)]

    def report(number: int) -> str:
        return doors[number % 2].record(_report(f"k{number}", user_id=f"user-{number // 4}")).account_id

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(report, range(24)))

    assert all(len(set(found[first : first + 4])) == 1 for first in range(0, 24, 4))
    assert query(database_url, "SELECT count(*), sum(used) FROM counters") == [(6, 24)]
    assert broken_rules(database_url) == {}


@pytest.mark.parametrize(
    ("scopes", "may_create", "reason"),
    [
        ([Scope.USAGE_WRITE], False, "CREATION_NOT_ALLOWED"),
        ([Scope.USAGE_WRITE], True, ""),
        ([Scope.ADMIN], False, ""),
    ],
)
def test_only_keys_that_may_create_do(
    core: Core, serve: ServerMaker, scopes: list[Scope], may_create: bool, reason: str
) -> None:
    make_client(core, "talk-backend")
    text = make_key(core, "talk-backend", scopes, may_create=may_create).text
    keyring = Keyring(core.store, Environment.TEST, core.clock, stale_seconds=3_600)
    keyring.refresh()
    _, door = serve(core, keyring=keyring, key=text)
    if not reason:
        assert door.record(_report("k", user_id="anna")).new_usage == 1
        return
    request = _report("k", user_id="anna")
    for validate_only in (True, False):
        request.validate_only = validate_only
        found = refusal(door.usage.RecordUsage, request)
        assert (found.code, found.reason, found.metadata) == ("PERMISSION_DENIED", reason, {"part": "user_id"})
    (result,) = _batch(door, request).results
    assert (result.error.code, dict(result.error.metadata)) == (7, {"part": "user_id"})
    assert core.store.accounts("", 1) == []

"""Questions through the door: may this customer do this, and what is left?"""

from typing import Any

import pytest
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import entitlement_service_pb2 as pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1.error_reason_pb2 import (
    ERROR_REASON_EVENT_IN_FUTURE,
    ERROR_REASON_INSUFFICIENT_CREDITS,
    ERROR_REASON_INVALID_FIELD,
    ERROR_REASON_SUBJECT_NOT_FOUND,
    ERROR_REASON_SUBSCRIPTION_REQUIRED,
    ERROR_REASON_UNSPECIFIED,
)

from tests.support.door import TIMEOUT_SECONDS, Door, at, micros, refusal, usage
from tests.support.house import DAY_US, SECOND_US, START_US, Clock

ANNA = common.Subject(user_id="anna")
MINUTE_NANOS = 40_000_000


@pytest.fixture(autouse=True)
def anna(door: Door) -> None:
    door.make_user("anna", "anna@example.test")


def _entitlement(door: Door, product: str = "", subject: common.Subject = ANNA) -> pb.Entitlement:
    request = pb.GetEntitlementRequest(subject=subject, product=product)
    return door.entitlements.GetEntitlement(request, timeout=TIMEOUT_SECONDS).entitlement


def _check(door: Door, quantity: int, **more: Any) -> pb.CheckUsageResponse:
    fields: dict[str, Any] = {"subject": ANNA, "product": "talk", "meter": "voice_minutes", **more}
    request = pb.CheckUsageRequest(quantity=quantity, **fields)
    return door.entitlements.CheckUsage(request, timeout=TIMEOUT_SECONDS)


def _assign(door: Door, plan: str, **more: Any) -> subscription_pb.Subscription:
    request = subscription_pb.AssignPlanRequest(subject=ANNA, plan=plan, idempotency_key=f"assign-{plan}", **more)
    return door.subscriptions.AssignPlan(request, timeout=TIMEOUT_SECONDS).subscription


def test_an_account_without_a_subscription_is_on_the_default_plan(door: Door) -> None:
    door.fund("anna", 10)
    door.record(usage("anna", "call-1", 13))

    found = _entitlement(door, "talk")

    assert (found.has_access, found.plan, found.plan_version) == (True, "hobby", 1)
    assert list(found.features) == ["send.access", "talk.access"]
    assert (found.overage_allowed, found.active_subscriptions) == (True, 0)
    assert found.billing_interval == common.BILLING_INTERVAL_UNSPECIFIED
    assert found.credits.total_nanos == found.credits.available_nanos == 10_000_000_000 - 3 * MINUTE_NANOS
    assert (found.credits.currency, found.credits.held_nanos, found.credits.debt_nanos) == ("usd", 0, 0)
    assert micros(found.usage_period.start_time) == START_US
    assert micros(found.valid_until) == micros(found.usage_period.end_time) == START_US + 31 * DAY_US
    assert found.matched_by == common.MATCHED_BY_USER_ID


def test_each_meter_of_the_plan_tells_what_is_left_and_what_more_costs(door: Door) -> None:
    door.fund("anna", 10)
    door.record(usage("anna", "call-1", 13))

    meters = _entitlement(door).meters

    assert [meter.meter for meter in meters] == ["ai_tokens", "api_calls", "email_sends", "storage_mb", "voice_minutes"]
    storage, voice = meters[3], meters[4]
    assert (voice.kind, voice.unit, voice.policy) == (common.METER_KIND_COUNTER, "minute", common.POLICY_CREDITS)
    assert (voice.included, voice.used, voice.remaining, voice.overage_quantity, voice.held) == (10, 13, 0, 3, 0)
    assert voice.charged_nanos == 3 * MINUTE_NANOS
    assert voice.rate == common.Rate(model=common.RATE_MODEL_UNIT, price_nanos=MINUTE_NANOS, per_units=1)
    assert (storage.kind, storage.rate.per_units, storage.remaining) == (common.METER_KIND_GAUGE, 1_024, 100)


def test_an_unlimited_plan_has_no_remainder_and_no_price(door: Door) -> None:
    _assign(door, "enterprise")

    found = _entitlement(door, "doc")

    assert (found.has_access, found.plan, found.overage_allowed, found.active_subscriptions) == (
        True,
        "enterprise",
        False,
        1,
    )
    for meter in found.meters:
        assert meter.policy == common.POLICY_UNMETERED
        assert not meter.HasField("remaining")
        assert not meter.HasField("rate")


def test_access_is_told_for_one_product_or_for_any(door: Door) -> None:
    assert _entitlement(door).has_access
    assert not _entitlement(door, "doc").has_access


def test_the_answer_holds_until_time_alone_changes_it(door: Door, clock: Clock) -> None:
    _assign(door, "pro", start_time=at(START_US + DAY_US))
    before = _entitlement(door)
    clock.now_us = micros(before.valid_until)

    after = _entitlement(door)

    assert (before.plan, micros(before.valid_until)) == ("hobby", START_US + DAY_US)
    assert (after.plan, micros(after.usage_period.start_time)) == ("pro", START_US + DAY_US)


def test_several_subjects_are_answered_in_their_places(door: Door) -> None:
    subjects = [
        ANNA,
        common.Subject(user_id="nobody"),
        common.Subject(),
        common.Subject(email=" Anna@Example.test "),
        common.Subject(org_id="a\0b"),
    ]
    request = pb.BatchGetEntitlementsRequest(subjects=subjects, product="doc")

    results = door.entitlements.BatchGetEntitlements(request, timeout=TIMEOUT_SECONDS).results

    assert results[0].entitlement == _entitlement(door, "doc")
    assert (results[1].error.code, results[1].error.reason) == (5, ERROR_REASON_SUBJECT_NOT_FOUND)
    assert (results[2].error.code, results[2].error.reason) == (3, ERROR_REASON_INVALID_FIELD)
    assert results[2].error.metadata["field"] == "subjects[2]"
    assert results[3].entitlement.matched_by == common.MATCHED_BY_EMAIL
    assert results[4].error.metadata["field"] == "subjects[4].org_id"


def test_one_to_a_hundred_subjects_may_be_asked_about(door: Door) -> None:
    for count in (0, 101):
        request = pb.BatchGetEntitlementsRequest(subjects=[ANNA] * count)
        assert list(refusal(door.entitlements.BatchGetEntitlements, request).violations) == ["subjects"]


def test_a_feature_is_there_or_not_and_a_misspelt_one_is_noticed(door: Door) -> None:
    def ask(feature: str) -> pb.CheckFeatureResponse:
        request = pb.CheckFeatureRequest(subject=ANNA, feature=feature)
        return door.entitlements.CheckFeature(request, timeout=TIMEOUT_SECONDS)

    assert ask("talk.access") == pb.CheckFeatureResponse(has_access=True, feature="talk.access", plan="hobby")
    assert not ask("doc.access").has_access
    assert not ask("priority.support").has_access
    misspelt = pb.CheckFeatureRequest(subject=ANNA, feature="priority.suport")
    assert list(refusal(door.entitlements.CheckFeature, misspelt).violations) == ["feature"]


def test_usage_that_would_be_accepted_is_told_as_it_would_be_answered(door: Door) -> None:
    door.fund("anna", 1)

    found = _check(door, 12, meter="voice_minute")
    done = door.record(usage("anna", "call-1", 12))

    assert (found.allowed, found.reason) == (True, ERROR_REASON_UNSPECIFIED)
    assert (found.account_id, found.meter, found.plan) == (done.account_id, "voice_minutes", "hobby")
    assert (
        (found.new_usage, found.limit, found.remaining) == (done.new_usage, done.limit, done.remaining) == (12, 10, 0)
    )
    assert (found.overage_quantity, found.cost_nanos, found.missing_nanos) == (2, done.charged_nanos, 0)
    assert (found.balance_after_nanos, found.currency) == (done.balance_after_nanos, "usd")
    assert list(found.plans_that_allow) == []
    assert found.reset_time == done.usage_period.end_time


def test_usage_that_would_be_refused_is_told_with_what_would_help(door: Door) -> None:
    door.record(usage("anna", "call-1", 8))

    found = _check(door, 12)

    assert (found.allowed, found.reason) == (False, ERROR_REASON_INSUFFICIENT_CREDITS)
    assert (found.new_usage, found.limit, found.remaining, found.balance_after_nanos) == (8, 10, 2, 0)
    assert (found.overage_quantity, found.cost_nanos, found.missing_nanos) == (10, 10 * MINUTE_NANOS, 10 * MINUTE_NANOS)
    assert list(found.plans_that_allow) == ["early_adopter", "pro", "team", "enterprise"]


def test_a_product_outside_the_plan_and_a_time_ahead_are_answers_too(door: Door) -> None:
    assert _check(door, 1, product="doc").reason == ERROR_REASON_SUBSCRIPTION_REQUIRED
    ahead = _check(door, 1, event_time=at(START_US + 301 * SECOND_US))
    assert (ahead.allowed, ahead.reason) == (False, ERROR_REASON_EVENT_IN_FUTURE)


def test_a_question_writes_nothing(door: Door) -> None:
    _entitlement(door)
    _check(door, 5)

    assert door.record(usage("anna", "call-1")).new_usage == 1


def test_who_has_another_email_now_is_not_found_by_the_old_one(door: Door) -> None:
    old = common.Subject(email="anna@example.test")
    assert _entitlement(door, subject=old).matched_by == common.MATCHED_BY_EMAIL

    door.make_user("anna", "anna@new.test")

    assert refusal(door.entitlements.GetEntitlement, pb.GetEntitlementRequest(subject=old)).reason == (
        "SUBJECT_NOT_FOUND"
    )
    assert _entitlement(door, subject=common.Subject(email="anna@new.test")).account_id

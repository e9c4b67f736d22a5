"""Plans and exceptions that operators assign, through the door."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import subscription_service_pb2 as pb
from tollhouse.v1 import usage_service_pb2 as usage_pb
from tollhouse.v1.account_service_pb2 import GetAccountRequest
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest

from tests.support.door import TIMEOUT_SECONDS, Door, at, micros, refusal, usage
from tests.support.house import DAY_US, START_US, Clock
from tollhoused.usecases.core import Core
from tollhoused.usecases.verify import verify

ANNA = common.Subject(user_id="anna")
TIERED = common.Rate(
    model=common.RATE_MODEL_GRADUATED,
    per_units=1_000,
    tiers=[common.RateTier(up_to=50, price_nanos=7), common.RateTier(price_nanos=3)],
)


NOW_US = START_US + DAY_US


@pytest.fixture
def door(door: Door, clock: Clock) -> Door:
    """The door, with a customer who is a day old."""
    door.make_user("anna")
    clock.now_us = NOW_US
    return door


def _assign(door: Door, key: str, plan: str, **more: Any) -> pb.AssignPlanResponse:
    request = pb.AssignPlanRequest(subject=ANNA, plan=plan, idempotency_key=key, **more)
    return door.subscriptions.AssignPlan(request, timeout=TIMEOUT_SECONDS)


def _unassign(door: Door, key: str, subscription_id: str, **more: Any) -> pb.UnassignPlanResponse:
    request = pb.UnassignPlanRequest(subject=ANNA, subscription_id=subscription_id, idempotency_key=key, **more)
    return door.subscriptions.UnassignPlan(request, timeout=TIMEOUT_SECONDS)


def _override(key: str, **more: Any) -> pb.SetOverrideRequest:
    return pb.SetOverrideRequest(subject=ANNA, idempotency_key=key, **{"meter": "voice_minutes", **more})


def _set(door: Door, key: str, **more: Any) -> pb.SetOverrideResponse:
    return door.subscriptions.SetOverride(_override(key, **more), timeout=TIMEOUT_SECONDS)


def test_a_plan_is_assigned_from_now_on(door: Door) -> None:
    answer = _assign(door, "a", "pro", end_time=at(NOW_US + DAY_US))

    subscription = answer.subscription
    assert (subscription.provider, subscription.plan, subscription.plan_version) == ("manual", "pro", 1)
    assert micros(subscription.start_time) == micros(subscription.anchor_time) == NOW_US
    assert micros(subscription.end_time) == NOW_US + DAY_US
    assert (subscription.counts, answer.matched_by) == (True, common.MATCHED_BY_USER_ID)
    assert door.record(usage("anna", "call-1", 100)).plan == "pro"


def test_a_start_before_now_counts_as_now_and_one_to_come_does_not_count_yet(door: Door) -> None:
    past = _assign(door, "past", "pro", start_time=at(NOW_US - DAY_US)).subscription
    coming = _assign(door, "coming", "team", start_time=at(NOW_US + DAY_US)).subscription

    assert (micros(past.start_time), past.counts) == (NOW_US, True)
    assert (micros(coming.start_time), coming.counts) == (NOW_US + DAY_US, False)


def test_the_plan_of_a_subscription_is_changed_and_its_use_is_carried_on(door: Door) -> None:
    first = _assign(door, "a", "pro").subscription
    door.record(usage("anna", "call-1", 100))

    changed = _assign(door, "b", "team", subscription_id=first.subscription_id).subscription

    assert (changed.subscription_id, changed.plan) == (first.subscription_id, "team")
    assert changed.anchor_time == first.anchor_time
    assert door.record(usage("anna", "call-2", 1)).new_usage == 101


def test_a_subscription_is_ended_once(door: Door, clock: Clock) -> None:
    made = _assign(door, "a", "pro").subscription
    clock.now_us += DAY_US

    ended = _unassign(door, "b", made.subscription_id)
    again = _unassign(door, "b", made.subscription_id)

    assert (micros(ended.subscription.end_time), ended.subscription.counts) == (NOW_US + DAY_US, False)
    assert (again.replayed, again.subscription) == (True, ended.subscription)
    assert door.record(usage("anna", "call-1")).plan == "hobby"
    request = pb.UnassignPlanRequest(subject=ANNA, subscription_id=made.subscription_id, idempotency_key="c")
    assert refusal(door.subscriptions.UnassignPlan, request).reason == "SUBSCRIPTION_NOT_FOUND"


def test_an_override_replaces_what_it_says_and_leaves_the_rest_to_the_plan(door: Door) -> None:
    answer = _set(door, "o", meter="voice_minute", included=3, start_time=at(NOW_US - 1))

    override = answer.override
    assert (override.meter, override.included, override.policy) == ("voice_minutes", 3, common.POLICY_UNSPECIFIED)
    assert (override.HasField("rate"), override.HasField("end_time")) == (False, False)
    assert micros(override.start_time) == NOW_US
    assert door.record(usage("anna", "call-1", 3)).remaining == 0


def test_a_price_travels_as_it_was_sent(door: Door) -> None:
    door.fund("anna", 1)

    answer = _set(door, "o", rate=TIERED, policy=common.POLICY_CREDITS, included=0)

    assert answer.override.rate == TIERED
    assert door.record(usage("anna", "call-1", 10_000)).charged_nanos == 30  # 0.35 + 29.85, rounded once


def test_an_override_that_was_removed_is_no_more(door: Door, clock: Clock) -> None:
    made = _set(door, "o", policy=common.POLICY_UNMETERED).override
    request = pb.RemoveOverrideRequest(subject=ANNA, override_id=made.override_id, idempotency_key="r")

    clock.now_us += DAY_US
    removed = door.subscriptions.RemoveOverride(request, timeout=TIMEOUT_SECONDS)
    again = door.subscriptions.RemoveOverride(request, timeout=TIMEOUT_SECONDS)

    assert micros(removed.override.end_time) == NOW_US + DAY_US
    assert (again.replayed, again.override) == (True, removed.override)
    assert door.record(usage("anna", "call-1")).limit == 10
    request.idempotency_key = "other"
    assert refusal(door.subscriptions.RemoveOverride, request).reason == "OVERRIDE_NOT_FOUND"


def test_what_is_only_validated_changes_no_terms(door: Door) -> None:
    _assign(door, "a", "enterprise", validate_only=True)
    _set(door, "o", included=1, validate_only=True)

    answer = door.record(usage("anna", "call-1"))

    assert (answer.plan, answer.limit) == ("hobby", 10)


def test_a_key_that_was_used_otherwise_is_refused_naming_the_field(door: Door) -> None:
    _assign(door, "a", "pro")
    _set(door, "o", included=3)

    plan = pb.AssignPlanRequest(subject=ANNA, plan="team", idempotency_key="a")
    assert refusal(door.subscriptions.AssignPlan, plan).metadata == {"field": "plan"}
    assert refusal(door.subscriptions.SetOverride, _override("o", included=4)).metadata == {"field": "included"}
    removal = pb.RemoveOverrideRequest(subject=ANNA, override_id="ovr_1", idempotency_key="o")
    assert refusal(door.subscriptions.RemoveOverride, removal).metadata == {"field": "kind"}


def test_an_override_that_contradicts_itself_is_refused_naming_the_field(sqlite_door: Door) -> None:
    sqlite_door.make_user("anna")
    graduated = common.RATE_MODEL_GRADUATED
    bad: list[tuple[str, dict[str, Any]]] = [
        ("included", {}),
        ("included", {"included": -1}),
        ("included", {"included": 2**62 + 1}),
        ("meter", {"meter": "nothing", "included": 1}),
        ("policy", {"policy": 9}),
        ("rate.model", {"rate": {"model": 9}}),
        ("rate.price_nanos", {"rate": {"price_nanos": -1}}),
        ("rate.per_units", {"rate": {"per_units": -1}}),
        ("rate.tiers", {"rate": {"model": graduated}}),
        ("rate.tiers[0].price_nanos", {"rate": {"model": graduated, "tiers": [{"price_nanos": -1}]}}),
        ("rate.tiers[0].up_to", {"rate": {"model": graduated, "tiers": [{"up_to": 5, "price_nanos": 1}]}}),
        ("end_time", {"included": 1, "end_time": Timestamp(seconds=2**60)}),
    ]
    for named, change in bad:
        found = refusal(sqlite_door.subscriptions.SetOverride, _override("o", **change))
        assert (found.code, found.reason, list(found.violations)) == ("INVALID_ARGUMENT", "INVALID_FIELD", [named])


def test_the_catalogue_is_shown_as_it_was_applied(door: Door) -> None:
    found = door.subscriptions.ListPlans(pb.ListPlansRequest(), timeout=TIMEOUT_SECONDS)

    assert (found.plan_version, found.currency, found.default_plan) == (1, "usd", "hobby")
    assert [plan.code for plan in found.plans] == ["hobby", "early_adopter", "pro", "team", "enterprise"]
    pro = found.plans[2]
    assert list(pro.prices) == [pb.PlanPrice(interval=common.BILLING_INTERVAL_MONTHLY, amount_nanos=29_000_000_000)]
    voice = pro.meters[4]
    assert (voice.meter, voice.included, voice.rate.price_nanos) == ("voice_minutes", 2_000, 20_000_000)
    assert not found.plans[4].meters[0].HasField("rate")
    tokens = found.meters[0]
    assert (tokens.code, list(tokens.aliases), tokens.on_unavailable) == (
        "ai_tokens",
        ["ai_token"],
        pb.ON_UNAVAILABLE_DENY,
    )
    for version in (-1, 2):
        unknown = refusal(door.subscriptions.ListPlans, pb.ListPlansRequest(plan_version=version))
        assert list(unknown.violations) == ["plan_version"]


def test_operations_of_subscriptions_can_be_looked_up(door: Door) -> None:
    assigned = _assign(door, "assign", "pro")
    unassigned = _unassign(door, "unassign", assigned.subscription.subscription_id)
    made = _set(door, "set", included=3, rate=TIERED)
    request = pb.RemoveOverrideRequest(subject=ANNA, override_id=made.override.override_id, idempotency_key="remove")
    removed = door.subscriptions.RemoveOverride(request, timeout=TIMEOUT_SECONDS)

    def stored(key: str) -> usage_pb.Operation:
        request = usage_pb.GetOperationRequest(idempotency_key=key)
        return door.usage.GetOperation(request, timeout=TIMEOUT_SECONDS).operation

    assert stored("assign").assign_plan == assigned
    assert stored("unassign").unassign_plan == unassigned
    assert stored("set").set_override == made
    assert stored("remove").remove_override == removed


def _mine(door: Door) -> pb.Subscription:
    """Anna's only subscription, as her account shows it."""
    request = GetAccountRequest(subject=ANNA)
    (found,) = door.accounts.GetAccount(request, timeout=TIMEOUT_SECONDS).subscriptions
    return found


def _cancel(key: str, subscription_id: str, **more: Any) -> pb.CancelPendingPlanChangeRequest:
    return pb.CancelPendingPlanChangeRequest(subject=ANNA, subscription_id=subscription_id, idempotency_key=key, **more)


def test_a_trial_ends_by_the_clock_in_every_view(core: Core, door: Door, clock: Clock) -> None:
    made = _assign(door, "a", "pro", trial_end_time=at(NOW_US + DAY_US)).subscription

    assert made.status == pb.SUBSCRIPTION_STATUS_TRIALING
    assert _mine(door) == made
    request = GetEntitlementRequest(subject=ANNA)
    found = door.entitlements.GetEntitlement(request, timeout=TIMEOUT_SECONDS).entitlement
    assert micros(found.valid_until) == NOW_US + DAY_US
    clock.now_us = NOW_US + DAY_US
    assert _mine(door).status == pb.SUBSCRIPTION_STATUS_ACTIVE
    assert micros(_mine(door).trial_end_time) == NOW_US + DAY_US
    _unassign(door, "end", made.subscription_id)
    clock.now_us += 1
    assert _mine(door).status == pb.SUBSCRIPTION_STATUS_CANCELED
    assert _proved(core) == []


def test_a_scheduled_change_shows_as_pending_and_happens_by_time_alone(core: Core, door: Door, clock: Clock) -> None:
    made = _assign(door, "a", "pro").subscription
    asked = _assign(
        door, "b", "team", subscription_id=made.subscription_id, effective_time=at(NOW_US + DAY_US), validate_only=True
    )
    later = _assign(door, "b", "team", subscription_id=made.subscription_id, effective_time=at(NOW_US + DAY_US))

    assert asked.subscription == later.subscription == _mine(door)
    assert later.subscription.plan == "pro"
    assert later.subscription.pending == pb.PendingPlanChange(
        plan="team", plan_version=1, effective_time=at(NOW_US + DAY_US)
    )
    assert door.record(usage("anna", "before", 1)).plan == "pro"
    clock.now_us = NOW_US + 2 * DAY_US
    found = _mine(door)
    assert (found.plan, found.HasField("pending")) == ("team", False)
    assert door.record(usage("anna", "late", 1, event_time=at(NOW_US + DAY_US - 1))).plan == "pro"
    answer = door.record(usage("anna", "after", 1))
    assert (answer.plan, answer.new_usage) == ("team", 2)
    assert _mine(door) == found
    assert _proved(core) == []


def test_a_pending_change_can_be_taken_back_once(core: Core, door: Door, clock: Clock) -> None:
    made = _assign(door, "a", "pro").subscription
    _assign(door, "b", "team", subscription_id=made.subscription_id, effective_time=at(NOW_US + DAY_US))
    request = _cancel("c", made.subscription_id)
    kept = door.subscriptions.CancelPendingPlanChange(request, timeout=TIMEOUT_SECONDS)

    assert (kept.subscription.plan, kept.subscription.HasField("pending"), kept.replayed) == ("pro", False, False)
    assert door.subscriptions.CancelPendingPlanChange(request, timeout=TIMEOUT_SECONDS).replayed
    again = refusal(door.subscriptions.CancelPendingPlanChange, _cancel("d", made.subscription_id))
    assert again.reason == "NO_PENDING_PLAN_CHANGE"
    clock.now_us = NOW_US + 2 * DAY_US
    assert _mine(door).plan == "pro"
    assert _proved(core) == []


def _proved(core: Core) -> list[object]:
    findings: list[object] = []
    verify(core.store, findings.append)
    return findings

"""GetEntitlement tells from memory what has not changed, and never what has."""

from random import Random

import pytest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import CheckFeatureRequest, Entitlement, GetEntitlementRequest
from tollhouse.v1.subscription_service_pb2 import AssignPlanRequest

from tests.support.door import TIMEOUT_SECONDS, Door, usage
from tests.support.house import (
    DAY_US,
    HUB,
    SECOND_US,
    Clock,
    CoreMaker,
    call,
    give_credits,
    join,
    leave,
    make_organization,
    person,
    use,
)
from tollhoused.rpc.entitlements import entitlement_message
from tollhoused.usecases.core import Core
from tollhoused.usecases.entitlements import get_entitlement
from tollhoused.usecases.memo import Kept, Memo

ANNA = Subject(user_id="anna")


@pytest.fixture
def other(core: Core, database_url: str, make_core: CoreMaker) -> Core:
    """Another process on the same books."""
    return make_core(database_url)


def ask(door: Door, product: str = "") -> Entitlement:
    request = GetEntitlementRequest(subject=ANNA, product=product)
    return door.entitlements.GetEntitlement(request, timeout=TIMEOUT_SECONDS).entitlement


def used(entitlement: Entitlement, meter: str = "voice_minutes") -> int:
    return next(item.used for item in entitlement.meters if item.meter == meter)


def test_what_has_not_changed_is_not_read_again(door: Door, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    door.make_user("anna")
    before = ask(door)

    monkeypatch.setattr(Core, "view", None)

    assert ask(door) == before


def test_what_this_or_another_process_has_stored_is_told(door: Door, core: Core, other: Core) -> None:
    door.make_user("anna")
    assert used(ask(door)) == used(ask(door)) == 0

    door.record(usage("anna", "here", 2))
    assert used(ask(door)) == 2

    use(other, "anna", "there", 3)
    assert used(ask(door)) == 5


def test_what_time_alone_changes_is_told(door: Door, core: Core, clock: Clock) -> None:
    door.make_user("anna")
    give_credits(core, "anna", 5, expires_us=clock.now_us + DAY_US)
    assert ask(door).credits.available_nanos == ask(door).credits.available_nanos > 0

    clock.now_us += DAY_US - 1
    assert ask(door).credits.available_nanos > 0
    clock.now_us += 1

    assert ask(door).credits.available_nanos == 0


def test_who_comes_to_count_elsewhere_is_told_so(door: Door, core: Core, other: Core) -> None:
    door.make_user("anna")
    mine = ask(door).account_id
    ours = make_organization(core, "acme").account_id

    join(other, "anna", "acme", is_primary=True)
    assert ask(door).account_id == ours
    leave(other, "anna", "acme")

    assert ask(door).account_id == mine


def test_another_catalogue_and_another_product_are_other_questions(door: Door, core: Core) -> None:
    door.make_user("anna")
    assert ask(door, "talk").has_access
    assert not ask(door, "doc").has_access
    assert {item.unit for item in ask(door).meters if item.meter == "voice_minutes"} == {"minute"}

    core.shelf.apply(HUB.replace('unit = "minute"', 'unit = "min"'), core.clock())

    assert {item.unit for item in ask(door).meters if item.meter == "voice_minutes"} == {"min"}


def test_a_feature_follows_the_plan(door: Door) -> None:
    door.make_user("anna")
    question = CheckFeatureRequest(subject=ANNA, feature="doc.access")
    for _ in range(2):
        assert not door.entitlements.CheckFeature(question, timeout=TIMEOUT_SECONDS).has_access
    door.subscriptions.AssignPlan(
        AssignPlanRequest(subject=ANNA, plan="pro", idempotency_key="pro"), timeout=TIMEOUT_SECONDS
    )

    answer = door.entitlements.CheckFeature(question, timeout=TIMEOUT_SECONDS)

    assert (answer.has_access, answer.plan) == (True, "pro")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_what_is_told_is_what_is_read(
    door: Door, core: Core, other: Core, clock: Clock, seed: int
) -> None:
    chance = Random(seed)
    door.make_user("anna")
    make_organization(core, "acme")
    for number in range(40):
        process = chance.choice((core, other))
        match chance.randrange(6):
            case 0:
                use(process, "anna", f"use {number}", meter="api_calls")
            case 1:
                give_credits(process, "anna", 1, key=f"give {number}", expires_us=clock.now_us + 20 * SECOND_US)
            case 2:
                join(process, "anna", "acme", is_primary=True, key=f"join {number}")
            case 3:
                if core.resolve(person("anna")).account_id != ask(door).account_id:
                    pytest.fail("told of another account")
            case _:
                clock.now_us += chance.choice((1, 10 * SECOND_US, 40 * DAY_US))
        asked = get_entitlement(core, call(), person("anna"), "")

        assert ask(door) == entitlement_message(asked, core.catalogue)


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    memo = Memo(size_max=2)
    for name in ("one", "two"):
        memo.put(name, Kept(1, 1, 1, name))
    memo.get("one")

    memo.put("three", Kept(1, 1, 1, "three"))

    assert [bool(memo.get(name)) for name in ("one", "two", "three")] == [True, False, True]

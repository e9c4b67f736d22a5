"""A preview answers what the call would, and leaves no trace (requirement U13)."""

from collections.abc import Callable

import pytest

from tests.support.books import broken_rules, dump
from tests.support.house import (
    HUB,
    Clock,
    CoreMaker,
    call,
    give_credits,
    make_user,
    person,
    record,
    usage_answer,
    usage_report,
    use,
)
from tollhoused.domain.answers import SubscriptionAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.commands import Enforcement
from tollhoused.domain.identity import Subject
from tollhoused.errors import IdempotencyKeyReused, InsufficientCredits, TollhouseError
from tollhoused.usecases import accounts, credits, entitlements, subscriptions, usage
from tollhoused.usecases.core import Core

Attempt = Callable[[Core, bool], Settled]


def _use(core: Core, validate_only: bool) -> Settled:
    return record(core, usage_report("ann", "usage", 12), validate_only=validate_only)


def _use_into_debt(core: Core, validate_only: bool) -> Settled:
    report = usage_report("ann", "debt", 1_000, enforcement=Enforcement.RECORD)
    return record(core, report, validate_only=validate_only)


def _grant(core: Core, validate_only: bool) -> Settled:
    return credits.grant_credits(
        core,
        call(),
        subject=person("ann"),
        amount_nanos=7,
        currency="usd",
        category=GrantCategory.PROMOTIONAL,
        priority=3,
        effective_us=None,
        expires_us=None,
        meters=["voice_minutes"],
        reason="",
        idempotency_key="grant",
        validate_only=validate_only,
    )


def _adjust(core: Core, validate_only: bool) -> Settled:
    return credits.adjust_credits(
        core,
        call(),
        subject=person("ann"),
        amount_nanos=-6_000_000_000,
        currency="usd",
        reason="a mistake",
        idempotency_key="adjust",
        validate_only=validate_only,
    )


def _assign(core: Core, validate_only: bool) -> Settled:
    return subscriptions.assign_plan(
        core,
        call(),
        subject=person("ann"),
        plan="pro",
        plan_version=0,
        start_us=None,
        end_us=None,
        subscription_id="",
        idempotency_key="assign",
        validate_only=validate_only,
    )


def _override(core: Core, validate_only: bool) -> Settled:
    return subscriptions.set_override(
        core,
        call(),
        subject=person("ann"),
        meter="voice_minutes",
        included=1,
        policy=None,
        rate=None,
        from_us=None,
        until_us=None,
        idempotency_key="override",
        validate_only=validate_only,
    )


def _new_user(core: Core, validate_only: bool) -> Settled:
    return accounts.upsert_user(
        core,
        call(),
        user_id="eve",
        email="eve@example.org",
        zone="UTC",
        idempotency_key="eve",
        validate_only=validate_only,
    )


def _new_organization(core: Core, validate_only: bool) -> Settled:
    return accounts.upsert_organization(
        core, call(), org_id="guild", zone="UTC", idempotency_key="guild", validate_only=validate_only
    )


ATTEMPTS: list[Attempt] = [
    _use,
    _use_into_debt,
    _grant,
    _adjust,
    _assign,
    _override,
    _new_user,
    _new_organization,
]


@pytest.fixture
def core(database_url: str, make_core: CoreMaker) -> Core:
    """A Core with the user ann, who has five units of credit. Ids that are made stay the same until one is stored."""
    made = make_core(database_url)
    make_user(made, "ann")
    give_credits(made, "ann", 5)
    made.new_id = lambda prefix: f"{prefix}_next"
    return made


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_preview_is_the_answer_that_the_call_gives_next_and_writes_nothing(
    core: Core, database_url: str, attempt: Attempt
) -> None:
    before = dump(database_url)
    previewed = attempt(core, True)
    assert dump(database_url) == before

    assert previewed == attempt(core, False)
    assert not previewed.replayed
    assert dump(database_url) != before
    assert broken_rules(database_url) == {}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_preview_of_a_used_key_replays(core: Core, attempt: Attempt) -> None:
    stored = attempt(core, False)

    assert attempt(core, True) == Settled(stored.answer, replayed=True)


def test_a_preview_is_refused_as_the_call_would_be(core: Core, database_url: str) -> None:
    use(core, "ann", "used", 1)
    before = dump(database_url)

    for report, refusal in [
        (usage_report("ann", "used", 2), IdempotencyKeyReused),
        (usage_report("ann", "dear", 1_000), InsufficientCredits),
    ]:
        refused: list[TollhouseError] = []
        for validate_only in (True, False):
            with pytest.raises(refusal) as caught:
                record(core, report, validate_only=validate_only)
            refused.append(caught.value)
        assert (refused[0].message, refused[0].metadata) == (refused[1].message, refused[1].metadata)
    assert dump(database_url) == before


def test_a_preview_in_a_new_period_turns_no_page(core: Core, database_url: str, clock: Clock) -> None:
    clock.now_us = use(core, "ann", "old", 10).period_end_us
    before = dump(database_url)

    previewed = _use(core, True)
    question = entitlements.get_entitlement(core, call(), person("ann"), "talk")

    assert dump(database_url) == before
    assert usage_answer(previewed).period_start_us == clock.now_us
    assert question.account.segment.start_us == clock.now_us
    assert previewed == _use(core, False)


@pytest.mark.parametrize("atomic", [False, True])
def test_a_preview_of_many_sees_what_comes_before_each(core: Core, database_url: str, atomic: bool) -> None:
    reports = [usage_report("ann", f"key-{number}", 6) for number in range(3)]
    before = dump(database_url)
    previewed = usage.record_batch(core, call(), reports, atomic=atomic, validate_only=True)
    assert dump(database_url) == before

    assert [usage_answer(outcome).new_usage for outcome in previewed] == [6, 12, 18]
    assert previewed == usage.record_batch(core, call(), reports, atomic=atomic, validate_only=False)


def test_a_preview_for_a_subject_that_has_moved_finds_the_account(core: Core) -> None:
    subject = Subject(email="desk@example.org")
    make_user(core, "ann", email=subject.email)
    report = usage.UsageReport("", subject.email, "", *[getattr(usage_report("", "key"), f) for f in _REST])
    assert usage_answer(record(core, report, validate_only=True)).account_id == core.resolve(person("ann")).account_id
    core.new_id = lambda prefix: f"{prefix}_of_bob"
    make_user(core, "ann", email="ann@example.org")
    bob = make_user(core, "bob", email=subject.email)

    assert usage_answer(record(core, report, validate_only=True)).account_id == bob.account_id


_REST = [name for name in usage.UsageReport.__slots__ if name not in ("user_id", "email", "org_id")]


def test_a_catalogue_that_another_process_has_applied_is_taken_in(
    database_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    """The account is on a plan of a version that this process has never seen: it looks, and goes on."""
    ahead, *behind = [make_core(database_url) for _ in range(4)]
    make_user(ahead, "ann")
    newer = HUB.replace("voice_minutes = { included = 2_000", "voice_minutes = { included = 2_500")
    assert ahead.shelf.apply(newer, clock.now_us) == 2
    assigned = _assign(ahead, False).answer
    assert isinstance(assigned, SubscriptionAnswer)
    assert assigned.plan_version == 2
    clock.now_us = use(ahead, "ann", "first").period_end_us

    assert [core.shelf.history.newest_version for core in behind] == [1, 1, 1]
    seen = entitlements.get_entitlement(behind[2], call(), person("ann"), "talk")
    previewed = record(behind[0], usage_report("ann", "second"), validate_only=True)
    stored = record(behind[1], usage_report("ann", "second"))

    assert previewed == stored
    assert (usage_answer(stored).plan_version, usage_answer(stored).limit) == (2, 2_500)
    assert seen.account.segment.terms.plan_version == 2
    assert [core.shelf.history.newest_version for core in behind] == [2, 2, 2]

"""The same key is one effect and one answer, whatever happened in between; other content is refused by name."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.books import broken_rules, dump, keys
from tests.support.house import (
    SECOND_US,
    START_US,
    Clock,
    CoreMaker,
    call,
    close_core,
    give_credits,
    make_user,
    person,
    record,
    usage_answer,
    usage_command,
    usage_report,
    use,
)
from tollhoused.domain.answers import OverrideAnswer, SubscriptionAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.commands import Enforcement
from tollhoused.errors import IdempotencyKeyReused, InsufficientCredits
from tollhoused.usecases import accounts, credits, subscriptions, usage
from tollhoused.usecases.core import Core

EVENT_US = START_US - SECOND_US
REPORT = usage_report("ann", "key", 12, event_us=EVENT_US, metadata={"room": "blue"})


def _grant(core: Core, **changes: Any) -> Settled:
    fields: dict[str, Any] = {
        "subject": person("ann"),
        "amount_nanos": 5_000_000_000,
        "currency": "usd",
        "category": GrantCategory.PAID,
        "priority": None,
        "effective_us": None,
        "expires_us": None,
        "meters": ["voice_minutes"],
        "reason": "welcome",
        "idempotency_key": "grant",
        "validate_only": False,
    }
    return credits.grant_credits(core, call(), **{**fields, **changes})


def _adjust(core: Core, **changes: Any) -> Settled:
    fields: dict[str, Any] = {
        "subject": person("ann"),
        "amount_nanos": -250_000_000,
        "currency": "usd",
        "reason": "a mistake",
        "idempotency_key": "adjust",
        "validate_only": False,
    }
    return credits.adjust_credits(core, call(), **{**fields, **changes})


def _assign(core: Core, **changes: Any) -> Settled:
    fields: dict[str, Any] = {
        "subject": person("ann"),
        "plan": "pro",
        "plan_version": 0,
        "start_us": None,
        "end_us": None,
        "subscription_id": "",
        "idempotency_key": "assign",
        "validate_only": False,
    }
    return subscriptions.assign_plan(core, call(), **{**fields, **changes})


def _override(core: Core, **changes: Any) -> Settled:
    fields: dict[str, Any] = {
        "subject": person("ann"),
        "meter": "voice_minutes",
        "included": 15,
        "policy": None,
        "rate": None,
        "from_us": None,
        "until_us": None,
        "idempotency_key": "override",
        "validate_only": False,
    }
    return subscriptions.set_override(core, call(), **{**fields, **changes})


def _each_kind(core: Core) -> list[Settled]:
    """One command of every kind, in an order in which each is accepted; the same ones when called again."""
    user = accounts.upsert_user(
        core,
        call(),
        user_id="ann",
        email="ann@example.org",
        zone="Europe/Berlin",
        idempotency_key="user",
        validate_only=False,
    )
    organization = accounts.upsert_organization(
        core, call(), org_id="guild", zone="UTC", idempotency_key="organization", validate_only=False
    )
    granted, recorded, adjusted = _grant(core), record(core, REPORT), _adjust(core)
    assigned, overridden = _assign(core), _override(core)
    assert isinstance(assigned.answer, SubscriptionAnswer)
    assert isinstance(overridden.answer, OverrideAnswer)
    unassigned = subscriptions.unassign_plan(
        core,
        call(),
        subject=person("ann"),
        subscription_id=assigned.answer.subscription_id,
        idempotency_key="unassign",
        validate_only=False,
    )
    removed = subscriptions.remove_override(
        core,
        call(),
        subject=person("ann"),
        override_id=overridden.answer.override_id,
        idempotency_key="remove",
        validate_only=False,
    )
    return [user, organization, granted, recorded, adjusted, assigned, overridden, unassigned, removed]


def test_every_kind_of_command_is_replayed_after_a_restart(
    database_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    first_process = make_core(database_url)
    first = _each_kind(first_process)
    close_core(first_process)
    before = dump(database_url)

    clock.now_us += 3_600 * SECOND_US
    again = _each_kind(make_core(database_url))

    assert [settled.replayed for settled in first] == [False] * 9
    assert again == [Settled(settled.answer, replayed=True) for settled in first]
    assert dump(database_url) == before
    assert broken_rules(database_url) == {}


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("quantity", replace(REPORT, quantity=13)),
        ("meter", replace(REPORT, meter="api_calls")),
        ("product", replace(REPORT, product="send")),
        ("event_time", replace(REPORT, event_us=EVENT_US - 1)),
        ("event_time", replace(REPORT, event_us=None)),
        ("enforcement", replace(REPORT, enforcement=Enforcement.RECORD)),
        ("metadata", replace(REPORT, metadata={"room": "green"})),
        ("metadata", replace(REPORT, metadata={})),
        ("subject", replace(REPORT, user_id="bob")),
        ("subject", replace(REPORT, user_id="", email="ann@example.org")),
    ],
)
def test_a_key_that_comes_with_other_content_is_refused_by_the_field(
    core: Core, database_url: str, field: str, changed: usage.UsageReport
) -> None:
    make_user(core, "ann", email="ann@example.org")
    make_user(core, "bob")
    give_credits(core, "ann", 5)
    record(core, REPORT)
    before = dump(database_url)

    with pytest.raises(IdempotencyKeyReused) as caught:
        record(core, changed)

    assert caught.value.metadata["field"] == field
    assert dump(database_url) == before
    assert record(core, REPORT).replayed


@pytest.mark.parametrize("again", [_grant, _adjust, _assign, _override])
def test_a_key_is_of_one_kind(core: Core, again: Callable[..., Settled]) -> None:
    make_user(core, "ann")
    use(core, "ann", "key")

    with pytest.raises(IdempotencyKeyReused) as caught:
        again(core, idempotency_key="key")

    assert caught.value.metadata["field"] == "kind"


@pytest.mark.parametrize(
    ("again", "field", "changes"),
    [
        (_grant, "amount_nanos", {"amount_nanos": 1}),
        (_grant, "category", {"category": GrantCategory.PROMOTIONAL}),
        (_grant, "priority", {"priority": 7}),
        (_grant, "expire_time", {"expires_us": START_US + SECOND_US}),
        (_grant, "meters", {"meters": []}),
        (_grant, "reason", {"reason": "another"}),
        (_adjust, "amount_nanos", {"amount_nanos": 1}),
        (_adjust, "reason", {"reason": "another"}),
        (_assign, "plan", {"plan": "team"}),
        (_assign, "plan_version", {"plan_version": 1}),
        (_assign, "end_time", {"end_us": START_US + SECOND_US}),
        (_override, "meter", {"meter": "api_calls"}),
        (_override, "included", {"included": 16}),
        (_override, "end_time", {"until_us": START_US + SECOND_US}),
    ],
)
def test_operators_commands_too_are_refused_by_the_field(
    sqlite_url: str, make_core: CoreMaker, again: Callable[..., Settled], field: str, changes: dict[str, Any]
) -> None:
    core = make_core(sqlite_url)
    make_user(core, "ann")
    assert not again(core).replayed

    with pytest.raises(IdempotencyKeyReused) as caught:
        again(core, **changes)

    assert caught.value.metadata["field"] == field


def test_clients_do_not_share_keys(core: Core, database_url: str) -> None:
    make_user(core, "ann")
    report = usage_report("ann", "call-1", 3)

    first = usage.record(core, call("north"), report, False)
    other = usage.record(core, call("south"), replace(report, quantity=4), False)

    assert (first.replayed, other.replayed) == (False, False)
    assert usage_answer(other).new_usage == 7
    assert keys(database_url) == ["call-1", "call-1"]


def test_a_refusal_is_not_remembered(core: Core) -> None:
    make_user(core, "ann")
    report = usage_report("ann", "key", 12)
    with pytest.raises(InsufficientCredits):
        record(core, report)

    give_credits(core, "ann", 5)
    assert not record(core, report).replayed


def test_the_same_key_twice_in_one_call_is_stored_once(core: Core, database_url: str) -> None:
    make_user(core, "ann")
    report = usage_report("ann", "key", 3)

    first, second = usage.record_batch(core, call(), [report, report], atomic=False, validate_only=False)

    assert usage_answer(second) == usage_answer(first)
    assert isinstance(second, Settled)
    assert second.replayed
    assert keys(database_url) == ["key"]


def _together(core: Core, *reports: usage.UsageReport) -> list[Settled]:
    outcomes = usage.record_batch(core, call(), reports, atomic=True, validate_only=False)
    return [outcome for outcome in outcomes if isinstance(outcome, Settled)]


def test_an_atomic_call_is_replayed_as_a_whole(database_url: str, make_core: CoreMaker) -> None:
    first_process = make_core(database_url)
    make_user(first_process, "ann")
    reports = [usage_report("ann", f"key-{number}", 3) for number in range(3)]
    first = _together(first_process, *reports)
    close_core(first_process)

    again = _together(make_core(database_url), *reports)

    assert [usage_answer(outcome).new_usage for outcome in first] == [3, 6, 9]
    assert again == [Settled(outcome.answer, replayed=True) for outcome in first]
    assert keys(database_url) == ["key-0", "key-1", "key-2"]


def test_an_atomic_call_that_is_partly_known_is_not_the_one_that_was_stored(core: Core, database_url: str) -> None:
    make_user(core, "ann")
    _together(core, usage_report("ann", "key-1"), usage_report("ann", "key-3"))
    before = dump(database_url)

    with pytest.raises(IdempotencyKeyReused) as caught:
        _together(core, *[usage_report("ann", f"key-{number}") for number in range(5)])

    assert caught.value.metadata["items"] == "1,3"
    assert dump(database_url) == before


def test_a_refusal_within_an_atomic_call_names_its_item_and_leaves_nothing(core: Core, database_url: str) -> None:
    make_user(core, "ann")
    give_credits(core, "ann", 1)
    before = dump(database_url)

    with pytest.raises(InsufficientCredits) as caught:
        _together(core, *[usage_report("ann", f"key-{number}", 12) for number in range(4)])

    assert caught.value.metadata["item"] == "2"
    assert dump(database_url) == before
    assert usage_answer(record(core, usage_report("ann", "key-0", 12))).new_usage == 12
    assert broken_rules(database_url) == {}


def test_what_is_stored_beside_a_refused_atomic_call_stays(database_url: str, make_core: CoreMaker) -> None:
    """One batch, three calls on one account: the atomic one in the middle is refused, its neighbours are not."""
    make_user(make_core(database_url), "ann")
    core = make_core(database_url, start=False)
    calls = [["before"], ["atomic-1", "atomic-2"], ["after"]]
    tickets = []
    for names in calls:
        commands = [usage_command(core, usage_report("ann", name, 4)) for name in names]
        tickets.append(core.journal.submit(commands, time.monotonic() + 30, atomic=len(names) > 1))
    core.journal.start()
    before, atomic, after = [ticket.wait() for ticket in tickets]

    assert [type(outcome) for outcome in atomic] == [InsufficientCredits] * 2
    assert [usage_answer(before[0]).new_usage, usage_answer(after[0]).new_usage] == [4, 8]
    assert keys(database_url) == ["after", "before"]
    assert broken_rules(database_url) == {}

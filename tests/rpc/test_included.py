"""Credits that a plan includes, over the wire: every plan of the hub has a gift here."""

import pytest
from tollhouse.v1 import credits_service_pb2 as pb
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.subscription_service_pb2 import AssignPlanRequest, ListPlansRequest

from tests.support.books import execute
from tests.support.door import TIMEOUT_SECONDS, Door, at, usage
from tests.support.house import DAY_US, HUB, START_US, Clock
from tollhoused.domain.proof import Finding
from tollhoused.usecases.core import Core
from tollhoused.usecases.verify import verify

ANNA = Subject(user_id="anna")
DOLLAR = 10**9
GIFTS = """
[plans.hobby.credits.gift]
amount = "1.00"
lasts = "period"

[plans.pro.credits.calls]
amount = "5.00"
category = "paid"
priority = 9
meters = ["voice_minutes", "api_calls"]
lasts = 90
"""


@pytest.fixture
def anna(core: Core, door: Door) -> Door:
    """Anna, who comes when the gifts are there."""
    core.shelf.apply(HUB + GIFTS, START_US)
    door.make_user("anna")
    return door


def _proved(core: Core) -> list[Finding]:
    findings: list[Finding] = []
    verify(core.store, findings.append)
    return findings


def _grants(door: Door) -> list[pb.Grant]:
    request = pb.ListGrantsRequest(subject=ANNA, include_closed=True)
    return list(door.credits.ListGrants(request, timeout=TIMEOUT_SECONDS).grants)


def test_every_period_brings_its_gift_once_whoever_asks(core: Core, clock: Clock, anna: Door) -> None:
    (gift,) = _grants(anna)
    assert (gift.amount_nanos, gift.remaining_nanos, gift.category) == (
        DOLLAR,
        DOLLAR,
        pb.GRANT_CATEGORY_PROMOTIONAL,
    )
    assert gift.expire_time == at(START_US + 31 * DAY_US)
    assert anna.record(usage("anna", "call", 12)).debits[0].grant_id == gift.grant_id

    clock.now_us = START_US + 100 * DAY_US
    balance = anna.credits.GetBalance(pb.GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS).balance
    assert balance.total_nanos == DOLLAR
    assert [item.remaining_nanos for item in _grants(anna)] == [DOLLAR, 0, 0, 0]
    assert _proved(core) == []
    request = pb.ListLedgerEntriesRequest(subject=ANNA, start_time=at(START_US), end_time=at(clock.now_us + 1))
    entries = anna.credits.ListLedgerEntries(request, timeout=TIMEOUT_SECONDS).entries
    causes = [entry for entry in entries if entry.cause_kind == pb.CAUSE_KIND_PLAN_GRANT]
    assert [entry.cause for entry in causes] == [item.grant_id for item in _grants(anna)]


def test_a_plan_shows_what_it_includes(anna: Door) -> None:
    assign = AssignPlanRequest(subject=ANNA, plan="pro", idempotency_key="pro")
    anna.subscriptions.AssignPlan(assign, timeout=TIMEOUT_SECONDS)

    plans = anna.subscriptions.ListPlans(ListPlansRequest(), timeout=TIMEOUT_SECONDS).plans

    (calls,) = next(plan for plan in plans if plan.code == "pro").credits
    assert (calls.code, calls.amount_nanos, calls.category) == ("calls", 5 * DOLLAR, pb.GRANT_CATEGORY_PAID)
    assert (calls.priority, list(calls.meters), calls.lasts_days) == (9, ["api_calls", "voice_minutes"], 90)
    (gift,) = next(plan for plan in plans if plan.code == "hobby").credits
    assert gift.lasts_days == 0
    newest = _grants(anna)[0]
    assert (newest.amount_nanos, list(newest.meters), newest.priority) == (5 * DOLLAR, list(calls.meters), 9)


@pytest.mark.parametrize(
    ("invariant", "change"),
    [
        ("V6", "UPDATE grants SET priority = 99"),
        ("V6", "UPDATE grants SET expires_us = NULL"),
        ("V2", "UPDATE grants SET id = 'grant_x'; UPDATE ledger_entries SET grant_id = 'grant_x', cause = 'grant_x'"),
        ("V6", "DELETE FROM grants; DELETE FROM ledger_entries; UPDATE accounts SET balance_nanos = 0, ledger_seq = 0"),
        ("V6", "UPDATE ledger_entries SET effective_us = effective_us - 1"),
    ],
)
def test_a_gift_that_is_not_what_the_plan_says_is_found(
    core: Core, database_url: str, anna: Door, invariant: str, change: str
) -> None:
    assert _proved(core) == []
    drop = "DROP TRIGGER {}" if database_url.startswith("sqlite") else "DROP TRIGGER {} ON ledger_entries"
    for name in ("ledger_entries_no_update", "ledger_entries_no_delete"):
        execute(database_url, drop.format(name))

    for statement in change.split("; "):
        execute(database_url, statement)

    assert invariant in {finding.invariant for finding in _proved(core)}

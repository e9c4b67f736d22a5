"""A year of usage periods, played in seconds through the public interface with the test clock (requirements S6, S7).

Every boundary is written down here by hand, as clocks on the wall show it: nothing is computed the way the server does.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, pairwise

import pytest
from tollhouse.v1 import admin_service_pb2 as admin_pb
from tollhouse.v1.account_service_pb2 import UpsertUserRequest
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD, Subject
from tollhouse.v1.entitlement_service_pb2 import Entitlement, GetEntitlementRequest
from tollhouse.v1.subscription_service_pb2 import AssignPlanRequest, UnassignPlanRequest

from tests.support.door import TIMEOUT_SECONDS, Door, at, micros, usage
from tests.support.house import HUB, START_US
from tollhoused.usecases.core import Core
from tollhoused.usecases.verify import verify

# The 31st, in a year with a leap day; the clocks of Berlin change on 2028-03-26 and 2028-10-29.
BERLIN = """
    2028-01-31T00:30+01:00 2028-02-29T00:30+01:00 2028-03-31T00:30+02:00 2028-04-30T00:30+02:00 2028-05-31T00:30+02:00
    2028-06-30T00:30+02:00 2028-07-31T00:30+02:00 2028-08-31T00:30+02:00 2028-09-30T00:30+02:00 2028-10-31T00:30+01:00
    2028-11-30T00:30+01:00 2028-12-31T00:30+01:00 2029-01-31T00:30+01:00 2029-02-28T00:30+01:00
"""
# On 2028-03-12 the clocks of New York skip from 02:00 to 03:00; they go back on 2028-11-05.
NEW_YORK = """
    2028-02-12T02:30-05:00 2028-03-12T03:30-04:00 2028-04-12T02:30-04:00 2028-05-12T02:30-04:00 2028-06-12T02:30-04:00
    2028-07-12T02:30-04:00 2028-08-12T02:30-04:00 2028-09-12T02:30-04:00 2028-10-12T02:30-04:00 2028-11-12T02:30-05:00
    2028-12-12T02:30-05:00 2029-01-12T02:30-05:00 2029-02-12T02:30-05:00
"""
# Half an hour of summer time: until 2028-04-02, and from 2028-10-01, when 02:00 becomes 02:30.
LORD_HOWE = """
    2028-02-01T02:10+11:00 2028-03-01T02:10+11:00 2028-04-01T02:10+11:00 2028-05-01T02:10+10:30 2028-06-01T02:10+10:30
    2028-07-01T02:10+10:30 2028-08-01T02:10+10:30 2028-09-01T02:10+10:30 2028-10-01T02:40+11:00 2028-11-01T02:10+11:00
    2028-12-01T02:10+11:00 2029-01-01T02:10+11:00 2029-02-01T02:10+11:00
"""
ZONES = {"Europe/Berlin": BERLIN, "America/New_York": NEW_YORK, "Australia/Lord_Howe": LORD_HOWE}
KEYS = count()


def instant(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


def instants(text: str) -> list[int]:
    return [instant(word) for word in text.split()]


def go_to(door: Door, instant_us: int) -> None:
    request = admin_pb.AdvanceTestClockRequest(to_time=at(instant_us), idempotency_key=f"clock-{next(KEYS)}")
    door.admin.AdvanceTestClock(request, timeout=TIMEOUT_SECONDS)


def make_user(door: Door, name: str, zone: str) -> None:
    request = UpsertUserRequest(user_id=name, zone=zone, idempotency_key=f"make-{name}")
    door.accounts.UpsertUser(request, timeout=TIMEOUT_SECONDS)


def entitlement(door: Door, name: str) -> Entitlement:
    question = GetEntitlementRequest(subject=Subject(user_id=name))
    return door.entitlements.GetEntitlement(question, timeout=TIMEOUT_SECONDS).entitlement


def period(found: Entitlement) -> tuple[int, int]:
    return micros(found.usage_period.start_time), micros(found.usage_period.end_time)


def used(found: Entitlement) -> int:
    return next(meter.used for meter in found.meters if meter.meter == "voice_minutes")


def use(door: Door, name: str, quantity: int = 1) -> int:
    """Records usage that has happened; what has been used of the period then."""
    request = usage(name, f"use-{next(KEYS)}", quantity, enforcement=ENFORCEMENT_RECORD)
    return door.record(request).new_usage


@pytest.fixture(autouse=True)
def books_stay_right(core: Core) -> Iterator[None]:
    """However time was moved, the books are proved at the end."""
    yield
    findings: list[object] = []
    verify(core.store, findings.append)
    assert findings == []


def test_every_period_of_a_year_turns_at_its_instant_in_every_zone(door: Door) -> None:
    """Each account is touched right before and right at every boundary, the three of them in turn."""
    boundaries = {zone: instants(text) for zone, text in ZONES.items()}
    ends = {(start, end) for text in boundaries.values() for start, end in pairwise(text)}
    assert all(timedelta(days=27) < timedelta(microseconds=end - start) < timedelta(days=32) for start, end in ends)
    steps = sorted((instant_us, zone) for zone, found in boundaries.items() for instant_us in found)
    turned: dict[str, int] = dict.fromkeys(ZONES, 0)

    for instant_us, zone in steps:
        number = turned[zone]
        turned[zone] += 1
        own = boundaries[zone]
        if number == 0:
            go_to(door, instant_us)
            make_user(door, zone, zone)
        else:
            go_to(door, instant_us - 1)
            assert period(entitlement(door, zone)) == (own[number - 1], own[number])
            assert use(door, zone, 2) == 5
            go_to(door, instant_us)
        found = entitlement(door, zone)
        assert used(found) == 0, "reading shows the turn before anything has booked it"
        if number + 1 < len(own):
            assert period(found) == (instant_us, own[number + 1])
        assert use(door, zone, 3) == 3

    assert turned == {zone: len(found) for zone, found in boundaries.items()}


def test_a_year_that_nobody_looked_at_has_the_same_periods(door: Door, core: Core) -> None:
    """One step over the whole year, then a late event into a period that nobody saw begin."""
    boundaries = instants(BERLIN)
    go_to(door, boundaries[0])
    make_user(door, "ada", "Europe/Berlin")
    use(door, "ada", 7)

    go_to(door, boundaries[-1] - 1)

    found = entitlement(door, "ada")
    assert (period(found), used(found)) == ((boundaries[-2], boundaries[-1]), 0)
    late = usage("ada", "late", 4, event_time=at(boundaries[-2] - 1))
    answer = door.record(late)
    assert (micros(answer.usage_period.start_time), answer.new_usage) == (boundaries[-3], 4)
    (account,) = core.store.accounts("", 10)
    assert account.due_us == boundaries[-1]


def test_a_subscription_moves_the_anchor_and_gives_it_back(door: Door) -> None:
    boundaries = instants(BERLIN)
    bought, ended = instant("2028-07-10T12:00+02:00"), instant("2028-09-20T08:00+02:00")
    go_to(door, boundaries[0])
    make_user(door, "ada", "Europe/Berlin")
    go_to(door, bought)
    assert use(door, "ada", 5) == 5
    assign = AssignPlanRequest(subject=Subject(user_id="ada"), plan="pro", idempotency_key="buy")
    plan = door.subscriptions.AssignPlan(assign, timeout=TIMEOUT_SECONDS).subscription
    anchor = micros(plan.anchor_time)
    months = instants("2028-08-10T12:00+02:00 2028-09-10T12:00+02:00 2028-10-10T12:00+02:00")

    seen = [period(entitlement(door, "ada"))]
    for month in months[:2]:
        assert use(door, "ada", 2_100) == 2_100, "each month has the whole quota"
        go_to(door, month)
        seen.append(period(entitlement(door, "ada")))
    go_to(door, ended)
    unassign = UnassignPlanRequest(
        subject=Subject(user_id="ada"), subscription_id=plan.subscription_id, idempotency_key="end"
    )
    ends = micros(door.subscriptions.UnassignPlan(unassign, timeout=TIMEOUT_SECONDS).subscription.end_time)
    seen.append(period(entitlement(door, "ada")))
    go_to(door, boundaries[9])
    seen.append(period(entitlement(door, "ada")))

    assert seen == [
        (anchor, months[0]),
        (months[0], months[1]),
        (months[1], months[2]),
        (ends, boundaries[8]),
        (boundaries[9], boundaries[10]),
    ]
    assert 0 <= anchor - bought < 1_000
    assert entitlement(door, "ada").plan == "hobby"


def test_a_plan_for_a_year_has_its_quota_every_month(door: Door, core: Core) -> None:
    yearly = HUB.replace('monthly = { amount = "29.00" }', 'yearly = { amount = "290.00" }')
    assert yearly != HUB
    core.shelf.apply(yearly, START_US)
    start, end = instant("2028-02-29T12:00+00:00"), instant("2029-02-28T12:00+00:00")
    months = instants("""
        2028-02-29T12:00+00:00 2028-03-29T12:00+00:00 2028-04-29T12:00+00:00 2028-05-29T12:00+00:00
        2028-06-29T12:00+00:00 2028-07-29T12:00+00:00 2028-08-29T12:00+00:00 2028-09-29T12:00+00:00
        2028-10-29T12:00+00:00 2028-11-29T12:00+00:00 2028-12-29T12:00+00:00 2029-01-29T12:00+00:00
        2029-02-28T12:00+00:00
    """)
    make_user(door, "ada", "UTC")
    assign = AssignPlanRequest(
        subject=Subject(user_id="ada"), plan="pro", start_time=at(start), end_time=at(end), idempotency_key="year"
    )
    door.subscriptions.AssignPlan(assign, timeout=TIMEOUT_SECONDS)

    for month, following in pairwise(months):
        go_to(door, month)
        answer = door.record(usage("ada", f"month-{month}", 2_000))
        assert (answer.remaining, answer.charged_nanos, answer.plan) == (0, 0, "pro")
        assert (micros(answer.usage_period.start_time), micros(answer.usage_period.end_time)) == (month, following)
    go_to(door, end)

    after = entitlement(door, "ada")
    assert (after.plan, used(after), period(after)[0]) == ("hobby", 0, end)

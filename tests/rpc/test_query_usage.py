"""Totals over time, as a chart asks for them (requirement U12)."""

from collections import Counter
from itertools import product
from typing import Any

import pytest
from tollhouse.v1 import usage_service_pb2 as pb
from tollhouse.v1.account_service_pb2 import UpsertOrganizationRequest
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD, Subject

from tests.support.callers import make_client, make_key
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, at, micros, refusal, usage
from tests.support.house import DAY_US, START_US, Clock, CoreMaker
from tollhoused.domain.keys import Environment, Scope
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

HOUR_US = DAY_US // 24
MIDNIGHT_US = START_US - 8 * HOUR_US
"""2027-01-15T00:00:00Z."""
HOUR, DAY, MONTH = pb.GRANULARITY_HOUR, pb.GRANULARITY_DAY, pb.GRANULARITY_MONTH


def question(granularity: pb.Granularity = DAY, **more: Any) -> pb.QueryUsageRequest:
    fields: dict[str, Any] = {"subject": Subject(user_id="anna"), "granularity": granularity}
    return pb.QueryUsageRequest(**{**fields, **more})


def ask(door: Door, granularity: Any = DAY, **more: Any) -> list[pb.UsageTotal]:
    return list(door.usage.QueryUsage(question(granularity, **more), timeout=TIMEOUT_SECONDS).totals)


def days(totals: list[pb.UsageTotal]) -> list[tuple[float, int]]:
    """When each bucket starts, in days since midnight, and what was used in it."""
    return [((micros(total.start_time) - MIDNIGHT_US) / DAY_US, total.quantity) for total in totals]


@pytest.fixture
def anna(door: Door) -> Door:
    """The door of a server that knows anna, who has an account in UTC and money."""
    door.make_user("anna")
    door.fund("anna", 1_000)
    return door


def test_totals_add_up_what_the_answers_said(anna: Door) -> None:
    answers = [anna.record(usage("anna", f"use-{number}", number)) for number in range(1, 9)]

    (total,) = ask(anna)

    assert total.quantity == sum(answer.quantity for answer in answers) == 36
    assert total.overage_quantity == sum(answer.overage_quantity for answer in answers) == 26
    assert total.charged_nanos == sum(answer.charged_nanos for answer in answers) > 0
    assert (total.events, total.meter, total.product) == (8, "", "")


def test_usage_belongs_to_the_bucket_in_which_it_counts_and_not_in_which_it_came(anna: Door, clock: Clock) -> None:
    anna.record(usage("anna", "late", 3, event_time=at(START_US - 2 * DAY_US)))
    anna.record(usage("anna", "ahead", 5, event_time=at(START_US + 200_000_000)))
    clock.now_us += 34 * DAY_US
    anna.record(usage("anna", "very late", 7, event_time=at(START_US - DAY_US)))

    around = {"start_time": at(MIDNIGHT_US - 3 * DAY_US), "end_time": at(MIDNIGHT_US + 2 * DAY_US)}

    assert days(ask(anna, **around)) == [(-2, 3), (-1, 7), (0, 5)]
    (ahead,) = ask(anna, HOUR, start_time=at(START_US - HOUR_US), end_time=at(START_US + HOUR_US))
    assert (micros(ahead.start_time), ahead.quantity) == (START_US, 5), "what lay ahead counted as now"


def void(door: Door, key: str) -> pb.VoidUsageResponse:
    request = pb.VoidUsageRequest(voided_key=key, idempotency_key=f"void {key}")
    return door.usage.VoidUsage(request, timeout=TIMEOUT_SECONDS)


def test_what_was_voided_counts_no_more_whenever_that_was(anna: Door, clock: Clock) -> None:
    """Ten minutes are included: a day's use that is within them gives back, voided, what the next day's cost."""
    anna.record(usage("anna", "within", 10))
    clock.now_us += DAY_US
    paid = anna.record(usage("anna", "beyond", 4))
    around = {"start_time": at(MIDNIGHT_US), "end_time": at(MIDNIGHT_US + 2 * DAY_US)}
    clock.now_us += 50 * DAY_US

    void(anna, "within")

    first, second = ask(anna, **around)
    assert (first.quantity, first.overage_quantity, first.charged_nanos, first.events) == (
        *(0, -4),
        *(-paid.charged_nanos, 0),
    )
    assert (second.quantity, second.overage_quantity, second.charged_nanos, second.events) == (
        *(4, 4),
        *(paid.charged_nanos, 1),
    )
    void(anna, "beyond")
    assert sum(total.charged_nanos for total in ask(anna, **around)) == 0
    assert {total.events for total in ask(anna, **around)} == {0}


def test_a_bucket_of_which_everything_was_voided_is_left_out(anna: Door) -> None:
    anna.record(usage("anna", "a mistake", 14))

    void(anna, "a mistake")

    assert ask(anna) == []


def test_levels_of_gauges_are_no_part_of_any_total(anna: Door) -> None:
    level = pb.SetUsageRequest(
        subject=Subject(user_id="anna"), product="talk", meter="storage_mb", level=5_000, idempotency_key="level"
    )
    anna.usage.SetUsage(level, timeout=TIMEOUT_SECONDS)
    anna.record(usage("anna", "rise", 70, meter="storage_mb"))
    assert ask(anna) == ask(anna, by_meter=True) == []

    anna.record(usage("anna", "a minute", 1))

    assert [total.quantity for total in ask(anna)] == [1]


def test_a_range_takes_its_start_and_leaves_its_end(anna: Door, clock: Clock) -> None:
    for number in range(5):
        anna.record(usage("anna", f"use-{number}", 10**number))
        clock.now_us += 1

    (total,) = ask(anna, HOUR, start_time=at(START_US + 1), end_time=at(START_US + 3))

    assert (total.quantity, total.events) == (110, 2)
    assert (micros(total.start_time), micros(total.end_time)) == (START_US + 1, START_US + 3)


def test_meters_and_products_are_told_apart_where_the_question_asks_by_them(anna: Door) -> None:
    parts = list(product(("talk", "send"), ("voice_minutes", "api_calls")))
    for number, (name, meter) in enumerate(parts):
        anna.record(usage("anna", f"use-{number}", 10**number, product=name, meter=meter))

    def found(**more: Any) -> list[tuple[str, str, int]]:
        return [(total.meter, total.product, total.quantity) for total in ask(anna, **more)]

    assert found() == [("", "", 1111)]
    assert found(by_meter=True) == [("api_calls", "", 1010), ("voice_minutes", "", 101)]
    assert found(by_product=True) == [("", "send", 1100), ("", "talk", 11)]
    assert found(by_meter=True, by_product=True) == [
        ("api_calls", "send", 1000),
        ("api_calls", "talk", 10),
        ("voice_minutes", "send", 100),
        ("voice_minutes", "talk", 1),
    ]
    assert found(meter="api_call", by_product=True) == [("", "send", 1000), ("", "talk", 10)], "an alias will do"
    assert found(product="send", by_meter=True) == [("api_calls", "", 1000), ("voice_minutes", "", 100)]


def test_days_are_those_of_the_account_s_zone_unless_another_is_asked_for(door: Door, clock: Clock) -> None:
    """In Berlin the clocks of 2027-03-28 skip an hour, and those of 2027-10-31 show one twice."""
    made = UpsertOrganizationRequest(org_id="acme", zone="Europe/Berlin", idempotency_key="acme")
    door.accounts.UpsertOrganization(made, timeout=TIMEOUT_SECONDS)
    subject = Subject(org_id="acme")
    spring_us, autumn_us = 1_806_188_400_000_000, 1_824_933_600_000_000
    for name, midnight_us, hours in (("spring", spring_us, 23), ("autumn", autumn_us, 25)):
        for hour in range(-1, hours + 1):
            clock.now_us = midnight_us + hour * HOUR_US
            report = usage("", f"{name}/{hour}", enforcement=ENFORCEMENT_RECORD)
            report.subject.CopyFrom(subject)
            door.record(report)

        around = {"subject": subject, "start_time": at(midnight_us - DAY_US), "end_time": at(midnight_us + 2 * DAY_US)}
        local, utc = ask(door, **around), ask(door, zone="UTC", **around)
        months = ask(door, MONTH, **around)

        assert [(micros(each.start_time), each.events) for each in local] == [
            (midnight_us - DAY_US, 1),
            (midnight_us, hours),
            (midnight_us + hours * HOUR_US, 1),
        ]
        assert sum(each.events for each in utc) == hours + 2
        assert [each.events for each in utc] != [each.events for each in local]
        assert [each.events for each in months] == [hours + 2] if name == "spring" else [hours + 1, 1]
        assert len(ask(door, HOUR, **around)) == hours + 2


def test_pages_go_on_where_they_ended_and_leave_nothing_out(anna: Door, clock: Clock) -> None:
    for number in range(24):
        name, meter = ("talk", "send")[number % 2], ("api_calls", "voice_minutes")[number // 2 % 2]
        anna.record(usage("anna", f"use-{number}", 1 + number, product=name, meter=meter))
        clock.now_us += DAY_US // 7
    wanted = question(by_meter=True, by_product=True, start_time=at(START_US), end_time=at(clock.now_us))
    whole = anna.usage.QueryUsage(wanted, timeout=TIMEOUT_SECONDS)
    assert not whole.next_page_token

    for size in (1, 2, 5, len(whole.totals)):
        pages: list[pb.UsageTotal] = []
        wanted.page_size, wanted.page_token = size, ""
        while True:
            page = anna.usage.QueryUsage(wanted, timeout=TIMEOUT_SECONDS)
            assert len(page.totals) <= size
            pages += page.totals
            wanted.page_token = page.next_page_token
            if not page.next_page_token:
                break
        assert pages == list(whole.totals)


def test_nothing_used_is_no_total_and_the_range_is_answered(anna: Door, clock: Clock) -> None:
    answer = anna.usage.QueryUsage(question(MONTH), timeout=TIMEOUT_SECONDS)

    assert (list(answer.totals), answer.zone, answer.currency) == ([], "UTC", "usd")
    assert micros(answer.end_time) == clock.now_us + 1
    assert micros(answer.end_time) - micros(answer.start_time) == 366 * DAY_US


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("granularity", {"granularity": 0}),
        ("granularity", {"granularity": 9}),
        ("zone", {"zone": "Europe/Nowhere"}),
        ("meter", {"meter": "nothing"}),
        ("meter", {"meter": "storage_mb"}),
        ("product", {"product": "nothing"}),
        ("page_size", {"page_size": 10_001}),
        ("page_token", {"page_token": "mine"}),
        ("start_time", {"start_time": at(START_US), "end_time": at(START_US)}),
        ("start_time", {"start_time": at(START_US - 32 * DAY_US), "granularity": HOUR}),
        ("start_time", {"start_time": at(START_US - 367 * DAY_US)}),
        ("start_time", {"start_time": at(START_US - 1_831 * DAY_US), "granularity": MONTH}),
        ("start_time", {"start_time": at(-1), "end_time": at(1)}),
        ("end_time", {"end_time": at(253_402_300_799_000_000)}),
    ],
)
def test_a_question_that_cannot_be_asked_names_its_field(sqlite_door: Door, field: str, more: dict[str, Any]) -> None:
    sqlite_door.make_user("anna")

    refused = refusal(sqlite_door.usage.QueryUsage, question(**more))

    assert (refused.reason, list(refused.violations)) == ("INVALID_FIELD", [field])


def test_a_token_of_another_question_is_refused(anna: Door) -> None:
    anna.record(usage("anna", "one", 1, product="talk"))
    anna.record(usage("anna", "two", 1, product="send"))
    first = anna.usage.QueryUsage(question(by_product=True, page_size=1), timeout=TIMEOUT_SECONDS)

    other = question(MONTH, page_token=first.next_page_token)

    assert first.next_page_token
    assert refusal(anna.usage.QueryUsage, other).violations.keys() == {"page_token"}


def test_a_key_for_one_product_sees_that_one_alone(sqlite_url: str, make_core: CoreMaker, serve: ServerMaker) -> None:
    core: Core = make_core(sqlite_url)
    keyring = Keyring(core.store, Environment.TEST, core.clock)
    make_client(core, "operator")
    _, operator = serve(core, keyring=keyring, key=make_key(core, "operator").text)
    keyring.refresh()
    operator.make_user("anna")
    for name, quantity in (("talk", 3), ("send", 40)):
        operator.record(usage("anna", name, quantity, product=name, meter="api_calls"))
    seen: Counter[str] = Counter()
    for products in (["talk"], ["talk", "send"]):
        make_client(core, "-".join(products))
        key = make_key(core, "-".join(products), [Scope.ENTITLEMENTS_READ], products)
        keyring.refresh()
        own = Door(operator.address, key.text)
        if len(products) == 1:
            (total,) = ask(own, by_product=True)
            seen[total.product] = total.quantity
            assert refusal(own.usage.QueryUsage, question(product="send")).reason == "PRODUCT_NOT_ALLOWED"
        else:
            assert refusal(own.usage.QueryUsage, question()).violations.keys() == {"product"}
            assert [total.quantity for total in ask(own, product="send")] == [40]
        own.channel.close()

    assert seen == {"talk": 3}

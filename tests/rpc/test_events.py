"""Outgoing events through the door: listed in order, shown in full, and told of once."""

import pytest
from google.protobuf.json_format import MessageToDict
from tollhouse.v1 import event_service_pb2 as pb
from tollhouse.v1 import reservation_service_pb2 as reservations
from tollhouse.v1.common_pb2 import Subject

from tests.support.door import TIMEOUT_SECONDS, Door, refusal, usage
from tests.support.house import DAY_US, Clock
from tests.support.paying import order_top_up, reload_in_flight, set_auto_reload, show_payment
from tollhoused.cli.relay import Relay
from tollhoused.domain.payments import PaymentStatus
from tollhoused.usecases.core import Core

ANNA = Subject(user_id="anna")


def _list(door: Door, **asked: object) -> pb.ListEventsResponse:
    return door.events.ListEvents(pb.ListEventsRequest(**asked), timeout=TIMEOUT_SECONDS)  # type: ignore[arg-type]


@pytest.fixture
def relay(core: Core) -> Relay:
    return Relay(core)


def test_events_show_what_happened(door: Door, relay: Relay) -> None:
    account = door.make_user("anna").account.account_id
    grant = door.fund("anna", 1).grant.grant_id
    door.record(usage("anna", "call-1", 10 + 1))
    relay.step()

    listed = _list(door)
    granted, eighty, hundred, low = (MessageToDict(item, preserving_proto_field_name=True) for item in listed.events)
    assert listed.reached_position == 4
    assert granted["credits_granted"] == {
        "currency": "usd", "grant_id": grant, "category": "paid", "amount_nanos": "1000000000",
        "effective_time": "2027-01-15T08:00:00Z",
    }  # fmt: skip
    assert (eighty["kind"], eighty["usage_threshold"]["percent"]) == ("usage.threshold", 80)
    assert hundred["usage_threshold"] == {
        "meter": "voice_minutes", "percent": 100, "used": "11", "included": "10", "plan": "hobby", "plan_version": 1,
        "period_start_time": "2027-01-15T08:00:00Z", "period_end_time": "2027-02-15T08:00:00Z",
    }  # fmt: skip
    assert low["kind"] == "credits.low"
    assert low["credits_level"] == {
        "currency": "usd", "spendable_nanos": "960000000", "threshold_nanos": "1000000000",
    }  # fmt: skip
    assert {item.account_id for item in listed.events} == {account}
    assert len({item.event_id for item in listed.events}) == 4


def test_what_time_did_is_shown(door: Door, core: Core, clock: Clock, relay: Relay) -> None:
    door.make_user("anna")
    request = reservations.ReserveUsageRequest(
        subject=ANNA, product="talk", meter="voice_minutes", quantity=1, idempotency_key="hold"
    )
    door.reservations.ReserveUsage(request, timeout=TIMEOUT_SECONDS)
    clock.now_us += DAY_US
    door.record(usage("anna", "call-1"))
    relay.step()

    (event,) = _list(door).events
    assert event.kind == "reservation.expired"
    assert event.reservation_expired.state == reservations.RESERVATION_STATE_EXPIRED
    assert event.reservation_expired.expired_time.seconds < event.record_time.seconds


def test_a_reader_goes_on_where_it_was(door: Door, relay: Relay) -> None:
    for name in ("anna", "bert"):
        door.make_user(name)
        door.fund(name, 5)
        door.record(usage(name, f"call/{name}", 10))
    relay.step()

    seen, position = [], 0
    while page := _list(door, after_position=position, page_size=4).events:
        seen += [item.position for item in page]
        position = page[-1].position
    assert seen == [1, 2, 3, 4, 5, 6]
    of_kind = _list(door, kinds=["credits.granted", "credits.low"])
    assert ([item.kind for item in of_kind.events], of_kind.reached_position) == (["credits.granted"] * 2, 6)
    assert len(_list(door, subject=ANNA).events) == 3
    assert _list(door, after_position=6) == pb.ListEventsResponse(reached_position=6)


def test_replays_previews_and_refusals_tell_nothing(door: Door, relay: Relay) -> None:
    door.make_user("anna")
    door.record(usage("anna", "call-0", 10, validate_only=True))
    door.record(usage("anna", "call-1", 8))
    assert door.record(usage("anna", "call-1", 8)).replayed
    assert refusal(door.usage.RecordUsage, usage("anna", "call-2", 5)).reason == "INSUFFICIENT_CREDITS"
    relay.step()

    assert [item.usage_threshold.percent for item in _list(door).events] == [80]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"after_position": -1}, "after_position"),
        ({"after_position": 2**62 + 1}, "after_position"),
        ({"page_size": 1_001}, "page_size"),
        ({"kinds": ["credits.low", "credits.lo"]}, "kinds[1]"),
        ({"kinds": ["credits.low"] * 21}, "kinds"),
        ({"subject": {}}, "subject"),
    ],
)
def test_bad_form_is_refused_by_its_field(door: Door, asked: dict[str, object], field: str) -> None:
    refused = refusal(door.events.ListEvents, pb.ListEventsRequest(**asked))  # type: ignore[arg-type]

    assert (refused.reason, list(refused.violations)) == ("INVALID_FIELD", [field])


def test_payments_are_shown(door: Door, core: Core, clock: Clock, relay: Relay) -> None:
    account = door.make_user("anna").account.account_id
    order = order_top_up(core, "anna", 10, key="top up")
    show_payment(core, order, 1_200)
    show_payment(core, order, 1_200, 300)
    set_auto_reload(core, "anna", 50, 10, key="reload")
    reload = reload_in_flight(core, account)
    show_payment(core, reload.id, 0, status=PaymentStatus.FAILED)
    relay.step()

    paid, returned, started, failed = (
        MessageToDict(item, preserving_proto_field_name=True)
        for item in _list(door).events
        if item.kind.startswith(("top_up", "auto_reload"))
    )
    assert paid["top_up_succeeded"] == {
        "currency": "usd", "intent_id": order, "grant_id": paid["top_up_succeeded"]["grant_id"],
        "amount_nanos": "10000000000", "paid_nanos": "12000000000",
    }  # fmt: skip
    assert returned["top_up_returned"] == {
        "currency": "usd", "intent_id": order, "paid_nanos": "12000000000", "returned_nanos": "3000000000",
        "credits_change_nanos": "-2500000000", "credits_taken_nanos": "2500000000",
    }  # fmt: skip
    assert (started["kind"], failed["kind"]) == ("auto_reload.started", "auto_reload.failed")
    assert started["auto_reload"] == {"currency": "usd", "intent_id": reload.id, "amount_nanos": "10000000000"}
    assert failed["auto_reload"] == {
        **started["auto_reload"], "decline": "declined", "failures": 1, "retry_time": "2027-01-15T09:00:00Z",
    }  # fmt: skip

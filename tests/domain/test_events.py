"""Outgoing events are told once for each crossing, whatever crosses, and never by what does not happen."""

from dataclasses import dataclass, replace

import pytest

from tests.domain import builders as b
from tests.domain.builders import HOUR_US, NANOS, PERIOD_END_US, RECORD, START_US, Desk
from tests.domain.cashier import Cashier, auto_reload, paid, top_up
from tests.domain.shop import shop_with
from tollhoused.domain import events
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.outgoing import (
    DATA_TYPES,
    CreditsExpired,
    CreditsGranted,
    CreditsLevel,
    EventKind,
    PlanChanged,
    ReservationExpired,
    UsageThreshold,
    data_from_json,
    data_to_json,
)
from tollhoused.domain.payments import Standing
from tollhoused.domain.reservation import OnExpiry
from tollhoused.errors import InsufficientCredits

LOW, DEPLETED = "credits.low", "credits.depleted"
GRANTED, EXPIRED = "credits.granted", "credits.expired"
USAGE = "usage.threshold"


@dataclass
class Listener(Desk):
    """A desk whose events are listened to."""

    heard: int = 0

    def news(self) -> list[str]:
        """What was told since the last time, shortly: usage with its percentage."""
        found = self.account.changes.events[self.heard :]
        self.heard += len(found)
        return [f"{e.kind} {e.data.percent}" if isinstance(e.data, UsageThreshold) else str(e.kind) for e in found]


@pytest.fixture
def desk() -> Listener:
    """Anna on the free plan: 10 calls included, 2.00 beyond; warned below 1.00."""
    return Listener()


def test_a_threshold_is_told_by_the_event_that_comes_to_it(desk: Listener) -> None:
    desk.use(b.use(7))
    assert desk.news() == []

    desk.use(b.use(1))
    assert desk.news() == [f"{USAGE} 80"]
    (event,) = desk.account.changes.events
    assert event.data == UsageThreshold("calls", 80, 8, 10, "free", 1, START_US, PERIOD_END_US)
    assert (event.account_id, event.at_us, event.position) == (b.ANNAS, START_US, None)

    desk.use(b.use(1))
    assert desk.news() == []
    desk.use(b.use(1))
    assert desk.news() == [f"{USAGE} 100"]


def test_one_event_may_pass_both_thresholds(desk: Listener) -> None:
    desk.use(b.use(12, enforcement=RECORD))

    assert desk.news()[:2] == [f"{USAGE} 80", f"{USAGE} 100"]


def test_the_next_period_tells_anew_and_a_late_event_tells_of_the_old_one(desk: Listener) -> None:
    desk.use(b.use(7))
    desk.wait_until(PERIOD_END_US + DAY_US)
    desk.use(b.use(8))
    desk.use(b.use(1, at=PERIOD_END_US - DAY_US))

    first, second = desk.account.changes.events
    assert (first.data.period_start_us, second.data.period_start_us) == (PERIOD_END_US, START_US)  # type: ignore[union-attr]


@pytest.mark.parametrize("meter", ["tokens", "beacons"])
def test_where_nothing_is_included_or_limited_there_is_no_threshold(desk: Listener, meter: str) -> None:
    desk.subscribe(b.assign("plus"))
    desk.news()
    desk.use(b.use(900_000, meter, product="send", enforcement=RECORD))

    assert desk.news() == ([f"{USAGE} 80", f"{USAGE} 100"] if meter == "tokens" else [])
    desk.use(b.use(5, "beacons", product="send"))
    assert desk.news() == []


def test_a_replay_and_a_refusal_tell_nothing(desk: Listener) -> None:
    desk.use(b.use(8, key="call-1"))
    desk.news()

    assert desk.settle(b.use(8, key="call-1")).replayed
    with pytest.raises(InsufficientCredits):
        desk.use(b.use(3))
    assert desk.news() == []


def test_a_refused_atomic_call_tells_nothing(desk: Listener) -> None:
    with pytest.raises(InsufficientCredits):
        desk.settle_atomic(b.use(8), b.use(3))

    assert desk.news() == []
    desk.settle_atomic(b.use(4), b.use(4))
    assert desk.news() == [f"{USAGE} 80"]


def test_usage_that_was_brought_along_tells_nothing(desk: Listener) -> None:
    segment = desk.account.segment
    desk.account.put_counter(desk.account.counter(segment, "calls")._replace(carried=9))
    desk.use(b.use(1))

    assert desk.news() == [f"{USAGE} 100"]


def test_low_credits_are_told_once_and_again_after_they_were_enough(desk: Listener) -> None:
    desk.credit(b.grant(3 * NANOS))
    desk.use(b.use(10))
    desk.news()

    desk.use(b.use(1))  # 3.00 - 2.00
    assert desk.news() == []
    desk.credit(b.adjust(-NANOS // 2))
    assert desk.news() == [LOW]
    desk.credit(b.adjust(-NANOS // 4))
    assert desk.news() == []
    desk.credit(b.adjust(-NANOS // 4))
    assert desk.news() == [DEPLETED]

    desk.credit(b.grant(NANOS // 2))
    desk.credit(b.adjust(-NANOS // 2))
    assert desk.news() == [GRANTED, DEPLETED]
    desk.credit(b.grant(NANOS))
    desk.credit(b.adjust(-NANOS))
    assert desk.news() == [GRANTED, LOW, DEPLETED]


def test_an_account_that_never_had_credits_is_not_told_that_they_are_low(desk: Listener) -> None:
    desk.use(b.use(12, enforcement=RECORD))

    assert desk.news() == [f"{USAGE} 80", f"{USAGE} 100"]


def test_a_debit_on_record_tells_what_is_owed(desk: Listener) -> None:
    desk.credit(b.grant(NANOS))
    desk.use(b.use(11, enforcement=RECORD))

    level = desk.account.changes.events[-1].data
    assert level == CreditsLevel("eur", 0, 0, NANOS)


def test_what_is_only_held_is_not_yet_spent(desk: Listener) -> None:
    desk.credit(b.grant(2 * NANOS))
    desk.use(b.use(10))
    desk.news()
    desk.reserve(b.reserve(1, id="rsv_1"))
    assert desk.news() == []

    desk.commit(b.commit("rsv_1", 1))
    assert desk.news() == [LOW, DEPLETED]


def test_time_alone_tells_too_and_whoever_comes_next_finds_it_told(desk: Listener) -> None:
    desk.credit(b.grant(2 * NANOS, id="grant_1", expires=START_US + HOUR_US))
    desk.news()

    desk.wait_until(START_US + DAY_US).use(b.use(1))
    assert desk.news() == [EXPIRED, LOW, DEPLETED]
    expired = desk.account.changes.events[1]
    assert expired.data == CreditsExpired("eur", "grant_1", 2 * NANOS, START_US + HOUR_US)
    assert expired.at_us == START_US + DAY_US
    desk.let_time_pass(START_US + 2 * DAY_US)
    assert desk.news() == []


def test_what_time_did_is_told_also_where_the_call_is_refused(desk: Listener) -> None:
    desk.credit(b.grant(2 * NANOS, expires=START_US + HOUR_US))
    desk.use(b.use(10))
    desk.news()

    with pytest.raises(InsufficientCredits):
        desk.wait_until(START_US + DAY_US).use(b.use(1))
    assert desk.news() == [EXPIRED, LOW, DEPLETED]


def test_whether_accounts_were_looked_at_in_between_makes_no_difference() -> None:
    seldom, often = Desk(), Desk()
    for desk in (seldom, often):
        desk.credit(b.grant(2 * NANOS, id="grant_1", expires=START_US + HOUR_US))
        desk.credit(b.grant(5 * NANOS, id="grant_2", effective=START_US + DAY_US))
    often.let_time_pass(START_US + HOUR_US).let_time_pass(START_US + DAY_US)
    for desk in (seldom, often):
        desk.let_time_pass(START_US + 40 * DAY_US)

    assert [event.data for event in seldom.account.changes.events] == [e.data for e in often.account.changes.events]
    assert LOW in [event.kind for event in seldom.account.changes.events]


def test_a_grant_is_told_with_its_terms(desk: Listener) -> None:
    desk.credit(b.grant(NANOS, id="grant_1", meters=("calls",), expires=START_US + DAY_US))

    (event,) = desk.account.changes.events
    assert event.data == CreditsGranted("eur", "grant_1", "paid", NANOS, ("calls",), START_US, START_US + DAY_US)


def test_a_change_of_plan_is_told_at_its_instant(desk: Listener) -> None:
    desk.subscribe(b.assign("plus", start=START_US + HOUR_US, end=START_US + 2 * HOUR_US))
    assert desk.news() == []

    desk.let_time_pass(START_US + DAY_US)
    assert [event.data for event in desk.account.changes.events] == [
        PlanChanged("free", 1, "plus", 1, START_US + HOUR_US),
        PlanChanged("plus", 1, "free", 1, START_US + 2 * HOUR_US),
    ]


def test_an_override_and_a_new_version_of_the_plan_are_no_change_of_plan() -> None:
    desk = Desk(history=shop_with(('name = "Free"', 'name = "Gratis"')))
    desk.override(b.override(included=20))
    desk.let_time_pass(PERIOD_END_US)

    assert desk.account.changes.events == []


@pytest.mark.parametrize(("on_expiry", "state"), [(OnExpiry.RELEASE, "expired"), (OnExpiry.COMMIT, "committed")])
def test_a_reservation_that_nobody_ended_is_told(desk: Listener, on_expiry: OnExpiry, state: str) -> None:
    desk.reserve(b.reserve(8, id="rsv_1", on_expiry=on_expiry))
    desk.reserve(b.reserve(1, id="rsv_2"))
    desk.reserve(b.release("rsv_2"))
    desk.let_time_pass(START_US + DAY_US)

    first, *rest = desk.account.changes.events
    assert first.data == ReservationExpired("rsv_1", "talk", "calls", 8, state, 0, "eur", START_US + HOUR_US)
    assert [event.kind for event in rest] == ([USAGE] if on_expiry is OnExpiry.COMMIT else [])


def test_an_amount_that_is_raised_in_the_catalogue_tells_once(desk: Listener) -> None:
    desk.credit(b.grant(3 * NANOS))
    desk.history = shop_with(('credits_low = "1.00"', 'credits_low = "5.00"'))

    desk.use(b.use(1))
    desk.use(b.use(1))
    assert desk.news() == [GRANTED, LOW]


def test_events_are_named_by_their_transaction(desk: Listener) -> None:
    desk.account.version = 7
    desk.use(b.use(10))

    assert [event.id for event in desk.account.changes.events] == ["evt_anna_8_1", "evt_anna_8_2"]


def test_every_kind_is_stored_and_read_again() -> None:
    desk = Cashier()
    desk.credit(b.grant(2 * NANOS, meters=("calls",), expires=START_US + DAY_US))
    desk.reserve(b.reserve(1))
    desk.use(b.use(10))
    desk.subscribe(b.assign("plus"))
    desk.let_time_pass(START_US + 2 * DAY_US)
    desk.settle(top_up("int_1"))
    desk.observe(paid(returned=1))
    desk.settle(auto_reload(threshold=100))
    for pay in (desk.pay, desk.decline, desk.decline, desk.decline):
        pay(desk.reloads[-1])
        desk.let_time_pass(desk.now_us + DAY_US)
    failed = replace(
        desk.account.subscriptions[desk.account.segment.subscription_id or ""],
        standing=Standing.PAST_DUE,
        grace_until_us=desk.now_us + DAY_US,
    )
    since = events.mark(desk.account)
    desk.account.put_subscription(failed)
    events.tell(desk.account, since, desk.now_us, desk.now_us, desk.history.newest.thresholds)

    found = desk.account.changes.events
    assert {event.kind for event in found} == set(EventKind) == set(DATA_TYPES)
    for event in found:
        assert data_from_json(event.kind, data_to_json(event.data)) == event.data


@pytest.mark.parametrize(
    ("before", "after", "told_of"), [(0, 7, []), (7, 8, [80]), (8, 9, []), (7, 10, [80, 100]), (10, 12, []), (9, 8, [])]
)
def test_a_percentage_is_crossed_from_below_only(before: int, after: int, told_of: list[int]) -> None:
    assert events.crossed(before, after, 10, (80, 100)) == told_of

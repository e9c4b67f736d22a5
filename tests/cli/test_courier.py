"""Events reach their endpoints signed, and again until they are taken; the slow keep nobody waiting (O7)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, tzinfo

import pytest
from standardwebhooks import Webhook

from tests.support.books import query
from tests.support.door import until
from tests.support.house import DAY_US, SECOND_US, Clock, CoreMaker, call, give_credits, make_user, use
from tests.support.receiver import Receiver, receiving
from tollhoused.cli.courier import LEASE_SECONDS, Courier
from tollhoused.domain.endpoints import ATTEMPTS_MAX
from tollhoused.store.deliveries import Result
from tollhoused.usecases import endpoints
from tollhoused.usecases.core import Core
from tollhoused.usecases.endpoints import NewSecret


class _StandingStill(datetime):
    """The wall clock as the library sees it."""

    now_us = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_StandingStill":
        return cls.fromtimestamp(cls.now_us / SECOND_US, tz=tz)


def add(core: Core, url: str, kinds: tuple[str, ...] = ()) -> NewSecret:
    """An endpoint."""
    core.events_allow_private = True
    return endpoints.create(
        core, call(), url=url, kinds=kinds, idempotency_key=core.new_id("test"), validate_only=False
    )


def courier_of(core: Core, **more: float) -> Courier:
    """A courier that may post to this machine, and looks often."""
    return Courier(core, allow_private=True, look_seconds=0.02, **more)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def courier(core: Core) -> Iterator[Courier]:
    made = courier_of(core)
    made.start()
    yield made
    made.stop()


def _happen(core: Core, name: str = "anna") -> None:
    """One event: credits are granted."""
    make_user(core, name)
    give_credits(core, name, 5)
    core.store.events.relay("relay", core.clock(), SECOND_US, 100)


def _states(url: str) -> list[tuple[object, ...]]:
    return query(url, "SELECT state, attempts, problem FROM event_deliveries ORDER BY position")


def test_an_event_is_posted_with_a_signature_that_the_receiver_can_check(
    core: Core, clock: Clock, receiver: Receiver, courier: Courier, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    made = add(core, receiver.url + "hook?of=us")
    _happen(core)
    until(lambda: len(receiver.requests) == 1, "it came")

    path, headers, body = receiver.requests[0]
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", _StandingStill)
    _StandingStill.now_us = clock.now_us
    assert Webhook(made.secret).verify(body, headers)["data"]["amount_nanos"] == "5000000000"
    assert headers["webhook-timestamp"] == str(clock.now_us // SECOND_US)
    assert (path, headers["content-type"]) == ("/hook?of=us", "application/json")
    until(lambda: query(database_url, "SELECT reached FROM event_endpoints") == [(1,)], "it is noted")
    assert _states(database_url) == []


def test_only_what_was_asked_for_and_only_from_then_on(core: Core, receiver: Receiver, courier: Courier) -> None:
    _happen(core)
    add(core, receiver.url, ("usage.threshold",))
    use(core, "anna", "call-1", 10)
    _happen(core, "bert")

    until(lambda: len(receiver.requests) == 2, "both thresholds came")
    assert [json.loads(body)["data"]["percent"] for body in receiver.bodies] == [80, 100]


def test_what_is_not_taken_is_sent_again_and_later_events_do_not_wait(
    core: Core, clock: Clock, courier: Courier, database_url: str
) -> None:
    with receiving(answer=lambda number: 500 if number == 0 else 200) as receiver:
        add(core, receiver.url)
        _happen(core)
        _happen(core, "bert")
        until(lambda: len(receiver.requests) == 2, "the second came")
        until(lambda: _states(database_url) == [("pending", 1, "answered 500")], "the first waits")
        clock.now_us += 7 * SECOND_US

        until(lambda: _states(database_url) == [("delivered", 2, "")], "it was taken")
        assert [json.loads(body)["data"]["position"] for body in receiver.bodies] == [1, 2, 1]
        ids = [headers["webhook-id"] for _, headers, _ in receiver.requests]
        assert ids[0] == ids[2] != ids[1]


def test_after_three_days_it_is_given_up_and_may_be_sent_again_by_hand(
    core: Core, clock: Clock, courier: Courier, database_url: str
) -> None:
    taking: list[bool] = []
    with receiving(answer=lambda _: 200 if taking else 302) as receiver:
        made = add(core, receiver.url)
        _happen(core)
        for attempts in range(1, ATTEMPTS_MAX):
            failed = [("pending", attempts, "answered 302")]
            until(lambda failed=failed: _states(database_url) == failed, "it failed")  # type: ignore[misc]
            clock.now_us += 2 * DAY_US
        until(lambda: _states(database_url) == [("dead", ATTEMPTS_MAX, "answered 302")], "given up")
        assert {path for path, _, _ in receiver.requests} == {"/"}, "redirects are not followed"
        (letter,) = endpoints.list_dead(core)
        assert (letter.event.position, letter.problem) == (1, "answered 302")

        taking.append(True)
        (endpoint,) = endpoints.list_endpoints(core)
        assert endpoints.send_again(core, endpoint, 1, 1) == 1
        until(lambda: _states(database_url) == [("delivered", 1, "")], "it was taken")
        assert endpoints.list_dead(core) == []
        assert made.answer.endpoint_id == endpoint.id


def test_a_deleted_endpoint_is_sent_nothing(core: Core, receiver: Receiver, courier: Courier) -> None:
    made, kept = add(core, receiver.url), add(core, receiver.url + "kept")
    endpoints.delete(core, call(), endpoint_id=made.answer.endpoint_id, idempotency_key="delete", validate_only=False)
    _happen(core)

    until(lambda: len(receiver.requests) == 1, "it came")
    assert receiver.requests[0][0] == "/kept"
    assert [item.id for item in endpoints.list_endpoints(core)] == [kept.answer.endpoint_id]


def test_slow_endpoints_keep_nobody_waiting(core: Core) -> None:
    courier = courier_of(core, quick_seconds=0.2, slow_seconds=1.0)
    with receiving(delay_seconds=30.0) as slow, receiving() as quick:
        for number in range(100):
            add(core, f"{slow.url}{number}")
        add(core, quick.url)
        _happen(core)
        courier.start()
        until(lambda: len(quick.requests) == 1, "the quick one has its event")
        _happen(core, "bert")
        until(lambda: len(quick.requests) == 2, "and the next one")
        courier.stop()
        slow.delay_seconds = 0.0


def test_an_endpoint_that_takes_its_time_is_given_it(core: Core, database_url: str) -> None:
    courier = courier_of(core, quick_seconds=0.1, slow_seconds=10.0)
    with receiving(delay_seconds=0.3) as receiver:
        add(core, receiver.url)
        _happen(core)
        courier.start()
        until(lambda: query(database_url, "SELECT reached FROM event_endpoints") == [(1,)], "it was taken")
        courier.stop()
    assert _states(database_url) == []


def test_two_processes_send_an_event_once(database_url: str, make_core: CoreMaker, receiver: Receiver) -> None:
    with ExitStack() as stack:
        cores = [make_core(database_url) for _ in range(2)]
        for core in cores:
            courier = courier_of(core)
            courier.start()
            stack.callback(courier.stop)
        add(cores[0], receiver.url)
        for number in range(10):
            _happen(cores[number % 2], f"user-{number}")
        until(lambda: query(database_url, "SELECT reached FROM event_endpoints") == [(10,)], "all came")

    assert sorted(json.loads(body)["data"]["position"] for body in receiver.bodies) == list(range(1, 11))


def test_another_process_takes_over_and_the_first_stores_nothing(
    database_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    core = make_core(database_url)
    endpoint_id = add(core, "https://example.test/").answer.endpoint_id
    _happen(core)
    deliveries = core.store.deliveries
    first = deliveries.take(endpoint_id, "first", clock.now_us, LEASE_SECONDS * SECOND_US, 10)
    assert first
    assert deliveries.take(endpoint_id, "second", clock.now_us, LEASE_SECONDS * SECOND_US, 10) is None

    clock.now_us += LEASE_SECONDS * SECOND_US
    second = deliveries.take(endpoint_id, "second", clock.now_us, LEASE_SECONDS * SECOND_US, 10)
    assert second
    result = Result(True, 1, None)
    assert not deliveries.settle(first, first.deliveries[0], result, "first", 0)
    assert query(database_url, "SELECT reached FROM event_endpoints") == [(0,)]
    assert deliveries.settle(second, second.deliveries[0], result, "second", 0)
    assert query(database_url, "SELECT reached FROM event_endpoints") == [(1,)]


def test_this_machine_is_reached_only_where_that_is_allowed(core: Core, receiver: Receiver, database_url: str) -> None:
    courier = Courier(core, look_seconds=0.02)
    add(core, receiver.url)
    _happen(core)
    courier.start()
    until(lambda: [row[:2] for row in _states(database_url)] == [("pending", 1)], "it was tried")
    courier.stop()

    assert receiver.requests == []
    assert _states(database_url) == [("pending", 1, "the host's address is not a public one")]

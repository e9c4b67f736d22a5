"""What commands use of a server: its health, and a sender that repeats what got no clear answer."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.support.door import Door, ServerMaker
from tests.support.house import CoreMaker, usage_report
from tollhoused.errors import Overloaded, StoreUnavailable
from tollhoused.rpc.channel import CallFailed, Target, check_health
from tollhoused.rpc.client import Patience, Recorded, Refused, UsageSender
from tollhoused.rpc.server import GrpcServer
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases import usage as usage_cases
from tollhoused.usecases.core import Core

HASTY = Patience(attempts=4, deadline_seconds=5, pause_seconds=0.001, pause_max_seconds=0.01)
MINUTE_NANOS = 40_000_000
NOBODY = "127.0.0.1:1"


@pytest.fixture
def core(sqlite_url: str, make_core: CoreMaker) -> Core:
    return make_core(sqlite_url)


@pytest.fixture
def sender(door: Door) -> Iterator[UsageSender]:
    door.make_user("anna")
    door.fund("anna", 1)
    with UsageSender(Target(door.address), HASTY) as sender:
        yield sender


def test_health_is_what_the_server_says(server: GrpcServer, door: Door) -> None:
    assert check_health(Target(door.address))
    server.health.report(False)
    assert not check_health(Target(door.address), "tollhouse.v1.UsageService")


def test_who_cannot_be_asked_is_an_error_that_names_the_address(door: Door) -> None:
    with pytest.raises(CallFailed, match=rf"{NOBODY} does not answer: UNAVAILABLE"):
        check_health(Target(NOBODY), timeout_seconds=2)
    with pytest.raises(CallFailed, match=r"does not know the service nothing"):
        check_health(Target(door.address), "nothing")


def test_each_item_gets_its_result_in_its_place(sender: UsageSender) -> None:
    reports = [
        usage_report("anna", "a", 12, metadata={"room": "blue"}),
        usage_report("nobody", "b"),
        usage_report("anna", "a", 12, metadata={"room": "blue"}),
        usage_report("anna", "c", 99),
    ]

    results = sender.send(reports)

    assert results[0] == Recorded(quantity=12, charged_nanos=2 * MINUTE_NANOS, currency="usd", replayed=False)
    assert results[2] == Recorded(quantity=12, charged_nanos=2 * MINUTE_NANOS, currency="usd", replayed=True)
    assert isinstance(results[1], Refused)
    assert isinstance(results[3], Refused)
    assert [results[1].reason, results[3].reason] == ["SUBJECT_NOT_FOUND", "INSUFFICIENT_CREDITS"]


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_counts_twice(
    sender: UsageSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_batch, calls = usage_cases.record_batch, count()

    def lose_the_first(*arguments: Any, **more: Any) -> Any:
        outcomes = record_batch(*arguments, **more)
        if next(calls) == 0:
            raise StoreUnavailable("the answer is lost", retry_after_ms=1)
        return outcomes

    monkeypatch.setattr(usage_cases, "record_batch", lose_the_first)

    first, second = sender.send([usage_report("anna", "a", 2), usage_report("anna", "b", 3)])

    assert isinstance(first, Recorded)
    assert isinstance(second, Recorded)
    assert (first.replayed, second.replayed) == (True, True)
    assert next(calls) == 2


def test_items_without_a_clear_outcome_are_sent_again_and_only_they(
    core: Core, sender: UsageSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, failures, sizes = core.store.batch, count(), []
    record_batch = usage_cases.record_batch

    def away_at_first() -> Any:
        if next(failures) < 4:
            raise StoreFault(Fault.AWAY, "gone")
        return batch()

    def watch(core: Core, call: Any, reports: Any, **more: Any) -> Any:
        sizes.append(len(reports))
        return record_batch(core, call, reports, **more)

    monkeypatch.setattr(core.store, "batch", away_at_first)
    monkeypatch.setattr(usage_cases, "record_batch", watch)

    results = sender.send([usage_report("anna", "a"), usage_report("nobody", "b"), usage_report("anna", "c")])

    assert [type(result) for result in results] == [Recorded, Refused, Recorded]
    assert sizes == [3, 2]


def test_patience_ends(sender: UsageSender, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count()

    def full(*_: object, **__: object) -> None:
        next(calls)
        raise Overloaded("too many calls are waiting")

    monkeypatch.setattr(usage_cases, "record_batch", full)

    with pytest.raises(CallFailed, match="1 usage events got no answer in 4 attempts: UNAVAILABLE, too many"):
        sender.send([usage_report("anna", "a")])
    assert next(calls) == 4


def test_a_server_that_is_not_there_is_an_error(serve: ServerMaker) -> None:
    with UsageSender(Target(NOBODY), HASTY) as sender, pytest.raises(CallFailed, match="UNAVAILABLE"):
        sender.send([usage_report("anna", "a")])


def test_a_call_that_is_refused_as_a_whole_is_not_repeated(sender: UsageSender) -> None:
    with pytest.raises(CallFailed, match="the server refuses the call: INVALID_ARGUMENT, items: must have from 1"):
        sender.send([])


def test_pauses_double_up_to_a_bound_and_respect_the_server() -> None:
    patience = Patience(pause_seconds=0.1, pause_max_seconds=1.0)

    assert [patience.pause(attempt, 0) for attempt in range(5)] == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert patience.pause(0, 0.5) == 0.5
    assert patience.pause(0, 99) == 1.0

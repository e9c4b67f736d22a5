"""StreamUsage: what is acknowledged is stored, in order; what a client does to its stream harms only that (U6)."""

import queue
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import grpc
import psycopg
import pytest
from tollhouse.v1 import usage_service_pb2 as pb
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.support.books import broken_rules, keys, query
from tests.support.callers import make_client, make_key, revoke
from tests.support.door import TIMEOUT_SECONDS, Door, Refusal, ServerMaker, item, refusal_of, until, usage
from tests.support.house import START_US, CoreMaker, give_credits, make_user
from tollhoused.domain.keys import Environment, Scope
from tollhoused.journal.journal import Limits
from tollhoused.rpc.open_calls import OpenLimits
from tollhoused.rpc.server import GrpcServer
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.throttle import Throttle

Sent = pb.UsageItem | list[pb.UsageItem]


class Stream:
    """One stream: items are sent when a test says so, acknowledgements are read when it asks for them."""

    def __init__(self, door: Door, **more: Any) -> None:
        self._to_send: queue.Queue[pb.StreamUsageRequest | None] = queue.Queue()
        self._read: list[pb.ItemAcknowledgement] = []
        self.call: Any = door.usage.StreamUsage(iter(self._to_send.get, None), timeout=TIMEOUT_SECONDS, **more)

    def send(self, *messages: Sent) -> "Stream":
        """One message for each item or list of items."""
        for items in messages:
            self._to_send.put(pb.StreamUsageRequest(items=items if isinstance(items, list) else [items]))
        return self

    def close(self) -> "Stream":
        """Nothing more is sent."""
        self._to_send.put(None)
        return self

    def read(self, number: int) -> list[pb.ItemAcknowledgement]:
        """So many acknowledgements; those that came with them are kept for the next time."""
        while len(self._read) < number:
            self._read.extend(next(self.call).acknowledgements)
        found, self._read = self._read[:number], self._read[number:]
        return found

    def rest(self) -> list[pb.ItemAcknowledgement]:
        """What comes until the stream ends with OK."""
        found, self._read = self._read, []
        return found + [item for message in self.call for item in message.acknowledgements]

    def end(self) -> tuple[list[pb.ItemAcknowledgement], Refusal]:
        """What comes until the stream ends otherwise, and how it ends."""
        found, self._read = self._read, []
        try:
            for message in self.call:
                found += message.acknowledgements
        except grpc.RpcError as error:
            self.close()
            return found, refusal_of(error)
        raise AssertionError("the stream has ended with OK")


def _calls(user_id: str, numbers: Iterator[int] | range, prefix: str = "call") -> list[pb.UsageItem]:
    return [item(user_id, f"{prefix}-{number:05}", meter="api_calls") for number in numbers]


def _keys(found: list[pb.ItemAcknowledgement]) -> list[str]:
    return [each.idempotency_key for each in found]


def test_each_item_is_acknowledged_in_order_as_a_call_of_its_own_would_be(door: Door, database_url: str) -> None:
    door.make_user("anna")
    stream = Stream(door).send(
        item("anna", "first", 3),
        [item("anna", "second", 4), item("nobody", "third"), item("anna", "first", 3)],
        [item("anna", "first", 5), item("anna", "fifth", -1)],
        item("anna", "sixth", 3),
    )

    found = stream.close().rest()

    assert [each.sequence for each in found] == [1, 2, 3, 4, 5, 6, 7]
    assert _keys(found) == ["first", "second", "third", "first", "first", "fifth", "sixth"]
    assert [each.recorded.new_usage for each in found] == [3, 7, 0, 3, 0, 0, 10]
    assert [each.recorded.replayed for each in found] == [False, False, False, True, False, False, False]
    errors = {each.sequence: dict(each.error.metadata) for each in found if each.HasField("error")}
    assert errors == {3: {"part": "user_id"}, 5: {"field": "quantity"}, 6: {"field": "items[1].quantity"}}
    assert keys(database_url) == ["first", "second", "sixth"]
    assert broken_rules(database_url) == {}


def test_somebody_unknown_is_made_where_an_item_asks_for_it(door: Door, database_url: str) -> None:
    door.make_user("anna")
    new = [item("newcomer", f"new-{number}", create_if_missing=True) for number in range(3)]

    found = Stream(door).send(item("newcomer", "too early"), new[0], [item("anna", "hers"), *new[1:]]).close().rest()

    assert [each.HasField("error") for each in found] == [True, False, False, False, False]
    assert [each.recorded.new_usage for each in found] == [0, 1, 1, 2, 3]
    assert len({found[index].recorded.account_id for index in (1, 3, 4)}) == 1
    assert broken_rules(database_url) == {}


def test_what_is_acknowledged_is_stored(door: Door, database_url: str) -> None:
    door.make_user("anna")
    stream = Stream(door)
    for start in range(0, 40, 8):
        stream.send(*_calls("anna", range(start, start + 8)))
        acknowledged = set(_keys(stream.read(8)))
        assert acknowledged <= set(keys(database_url))
    assert stream.close().rest() == []


def test_a_stream_that_was_cut_is_resumed_and_counts_everything_once(door: Door, database_url: str) -> None:
    door.make_user("anna")
    items = _calls("anna", range(300))
    cut = Stream(door).send(*(items[start : start + 20] for start in range(0, 300, 20)))
    acknowledged = _keys(cut.read(60))
    cut.call.cancel()
    cut.close()

    assert set(acknowledged) <= set(keys(database_url))
    left = items[len(acknowledged) :]
    again = Stream(door).send(*(left[start : start + 20] for start in range(0, len(left), 20))).close().rest()

    assert acknowledged + _keys(again) == [each.idempotency_key for each in items]
    assert all(each.HasField("recorded") for each in again)
    assert keys(database_url) == [each.idempotency_key for each in items]
    assert max(each.recorded.new_usage for each in again) == 300
    assert broken_rules(database_url) == {}


def test_a_client_that_does_not_read_is_not_read_either_and_then_cut_off(
    core: Core, serve: ServerMaker, database_url: str
) -> None:
    server, door = serve(core, open_limits=OpenLimits(window_items=50, stalled_seconds=1.0))
    door.make_user("anna")
    door.fund("anna", 1_000)
    sent = count()
    stopped = threading.Event()

    def endless() -> Iterator[pb.StreamUsageRequest]:
        while not stopped.is_set():
            yield pb.StreamUsageRequest(items=_calls("anna", (next(sent) for _ in range(10))))

    with grpc.insecure_channel(door.address, [("grpc.http2.bdp_probe", 0)]) as channel:  # takes in 64 KB at the most
        call: Any = UsageServiceStub(channel).StreamUsage(endless(), timeout=TIMEOUT_SECONDS)
        until(lambda: server.streams.open == 1, "the stream is open")
        until(lambda: server.streams.open == 0, "the stream is cut off")
        stopped.set()
        with pytest.raises(grpc.RpcError) as caught:
            list(call)

    assert caught.value.code() is grpc.StatusCode.CANCELLED
    assert 50 <= len(keys(database_url)) < 3_000  # what 64 KB of acknowledgements and the window hold
    assert door.record(usage("anna", "other")).new_usage == 1
    until(lambda: server.streams.has_room, "its threads are free")


def test_more_streams_than_there_is_room_for_are_refused_and_calls_are_not(core: Core, serve: ServerMaker) -> None:
    server, door = serve(core, open_limits=OpenLimits(streams_max=2), calls_max=1)
    door.make_user("anna")
    streams = [Stream(door).send(item("anna", f"in-{number}")) for number in range(2)]
    assert [len(stream.read(1)) for stream in streams] == [1, 1]

    _, found = Stream(door).end()

    assert (found.code, found.reason, found.retry_seconds) == ("UNAVAILABLE", "OVERLOADED", 1.0)
    assert door.record(usage("anna", "call")).new_usage == 3
    assert streams[0].close().rest() == []
    until(lambda: server.streams.has_room, "there is room again")
    assert len(Stream(door).send(item("anna", "later")).close().rest()) == 1
    assert streams[1].close().rest() == []


def test_a_fast_client_is_slowed_down_and_nothing_is_refused(core: Core, serve: ServerMaker) -> None:
    _, door = serve(core, throttle=Throttle(6_000))
    make_user(core, "anna")
    give_credits(core, "anna", 10)
    began = time.monotonic()
    stream = Stream(door).send(*(_calls("anna", range(start, start + 20)) for start in range(0, 1_040, 20)))

    found = stream.close().rest()

    assert [each.HasField("recorded") for each in found] == [True] * 1_040
    assert time.monotonic() - began > 0.3  # a thousand at once, the rest at a hundred a second


def test_a_full_queue_holds_a_stream_back_and_nothing_is_refused(
    database_url: str, make_core: CoreMaker, serve: ServerMaker
) -> None:
    _, door = serve(make_core(database_url, limits=Limits(queue_max=2, batch_max=1)))
    door.make_user("anna")

    found = Stream(door).send(*_calls("anna", range(40))).close().rest()

    assert [each.recorded.new_usage for each in found] == list(range(1, 41))


@pytest.fixture
def keyring(core: Core) -> Keyring:
    make_client(core, "talk-backend")
    return Keyring(core.store, Environment.TEST, lambda: START_US + 1, stale_seconds=3_600)


def test_a_key_that_is_revoked_ends_the_stream_after_what_was_read(
    core: Core, keyring: Keyring, serve: ServerMaker, database_url: str
) -> None:
    made = make_key(core, "talk-backend", [Scope.USAGE_WRITE], ["talk"])
    keyring.refresh()
    _, door = serve(core, keyring=keyring)
    make_user(core, "anna")
    stream = Stream(door, metadata=[("x-api-key", made.text)])
    first = stream.send([item("anna", "before"), item("anna", "theirs", product="send")]).read(2)

    revoke(core, made.answer.key_id)
    keyring.refresh()
    late, found = stream.end()

    assert [each.WhichOneof("result") for each in first] == ["recorded", "error"]
    assert (late, found.code, found.reason) == ([], "UNAUTHENTICATED", "KEY_REVOKED")
    assert keys(database_url) == ["before"]


def test_a_server_that_stops_acknowledges_what_it_has_read(
    core: Core, server: GrpcServer, door: Door, database_url: str
) -> None:
    door.make_user("anna")
    stream = Stream(door).send(*_calls("anna", range(30)))
    early = stream.read(1)

    stop = threading.Thread(target=server.drain, args=(10, 0))
    stop.start()
    late, found = stream.end()
    stop.join(TIMEOUT_SECONDS)

    assert (found.code, found.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")
    assert not stop.is_alive()
    assert _keys(early + late) == keys(database_url)


@pytest.mark.parametrize("limits", [OpenLimits(life_seconds=0.3), OpenLimits(idle_seconds=0.3)], ids=["old", "idle"])
def test_a_stream_ends_when_its_time_is_over(core: Core, serve: ServerMaker, limits: OpenLimits) -> None:
    _, door = serve(core, open_limits=limits)
    door.make_user("anna")
    stream = Stream(door).send(item("anna", "in time"))

    acknowledged, found = stream.end()

    assert _keys(acknowledged) == ["in time"]
    assert (found.code, found.reason) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")


def test_a_client_that_never_closes_its_side_holds_no_thread_of_a_stream_that_has_ended(
    core: Core, serve: ServerMaker
) -> None:
    server, door = serve(core, open_limits=OpenLimits(streams_max=1, idle_seconds=0.1))
    door.make_user("anna")
    never: queue.Queue[pb.StreamUsageRequest | None] = queue.Queue()
    with pytest.raises(grpc.RpcError) as ended:
        list(door.usage.StreamUsage(iter(never.get, None), timeout=TIMEOUT_SECONDS))
    until(lambda: server.streams.has_room, "there is room again")

    found = Stream(door).send(item("anna", "next")).close().rest()

    assert refusal_of(ended.value).reason == "DEADLINE_EXCEEDED"
    assert _keys(found) == ["next"]
    never.put(None)


@pytest.mark.parametrize("number", [0, 101])
def test_a_message_of_bad_form_ends_the_stream_after_what_came_before(door: Door, number: int) -> None:
    door.make_user("anna")
    stream = Stream(door).send(item("anna", "good"), _calls("anna", range(number)), item("anna", "after"))

    acknowledged, found = stream.end()

    assert _keys(acknowledged) == ["good"]
    assert (found.reason, found.violations) == ("INVALID_FIELD", {"items": "must have from 1 to 100 entries"})


def test_a_database_that_was_away_costs_the_items_of_that_time_only(
    core: Core, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.make_user("anna")
    stream = Stream(door).send(item("anna", "before"))
    assert stream.read(1)[0].recorded.new_usage == 1

    def away() -> Any:
        raise StoreFault(Fault.AWAY, "gone")

    with monkeypatch.context() as patch:
        patch.setattr(core.store, "batch", away)
        (failed,) = stream.send(item("anna", "during")).read(1)
    again = stream.send(item("anna", "during")).close().rest()

    assert failed.error.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert [each.recorded.new_usage for each in again] == [2]


def test_an_account_that_is_stuck_delays_the_others_as_calls_would_be(
    postgres_url: str, make_core: CoreMaker, serve: ServerMaker
) -> None:
    core = make_core(postgres_url)
    _, door = serve(core)
    stuck, free = make_user(core, "stuck").account_id, make_user(core, "free").account_id
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM accounts WHERE id = %s FOR UPDATE", (stuck,))
        began = time.monotonic()
        found = Stream(door).send(item("stuck", "a"), item("free", "b"), item("free", "c")).close().rest()
        took = time.monotonic() - began

    assert [each.WhichOneof("result") for each in found] == ["error", "recorded", "recorded"]
    assert found[0].error.code == grpc.StatusCode.ABORTED.value[0]
    assert took < 8  # the wait for a lock is three seconds, once
    assert query(postgres_url, "SELECT count(*) FROM operations WHERE account = :id", id=free) == [(3,)]

"""WatchEvents: history from the cursor, then what is new; nothing is skipped, no watcher harms anybody else (O7)."""

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tollhouse.v1 import event_service_pb2 as pb
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.event_service_pb2_grpc import EventServiceStub

from tests.support.books import execute
from tests.support.callers import make_client, make_key, revoke
from tests.support.door import TIMEOUT_SECONDS, Door, Refusal, ServerMaker, refusal_of, until, usage
from tests.support.house import CoreMaker, give_credits, make_user, use
from tollhoused.cli.relay import Relay
from tollhoused.domain.keys import Environment, Scope
from tollhoused.rpc.open_calls import OpenLimits
from tollhoused.rpc.server import GrpcServer
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

ANNA = Subject(user_id="anna")


class Watch:
    """One open watch: messages are read when a test asks for them."""

    def __init__(self, door: Door, after: int = 0, stub: EventServiceStub | None = None, **asked: Any) -> None:
        request = pb.WatchEventsRequest(after_position=after, **asked)
        self.call: Any = (stub or door.events).WatchEvents(request, timeout=6 * TIMEOUT_SECONDS)

    def next(self) -> pb.WatchEventsResponse:
        """The next message."""
        message: pb.WatchEventsResponse = next(self.call)
        return message

    def events(self, count: int) -> list[pb.Event]:
        """So many events."""
        found: list[pb.Event] = []
        while len(found) < count:
            found += self.next().events
        return found

    def end(self) -> Refusal:
        """How the watch ends."""
        with pytest.raises(grpc.RpcError) as caught:
            list(self.call)
        return refusal_of(caught.value)


@pytest.fixture
def relay(core: Core) -> Iterator[Relay]:
    """A relay that works."""
    made = Relay(core, look_seconds=0.01)
    made.start()
    yield made
    made.stop()


def test_a_watcher_is_told_what_was_and_then_what_comes(core: Core, door: Door, relay: Relay) -> None:
    make_user(core, "anna")
    give_credits(core, "anna", 5)
    use(core, "anna", "call-1", 8)
    watch = Watch(door)
    assert [item.kind for item in watch.events(2)] == ["credits.granted", "usage.threshold"]

    door.record(usage("anna", "call-2", 2))
    (hundred,) = watch.events(1)
    assert (hundred.position, hundred.usage_threshold.percent) == (3, 100)
    listed = door.events.ListEvents(pb.ListEventsRequest(after_position=2), timeout=TIMEOUT_SECONDS)
    assert list(listed.events) == [hundred]


def test_the_first_message_comes_at_once_and_says_where_it_is(door: Door) -> None:
    assert Watch(door, after=7).next() == pb.WatchEventsResponse(reached_position=7)


def test_whoever_went_away_goes_on_where_it_was(core: Core, door: Door, relay: Relay) -> None:
    for name in ("anna", "bert"):
        make_user(core, name)
        give_credits(core, name, 5)
        use(core, name, f"call/{name}", 10)
    first = Watch(door)
    seen = first.events(3)
    first.call.cancel()

    again = Watch(door, after=2).events(4)
    assert [item.position for item in again] == [3, 4, 5, 6]
    assert again[0] == seen[2]


def test_a_watcher_may_ask_for_kinds_and_for_one_account(core: Core, door: Door, relay: Relay) -> None:
    make_user(core, "anna")
    make_user(core, "bert")
    granted, annas = Watch(door, kinds=["credits.granted"]), Watch(door, subject=ANNA)
    for name in ("bert", "anna"):
        give_credits(core, name, 5)
        use(core, name, f"call/{name}", 8)

    assert [item.kind for item in granted.events(2)] == ["credits.granted"] * 2
    found = annas.events(2)
    assert len({item.account_id for item in found}) == 1
    assert [item.kind for item in found] == ["credits.granted", "usage.threshold"]


def test_long_histories_come_in_portions_and_in_order(core: Core, database_url: str, door: Door, relay: Relay) -> None:
    data = '{"currency":"usd","spendable_nanos":0,"threshold_nanos":0,"debt_nanos":0}'.replace(":", "\\:")
    values = ", ".join(f"('acct_{number:05}', 1, 1, 'credits.low', 0, '{data}', NULL)" for number in range(250))
    execute(database_url, f"INSERT INTO outbox VALUES {values}")

    assert [item.position for item in Watch(door).events(250)] == list(range(1, 251))


def test_silence_is_broken_with_the_position_that_everything_was_told_up_to(
    core: Core, serve: ServerMaker, relay: Relay
) -> None:
    _, door = serve(core, open_limits=OpenLimits(heartbeat_seconds=0.2))
    make_user(core, "anna")
    watch = Watch(door, kinds=["plan.changed"])
    assert watch.next().reached_position == 0
    give_credits(core, "anna", 1)
    until(lambda: core.store.events.newest_position() == 1, "relayed")

    beats = [watch.next() for _ in range(3)]
    assert [len(beat.events) for beat in beats] == [0, 0, 0]
    assert beats[-1].reached_position == 1


def test_watchers_that_never_read_harm_nobody(core: Core, database_url: str, serve: ServerMaker, relay: Relay) -> None:
    server, door = serve(core, open_limits=OpenLimits(slow_seconds=0.5, crowded_seconds=0.1))
    values = ", ".join(
        f"('acct_{number:05}', 1, 1, 'credits.expired', 0, '{_long(number)}', NULL)" for number in range(300)
    )
    execute(database_url, f"INSERT INTO outbox VALUES {values}")
    until(lambda: core.store.events.newest_position() == 300, "relayed")
    threads = threading.active_count()
    with grpc.insecure_channel(door.address, [("grpc.http2.bdp_probe", 0)]) as channel:  # takes in 64 KB at the most
        stub = EventServiceStub(channel)
        deaf = [Watch(door, stub=stub) for _ in range(20)]
        _read_beside(door, core)
        until(lambda: server.event_watches.watchers == 0, "all are cut off")  # one that is read now would go on
        for watch in deaf:
            assert watch.end().code == "CANCELLED"
    assert threading.active_count() - threads < 60  # the pool of calls and the client's own


def _read_beside(door: Door, core: Core) -> None:
    """Reads everything, and hears of what is new."""
    reader = Watch(door)
    assert len(reader.events(300)) == 300
    make_user(core, "anna")
    give_credits(core, "anna", 1)
    assert reader.events(1)[0].kind == "credits.granted"
    reader.call.cancel()


def _long(number: int) -> str:
    return f'{{"currency":"usd","grant_id":"{"x" * 20_000}{number}","amount_nanos":1,"expired_us":0}}'.replace(
        ":", "\\:"
    )


def test_what_ends_a_watch(core: Core, serve: ServerMaker) -> None:
    keyring = Keyring(core.store, Environment.TEST, core.clock)
    make_client(core, "listener")
    made = make_key(core, "listener", [Scope.ENTITLEMENTS_READ])
    other = make_key(core, "listener", [Scope.ENTITLEMENTS_READ], ["talk"])
    keyring.refresh()
    server, door = serve(core, keyring=keyring, key=made.text)
    watch = Watch(door)
    watch.next()
    _, limited = serve(core, keyring=keyring, key=other.text)

    refused = Watch(limited).end()
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "PRODUCT_NOT_ALLOWED")
    revoke(core, made.answer.key_id)
    keyring.refresh()
    ended = watch.end()
    assert (ended.code, ended.reason) == ("UNAUTHENTICATED", "KEY_REVOKED")
    until(lambda: server.event_watches.watchers == 0, "it is gone")


def test_more_watches_than_there_is_room_for_are_refused(core: Core, serve: ServerMaker) -> None:
    server, door = serve(core, open_limits=OpenLimits(event_watchers_max=2))
    watches = [Watch(door) for _ in range(2)]
    for watch in watches:
        watch.next()

    assert Watch(door).end().reason == "OVERLOADED"
    watches[0].call.cancel()
    until(lambda: server.event_watches.has_room, "there is room again")
    assert Watch(door).next().reached_position == 0


def test_a_server_that_stops_ends_its_watches(server: GrpcServer, door: Door) -> None:
    watch = Watch(door)
    watch.next()

    server.drain(10, notice_seconds=0)

    assert watch.end().reason == "SHUTTING_DOWN"


def test_what_another_server_stores_is_told_too(
    core: Core, door: Door, relay: Relay, database_url: str, make_core: CoreMaker
) -> None:
    other = make_core(database_url)
    make_user(other, "anna")
    watch = Watch(door)
    give_credits(other, "anna", 1)

    assert watch.events(1)[0].kind == "credits.granted"


@pytest.mark.parametrize("asked", [{"after": -1}, {"kinds": ["x"]}, {"subject": Subject()}])
def test_bad_form_is_refused(door: Door, asked: dict[str, Any]) -> None:
    assert Watch(door, **asked).end().reason == "INVALID_FIELD"

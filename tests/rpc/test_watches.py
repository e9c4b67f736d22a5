"""WatchEntitlements: a snapshot, then every change with its version; no watcher harms anybody else (E5)."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import pytest
from tollhouse.v1 import entitlement_service_pb2 as pb
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2_grpc import EntitlementServiceStub
from tollhouse.v1.error_reason_pb2 import ErrorReason

from tests.support.callers import make_client, make_key, revoke
from tests.support.door import (
    TIMEOUT_SECONDS,
    Door,
    Refusal,
    ServerMaker,
    at,
    micros,
    refusal,
    refusal_of,
    until,
    usage,
)
from tests.support.house import DAY_US, START_US, Clock, CoreMaker, call, make_user, usage_report, use
from tollhoused.domain.keys import Environment, Scope
from tollhoused.rpc.open_calls import OpenLimits
from tollhoused.rpc.server import GrpcServer
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases import following
from tollhoused.usecases import usage as usage_cases
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

QUICK = OpenLimits(look_seconds=0.05)
ANNA, BERT = Subject(user_id="anna"), Subject(user_id="bert")


class Watch:
    """One open watch: messages are read when a test asks for them."""

    def __init__(
        self,
        door: Door,
        *subjects: Subject,
        product: str = "",
        known: Sequence[pb.KnownEntitlement] = (),
        stub: EntitlementServiceStub | None = None,
        **more: Any,
    ) -> None:
        request = pb.WatchEntitlementsRequest(subjects=subjects, product=product, known=known)
        stub = stub or door.entitlements
        self.call: Any = stub.WatchEntitlements(request, timeout=TIMEOUT_SECONDS, **more)

    def next(self) -> pb.WatchEntitlementsResponse:
        """The next message."""
        message: pb.WatchEntitlementsResponse = next(self.call)
        return message

    def state(self) -> pb.WatchedEntitlement:
        """The next message's only state; messages without one are passed over."""
        while not (message := self.next()).states:
            pass
        (state,) = message.states
        return state

    def until(self, condition: Callable[[pb.WatchedEntitlement], bool]) -> list[pb.WatchedEntitlement]:
        """States up to the first that is as it should be."""
        found = [self.state()]
        while not condition(found[-1]):
            found.append(self.state())
        return found

    def end(self) -> Refusal:
        """How the watch ends."""
        with pytest.raises(grpc.RpcError) as caught:
            list(self.call)
        return refusal_of(caught.value)


def _used(state: pb.WatchedEntitlement, meter: str = "voice_minutes") -> int:
    return {each.meter: each.used for each in state.entitlement.meters}[meter]


def _reason(state: pb.WatchedEntitlement) -> str:
    return ErrorReason.Name(state.error.reason).removeprefix("ERROR_REASON_")


def test_a_watcher_hears_how_things_are_and_then_each_change(core: Core, door: Door) -> None:
    make_user(core, "anna")
    make_user(core, "bert")
    watch = Watch(door, ANNA, BERT)

    first = {state.subject.user_id: state for state in watch.next().states}
    door.record(usage("anna", "one", 3))
    second = watch.state()
    door.record(usage("bert", "two", 5))
    third = watch.state()
    question = pb.GetEntitlementRequest(subject=BERT)

    assert {user: _used(state) for user, state in first.items()} == {"anna": 0, "bert": 0}
    assert (second.subject, _used(second)) == (ANNA, 3)
    assert second.version > first["anna"].version
    assert (third.subject, _used(third)) == (BERT, 5)
    assert third.entitlement == door.entitlements.GetEntitlement(question, timeout=TIMEOUT_SECONDS).entitlement


def test_a_subject_that_has_no_state_says_why_and_a_double_one_is_told_once(core: Core, door: Door) -> None:
    make_user(core, "anna")
    nobody, nameless = Subject(user_id="nobody"), Subject()

    states = Watch(door, ANNA, nobody, nameless, ANNA).next().states

    found = {state.subject.user_id: (_reason(state), state.version > 0) for state in states}
    assert found == {
        "anna": ("UNSPECIFIED", True),
        "nobody": ("SUBJECT_NOT_FOUND", False),
        "": ("INVALID_FIELD", False),
    }
    assert len(states) == 3


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("subjects", pb.WatchEntitlementsRequest()),
        ("subjects", pb.WatchEntitlementsRequest(subjects=[ANNA] * 101)),
        ("known", pb.WatchEntitlementsRequest(subjects=[ANNA], known=[pb.KnownEntitlement()] * 101)),
        ("product", pb.WatchEntitlementsRequest(subjects=[ANNA], product="nothing")),
    ],
)
def test_a_request_of_bad_form_is_refused(door: Door, field: str, request_: pb.WatchEntitlementsRequest) -> None:
    found = refusal(lambda data, timeout: list(door.entitlements.WatchEntitlements(data, timeout=timeout)), request_)

    assert (found.reason, list(found.violations)) == ("INVALID_FIELD", [field])


def test_what_another_process_changes_is_told_within_about_a_second(
    core: Core, door: Door, database_url: str, make_core: CoreMaker
) -> None:
    make_user(core, "anna")
    other = make_core(database_url)
    watch = Watch(door, ANNA)
    first = watch.state()

    use(other, "anna", "elsewhere", 4)
    began = time.monotonic()
    state = watch.state()

    assert (_used(first), _used(state)) == (0, 4)
    assert time.monotonic() - began < 3


def test_what_time_alone_changes_is_told_without_a_write(core: Core, serve: ServerMaker, clock: Clock) -> None:
    _, door = serve(core, open_limits=QUICK)
    make_user(core, "anna")
    use(core, "anna", "old", 7)
    watch = Watch(door, ANNA)
    before = watch.state()
    assert (_used(before), micros(before.entitlement.valid_until)) == (7, START_US + 31 * DAY_US)

    clock.now_us = START_US + 31 * DAY_US
    after = watch.state()

    assert (_used(after), after.version) == (0, before.version)
    assert micros(after.entitlement.usage_period.start_time) == clock.now_us


def test_a_watch_is_resumed_with_what_the_client_has(core: Core, door: Door, clock: Clock) -> None:
    make_user(core, "anna")
    make_user(core, "bert")
    first = Watch(door, ANNA, BERT)
    known = [
        pb.KnownEntitlement(account_id=state.entitlement.account_id, version=state.version)
        for state in first.next().states
    ]
    first.call.cancel()
    use(core, "bert", "meanwhile", 2)

    again = Watch(door, ANNA, BERT, known=known)
    missed = again.next()
    use(core, "anna", "later", 3)
    told = again.state()
    again.call.cancel()
    clock.now_us += 40 * DAY_US
    stale = Watch(door, ANNA, known=[pb.KnownEntitlement(account_id=told.entitlement.account_id, version=told.version)])

    assert [(state.subject.user_id, _used(state)) for state in missed.states] == [("bert", 2)]
    assert (told.subject.user_id, _used(told)) == ("anna", 3)
    assert _used(stale.state()) == 0  # the version is the same, the period is another one


def test_nothing_new_since_the_last_watch_is_said_as_well(core: Core, door: Door) -> None:
    account_id = make_user(core, "anna").account_id
    version = Watch(door, ANNA).state().version

    message = Watch(door, ANNA, known=[pb.KnownEntitlement(account_id=account_id, version=version)]).next()

    assert (list(message.states), message.checked_time) == ([], at(START_US))


def test_the_newest_state_wins_and_versions_only_grow(core: Core, door: Door) -> None:
    make_user(core, "anna")
    watch = Watch(door, ANNA)
    for number in range(150):
        use(core, "anna", f"quick-{number}", meter="api_calls")

    found = watch.until(lambda state: _used(state, "api_calls") == 150)

    versions = [state.version for state in found]
    assert versions == sorted(set(versions))
    assert [_used(state, "api_calls") for state in found] == sorted({_used(state, "api_calls") for state in found})
    assert len(found) < 150


def test_a_subject_that_names_another_account_or_none_is_told_so(core: Core, serve: ServerMaker) -> None:
    _, door = serve(core, open_limits=QUICK)
    ann = make_user(core, "ann", email="desk@example.org").account_id
    bob = make_user(core, "bob").account_id
    watch = Watch(door, Subject(email="desk@example.org"))
    assert watch.state().entitlement.account_id == ann

    make_user(core, "ann", email="ann@example.org")
    gone = watch.state()
    make_user(core, "bob", email="desk@example.org")
    back = watch.state()
    use(core, "bob", "his", 2)
    his = watch.state()

    assert (_reason(gone), gone.version) == ("SUBJECT_NOT_FOUND", 0)
    assert (back.entitlement.account_id, _used(his)) == (bob, 2)


def test_a_heartbeat_tells_up_to_when_the_states_are_current(
    core: Core, serve: ServerMaker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, door = serve(core, open_limits=OpenLimits(look_seconds=0.05, heartbeat_seconds=0.05))
    make_user(core, "anna")
    watch = Watch(door, ANNA)
    assert watch.next().checked_time == at(START_US)

    clock.now_us += 1_000_000
    until(lambda: server.watches.feed.checked_us == clock.now_us, "the feed has looked again")
    beats = [watch.next() for _ in range(3)]
    assert [list(beat.states) for beat in beats] == [[]] * 3
    assert beats[-1].checked_time == at(clock.now_us)

    def away(*_: object) -> Any:
        raise StoreFault(Fault.AWAY, "gone")

    with monkeypatch.context() as patch:
        patch.setattr(core.store, "moved_accounts", away)
        until(lambda: not server.watches.feed.looks, "the feed cannot look")
        checked_us = server.watches.feed.checked_us
        clock.now_us += 1_000_000
        arrived: list[float] = []
        reader = threading.Thread(
            target=lambda: arrived.extend([time.monotonic() for _ in range(4) if watch.next().HasField("checked_time")])
        )
        reader.start()
        reader.join(1.5)
        assert server.watches.feed.checked_us == checked_us
        assert reader.is_alive()  # it would have had its four beats by now
    reader.join(TIMEOUT_SECONDS)
    use(core, "anna", "after", 6)

    assert _used(watch.state()) == 6


def test_keys_and_products_hold_for_watches(core: Core, serve: ServerMaker) -> None:
    make_client(core, "talk-backend")
    keyring = Keyring(core.store, Environment.TEST, lambda: START_US + 1, stale_seconds=3_600)
    made = make_key(core, "talk-backend", [Scope.ENTITLEMENTS_READ], ["talk"])
    keyring.refresh()
    server, door = serve(core, keyring=keyring)
    make_user(core, "anna")
    key = [("x-api-key", made.text)]
    watch = Watch(door, ANNA, product="talk", metadata=key)
    assert watch.state().entitlement.has_access

    other = Watch(door, ANNA, product="send", metadata=key).end()
    revoke(core, made.answer.key_id)
    keyring.refresh()
    ended = watch.end()

    assert (other.code, other.reason) == ("PERMISSION_DENIED", "PRODUCT_NOT_ALLOWED")
    assert (ended.code, ended.reason) == ("UNAUTHENTICATED", "KEY_REVOKED")
    until(lambda: server.watches.watchers == 0, "both are gone")


def test_more_watches_than_there_is_room_for_are_refused(
    core: Core, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, door = serve(core, open_limits=OpenLimits(watchers_max=2))
    make_user(core, "anna")
    open_watches = [Watch(door, ANNA) for _ in range(2)]
    assert [_used(watch.state()) for watch in open_watches] == [0, 0]

    above = Watch(door, ANNA).end()
    open_watches[0].call.cancel()
    until(lambda: server.watches.has_room, "there is room again")
    monkeypatch.setattr(following, "FOLLOWED_MAX", 2)
    many = Watch(door, ANNA, BERT, Subject(user_id="cyd")).end()

    for found in (above, many):
        assert (found.code, found.reason, found.retry_seconds) == ("UNAVAILABLE", "OVERLOADED", 1.0)
    assert _used(Watch(door, ANNA).state()) == 0


def test_a_server_that_stops_ends_its_watches(core: Core, server: GrpcServer, door: Door) -> None:
    make_user(core, "anna")
    watch = Watch(door, ANNA)
    watch.state()

    server.drain(10, notice_seconds=0)

    found = watch.end()
    assert (found.code, found.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")


def test_a_watch_ends_when_its_time_is_over(core: Core, serve: ServerMaker) -> None:
    _, door = serve(core, open_limits=OpenLimits(life_seconds=0.3))
    make_user(core, "anna")

    assert Watch(door, ANNA).end().reason == "DEADLINE_EXCEEDED"


def test_who_has_gone_is_forgotten_and_commits_are_not_followed_for_nobody(
    core: Core, server: GrpcServer, door: Door
) -> None:
    make_user(core, "anna")
    watches = [Watch(door, ANNA) for _ in range(5)]
    for watch in watches:
        watch.state()
    assert core.journal.on_commit

    for watch in watches:
        watch.call.cancel()

    until(lambda: server.watches.watchers == server.watches.feed.subjects == 0, "all are forgotten")
    assert core.journal.on_commit is None


def test_a_thousand_watchers_hold_no_thread_each_and_do_not_slow_the_writers(core: Core, serve: ServerMaker) -> None:
    server, door = serve(core, calls_max=20)
    users = [f"user-{number}" for number in range(20)]
    for user in users:
        make_user(core, user)
    alone = _seconds_of_writes(core, users, "alone")
    threads = threading.active_count()
    watches = []
    for _ in range(100):
        together = [Watch(door, Subject(user_id=user)) for user in users[:10]]
        for watch in together:
            watch.state()
        watches += together
    held = threading.active_count() - threads

    watched = _seconds_of_writes(core, users, "watched")
    last = [watch.until(lambda state: _used(state, "api_calls") == 20)[-1] for watch in watches]

    assert server.watches.watchers == len(last) == 1_000
    assert held < 30  # the pool of calls and the client's own
    assert watched < 10 * alone + 3  # this process has the watchers' clients as well
    for watch in watches:
        watch.call.cancel()


def _seconds_of_writes(core: Core, users: Sequence[str], prefix: str) -> float:
    began = time.monotonic()
    for number in range(10):
        for user in users:
            use(core, user, f"{prefix}-{user}-{number}", meter="api_calls")
    return time.monotonic() - began


def test_fifty_that_never_read_harm_nobody_and_are_cut_off(core: Core, serve: ServerMaker, clock: Clock) -> None:
    server, door = serve(core)
    subjects = []
    for number in range(100):
        make_user(core, f"user-{number}")
        subjects.append(Subject(user_id=f"user-{number}"))
    with grpc.insecure_channel(door.address, [("grpc.http2.bdp_probe", 0)]) as channel:  # takes in 64 KB at the most
        stub = EntitlementServiceStub(channel)
        silent = [Watch(door, *subjects, stub=stub) for _ in range(50)]
        reader = Watch(door, subjects[0])
        reader.state()
        until(lambda: server.watches.watchers == 51, "all are watching")
        delays = []

        for round_ in range(6):  # more than HTTP/2 takes in for them
            reports = [usage_report(f"user-{number}", f"all-{number}-{round_}") for number in range(100)]
            usage_cases.record_batch(core, call(), reports, atomic=False, validate_only=False)
            delays.append(_delay(core, reader, round_))
        delays += [_delay(core, reader, number) for number in range(6, 10)]

        assert max(delays) < 5
        until(lambda: server.watches.watchers == 1, "those that do not read are cut off")
        for watch in silent:
            assert watch.end().code == "CANCELLED"


def _delay(core: Core, reader: Watch, number: int) -> float:
    """Seconds until a reader hears of a change."""
    use(core, "user-0", f"call-{number}", meter="api_calls")
    began = time.monotonic()
    reader.until(lambda state: _used(state, "api_calls") > number)
    return time.monotonic() - began


@pytest.mark.parametrize(("who", "bound_seconds"), [("the server itself", 0.25), ("another replica", 1.5)])
def test_a_change_is_told_with_the_delay_that_the_readme_states(
    core: Core, serve: ServerMaker, make_core: CoreMaker, database_url: str, who: str, bound_seconds: float
) -> None:
    """Half of the changes, with a hundred watches of one subject; the bounds leave room for a machine that is busy."""
    _, door = serve(core)
    make_user(core, "user-0")
    writer = core if who == "the server itself" else make_core(database_url)
    watches = [Watch(door, Subject(user_id="user-0")) for _ in range(100)]
    for watch in watches:
        watch.state()
    delays = sorted(_delay(writer, watches[-1], number) for number in range(10))

    assert delays[5] < bound_seconds

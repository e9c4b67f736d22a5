"""Clients and keys through the journal: stored once per idempotency key, whoever races, and the secret nowhere."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.books import dump, execute, query
from tests.support.callers import make_client, make_key, revoke, rotate
from tests.support.house import DAY_US, START_US, Clock, CoreMaker, call
from tests.support.watched import LOADED, Gate, WatchedEngine
from tollhoused.domain.keys import Key, Scope, read_key
from tollhoused.domain.registry_commands import TouchKeys
from tollhoused.errors import (
    ClientExists,
    ClientNotFound,
    IdempotencyKeyReused,
    InvalidField,
    KeyNotFound,
    OperationNotFound,
    TollhouseError,
    TooManyKeys,
)
from tollhoused.store.store import Store
from tollhoused.usecases import registry, usage
from tollhoused.usecases.core import Core
from tollhoused.usecases.registry import NewKey

READ = Scope.ENTITLEMENTS_READ


@pytest.fixture
def core(core: Core) -> Core:
    """A Core with the client `talk-backend`."""
    make_client(core, "talk-backend")
    return core


def _key(core: Core, key_id: str) -> Key:
    found = core.store.api_key(key_id)
    assert found is not None
    return found


def test_a_key_is_made_stored_and_listed(core: Core) -> None:
    made = make_key(core, "talk-backend", [READ, Scope.USAGE_WRITE], ["talk"], expires_us=START_US + DAY_US, key="k")

    (stored,) = core.store.api_keys()
    assert stored == _key(core, made.answer.key_id)
    assert (stored.client, stored.products) == ("talk-backend", frozenset({"talk"}))
    assert stored.scopes == {READ, Scope.USAGE_WRITE}
    assert (stored.created_us, stored.ends_us, stored.live(START_US)) == (START_US, START_US + DAY_US, True)
    assert read_key(made.text).id == stored.id
    assert registry.list_keys(core, "talk-backend") == registry.list_keys(core, "") == [stored]
    assert registry.list_keys(core, "send-backend") == []
    assert [client.id for client in registry.list_clients(core)] == ["talk-backend"]


def test_a_secret_is_answered_once_and_stands_nowhere_in_the_database(core: Core, database_url: str) -> None:
    made = make_key(core, "talk-backend", key="k")
    rotated = rotate(core, made.answer.key_id, key="r")

    for new in (made, rotated):
        secret = read_key(new.text).secret
        assert len(secret) == 52
        assert secret not in repr(dump(database_url))
        assert secret not in repr(new)
    again = make_key(core, "talk-backend", key="k")
    assert (again.text, again.replayed, again.answer) == ("", True, made.answer)
    again = rotate(core, made.answer.key_id, key="r")
    assert (again.text, again.replayed, again.answer) == ("", True, rotated.answer)


def test_what_is_only_validated_makes_nothing_and_has_no_text(core: Core, database_url: str) -> None:
    before = dump(database_url)

    tried = make_key(core, "talk-backend", validate_only=True)

    assert (tried.text, tried.replayed) == ("", False)
    assert dump(database_url) == before


def test_every_act_is_replayed_and_other_content_is_named(core: Core) -> None:
    first = make_client(core, "send-backend", key="c")
    assert make_client(core, "send-backend", key="c") == first
    key_id = make_key(core, "send-backend", key="k").answer.key_id
    rotated = rotate(core, key_id, overlap_us=DAY_US, key="r")
    ended = revoke(core, key_id, key="e")
    assert (ended.replayed, revoke(core, key_id, key="e").replayed) == (False, True)
    assert rotate(core, key_id, overlap_us=DAY_US, key="r").answer == rotated.answer

    conflicts: dict[str, Callable[[], object]] = {
        "client_id": lambda: make_client(core, "doc-backend", key="c"),
        "kind": lambda: make_client(core, "send-backend", key="k"),
        "scopes": lambda: make_key(core, "send-backend", [READ], key="k"),
        "products": lambda: make_key(core, "send-backend", products=["talk"], key="k"),
        "may_create": lambda: make_key(core, "send-backend", may_create=True, key="k"),
        "expire_time": lambda: make_key(core, "send-backend", expires_us=START_US + 1, key="k"),
        "overlap": lambda: rotate(core, key_id, overlap_us=0, key="r"),
        "key_id": lambda: revoke(core, rotated.answer.key_id, key="e"),
    }
    for field, act in conflicts.items():
        with pytest.raises(IdempotencyKeyReused) as refused:
            act()
        assert refused.value.metadata == {"field": field}


def test_what_cannot_be_is_refused_and_leaves_no_trace(core: Core, database_url: str) -> None:
    before = dump(database_url)
    refused: list[tuple[type[TollhouseError], Callable[[], object]]] = [
        (ClientExists, lambda: make_client(core, "talk-backend", key="again")),
        (ClientNotFound, lambda: make_key(core, "send-backend")),
        (KeyNotFound, lambda: rotate(core, "key_1")),
        (KeyNotFound, lambda: revoke(core, "key_1")),
        (InvalidField, lambda: make_key(core, "talk-backend", expires_us=START_US)),
        (InvalidField, lambda: make_key(core, "talk-backend", [])),
        (InvalidField, lambda: make_key(core, "talk-backend", [READ] * 5)),
        (InvalidField, lambda: make_key(core, "talk-backend", products=["cook"])),
        (InvalidField, lambda: make_key(core, "talk-backend", products=["talk"] * 101)),
        (InvalidField, lambda: rotate(core, "key_1", overlap_us=-1)),
        (InvalidField, lambda: rotate(core, "key_1", overlap_us=30 * DAY_US + 1)),
        *((InvalidField, lambda name=name: make_client(core, name)) for name in BAD_NAMES),
        *((InvalidField, lambda name=name: make_key(core, name)) for name in BAD_NAMES if name not in ("local", "cli")),
        *((InvalidField, lambda name=name: registry.list_keys(core, name)) for name in BAD_NAMES[1:-2]),
    ]

    for refusal, act in refused:
        with pytest.raises(refusal):
            act()

    assert dump(database_url) == before


BAD_NAMES = ["", "a", "1talk", "Talk", "talk backend", "talk\n", "tal\0k", "t\N{LATIN SMALL LETTER E WITH ACUTE}lk",
             "x" * 64, "local", "cli"]  # fmt: skip


def test_every_administrative_act_is_in_the_audit_log_once(core: Core, database_url: str, clock: Clock) -> None:
    clock.now_us += 1
    key_id = make_key(core, "talk-backend", key="k").answer.key_id
    make_key(core, "talk-backend", key="k")
    clock.now_us += 1
    rotate(core, key_id, key="r")
    clock.now_us += 1
    revoke(core, key_id, key="e")
    with pytest.raises(KeyNotFound):
        revoke(core, "key_1")

    logged = query(
        database_url, "SELECT action, client, account, idempotency_key FROM audit_log ORDER BY at_us, action"
    )
    assert logged == [
        ("apply_catalogue", "cli", "", "catalogue/1"),
        ("create_client", "local", "", "client/talk-backend"),
        ("create_key", "local", "", "k"),
        ("rotate_key", "local", "", "r"),
        ("revoke_key", "local", "", "e"),
    ]
    for (hash_,) in query(database_url, "SELECT secret_sha256 FROM api_keys"):
        assert hash_ not in repr(query(database_url, "SELECT detail FROM audit_log"))


def test_an_act_and_its_entry_are_stored_together_or_not_at_all(core: Core, database_url: str) -> None:
    make_key(core, "talk-backend", key="k")
    execute(database_url, "DELETE FROM operations WHERE idempotency_key = 'k'")  # so that the entry is in the way

    with pytest.raises(TollhouseError):
        make_key(core, "talk-backend", key="k")

    assert len(core.store.api_keys()) == 1


RACES: dict[str, Callable[[Core, str], NewKey]] = {
    "create": lambda core, _: make_key(core, "talk-backend", key="race"),
    "rotate": lambda core, key_id: rotate(core, key_id, key="race"),
}


@pytest.mark.parametrize("act", RACES.values(), ids=RACES)
def test_the_same_command_at_two_replicas_makes_one_key_and_the_slower_one_replays(
    core: Core, watch: WatchedEngine, make_core: CoreMaker, act: Callable[[Core, str], NewKey]
) -> None:
    """The one that waits must not be told that there is no room: it is its own key that has taken it."""
    key_id = make_key(core, "talk-backend").answer.key_id
    faster = make_core(store=Store(watch))
    gate = Gate()
    watch.once(LOADED, gate)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(act, faster, key_id)
        assert gate.reached.wait(30)
        second = threads.submit(act, core, key_id)
        _until_waiting(second)
        gate.open()
        made, again = first.result(60), second.result(60)

    assert (made.replayed, again.replayed) == (False, True)
    assert made.answer == again.answer
    assert (bool(made.text), again.text) == (True, "")
    assert len(core.store.api_keys()) == 2


def test_two_replicas_never_make_a_third_key(
    core: Core, watch: WatchedEngine, make_core: CoreMaker, clock: Clock
) -> None:
    make_key(core, "talk-backend")
    faster = make_core(store=Store(watch))
    gate = Gate()
    watch.once(LOADED, gate)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(make_key, faster, "talk-backend", key="one")
        assert gate.reached.wait(30)
        second = threads.submit(make_key, core, "talk-backend", key="two")
        _until_waiting(second)
        gate.open()
        assert first.result(60).text
        assert isinstance(second.exception(60), TooManyKeys)

    assert sum(key.live(clock()) for key in core.store.api_keys()) == 2


def test_a_use_noted_while_another_replica_revokes_does_not_revive_the_key(
    core: Core, watch: WatchedEngine, make_core: CoreMaker
) -> None:
    key_id = make_key(core, "talk-backend").answer.key_id
    other = make_core(store=Store(watch))
    gate = Gate()
    watch.once(LOADED, gate)

    with ThreadPoolExecutor(2) as threads:
        ending = threads.submit(revoke, other, key_id)
        assert gate.reached.wait(30)
        touch = TouchKeys(client="", idempotency_key="", used_us={key_id: START_US})
        noting = threads.submit(core.journal.submit([touch], call().deadline).wait)
        _until_waiting(noting)
        gate.open()
        ending.result(60)
        noting.result(60)

    stored = _key(core, key_id)
    assert (stored.revoked_us, stored.last_used_us) == (START_US, START_US)


def test_many_at_once_never_make_more_than_two_live_keys(
    core: Core, database_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    cores = [core, make_core(database_url)]
    barrier = threading.Barrier(8)

    def act(number: int) -> str:
        barrier.wait(30)
        try:
            return make_key(cores[number % 2], "talk-backend", key=f"race-{number}").text
        except TooManyKeys:
            return ""

    with ThreadPoolExecutor(8) as threads:
        texts = [text for text in threads.map(act, range(8)) if text]

    assert len(texts) == 2
    assert {read_key(text).id for text in texts} == {key.id for key in core.store.api_keys()}


def test_a_client_is_made_once_by_two_replicas(core: Core, database_url: str, make_core: CoreMaker) -> None:
    cores = [core, make_core(database_url)]
    barrier = threading.Barrier(8)

    def act(number: int) -> str:
        barrier.wait(30)
        try:
            make_client(cores[number % 2], "send-backend", key="same" if number < 4 else f"own-{number}")
        except ClientExists:
            return "exists"
        return "made"

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(act, range(8)))

    assert query(database_url, "SELECT count(*) FROM clients WHERE id = 'send-backend'") == [(1,)]
    same, own = outcomes[:4], outcomes[4:]
    assert (set(same), own.count("made")) in [({"made"}, 0), ({"exists"}, 1)]


def _until_waiting(future: "Future[Any]") -> None:
    """Gives the other process time to come to the lock; too little would only make the race a plain sequence."""
    with pytest.raises(TimeoutError):
        future.result(0.3)


def test_operations_of_keys_are_found_by_their_own_client(core: Core) -> None:
    make_key(core, "talk-backend", key="k")

    found = usage.get_operation(core, call(), "k")

    assert (found.kind, found.account_id) == ("create_key", "")
    with pytest.raises(OperationNotFound):
        usage.get_operation(core, call("other"), "k")

"""Who calls is answered from memory, and memory is never old: a revocation is in force, a new key works at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.callers import make_client, make_key, revoke, rotate
from tests.support.house import DAY_US, START_US, Clock, CoreMaker, call
from tollhoused.domain.keys import Environment, write_key
from tollhoused.domain.registry_commands import TouchKeys
from tollhoused.errors import (
    KeyExpired,
    KeyInvalid,
    KeyMissing,
    KeyOfOtherEnvironment,
    KeyRevoked,
    StoreUnavailable,
)
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import LOOK_UPS_MAX, Keyring

PATIENT = 3_600.0


@pytest.fixture
def core(core: Core) -> Core:
    """A Core with the client `talk-backend`."""
    make_client(core, "talk-backend")
    return core


@pytest.fixture
def keyring(core: Core) -> Keyring:
    """A keyring that has looked once."""
    keyring = Keyring(core.store, Environment.TEST, core.clock, stale_seconds=PATIENT)
    keyring.refresh()
    return keyring


def test_a_key_opens_until_it_ends(core: Core, keyring: Keyring, clock: Clock) -> None:
    text = make_key(core, "talk-backend", expires_us=START_US + DAY_US).text
    keyring.refresh()

    assert keyring.who(text).client == "talk-backend"
    clock.now_us += DAY_US
    with pytest.raises(KeyExpired):
        keyring.who(text)


def test_both_keys_of_a_rotation_open_until_the_overlap_is_over(core: Core, keyring: Keyring, clock: Clock) -> None:
    old = make_key(core, "talk-backend")
    assert keyring.who(old.text).client == "talk-backend"

    new = rotate(core, old.answer.key_id)
    keyring.refresh()

    assert {keyring.who(old.text).id, keyring.who(new.text).id} == {old.answer.key_id, new.answer.key_id}
    clock.now_us += DAY_US
    assert keyring.who(new.text).client == "talk-backend"
    with pytest.raises(KeyExpired):
        keyring.who(old.text)


def test_a_revocation_at_another_replica_is_in_force_after_a_refresh(
    core: Core, keyring: Keyring, database_url: str, make_core: CoreMaker
) -> None:
    made = make_key(core, "talk-backend")
    keyring.refresh()
    assert keyring.who(made.text).client == "talk-backend"

    revoke(make_core(database_url), made.answer.key_id)
    keyring.refresh()

    with pytest.raises(KeyRevoked):
        keyring.who(made.text)


def test_a_new_key_opens_without_waiting_for_a_refresh(core: Core, keyring: Keyring) -> None:
    made = make_key(core, "talk-backend")

    with ThreadPoolExecutor(16) as threads:
        clients = {threads.submit(keyring.who, made.text) for _ in range(10 * LOOK_UPS_MAX)}
        assert {found.result().client for found in clients} == {"talk-backend"}


def test_ids_that_nobody_made_reach_the_database_a_bounded_number_of_times(
    core: Core, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    api_key = core.store.api_key

    def count(key_id: str) -> object:
        asked.append(key_id)
        return api_key(key_id)

    monkeypatch.setattr(core.store, "api_key", count)

    for number in range(3 * LOOK_UPS_MAX):
        with pytest.raises(KeyInvalid):
            keyring.who(write_key(Environment.TEST, f"key_{number}", b"guessed"))
    assert len(asked) == LOOK_UPS_MAX
    keyring.refresh()
    assert keyring.who(make_key(core, "talk-backend").text).client == "talk-backend"


def test_what_is_no_key_of_ours_is_refused_without_a_look(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_store", None)

    with pytest.raises(KeyMissing):
        keyring.who("")
    with pytest.raises(KeyInvalid):
        keyring.who("garbage")
    with pytest.raises(KeyOfOtherEnvironment):
        keyring.who(write_key(Environment.LIVE, "key_1", b"secret"))


def test_who_cannot_read_the_keys_lets_nobody_in(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    text = make_key(core, "talk-backend").text
    keyring = Keyring(core.store, Environment.TEST, core.clock, stale_seconds=0.0)

    for _ in range(2):  # before the first look, and after one that is too long ago
        with pytest.raises(StoreUnavailable):
            keyring.who(text)
        keyring.refresh()


def test_a_new_key_hears_that_the_database_is_away_instead_of_that_it_is_wrong(
    core: Core, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = make_key(core, "talk-backend").text

    def fail(_: str) -> None:
        raise StoreFault(Fault.AWAY, "gone")

    monkeypatch.setattr(core.store, "api_key", fail)

    with pytest.raises(StoreUnavailable):
        keyring.who(text)


def test_uses_are_taken_once_and_the_latest_is_noted(core: Core, keyring: Keyring, clock: Clock) -> None:
    made = make_key(core, "talk-backend")
    assert keyring.take_used() is None
    keyring.who(made.text)
    clock.now_us += 5
    keyring.who(made.text)

    used = keyring.take_used()

    assert used is not None
    assert (used.used_us, keyring.take_used()) == ({made.answer.key_id: START_US + 5}, None)
    core.journal.submit([used], call().deadline).wait()
    assert [key.last_used_us for key in core.store.api_keys()] == [START_US + 5]


def test_uses_that_could_not_be_noted_are_kept_unless_there_are_later_ones(keyring: Keyring) -> None:
    keyring.give_back(TouchKeys(client="", idempotency_key="", used_us={"a": 2, "b": 2}))
    keyring.give_back(TouchKeys(client="", idempotency_key="", used_us={"a": 1, "c": 1}))

    used = keyring.take_used()

    assert used is not None
    assert used.used_us == {"a": 2, "b": 2, "c": 1}


def test_no_use_is_lost_or_added_while_uses_are_taken(core: Core, keyring: Keyring, clock: Clock) -> None:
    """What was taken never changes again: the journal walks through it in its own thread."""
    texts = []
    for number in range(8):
        make_client(core, f"client-{number}")
        texts.append(make_key(core, f"client-{number}").text)
    keyring.refresh()
    done = threading.Event()
    taken: list[tuple[TouchKeys, dict[str, int]]] = []

    def take() -> None:
        while not done.is_set():
            if used := keyring.take_used():
                taken.append((used, dict(used.used_us)))

    def use(text: str) -> None:
        for _ in range(300):
            keyring.who(text)

    with ThreadPoolExecutor(9) as threads:
        taker = threads.submit(take)
        callers = [threads.submit(use, text) for text in texts]
        for caller in callers:
            caller.result(60)
        done.set()
        taker.result(60)
    last = keyring.take_used()

    assert all(used.used_us == copy for used, copy in taken)
    seen = {key_id for _, copy in taken for key_id in copy} | set(last.used_us if last else {})
    assert len(seen) == 8

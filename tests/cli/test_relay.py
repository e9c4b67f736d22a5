"""Committed events get positions without gaps, whoever relays them and whenever they are committed."""

import threading

import psycopg
import pytest

from tests.support.books import execute, query
from tests.support.door import until
from tests.support.house import SECOND_US, Clock, CoreMaker, give_credits, make_user, use
from tollhoused.cli.relay import BATCH, LEASE_SECONDS, Relay
from tollhoused.domain.outgoing import OutgoingEvent
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases.core import Core

SPEAKS = "INSERT INTO outbox VALUES ('{}', 99, {}, 'credits.depleted', 0, '{}', NULL)"
DATA = '{"currency":"usd","spendable_nanos":0,"threshold_nanos":0,"debt_nanos":0}'


def _all(core: Core, after: int = 0) -> list[OutgoingEvent]:
    return core.store.events.after(after, 1_000)[0]


def _speak(url: str, account: str, number: int = 1) -> None:
    execute(url, SPEAKS.format(account, number, DATA.replace(":", "\\:")))


def test_events_are_stored_with_what_caused_them_and_relayed_in_order(core: Core, database_url: str) -> None:
    make_user(core, "anna")
    give_credits(core, "anna", 1)
    use(core, "anna", "call-1", 10)
    assert query(database_url, "SELECT count(*) FROM outbox WHERE position IS NULL") == [(3,)]
    assert _all(core) == []

    assert Relay(core).step() == 3

    found = _all(core)
    assert [(event.position, str(event.kind)) for event in found] == [
        (1, "credits.granted"), (2, "usage.threshold"), (3, "usage.threshold"),
    ]  # fmt: skip
    assert len({event.id for event in found}) == 3
    assert Relay(core).step() == 0


def test_a_replay_and_a_refusal_and_a_preview_write_no_event(core: Core, database_url: str) -> None:
    make_user(core, "anna")
    use(core, "anna", "call-1", 10)
    before = query(database_url, "SELECT * FROM outbox")

    use(core, "anna", "call-1", 10)
    assert query(database_url, "SELECT * FROM outbox") == before


def test_the_alarm_is_kept_between_transactions(core: Core, database_url: str) -> None:
    make_user(core, "anna")
    give_credits(core, "anna", 1)
    for number in range(3):
        use(core, "anna", f"call-{number}", 10)

    kinds = query(database_url, "SELECT kind, count(*) FROM outbox GROUP BY kind ORDER BY kind")
    assert kinds == [("credits.granted", 1), ("credits.low", 1), ("usage.threshold", 2)]


def test_a_cursor_skips_nothing_that_is_committed_late(make_core: CoreMaker, postgres_url: str) -> None:
    core = make_core(postgres_url)
    relay = Relay(core)
    with psycopg.connect(postgres_url) as slow:
        slow.execute(SPEAKS.format("acct_a", 1, DATA))  # the oldest and first of all, committed last
        _speak(postgres_url, "acct_b")
        relay.step()
        seen = _all(core)
        assert [event.account_id for event in seen] == ["acct_b"]

    relay.step()
    cursor = seen[-1].position
    assert cursor is not None
    assert [(event.position, event.account_id) for event in _all(core, cursor)] == [(2, "acct_a")]


def test_positions_have_no_gaps_over_many_batches(core: Core, database_url: str) -> None:
    values = ", ".join(f"('acct_{number:05}', 1, 1, 'credits.low', 0, '', NULL)" for number in range(BATCH + 7))
    execute(database_url, f"INSERT INTO outbox VALUES {values}")

    assert Relay(core).step() == BATCH + 7
    found = query(database_url, "SELECT account, position FROM outbox ORDER BY position")
    assert found == [(f"acct_{number:05}", number + 1) for number in range(BATCH + 7)]


def test_one_process_relays_and_another_follows_when_it_dies(
    database_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    first, second = (Relay(make_core(database_url)) for _ in range(2))
    core = make_core(database_url)
    _speak(database_url, "acct_a")
    assert first.step() == 1
    _speak(database_url, "acct_b")

    assert second.step() == 0
    clock.now_us += LEASE_SECONDS * SECOND_US
    assert second.step() == 1
    assert [event.position for event in _all(core)] == [1, 2]
    assert query(database_url, "SELECT fence, reached FROM leases") == [(2, 2)]
    _speak(database_url, "acct_c")
    assert first.step() == 0, "it has lost its lease"


def test_two_that_relay_for_the_first_time_at_once_give_each_event_one_position(
    database_url: str, make_core: CoreMaker
) -> None:
    core = make_core(database_url)
    relays = [Relay(make_core(database_url)) for _ in range(3)]
    for number in range(20):
        _speak(database_url, f"acct_{number:02}")
    gate = threading.Barrier(len(relays))
    failures: list[Fault] = []

    def run(relay: Relay) -> None:
        gate.wait()
        for _ in range(5):
            try:
                relay.step()
            except StoreFault as failure:
                failures.append(failure.fault)

    threads = [threading.Thread(target=run, args=(relay,)) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(failures) <= {Fault.COLLISION, Fault.BLOCKED}
    assert [event.position for event in _all(core)] == list(range(1, 21))


def test_the_thread_relays_within_moments_and_ends(core: Core, database_url: str) -> None:
    relay = Relay(core, look_seconds=0.01)
    relay.start()
    _speak(database_url, "acct_a")

    until(lambda: len(_all(core)) == 1, "relayed")
    relay.stop()
    _speak(database_url, "acct_b")
    assert len(_all(core)) == 1


def test_an_outage_is_waited_out(
    core: Core, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tollhoused.cli.relay.AWAY_SECONDS", 0.01)
    away = threading.Event()
    asked = core.store.events.anything_waits

    def waits() -> bool:
        if away.is_set():
            raise StoreFault(Fault.AWAY, "gone")
        return asked()

    monkeypatch.setattr(type(core.store.events), "anything_waits", lambda _: waits())
    away.set()
    relay = Relay(core, look_seconds=0.01)
    relay.start()
    _speak(database_url, "acct_a")
    until(lambda: "outgoing events wait" in caplog.text, "noticed")
    away.clear()

    until(lambda: len(_all(core)) == 1, "relayed")
    relay.stop()
    assert caplog.text.count("outgoing events wait") == 1


def test_events_are_read_by_kind_by_account_and_in_pages(core: Core, database_url: str) -> None:
    for name in ("anna", "bert"):
        make_user(core, name)
        give_credits(core, name, 5)
        use(core, name, f"call-{name}", 10)
    Relay(core).step()
    events = core.store.events
    account = query(database_url, "SELECT id FROM accounts ORDER BY id")[1][0]

    page, reached = events.after(0, 2)
    assert ([event.position for event in page], reached) == ([1, 2], 2)
    granted, reached = events.after(0, 10, frozenset({"credits.granted"}))
    assert ([str(event.kind) for event in granted], reached) == (["credits.granted"] * 2, 6)
    of_account, _ = events.after(0, 10, account_id=account)
    assert {event.account_id for event in of_account} == {account}
    assert len(of_account) == 3
    assert events.after(6, 10) == ([], 6)
    assert events.after(99, 10) == ([], 99)

"""The pulse tells health what the database does, takes in new catalogues, and brings due accounts up to date."""

import time
from collections.abc import Sequence

import pytest

from tests.support.callers import make_client, make_key
from tests.support.house import DAY_US, HUB, START_US, Clock, CoreMaker, make_user
from tests.support.postgres import Cluster
from tollhoused.cli import pulse as cli_pulse
from tollhoused.cli.pulse import Pulse
from tollhoused.domain.commands import Command
from tollhoused.errors import Overloaded, StoreUnavailable, TollhouseError
from tollhoused.journal.journal import Ticket
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.store.store import open_store
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

PATIENCE_SECONDS = 10.0


def test_an_account_that_is_due_is_brought_up_to_date(core: Core, clock: Clock) -> None:
    make_user(core, "ada")
    pulse = Pulse(core, lambda _: None)
    clock.now_us += 40 * DAY_US
    assert len(core.store.due_accounts(clock.now_us, 10)) == 1

    pulse.beat()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while core.store.due_accounts(clock.now_us, 10):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # the journal writes in its own thread
    (account,) = core.store.accounts("", 10)
    assert account.as_of_us == clock.now_us
    assert account.due_us > clock.now_us


def test_a_catalogue_that_another_process_applies_is_in_force_after_a_beat(
    database_url: str, core: Core, clock: Clock
) -> None:
    pulse = Pulse(core, lambda _: None)
    store = open_store(database_url)
    CatalogueShelf(store).apply(HUB.replace('name = "Hobby"', 'name = "Starter"'), clock())
    store.close()

    pulse.beat()

    assert core.shelf.history.newest_version == 2
    assert core.catalogue.plans["hobby"].name == "Starter"


def test_health_follows_the_database_both_ways(
    postgres_cluster: Cluster, postgres_url: str, make_core: CoreMaker, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[bool] = []
    pulse = Pulse(make_core(postgres_url), told.append)

    pulse.beat()
    postgres_cluster.stop()
    try:
        pulse.beat()
        pulse.beat()
    finally:
        postgres_cluster.start()
    pulse.beat()

    assert told == [True, False, False, True]
    (said,) = [record.message for record in caplog.records if "health" in record.message]
    assert said.startswith("health is NOT_SERVING: AWAY: ")


def test_a_use_that_the_journal_does_not_take_is_noted_later(
    core: Core, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_client(core, "talk-backend")
    text = make_key(core, "talk-backend").text
    keyring = Keyring(core.store, core.environment, clock)
    pulse = Pulse(core, lambda _: None, keyring)
    keyring.refresh()
    keyring.who(text)
    refusals: list[TollhouseError] = [StoreUnavailable("gone"), Overloaded("full")]

    def refuse(commands: Sequence[Command], deadline: float) -> Ticket:
        refusal = refusals.pop(0)
        if isinstance(refusal, Overloaded):
            raise refusal
        ticket = Ticket(commands, atomic=False, deadline=deadline)
        ticket.put(0, refusal)
        return ticket

    monkeypatch.setattr(cli_pulse, "NOTE_SECONDS", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(core.journal, "submit", refuse)
        while refusals:
            pulse.beat()
    pulse.beat()
    core.journal.close()  # finishes what was accepted

    assert [key.last_used_us for key in core.store.api_keys()] == [START_US]
    assert [record.message for record in caplog.records if "used last" in record.message] == [
        "when keys were used last is noted later: gone",
        "when keys were used last is noted later: full",
    ]


def test_a_pulse_outlives_what_nothing_provides_for(core: Core) -> None:
    told: list[bool] = []

    def report(serving: bool) -> None:
        told.append(serving)
        if len(told) < 3:
            raise RuntimeError("planted")

    pulse = Pulse(core, report, beat_seconds=0.001)
    pulse.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(told) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.001)  # the pulse beats in its own thread
    pulse.stop()

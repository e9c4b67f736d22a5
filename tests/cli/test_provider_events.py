"""Operators see what the provider has told, and have it applied again."""

import json

import pytest

from tests.cli.commands import done, done_json, failed
from tests.fakes.stripe.fake import FakeStripe
from tests.support.house import Clock, CoreMaker
from tests.support.till import desk_at
from tollhoused.__main__ import wall_clock
from tollhoused.store.providers import DEAD, PENDING
from tollhoused.usecases import inbox
from tollhoused.usecases.core import Core


@pytest.fixture
def core(database_url: str, make_core: CoreMaker, fake_stripe: FakeStripe) -> Core:
    """Three events: one that waits, one that was given up, one more of those."""
    clock = Clock(wall_clock())
    made = make_core(database_url, own_clock=clock)
    made.desk = desk_at(fake_stripe)
    for number in range(3):
        body = {"id": f"evt_{number}", "object": "event", "type": "moon.full", "created": clock.now_us // 1_000_000}
        more = {"livemode": False, "data": {"object": {"id": "moon"}}}
        inbox.keep(made, made.desk, json.dumps(body | more).encode())
        clock.now_us += 1
    for number in (1, 2):
        event = inbox.find(made, f"evt_{number}")
        assert event
        made.store.providers.note(event._replace(state=DEAD, attempts=10, problem="planted"))
    return made


def states(core: Core) -> list[tuple[str, int]]:
    return [(event.state, event.attempts) for event in reversed(inbox.list_events(core, "", 10))]


def test_events_are_listed_newest_first_and_by_state(core: Core, database_url: str) -> None:
    at = ["--database-url", database_url]

    assert [item["event"] for item in done_json("provider-events", "list", *at)] == ["evt_2", "evt_1", "evt_0"]
    assert [item["event"] for item in done_json("provider-events", "list", "--limit", "1", *at)] == ["evt_2"]
    dead = done_json("provider-events", "list", "--state", "dead", *at)
    assert [(item["event"], item["attempts"], item["problem"]) for item in dead] == [
        ("evt_2", 10, "planted"),
        ("evt_1", 10, "planted"),
    ]
    assert "moon.full" in done("provider-events", "list", *at)
    assert "--state must be one of pending" in failed("provider-events", "list", "--state", "lost", *at)


def test_one_is_shown_with_its_body(core: Core, database_url: str) -> None:
    at = ["--database-url", database_url]

    shown = done_json("provider-events", "show", "evt_0", *at)

    assert (shown["state"], shown["body"]["type"]) == ("pending", "moon.full")
    assert '"livemode": false' in done("provider-events", "show", "evt_1", *at)
    assert "there is no event evt_9" in failed("provider-events", "show", "evt_9", *at)


def test_the_dead_are_applied_again(core: Core, database_url: str) -> None:
    out = done("provider-events", "replay", "--dead", "--database-url", database_url)

    assert out == "2 events are applied again\n"
    assert states(core) == [(PENDING, 0)] * 3


def test_one_is_applied_again_by_its_id(core: Core, database_url: str) -> None:
    at = ["--database-url", database_url]

    assert done_json("provider-events", "replay", "evt_1", *at) == {"events": 1}
    assert states(core) == [(PENDING, 0), (PENDING, 0), (DEAD, 10)]
    assert "there is no event evt_9" in failed("provider-events", "replay", "evt_2", "evt_9", *at)
    assert states(core)[2] == (DEAD, 10)
    for misused in ([], ["evt_1", "--dead"]):
        assert "say --dead, or which events" in failed("provider-events", "replay", *misused, *at)

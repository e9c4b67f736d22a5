"""`clock show` and `clock advance`, beside a server that follows."""

import pytest
from tollhouse.v1.admin_service_pb2 import GetTestClockRequest

from tests.cli.commands import done, done_json, failed, serving
from tests.support.door import TIMEOUT_SECONDS, Door, micros, until


@pytest.fixture
def url(sqlite_url: str) -> list[str]:
    """Books with a catalogue."""
    database = ["--database-url", sqlite_url]
    done("catalog", "apply", "hub", *database)
    return database


def test_the_clock_is_moved_and_shown(url: list[str]) -> None:
    assert done_json("clock", "show", *url)["ahead_seconds"] == 0
    done("clock", "advance", "--by", "31d", *url)
    first = done_json("clock", "advance", "--by", "12h", "--key", "k", *url)
    again = done_json("clock", "advance", "--by", "12h", "--key", "k", *url)
    dry = done_json("clock", "advance", "--by", "1d", "--dry-run", *url)

    assert first == again
    assert first["ahead_seconds"] == 31.5 * 86_400
    assert dry["ahead_seconds"] == 32.5 * 86_400
    assert "31 days 12:00:00" in done("clock", "show", *url)
    assert "advance_test_clock" in done("audit", "list", *url)


def test_a_clock_can_be_set_to_an_instant(url: list[str]) -> None:
    now = done_json("clock", "show", *url)["now"]
    year = int(now[:4]) + 1

    assert done_json("clock", "advance", "--to", f"{year}-12-31T23:59:00Z", *url)["now"].startswith(
        f"{year}-12-31T23:59"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "either --to or --by"),
        (("--by", "1d", "--to", "2030-01-01"), "either --to or --by"),
        (("--by", "a while"), "--by: 'a while'"),
        (("--to", "soon"), "--to: 'soon'"),
        (("--to", "2001-01-01"), "must move the clock forward"),
        (("--by", "4000d"), "3653 days"),
    ],
)
def test_what_cannot_be_done_is_said(url: list[str], arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in failed("clock", "advance", *arguments, *url)


def test_a_server_follows_within_seconds(url: list[str]) -> None:
    with serving(url[1]) as server:
        door = Door(server.address)

        def shown() -> int:
            clock = door.admin.GetTestClock(GetTestClockRequest(), timeout=TIMEOUT_SECONDS).clock
            return micros(clock.now_time)

        before_us = shown()
        done("clock", "advance", "--by", "100d", *url)
        door.make_user("anna")
        until(lambda: shown() > before_us + 100 * 86_400 * 1_000_000, "the clock of the server is moved")
        door.channel.close()


def test_the_live_environment_is_refused(url: list[str]) -> None:
    def refused(*arguments: str) -> str:
        return failed("clock", *arguments, *url, TOLLHOUSE_ENVIRONMENT="live")

    assert "environment live" in refused("advance", "--by", "1d")
    assert "environment live" in refused("show")

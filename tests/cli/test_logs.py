"""Logs are lines for people or objects for programs; calls stand in them by their ends, secrets never."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tollhoused.cli.call_log import TROUBLED_LINES_MAX, CallLog
from tollhoused.cli.logs import start_logging, without_secrets
from tollhoused.domain.keys import Environment, write_key
from tollhoused.observing import EndedCall, request_id_in

RECORD = "tollhouse.v1.UsageService/RecordUsage"


class Stream:
    """What stands on standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def getvalue(self) -> str:
        """All of it so far."""
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def stream(capsys: pytest.CaptureFixture[str]) -> Iterator[Stream]:
    """Standard error; logging is as it was afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("tollhoused")
    handlers, levels = root.handlers, (root.level, ours.level)
    yield Stream(capsys)
    root.handlers = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def _ended(code: str = "OK", reason: str = "", seconds: float = 0.0123, **more: str) -> EndedCall:
    return EndedCall(RECORD, "shop", seconds, [], lambda prefix: f"{prefix}_1", code, reason, **more)


def _objects(stream: Stream) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_call_is_an_object_with_its_request_id_client_outcome_and_duration(stream: Stream) -> None:
    start_logging("info", "json")

    CallLog(every_call=True).ended(_ended("NOT_FOUND", "SUBJECT_NOT_FOUND"))

    (line,) = _objects(stream)
    assert line.pop("time").endswith("Z")
    assert line.pop("thread")
    assert line == {
        "level": "info",
        "logger": "tollhoused.cli.call_log",
        "message": "a call ended",
        "request_id": "req_1",
        "method": RECORD,
        "client": "shop",
        "code": "NOT_FOUND",
        "reason": "SUBJECT_NOT_FOUND",
        "duration_ms": 12.3,
    }


def test_for_people_the_same_is_a_line(stream: Stream) -> None:
    start_logging("info")

    CallLog(every_call=True).ended(_ended())

    assert stream.getvalue().endswith(
        f" INFO    MainThread: a call ended request_id=req_1 method={RECORD} client=shop code=OK duration_ms=12.3\n"
    )


def test_only_trouble_is_logged_unless_more_is_asked_for(stream: Stream) -> None:
    start_logging("info", "json")
    calls = CallLog(every_call=False)

    calls.ended(_ended())
    calls.ended(_ended("NOT_FOUND", "SUBJECT_NOT_FOUND"))
    calls.ended(_ended("INTERNAL", "INTERNAL", error_id="err_1"))
    calls.ended(_ended("UNAVAILABLE", "OVERLOADED"))
    calls.ended(_ended(seconds=1.5))
    start_logging("debug", "json")
    calls.ended(_ended())

    found = [(line["level"], line["message"], line["code"], line.get("error_id")) for line in _objects(stream)]
    assert found == [
        ("warning", "a call failed", "INTERNAL", "err_1"),
        ("warning", "a call failed", "UNAVAILABLE", None),
        ("warning", "a call took long", "OK", None),
        ("debug", "a call ended", "OK", None),
    ]


def test_an_outage_does_not_flood_the_log_and_what_was_left_out_is_counted(stream: Stream) -> None:
    start_logging("info", "json")
    now = 100.0
    calls = CallLog(every_call=False, clock=lambda: now)

    for _ in range(1_000):
        calls.ended(_ended("UNAVAILABLE", "STORE_UNAVAILABLE"))
    now = 101.0
    calls.ended(_ended("UNAVAILABLE", "STORE_UNAVAILABLE"))

    lines = _objects(stream)
    assert len(lines) == TROUBLED_LINES_MAX + 1
    assert lines[-1]["left_out_before"] == 1_000 - TROUBLED_LINES_MAX


def test_a_traceback_stays_in_its_line(stream: Stream) -> None:
    start_logging("info", "json")

    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        logging.getLogger("tollhoused.x").exception("oh")

    (line,) = _objects(stream)
    assert line["message"] == "oh"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("RuntimeError: two\nlines")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_blotted_out_wherever_it_comes_from(stream: Stream, form: str) -> None:
    start_logging("info", form)
    key = write_key(Environment.TEST, "key_01kabcdefghjkmnpqrstvwxyz0", bytes(range(32)))
    log = logging.getLogger("tollhoused.x")

    log.info("the key is %s", key, extra={"fields": {"key": key}})
    try:
        raise RuntimeError(f"cannot connect to postgresql://ada:swordfish@db/books with {key}")
    except RuntimeError:
        log.exception("no")

    assert key.split("_")[3] not in stream.getvalue()
    assert "swordfish" not in stream.getvalue()
    assert stream.getvalue().count("tollhouse_test_***") == 3


def test_what_is_no_secret_is_left_alone() -> None:
    text = "postgresql://ada@db:5432/tollhouse_test_books_of_somebody at 10:30 mail ada@example.com"

    assert without_secrets(text) == text
    assert without_secrets("host=db password=swordfish user=ada") == "host=db password=*** user=ada"


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", True),
        ("req_01kabcdefghjk", True),
        ("short", False),
        ("x" * 65, False),
        ("with spaces in it", False),
        ("line\nbreaks-are-bad", False),
        ('quotes"are-bad-too', False),
    ],
)
def test_a_callers_request_id_is_taken_if_it_is_well_formed(sent: str, taken: bool) -> None:
    assert request_id_in([("user-agent", "x"), ("x-request-id", sent)]) == (sent if taken else "")

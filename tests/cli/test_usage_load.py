"""A file of usage is recorded once however often it is loaded, and what is refused is told by its line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Server, done, done_json, failed, serving, tollhouse

CSV = """at,prompt,answer
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:17:05.9999999,110,27
"""
LAYOUT = ["--meter", "ai_tokens=prompt+answer", "--product", "talk", "--spread", "2"]


@pytest.fixture
def server(database_url: str) -> Iterator[Server]:
    """A server on each engine in turn, with two funded accounts: user-1 and user-2."""
    with serving(database_url, "--late-window-days", "20000") as server:
        done("accounts", "provision", "--count", "2", "--credits", "10.00", "--database-url", database_url)
        yield server


def _load(server: Server, file: Path, *arguments: str) -> dict[str, object]:
    """What became of a file of which nothing is refused."""
    loaded = done_json("usage", "load", str(file), *arguments, "--address", server.address)
    assert loaded["rejects"] == {}
    assert isinstance(loaded, dict)
    return loaded


def _books(database_url: str) -> object:
    """Everything about the accounts that a load could change."""
    users = ("user-1", "user-2")
    shown = [done_json("accounts", "show", "--user-id", user, "--database-url", database_url) for user in users]
    return [(account["balance_nanos"], account["meters"]) for account in shown]


def test_a_file_is_recorded_once(server: Server, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(CSV)
    times = ["--time-column", "at", "--batch-size", "2"]

    first = _load(server, file, *LAYOUT, *times)
    books = _books(database_url)
    again = done("usage", "load", str(file), *LAYOUT, *times, "--address", server.address)

    tokens = 4808 + 10 + 3180 + 8 + 110 + 27
    assert first["recorded"] == {"events": 3, "units": {"ai_tokens": tokens}, "charged_nanos": 0}
    assert (first["lines"], first["events"], first["currency"]) == (3, 3, "usd")
    assert "replayed, recorded before 3 8,143" in " ".join(again.split())
    assert "Every one of them was recorded before: nothing changed." in again
    assert _books(database_url) == books
    assert "The books are right." in done("verify", "--database-url", database_url)


def test_times_are_shifted_to_now_by_one_span_once(server: Server, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(CSV)
    times = ["--time-column", "at", "--shift-to-now"]

    first = _load(server, file, *LAYOUT, *times)
    again = _load(server, file, *LAYOUT, *times)

    assert first["recorded"] == again["replayed"]
    assert (again["recorded"], again["refused"]) == (first["replayed"], first["refused"])


def test_what_is_beyond_the_plan_is_charged(server: Server, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "usage.ndjson"
    rows = [{"who": "user-1", "what": "ai_token", "n": 9_000}, {"who": "user-1", "what": "ai_tokens", "n": 3_500}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    layout = ["--meter-column", "what", "--quantity-column", "n", "--user-column", "who", "--product", "send"]

    loaded = _load(server, file, *layout)

    assert loaded["recorded"] == {
        "events": 2,
        "units": {"ai_token": 9_000, "ai_tokens": 3_500},
        "charged_nanos": 2_500 * 4_000,
    }


def test_what_is_refused_is_told_by_line_and_the_rest_is_recorded(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    file, rejects = tmp_path / "usage.csv", tmp_path / "rejects.ndjson"
    file.write_text(
        "who,product,calls\nuser-1,talk,1\nnobody,talk,1\nuser-1,talk,one\nuser-2,talk,0\nuser-2,cook,1\n"
        "user-1,talk,1,1\nuser-2,local,1\nuser-2,talk,5\n"
    )
    layout = ["--meter", "api_calls=calls", "--user-column", "who", "--product-column", "product"]
    arguments = ["usage", "load", str(file), *layout, "--rejects", str(rejects), "--address", server.address]

    ended = tollhouse(*arguments)

    assert ended.code == 1
    assert ended.err.splitlines() == [
        "line 4: UNREADABLE: calls: 'one' is not a whole number of units",
        "line 7: UNREADABLE: has 4 fields, the heading has 3",
        "line 3: SUBJECT_NOT_FOUND: no account is known under this user_id",
        "line 6: INVALID_FIELD: product: 'cook' is not a product; known are talk, send, local, doc, transcribe",
        "line 8: SUBSCRIPTION_REQUIRED: plan hobby gives no access to product local",
    ]
    assert [json.loads(line)["line"] for line in rejects.read_text().splitlines()] == [4, 7, 3, 6, 8]
    assert "8 lines, 1 of them with nothing to record, 5 usage events" in ended.out
    recorded = done_json("accounts", "show", "--user-id", "user-2", "--database-url", database_url)
    assert next(meter["used"] for meter in recorded["meters"] if meter["meter"] == "api_calls") == 5


def test_record_refuses_nothing_that_state_could(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("tokens\n90000000\n")
    layout = ["--meter", "ai_tokens=tokens", "--user-id", "user-1", "--product", "local"]

    refused = tollhouse("usage", "load", str(file), *layout, "--address", server.address)
    recorded = _load(server, file, *layout, "--enforcement", "record")

    assert "SUBSCRIPTION_REQUIRED" in refused.err
    assert recorded["recorded"] == {
        "events": 1,
        "units": {"ai_tokens": 90_000_000},
        "charged_nanos": (90_000_000 - 10_000) * 4_000,
    }


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--product", "talk", "--spread", "2"], "say what is counted"),
        (["--meter", "api_calls=calls", "--spread", "2"], "say which product used it"),
        (["--meter", "api_calls=calls", "--product", "talk"], "say whose usage it is"),
        (
            ["--meter", "api_calls=calls", "--product", "talk", "--spread", "2", "--user-id", "a"],
            "say whose usage it is",
        ),
        (
            ["--meter", "api_calls=call", "--product", "talk", "--spread", "2"],
            "has no column call; its columns are calls",
        ),
        (["--meter", "api_calls=calls", "--product", "talk", "--spread", "2", "--shift-to-now"], "needs --time-column"),
        (
            ["--meter", "api_calls=calls", "--product", "talk", "--spread", "2", "--time-format", "x"],
            "no format for times",
        ),
        (
            ["--meter", "api_calls=calls", "--product", "talk", "--user-id", "a", "--user-column", "b"],
            "exclude each other",
        ),
    ],
)
def test_what_would_refuse_every_row_is_refused_before_the_first(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("calls\n1\n")

    assert complaint in failed("usage", "load", str(file), *arguments)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("calls\n1\n")
    layout = ["--meter", "api_calls=calls", "--product", "talk", "--spread", "2"]

    complaint = failed("usage", "load", str(file), *layout, "--address", "127.0.0.1:1")

    assert complaint.startswith("tollhouse: 127.0.0.1:1 does not answer")
    assert "no-such.csv: No such file" in failed("usage", "load", f"{tmp_path}/no-such.csv", *layout)

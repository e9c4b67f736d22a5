"""Customers that were somewhere else are brought in once, however often the file is imported."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import done, done_json, failed, tollhouse
from tests.support.books import broken_rules, dump, query

LINES: list[dict[str, Any]] = [
    # In no order: what needs something else may stand before it.
    {"kind": "usage", "user_id": "ada", "meter": "api_call", "quantity": 1_200},
    {"kind": "usage", "org_id": "acme", "meter": "voice_minutes", "quantity": 40},
    {"kind": "balance", "user_id": "ada", "amount": "12.50", "expires": "2199-12-31"},
    {"kind": "balance", "user_id": "ada", "amount": "12.50", "expires": "2199-12-31"},
    {"kind": "usage", "user_id": "ada", "meter": "storage_mb", "level": 700},
    {"kind": "balance", "user_id": "bob", "amount": -3, "reason": "unpaid"},
    {"kind": "subscription", "org_id": "acme", "plan": "pro", "start": "2024-01-31"},
    {"kind": "membership", "user_id": "cyd", "org_id": "acme", "primary": True},
    {"kind": "account", "user_id": "ada", "email": "ada@example.org", "zone": "Europe/Berlin"},
    {"kind": "account", "email": "bob@example.org", "user_id": "bob"},
    {"kind": "account", "user_id": "cyd"},
    {"kind": "account", "org_id": "acme"},
]


@pytest.fixture
def url(database_url: str) -> list[str]:
    """The option that names a database with a catalogue, on each engine in turn."""
    done("catalog", "apply", "hub", "--database-url", database_url)
    return ["--database-url", database_url]


def _file(tmp_path: Path, *lines: dict[str, Any] | str) -> str:
    path = tmp_path / "customers.ndjson"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return str(path)


def _imported(file: str, url: list[str], *more: str) -> dict[str, int]:
    """How many lines of all kinds ended in which state."""
    kinds = done_json("import", file, *url, *more)["kinds"].values()
    return {state: sum(kind[state] for kind in kinds) for state in ("imported", "there before", "refused")}


def test_customers_come_with_plans_balances_and_usage(url: list[str], tmp_path: Path) -> None:
    assert _imported(_file(tmp_path, *LINES), url) == {"imported": 12, "there before": 0, "refused": 0}

    ada = done_json("accounts", "show", "--user-id", "ada", *url)
    calls = next(meter for meter in ada["meters"] if meter["meter"] == "api_calls")
    assert (ada["zone"], ada["balance_nanos"], ada["users"][0]["email"]) == (
        "Europe/Berlin",
        25_000_000_000,
        "ada@example.org",
    )
    assert (calls["used"], calls["remaining"], calls["overage"], calls["charged_nanos"]) == (1_200, 0, 0, 0)
    storage = next(meter for meter in ada["meters"] if meter["meter"] == "storage_mb")
    assert (storage["used"], storage["overage"], storage["charged_nanos"]) == (700, 0, 0)
    assert done_json("accounts", "show", "--user-id", "bob", *url)["debt_nanos"] == 3_000_000_000
    acme = done_json("accounts", "show", "--user-id", "cyd", *url)
    assert (acme["organizations"], acme["plan"]) == (["acme"], "pro")
    assert acme["period_end"][8:10] in ("28", "29", "30", "31")  # it turns on the day on which the subscription began
    assert "The books are right." in done("verify", *url)
    assert broken_rules(url[1]) == {}


def test_a_second_run_changes_nothing_and_a_grown_file_adds_what_is_new(url: list[str], tmp_path: Path) -> None:
    _imported(_file(tmp_path, *LINES), url)
    before = dump(url[1])

    assert _imported(_file(tmp_path, *LINES), url) == {"imported": 0, "there before": 12, "refused": 0}
    assert dump(url[1]) == before
    grown = [*LINES, {"kind": "balance", "user_id": "ada", "amount": "12.50", "expires": "2199-12-31"}]
    assert _imported(_file(tmp_path, *grown), url) == {"imported": 1, "there before": 12, "refused": 0}
    assert done_json("accounts", "show", "--user-id", "ada", *url)["balance_nanos"] == 37_500_000_000


def test_a_dry_run_says_what_would_happen_and_writes_nothing(url: list[str], tmp_path: Path) -> None:
    before = dump(url[1])
    file = _file(tmp_path, *LINES, {"kind": "usage", "user_id": "nobody", "meter": "api_calls", "quantity": 1})

    ended = tollhouse("import", file, "--dry-run", "--json", *url)

    assert ended.code == 1
    assert ended.err == "line 13: SUBJECT_NOT_FOUND: no account is known under this user_id\n"
    found = json.loads(ended.out)["kinds"]
    assert {kind: states["imported"] for kind, states in found.items()} == {
        "account": 4,
        "membership": 1,
        "subscription": 1,
        "balance": 3,
        "usage": 3,
    }
    assert dump(url[1]) == before
    _imported(_file(tmp_path, *LINES), url)
    assert _imported(_file(tmp_path, *LINES), url, "--dry-run")["there before"] == 12


BAD: list[tuple[dict[str, Any] | str, str]] = [
    ("{", "UNREADABLE: is no JSON"),
    ("[1]", "UNREADABLE: is no JSON object"),
    ({"kind": "invoice"}, "UNREADABLE: kind: must be one of account, membership,"),
    ({"kind": "usage", "user_id": "ada", "mtr": 1}, "UNREADABLE: mtr: is no field of usage"),
    ({"kind": "account"}, "INVALID_FIELD: user_id: is required"),
    ({"kind": "account", "user_id": "x", "org_id": "y"}, "UNREADABLE: org_id: an account is a person's or"),
    ({"kind": "account", "user_id": "x", "zone": "Mars"}, "INVALID_FIELD: zone: 'Mars' is not an IANA time zone"),
    ({"kind": "membership", "user_id": "ada"}, "INVALID_FIELD: org_id: is required"),
    ({"kind": "membership", "user_id": "ada", "org_id": "o", "primary": 1}, "UNREADABLE: primary: must be true or"),
    ({"kind": "subscription", "user_id": "ada", "plan": "gold"}, "INVALID_FIELD: plan: 'gold' is not in"),
    ({"kind": "subscription", "user_id": "ada", "plan": "pro", "start": "soon"}, "UNREADABLE: start: is not a time"),
    ({"kind": "subscription", "user_id": "ada", "plan": "pro", "end": "2001-01-01"}, "INVALID_FIELD: end: must be"),
    ({"kind": "balance", "user_id": "ada", "amount": "1e3"}, "UNREADABLE: amount: '1e3' is not an amount"),
    ({"kind": "balance", "user_id": "ada", "amount": 0}, "INVALID_FIELD: amount: must be from 1"),
    ({"kind": "balance", "user_id": "ada", "amount": 1, "category": "gift"}, "UNREADABLE: category: must be one of"),
    ({"kind": "balance", "user_id": "ada", "amount": 1, "priority": "high"}, "UNREADABLE: priority: must be a whole"),
    ({"kind": "balance", "user_id": "ada", "amount": -1, "meters": ["x"]}, "UNREADABLE: meters: a negative balance"),
    ({"kind": "usage", "user_id": "ada", "meter": "steps", "quantity": 1}, "INVALID_FIELD: meter: 'steps' is not a"),
    (
        {"kind": "usage", "user_id": "ada", "meter": "storage_mb", "quantity": 5},
        "INVALID_FIELD: quantity: storage_mb is a",
    ),
    ({"kind": "usage", "user_id": "ada", "meter": "storage_mb"}, "INVALID_FIELD: level: must be from 1"),
    ({"kind": "usage", "user_id": "ada", "meter": "api_calls", "level": 5}, "INVALID_FIELD: level: api_calls is a"),
    ({"kind": "usage", "user_id": "ada", "meter": "api_calls"}, "INVALID_FIELD: quantity: must be from 1"),
    ({"kind": "usage", "meter": "api_calls", "quantity": 1}, "INVALID_FIELD: subject: needs a user_id"),
]


def test_bad_lines_are_listed_by_line_and_field_and_the_good_ones_count(sqlite_url: str, tmp_path: Path) -> None:
    url = ["--database-url", sqlite_url]
    done("catalog", "apply", "hub", *url)
    rejects = tmp_path / "rejects.ndjson"
    good = {"kind": "account", "user_id": "ada"}

    ended = tollhouse("import", _file(tmp_path, *(line for line, _ in BAD), good), "--rejects", str(rejects), *url)

    assert ended.code == 1
    complaints = sorted(ended.err.splitlines(), key=lambda line: int(line.split()[1].rstrip(":")))
    for number, ((_, expected), found) in enumerate(zip(BAD, complaints, strict=True), start=1):
        assert found.startswith(f"line {number}: {expected}"), found
    assert len(rejects.read_text(encoding="utf-8").splitlines()) == len(BAD)
    assert f"{len(BAD) + 1} lines, {len(BAD)} refused" in ended.out
    assert query(sqlite_url, "SELECT user_id FROM users") == [("ada",)]


def test_a_line_with_an_id_may_not_change(sqlite_url: str, tmp_path: Path) -> None:
    url = ["--database-url", sqlite_url]
    done("catalog", "apply", "hub", *url)
    gift = {"kind": "balance", "id": "gift-1", "user_id": "ada", "amount": "5.00"}
    done("import", _file(tmp_path, {"kind": "account", "user_id": "ada"}, gift), *url)

    complaint = failed("import", _file(tmp_path, {**gift, "amount": "6.00"}), *url)

    assert complaint.startswith("line 1: IDEMPOTENCY_KEY_REUSED: ")
    assert "another amount_nanos" in complaint


def test_a_file_that_is_not_there_is_named(sqlite_url: str) -> None:
    assert "nowhere.ndjson: No such file" in failed("import", "nowhere.ndjson", "--database-url", sqlite_url)


def test_no_key_holds_a_name(url: list[str], tmp_path: Path) -> None:
    _imported(_file(tmp_path, *LINES), url)

    keys = repr(query(url[1], "SELECT idempotency_key FROM operations"))
    assert "ada" not in keys.replace("import", "")
    assert keys.count("import/") == len(LINES)

"""Clients and keys are made, listed, rotated and revoked by commands, and a running server goes by them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.commands import Server, done, done_json, failed, serving, tollhouse
from tests.support.books import dump
from tests.support.door import PATIENCE_SECONDS, until
from tollhoused.domain.keys import read_key

LAYOUT = ["--meter", "api_calls=calls", "--product", "talk", "--spread", "1"]
REVOKED_SECONDS_MAX = 10.0


@dataclass
class Database:
    """The commands on one database."""

    url: str

    def done(self, *arguments: str) -> str:
        return done(*arguments, "--database-url", self.url)

    def failed(self, *arguments: str, code: int = 1, **variables: str) -> str:
        return failed(*arguments, "--database-url", self.url, code=code, **variables)

    def json(self, *arguments: str) -> "list[dict[str, str]]":
        found = done_json(*arguments, "--database-url", self.url)
        return found if isinstance(found, list) else [found]

    def key(self, client: str, *arguments: str) -> tuple[str, str]:
        """Makes a key; its id and its text."""
        (made,) = self.json("keys", "create", client, *arguments)
        return made["key_id"], made["text"]


@pytest.fixture
def database(database_url: str) -> Database:
    """A database with a catalogue and the client `talk-backend`."""
    database = Database(database_url)
    database.done("catalog", "apply", "hub")
    database.done("clients", "create", "talk-backend", "--name", "Talk")
    return database


def test_a_client_is_made_and_listed(database: Database) -> None:
    assert database.done("clients", "create", "send-backend") == "client send-backend made\n"

    assert [(item["client_id"], item["name"]) for item in database.json("clients", "list")] == [
        ("send-backend", "send-backend"),
        ("talk-backend", "Talk"),
    ]
    assert "talk-backend" in database.done("clients", "list")
    assert "exists already" in database.failed("clients", "create", "send-backend")
    assert "client_id: must be 2 to 63 small letters" in database.failed("clients", "create", "Send")


def test_a_key_is_made_and_its_text_stands_alone_on_its_line(database: Database, database_url: str) -> None:
    shown = database.done("keys", "create", "talk-backend", "--scope", "usage.write", "--product", "talk")

    text = shown.splitlines()[-1]
    secret = read_key(text).secret
    (listed,) = database.json("keys", "list", "--client", "talk-backend")
    assert listed == {
        "key": read_key(text).id,
        "client": "talk-backend",
        "scopes": "usage.write",
        "products": "talk",
        "environment": "test",
        "state": "live",
        "ends": None,
        "last_used": None,
    }
    for seen in (database.done("keys", "list"), database.done("audit", "list"), repr(dump(database_url))):
        assert secret not in seen
    assert "no client has this id" in database.failed("keys", "create", "nobody", "--scope", "admin")
    assert "'root' is not one of" in database.failed("keys", "create", "talk-backend", "--scope", "root", code=2)
    assert "--expires: 'soon'" in database.failed(
        "keys", "create", "talk-backend", "--scope", "admin", "--expires", "soon"
    )


def test_a_key_is_rotated_and_revoked(database: Database) -> None:
    first, _ = database.key("talk-backend", "--scope", "admin")
    (second,) = database.json("keys", "rotate", first, "--overlap-hours", "0")
    complaint = database.failed("keys", "rotate", first)
    assert database.done("keys", "revoke", second["key_id"]) == f"{second['key_id']} of talk-backend is revoked\n"

    assert complaint == "tollhouse: no live key has this id\n"
    assert [item["state"] for item in database.json("keys", "list")] == ["expired", "revoked"]
    assert "no key has this id" in database.failed("keys", "revoke", "key_1")


def test_a_text_given_for_an_id_is_not_repeated(database: Database) -> None:
    _, text = database.key("talk-backend", "--scope", "admin")

    complaint = database.failed("keys", "revoke", text)

    assert complaint == "tollhouse: key_id: is longer than 64 characters\n"


def test_a_third_key_waits_for_an_end(database: Database) -> None:
    for _ in range(2):
        database.key("talk-backend", "--scope", "admin")

    assert "has 2 live keys; revoke one first" in database.failed("keys", "create", "talk-backend", "--scope", "admin")


def test_the_first_key_settles_the_environment(database: Database) -> None:
    _, text = database.key("talk-backend", "--scope", "admin", "--environment", "live")

    assert text.startswith("tollhouse_live_")
    assert database.key("talk-backend", "--scope", "admin")[1].startswith("tollhouse_live_")
    complaint = "tollhouse: this database serves the environment live, not test\n"
    asked = ["keys", "create", "talk-backend", "--scope", "admin"]
    assert database.failed(*asked, "--environment", "test") == complaint
    assert database.failed(*asked, TOLLHOUSE_ENVIRONMENT="test") == complaint


def test_what_operators_did_is_listed(database: Database) -> None:
    database.key("talk-backend", "--scope", "usage.write")
    database.done("accounts", "provision", "--count", "1")

    found = json.loads(database.done("audit", "list", "--json", "--limit", "3"))

    assert [entry["action"] for entry in found["entries"]] == ["upsert_user", "create_key", "create_client"]
    assert {entry["client"] for entry in found["entries"]} == {"cli"}
    rest = json.loads(database.done("audit", "list", "--json", "--after", found["next"]))
    assert [entry["action"] for entry in rest["entries"]] == ["apply_catalogue"]
    assert "there are more: --after" in database.done("audit", "list", "--limit", "1")


@pytest.fixture
def server(database: Database) -> Iterator[Server]:
    """A server that asks for keys, on a database with one customer."""
    database.done("accounts", "provision", "--count", "1")
    with serving(database.url, asks_for_keys=True) as server:
        yield server


def test_usage_is_loaded_with_a_key_and_not_without(server: Server, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("calls\n1\n2\n")
    key_id, text = database.key("talk-backend", "--scope", "usage.write", "--product", "talk")
    load = ["usage", "load", str(file), *LAYOUT, "--address", server.address]

    missing = failed(*load)
    recorded = done(*load, TOLLHOUSE_API_KEY=text)

    assert "UNAUTHENTICATED, send an API key as" in missing
    assert "(the API key is what TOLLHOUSE_API_KEY says)" in missing
    assert "2 usage events" in recorded
    reader = database.key("talk-backend", "--scope", "entitlements.read")[1]
    assert "takes a key with the scope usage.write" in failed(*load, TOLLHOUSE_API_KEY=reader)
    assert server.stop() == 0
    secret = read_key(text).secret
    assert secret not in server.log + missing + recorded
    used = {item["key"]: item["last_used"] for item in database.json("keys", "list")}
    assert used[key_id] is not None


def test_a_load_that_shifts_times_needs_no_scope_but_its_own(
    server: Server, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("at,calls\n2023-11-16 18:17:03,1\n2023-11-16 18:17:04,2\n")
    _, text = database.key("talk-backend", "--scope", "usage.write", "--product", "talk")
    load = ["usage", "load", str(file), *LAYOUT, "--time-column", "at", "--shift-to-now", "--address", server.address]

    assert "recorded" in done(*load, TOLLHOUSE_API_KEY=text)
    assert "Every one of them was recorded before" in done(*load, TOLLHOUSE_API_KEY=text)
    assert "UNAUTHENTICATED" in failed(*load)


def test_a_running_server_takes_a_rotated_key_at_once_and_refuses_a_revoked_one_within_seconds(
    server: Server, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("calls\n1\n")
    load = ["usage", "load", str(file), *LAYOUT, "--address", server.address]
    old_id, old = database.key("talk-backend", "--scope", "usage.write")
    done(*load, TOLLHOUSE_API_KEY=old)
    (rotated,) = database.json("keys", "rotate", old_id)

    done(*load, TOLLHOUSE_API_KEY=rotated["text"])
    done(*load, TOLLHOUSE_API_KEY=old)
    database.done("keys", "revoke", old_id)

    assert PATIENCE_SECONDS <= REVOKED_SECONDS_MAX
    until(lambda: "was revoked" in tollhouse(*load, TOLLHOUSE_API_KEY=old).err, "the old key is refused")
    done(*load, TOLLHOUSE_API_KEY=rotated["text"])

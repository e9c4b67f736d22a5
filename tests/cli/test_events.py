"""`tollhouse events`: endpoints made, rotated and removed; what was given up is listed and sent again."""

from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.cli.commands import done, done_json, failed
from tests.support.books import execute, query
from tollhoused.store import schema

URL = "https://hooks.example.test/events"
DATA = '{"currency":"usd","spendable_nanos":0,"threshold_nanos":0,"debt_nanos":0}'.replace(":", "\\:")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with a catalogue."""
    made = f"sqlite:///{tmp_path}/books.sqlite3"
    schema.migrate(made)
    done("catalog", "apply", "hub", "--database-url", made)
    return made


def test_an_endpoint_lives_and_ends(url: str) -> None:
    at = ["--database-url", url]
    made = done_json("events", "endpoints", "add", URL, "--kind", "credits.low", *at)
    again = done_json("events", "endpoints", "rotate", made["endpoint_id"], *at)
    (listed,) = done_json("events", "endpoints", "list", *at)

    Webhook(made["secret"])  # it would refuse what is no secret
    assert again["secret"] != made["secret"]
    assert (listed["url"], listed["kinds"], listed["reached"]) == (URL, "credits.low", 0)
    assert made["secret"] not in str(listed)
    assert "sent nothing any more" in done("events", "endpoints", "remove", made["endpoint_id"], *at)
    assert done_json("events", "endpoints", "list", *at) == []
    assert "no event endpoint" in failed("events", "endpoints", "rotate", made["endpoint_id"], *at)
    acts = {entry["action"] for entry in done_json("audit", "list", *at)["entries"]}
    assert acts >= {"create_event_endpoint", "rotate_event_endpoint", "delete_event_endpoint"}
    assert query(url, "SELECT count(*) FROM operations WHERE sent LIKE '%whsec%' OR answer LIKE '%whsec%'") == [(0,)]
    done("verify", *at)


def test_what_was_given_up_is_listed_and_sent_again(url: str) -> None:
    at = ["--database-url", url]
    endpoint = done_json("events", "endpoints", "add", URL, *at)["endpoint_id"]
    execute(url, f"INSERT INTO outbox VALUES ('acct_1', 1, 1, 'credits.low', 0, '{DATA}', 1)")
    execute(url, f"INSERT INTO outbox VALUES ('acct_1', 1, 2, 'credits.depleted', 0, '{DATA}', 2)")
    execute(url, f"INSERT INTO event_deliveries VALUES ('{endpoint}', 1, 'dead', 10, 0, 'answered 500')")

    (dead,) = done_json("events", "dead", "list", *at)
    assert (dead["position"], dead["event"], dead["problem"]) == (1, "evt_1_1_1", "answered 500")
    assert done_json("events", "redeliver", endpoint, "--dead", *at) == {"endpoint_id": endpoint, "events": 1}
    assert done_json("events", "dead", "list", *at) == []
    assert done_json("events", "redeliver", endpoint, "--from", "1", "--to", "9", *at)["events"] == 2
    states = query(url, "SELECT position, state, attempts FROM event_deliveries ORDER BY position")
    assert states == [(1, "pending", 0), (2, "pending", 0)]
    assert "say --dead" in failed("events", "redeliver", endpoint, *at)
    assert "there is no endpoint" in failed("events", "redeliver", "endpoint_x", "--dead", *at)


@pytest.mark.parametrize(
    "bad",
    [
        "http://hooks.example.test/", "ftp://hooks.example.test/", "https://user:pw@hooks.example.test/", "https://",
        "https://hooks.example.test/#x", "https://hooks.example.test/a b", "https://evil.test\\@hooks.example.test/",
        "https://hooks.example.test:99999/", "https://hooks.example.test:0/", "https://h\u00f6oks.example.test/",
        "https://hooks.example.test/\nx-header: 1",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_is_refused(url: str, bad: str) -> None:
    assert "url" in failed("events", "endpoints", "add", bad, "--database-url", url)


def test_plain_http_is_for_those_who_allow_it(url: str) -> None:
    done("events", "endpoints", "add", "http://127.0.0.1:9/", "--events-allow-private", "--database-url", url)

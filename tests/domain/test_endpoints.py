"""What is posted to endpoints, signed so that others' libraries believe it, and when it is tried again."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tollhoused.domain import endpoints
from tollhoused.domain.endpoints import ATTEMPTS_MAX, Endpoint, body_of, headers_of, next_attempt_us, write_secret
from tollhoused.domain.instants import DAY_US, SECOND_US
from tollhoused.domain.outgoing import CreditsGranted, EventKind, OutgoingEvent

SECRET, OLD = write_secret(b"new" * 11), write_secret(b"old" * 11)
DATA = CreditsGranted("usd", "grant_1", "paid", 2**60, ("calls",), 1_800_000_000_000_000, None)
EVENT = OutgoingEvent("acct_1", 3, 1, EventKind.CREDITS_GRANTED, 1_800_000_000_000_000, DATA, 7)
ENDPOINT = Endpoint("endpoint_1", "https://example.test/", frozenset(), SECRET, OLD, 2**62, 0, None, 0)


def _now_us() -> int:
    return time.time_ns() // 1_000  # the library reads the wall clock


def test_the_body_says_everything_without_large_numbers() -> None:
    assert json.loads(body_of(EVENT)) == {
        "type": "credits.granted",
        "timestamp": "2027-01-15T08:00:00Z",
        "data": {
            "event_id": "evt_1_3_1",
            "position": 7,
            "account_id": "acct_1",
            "currency": "usd",
            "grant_id": "grant_1",
            "category": "paid",
            "amount_nanos": str(2**60),
            "meters": ["calls"],
            "effective_time": "2027-01-15T08:00:00Z",
            "expire_time": None,
        },
    }


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_either_secret_of_a_rotation_proves_who_sends(secret: str) -> None:
    body = body_of(EVENT)
    headers = headers_of(ENDPOINT, EVENT, body, _now_us())

    assert Webhook(secret).verify(body, headers)["type"] == "credits.granted"
    assert headers["webhook-id"] == EVENT.id


def test_the_library_signs_as_we_do() -> None:
    body, now_us = body_of(EVENT), _now_us()
    theirs = Webhook(SECRET).sign(EVENT.id, datetime.fromtimestamp(now_us // SECOND_US, tz=UTC), body.decode())

    assert endpoints.signature(SECRET, EVENT.id, now_us // SECOND_US, body) == theirs


@pytest.mark.parametrize("changed", ["body", "id", "time", "secret", "late"])
def test_whatever_is_changed_is_noticed(changed: str) -> None:
    body = body_of(EVENT)
    now_us = _now_us() - (600 * SECOND_US if changed == "late" else 0)
    headers = headers_of(ENDPOINT, EVENT, body, now_us)
    if changed == "id":
        headers["webhook-id"] += "1"
    if changed == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    key = write_secret(b"another") if changed == "secret" else SECRET

    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body + (b" " if changed == "body" else b""), headers)


def test_after_the_overlap_only_the_new_secret_signs() -> None:
    over = replace(ENDPOINT, previous_until_us=_now_us())

    assert over.secrets(_now_us() + 1) == [SECRET]
    assert len(headers_of(over, EVENT, b"", _now_us() + 1)["webhook-signature"].split()) == 1


def test_secrets_are_not_shown_by_accident() -> None:
    assert SECRET not in repr(ENDPOINT)
    assert OLD not in repr(ENDPOINT)


def test_attempts_are_spread_over_three_days_and_then_end() -> None:
    now_us, pauses = 0, []
    for attempts in range(1, ATTEMPTS_MAX):
        again_us = next_attempt_us("endpoint_1", 7, attempts, now_us)
        assert again_us is not None
        pauses.append(again_us - now_us)
        now_us = again_us

    assert pauses == sorted(pauses)
    assert 3 * DAY_US < now_us < 4 * DAY_US
    assert next_attempt_us("endpoint_1", 7, ATTEMPTS_MAX, now_us) is None
    assert next_attempt_us("endpoint_2", 7, 3, 0) != next_attempt_us("endpoint_1", 7, 3, 0)

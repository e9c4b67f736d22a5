"""Endpoints that outgoing events are sent to, and how what is sent is signed and tried again (Standard Webhooks)."""

import base64
import hashlib
import hmac
import json
import zlib
from dataclasses import dataclass, field, replace

from tollhoused.domain.answers import EndpointAnswer
from tollhoused.domain.instants import SECOND_US, rfc3339
from tollhoused.domain.json_text import compact_json
from tollhoused.domain.outgoing import OutgoingEvent, data_to_json
from tollhoused.domain.registry_commands import RegistryCommand

SECRET_PREFIX = "whsec_"

RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Between one attempt and the next, as Standard Webhooks recommends: three days and a little in all."""

ATTEMPTS_MAX = len(RETRY_SECONDS) + 1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events are sent to. No kinds: all of them. `reached` is the position up to which they were tried.

    `secret` signs, and until `previous_until_us` so does the one before it. Both are kept as they are: without them
    nothing could be signed.
    """

    id: str
    url: str
    kinds: frozenset[str]
    secret: str = field(repr=False)
    previous_secret: str | None = field(repr=False)
    previous_until_us: int | None
    created_us: int
    deleted_us: int | None
    reached: int

    def secrets(self, now_us: int) -> list[str]:
        """Those that sign now, the newest first."""
        previous = self.previous_secret
        alive = previous is not None and self.previous_until_us is not None and now_us < self.previous_until_us
        return [self.secret, previous] if alive and previous else [self.secret]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCommand(RegistryCommand):
    """What is done to an endpoint."""

    endpoint_id: str

    def names(self) -> list[str]:
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEventEndpoint(EndpointCommand):
    """Makes an endpoint that is sent what comes after `after_position`; the secret is no part of what was sent."""

    kind = "create_event_endpoint"
    url: str
    kinds: frozenset[str]
    secret: str = field(repr=False)
    after_position: int

    def content(self) -> dict[str, object]:
        return {"url": self.url, "kinds": sorted(self.kinds)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateEventEndpoint(EndpointCommand):
    """Gives an endpoint another secret; both sign for the overlap."""

    kind = "rotate_event_endpoint"
    secret: str = field(repr=False)
    overlap_us: int

    def content(self) -> dict[str, object]:
        return {"endpoint_id": self.endpoint_id, "overlap": self.overlap_us}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteEventEndpoint(EndpointCommand):
    """Sends an endpoint nothing any more."""

    kind = "delete_event_endpoint"

    def content(self) -> dict[str, object]:
        return {"endpoint_id": self.endpoint_id}


def created(command: CreateEventEndpoint, now_us: int) -> Endpoint:
    """The new endpoint."""
    return Endpoint(
        command.endpoint_id,
        command.url,
        command.kinds,
        command.secret,
        None,
        None,
        now_us,
        None,
        command.after_position,
    )


def rotated(endpoint: Endpoint, command: RotateEventEndpoint, now_us: int) -> Endpoint:
    """The endpoint with its new secret."""
    until_us = now_us + command.overlap_us
    return replace(endpoint, secret=command.secret, previous_secret=endpoint.secret, previous_until_us=until_us)


def endpoint_answer(endpoint: Endpoint) -> EndpointAnswer:
    """An endpoint as answers show it: without its secrets."""
    return EndpointAnswer(
        endpoint.id,
        endpoint.url,
        tuple(sorted(endpoint.kinds)),
        endpoint.created_us,
        endpoint.deleted_us,
        endpoint.previous_until_us,
    )


def write_secret(secret: bytes) -> str:
    """A signing secret as receivers take it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def body_of(event: OutgoingEvent) -> bytes:
    """What is posted: always the same bytes for an event. Amounts in nanos are text, instants RFC 3339."""
    data: dict[str, object] = {
        "event_id": event.id,
        "position": event.position,
        "account_id": event.account_id,
    }
    for name, value in json.loads(data_to_json(event.data)).items():
        if name.endswith("_us"):
            shown = "expire" if name == "expires_us" else name.removesuffix("_us")
            data[f"{shown}_time"] = None if value is None else rfc3339(value)
        else:
            data[name] = str(value) if name.endswith("_nanos") else value
    return compact_json({"type": event.kind.value, "timestamp": rfc3339(event.at_us), "data": data}).encode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The scheme v1 of Standard Webhooks: HMAC-SHA256 over id, time in seconds and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers_of(endpoint: Endpoint, event: OutgoingEvent, body: bytes, now_us: int) -> dict[str, str]:
    """What proves to the receiver who sends, with one signature for each secret that is in force."""
    timestamp = now_us // SECOND_US
    return {
        "webhook-id": event.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, event.id, timestamp, body) for key in endpoint.secrets(now_us)),
    }


def next_attempt_us(endpoint_id: str, position: int, attempts: int, now_us: int) -> int | None:
    """When to try again after so many failed attempts, a little off so that not all come at once; None for never."""
    if attempts >= ATTEMPTS_MAX:
        return None
    pause_us = RETRY_SECONDS[attempts - 1] * SECOND_US
    off = zlib.crc32(f"{endpoint_id}/{position}/{attempts}".encode()) % 200
    return now_us + pause_us * (1_000 + off) // 1_000

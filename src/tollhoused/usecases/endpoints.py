"""Endpoints that outgoing events are sent to (requirement O7)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tollhoused.domain.answers import EndpointAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.endpoints import (
    CreateEventEndpoint,
    DeleteEventEndpoint,
    Endpoint,
    RotateEventEndpoint,
    write_secret,
)
from tollhoused.domain.instants import DAY_US
from tollhoused.errors import InternalError, InvalidField
from tollhoused.store.deliveries import DeadLetter
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.events import known_kinds
from tollhoused.usecases.registry import OVERLAP_DEFAULT_US, OVERLAP_MAX_US

URL_LENGTH_MAX = 2_000
AGAIN_MAX = 10_000
DEAD_MAX = 1_000


@dataclass(frozen=True, slots=True)
class NewSecret:
    """An endpoint with a secret that was made. `secret` is shown this once; it is empty in a replay."""

    answer: EndpointAnswer
    secret: str = field(repr=False)
    replayed: bool


def create(
    core: Core, call: Call, *, url: str, kinds: Sequence[str], idempotency_key: str, validate_only: bool
) -> NewSecret:
    """Makes an endpoint, which is sent what happens from now on. No kinds: all events."""
    forms.idempotency_key(idempotency_key)
    checked_url(url, allow_private=core.events_allow_private)
    wanted = known_kinds(kinds)
    with reading():
        position = core.store.events.newest_position()
    secret = write_secret(core.new_secret())
    command = CreateEventEndpoint(
        client=call.client,
        idempotency_key=idempotency_key,
        endpoint_id=core.new_id("endpoint"),
        url=url,
        kinds=wanted,
        secret=secret,
        after_position=position,
    )
    return _new_secret(core.run(call, command, validate_only), secret, validate_only)


def rotate(
    core: Core, call: Call, *, endpoint_id: str, overlap_us: int | None, idempotency_key: str, validate_only: bool
) -> NewSecret:
    """Makes another secret; both sign for the overlap, a day unless told otherwise."""
    forms.idempotency_key(idempotency_key)
    overlap_us = OVERLAP_DEFAULT_US if overlap_us is None else overlap_us
    if not 0 <= overlap_us <= OVERLAP_MAX_US:
        raise InvalidField("overlap", f"must be from 0 to {OVERLAP_MAX_US // DAY_US} days")
    secret = write_secret(core.new_secret())
    command = RotateEventEndpoint(
        client=call.client,
        idempotency_key=idempotency_key,
        endpoint_id=forms.text("endpoint_id", endpoint_id, forms.NAME_LENGTH_MAX),
        secret=secret,
        overlap_us=overlap_us,
    )
    return _new_secret(core.run(call, command, validate_only), secret, validate_only)


def delete(core: Core, call: Call, *, endpoint_id: str, idempotency_key: str, validate_only: bool) -> Settled:
    """Sends an endpoint nothing any more."""
    forms.idempotency_key(idempotency_key)
    command = DeleteEventEndpoint(
        client=call.client,
        idempotency_key=idempotency_key,
        endpoint_id=forms.text("endpoint_id", endpoint_id, forms.NAME_LENGTH_MAX),
    )
    return core.run(call, command, validate_only)


def list_endpoints(core: Core) -> list[Endpoint]:
    """Those that were not deleted, by id."""
    with reading():
        return core.store.deliveries.endpoints()


def list_dead(core: Core, endpoint_id: str = "") -> list[DeadLetter]:
    """Events that were given up, of one endpoint or of all; a thousand at the most."""
    with reading():
        found = core.store.deliveries.dead(DEAD_MAX)
    return [letter for letter in found if not endpoint_id or letter.endpoint_id == endpoint_id]


def send_again(core: Core, endpoint: Endpoint, first: int, last: int) -> int:
    """Has the events at these positions sent to an endpoint again, whatever became of them; says how many."""
    with reading():
        positions = core.store.deliveries.positions(endpoint, first, last, AGAIN_MAX)
        core.store.deliveries.send_again(endpoint.id, positions, core.clock())
    return len(positions)


def checked_url(url: str, *, allow_private: bool) -> None:
    """An address that can be posted to, exactly as it is written. Raises InvalidField.

    Where its name leads to is looked at anew each time that something is sent.
    """
    forms.text("url", url, URL_LENGTH_MAX)
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(?:[/?][!-\[\]^-~]*)?", url) or "#" in url:
        raise InvalidField("url", "must be https://host/path in plain ASCII, without user, spaces or fragment")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        raise InvalidField("url", "its host or its port cannot be read")
    if parts.scheme != "https" and not allow_private:
        raise InvalidField("url", "must begin with https://, unless events_allow_private is set")


def _new_secret(settled: Settled, secret: str, validate_only: bool) -> NewSecret:
    answer = settled.answer
    if not isinstance(answer, EndpointAnswer):
        raise InternalError("internal error")
    return NewSecret(answer, "" if settled.replayed or validate_only else secret, settled.replayed)

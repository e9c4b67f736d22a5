"""Clients and their API keys, and the log of administrative acts (requirements I3, I6)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tollhoused.domain.answers import KeyAnswer
from tollhoused.domain.books import AuditEntry, Settled
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.keys import (
    CLI_CLIENT,
    LOCAL_CLIENT,
    Client,
    Environment,
    Key,
    Scope,
    secret_sha256,
    write_key,
)
from tollhoused.domain.registry_commands import CreateClient, CreateKey, RevokeKey, RotateKey
from tollhoused.errors import InternalError, InvalidField
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.pages import TimeRange, cursor_text, cursor_values

CLIENT_ID = re.compile(r"[a-z][a-z0-9-]{1,62}")
RESERVED_CLIENTS = frozenset({LOCAL_CLIENT, CLI_CLIENT})
KEY_PRODUCTS_MAX = 100
OVERLAP_DEFAULT_US = DAY_US
OVERLAP_MAX_US = 30 * DAY_US


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made. `text` is shown this once; it is empty in a replay, for it is stored nowhere."""

    answer: KeyAnswer
    text: str = field(repr=False)
    replayed: bool


def create_client(
    core: Core, call: Call, *, client_id: str, name: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Makes a client: 2 to 63 small letters, digits and dashes, beginning with a letter."""
    forms.idempotency_key(idempotency_key)
    owner = _client_id(client_id)
    if owner in RESERVED_CLIENTS:
        raise InvalidField("client_id", f"{owner} stands for callers without keys")
    command = CreateClient(
        client=call.client,
        idempotency_key=idempotency_key,
        owner=owner,
        name=forms.text("name", name or client_id, forms.NAME_LENGTH_MAX),
    )
    return core.run(call, command, validate_only)


def create_key(
    core: Core,
    call: Call,
    *,
    client_id: str,
    scopes: Sequence[Scope],
    products: Sequence[str],
    may_create: bool,
    expires_us: int | None,
    idempotency_key: str,
    validate_only: bool,
) -> NewKey:
    """Makes a key for this deployment's environment; no products means any product."""
    forms.idempotency_key(idempotency_key)
    owner = _client_id(client_id)
    if not 1 <= len(scopes) <= len(Scope):
        raise InvalidField("scopes", f"must have from 1 to {len(Scope)} entries")
    if len(products) > KEY_PRODUCTS_MAX:
        raise InvalidField("products", f"has more than {KEY_PRODUCTS_MAX} entries")
    for index, product in enumerate(products):
        forms.product(core.catalogue, product, f"products[{index}]")
    secret = core.new_secret()
    command = CreateKey(
        client=call.client,
        idempotency_key=idempotency_key,
        owner=owner,
        key_id=core.new_id("key"),
        secret_sha256=secret_sha256(secret),
        scopes=frozenset(scopes),
        products=frozenset(products),
        environment=core.environment,
        may_create=may_create,
        expires_us=expires_us,
    )
    return _new_key(core.run(call, command, validate_only), secret, validate_only)


def rotate_key(
    core: Core, call: Call, *, key_id: str, overlap_us: int | None, idempotency_key: str, validate_only: bool
) -> NewKey:
    """Makes a second key with the same rights; the old one goes on for the overlap, a day unless told otherwise."""
    forms.idempotency_key(idempotency_key)
    overlap_us = OVERLAP_DEFAULT_US if overlap_us is None else overlap_us
    if not 0 <= overlap_us <= OVERLAP_MAX_US:
        raise InvalidField("overlap", f"must be from 0 to {OVERLAP_MAX_US // DAY_US} days")
    secret = core.new_secret()
    command = RotateKey(
        client=call.client,
        idempotency_key=idempotency_key,
        key_id=forms.text("key_id", key_id, forms.NAME_LENGTH_MAX),
        new_key_id=core.new_id("key"),
        secret_sha256=secret_sha256(secret),
        overlap_us=overlap_us,
    )
    return _new_key(core.run(call, command, validate_only), secret, validate_only)


def revoke_key(core: Core, call: Call, *, key_id: str, idempotency_key: str, validate_only: bool) -> Settled:
    """Ends a key; every replica refuses it within seconds."""
    forms.idempotency_key(idempotency_key)
    command = RevokeKey(
        client=call.client,
        idempotency_key=idempotency_key,
        key_id=forms.text("key_id", key_id, forms.NAME_LENGTH_MAX),
    )
    return core.run(call, command, validate_only)


def list_clients(core: Core) -> list[Client]:
    """Every client, by id."""
    with reading():
        return core.store.clients()


def list_keys(core: Core, client_id: str) -> list[Key]:
    """The keys of one client, or of all where none is named; ended ones included."""
    if client_id:
        _client_id(client_id)
    with reading():
        keys = core.store.api_keys()
    return [key for key in keys if not client_id or key.client == client_id]


def list_audit(core: Core, period: TimeRange, page_size: int, page_token: str) -> tuple[list[AuditEntry], str]:
    """A page of administrative acts, newest first, and the next page's token."""
    with reading():
        found = core.store.audit(period.start_us, period.end_us, _cursor(page_token), page_size + 1)
    page = found[:page_size]
    if len(found) <= page_size:
        return page, ""
    return page, cursor_text([page[-1].at_us, page[-1].client, page[-1].idempotency_key])


def _client_id(value: str) -> str:
    if not CLIENT_ID.fullmatch(forms.text("client_id", value, forms.NAME_LENGTH_MAX)):
        raise InvalidField("client_id", "must be 2 to 63 small letters, digits and dashes, beginning with a letter")
    return value


def _new_key(settled: Settled, secret: bytes, validate_only: bool) -> NewKey:
    answer = settled.answer
    if not isinstance(answer, KeyAnswer):
        raise InternalError("internal error")
    if settled.replayed or validate_only:
        return NewKey(answer, "", settled.replayed)
    return NewKey(answer, write_key(Environment(answer.environment), answer.key_id, secret), False)


def _cursor(token: str) -> tuple[int, str, str] | None:
    if not token:
        return None
    match cursor_values(token):
        case [int(at_us), str(client), str(key)]:
            return at_us, client, key
    raise InvalidField("page_token", "is not a token of this list")

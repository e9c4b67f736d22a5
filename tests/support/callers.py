"""Clients and API keys for tests, made as operators make them."""

from collections.abc import Iterable

from tests.support.house import call
from tollhoused.domain.answers import ClientAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.keys import Scope
from tollhoused.usecases import registry
from tollhoused.usecases.core import Core
from tollhoused.usecases.registry import NewKey


def make_client(core: Core, client_id: str, *, key: str = "") -> ClientAnswer:
    """Makes a client."""
    settled = registry.create_client(
        core, call(), client_id=client_id, name="", idempotency_key=key or f"client/{client_id}", validate_only=False
    )
    assert isinstance(settled.answer, ClientAnswer)
    return settled.answer


def make_key(
    core: Core,
    client_id: str,
    scopes: Iterable[Scope] = (Scope.ADMIN,),
    products: Iterable[str] = (),
    *,
    may_create: bool = False,
    expires_us: int | None = None,
    key: str = "",
    validate_only: bool = False,
) -> NewKey:
    """Makes an API key, with every right unless told otherwise."""
    return registry.create_key(
        core,
        call(),
        client_id=client_id,
        scopes=list(scopes),
        products=list(products),
        may_create=may_create,
        expires_us=expires_us,
        idempotency_key=key or core.new_id("test"),
        validate_only=validate_only,
    )


def rotate(core: Core, key_id: str, *, overlap_us: int | None = None, key: str = "") -> NewKey:
    """Makes the key that follows."""
    return registry.rotate_key(
        core,
        call(),
        key_id=key_id,
        overlap_us=overlap_us,
        idempotency_key=key or core.new_id("test"),
        validate_only=False,
    )


def revoke(core: Core, key_id: str, *, key: str = "") -> Settled:
    """Ends a key."""
    idempotency_key = key or core.new_id("test")
    return registry.revoke_key(core, call(), key_id=key_id, idempotency_key=idempotency_key, validate_only=False)

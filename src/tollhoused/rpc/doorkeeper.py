"""Who calls, and whether this call is theirs to make: answered from memory, before the request is read."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tollhoused.domain.keys import LOCAL_CLIENT, Scope
from tollhoused.errors import ProductNotAllowed, ScopeMissing
from tollhoused.rpc.access import Access
from tollhoused.usecases.keyring import Keyring

BEARER = "bearer "


class Caller(NamedTuple):
    """A client at the door. No products: any product. `may_create` also by the scope admin, which makes accounts."""

    client: str
    products: frozenset[str] = frozenset()
    may_create: bool = True


ANYBODY = Caller(LOCAL_CLIENT)


class Doorkeeper:
    """Asks for keys, or lets anybody in where there is no keyring."""

    def __init__(self, keyring: Keyring | None, check_open: Callable[[], None]) -> None:
        """`check_open` raises StoreUnavailable while nobody can be let in, whoever it is."""
        self._keyring = keyring
        self._check_open = check_open

    def admit(self, metadata: Iterable[tuple[str, str | bytes]], access: Access) -> Caller:
        """The caller.

        Raises StoreUnavailable until the books are open, the refusals of `Keyring.who`, ScopeMissing and
        ProductNotAllowed.
        """
        self._check_open()
        if self._keyring is None:
            return ANYBODY
        key = self._keyring.who(_key_text(metadata))
        scope = access.scope
        if scope and not key.allows(scope):
            raise ScopeMissing(f"this call takes a key with the scope {scope.value}", scope=scope.value)
        if access.every_product and key.products:
            raise ProductNotAllowed("this call takes a key that speaks for every product")
        return Caller(key.client, key.products, key.may_create or key.allows(Scope.ADMIN))


def _key_text(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The key that a call carries, as `authorization: Bearer` or as `x-api-key`; empty where there is none."""
    for name, value in metadata:
        if name == "authorization" and isinstance(value, str) and value[: len(BEARER)].lower() == BEARER:
            return value[len(BEARER) :].strip()
        if name == "x-api-key" and isinstance(value, str):
            return value.strip()
    return ""

"""Rows of clients and their API keys to values and back, in the order of `tables.py`."""

from tollhoused.domain.keys import Client, Environment, Key, Scope
from tollhoused.store.rows import Row


def client_from_row(row: Row) -> Client:
    """A client."""
    return Client(*row)


def client_row(client: Client) -> Row:
    """A client's row."""
    return (client.id, client.name, client.created_us)


def key_from_row(row: Row) -> Key:
    """An API key."""
    (client, id_, secret_sha256, scopes, products, environment, may_create, created_us, *instants) = row
    expires_us, retires_us, revoked_us, last_used_us = instants
    return Key(
        id=id_,
        client=client,
        secret_sha256=secret_sha256,
        scopes=frozenset(Scope(scope) for scope in scopes.split(",") if scope),
        products=frozenset(product for product in products.split(",") if product),
        environment=Environment(environment),
        may_create=bool(may_create),
        created_us=created_us,
        expires_us=expires_us,
        retires_us=retires_us,
        revoked_us=revoked_us,
        last_used_us=last_used_us,
    )


def key_row(key: Key) -> Row:
    """An API key's row; scopes and products are joined by commas."""
    return (
        key.client,
        key.id,
        key.secret_sha256,
        ",".join(sorted(key.scopes)),
        ",".join(sorted(key.products)),
        key.environment.value,
        int(key.may_create),
        key.created_us,
        key.expires_us,
        key.retires_us,
        key.revoked_us,
        key.last_used_us,
    )

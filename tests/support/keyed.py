"""Calls that carry an API key, as a client's interceptor adds it."""

from typing import Any, NamedTuple

import grpc

from tollhoused.rpc.channel import key_metadata


class _Details(NamedTuple):
    """What gRPC reads of a call before it is made."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _WithKey(grpc.UnaryUnaryClientInterceptor):
    """Adds the key to each call; methods that stream have none here."""

    def __init__(self, key: str) -> None:
        self._metadata = key_metadata(key)

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        given = client_call_details
        metadata = (*(given.metadata or ()), *self._metadata)
        details = _Details(
            given.method, given.timeout, metadata, given.credentials, given.wait_for_ready, given.compression
        )
        return continuation(details, request)


def keyed(channel: grpc.Channel, key: str) -> grpc.Channel:
    """The channel, its calls under the key."""
    return grpc.intercept_channel(channel, _WithKey(key))

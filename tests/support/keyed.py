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


class _WithKey(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Adds the key to each call."""

    def __init__(self, key: str) -> None:
        self._metadata = key_metadata(key)

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_key(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_key(client_call_details), request)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return continuation(self._with_key(client_call_details), request_iterator)

    def _with_key(self, given: Any) -> _Details:
        metadata = (*(given.metadata or ()), *self._metadata)
        return _Details(
            given.method, given.timeout, metadata, given.credentials, given.wait_for_ready, given.compression
        )


def keyed(channel: grpc.Channel, key: str) -> grpc.Channel:
    """The channel, its calls under the key."""
    return grpc.intercept_channel(channel, _WithKey(key))

"""How a declared error travels: one table from kind to gRPC code, and the details of google.rpc (design: errors)."""

import logging
from collections.abc import Callable, Mapping, Sequence

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from tollhouse.v1 import common_pb2 as common

from tollhoused.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InternalError,
    InvalidArgument,
    InvalidField,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ResourceExhausted,
    TollhouseError,
    Unauthenticated,
    Unavailable,
)
from tollhoused.rpc.encode import REASONS

log = logging.getLogger(__name__)

DOMAIN = "tollhouse"

CODES: Mapping[type[TollhouseError], grpc.StatusCode] = {
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Aborted: grpc.StatusCode.ABORTED,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Internal: grpc.StatusCode.INTERNAL,
}

MESSAGE_BYTES_MAX = 1_000
"""Clients accept 8 KiB of trailers, in which a message stands three times and each byte takes up to three."""

RETRY_DELAY_MS = 1_000
"""When to come back to a server that is away or full, unless the error knows better."""

ERROR_ID = "error_id"
"""Metadata by which a defect is found in the log."""

RETRY_AFTER_MS = "retry_after_ms"
"""Metadata by which an error knows better. It travels as RetryInfo only."""


class _WithTrailers(grpc.Status):
    """A status with more trailing metadata."""

    def __init__(self, status: grpc.Status, trailers: Sequence[tuple[str, str]]) -> None:
        self.code = status.code
        self.details = status.details
        self.trailing_metadata = (*(status.trailing_metadata or ()), *trailers)


def code_of(error: TollhouseError) -> grpc.StatusCode:
    """The gRPC code of the error's kind."""
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)


def status_of(error: TollhouseError, trailers: Sequence[tuple[str, str]] = ()) -> grpc.Status:
    """The status that ends the call, with its details; `trailers` go beside them."""
    code, text = code_of(error), _clipped(error.message)
    info = ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=_metadata(error))
    details = [_packed(info), *(_packed(detail) for detail in _details(error))]
    status = rpc_status.to_status(Status(code=code.value[0], message=text, details=details))
    return with_trailers(status, trailers) if trailers else status


def with_trailers(status: grpc.Status, trailers: Sequence[tuple[str, str]]) -> grpc.Status:
    """The same status with more beside its details."""
    return _WithTrailers(status, trailers)


def item_error(error: TollhouseError) -> common.ItemError:
    """The same for one item of a batch."""
    return common.ItemError(
        code=code_of(error).value[0],
        reason=REASONS[error.reason],
        message=_clipped(error.message),
        metadata=_metadata(error),
    )


class Faults:
    """Keeps what went wrong inside the server inside: callers see an id, the log has the rest."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self.new_id = new_id

    def disclosable(self, error: Exception) -> TollhouseError:
        """The error as a caller may see it: declared ones as they are, any other as InternalError with an id."""
        if isinstance(error, TollhouseError) and not isinstance(error, Internal):
            return error
        if isinstance(error, Internal) and ERROR_ID in error.metadata:
            return error
        error_id = self.new_id("err")
        log.error("internal error, id=%s", error_id, exc_info=error)
        text = f"internal error, id={error_id}"
        if not isinstance(error, Internal):
            return InternalError(text, error_id=error_id)
        # One failure may be the outcome of many items: marked, it is logged once.
        error.message = text
        error.metadata[ERROR_ID] = error_id
        return error


def _details(error: TollhouseError) -> list[Message]:
    if isinstance(error, InvalidField):
        violation = BadRequest.FieldViolation(
            field=error.field, description=_clipped(error.description), reason=error.reason
        )
        return [BadRequest(field_violations=[violation])]
    if isinstance(error, (Unavailable, RateLimited)):
        delay_ms = int(error.metadata.get(RETRY_AFTER_MS, RETRY_DELAY_MS))
        return [RetryInfo(retry_delay=Duration(seconds=delay_ms // 1_000, nanos=delay_ms % 1_000 * 1_000_000))]
    if isinstance(error, QuotaExceeded):
        meter = error.metadata.get("meter", "")
        return [QuotaFailure(violations=[QuotaFailure.Violation(subject=meter, description=_clipped(error.message))])]
    return []


def _metadata(error: TollhouseError) -> dict[str, str]:
    return {key: value for key, value in error.metadata.items() if key != RETRY_AFTER_MS}


def _packed(message: Message) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def _clipped(text: str) -> str:
    data = text.encode()
    return text if len(data) <= MESSAGE_BYTES_MAX else data[: MESSAGE_BYTES_MAX - 3].decode(errors="ignore") + "..."

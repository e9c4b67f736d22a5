"""The one layer around every method: bytes in, bytes out, a deadline for every call, a declared status for every error.

It wraps each method once, when the server is built, instead of standing in a chain that every call walks along.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import attrgetter
from typing import NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from tollhoused.errors import TollhouseError, UndecodableRequest
from tollhoused.observing import REQUEST_ID, CallObserver, EndedCall, Tracing
from tollhoused.rpc.access import Access
from tollhoused.rpc.doorkeeper import Doorkeeper
from tollhoused.rpc.reading import Reader
from tollhoused.rpc.status import ERROR_ID, Faults, code_of, status_of, with_trailers
from tollhoused.usecases.core import Call
from tollhoused.usecases.throttle import Throttle

Q = TypeVar("Q", bound=Message)
Context = grpc.ServicerContext
# In quotes: gRPC's own class is generic in its type stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
Send = Callable[[Message | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a call may take: `default_seconds` where its caller says nothing, and never over `max_seconds`."""

    default_seconds: float = 10.0
    max_seconds: float = 60.0

    def seconds(self, remaining_seconds: float) -> float:
        """What a call gets. gRPC tells a caller that said nothing by some hundred thousand million years."""
        if remaining_seconds <= self.max_seconds:
            return remaining_seconds
        return self.default_seconds if remaining_seconds > NO_DEADLINE_SECONDS else self.max_seconds


NO_DEADLINE_SECONDS = 1e12

ANYBODY_SECONDS = 1.0
"""How long a call that takes no key may keep its request to itself. Health's fits into the first packet."""


class Guard:
    """Makes handlers for the server out of methods that know messages and declared errors only."""

    def __init__(
        self,
        faults: Faults,
        deadlines: Deadlines,
        doorkeeper: Doorkeeper,
        reader: Reader,
        throttle: Throttle | None = None,
        observer: CallObserver | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """The observer hears of every `call`, tracing puts each into a span; where they are None that costs nothing."""
        self._faults = faults
        self._deadlines = deadlines
        self._doorkeeper = doorkeeper
        self._reader = reader
        self._throttle = throttle
        self._observer = observer
        self._tracing = tracing

    def call(self, name: str, request_type: type[Q], access: Access, method: Callable[[Q, Call], Message]) -> Handler:
        """A method of ours: who calls and until when stands in its Call. Who may not call is not even read.

        `name` is how observers know it, such as "tollhouse.v1.UsageService/RecordUsage". The handler is one for streams
        of requests because gRPC lets the others hold a thread until the request is there, whoever calls.
        """
        deadlines, admit, decode = self._deadlines, self._doorkeeper.admit, request_type.FromString
        take = self._throttle.take if self._throttle else None
        items_of = attrgetter(access.items) if access.items else None
        observer, new_id, read = self._observer, self._faults.new_id, self._reader.read

        def guarded(requests: Iterator[bytes], context: Context) -> bytes:
            began, client = time.monotonic(), ""
            metadata = context.invocation_metadata()
            try:
                caller = admit(metadata, access)
                client = caller.client
                deadline = began + deadlines.seconds(context.time_remaining())
                call = Call(client, deadline, caller.products, caller.may_create)
                request = decoded(decode, read(requests, context, deadlines.default_seconds))
                if take:
                    take(client, len(items_of(request)) if items_of else 1)
                answer = method(request, call).SerializeToString()
            except grpc.RpcError:  # the caller has left before the request was here
                raise
            except Exception as error:
                ended = EndedCall(name, client, time.monotonic() - began, metadata, new_id)
                self._fail(context, error, ended)
            if observer:
                observer.ended(EndedCall(name, client, time.monotonic() - began, metadata, new_id))
            return answer

        return grpc.stream_unary_rpc_method_handler(self._traced(name, guarded))

    def answering(
        self, request_type: type[Q], method: Callable[[Q, Context], Message], pool: ThreadPoolExecutor | None = None
    ) -> Handler:
        """A method that answers once, whoever asks; it runs in `pool`, or else in the server's."""
        decode, read = request_type.FromString, self._reader.read

        def guarded(requests: Iterator[bytes], context: Context) -> bytes:
            try:
                request = decoded(decode, read(requests, context, ANYBODY_SECONDS))
                return method(request, context).SerializeToString()
            except grpc.RpcError:
                raise
            except Exception as error:
                self._end(context, error)

        return grpc.stream_unary_rpc_method_handler(placed(guarded, pool))

    def watching(
        self, request_type: type[Q], method: Callable[[Q, Context, Send], None], pool: ThreadPoolExecutor
    ) -> Handler:
        """A method that returns at once and answers through `send`, now and later: an open stream holds no thread."""
        decode, read = request_type.FromString, self._reader.read

        def guarded(requests: Iterator[bytes], context: Context, send: Callable[[bytes | None], None]) -> None:
            def send_message(message: Message | None) -> None:
                send(None if message is None else message.SerializeToString())

            try:
                return method(decoded(decode, read(requests, context, ANYBODY_SECONDS)), context, send_message)
            except grpc.RpcError:
                raise
            except Exception as error:
                self._end(context, error)

        vars(guarded)["experimental_non_blocking"] = True
        return grpc.stream_stream_rpc_method_handler(placed(guarded, pool))

    def refusing(self, name: str, error: TollhouseError, pool: ThreadPoolExecutor) -> Handler:
        """What takes the place of the method `name` to end a call with this error.

        It is a handler for streams of requests because such a one does not wait for the request, as the others do. The
        status is made once: where calls are refused there is no time to lose.
        """
        status, code, observer = status_of(error), code_of(error).name, self._observer

        def refused(_: object, context: Context) -> NoReturn:
            ended = EndedCall(
                name, "", 0.0, context.invocation_metadata(), self._faults.new_id, code=code, reason=error.reason
            )
            if observer:
                observer.ended(ended)
            context.abort_with_status(with_trailers(status, [(REQUEST_ID, ended.request_id)]))

        return grpc.stream_unary_rpc_method_handler(placed(refused, pool))

    def _end(self, context: Context, error: Exception) -> NoReturn:
        context.abort_with_status(status_of(self._faults.disclosable(error)))

    def _fail(self, context: Context, error: Exception, ended: EndedCall) -> NoReturn:
        """Ends a call with its error and the request id, under which logs have it."""
        shown: TollhouseError = self._faults.disclosable(error)
        ended.code, ended.reason = code_of(shown).name, shown.reason
        ended.error_id = shown.metadata.get(ERROR_ID, "")
        if self._observer:
            self._observer.ended(ended)
        context.abort_with_status(status_of(shown, [(REQUEST_ID, ended.request_id)]))

    def _traced(
        self, name: str, behaviour: Callable[[Iterator[bytes], Context], bytes]
    ) -> Callable[[Iterator[bytes], Context], bytes]:
        tracing = self._tracing
        if tracing is None or not tracing.on:
            return behaviour

        def traced(requests: Iterator[bytes], context: Context) -> bytes:
            with tracing.call(name, context.invocation_metadata()):
                return behaviour(requests, context)

        return traced


def decoded(decode: Callable[[bytes], Q], data: bytes) -> Q:
    """A request's message. Raises UndecodableRequest."""
    try:
        return decode(data)
    except DecodeError:
        raise UndecodableRequest("the bytes are no message of the method's request type") from None


def placed(behaviour: Callable[..., object], pool: ThreadPoolExecutor | None) -> Callable[..., object]:
    """Tells the server in which threads the method runs; it looks for this attribute."""
    if pool is not None:
        vars(behaviour)["experimental_thread_pool"] = pool
    return behaviour

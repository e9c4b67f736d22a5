"""StreamUsage: usage events in, acknowledgements out, each side at its own pace (requirement U6).

A stream holds two threads of its own pools: one reads and submits to the journal, one waits for the outcomes in order
and sends them. The window between them bounds the stream's memory: while it is full nothing is read, and HTTP/2's flow
control holds the client back.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
from tollhouse.v1 import usage_service_pb2 as pb

from tollhoused.domain.books import Settled
from tollhoused.errors import InvalidField, OutOfTime, Overloaded, RateLimited, ShuttingDown, TollhouseError
from tollhoused.journal.settling import Outcome
from tollhoused.rpc import answers, decode
from tollhoused.rpc.access import Access
from tollhoused.rpc.admission import CallPool
from tollhoused.rpc.guard import Context, Handler, decoded, placed
from tollhoused.rpc.open_calls import OpenCall, OpenDoor, stopping
from tollhoused.rpc.status import RETRY_AFTER_MS, item_error
from tollhoused.rpc.usage import tally
from tollhoused.usecases import usage
from tollhoused.usecases.core import Core
from tollhoused.usecases.usage import Submission

MESSAGE_ITEMS_MAX = 100
"""Items in one message, and acknowledgements."""

PAUSE_SECONDS = 0.05
"""Before a full queue is asked again."""

KEY_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The items of one message: their keys, and what became of them or why nothing did."""

    keys: Sequence[str]
    found: Submission | TollhouseError

    @property
    def settled(self) -> bool:
        return isinstance(self.found, TollhouseError) or self.found.settled

    def outcomes(self) -> Sequence[Outcome]:
        """In the order of the items; waits for them, until their deadline at most."""
        if isinstance(self.found, TollhouseError):
            return [self.found] * len(self.keys)
        try:
            return self.found.outcomes()
        except OutOfTime as late:
            return [late] * len(self.keys)


class UsageStream:
    """One open stream."""

    def __init__(self, core: Core, call: OpenCall, door: OpenDoor) -> None:
        self._core = core
        self._call = call
        self._door = door
        self._limits = door.limits
        self._changed = threading.Condition()
        self._chunks: deque[_Chunk] = deque()
        self._waiting = 0
        self._acknowledged = 0
        self._no_more = False
        self._ending: Exception | None = None
        self._item_at = time.monotonic()
        self._sending_since: float | None = None

    def end(self, error: Exception) -> None:
        """Reads no more, acknowledges what was read, and then ends with the error."""
        with self._changed:
            self._ending = self._ending or error
            self._changed.notify_all()

    def tick(self, now: float) -> None:
        """Ends the stream when its time has come."""
        sending_since = self._sending_since
        if sending_since is not None and now - sending_since > self._limits.stalled_seconds:
            self._call.cancel()
        try:
            self._call.check(now)
            if not self._waiting and now - self._item_at > self._limits.idle_seconds:
                raise OutOfTime("no item has come for too long; open another stream")
        except TollhouseError as error:
            self.end(error)

    def read(self, requests: Iterator[bytes]) -> None:
        """Submits what comes, message by message, as long as there is room; in the thread that reads."""
        try:
            for data in requests:
                self._submit(decoded(pb.StreamUsageRequest.FromString, data).items)
                if not self._has_room():
                    break
        except grpc.RpcError:
            pass  # the client has left
        except Exception as error:
            self.end(error)
        with self._changed:
            self._no_more = True
            self._changed.notify_all()

    def acknowledgements(self) -> Iterator[bytes]:
        """Messages with what became of the items, in their order; in the thread that sends."""
        while chunk := self._next():
            keys, outcomes = list(chunk.keys), list(chunk.outcomes())
            while more := self._settled(MESSAGE_ITEMS_MAX - len(keys)):
                keys += more.keys
                outcomes += more.outcomes()
            message = pb.StreamUsageResponse()
            for key, outcome in zip(keys, outcomes, strict=True):
                self._acknowledged += 1
                self._fill(
                    message.acknowledgements.add(sequence=self._acknowledged, idempotency_key=key[:KEY_LENGTH_MAX]),
                    outcome,
                )
            self._door.observer.batch_recorded(tally(outcomes))
            self._sending_since = time.monotonic()
            yield message.SerializeToString()
            self._sending_since = None
            with self._changed:
                self._waiting -= len(outcomes)
                self._changed.notify_all()
        if self._ending:
            raise self._ending

    def _submit(self, items: Sequence[pb.UsageItem]) -> None:
        """Hands the items of one message to the journal, when the client's rate allows it."""
        if not 1 <= len(items) <= MESSAGE_ITEMS_MAX:
            raise InvalidField("items", f"must have from 1 to {MESSAGE_ITEMS_MAX} entries")
        if not self._admitted(len(items)):
            return
        with self._changed:
            self._waiting += len(items)
        try:
            chunk = _Chunk([item.idempotency_key for item in items], self._submitted(items))
        except BaseException:
            with self._changed:
                self._waiting -= len(items)
            raise
        with self._changed:
            self._item_at = time.monotonic()
            self._chunks.append(chunk)
            self._changed.notify_all()

    def _admitted(self, items: int) -> bool:
        """Waits until the client may send so many more; false when the stream is ending before."""
        while not self._ending:
            try:
                if self._door.throttle:
                    self._door.throttle.take(self._call.caller.client, items)
                return True
            except RateLimited as limited:
                self._pause(int(limited.metadata[RETRY_AFTER_MS]) / 1_000)
        return False

    def _submitted(self, items: Sequence[pb.UsageItem]) -> Submission | TollhouseError:
        """What became of the submission. A full queue holds the stream back before it refuses its items."""
        call = self._call.during(self._limits.item_seconds)
        reports = decode.usage_reports(items)
        while True:
            try:
                return usage.submit_batch(self._core, call, reports)
            except Overloaded as full:
                if self._ending or time.monotonic() > call.deadline:
                    return full
                self._pause(PAUSE_SECONDS)
            except ShuttingDown:
                raise
            except Exception as error:
                return self._door.faults.disclosable(error)

    def _has_room(self) -> bool:
        """Waits until fewer items than the window holds wait; false when nothing more is to be read."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting < self._limits.window_items or self._ending)
            return not self._ending

    def _next(self) -> _Chunk | None:
        """The next chunk, settled or not; None when the stream is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or (not self._waiting and (self._no_more or self._ending)))
            return self._chunks.popleft() if self._chunks else None

    def _settled(self, room: int) -> _Chunk | None:
        """One more chunk that need not be waited for, if it has at most so many items."""
        with self._changed:
            if self._chunks and len(self._chunks[0].keys) <= room and self._chunks[0].settled:
                return self._chunks.popleft()
            return None

    def _fill(self, acknowledgement: pb.ItemAcknowledgement, outcome: Outcome) -> None:
        if isinstance(outcome, Settled):
            answers.fill_usage(acknowledgement.recorded, outcome.answer, outcome.replayed)
        else:
            acknowledgement.error.CopyFrom(item_error(self._door.faults.disclosable(outcome)))

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ending, seconds)


class UsageStreams:
    """All open streams of a server, their threads and their limit."""

    def __init__(self, core: Core, door: OpenDoor) -> None:
        self._core = core
        self._door = door
        self._senders = CallPool(door.limits.streams_max, "stream")
        self._readers = ThreadPoolExecutor(door.limits.streams_max, thread_name_prefix="stream-reader")
        self._open: set[UsageStream] = set()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def has_room(self) -> bool:
        """Whether one more stream may be taken on."""
        return self._senders.has_room

    @property
    def open(self) -> int:
        """How many streams are open."""
        return len(self._open)

    def handler(self, name: str, access: Access) -> Handler:
        """The method for the server."""

        def streaming(requests: Iterator[bytes], context: Context) -> Iterator[bytes]:
            call = self._door.enter(name, context, access)
            stream = UsageStream(self._core, call, self._door)
            try:
                yield from self._run(stream, requests)
            except GeneratorExit:  # nobody takes what it says
                call.finish("CANCELLED")
                raise
            except Exception as error:
                status = call.fail(error)
                if status:
                    context.abort_with_status(status)
            finally:
                stream.end(OutOfTime("the client has left"))
                with self._lock:
                    self._open.discard(stream)
            call.finish("OK" if context.is_active() else "CANCELLED")

        return grpc.stream_stream_rpc_method_handler(placed(streaming, self._senders))

    def tick(self, now: float) -> None:
        """Looks after every stream."""
        for stream in list(self._open):
            stream.tick(now)

    def close(self) -> None:
        """Ends every stream in order."""
        with self._lock:
            self._closed = True
        for stream in list(self._open):
            stream.end(stopping())

    def shutdown(self) -> None:
        """Lets go of the threads."""
        self._senders.shutdown(wait=False, cancel_futures=True)
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _run(self, stream: UsageStream, requests: Iterator[bytes]) -> Iterator[bytes]:
        with self._lock:
            if self._closed:
                raise stopping()
            self._open.add(stream)
        self._readers.submit(stream.read, requests)
        return stream.acknowledgements()

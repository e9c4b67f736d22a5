"""What watches have in common: calls that stay open, told by a few threads, whatever it is that they are told.

An open watch holds no thread, and has at most one message under way. Who does not read blocks the thread that sends to
it, until it is cut off: soon where other watchers wait for that thread.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import grpc

from tollhoused.errors import TollhouseError
from tollhoused.rpc.access import Access
from tollhoused.rpc.admission import CallPool
from tollhoused.rpc.guard import Context, Handler, placed
from tollhoused.rpc.open_calls import OpenCall, OpenDoor, stopping
from tollhoused.rpc.reading import Reader

log = logging.getLogger(__name__)

Send = Callable[[bytes | None], None]


class Watcher:
    """One open watch. The lock of its `Watching` guards what changes."""

    def __init__(self, call: OpenCall, context: Context, send: Send) -> None:
        self.call = call
        self.context = context
        self.send = send
        self.queued = False
        self.begun = False
        self.over = False
        self.more = False
        self.sending_since: float | None = None
        self.sent_at = time.monotonic()
        self.ending: Exception | None = None

    def has_more(self) -> bool:
        """Whether something is to be sent as soon as what is under way has left."""
        return self.more

    def end(self, error: Exception) -> None:
        """Ends the stream with the error."""
        self.over = True
        status = self.call.fail(error)
        if status:
            self.context.set_code(status.code)
            self.context.set_details(status.details)
            self.context.set_trailing_metadata(status.trailing_metadata or ())
            self.send(None)


W = TypeVar("W", bound=Watcher)


class Watching(ABC, Generic[W]):
    """All open watches of one kind, the threads that send to them, and their limit."""

    def __init__(
        self, name: str, door: OpenDoor, calls: CallPool, reader: Reader, *, watchers_max: int, senders: int
    ) -> None:
        """Watches are opened in the threads of `calls`, which they leave at once."""
        self.lock = threading.Lock()
        self.ready: deque[W] = deque()
        self.open: set[W] = set()
        self.stopping = threading.Event()
        self.limits = door.limits
        self._name = name
        self._door = door
        self._calls = calls
        self._reader = reader
        self._watchers_max = watchers_max
        self._arrived = threading.Condition(self.lock)
        self._sending = 0
        self._senders = [
            threading.Thread(target=self._run, name=f"{name}-sender-{number}", daemon=True) for number in range(senders)
        ]

    @abstractmethod
    def opened(self, data: bytes, call: OpenCall, context: Context, send: Send) -> None:
        """Opens the watch that a request asks for. Raises its refusal."""

    @abstractmethod
    def tell(self, watcher: W) -> None:
        """Sends what a watcher is to be told; returns when it has left, which a client that does not read may delay."""

    @property
    def has_room(self) -> bool:
        """Whether one more watch may be taken on."""
        return len(self.open) < self._watchers_max and self._calls.has_room

    @property
    def watchers(self) -> int:
        """How many watches are open."""
        return len(self.open)

    def start(self) -> None:
        """Begins to send."""
        for sender in self._senders:
            sender.start()

    def close(self) -> None:
        """Ends every watch, and takes no more."""
        with self.lock:
            self.stopping.set()  # with the lock: no sender may leave before the endings are there
            for watcher in self.open:
                watcher.ending = watcher.ending or stopping()
                self.queue(watcher)
            self._arrived.notify_all()

    def handler(self, name: str, access: Access) -> Handler:
        """The method for the server."""

        def watching(requests: Iterator[bytes], context: Context, send: Send) -> None:
            call = self._door.enter(name, context, access)
            try:
                data = self._reader.read(requests, context, self.limits.request_seconds)
                self.opened(data, call, context, send)
            except grpc.RpcError:
                call.finish("CANCELLED")
                raise
            except Exception as error:
                status = call.fail(error)
                if status:
                    context.abort_with_status(status)

        vars(watching)["experimental_non_blocking"] = True
        return grpc.stream_stream_rpc_method_handler(placed(watching, self._calls))

    def tick(self, now: float) -> None:
        """Looks after every watch: keys, time that is over, clients that do not read."""
        crowded = self._sending == len(self._senders) and bool(self.ready)
        patience = self.limits.crowded_seconds if crowded else self.limits.slow_seconds
        for watcher in list(self.open):
            sending_since = watcher.sending_since
            if sending_since is not None:
                if now - sending_since > patience:
                    watcher.call.cancel()
                continue
            try:
                watcher.call.check(now)
            except TollhouseError as error:
                watcher.ending = error
                self.wake(watcher)

    def wake(self, watcher: W) -> None:
        """The watcher has something to send, or must end."""
        with self.lock:
            self.queue(watcher)

    def queue(self, watcher: W) -> None:
        """The same, for those who have the lock."""
        if not watcher.queued and not watcher.over and watcher.sending_since is None and watcher in self.open:
            watcher.queued = True
            self.ready.append(watcher)
            self._arrived.notify()

    def take_on(self, watcher: W) -> bool:
        """Counts a watch as open until its stream has ended; False where that has happened already."""
        with self.lock:
            if self.stopping.is_set():
                raise stopping()
            self.open.add(watcher)
        if watcher.context.add_callback(lambda: self._forget(watcher)):
            return True
        self._forget(watcher)  # the caller has left already
        return False

    def left(self, watcher: W) -> None:
        """A watch is no longer open."""

    def _forget(self, watcher: W) -> None:
        """Called on gRPC's own thread when the stream has ended, whoever ended it."""
        with self.lock:
            self.open.discard(watcher)
        self.left(watcher)
        watcher.call.finish("CANCELLED")

    def _run(self) -> None:
        """A sender: takes whoever is ready."""
        while watcher := self._taken():
            try:
                if watcher.ending:
                    watcher.end(watcher.ending)
                else:
                    self.tell(watcher)
            except Exception:
                log.exception("a watcher could not be told (%s)", self._name)
                watcher.call.cancel()
            with self.lock:
                self._sending -= 1
                watcher.sending_since = None
                if watcher.has_more() or watcher.ending:
                    self.queue(watcher)

    def _taken(self) -> W | None:
        """The next watcher to be told; None when all is over."""
        with self.lock:
            while not self.ready:
                if self.stopping.is_set():
                    return None
                self._arrived.wait()
            watcher = self.ready.popleft()
            watcher.queued = False
            watcher.sending_since = time.monotonic()
            self._sending += 1
            return watcher

"""WatchEvents: outgoing events as they get their positions, to many watchers from a few threads (requirement O7).

An open watch holds no thread and no events, only the position that it has come to: what it is told next is read when
somebody is free to send it. Who does not read blocks the thread that sends to it, until it is cut off.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import grpc
from tollhouse.v1 import event_service_pb2 as pb

from tollhoused.errors import TollhouseError
from tollhoused.rpc import decode
from tollhoused.rpc.access import Access
from tollhoused.rpc.admission import CallPool
from tollhoused.rpc.events import event
from tollhoused.rpc.guard import Context, Handler, decoded, placed
from tollhoused.rpc.open_calls import OpenCall, OpenDoor, stopping
from tollhoused.rpc.reading import Reader
from tollhoused.store.faults import StoreFault
from tollhoused.usecases.core import Core
from tollhoused.usecases.events import checked_position, known_kinds

log = logging.getLogger(__name__)

SENDERS = 4
"""Threads that read and send."""

PAGE = 100
LOOK_SECONDS = 0.1
AWAY_SECONDS = 1.0

Send = Callable[[bytes | None], None]


class Watcher:
    """One open watch, and how far it has come."""

    def __init__(self, call: OpenCall, context: Context, send: Send) -> None:
        self.call = call
        self.context = context
        self.send = send
        self.position = 0
        self.kinds: frozenset[str] = frozenset()
        self.account_id = ""
        self.queued = False
        self.begun = False
        self.over = False
        self.sending_since: float | None = None
        self.sent_at = time.monotonic()
        self.ending: Exception | None = None

    def end(self, error: Exception) -> None:
        """Ends the stream with the error."""
        self.over = True
        status = self.call.fail(error)
        if status:
            self.context.set_code(status.code)
            self.context.set_details(status.details)
            self.context.set_trailing_metadata(status.trailing_metadata or ())
            self.send(None)


class EventWatches:
    """All open watches of events, the threads that send to them, and their limit."""

    def __init__(self, core: Core, door: OpenDoor, calls: CallPool, reader: Reader) -> None:
        """Watches are opened in the threads of `calls`, which they leave at once."""
        self._core = core
        self._door = door
        self._calls = calls
        self._reader = reader
        self._limits = door.limits
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._watchers: set[Watcher] = set()
        self._ready: deque[Watcher] = deque()
        self._sending = 0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._look, name="event-looker", daemon=True)] + [
            threading.Thread(target=self._run, name=f"event-sender-{number}", daemon=True) for number in range(SENDERS)
        ]

    @property
    def has_room(self) -> bool:
        """Whether one more watch may be taken on."""
        return len(self._watchers) < self._limits.event_watchers_max and self._calls.has_room

    @property
    def watchers(self) -> int:
        """How many watches are open."""
        return len(self._watchers)

    def start(self) -> None:
        """Begins to look for events and to send."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends every watch, and takes no more."""
        self._stopping.set()
        with self._lock:
            for watcher in self._watchers:
                watcher.ending = watcher.ending or stopping()
                self._queue(watcher)
            self._arrived.notify_all()

    def handler(self, name: str, access: Access) -> Handler:
        """The method for the server."""

        def watching(requests: Iterator[bytes], context: Context, send: Send) -> None:
            call = self._door.enter(name, context, access)
            try:
                data = self._reader.read(requests, context, self._limits.request_seconds)
                request = decoded(pb.WatchEventsRequest.FromString, data)
                watcher = Watcher(call, context, send)
                watcher.position = checked_position(request.after_position)
                watcher.kinds = known_kinds(request.kinds)
                if request.HasField("subject"):
                    watcher.account_id = self._core.resolve(decode.subject(request.subject)).account_id
                self._open(watcher)
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
        crowded = self._sending == SENDERS and bool(self._ready)
        patience = self._limits.crowded_seconds if crowded else self._limits.slow_seconds
        for watcher in list(self._watchers):
            sending_since = watcher.sending_since
            if sending_since is not None:
                if now - sending_since > patience:
                    watcher.call.cancel()
                continue
            try:
                watcher.call.check(now)
            except TollhouseError as error:
                watcher.ending = error
                with self._lock:
                    self._queue(watcher)

    def _open(self, watcher: Watcher) -> None:
        with self._lock:
            if self._stopping.is_set():
                raise stopping()
            self._watchers.add(watcher)
            self._queue(watcher)
        if not watcher.context.add_callback(lambda: self._forget(watcher)):
            self._forget(watcher)  # the caller has left already

    def _forget(self, watcher: Watcher) -> None:
        """Called on gRPC's own thread when the stream has ended, whoever ended it."""
        with self._lock:
            self._watchers.discard(watcher)
        watcher.call.finish("CANCELLED")

    def _queue(self, watcher: Watcher) -> None:
        if not watcher.queued and not watcher.over and watcher.sending_since is None and watcher in self._watchers:
            watcher.queued = True
            self._ready.append(watcher)
            self._arrived.notify()

    def _look(self) -> None:
        """Finds out who has something to be told, while anybody watches."""
        pause_seconds = LOOK_SECONDS
        while not self._stopping.wait(pause_seconds):
            pause_seconds = LOOK_SECONDS
            if not self._watchers:
                continue
            try:
                newest = self._core.store.events.newest_position()
            except StoreFault as failure:
                log.warning("who watches events is told nothing: %s", failure)
                pause_seconds = AWAY_SECONDS
                continue
            silent = time.monotonic() - self._limits.heartbeat_seconds
            with self._lock:
                for watcher in self._watchers:
                    if watcher.position < newest or watcher.sent_at < silent or not watcher.begun:
                        self._queue(watcher)

    def _run(self) -> None:
        """A sender: takes whoever is ready."""
        while watcher := self._taken():
            full = False
            try:
                if watcher.ending:
                    watcher.end(watcher.ending)
                else:
                    full = self._tell(watcher)
            except StoreFault as failure:
                log.warning("who watches events is told later: %s", failure)
            except Exception:
                log.exception("a watcher of events could not be told")
                watcher.call.cancel()
            with self._lock:
                self._sending -= 1
                watcher.sending_since = None
                if full or watcher.ending:
                    self._queue(watcher)

    def _taken(self) -> Watcher | None:
        """The next watcher to be told; None when all is over."""
        with self._lock:
            while not self._ready:
                if self._stopping.is_set():
                    return None
                self._arrived.wait()
            watcher = self._ready.popleft()
            watcher.queued = False
            watcher.sending_since = time.monotonic()
            self._sending += 1
            return watcher

    def _tell(self, watcher: Watcher) -> bool:
        """Sends what comes next, if anything does or silence has lasted; says whether more may follow at once."""
        found, reached = self._core.store.events.after(watcher.position, PAGE, watcher.kinds, watcher.account_id)
        silent = time.monotonic() - watcher.sent_at > self._limits.heartbeat_seconds
        if found or silent or not watcher.begun:
            message = pb.WatchEventsResponse(events=map(event, found), reached_position=reached)
            watcher.send(message.SerializeToString())
            watcher.begun, watcher.sent_at = True, time.monotonic()
        watcher.position = reached
        return len(found) == PAGE

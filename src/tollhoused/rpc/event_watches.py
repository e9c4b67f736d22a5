"""WatchEvents: outgoing events as they get their positions, to many watchers from a few threads (requirement O7).

An open watch holds no events, only the position that it has come to: what it is told next is read when somebody is
free to send it.
"""

import logging
import threading
import time

from tollhouse.v1 import event_service_pb2 as pb

from tollhoused.rpc import decode
from tollhoused.rpc.admission import CallPool
from tollhoused.rpc.events import event
from tollhoused.rpc.guard import Context, decoded
from tollhoused.rpc.open_calls import OpenCall, OpenDoor
from tollhoused.rpc.reading import Reader
from tollhoused.rpc.watching import Send, Watcher, Watching
from tollhoused.store.faults import StoreFault
from tollhoused.usecases.core import Core
from tollhoused.usecases.events import checked_position, known_kinds

log = logging.getLogger(__name__)

SENDERS = 4
"""Threads that read and send."""

PAGE = 100
LOOK_SECONDS = 0.1
AWAY_SECONDS = 1.0


class EventWatcher(Watcher):
    """One open watch, and how far it has come."""

    def __init__(self, call: OpenCall, context: Context, send: Send, position: int, kinds: frozenset[str]) -> None:
        super().__init__(call, context, send)
        self.position = position
        self.kinds = kinds
        self.account_id = ""


class EventWatches(Watching[EventWatcher]):
    """All open watches of events."""

    def __init__(self, core: Core, door: OpenDoor, calls: CallPool, reader: Reader) -> None:
        super().__init__("event", door, calls, reader, watchers_max=door.limits.event_watchers_max, senders=SENDERS)
        self._core = core
        self._looker = threading.Thread(target=self._look, name="event-looker", daemon=True)

    def start(self) -> None:
        """Begins to look for events and to send."""
        self._looker.start()
        super().start()

    def opened(self, data: bytes, call: OpenCall, context: Context, send: Send) -> None:
        request = decoded(pb.WatchEventsRequest.FromString, data)
        position, kinds = checked_position(request.after_position), known_kinds(request.kinds)
        watcher = EventWatcher(call, context, send, position, kinds)
        if request.HasField("subject"):
            watcher.account_id = self._core.resolve(decode.subject(request.subject)).account_id
        if self.take_on(watcher):
            self.wake(watcher)

    def tell(self, watcher: EventWatcher) -> None:
        """Sends what comes next, if anything does or silence has lasted."""
        watcher.more = False
        try:
            found, reached = self._core.store.events.after(watcher.position, PAGE, watcher.kinds, watcher.account_id)
        except StoreFault as failure:
            log.warning("who watches events is told later: %s", failure)
            return
        silent = time.monotonic() - watcher.sent_at > self.limits.heartbeat_seconds
        if found or silent or not watcher.begun:
            message = pb.WatchEventsResponse(events=map(event, found), reached_position=reached)
            watcher.send(message.SerializeToString())
            watcher.begun, watcher.sent_at = True, time.monotonic()
        watcher.position = reached
        watcher.more = len(found) == PAGE

    def _look(self) -> None:
        """Finds out who has something to be told, while anybody watches."""
        pause_seconds = LOOK_SECONDS
        while not self.stopping.wait(pause_seconds):
            pause_seconds = LOOK_SECONDS
            if not self.open:
                continue
            try:
                newest = self._core.store.events.newest_position()
            except StoreFault as failure:
                log.warning("who watches events is told nothing: %s", failure)
                pause_seconds = AWAY_SECONDS
                continue
            silent = time.monotonic() - self.limits.heartbeat_seconds
            with self.lock:
                for watcher in self.open:
                    if watcher.position < newest or watcher.sent_at < silent or not watcher.begun:
                        self.queue(watcher)

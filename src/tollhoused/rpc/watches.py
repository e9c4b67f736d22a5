"""WatchEntitlements: states as they change, to many watchers from a few threads (requirement E5).

An open watch holds no thread. It keeps at most one state per subject that is still to be sent, the newest, and has at
most one message under way. Who does not read blocks the thread that sends to it, until it is cut off: soon where other
watchers wait for that thread.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import grpc
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import entitlement_service_pb2 as pb

from tollhoused.domain.identity import Subject
from tollhoused.errors import InvalidField, TollhouseError
from tollhoused.rpc import decode
from tollhoused.rpc.access import Access
from tollhoused.rpc.admission import CallPool
from tollhoused.rpc.encode import timestamp
from tollhoused.rpc.entitlements import entitlement_message
from tollhoused.rpc.guard import Context, Handler, decoded, placed
from tollhoused.rpc.open_calls import OpenCall, OpenDoor, stopping
from tollhoused.rpc.status import item_error
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, View
from tollhoused.usecases.entitlements import BATCH_SUBJECTS_MAX, entitlement_of
from tollhoused.usecases.following import Feed

log = logging.getLogger(__name__)

SENDERS = 8
"""Threads that send."""

REST_SECONDS_MAX = 1.0

Send = Callable[[bytes | None], None]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a watcher asks for; subjects with the bytes of their messages as they were sent."""

    subjects: dict[Subject, bytes]
    refused: list[tuple[bytes, TollhouseError]]
    product: str
    known: dict[str, int]
    call: Call


class Watcher:
    """One open watch. `hub` guards what changes."""

    def __init__(self, hub: "Watches", call: OpenCall, context: Context, send: Send, question: _Question) -> None:
        self.call = call
        self.question = question
        self.sending_since: float | None = None
        self.sent_at = time.monotonic()
        self.queued = False
        self.begun = False
        self.over = False
        self.pending: dict[Subject | bytes, bytes] = {}
        self.ending: Exception | None = None
        self._hub = hub
        self._context = context
        self._send = send
        self._checked_us = 0
        for raw, refusal in question.refused:
            self.pending[raw] = hub.state(raw, refusal, question)

    def tell(self, subject: Subject, found: View | TollhouseError, memo: dict[object, bytes]) -> None:
        question = self.question
        if not self.begun and isinstance(found, View) and self._knows(found):
            return
        raw = question.subjects[subject]
        audience = raw, question.product, question.call.products
        state = memo.get(audience)
        if state is None:
            state = memo[audience] = self._hub.state(raw, found, question)
        with self._hub.lock:
            self.pending[subject] = state

    def flush(self, checked_us: int | None) -> None:
        self.begun = True
        self._checked_us = checked_us or self._checked_us
        self._hub.wake(self)

    def send(self, checked_us: int, states: Iterable[bytes]) -> None:
        """Sends one message; returns when it has left, which a client that does not read may delay."""
        self._checked_us = max(self._checked_us, checked_us)
        # Messages laid end to end are one message that has the repeated fields of all.
        head = pb.WatchEntitlementsResponse(checked_time=timestamp(self._checked_us))
        self._send(b"".join([head.SerializeToString(), *states]))

    def end(self, error: Exception) -> None:
        """Ends the stream with the error."""
        self.over = True
        status = self.call.fail(error)
        if status:
            self._context.set_code(status.code)
            self._context.set_details(status.details)
            self._context.set_trailing_metadata(status.trailing_metadata or ())
            self._send(None)

    def _knows(self, view: View) -> bool:
        """Whether the client has this very state: the version, which time has not changed since."""
        account = view.account
        return self.question.known.get(account.id) == account.version and not account.dirty


class Watches:
    """All open watches of a server, the threads that send to them, and their limit."""

    def __init__(self, core: Core, door: OpenDoor, calls: CallPool) -> None:
        """Watches are opened in the threads of `calls`, which they leave at once."""
        self.lock = threading.Lock()
        self.feed = Feed(core, self._rest, door.limits.look_seconds)
        self._core = core
        self._door = door
        self._calls = calls
        self._limits = door.limits
        self._watchers: set[Watcher] = set()
        self._ready: deque[Watcher] = deque()
        self._arrived = threading.Condition(self.lock)
        self._sending = 0
        self._closed = False
        self._senders = [
            threading.Thread(target=self._run, name=f"watch-sender-{number}", daemon=True) for number in range(SENDERS)
        ]

    @property
    def has_room(self) -> bool:
        """Whether one more watch may be taken on."""
        return len(self._watchers) < self._limits.watchers_max and self._calls.has_room

    @property
    def watchers(self) -> int:
        """How many watches are open."""
        return len(self._watchers)

    def start(self) -> None:
        """Begins to look for changes and to send."""
        self.feed.start()
        for sender in self._senders:
            sender.start()

    def close(self) -> None:
        """Ends every watch, and takes no more."""
        self.feed.close()
        with self.lock:
            self._closed = True
            for watcher in self._watchers:
                watcher.ending = watcher.ending or stopping()
                self._queue(watcher)
            self._arrived.notify_all()

    def handler(self, name: str, access: Access) -> Handler:
        """The method for the server."""

        def watching(data: bytes, context: Context, send: Send) -> None:
            call = self._door.enter(name, context, access)
            try:
                request = decoded(pb.WatchEntitlementsRequest.FromString, data)
                self._open(Watcher(self, call, context, send, self._question(request, call)), context)
            except Exception as error:
                status = call.fail(error)
                if status:
                    context.abort_with_status(status)

        vars(watching)["experimental_non_blocking"] = True
        return grpc.unary_stream_rpc_method_handler(placed(watching, self._calls))

    def state(self, raw: bytes, found: View | TollhouseError, question: _Question) -> bytes:
        """One state as a message of its own; a subject's refusal is its state."""
        watched = pb.WatchedEntitlement(subject=common.Subject.FromString(raw))
        try:
            if isinstance(found, TollhouseError):
                raise found
            entitlement = entitlement_of(self._core, question.call, found, question.product)
            watched.entitlement.CopyFrom(entitlement_message(entitlement, self._core.catalogue))
            watched.version = found.account.version
        except Exception as error:
            watched.error.CopyFrom(item_error(self._door.faults.disclosable(error)))
        return pb.WatchEntitlementsResponse(states=[watched]).SerializeToString()

    def wake(self, watcher: Watcher) -> None:
        """The watcher has something to send, or must end."""
        with self.lock:
            self._queue(watcher)

    def tick(self, now: float) -> None:
        """Looks after every watch: heartbeats, keys, time that is over, clients that do not read."""
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
                self.wake(watcher)
            if watcher.begun and now - watcher.sent_at > self._limits.heartbeat_seconds and self.feed.looks:
                self.wake(watcher)

    def _question(self, request: pb.WatchEntitlementsRequest, call: OpenCall) -> _Question:
        """Raises InvalidField and ProductNotAllowed. A subject of bad form has its refusal."""
        if not 1 <= len(request.subjects) <= BATCH_SUBJECTS_MAX:
            raise InvalidField("subjects", f"must have from 1 to {BATCH_SUBJECTS_MAX} entries")
        if len(request.known) > BATCH_SUBJECTS_MAX:
            raise InvalidField("known", f"must have from 0 to {BATCH_SUBJECTS_MAX} entries")
        for index, item in enumerate(request.known):
            forms.text(f"known[{index}].account_id", item.account_id, forms.ID_LENGTH_MAX, required=False)
        caller = call.during(0)
        product = caller.product(self._core.catalogue, request.product, required=False)
        subjects: dict[Subject, bytes] = {}
        refused: list[tuple[bytes, TollhouseError]] = []
        for message, subject in zip(request.subjects, decode.subjects(request.subjects), strict=True):
            if isinstance(subject, TollhouseError):
                refused.append((message.SerializeToString(), subject))
            else:
                subjects.setdefault(subject, message.SerializeToString())
        return _Question(subjects, refused, product, {item.account_id: item.version for item in request.known}, caller)

    def _open(self, watcher: Watcher, context: Context) -> None:
        with self.lock:
            if self._closed:
                raise stopping()
            self._watchers.add(watcher)
        if not context.add_callback(lambda: self._forget(watcher)):
            self._forget(watcher)  # the caller has left already
            return
        subjects = watcher.question.subjects
        try:
            self.feed.follow(subjects, watcher)
        except TollhouseError:
            with self.lock:
                self._watchers.discard(watcher)
            raise
        if not subjects:
            watcher.flush(self._core.clock())
        if watcher not in self._watchers:
            self.feed.unfollow(subjects, watcher)  # it was forgotten before it followed

    def _forget(self, watcher: Watcher) -> None:
        """Called on gRPC's own thread when the stream has ended, whoever ended it."""
        with self.lock:
            self._watchers.discard(watcher)
        self.feed.unfollow(watcher.question.subjects, watcher)
        watcher.call.finish("CANCELLED")

    def _queue(self, watcher: Watcher) -> None:
        if not watcher.queued and not watcher.over and watcher.sending_since is None:
            watcher.queued = True
            self._ready.append(watcher)
            self._arrived.notify()

    def _run(self) -> None:
        """A sender: takes whoever is ready."""
        while True:
            with self.lock:
                while not self._ready:
                    if self._closed:
                        return
                    self._arrived.wait()
                watcher = self._ready.popleft()
                watcher.queued = False
                watcher.sending_since = time.monotonic()
                self._sending += 1
                checked_us = self.feed.checked_us
                pending, watcher.pending = watcher.pending, {}
            try:
                if watcher.ending:
                    watcher.end(watcher.ending)
                else:
                    watcher.send(checked_us, pending.values())
            except Exception:
                log.exception("a watcher could not be told")
                watcher.call.cancel()
            with self.lock:
                self._sending -= 1
                watcher.sending_since, watcher.sent_at = None, time.monotonic()
                if watcher.pending or watcher.ending:
                    self._queue(watcher)

    def _rest(self) -> None:
        """Waits until the senders have got through, so that the next round does not find them at it."""
        give_up_at = time.monotonic() + REST_SECONDS_MAX
        while self._ready and time.monotonic() < give_up_at:
            time.sleep(0.005)

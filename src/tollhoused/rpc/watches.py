"""WatchEntitlements: states as they change, to many watchers from a few threads (requirement E5).

An open watch keeps at most one state per subject that is still to be sent, the newest.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import entitlement_service_pb2 as pb

from tollhoused.domain.identity import Subject
from tollhoused.errors import InvalidField, TollhouseError
from tollhoused.rpc import decode
from tollhoused.rpc.admission import CallPool
from tollhoused.rpc.encode import timestamp
from tollhoused.rpc.entitlements import entitlement_message
from tollhoused.rpc.guard import Context, decoded
from tollhoused.rpc.open_calls import OpenCall, OpenDoor
from tollhoused.rpc.reading import Reader
from tollhoused.rpc.status import item_error
from tollhoused.rpc.watching import Send, Watcher, Watching
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, View
from tollhoused.usecases.entitlements import BATCH_SUBJECTS_MAX, entitlement_of
from tollhoused.usecases.following import Feed

SENDERS = 8
"""Threads that send."""

REST_SECONDS_MAX = 1.0


@dataclass(frozen=True, slots=True)
class _Question:
    """What a watcher asks for; subjects with the bytes of their messages as they were sent."""

    subjects: dict[Subject, bytes]
    refused: list[tuple[bytes, TollhouseError]]
    product: str
    known: dict[str, int]
    call: Call


class StateWatcher(Watcher):
    """One open watch, and the states that it is still to be told."""

    def __init__(self, hub: "Watches", call: OpenCall, context: Context, send: Send, question: _Question) -> None:
        super().__init__(call, context, send)
        self.question = question
        self.pending: dict[Subject | bytes, bytes] = {}
        self._hub = hub
        self._checked_us = 0
        for raw, refusal in question.refused:
            self.pending[raw] = hub.state(raw, refusal, question)

    def has_more(self) -> bool:
        return bool(self.pending)

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

    def message(self, checked_us: int, states: Iterable[bytes]) -> bytes:
        """The next message."""
        self._checked_us = max(self._checked_us, checked_us)
        # Messages laid end to end are one message that has the repeated fields of all.
        head = pb.WatchEntitlementsResponse(checked_time=timestamp(self._checked_us))
        return b"".join([head.SerializeToString(), *states])

    def _knows(self, view: View) -> bool:
        """Whether the client has this very state: the version, which time has not changed since."""
        account = view.account
        return self.question.known.get(account.id) == account.version and not account.dirty


class Watches(Watching[StateWatcher]):
    """All open watches of entitlements, and what they follow."""

    def __init__(self, core: Core, door: OpenDoor, calls: CallPool, reader: Reader) -> None:
        super().__init__("watch", door, calls, reader, watchers_max=door.limits.watchers_max, senders=SENDERS)
        self.feed = Feed(core, self._rest, door.limits.look_seconds)
        self._core = core
        self._faults = door.faults

    def start(self) -> None:
        """Begins to look for changes and to send."""
        self.feed.start()
        super().start()

    def close(self) -> None:
        """Ends every watch, and takes no more."""
        self.feed.close()
        super().close()

    def opened(self, data: bytes, call: OpenCall, context: Context, send: Send) -> None:
        request = decoded(pb.WatchEntitlementsRequest.FromString, data)
        watcher = StateWatcher(self, call, context, send, self._question(request, call))
        if not self.take_on(watcher):
            return
        subjects = watcher.question.subjects
        try:
            self.feed.follow(subjects, watcher)
        except TollhouseError:
            with self.lock:
                self.open.discard(watcher)
            raise
        if not subjects:
            watcher.flush(self._core.clock())
        if watcher not in self.open:
            self.feed.unfollow(subjects, watcher)  # it was forgotten before it followed

    def tell(self, watcher: StateWatcher) -> None:
        with self.lock:
            checked_us = self.feed.checked_us
            pending, watcher.pending = watcher.pending, {}
        watcher.send(watcher.message(checked_us, pending.values()))
        watcher.sent_at = time.monotonic()

    def left(self, watcher: StateWatcher) -> None:
        self.feed.unfollow(watcher.question.subjects, watcher)

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
            watched.error.CopyFrom(item_error(self._faults.disclosable(error)))
        return pb.WatchEntitlementsResponse(states=[watched]).SerializeToString()

    def tick(self, now: float) -> None:
        """Beside what is looked after for every watch: heartbeats."""
        super().tick(now)
        for watcher in list(self.open):
            if watcher.begun and now - watcher.sent_at > self.limits.heartbeat_seconds and self.feed.looks:
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

    def _rest(self) -> None:
        """Waits until the senders have got through, so that the next round does not find them at it."""
        give_up_at = time.monotonic() + REST_SECONDS_MAX
        while self.ready and time.monotonic() < give_up_at:
            time.sleep(0.005)

"""Calls that stay open: let in as any call, looked after while they last, and told to observers when they end."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import grpc

from tollhoused.errors import OutOfTime, ShuttingDown, TollhouseError
from tollhoused.observing import REQUEST_ID, CallObserver, EndedCall
from tollhoused.rpc.access import Access
from tollhoused.rpc.doorkeeper import ANYBODY, Doorkeeper
from tollhoused.rpc.status import ERROR_ID, Faults, code_of, status_of
from tollhoused.usecases.core import Call
from tollhoused.usecases.throttle import Throttle

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
BEAT_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLimits:
    """What calls that stay open may cost.

    `life_seconds` is how long any may last: where they are opened again, servers that have joined meanwhile get
    their part. Streams: how many, each with two threads; items of one that may wait for their acknowledgement
    before no more is read; how long an item may take, and a stream be without one, or with acknowledgements that
    nobody reads. Watches: how many; how long one may keep its request to itself; after how long a message comes at
    least; how long one may be under way, and how long while all who send are taken and other watchers wait; how
    often the feed looks for changes. Watches of events have a number of their own.
    """

    life_seconds: float = 3_600.0
    streams_max: int = 32
    window_items: int = 1_000
    item_seconds: float = 10.0
    idle_seconds: float = 300.0
    stalled_seconds: float = 30.0
    watchers_max: int = 2_000
    request_seconds: float = 10.0
    event_watchers_max: int = 200
    heartbeat_seconds: float = 15.0
    slow_seconds: float = 5.0
    crowded_seconds: float = 0.25
    look_seconds: float = 1.0


class OpenCall:
    """Who has made a call that stays open, and until when it may."""

    def __init__(self, name: str, context: grpc.ServicerContext, access: Access, doors: "OpenDoor") -> None:
        self._name = name
        self._context = context
        self._access = access
        self._doors = doors
        self._metadata = context.invocation_metadata()
        self._began = time.monotonic()
        self._until = self._began + min(context.time_remaining(), doors.limits.life_seconds)
        self._check_at = self._began + CHECK_SECONDS
        self._ended = threading.Lock()
        self.caller = ANYBODY

    def enter(self) -> None:
        """Raises what any call would be refused with."""
        self.caller = self._doors.doorkeeper.admit(self._metadata, self._access)
        if self._doors.throttle:
            self._doors.throttle.take(self.caller.client)
        self._doors.observer.opened(self._name)

    def check(self, now: float) -> None:
        """Raises, each second anew, the refusal of a caller who would not be let in any more, and OutOfTime."""
        if now >= self._until:
            raise OutOfTime("the stream has been open as long as it may; open another one")
        if now >= self._check_at:
            self._check_at = now + CHECK_SECONDS
            self._doors.doorkeeper.admit(self._metadata, self._access)

    def during(self, seconds: float) -> Call:
        """The caller as a call of its own that may take so long from now."""
        caller = self.caller
        return Call(caller.client, time.monotonic() + seconds, caller.products, caller.may_create)

    def refuse(self, error: Exception) -> NoReturn:
        """Ends a call that was not let in; in the handler's own thread."""
        self._context.abort_with_status(self._status(error, entered=False))

    def fail(self, error: Exception) -> grpc.Status | None:
        """The status that ends the call; None when it has ended before."""
        return self._status(error, entered=True) if self._ended.acquire(blocking=False) else None

    def finish(self, code: str) -> None:
        """The call has ended without an error of ours."""
        if self._ended.acquire(blocking=False):
            self._tell(self._ending(code), entered=True)

    def cancel(self) -> None:
        """Cuts the call off, whatever is under way."""
        self._context.cancel()

    def _status(self, error: Exception, *, entered: bool) -> grpc.Status:
        shown: TollhouseError = self._doors.faults.disclosable(error)
        ended = self._ending(code_of(shown).name)
        ended.reason, ended.error_id = shown.reason, shown.metadata.get(ERROR_ID, "")
        self._tell(ended, entered=entered)
        return status_of(shown, [(REQUEST_ID, ended.request_id)])

    def _ending(self, code: str) -> EndedCall:
        seconds, new_id = time.monotonic() - self._began, self._doors.faults.new_id
        return EndedCall(self._name, self.caller.client, seconds, self._metadata, new_id, code)

    def _tell(self, ended: EndedCall, *, entered: bool) -> None:
        ended.stayed_open = entered
        self._doors.observer.ended(ended)


class OpenDoor:
    """What calls that stay open share."""

    def __init__(
        self,
        faults: Faults,
        doorkeeper: Doorkeeper,
        throttle: Throttle | None,
        observer: CallObserver | None,
        limits: OpenLimits | None = None,
    ) -> None:
        self.faults = faults
        self.doorkeeper = doorkeeper
        self.throttle = throttle
        self.observer = observer or CallObserver()
        self.limits = limits or OpenLimits()

    def enter(self, name: str, context: grpc.ServicerContext, access: Access) -> OpenCall:
        """Lets a call in, or ends it."""
        call = OpenCall(name, context, access, self)
        try:
            call.enter()
        except Exception as error:
            call.refuse(error)
        return call


def stopping() -> ShuttingDown:
    """What ends a call that is open when its server stops."""
    return ShuttingDown("this server is shutting down")


class Keeper:
    """A thread that looks after all that is open, four times a second."""

    def __init__(self, ticks: Sequence[Callable[[float], None]]) -> None:
        """Each of `ticks` is handed the time, in the seconds of `time.monotonic`."""
        self._ticks = ticks
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            for tick in self._ticks:
                try:
                    tick(time.monotonic())
                except Exception:
                    log.exception("who looks after open calls met something that nothing provides for")

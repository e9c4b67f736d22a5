"""What the house tells about itself while it works: one small class per place, whose methods do nothing.

Whoever wants to know overrides them and is handed over when the server is composed; where nobody does, a place costs a
call of an empty method at most. What is told has no secrets, no names of customers and no free text in it: it becomes
metrics, logs and traces (requirement O3).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

Metadata = Iterable[tuple[str, str | bytes]]
"""Names and values as a call carries them."""

REQUEST_ID = "x-request-id"
_WELL_FORMED = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{7,63}")

OK = "OK"
STORED = "STORED"
REPLAYED = "REPLAYED"
"""Outcomes beside the reasons of refusals."""


class EndedCall:
    """One call, told when its answer is known and before it is sent.

    `method` is such as "tollhouse.v1.UsageService/RecordUsage"; `code` gRPC's name of the status; `reason` and
    `error_id` are empty where there is none, `client` where the caller is not known. What `stayed_open` was told by
    `opened` before, and took as long as its caller wanted.
    """

    __slots__ = (
        "_metadata", "_new_id", "_request_id", "client", "code", "error_id", "method", "reason", "seconds",
        "stayed_open",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        client: str,
        seconds: float,
        metadata: Metadata,
        new_id: Callable[[str], str],
        code: str = OK,
        reason: str = "",
        error_id: str = "",
    ) -> None:
        self.method = method
        self.client = client
        self.seconds = seconds
        self.code = code
        self.reason = reason
        self.error_id = error_id
        self.stayed_open = False
        self._metadata = metadata
        self._new_id = new_id
        self._request_id = ""

    @property
    def request_id(self) -> str:
        """The caller's own if it is well-formed, or else one of ours: made when first asked for, then the same."""
        if not self._request_id:
            self._request_id = request_id_in(self._metadata) or self._new_id("req")
        return self._request_id


class CallObserver:
    """Hears of calls, in the thread of each."""

    def ended(self, call: EndedCall) -> None:
        """A call has its answer."""

    def opened(self, method: str) -> None:
        """A call begins that stays open: a stream."""

    def batch_recorded(self, outcomes: Mapping[str, int]) -> None:
        """Items of a batch or a stream: how many were STORED, REPLAYED, or refused for which reason."""


class JournalObserver:
    """Hears of the journal, in its one thread."""

    def taken(self, commands: int, waited_seconds: float) -> None:
        """A batch is taken from the queue, where its oldest call had waited."""

    def committed(self, commands: int, seconds: float, commit_seconds: float) -> None:
        """A transaction is stored: how long all of it took, and writing and COMMIT alone."""

    def settled(self, kind: str, outcome: str, commands: int) -> None:
        """Commands of a kind that were STORED, REPLAYED, or refused for a reason."""

    def failed(self, cause: str) -> None:
        """A transaction must be run again or halved, by the name of a Fault, or MOVED, CATALOGUE or DEFECT."""

    def halved(self) -> None:
        """A batch is halved to find the command that makes it fail."""

    def dropped(self, commands: int) -> None:
        """Commands were given up before they were stored: their callers' deadline had passed."""


class ProviderObserver:
    """Hears of a payment provider: calls to it, and events from it."""

    def asked(self, what: str, outcome: str, seconds: float) -> None:
        """A call to it has ended: `what` is its method, `outcome` is ok, refused, unknown or busy."""

    def received(self, outcome: str) -> None:
        """Something was posted as its event: stored, known, refused, unavailable, busy or failed."""

    def handled(self, outcome: str, lag_seconds: float) -> None:
        """An event was looked at: its state now, or `postponed`; so long after it was made."""

    def inbox(self, waiting: int, dead: int, oldest_seconds: float) -> None:
        """So many events wait, since so long, and so many were given up."""


class Tracing(CallObserver):
    """Puts work into spans, and hears of each call's end to complete its span.

    `origin` is what a span is known by in another thread.
    """

    on = False

    def call(self, method: str, metadata: Metadata) -> AbstractContextManager[object]:
        """A call, under the trace that its caller has begun if there is one."""
        return nullcontext()

    def origin(self) -> object | None:
        """The span of this thread; None where nothing is recorded."""
        return None

    def queued(self, origins: Sequence[tuple[object, float]]) -> None:
        """Calls, given by their origins, leave the journal's queue, in which each has waited these seconds."""

    def transaction(self, origins: Iterable[object], commands: int) -> AbstractContextManager[object]:
        """A transaction of the journal, for the calls of these origins."""
        return nullcontext()

    def statements(self, name: str, count: int) -> AbstractContextManager[object]:
        """Statements that the database is sent together."""
        return nullcontext()


class _Everybody(CallObserver):
    def __init__(self, observers: Sequence[CallObserver]) -> None:
        self._observers = observers

    def ended(self, call: EndedCall) -> None:
        for observer in self._observers:
            observer.ended(call)

    def opened(self, method: str) -> None:
        for observer in self._observers:
            observer.opened(method)

    def batch_recorded(self, outcomes: Mapping[str, int]) -> None:
        for observer in self._observers:
            observer.batch_recorded(outcomes)


def all_of(observers: Sequence[CallObserver]) -> CallObserver | None:
    """One observer that tells these; None for none, so that nothing need be made for nobody."""
    return _Everybody(observers) if len(observers) > 1 else next(iter(observers), None)


def request_id_in(metadata: Metadata) -> str:
    """The well-formed id that a caller has sent as `x-request-id`: 8 to 64 of A-Z a-z 0-9 . _ -; else empty."""
    for name, value in metadata:
        if name == REQUEST_ID and isinstance(value, str) and _WELL_FORMED.fullmatch(value):
            return value
    return ""

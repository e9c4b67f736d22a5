"""Sends a file of usage to a server, batch after batch, and counts what became of it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from tollhoused.cli.usage_file import Line, Unreadable
from tollhoused.cli.usage_layout import Layout
from tollhoused.rpc.client import Recorded, Refused, Result
from tollhoused.usecases.usage import UsageReport

UNREADABLE = "UNREADABLE"
"""The reason of a row that could not be read; all other reasons are the server's."""

KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class Reject:
    """What was not recorded: the line, the reason, and the words for people."""

    line: int
    reason: str
    message: str


@dataclass(slots=True)
class Part:
    """Usage events that ended the same way: how many, units by meter, nanos charged when they were recorded."""

    events: int = 0
    units: Counter[str] = field(default_factory=Counter)
    charged_nanos: int = 0

    def add(self, report: UsageReport, charged_nanos: int = 0) -> None:
        """Counts one more."""
        self.events += 1
        self.units[report.meter] += report.quantity
        self.charged_nanos += charged_nanos


@dataclass(slots=True)
class Tally:
    """What became of a file so far. `idle_lines` are rows that report nothing: a quantity of 0 in every column."""

    lines: int = 0
    idle_lines: int = 0
    recorded: Part = field(default_factory=Part)
    replayed: Part = field(default_factory=Part)
    refused: Part = field(default_factory=Part)
    reasons: Counter[str] = field(default_factory=Counter)
    currency: str = ""

    @property
    def events(self) -> int:
        """Usage events that were sent."""
        return self.recorded.events + self.replayed.events + self.refused.events

    @property
    def rejects(self) -> int:
        """Usage events that were refused and rows that could not be read."""
        return self.reasons.total()


@dataclass(slots=True)
class Shift:
    """What is added to the times of a file, in microseconds; `stored_us` finds the time that a key is stored under.

    What was loaded before keeps the time that it got then: loaded again it must be the same usage event, or the server
    would refuse its key.
    """

    shift_us: int
    stored_us: Callable[[str], int | None]


class Loader:
    """Sends rows in their order, one batch at a time, so that limits are met as they would have been."""

    def __init__(
        self,
        layout: Layout,
        digest: str,
        send: Callable[[Sequence[UsageReport]], list[Result]],
        on_reject: Callable[[Reject], None],
        shift: Shift | None = None,
    ) -> None:
        self.tally = Tally()
        self._layout = layout
        self._digest = digest
        self._send = send
        self._on_reject = on_reject
        self._shift = shift

    def load(self, lines: Iterable[Line], batch_size: int, on_batch: Callable[[int], None]) -> None:
        """Sends everything; `on_batch` hears how many rows are done. Raises CallFailed when the server is lost."""
        events = self._events(lines)
        first = next(events, None)
        if first and self._shift:
            first = (first[0], self._probed(self._shift, first[1]))
        batch = [first, *islice(events, batch_size - 1)] if first else []
        while batch:
            self._deliver(batch)
            on_batch(self.tally.lines)
            batch = list(islice(events, batch_size))
        on_batch(self.tally.lines)

    def _events(self, lines: Iterable[Line]) -> Iterator[tuple[int, UsageReport]]:
        """Line numbers and what is reported there."""
        for line in lines:
            self.tally.lines += 1
            try:
                reports = self._layout.reports(line, self._digest, self._shift.shift_us if self._shift else 0)
            except Unreadable as error:
                self._reject(Reject(line.number, UNREADABLE, str(error)))
                continue
            self.tally.idle_lines += not reports
            for report in reports:
                yield line.number, report

    def _probed(self, shift: Shift, first: UsageReport) -> UsageReport:
        """The first event, with the time that it has in the books if the file was loaded before; the rest follows."""
        stored_us = shift.stored_us(first.idempotency_key)
        if stored_us is None or first.event_us is None:
            return first
        shift.shift_us += stored_us - first.event_us
        return replace(first, event_us=stored_us)

    def _deliver(self, batch: list[tuple[int, UsageReport]]) -> None:
        results = self._send([report for _, report in batch])
        if self._shift:
            self._send_moved(self._shift, batch, results)
        for (line, report), result in zip(batch, results, strict=True):
            self._count(line, report, result)

    def _send_moved(self, shift: Shift, batch: list[tuple[int, UsageReport]], results: list[Result]) -> None:
        """Sends once more, with the times in the books, what was loaded before with another shift."""
        moved: dict[int, UsageReport] = {}
        was_us = shift.shift_us
        for index, ((_, report), result) in enumerate(zip(batch, results, strict=True)):
            if isinstance(result, Refused) and result.reason == KEY_REUSED and report.event_us is not None:
                stored_us = shift.stored_us(report.idempotency_key)
                if stored_us is not None and stored_us != report.event_us:
                    shift.shift_us = was_us + stored_us - report.event_us
                    moved[index] = replace(report, event_us=stored_us)
        if moved:
            for index, result in zip(moved, self._send(list(moved.values())), strict=True):
                results[index] = result

    def _count(self, line: int, report: UsageReport, result: Result) -> None:
        if isinstance(result, Recorded):
            part = self.tally.replayed if result.replayed else self.tally.recorded
            part.add(report, result.charged_nanos)
            self.tally.currency = result.currency
        else:
            self.tally.refused.add(report)
            # The position in the batch says nothing to whoever looks at the file.
            self._reject(Reject(line, result.reason, re.sub(r"^items\[\d+\]\.", "", result.message)))

    def _reject(self, reject: Reject) -> None:
        self.tally.reasons[reject.reason] += 1
        self._on_reject(reject)

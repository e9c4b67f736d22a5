"""One load of a file of usage: what surrounds the sending, from the survey of the file to the table at the end."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tollhoused.cli.lines import complain, print_line
from tollhoused.cli.loading import Loader, Part, Reject, Shift, Tally
from tollhoused.cli.output import console, money, print_table
from tollhoused.cli.program import CommandFailed
from tollhoused.cli.usage_file import Unreadable, UsageFile
from tollhoused.cli.usage_layout import Layout
from tollhoused.domain.instants import SECOND_US
from tollhoused.rpc.channel import CallFailed, Target, check_health
from tollhoused.rpc.client import UsageSender
from tollhoused.rpc.lookup import StoredTimes

SHOWN_REJECTS_MAX = 50


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file; `failure` says why it was not read to its end, empty when it was."""

    tally: Tally
    seconds: float
    failure: str

    @property
    def events_per_second(self) -> float:
        """Usage events that were answered in a second."""
        return self.tally.events / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, object]:
        """For programs."""
        tally = self.tally
        return {
            "lines": tally.lines,
            "idle_lines": tally.idle_lines,
            "events": tally.events,
            "recorded": _part_json(tally.recorded),
            "replayed": _part_json(tally.replayed),
            "refused": _part_json(tally.refused),
            "rejects": dict(tally.reasons),
            "currency": tally.currency,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events_per_second, 1),
            "failure": self.failure or None,
        }


class Rejects:
    """Lists rejects by line on standard error, the first few of them, and all of them in a file if there is one."""

    def __init__(self, path: Path | None) -> None:
        self.count = 0
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path:
            try:
                self._file = self._path.open("w", encoding="utf-8")
            except OSError as error:
                raise CommandFailed(f"{self._path}: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    @property
    def hidden(self) -> int:
        """How many were not listed on standard error."""
        return max(0, self.count - SHOWN_REJECTS_MAX)

    def add(self, reject: Reject) -> None:
        """One more."""
        self.count += 1
        if self.count <= SHOWN_REJECTS_MAX:
            complain(f"line {reject.line}: {reject.reason}: {reject.message}")
        if self._file:
            data = {"line": reject.line, "reason": reject.reason, "message": reject.message}
            self._file.write(json.dumps(data, ensure_ascii=False) + "\n")


def load_file(
    source: UsageFile,
    layout: Layout,
    target: Target,
    batch_size: int,
    clock: Callable[[], int] | None,
    rejects: Rejects,
) -> Loaded:
    """Loads a file. With a `clock`, times are shifted so that the last one is a second before now.

    Raises CommandFailed or CallFailed before anything was sent.
    """
    survey = source.survey()
    if not check_health(target):
        raise CommandFailed(f"{target.address} does not serve now")
    times = StoredTimes(target) if clock else nullcontext()
    with UsageSender(target) as sender, times as stored:
        shift = None
        if clock and stored:
            shift = Shift(clock() - SECOND_US - _last_time_us(source, layout), stored.find)
        loader = Loader(layout, survey.digest, sender.send, rejects.add, shift)
        failure = ""
        begun = time.monotonic()
        with _progress(survey.lines) as show:
            try:
                loader.load(source.lines(), batch_size, show)
            except CallFailed as error:
                failure = str(error)
        return Loaded(loader.tally, time.monotonic() - begun, failure)


def print_loaded(loaded: Loaded, rejects: Rejects) -> None:
    """A table for people, and what it means."""
    tally = loaded.tally
    if rejects.hidden:
        complain(f"and {rejects.hidden:,} more; --rejects FILE writes all of them")
    meters = sorted({meter for part in (tally.recorded, tally.replayed, tally.refused) for meter in part.units})
    rows = [
        _row("recorded", tally.recorded, meters, money(tally.recorded.charged_nanos, tally.currency)),
        _row("replayed, recorded before", tally.replayed, meters, money(tally.replayed.charged_nanos, tally.currency)),
        _row("refused", tally.refused, meters, "-"),
    ]
    print_table(["", "events>", *(f"{meter}>" for meter in meters), "charged>"], rows)
    for reason, count in tally.reasons.most_common():
        print_line(f"{count:,} times {reason}")
    idle = f", {tally.idle_lines:,} of them with nothing to record" if tally.idle_lines else ""
    print_line(
        f"{tally.lines:,} lines{idle}, {tally.events:,} usage events in {loaded.seconds:.1f} s:"
        f" {loaded.events_per_second:,.0f} a second"
    )
    if tally.replayed.events and not tally.recorded.events and not tally.rejects:
        print_line("Every one of them was recorded before: nothing changed.")


def _last_time_us(source: UsageFile, layout: Layout) -> int:
    """The latest time in the file. Raises CommandFailed where there is none."""
    last_us: int | None = None
    for line in source.lines():
        if not isinstance(line.row, Unreadable):
            try:
                event_us = layout.event_us(line.row)
            except Unreadable:
                continue
            if event_us is not None and (last_us is None or event_us > last_us):
                last_us = event_us
    if last_us is None:
        raise CommandFailed(f"{source.path}: no row has a time that can be read")
    return last_us


@contextmanager
def _progress(lines: int) -> Iterator[Callable[[int], None]]:
    """Shows how many rows are done, where somebody watches; rows of a heading and empty ones make it end early."""
    shown = console(errors=True)
    if not shown.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("lines"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True) as progress:
        task = progress.add_task("", total=lines)
        yield lambda done: progress.update(task, completed=done)


def _row(name: str, part: Part, meters: list[str], charged: str) -> list[str]:
    return [name, f"{part.events:,}", *(f"{part.units[meter]:,}" for meter in meters), charged]


def _part_json(part: Part) -> dict[str, object]:
    return {"events": part.events, "units": dict(part.units), "charged_nanos": part.charged_nanos}

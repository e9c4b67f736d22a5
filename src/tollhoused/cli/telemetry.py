"""Puts together what watches a server, as its settings ask for it: the call log, metrics over HTTP, traces."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Protocol

from tollhoused.cli.call_log import CallLog
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.observing import CallObserver, JournalObserver, ProviderObserver, Tracing, all_of
from tollhoused.settings import Settings
from tollhoused.store.store import Store
from tollhoused.store.traced import TracedEngine
from tollhoused.usecases.core import Core
from tollhoused.usecases.desk import Desk

Receive = Callable[[bytes, str], bool]
"""Stores what was posted with a signature; says whether it is new."""


class Door(Protocol):
    """The HTTP door, as far as it is seen here."""

    def look_at(self, core: Core, ready: Callable[[], bool]) -> None:
        """Shows the queue, the pool and health in metrics."""

    def open(self, ready: Callable[[], bool], desk: Desk | None, receive: Receive | None) -> str:
        """Answers from now on; says where."""
        ...


class Telemetry:
    """The observers of one server; None where nobody looks at what they would hear."""

    def __init__(
        self,
        calls: CallObserver | None,
        journal: JournalObserver | None,
        tracing: Tracing | None,
        door: Door | None,
        provider: ProviderObserver | None = None,
    ) -> None:
        self.calls = calls
        self.journal = journal
        self.provider = provider or ProviderObserver()
        self.tracing = tracing
        self._door = door

    def trace(self, store: Store) -> None:
        """Has the store's statements stand in traces, if there are any."""
        if self.tracing:
            store.engine = TracedEngine(store.engine, self.tracing)

    def look_at(self, core: Core, ready: Callable[[], bool]) -> None:
        """Shows the queue, the pool and health in metrics."""
        if self._door:
            self._door.look_at(core, ready)

    def serve_http(self, ready: Callable[[], bool], desk: Desk | None = None, receive: Receive | None = None) -> str:
        """Opens the HTTP door where there is an address for it; says where. Raises CommandFailed.

        `receive` is what takes in webhooks of the desk's provider.
        """
        return self._door.open(ready, desk, receive) if self._door else ""


@contextmanager
def telemetry(program: Program, settings: Settings) -> Iterator[Telemetry]:
    """What watches a server, until it has ended. Raises CommandFailed where a library for traces is missing."""
    with _traces(program, settings) as traces:
        calls: list[CallObserver] = [CallLog(settings.log_calls)]
        if traces:
            calls.append(traces)
        if not settings.http_listen:
            yield Telemetry(all_of(calls), None, traces, None)
            return
        from tollhoused.cli.http_door import HttpDoor  # only here: who does not open it does not wait for its libraries

        door = HttpDoor(settings)
        try:
            yield Telemetry(all_of([*calls, door.metrics]), door.metrics.journal, traces, door, door.metrics.provider)
        finally:
            door.close()


@contextmanager
def _traces(program: Program, settings: Settings) -> Iterator[Tracing | None]:
    if not settings.traces:
        yield None
        return
    try:
        from tollhoused.cli import tracing
    except ImportError as error:
        raise CommandFailed(
            f"traces: {error.name} is missing: install tollhouse[otel], or serve without --traces"
        ) from error
    traces = tracing.Traces(tracing.exporting(version("tollhouse")), program.clock)
    try:
        yield traces
    finally:
        traces.close()

"""Puts together what watches a server, as its settings ask for it: the call log, metrics over HTTP, traces."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

from tollhoused.cli.call_log import CallLog
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.http.app import make_app
from tollhoused.http.metrics import CONTENT_TYPE, Metrics
from tollhoused.http.server import HttpServer
from tollhoused.observing import CallObserver, JournalObserver, Tracing, all_of
from tollhoused.settings import Address, Settings, parse_address
from tollhoused.store.store import Store
from tollhoused.store.traced import TracedEngine
from tollhoused.usecases.core import Core

log = logging.getLogger(__name__)


class Telemetry:
    """The observers of one server. `journal` and `tracing` are None where nobody looks at what they would hear."""

    def __init__(self, settings: Settings, metrics: Metrics | None, traces: Tracing | None) -> None:
        self._settings = settings
        self._metrics = metrics
        self._http: HttpServer | None = None
        self.tracing = traces
        self.journal: JournalObserver | None = metrics.journal if metrics else None
        watching = (CallLog(settings.log_calls), metrics, traces)
        self.calls = all_of([each for each in watching if isinstance(each, CallObserver)])

    def trace(self, store: Store) -> None:
        """Has the store's statements stand in traces, if there are any."""
        if self.tracing:
            store.engine = TracedEngine(store.engine, self.tracing)

    def look_at(self, core: Core, ready: Callable[[], bool]) -> None:
        """Shows the queue, the pool and health in metrics."""
        if self._metrics:
            shelf = core.shelf
            self._metrics.look_at(core.store, core.journal, ready, lambda: shelf.history.newest_version)

    def serve_http(self, ready: Callable[[], bool]) -> None:
        """Starts the HTTP server where there is an address for it. Raises HttpAddressError."""
        address = self._settings.http_listen
        if self._metrics is None:
            return
        self._http = HttpServer(make_app(ready, self._metrics.text, CONTENT_TYPE))
        port = self._http.start(address)
        log.info("HTTP is served on %s", Address(parse_address("http_listen", address).host, port))

    def close(self) -> None:
        """Ends the HTTP server."""
        if self._http:
            self._http.stop()


@contextmanager
def telemetry(program: Program, settings: Settings) -> Iterator[Telemetry]:
    """What watches a server, until it has ended. Raises CommandFailed where a library for traces is missing."""
    engine = "sqlite" if settings.on_sqlite else "postgresql"
    metrics = Metrics(version("tollhouse"), settings.environment, engine) if settings.http_listen else None
    with _traces(program, settings) as traces:
        made = Telemetry(settings, metrics, traces)
        try:
            yield made
        finally:
            made.close()


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

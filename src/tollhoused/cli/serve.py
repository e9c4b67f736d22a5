"""`tollhouse serve`: composes the parts, serves until it is told to stop, and ends in order."""

import gc
import logging
import signal
import threading
from importlib.metadata import version
from typing import Annotated

import typer

from tollhoused.cli.files import read_catalogue
from tollhoused.cli.logs import start_logging
from tollhoused.cli.opening import check_durability, compose, opened_store, settle_environment
from tollhoused.cli.options import DatabaseUrl, setting, settings_from
from tollhoused.cli.output import print_line
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.cli.pulse import Pulse
from tollhoused.cli.telemetry import telemetry
from tollhoused.rpc.server import AddressError, GrpcServer, check_loopback
from tollhoused.settings import Address, Settings, shown_url
from tollhoused.store import schema
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.usecases import testing_time
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.throttle import Throttle

log = logging.getLogger(__name__)


def serve(
    context: typer.Context,
    database_url: DatabaseUrl = None,
    listen: Annotated[str | None, setting("listen", metavar="HOST:PORT")] = None,
    catalogue: Annotated[str | None, setting("catalogue", metavar="NAME|FILE")] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Migrate the database before serving.")] = False,
    late_window_days: Annotated[int | None, setting("late_window_days")] = None,
    future_tolerance_seconds: Annotated[int | None, setting("future_tolerance_seconds")] = None,
    queue_max: Annotated[int | None, setting("queue_max")] = None,
    batch_max: Annotated[int | None, setting("batch_max")] = None,
    linger_seconds: Annotated[float | None, setting("linger_seconds")] = None,
    calls_max: Annotated[int | None, setting("calls_max")] = None,
    items_per_minute: Annotated[int | None, setting("items_per_minute")] = None,
    replicas: Annotated[int | None, setting("replicas")] = None,
    drain_seconds: Annotated[float | None, setting("drain_seconds")] = None,
    environment: Annotated[str | None, setting("environment", metavar="test|live")] = None,
    insecure_no_auth: Annotated[bool | None, setting("insecure_no_auth", "--insecure-no-auth")] = None,
    reflection: Annotated[bool | None, setting("reflection", "--reflection/--no-reflection")] = None,
    http_listen: Annotated[str | None, setting("http_listen", metavar="HOST:PORT")] = None,
    traces: Annotated[bool | None, setting("traces", "--traces/--no-traces")] = None,
    log_calls: Annotated[bool | None, setting("log_calls", "--log-calls/--no-log-calls")] = None,
    log_format: Annotated[str | None, setting("log_format", metavar="text|json")] = None,
    log_level: Annotated[str | None, setting("log_level", metavar="LEVEL")] = None,
) -> None:
    """Serve the gRPC interface until SIGTERM or Ctrl-C.

    An empty SQLite database is migrated and given a catalogue. A PostgreSQL database must have been migrated, or
    --migrate be given; if it has no catalogue it is given one, too. One line on standard output says where the server
    can be reached; logs go to standard error.
    """
    settings = settings_from(
        database_url=database_url,
        listen=listen,
        catalogue=catalogue,
        late_window_days=late_window_days,
        future_tolerance_seconds=future_tolerance_seconds,
        queue_max=queue_max,
        batch_max=batch_max,
        linger_seconds=linger_seconds,
        calls_max=calls_max,
        items_per_minute=items_per_minute,
        replicas=replicas,
        drain_seconds=drain_seconds,
        environment=environment,
        insecure_no_auth=insecure_no_auth,
        reflection=reflection,
        http_listen=http_listen,
        traces=traces,
        log_calls=log_calls,
        log_format=log_format,
        log_level=log_level,
    )
    start_logging(settings.log_level, settings.log_format)
    stop = _signalled()
    try:
        check_loopback(settings.listen)
        _prepare(settings, migrate)
        _serve(Program.of(context), settings, stop)
    except AddressError as error:
        raise CommandFailed(str(error)) from error


def _signalled() -> threading.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process at once, which loses no acknowledged call."""
    stop = threading.Event()

    def on_signal(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop


def _prepare(settings: Settings, migrate: bool) -> None:
    """Migrates where that was asked for, and where there is nothing that a migration could harm."""
    url = settings.database_url
    if migrate or (settings.on_sqlite and schema.is_empty(url)):
        for step in schema.migrate(url):
            log.info("migrated: %s", step)


def _serve(program: Program, settings: Settings, stop: threading.Event) -> None:
    with opened_store(settings) as store, telemetry(program, settings) as seen:
        seen.trace(store)
        check_durability(store)
        shelf = CatalogueShelf(store)
        _stock(shelf, settings.catalogue, program)
        settle_environment(store, settings.environment)
        core = compose(program, settings, store, shelf, seen.journal, seen.tracing)
        testing_time.refresh(core)
        keyring = _keyring(core, settings)
        server = GrpcServer(
            core,
            keyring,
            throttle=Throttle(settings.items_per_minute, settings.replicas) if keyring else None,
            calls_max=settings.calls_max,
            reflection=settings.reflection,
            observer=seen.calls,
            tracing=seen.tracing,
        )
        seen.look_at(core, lambda: server.health.serving)
        core.journal.start()
        try:
            port = server.start(settings.listen)
            pulse = Pulse(core, server.health.report, keyring)
            pulse.start()
            seen.serve_http(lambda: server.health.serving)
            _settle_memory()
            log.info(
                "tollhouse %s, database %s, catalogue %s version %d",
                version("tollhouse"),
                shown_url(settings.database_url),
                core.catalogue.name,
                shelf.history.newest_version,
            )
            print_line(f"tollhouse is serving on {Address(settings.listen_address.host, port)}")
            stop.wait()
            log.info("stopping: no new calls, those under way have %g seconds", settings.drain_seconds)
            pulse.stop()
            server.drain(settings.drain_seconds)
            pulse.note_uses()
        finally:
            core.journal.close()
    log.info("stopped")


def _keyring(core: Core, settings: Settings) -> Keyring | None:
    """The keys that open the doors; none where everybody on this machine may come in."""
    if settings.insecure_no_auth:
        log.warning("NO API KEYS: everybody on this machine may do everything (--insecure-no-auth)")
        return None
    keyring = Keyring(core.store, core.environment, core.clock)
    keyring.refresh()
    if keyring.empty:
        log.warning("no API key is live: make one with `tollhouse clients create` and `tollhouse keys create`")
    return keyring


def _settle_memory() -> None:
    """Takes what lives as long as the server out of the garbage collector's sight, and lets it look less often.

    A batch makes some ten thousand short-lived values, none of them in cycles: at the default thresholds the collector
    walked the whole heap several times a second for nothing, about a quarter of the time of a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _stock(shelf: CatalogueShelf, catalogue: str, program: Program) -> None:
    """Gives a database without any catalogue its first one; otherwise the database is the authority."""
    shelf.refresh()
    if shelf.history.versions:
        return
    found = read_catalogue(catalogue)
    found.parse()
    try:
        shelf.apply(found.toml, program.clock())
    except StoreFault as failure:
        if failure.fault is not Fault.COLLISION:
            raise
        shelf.refresh()  # another server was quicker
    else:
        log.info("the database had no catalogue: it starts with %s", found.name)

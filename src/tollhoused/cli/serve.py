"""`tollhouse serve`: composes the parts, serves until it is told to stop, and ends in order."""

import logging
from functools import partial
from typing import Annotated

import typer

from tollhoused.cli.cash_desk import desk_of
from tollhoused.cli.cashier import Cashier
from tollhoused.cli.courier import Courier
from tollhoused.cli.grpc_door import GrpcDoor, NoDoor
from tollhoused.cli.lines import print_line
from tollhoused.cli.logs import start_logging
from tollhoused.cli.opening import compose
from tollhoused.cli.options import DatabaseUrl, setting, settings_from
from tollhoused.cli.processes import end_with_parent, serve_processes
from tollhoused.cli.program import Program
from tollhoused.cli.pulse import Pulse
from tollhoused.cli.relay import Relay
from tollhoused.cli.signals import StopSignal
from tollhoused.cli.starter import Starter
from tollhoused.cli.telemetry import Receive, Telemetry, telemetry
from tollhoused.rpc.server import check_listen
from tollhoused.rpc.tls import server_credentials
from tollhoused.settings import Settings
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.store.store import open_store
from tollhoused.usecases import inbox
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

log = logging.getLogger(__name__)


def serve(
    context: typer.Context,
    database_url: DatabaseUrl = None,
    listen: Annotated[str | None, setting("listen", metavar="HOST:PORT")] = None,
    tls_cert: Annotated[str | None, setting("tls_cert", metavar="FILE")] = None,
    tls_key: Annotated[str | None, setting("tls_key", metavar="FILE")] = None,
    tls_client_ca: Annotated[str | None, setting("tls_client_ca", metavar="FILE")] = None,
    health_listen: Annotated[str | None, setting("health_listen", metavar="HOST:PORT")] = None,
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
    processes: Annotated[int | None, setting("processes")] = None,
    events_allow_private: Annotated[
        bool | None, setting("events_allow_private", "--events-allow-private/--no-events-allow-private")
    ] = None,
    drain_seconds: Annotated[float | None, setting("drain_seconds")] = None,
    environment: Annotated[str | None, setting("environment", metavar="test|live")] = None,
    insecure_no_auth: Annotated[bool | None, setting("insecure_no_auth", "--insecure-no-auth")] = None,
    reflection: Annotated[bool | None, setting("reflection", "--reflection/--no-reflection")] = None,
    http_listen: Annotated[str | None, setting("http_listen", metavar="HOST:PORT")] = None,
    only: Annotated[str | None, setting("only", metavar="http|grpc")] = None,
    provider: Annotated[str | None, setting("provider", metavar="stripe")] = None,
    stripe_api_base: Annotated[str | None, setting("stripe_api_base", metavar="URL")] = None,
    return_origins: Annotated[str | None, setting("return_origins", metavar="ORIGIN,...")] = None,
    past_due_grace_days: Annotated[int | None, setting("past_due_grace_days")] = None,
    traces: Annotated[bool | None, setting("traces", "--traces/--no-traces")] = None,
    log_calls: Annotated[bool | None, setting("log_calls", "--log-calls/--no-log-calls")] = None,
    log_format: Annotated[str | None, setting("log_format", metavar="text|json")] = None,
    log_level: Annotated[str | None, setting("log_level", metavar="LEVEL")] = None,
    worker: Annotated[bool, typer.Option("--worker", hidden=True)] = False,
) -> None:
    """Serve the gRPC interface, and webhooks of a payment provider if there is one, until SIGTERM or Ctrl-C.

    An empty SQLite database is migrated and given a catalogue. A PostgreSQL database must have been migrated, or
    --migrate be given; if it has no catalogue it is given one, too. One line on standard output says where the server
    can be reached; logs go to standard error.

    While the database is away, takes no writes, or waits for `tollhouse migrate`, the server is up and not ready: calls
    are answered with UNAVAILABLE until it can be used. What only a person can mend ends a server that starts.
    """
    settings = settings_from(
        database_url=database_url,
        listen=listen,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        health_listen=health_listen,
        catalogue=catalogue,
        late_window_days=late_window_days,
        future_tolerance_seconds=future_tolerance_seconds,
        queue_max=queue_max,
        batch_max=batch_max,
        linger_seconds=linger_seconds,
        calls_max=calls_max,
        items_per_minute=items_per_minute,
        replicas=replicas,
        processes=processes,
        events_allow_private=events_allow_private,
        drain_seconds=drain_seconds,
        environment=environment,
        insecure_no_auth=insecure_no_auth,
        reflection=reflection,
        http_listen=http_listen,
        only=only,
        provider=provider,
        stripe_api_base=stripe_api_base,
        return_origins=return_origins,
        past_due_grace_days=past_due_grace_days,
        traces=traces,
        log_calls=log_calls,
        log_format=log_format,
        log_level=log_level,
    )
    start_logging(settings.log_level, settings.log_format)
    with StopSignal() as stop:
        if settings.processes > 1:
            serve_processes(settings, migrate, stop)
            return
        if worker:
            end_with_parent()
        with telemetry(Program.of(context), settings) as seen:
            _serve(Program.of(context), settings, migrate, stop, seen, shares_port=worker)
        log.info("stopped")


def _serve(
    program: Program, settings: Settings, migrate: bool, stop: StopSignal, seen: Telemetry, *, shares_port: bool
) -> None:
    has_grpc = settings.only != "http"
    credentials = server_credentials(settings) if has_grpc else None
    if has_grpc:
        check_listen(settings.listen, secured=credentials is not None, asks_for_keys=not settings.insecure_no_auth)
    desk = desk_of(settings, seen.provider)
    store = open_store(settings.database_url)
    seen.trace(store)
    core = compose(program, settings, store, CatalogueShelf(store), seen.journal, seen.tracing, desk)
    core.closed = True
    keyring = _keyring(core, settings) if has_grpc else None
    door = GrpcDoor(core, settings, keyring, credentials, seen, shares_port=shares_port) if has_grpc else NoDoor()
    seen.look_at(core, door.serving)
    starter = Starter(program, settings, core, keyring, migrate=migrate)
    pulse = Pulse(core, door.report, keyring, open_books=starter.open)
    workers: list[Relay | Courier | Cashier] = [Relay(core), Courier(core, allow_private=settings.events_allow_private)]
    cashiers = [Cashier(core, seen.provider)] if desk else []
    grace_seconds = 0.0
    core.journal.start()
    try:
        address = door.open()
        http_address = seen.serve_http(door.serving, desk, _receiver(core, settings))
        pulse.start()
        for worker in (*workers, *cashiers):
            worker.start()
        print_line(f"tollhouse is serving on {address or http_address}")
        grace_seconds = settings.drain_seconds
        door.is_open = True
        stop.wait()
        log.info("stopping: no new calls, those under way have %g seconds", settings.drain_seconds)
    finally:
        pulse.stop()
        door.close(grace_seconds)
        for cashier in cashiers:
            cashier.stop()  # before the journal, which it needs for what it is at
        pulse.note_uses()
        core.journal.close()
        for worker in workers:
            worker.stop()
        store.close()


def _receiver(core: Core, settings: Settings) -> Receive | None:
    """What takes in webhooks; None where none are to be taken."""
    desk = core.desk
    if desk is None or settings.only == "grpc" or not settings.http_listen:
        return None
    if not settings.webhook_secrets:
        log.warning("webhooks are not taken: stripe_webhook_secrets is not set")
        return None
    return partial(inbox.receive, core, desk, settings.webhook_secrets)


def _keyring(core: Core, settings: Settings) -> Keyring | None:
    """The keys that open the doors; none where everybody on this machine may come in."""
    if settings.insecure_no_auth:
        log.warning("NO API KEYS: everybody on this machine may do everything (--insecure-no-auth)")
        return None
    return Keyring(core.store, core.environment, core.clock)

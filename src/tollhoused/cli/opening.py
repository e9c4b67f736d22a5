"""Opens the books for a command: checks schema and durability, and composes the core."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tollhoused.cli.program import CommandFailed, Program
from tollhoused.domain.decision import Rules
from tollhoused.domain.instants import DAY_US, SECOND_US
from tollhoused.domain.keys import CLI_CLIENT, Environment
from tollhoused.journal.journal import Journal, Limits
from tollhoused.observing import JournalObserver, Tracing
from tollhoused.settings import Settings
from tollhoused.store import schema
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.store.store import Store, open_store
from tollhoused.usecases import testing_time
from tollhoused.usecases.core import Call, Core, MovableClock

CALL_SECONDS = 30.0
"""How long a command waits for one operation of its own."""


@contextmanager
def opened_store(settings: Settings, *, guarded: bool = True) -> Iterator[Store]:
    """The store, once its schema is known to be ours; who only reads can do without the `guarded` ledger.

    Raises SchemaMismatch or StoreUnavailable.
    """
    schema.check(settings.database_url, guarded=guarded)
    store = open_store(settings.database_url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def opened_core(program: Program, settings: Settings, *, writes: bool = False) -> Iterator[Core]:
    """A core on the books. Its journal runs only where the command `writes`, and is finished at the end."""
    with opened_store(settings) as store:
        shelf = CatalogueShelf(store)
        shelf.refresh()
        if not shelf.history.versions:
            raise CommandFailed("the database has no catalogue: run `tollhouse catalog apply hub`, or another file")
        if writes:
            check_durability(store)
        core = compose(program, replace(settings, environment=environment_of(store, settings)), store, shelf)
        testing_time.refresh(core)
        if writes:
            core.journal.start()
        try:
            yield core
        finally:
            core.journal.close()


def compose(
    program: Program,
    settings: Settings,
    store: Store,
    shelf: CatalogueShelf,
    observer: JournalObserver | None = None,
    tracing: Tracing | None = None,
) -> Core:
    """The parts that all doors share; the journal is not started."""
    rules = Rules(
        late_window_us=settings.late_window_days * DAY_US,
        future_tolerance_us=settings.future_tolerance_seconds * SECOND_US,
    )
    limits = Limits(queue_max=settings.queue_max, batch_max=settings.batch_max, linger_seconds=settings.linger_seconds)
    clock = MovableClock(program.clock)
    journal = Journal(store, shelf, clock, rules, limits, observer, tracing)
    return Core(
        store,
        shelf,
        journal,
        clock,
        program.new_id,
        program.new_secret,
        Environment(settings.environment),
        rules,
        events_allow_private=settings.events_allow_private,
    )


def environment_of(store: Store, settings: Settings) -> str:
    """The environment that the database serves; one that was never served takes the settings'."""
    return store.environment() or settings.environment


def settle_environment(store: Store, environment: str) -> None:
    """Gives a new database its environment. Raises CommandFailed where it serves the other one."""
    known = store.environment()
    if known is None:
        try:
            store.set_environment(environment)
        except StoreFault as failure:
            if failure.fault is not Fault.COLLISION:
                raise
        known = store.environment()  # another process may have been quicker
    if known != environment:
        raise CommandFailed(f"this database serves the environment {known}, not {environment}")


def cli_call() -> Call:
    """One operation of a command, from now on."""
    return Call(CLI_CLIENT, time.monotonic() + CALL_SECONDS)


def check_durability(store: Store) -> None:
    """Refuses a database that could lose what it has acknowledged. Raises CommandFailed."""
    problems = store.durability_problems()
    if problems:
        raise CommandFailed("the database is not safe for books: " + "; ".join(problems))

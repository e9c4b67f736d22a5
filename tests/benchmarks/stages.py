"""`python -m tests.benchmarks.stages`: where the time of a call goes, stage by stage, in one process without gRPC.

One caller calls at a time, so the stages add up to the whole. Figures are medians in microseconds per event; what
counts is how they stand to each other.
"""

import argparse
import gc
import itertools
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console
from rich.table import Table
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.usage_service_pb2 import BatchRecordUsageRequest, RecordUsageRequest, UsageItem

from tests.benchmarks import templates
from tests.support.house import Ids, build_core, call, close_core, give_credits, make_user, use
from tests.support.postgres import Cluster
from tollhoused.journal import journal
from tollhoused.rpc import decode
from tollhoused.rpc.status import Faults
from tollhoused.rpc.usage import UsageServicer
from tollhoused.store import schema, store
from tollhoused.store.postgres import PostgresSession
from tollhoused.store.sqlite import SqliteSession
from tollhoused.usecases import usage
from tollhoused.usecases.core import Core

ACCOUNTS, ITEMS = 1_000, 1_000
CALLS, BATCHES = 300, 15
STAGES = (
    "decode", "use case", "queue and waking", "read", "load", "settle", "rows", "write and commit",
    "rest of the journal", "encode",
)  # fmt: skip

Spent = dict[str, float]


class Stopwatch:
    """How long the watched functions took since the last `read`, each with all that it called, in seconds."""

    def __init__(self) -> None:
        self._spent: defaultdict[str, float] = defaultdict(float)

    def read(self) -> Spent:
        """By name; begins anew."""
        spent, self._spent = self._spent, defaultdict(float)
        return spent

    @contextmanager
    def watching(self, *watched: tuple[object, str, str]) -> Iterator[None]:
        """Watches functions, given by their owner, their name there, and the name under which they are told."""
        with ExitStack() as stack:
            for owner, name, told in watched:
                stack.enter_context(patch.object(owner, name, self._watched(getattr(owner, name), told)))
            yield

    def _watched(self, function: Callable[..., Any], told: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self._spent[told] += time.perf_counter() - began

        return timed


WATCHED: tuple[tuple[object, str, str], ...] = (
    (decode, "usage_report", "decoding"),
    (decode, "usage_reports", "decoding all"),
    (usage, "record", "recording"),
    (usage, "record_batch", "recording"),
    (Core, "run_all", "running"),
    (journal.Journal, "_transact", "transaction"),
    (journal.Journal, "_settle", "settle"),
    (store.Batch, "load", "loading"),
    (SqliteSession, "read", "read"),
    (PostgresSession, "read", "read"),
    (store, "writes", "rows"),
    (SqliteSession, "commit", "write and commit"),
    (PostgresSession, "commit", "write and commit"),
)


def stages_of(spent: Spent, called: float, parsed: float) -> Spent:
    """The stages of a call that took so long in all, of which parsing its bytes took `parsed`."""
    decoding = spent["decoding all"] or spent["decoding"]
    inside = ("read", "settle", "rows", "write and commit")
    stages = {name: spent[name] for name in inside}
    stages["load"] = spent["loading"] - spent["read"]
    stages["rest of the journal"] = spent["transaction"] - sum(stages.values())
    stages["decode"] = parsed + decoding
    stages["use case"] = spent["recording"] - spent["running"]
    stages["queue and waking"] = spent["running"] - spent["transaction"]
    stages["encode"] = called - parsed - decoding - spent["recording"]
    return stages


class Caller:
    """Calls the servicer as the guard would, with bytes, and tells the stages of each call."""

    def __init__(self, core: Core, users: Sequence[str]) -> None:
        self._servicer = UsageServicer(core, Faults(core.new_id))
        self._users = users
        self._numbers = itertools.count()
        self._stopwatch = Stopwatch()

    def singles(self) -> list[Spent]:
        """Many calls of one event each, in seconds per event."""
        return [self._once(RecordUsageRequest, RecordUsageRequest(**self._event()), 1) for _ in range(CALLS)]

    def batches(self) -> list[Spent]:
        """A few calls of a thousand events each, in seconds per event."""
        requests = (
            BatchRecordUsageRequest(items=[UsageItem(**self._event()) for _ in range(ITEMS)]) for _ in range(BATCHES)
        )
        return [self._once(BatchRecordUsageRequest, request, ITEMS) for request in requests]

    def _once(self, request_type: Any, request: Any, events: int) -> Spent:
        data = request.SerializeToString()
        method = getattr(self._servicer, request_type.__name__.removesuffix("Request"))
        with self._stopwatch.watching(*WATCHED):
            self._stopwatch.read()
            began = time.perf_counter()
            message = request_type.FromString(data)
            parsed = time.perf_counter() - began
            method(message, call()).SerializeToString()
            called = time.perf_counter() - began
        return {name: seconds / events for name, seconds in stages_of(self._stopwatch.read(), called, parsed).items()}

    def _event(self) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "subject": Subject(user_id=self._users[number % len(self._users)]),
            "product": templates.PRODUCT,
            "meter": templates.METER,
            "quantity": 1,
            "idempotency_key": f"{time.time_ns():016x}{number:016x}",
        }


def measured(url: str) -> dict[str, Spent]:
    """The median stages of single calls and of batches, over new books at `url`."""
    schema.migrate(url)
    core = build_core(store.open_store(url), clock=lambda: time.time_ns() // 1_000, new_id=Ids())
    users = [templates.user(number) for number in range(ACCOUNTS)]
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda user: _seed(core, user), users))
    gc.collect()
    gc.freeze()  # as a server does
    gc.set_threshold(100_000, 50, 100)
    caller = Caller(core, users)
    found = {}
    for name, calls in (("one", caller.singles), ("1,000", caller.batches)):
        calls()  # statements are prepared, accounts are known
        spent = calls()
        found[name] = {stage: statistics.median(each[stage] for each in spent) for stage in STAGES}
    close_core(core)
    return found


def _seed(core: Core, user: str) -> None:
    make_user(core, user)
    give_credits(core, user, templates.PLENTY_NANOS // 10**9)
    use(core, user, f"allowance/{user}", templates.ALLOWANCE)
    use(core, user, f"beyond/{user}")


def main() -> None:
    """Measures both engines and prints a table."""
    argparse.ArgumentParser(prog="make profile", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": measured(f"sqlite:///{Path(folder) / 'books.sqlite3'}")}
    cluster = Cluster()
    try:
        found["PostgreSQL"] = measured(cluster.create_database("books"))
    finally:
        cluster.close()
    columns = [(f"{engine}, {size}", stages) for engine, sizes in found.items() for size, stages in sizes.items()]
    table = Table(title="Microseconds per event, of calls with so many events")
    table.add_column("stage")
    for name, _ in columns:
        table.add_column(name, justify="right")
    for stage in STAGES:
        table.add_row(stage, *[f"{stages[stage] * 1e6:,.1f}" for _, stages in columns])
    table.add_section()
    table.add_row("in all", *[f"{sum(stages.values()) * 1e6:,.1f}" for _, stages in columns])
    Console().print(table)


if __name__ == "__main__":
    main()

"""Metrics in Prometheus' text format. Labels are methods, codes, reasons and kinds: never who, and few of each."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tollhoused.journal.journal import Journal
from tollhoused.observing import CallObserver, EndedCall, JournalObserver
from tollhoused.store.store import Store

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
COMMANDS = (1, 2, 5, 10, 20, 50, 100, 200, 512, 1_000, 2_000)


class Metrics(CallObserver):
    """The metrics of one server, in a registry of their own; `calls` and `journal` are told what happens."""

    def __init__(self, version: str, environment: str, engine: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.journal = JournalMetrics(registry)
        build = Gauge("tollhouse_build_info", "Always 1.", ["version", "environment", "engine"], registry=registry)
        build.labels(version, environment, engine).set(1)
        self._calls = Counter(
            "tollhouse_calls", "Calls that were answered.", ["method", "code", "reason"], registry=registry
        )
        self._seconds = Histogram(
            "tollhouse_call_seconds",
            "From a call's arrival in its thread to its answer.",
            ["method"],
            buckets=SECONDS,
            registry=registry,
        )
        self._items = Counter("tollhouse_batch_items", "Items of BatchRecordUsage.", ["outcome"], registry=registry)
        # Children are looked up once: the library's own look-up takes a lock for all calls of all methods.
        self._known_calls: dict[tuple[str, str, str], Counter] = {}
        self._known_seconds: dict[str, Histogram] = {}

    def ended(self, call: EndedCall) -> None:
        key = (call.method, call.code, call.reason)
        counter = self._known_calls.get(key)
        if counter is None:
            counter = self._known_calls[key] = self._calls.labels(*key)
            self._known_seconds[call.method] = self._seconds.labels(call.method)
        counter.inc()
        self._known_seconds[call.method].observe(call.seconds)

    def batch_recorded(self, outcomes: Mapping[str, int]) -> None:
        for outcome, number in outcomes.items():
            self._items.labels(outcome).inc(number)

    def look_at(
        self, store: Store, journal: Journal, ready: Callable[[], bool], catalogue_version: Callable[[], int]
    ) -> None:
        """What is asked at each scrape instead of being told."""
        self.registry.register(_Looks(store, journal, ready, catalogue_version))

    def text(self) -> bytes:
        """A scrape."""
        return generate_latest(self.registry)


class JournalMetrics(JournalObserver):
    """What the journal did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def seconds(name: str, text: str) -> Histogram:
            return Histogram(f"tollhouse_journal_{name}_seconds", text, buckets=SECONDS, registry=registry)

        self._waited = seconds("wait", "How long the oldest call of a batch had waited in the queue.")
        self._transactions = seconds(
            "transaction", "Whole transactions that were stored: locks, reads, writes, COMMIT."
        )
        self._commits = seconds("commit", "Their writes and COMMIT alone.")
        self._batches = Histogram(
            "tollhouse_journal_batch_commands",
            "Commands that were taken from the queue together.",
            buckets=COMMANDS,
            registry=registry,
        )
        self._settled = Counter(
            "tollhouse_commands", "Commands that came to their end.", ["kind", "outcome"], registry=registry
        )
        self._failed = Counter(
            "tollhouse_journal_failures",
            "Transactions that were run again, halved or given up.",
            ["cause"],
            registry=registry,
        )
        self._halved = Counter(
            "tollhouse_journal_halvings", "Batches that were halved to find a guilty command.", registry=registry
        )
        self._dropped = Counter(
            "tollhouse_journal_dropped_commands", "Commands given up at their deadline.", registry=registry
        )

    def taken(self, commands: int, waited_seconds: float) -> None:
        self._batches.observe(commands)
        self._waited.observe(waited_seconds)

    def committed(self, commands: int, seconds: float, commit_seconds: float) -> None:
        self._transactions.observe(seconds)
        self._commits.observe(commit_seconds)

    def settled(self, kind: str, outcome: str, commands: int) -> None:
        self._settled.labels(kind, outcome).inc(commands)

    def failed(self, cause: str) -> None:
        self._failed.labels(cause).inc()

    def halved(self) -> None:
        self._halved.inc()

    def dropped(self, commands: int) -> None:
        self._dropped.inc(commands)


class _Looks(Collector):
    def __init__(
        self, store: Store, journal: Journal, ready: Callable[[], bool], catalogue_version: Callable[[], int]
    ) -> None:
        self._store = store
        self._journal = journal
        self._ready = ready
        self._catalogue_version = catalogue_version

    def collect(self) -> Iterable[Metric]:
        pool = self._store.engine.pool_use
        ready = float(self._ready())
        yield GaugeMetricFamily("tollhouse_ready", "Whether calls can be answered.", ready)
        yield GaugeMetricFamily(
            "tollhouse_catalogue_version", "The version in force.", float(self._catalogue_version())
        )
        yield GaugeMetricFamily("tollhouse_journal_queue_commands", "Commands that wait.", self._journal.waiting)
        yield GaugeMetricFamily(
            "tollhouse_journal_queue_limit", "How many may wait before OVERLOADED.", self._journal.queue_max
        )
        yield GaugeMetricFamily("tollhouse_pool_connections_in_use", "Reading connections in use.", pool.in_use)
        yield GaugeMetricFamily("tollhouse_pool_connections_limit", "Reading connections at most.", pool.limit)
        yield CounterMetricFamily("tollhouse_pool_waits", "How often a reader waited for a connection.", pool.waits)
        yield CounterMetricFamily(
            "tollhouse_pool_wait_seconds", "How long readers waited for connections.", pool.waited_seconds
        )

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

from tollhoused.http.call_metrics import SECONDS, CallMetrics
from tollhoused.http.provider_metrics import ProviderMetrics
from tollhoused.journal.journal import Journal
from tollhoused.observing import JournalObserver
from tollhoused.store.store import Store

CONTENT_TYPE = CONTENT_TYPE_LATEST
COMMANDS = (1, 2, 5, 10, 20, 50, 100, 200, 512, 1_000, 2_000)


class Metrics(CallMetrics):
    """The metrics of one server, in a registry of their own; it is told of calls, `journal` of the journal."""

    def __init__(self, version: str, environment: str, engine: str) -> None:
        super().__init__()
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.journal = JournalMetrics(registry)
        self.provider = ProviderMetrics(registry)
        build = Gauge("tollhouse_build_info", "Always 1.", ["version", "environment", "engine"], registry=registry)
        build.labels(version, environment, engine).set(1)
        registry.register(self)
        self._items = Counter("tollhouse_batch_items", "Items of BatchRecordUsage.", ["outcome"], registry=registry)

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

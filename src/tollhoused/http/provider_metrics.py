"""What is counted of a payment provider: calls to it, events from it, and how long they wait."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tollhoused.http.call_metrics import SECONDS
from tollhoused.observing import ProviderObserver

LAG_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 36_000.0, 259_200.0)
"""Providers tell the time in seconds, and try for three days."""


class ProviderMetrics(ProviderObserver):
    """The metrics of one server's dealings with its provider."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"tollhouse_provider_events_{name}", text, registry=registry)

        self._calls = Counter(
            "tollhouse_provider_calls", "Calls to the payment provider.", ["method", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "tollhouse_provider_call_seconds",
            "How long the provider took.",
            ["method"],
            buckets=SECONDS,
            registry=registry,
        )
        self._received = Counter("tollhouse_webhooks", "Webhooks that were posted.", ["outcome"], registry=registry)
        self._lag = Histogram(
            "tollhouse_provider_event_lag_seconds",
            "From the making of an event at the provider to a look at it here.",
            ["outcome"],
            buckets=LAG_SECONDS,
            registry=registry,
        )
        self._waiting = gauge("waiting", "Events of the provider that wait to be applied.")
        self._dead = gauge("dead", "Events of the provider that were given up.")
        self._oldest = gauge("oldest_seconds", "How long the oldest one that waits has done so.")

    def asked(self, what: str, outcome: str, seconds: float) -> None:
        self._calls.labels(what, outcome).inc()
        if outcome != "busy":
            self._seconds.labels(what).observe(seconds)

    def received(self, outcome: str) -> None:
        self._received.labels(outcome).inc()

    def handled(self, outcome: str, lag_seconds: float) -> None:
        self._lag.labels(outcome).observe(max(0.0, lag_seconds))

    def inbox(self, waiting: int, dead: int, oldest_seconds: float) -> None:
        self._waiting.set(waiting)
        self._dead.set(dead)
        self._oldest.set(max(0.0, oldest_seconds))

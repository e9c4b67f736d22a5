"""Calls counted by outcome and time. Every call passes here, so the numbers are kept by hand: the library's counter and
histogram took five times as long, for locks, look-ups and checks that are not needed.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tollhoused.observing import CallObserver, EndedCall

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets, each included."""


class CallMetrics(CallObserver, Collector):
    """`tollhouse_calls_total`, `tollhouse_call_seconds` without streams, and `tollhouse_streams_open`.

    As many series as there are methods, codes and reasons.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[tuple[str, str, str], int] = {}
        self._open: dict[str, int] = {}
        # By method: the calls of each bucket and of what lies beyond, and the seconds of all.
        self._times: dict[str, tuple[list[int], list[float]]] = {}

    def opened(self, method: str) -> None:
        with self._lock:
            self._open[method] = self._open.get(method, 0) + 1

    def ended(self, call: EndedCall) -> None:
        key = (call.method, call.code, call.reason)
        bucket = bisect_left(SECONDS, call.seconds)
        with self._lock:
            self._ends[key] = self._ends.get(key, 0) + 1
            if call.stayed_open:
                self._open[call.method] -= 1
                return
            times = self._times.get(call.method)
            if times is None:
                times = self._times[call.method] = ([0] * (len(SECONDS) + 1), [0.0])
            times[0][bucket] += 1
            times[1][0] += call.seconds

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            ends, streams = dict(self._ends), dict(self._open)
            times = {method: (list(counts), total) for method, (counts, (total,)) in self._times.items()}
        calls = CounterMetricFamily("tollhouse_calls", "Calls that were answered.", labels=["method", "code", "reason"])
        for key, number in ends.items():
            calls.add_metric(key, number)
        yield calls
        opened = GaugeMetricFamily("tollhouse_streams_open", "Streams that are open.", labels=["method"])
        for method, number in streams.items():
            opened.add_metric([method], number)
        yield opened
        seconds = HistogramMetricFamily(
            "tollhouse_call_seconds", "From a call's start in its thread to its answer.", labels=["method"]
        )
        bounds = [*map(str, SECONDS), "+Inf"]
        for method, (counts, total) in times.items():
            seconds.add_metric([method], list(zip(bounds, accumulate(counts), strict=True)), total)
        yield seconds

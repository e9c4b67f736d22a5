"""The load generator: a small Go program where `go` is installed, otherwise several Python processes."""

import json
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.servers import Server
from tests.benchmarks.templates import Plan

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "loadgen"
BINARY = ROOT / "build" / "loadgen"
WORKERS = 3
WARMUP_SECONDS = 0.3
RUN_SECONDS_MAX = 120.0
"""How long a generator may take beyond its window before it is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How callers call: `rate` calls a second whatever becomes of them, or again after each answer where it is 0.

    A caller waits for `pause_seconds` after a failure, as a retry policy does, and twice as long after each further one
    in a row up to `pause_max_seconds`, unless that is 0. Callers share `connections`.
    """

    rate: float = 0.0
    timeout_seconds: float = 30.0
    pause_seconds: float = 0.0
    pause_max_seconds: float = 0.0
    connections: int = 4


class LoadError(Exception):
    """The generator did not work; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one run.

    Rates are of the window, latencies of answers in it, and of refusals (UNAVAILABLE) of calls that began in it; errors
    and `stored` are of the whole run. `late` is how long after they were due the calls of an open loop began.
    `cpu_share` is how much of one core the generator needed: near 1, or the number of its workers, the generator was
    the limit.
    """

    calls: int
    errors: dict[str, int]
    item_errors: dict[str, int]
    seconds: float
    rate: float
    item_rate: float
    p50_ms: float
    p99_ms: float
    stored: int
    refused_p50_ms: float
    refused_p99_ms: float
    late_p50_ms: float
    late_p99_ms: float
    cpu_share: float

    @property
    def failures(self) -> dict[str, int]:
        """Calls that failed by status, and items of bulk calls that did."""
        return {**self.errors, **{f"item {name}": count for name, count in self.item_errors.items()}}


class Generator:
    """Runs plans against servers."""

    def __init__(self, command: list[str], name: str, workers: int) -> None:
        self.name = name
        self._command = command
        self._workers = workers

    def run(
        self,
        server: Server,
        plan: Plan,
        *,
        callers: int = 1,
        seconds: float = 1.0,
        warmup: float = WARMUP_SECONDS,
        pace: Pace | None = None,
    ) -> Load:
        """Calls for a time. Latencies and rates leave the warm-up out."""
        pace, workers = pace or Pace(), min(self._workers, callers)
        flags = {
            "--seconds": seconds,
            "--warmup": warmup,
            "--rate": pace.rate / workers,
            "--timeout": pace.timeout_seconds,
            "--pause": pace.pause_seconds,
            "--pause-max": pace.pause_max_seconds,
            "--connections": pace.connections,
        }
        words = [word for name, value in flags.items() for word in (name, str(value))]
        return self._run(server, plan, callers, words)

    def once(self, server: Server, plan: Plan, *, callers: int = 32) -> Load:
        """Sends each request once."""
        return self._run(server, plan, callers, ["--once"])

    def _run(self, server: Server, plan: Plan, callers: int, flags: list[str]) -> Load:
        workers = min(self._workers, callers)
        began, spent = time.perf_counter(), _children_cpu_seconds()
        with tempfile.TemporaryDirectory() as folder:
            processes = []
            for worker in range(workers):
                path = Path(folder) / f"{worker}.json"
                share = callers // workers + (worker < callers % workers)
                Plan(plan.method, plan.requests[worker::workers] or plan.requests, plan.bulk).write(
                    path, server.api_key
                )
                arguments = ["--target", server.address, "--templates", str(path), "--callers", str(share), *flags]
                processes.append(
                    subprocess.Popen(
                        [*self._command, *arguments],
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        text=True,
                        cwd=ROOT,
                    )
                )
            reports = [_finished(process) for process in processes]
        cpu_share = (_children_cpu_seconds() - spent) / (time.perf_counter() - began)
        return _merged(reports, cpu_share)


def go_generator() -> Generator | None:
    """The compiled generator, built from its source if need be; None where it cannot be built."""
    go = shutil.which("go")
    if go is None:
        return None
    BINARY.parent.mkdir(exist_ok=True)
    built = subprocess.run([go, "build", "-o", str(BINARY), "."], cwd=SOURCE, capture_output=True, text=True)
    if built.returncode != 0:
        print(f"The Go load generator does not build here: {built.stderr.strip()[-500:]}", file=sys.stderr)
        return None
    return Generator([str(BINARY)], "Go", workers=1)


def python_generator(workers: int = WORKERS) -> Generator:
    """Several processes with threads; they are slower than a server that does nothing."""
    return Generator([sys.executable, "-m", "tests.benchmarks.load_worker"], f"Python, {workers} processes", workers)


def choose() -> Generator:
    """The best there is here."""
    return go_generator() or python_generator()


def _finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        output, complaints = process.communicate(timeout=RUN_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise LoadError("the load generator did not end") from None
    if process.returncode != 0:
        raise LoadError(complaints.strip()[-500:])
    report: dict[str, Any] = json.loads(output)
    return report


def _children_cpu_seconds() -> float:
    """Of processes that have ended; the servers run on, so the difference is the generator's."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _merged(reports: list[dict[str, Any]], cpu_share: float) -> Load:
    """One report of several workers' reports; quantiles are exact where workers hand over every latency."""
    latencies = sorted(latency for report in reports for latency in report.pop("latencies_ms", ()))
    refused = sorted(latency for report in reports for latency in report.pop("refused_ms", ()))
    late = sorted(latency for report in reports for latency in report.pop("late_ms", ()))
    merged: dict[str, Any] = {}
    for report in reports:
        for name, value in report.items():
            if isinstance(value, dict):
                counts = merged.setdefault(name, {})
                for key, count in value.items():
                    counts[key] = counts.get(key, 0) + count
            else:
                merged[name] = merged.get(name, 0) + value
    merged["seconds"] /= len(reports)
    for prefix, taken in (("", latencies), ("refused_", refused), ("late_", late)):
        if taken:
            merged[f"{prefix}p50_ms"] = statistics.median(taken)
            merged[f"{prefix}p99_ms"] = taken[math.ceil(len(taken) * 0.99) - 1]
    return Load(**merged, cpu_share=cpu_share)

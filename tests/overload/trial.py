"""One trial: what a server can do, more than that for a while, and the time after."""

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.benchmarks import templates
from tests.benchmarks.books import Books
from tests.benchmarks.load import Generator, Load, Pace
from tests.benchmarks.servers import Server, tollhouse
from tests.overload.probe import Probe

AFTER_SECONDS = 4.0
GENERATOR_LATE_MS_MAX = 100.0
"""Where calls begin later than that after they were due, the generator was the limit: no verdict, and so not passed."""

UNKNOWN = ("DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "INTERNAL")
"""Answers after which a call may be stored."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure and what it must be; `least` and `most` include themselves."""

    value: float
    least: float | None = None
    most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is what it must be."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)


@dataclass(slots=True)
class Trial:
    """What came of one: figures to read, and bounds that decide."""

    name: str
    figures: dict[str, float | dict[str, int]] = field(default_factory=dict)
    bounds: dict[str, Bound] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every bound holds; a trial without a bound has no verdict."""
        return bool(self.bounds) and all(bound.holds for bound in self.bounds.values())

    def as_json(self) -> dict[str, object]:
        """For build/overload.json."""
        bounds = {
            name: {"value": round(item.value, 3), "least": item.least, "most": item.most, "holds": item.holds}
            for name, item in self.bounds.items()
        }
        figures = {name: round(item, 3) if isinstance(item, float) else item for name, item in self.figures.items()}
        return {"passed": self.passed, "bounds": bounds, "figures": figures}


@dataclass(slots=True)
class Tally:
    """What callers were told over all runs on one database."""

    acknowledged: int = 0
    answers: Counter[str] = field(default_factory=Counter)

    def count(self, load: Load) -> Load:
        """Adds a run."""
        self.acknowledged += load.stored
        self.answers.update(load.failures)
        return load

    def settle(self, books: Books) -> dict[str, Bound]:
        """Nothing acknowledged is missing, nothing is stored that had to be refused, and the books can be proven."""
        unknown = sum(self.answers[name] for name in UNKNOWN)
        stored = books.stored() - books.acknowledged
        code, output = tollhouse("verify", "--database-url", books.url)
        if code != 0:
            print(output[-2_000:])
        return {
            "acknowledged_and_lost": Bound(max(0, self.acknowledged - stored), most=0),
            "refused_and_stored": Bound(max(0, stored - self.acknowledged - unknown), most=0),
            "books_differ": Bound(code, most=0),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """How much is offered, for how long, and what share of the capacity must be served within the deadline."""

    callers: int
    pace: Pace
    seconds: float
    goodput_least: float
    refusal_p99_ms: float | None = 100.0


def overload(
    name: str, books: Books, server: Server, generator: Generator, offer: Offer, capacity: float, tally: Tally
) -> Trial:
    """Offers too much for a while, looks on, and waits for the server to be itself again.

    Goodput is what was answered with OK, in time, in each second of the window.
    """
    trial = Trial(name)
    at_rest_mb = server.resident_mb()
    warmup = min(2.0, offer.seconds / 2)
    with Probe(server, books.users[0]) as probe:
        end = time.monotonic() + warmup + offer.seconds
        load = tally.count(
            generator.run(
                server,
                templates.records(books.users),
                callers=offer.callers,
                seconds=offer.seconds,
                warmup=warmup,
                pace=offer.pace,
            )
        )
        time.sleep(AFTER_SECONDS)  # the time in which the server must come back
    tally.acknowledged += probe.stored
    tally.answers["DEADLINE_EXCEEDED"] += len(probe.health_seconds)  # probes whose outcome nobody knows
    goodput = load.calls / load.seconds
    trial.figures = {
        "capacity_per_second": capacity,
        "offered_per_second": offer.pace.rate or 0.0,
        "callers": float(offer.callers),
        "deadline_seconds": offer.pace.timeout_seconds,
        "goodput_per_second": goodput,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "late_p50_ms": load.late_p50_ms,
        "brisk_share_of_others": probe.brisk_share(end - warmup - offer.seconds, end),
        "refused_p50_ms": load.refused_p50_ms,
        "refused_p99_ms": load.refused_p99_ms,
        "answers": {"OK": load.stored, **load.failures},
        "health_answers": float(len(probe.health_seconds)),
        "health_slowest_ms": max(probe.health_seconds, default=0.0) * 1_000,
        "memory_before_mb": at_rest_mb,
        "generator_cpu_share": load.cpu_share,
    }
    trial.bounds = {
        "goodput_share": Bound(goodput / capacity, least=offer.goodput_least),
        "health_failures": Bound(probe.health_failures, most=0),
        "recovery_seconds": Bound(probe.recovery_seconds(end), most=2.0),
        "memory_mb": Bound(probe.memory_mb, most=300.0),
        "unknown_statuses": Bound(sum(load.errors.get(code, 0) for code in ("UNKNOWN", "INTERNAL")), most=0),
    }
    if offer.pace.rate:
        trial.bounds["generator_late_p99_ms"] = Bound(load.late_p99_ms, most=GENERATOR_LATE_MS_MAX)
    if offer.refusal_p99_ms is not None:
        trial.bounds["refused_p99_ms"] = Bound(load.refused_p99_ms, most=offer.refusal_p99_ms)
    return trial

"""The rows of the table: what is measured, what it is compared with, and what it must reach (design: targets)."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Measure = Callable[[float], float]
"""Measures for about so many seconds; gives a rate per second or a time in milliseconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """`value` and `reference` are names of points; several reference points are added up.

    `at_least` bounds a ratio of rates from below, `at_most` a ratio of times from above; `aim` is the same, further on.
    """

    name: str
    value: str
    reference: tuple[str, ...]
    aim: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "/s"


@dataclass(frozen=True, slots=True)
class Result:
    """Medians over the rounds, and the ratio of each round."""

    row: Row
    value: float
    reference: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> float:
        """How far apart the rounds' ratios lie, as a share of their median."""
        return (max(self.ratios) - min(self.ratios)) / self.ratio

    @property
    def reached(self) -> str:
        """Whether the ratio reaches the aim, at least the target, or neither."""
        if self.row.at_most is not None:
            return "aim" if self.ratio <= self.row.aim else "yes" if self.ratio <= self.row.at_most else "no"
        assert self.row.at_least is not None
        return "aim" if self.ratio >= self.row.aim else "yes" if self.ratio >= self.row.at_least else "no"


BARE, GUARDED, GUARDED_256 = "no-op, bare", "no-op, guarded", "no-op, guarded, 256 callers"
GUARDED_ALONE, FDATASYNC, FUNCTION = "no-op, guarded, alone", "fdatasync", "stored function"
PGBENCH, PGBENCH_HOT = "pgbench, 8 clients", "pgbench, one row, 8 clients"
COPY, EXECUTEMANY = "COPY", "executemany"
ENTITLEMENT = "GetEntitlement, {}"
RECORD, RECORD_HOT, RECORD_ALONE = "RecordUsage, {}", "RecordUsage, {}, one account", "RecordUsage, {}, alone"
BATCH = "BatchRecordUsage, {}"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"

ROWS = (
    Row("no-op RPC behind the guard, 64 callers / bare", GUARDED, (BARE,), at_least=0.80, aim=0.90),
    Row("GetEntitlement, SQLite, 64 callers / no-op", ENTITLEMENT.format(SQLITE), (GUARDED,), at_least=0.70, aim=0.90),
    Row(
        "GetEntitlement, PostgreSQL, 64 callers / no-op",
        ENTITLEMENT.format(POSTGRESQL),
        (GUARDED,),
        at_least=0.45,
        aim=0.65,
    ),
    Row("RecordUsage, SQLite, 256 callers / no-op", RECORD.format(SQLITE), (GUARDED_256,), at_least=0.70, aim=0.85),
    Row(
        "RecordUsage, PostgreSQL, 256 callers / no-op",
        RECORD.format(POSTGRESQL),
        (GUARDED_256,),
        at_least=0.60,
        aim=0.80,
    ),
    Row("RecordUsage, PostgreSQL, 256 callers / pgbench", RECORD.format(POSTGRESQL), (PGBENCH,), at_least=0.8, aim=1.5),
    Row(
        "RecordUsage, PostgreSQL, one account / pgbench, one row",
        RECORD_HOT.format(POSTGRESQL),
        (PGBENCH_HOT,),
        at_least=2.5,
        aim=4.0,
    ),
    *[
        Row(
            f"RecordUsage, {engine}, one account / many accounts",
            RECORD_HOT.format(engine),
            (RECORD.format(engine),),
            at_least=0.8,
            aim=1.0,
        )
        for engine in (SQLITE, POSTGRESQL)
    ],
    Row("BatchRecordUsage x1,000, SQLite / executemany", BATCH.format(SQLITE), (EXECUTEMANY,), at_least=0.40, aim=0.60),
    Row("BatchRecordUsage x1,000, PostgreSQL / COPY", BATCH.format(POSTGRESQL), (COPY,), at_least=0.40, aim=0.60),
    Row(
        "RecordUsage alone, p50, SQLite / fdatasync + no-op",
        RECORD_ALONE.format(SQLITE),
        (FDATASYNC, GUARDED_ALONE),
        at_most=3.0,
        aim=2.0,
        unit="ms",
    ),
    Row(
        "RecordUsage alone, p50, PostgreSQL / stored function",
        RECORD_ALONE.format(POSTGRESQL),
        (FUNCTION,),
        at_most=4.0,
        aim=3.0,
        unit="ms",
    ),
)


def chosen(only: Sequence[str]) -> list[Row]:
    """Rows with one of these texts in their names, in any case; all rows where there is no text."""
    return [row for row in ROWS if not only or any(text.lower() in row.name.lower() for text in only)]


def needed(rows: Iterable[Row]) -> list[str]:
    """The points of these rows, each once, a value next to its references."""
    return list(dict.fromkeys(point for row in rows for point in (*row.reference, row.value)))


def measured(
    rows: Sequence[Row], points: Mapping[str, Measure], rounds: int, seconds: float, tell: Callable[[str], None]
) -> list[Result]:
    """Measures every point once a round, forwards and backwards in turn, so that a drifting machine evens out."""
    order = needed(rows)
    seen: list[dict[str, float]] = []
    for number in range(rounds):
        seen.append({})
        for point in order if number % 2 == 0 else reversed(order):
            seen[-1][point] = points[point](seconds)
            tell(f"round {number + 1} of {rounds}: {point}: {seen[-1][point]:,.3f}")
    return [_result(row, seen) for row in rows]


def _result(row: Row, seen: Sequence[Mapping[str, float]]) -> Result:
    values = [found[row.value] for found in seen]
    references = [sum(found[point] for point in row.reference) for found in seen]
    ratios = tuple(value / reference for value, reference in zip(values, references, strict=True))
    return Result(row, statistics.median(values), statistics.median(references), ratios)

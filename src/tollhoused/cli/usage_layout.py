"""What the columns of a file of usage mean: whose usage, of which product and meter, how much, and when."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tollhoused.cli.program import CommandFailed
from tollhoused.cli.usage_file import Line, Row, Unreadable
from tollhoused.domain.commands import Enforcement
from tollhoused.usecases.usage import UsageReport

KEY_PREFIX = "load"
"""Begins every key that a file is loaded under. The content's digest and the line follow, so that the keys of a load
are ascending: the index of operations is written at one end."""

DIGEST_LENGTH = 16
QUANTITY_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: a column, or the same text for every row."""

    column: str = ""
    constant: str = ""

    def of(self, row: Row) -> str:
        """The value in this row; empty where there is none."""
        return row.get(self.column, "") if self.column else self.constant


@dataclass(frozen=True, slots=True)
class Measure:
    """One usage event per row: a meter, and the columns whose sum is the quantity, or the same quantity always.

    `tag` tells the event from the others of its row in their keys.
    """

    meter: Source
    columns: tuple[str, ...]
    constant: int
    tag: str

    def quantity(self, row: Row) -> int:
        """Units of this row. Raises Unreadable."""
        return sum(_whole(name, row.get(name, "")) for name in self.columns) if self.columns else self.constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The meaning of a file's columns. `spread` accounts take the rows in turn; 0: the sources name them."""

    measures: tuple[Measure, ...]
    user_id: Source
    email: Source
    org_id: Source
    spread: int
    spread_prefix: str
    product: Source
    time_column: str
    read_time: Callable[[str], int]
    enforcement: Enforcement

    def columns(self) -> set[str]:
        """Every column that is read."""
        sources = (self.user_id, self.email, self.org_id, self.product, *(measure.meter for measure in self.measures))
        summed = {name for measure in self.measures for name in measure.columns}
        return {name for name in (*(source.column for source in sources), *summed, self.time_column) if name}

    def event_us(self, row: Row) -> int | None:
        """When it happened; None where the file does not say. Raises Unreadable."""
        if not self.time_column:
            return None
        text = row.get(self.time_column, "")
        try:
            return self.read_time(text)
        except (ValueError, OverflowError) as error:
            raise Unreadable(f"{self.time_column}: {text!r} {error}") from error

    def reports(self, line: Line, digest: str, shift_us: int) -> list[UsageReport]:
        """The usage events of a row, each with its key; a quantity of 0 is none. Raises Unreadable."""
        row = line.row
        if isinstance(row, Unreadable):
            raise row
        missing = sorted(name for name in self.columns() if name not in row)
        if missing:
            raise Unreadable(f"has no {', '.join(missing)}")
        event_us = self.event_us(row)
        user_id = f"{self.spread_prefix}{line.position % self.spread + 1}" if self.spread else self.user_id.of(row)
        found = []
        for measure in self.measures:
            quantity = measure.quantity(row)
            if quantity:
                report = UsageReport(
                    user_id=user_id,
                    email=self.email.of(row),
                    org_id=self.org_id.of(row),
                    product=self.product.of(row),
                    meter=measure.meter.of(row),
                    quantity=quantity,
                    event_us=None if event_us is None else event_us + shift_us,
                    enforcement=self.enforcement,
                    metadata={},
                    idempotency_key=f"{KEY_PREFIX}-{digest[:DIGEST_LENGTH]}-{line.number:09}{measure.tag}",
                )
                found.append(report)
        return found


def measures_of(meters: Sequence[str], meter_column: str, quantity_column: str) -> tuple[Measure, ...]:
    """The measures that `--meter METER=COLUMN+COLUMN` or the two columns name. Raises CommandFailed."""
    if bool(meters) == bool(meter_column):
        raise CommandFailed("say what is counted: --meter METER=COLUMN, or --meter-column with --quantity-column")
    if bool(meter_column) != bool(quantity_column):
        raise CommandFailed("--meter-column and --quantity-column go together")
    if meter_column:
        return (Measure(Source(meter_column), (quantity_column,), 0, ""),)
    return tuple(_tagged(_measure(text) for text in meters))


def _measure(text: str) -> Measure:
    meter, found, quantity = text.partition("=")
    if not (meter and found and quantity):
        raise CommandFailed(f"--meter: {text!r} is not METER=COLUMN, METER=COLUMN+COLUMN or METER=1")
    if re.fullmatch(rf"[0-9]{{1,{QUANTITY_DIGITS_MAX}}}", quantity):
        return Measure(Source(constant=meter), (), int(quantity), quantity)
    columns = tuple(sorted(name.strip() for name in quantity.split("+")))
    return Measure(Source(constant=meter), columns, 0, "+".join(columns))


def _tagged(measures: Iterable[Measure]) -> list[Measure]:
    """Tags from the columns that are summed, not from the meter, which has several names.

    Where two measures count the same columns, the later ones are numbered.
    """
    tagged: list[Measure] = []
    seen: list[str] = []
    for measure in measures:
        seen.append(measure.tag)
        text = f"{measure.tag}\0{seen.count(measure.tag)}"
        tag = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:6]
        tagged.append(Measure(measure.meter, measure.columns, measure.constant, f"-{tag}"))
    return tagged


def _whole(name: str, text: str) -> int:
    """A quantity; nothing at all counts as 0."""
    text = text.strip()
    if not text:
        return 0
    if not re.fullmatch(rf"[0-9]{{1,{QUANTITY_DIGITS_MAX}}}", text):
        raise Unreadable(f"{name}: {text!r} is not a whole number of units")
    return int(text)

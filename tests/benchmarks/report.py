"""What a run says: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.rows import Result

Facts = Mapping[str, str | int | float]


def write(path: Path, results: Sequence[Result], facts: Facts) -> None:
    """Writes the JSON. A row has `at_least` or `at_most`, never both; `spread` is a share of the ratio."""
    rows = [
        {
            "name": result.row.name,
            "value": round(result.value, 3),
            "reference": round(result.reference, 3),
            "unit": result.row.unit,
            "ratio": round(result.ratio, 3),
            "at_least": result.row.at_least,
            "at_most": result.row.at_most,
            "aim": result.row.aim,
            "spread": round(result.spread, 3),
            "ratios": [round(ratio, 3) for ratio in result.ratios],
        }
        for result in results
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"rows": rows, "machine": dict(facts)}, indent=2) + "\n")


def show(results: Sequence[Result], facts: Facts, console: Console) -> None:
    """Prints the table and what it was measured on."""
    table = Table(title="Medians of one run; a row compares two figures that were measured in turn")
    table.add_column("what / reference")
    for heading in ("value", "reference", "ratio", "lowest-highest", "target", "aim", "reached"):
        table.add_column(heading, justify="right")
    for result in results:
        row = result.row
        table.add_row(
            row.name,
            _figure(result.value, row.unit),
            _figure(result.reference, row.unit),
            f"{result.ratio:.2f}",
            f"{min(result.ratios):.2f}-{max(result.ratios):.2f}",
            f">= {row.at_least:.2f}" if row.at_least is not None else f"<= {row.at_most:.2f}",
            f"{row.aim:.2f}",
            result.reached,
        )
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), highlight=False)


def _figure(value: float, unit: str) -> str:
    return f"{value:,.2f} ms" if unit == "ms" else f"{value:,.0f}/s"

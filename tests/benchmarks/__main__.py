"""`python -m tests.benchmarks`: measures, prints a table, writes build/bench.json."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.benchmarks import report, rows
from tests.benchmarks.load import Generator, choose, python_generator
from tests.benchmarks.points import bench

BUILD = Path(__file__).parents[2] / "build"


def run(
    only: Sequence[str], *, rounds: int, seconds: float, accounts: int, generator: Generator, output: Path
) -> list[rows.Result]:
    """Measures the chosen rows, writes the JSON, proves the books; raises when any call failed or the books differ."""
    chosen = rows.chosen(only)
    if not chosen:
        raise SystemExit(f"no row's name holds {' or '.join(only)}; there are:\n" + "\n".join(_names()))
    console = Console(stderr=True, highlight=False)
    began = time.monotonic()
    with bench(generator, rows.needed(chosen), accounts, output.parent / "bench") as made:
        console.print(f"load generator: {generator.name}; {accounts:,} accounts; ready to measure")
        results = rows.measured(chosen, made.points, rounds, seconds, console.print)
    for books in made.books:
        console.print(f"{books.engine}: {books.acknowledged:,} operations acknowledged, all stored, the books verify")
    made.facts["generator_core_share_max"] = round(max(made.shares, default=0.0), 2)
    made.facts["accounts"] = accounts
    made.facts["rounds"] = rounds
    made.facts["seconds_each"] = seconds
    made.facts["seconds_in_all"] = round(time.monotonic() - began)
    report.write(output, results, made.facts)
    report.show(results, made.facts, Console(width=None if sys.stdout.isatty() else 150))
    return results


def main() -> None:
    """Reads the flags."""
    parser = argparse.ArgumentParser(prog="make bench ARGS='...'", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="rows with this text in their name")
    parser.add_argument("--full", action="store_true", help="five rounds of five seconds, 10,000 accounts")
    parser.add_argument("--seconds", type=float, help="length of one measurement (default 2)")
    parser.add_argument("--rounds", type=int, help="how often each is measured (default 3)")
    parser.add_argument("--python-generator", action="store_true", help="do not use the compiled load generator")
    flags = parser.parse_args()
    if any(number is not None and number <= 0 for number in (flags.rounds, flags.seconds)):
        parser.error("--rounds and --seconds must be positive")
    run(
        flags.only,
        rounds=flags.rounds or (5 if flags.full else 3),
        seconds=flags.seconds or (5.0 if flags.full else 2.0),
        accounts=10_000 if flags.full else 2_000,
        generator=python_generator() if flags.python_generator else choose(),
        output=BUILD / "bench.json",
    )


def _names() -> list[str]:
    return [row.name for row in rows.ROWS]


if __name__ == "__main__":
    main()

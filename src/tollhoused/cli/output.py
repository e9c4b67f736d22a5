"""What commands write: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tollhoused.cli.lines import print_line
from tollhoused.cli.program import CommandFailed
from tollhoused.domain.instants import rfc3339
from tollhoused.domain.money import format_amount, parse_amount

PIPED_WIDTH = 240
"""Wide enough that nothing is cut where no terminal sets the width."""


def console(*, errors: bool = False) -> Console:
    """Standard output, or standard error, as rich writes to it."""
    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """One table. A column whose heading ends in `>` is aligned to the right."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = column.endswith(">")
        table.add_column(column.rstrip(">"), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row))
    console().print(table)


def print_facts(facts: Iterable[tuple[str, object]], title: str | None = None) -> None:
    """Names and values, one below the other."""
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, str(value))
    console().print(table)


def print_json(value: object) -> None:
    """One JSON value, indented."""
    print_line(json.dumps(value, indent=2, ensure_ascii=False))


def money(nanos: int, currency: str) -> str:
    """An amount for people: "25.00 usd"."""
    return f"{format_amount(nanos)} {currency}"


def parsed_amount(name: str, text: str) -> int:
    """An amount that a person wrote, in nanos. Raises CommandFailed."""
    try:
        return parse_amount(text)
    except ValueError as error:
        raise CommandFailed(f"{name}: {text!r} is {error}") from error


def instant(instant_us: int | None) -> str:
    """An instant for people and programs; a dash for none."""
    return "-" if instant_us is None else rfc3339(instant_us)


def instant_json(instant_us: int | None) -> str | None:
    """An instant for programs; null for none."""
    return None if instant_us is None else rfc3339(instant_us)

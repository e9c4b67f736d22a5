"""Reads files of usage row by row, CSV with a heading or NDJSON; a row that cannot be read does not end the file."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from tollhoused.cli.program import CommandFailed

Row = Mapping[str, str]

PORTION_BYTES = 1 << 20
NDJSON_SUFFIXES = (".ndjson", ".jsonl", ".json")


class Unreadable(Exception):
    """One row cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the number of its last line in the file, its position among the rows from 0, its values by column."""

    number: int
    position: int
    row: Row | Unreadable


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file is known by, wherever it lies and whatever it is called (hexadecimal), and how many lines it has."""

    digest: str
    lines: int


@dataclass(frozen=True, slots=True)
class UsageFile:
    """A file and how it is written."""

    path: Path
    is_csv: bool
    delimiter: str = ","

    def survey(self) -> Survey:
        """Reads the file once, for what must be known before the first row is sent."""
        found = hashlib.sha256()
        lines = 0
        with self._opened() as file:
            while portion := bytes(file.buffer.read(PORTION_BYTES)):
                found.update(portion)
                lines += portion.count(b"\n")
        return Survey(found.hexdigest(), lines)

    def columns(self) -> list[str] | None:
        """The heading of a CSV file; None for NDJSON, where each row has its own names."""
        if not self.is_csv:
            return None
        with self._opened() as file:
            return self._heading(csv.reader(file, delimiter=self.delimiter))

    def lines(self) -> Iterator[Line]:
        """Every row, in order; empty lines are none."""
        rows = self._csv_rows() if self.is_csv else self._json_rows()
        for position, (number, row) in enumerate(rows):
            yield Line(number, position, row)

    def _csv_rows(self) -> Iterator[tuple[int, Row | Unreadable]]:
        with self._opened() as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            heading = self._heading(reader)
            while True:
                try:
                    values = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield reader.line_num, Unreadable(f"is no CSV: {error}")
                    continue
                if values:
                    yield reader.line_num, _csv_row(heading, values)

    def _heading(self, reader: Iterator[list[str]]) -> list[str]:
        try:
            heading = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            raise CommandFailed(f"{self.path}: its heading is no CSV: {error}") from error
        if len(set(heading)) != len(heading) or not all(heading):
            raise CommandFailed(f"{self.path}: its heading must name every column, each once: {', '.join(heading)}")
        return heading

    def _json_rows(self) -> Iterator[tuple[int, Row | Unreadable]]:
        with self._opened() as file:
            for number, text in enumerate(file, start=1):
                if text.strip():
                    yield number, _json_row(text)

    def _opened(self) -> TextIOWrapper:
        try:
            return self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
        except OSError as error:
            raise CommandFailed(f"{self.path}: {error.strerror}") from error


def usage_file(path: Path, form: str, delimiter: str) -> UsageFile:
    """The file as its format, or else its name, says. Raises CommandFailed for another format."""
    if form not in ("auto", "csv", "ndjson"):
        raise CommandFailed(f"--format: {form!r} is none of auto, csv, ndjson")
    if len(delimiter) != 1:
        raise CommandFailed("--delimiter: must be one character")
    is_csv = form == "csv" or (form == "auto" and path.suffix.lower() not in NDJSON_SUFFIXES)
    return UsageFile(path, is_csv, delimiter)


def _csv_row(heading: list[str], values: list[str]) -> Row | Unreadable:
    if len(values) != len(heading):
        return Unreadable(f"has {len(values)} fields, the heading has {len(heading)}")
    return _decoded(dict(zip(heading, values, strict=True)))


def _json_row(text: str) -> Row | Unreadable:
    """One JSON object whose values are text or numbers; null is as good as absent."""
    try:
        # Numbers keep their text: no float is made of a quantity, and no huge one is computed with.
        found = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return Unreadable("is no JSON")
    if not isinstance(found, dict):
        return Unreadable("is no JSON object")
    row = {name: value for name, value in found.items() if value is not None}
    for name, value in row.items():
        if not isinstance(value, str):
            return Unreadable(f"{name}: must be text or a number")
    return _decoded(row)


def _decoded(row: dict[str, str]) -> Row | Unreadable:
    try:
        "".join(row.values()).encode("utf-8")
    except UnicodeEncodeError:
        return Unreadable("is not UTF-8 text")
    return row

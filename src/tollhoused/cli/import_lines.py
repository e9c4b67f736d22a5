"""The lines of an import file: one JSON object each, of one of five kinds, with the fields that its kind has."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tollhoused.cli.program import CommandFailed
from tollhoused.cli.times import read_iso
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.json_text import compact_json
from tollhoused.domain.money import parse_amount

WHO = ("user_id", "email", "org_id")
KINDS: dict[str, tuple[str, ...]] = {
    "account": ("zone",),
    "membership": ("primary",),
    "subscription": ("plan", "start", "end", "anchor"),
    "balance": ("amount", "category", "priority", "expires", "meters", "reason"),
    "usage": ("meter", "quantity", "level"),
}
"""In the order in which they are imported, whatever their order in the file: each may need those before it."""

KEY_PREFIX = "import/"


class BadLine(Exception):
    """A line cannot be imported as it is written; the message names the field."""


@dataclass(frozen=True, slots=True)
class ImportLine:
    """One line: its number, its kind, the idempotency key that it has in every run, and what it says."""

    number: int
    kind: str
    key: str
    values: dict[str, Any]

    def text(self, field: str, default: str = "") -> str:
        """A text; a number does as well, as it is written."""
        value = self.values.get(field, default)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise BadLine(f"{field}: must be text")
        return str(value)

    def number_of(self, field: str) -> int | None:
        """A whole number."""
        value = self.values.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise BadLine(f"{field}: must be a whole number")
        return value

    def flag(self, field: str) -> bool:
        """True or false; false where it is absent."""
        value = self.values.get(field, False)
        if not isinstance(value, bool):
            raise BadLine(f"{field}: must be true or false")
        return value

    def instant_us(self, field: str) -> int | None:
        """A time; None where it is absent."""
        if field not in self.values:
            return None
        try:
            return read_iso(self.text(field))
        except ValueError as error:
            raise BadLine(f"{field}: {error}") from error

    def amount_nanos(self, field: str) -> int:
        """An amount of money, exactly as it is written; it may be negative."""
        text = self.text(field)
        try:
            nanos = parse_amount(text.removeprefix("-"))
        except ValueError as error:
            raise BadLine(f"{field}: {text!r} is {error}") from error
        return -nanos if text.startswith("-") else nanos

    def category(self, field: str) -> GrantCategory:
        """Where credits come from; paid unless the line says otherwise."""
        text = self.text(field, GrantCategory.PAID.value)
        try:
            return GrantCategory(text)
        except ValueError:
            raise BadLine(f"{field}: must be one of {', '.join(GrantCategory)}") from None

    def texts(self, field: str) -> list[str]:
        """A list of texts; empty where it is absent."""
        value = self.values.get(field, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadLine(f"{field}: must be a list of texts")
        return value


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file of lines."""

    path: Path

    def count(self) -> int:
        """How many lines there are, empty ones left out."""
        return sum(1 for _ in self._texts())

    def unreadable(self) -> Iterator[tuple[int, str]]:
        """Lines of no known kind, with what is wrong with them."""
        for number, text in self._texts():
            try:
                _values(text)
            except BadLine as error:
                yield number, str(error)

    def lines(self, kind: str) -> Iterator[ImportLine]:
        """The lines of one kind, in their order. Unreadable ones are not among them.

        A line's key is made of its `id`, or else of all that it says and of how many such lines stand before it: so a
        second run, or a run of a file that has grown, finds what it did.
        """
        seen: Counter[str] = Counter()
        for number, text in self._texts():
            try:
                values = _values(text)
            except BadLine:
                continue
            if values.pop("kind") != kind:
                continue
            name = values.pop("id", None)
            content = ["id", name] if name is not None else sorted(values.items())
            print_ = hashlib.sha256(compact_json([kind, content]).encode()).hexdigest()[:32]
            seen[print_] += name is None
            yield ImportLine(number, kind, f"{KEY_PREFIX}{print_}/{seen[print_]}", values)

    def _texts(self) -> Iterator[tuple[int, str]]:
        try:
            with self.path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
                for number, text in enumerate(file, start=1):
                    if text.strip():
                        yield number, text
        except OSError as error:
            raise CommandFailed(f"{self.path}: {error.strerror}") from error


def _values(text: str) -> dict[str, Any]:
    """What a line says; null is as good as absent. Raises BadLine for what is no line of a known kind."""
    try:
        text.encode()
        # Decimals keep their text: no float is made of an amount.
        found = json.loads(text, parse_float=str, parse_constant=str)
    except UnicodeEncodeError:
        raise BadLine("is not UTF-8 text") from None
    except (ValueError, RecursionError):
        raise BadLine("is no JSON") from None
    if not isinstance(found, dict):
        raise BadLine("is no JSON object")
    values = {name: value for name, value in found.items() if value is not None}
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadLine(f"kind: must be one of {', '.join(KINDS)}")
    unknown = values.keys() - {"kind", "id", *WHO, *KINDS[kind]}
    if unknown:
        known = ", ".join((*WHO, *KINDS[kind]))
        raise BadLine(f"{min(unknown)}: is no field of {kind}; they are {known}")
    if not isinstance(values.get("id", ""), str) or values.get("id") == "":
        raise BadLine("id: must be text")
    return values

"""Reads one TOML table with its key path: every getter checks the type and says where a mistake is."""

import json
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from tollhoused.domain.catalogue import CatalogueError
from tollhoused.domain.money import parse_amount

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_Choice = TypeVar("_Choice", bound=StrEnum)


class DecimalText(str):
    """The text of a TOML float. Keeping the text, no float ever exists; every getter refuses it."""

    __slots__ = ()


class TomlTable:
    """A table at `path` ("" at the top) that has no other keys than `keys`, None for any.

    Everything raises CatalogueError. A getter's `default` is what an absent key stands for; without one it is missing.
    """

    def __init__(self, value: object, path: str, keys: Sequence[str] | None = None) -> None:
        if not isinstance(value, dict):
            raise CatalogueError(path, f"must be a table, not {_kind(value)}")
        self.path = path
        self._values: dict[str, object] = value
        if keys is not None:
            self._refuse_unknown(keys)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def at(self, key: str) -> str:
        """The path of a key in this table."""
        shown = key if _BARE_KEY.fullmatch(key) else json.dumps(key)
        return f"{self.path}.{shown}" if self.path else shown

    def value(self, key: str) -> object:
        if key not in self._values:
            raise CatalogueError(self.at(key), "is missing")
        return self._values[key]

    def table(self, key: str, keys: Sequence[str] | None = None, optional: bool = False) -> "TomlTable":
        value = {} if optional and key not in self._values else self.value(key)
        return TomlTable(value, self.at(key), keys)

    def text(self, key: str) -> str:
        """A line of text for people, 1 to 100 characters."""
        value = _text(self.value(key), self.at(key))
        if not value.strip() or len(value) > 100 or not value.isprintable():
            raise CatalogueError(self.at(key), "must be one line of 1 to 100 characters")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], description: str) -> str:
        value = _text(self.value(key), self.at(key))
        if not pattern.fullmatch(value):
            raise CatalogueError(self.at(key), f"must be {description}")
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        if default is not None and key not in self._values:
            return default
        return _integer(self.value(key), self.at(key), low, high)

    def amount_nanos(self, key: str) -> int:
        """An amount of money, 0 or more, written as text so that it is exact."""
        value, path = self.value(key), self.at(key)
        if not isinstance(value, str) or isinstance(value, DecimalText):
            raise CatalogueError(path, f'must be an amount in quotes, such as "0.002", not {_kind(value)}')
        try:
            amount_nanos = parse_amount(value)
        except ValueError as error:
            raise CatalogueError(path, str(error)) from None
        if amount_nanos < 0:
            raise CatalogueError(path, "must not be negative")
        return amount_nanos

    def choice(self, key: str, choices: type[_Choice], default: _Choice | None = None) -> _Choice:
        if default is not None and key not in self._values:
            return default
        value = _text(self.value(key), self.at(key))
        if value not in {choice.value for choice in choices}:
            names = ", ".join(f'"{choice.value}"' for choice in choices)
            raise CatalogueError(self.at(key), f"must be one of {names}")
        return choices(value)

    def texts(self, key: str, optional: bool = False) -> tuple[str, ...]:
        """A list of texts, each given once."""
        values = [] if optional and key not in self._values else self._list(key)
        texts: list[str] = []
        for index, value in enumerate(values):
            text = _text(value, f"{self.at(key)}[{index}]")
            if text in texts:
                raise CatalogueError(f"{self.at(key)}[{index}]", f'"{text}" is listed twice')
            texts.append(text)
        return tuple(texts)

    def integers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        path = self.at(key)
        return tuple(_integer(value, f"{path}[{index}]", low, high) for index, value in enumerate(self._list(key)))

    def tables(self, key: str, keys: Sequence[str]) -> tuple["TomlTable", ...]:
        """A list of tables that all have the same keys."""
        path = self.at(key)
        return tuple(TomlTable(value, f"{path}[{index}]", keys) for index, value in enumerate(self._list(key)))

    def _list(self, key: str) -> list[object]:
        value = self.value(key)
        if not isinstance(value, list):
            raise CatalogueError(self.at(key), f"must be a list, not {_kind(value)}")
        return value

    def _refuse_unknown(self, keys: Sequence[str]) -> None:
        for key in self._values:
            if key not in keys:
                close = get_close_matches(key, keys, n=1)
                hint = f'did you mean "{close[0]}"?' if close else f"the keys here are {', '.join(keys)}"
                raise CatalogueError(self.at(key), f"unknown key; {hint}")


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or isinstance(value, DecimalText):
        raise CatalogueError(path, f"must be text in quotes, not {_kind(value)}")
    return value


def _integer(value: object, path: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise CatalogueError(path, f"must be a whole number without quotes, not {_kind(value)}")
    if not low <= value <= high:
        raise CatalogueError(path, f"must be between {low} and {high}")
    return value


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case DecimalText():
            return "a number with a decimal point"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or a time"

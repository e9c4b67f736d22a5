"""What the store asks of an engine: sessions that read and write whole sets inside one transaction."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tollhoused.store.dialect import Dialect, Query, Rows, Write


@dataclass(frozen=True, slots=True)
class Ask:
    """One query with its sets and scalar values."""

    query: Query
    sets: Mapping[str, Rows] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class Session(Protocol):
    """One transaction. Leaving its context without `commit` rolls back."""

    def read(self, asks: Sequence[Ask]) -> list[list[tuple[Any, ...]]]:
        """Answers all asks in order, in one round trip where the engine can."""

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        """Writes all sets in order and commits, in one round trip where the engine can."""


class Engine(Protocol):
    """One database. Errors of the driver come out of every method as StoreFault."""

    @property
    def dialect(self) -> Dialect:
        """How statements are written for it."""

    def writing(self) -> AbstractContextManager[Session]:
        """A transaction on the one connection that writes; for one thread at a time."""

    def reading(self) -> AbstractContextManager[Session]:
        """A snapshot on a pooled connection; `commit` is not for these."""

    def stream(self, sql: str, parameters: Any = ()) -> AbstractContextManager[Any]:
        """Rows of one large query, fetched in portions, on a connection of its own."""

    def close(self) -> None:
        """Closes every connection."""

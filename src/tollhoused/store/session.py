"""What the store asks of an engine: sessions that read and write whole sets inside one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tollhoused.store.dialect import Dialect, Query, Rows, Write
from tollhoused.store.pool import PoolUse


@dataclass(frozen=True, slots=True)
class Ask:
    """One query with its sets and scalar values."""

    query: Query
    sets: Mapping[str, Rows] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class Session(Protocol):
    """One transaction. Leaving its context without `commit` rolls back."""

    def read(self, asks: Sequence[Ask], *, last: bool = False) -> list[list[tuple[Any, ...]]]:
        """Answers all asks in order, in one round trip where the engine can.

        `last` says that nothing follows, so that the end of the transaction need not be a round trip of its own.
        """

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        """Writes all sets in order, if any, and commits, in one round trip where the engine can."""


class Streams(Protocol):
    """One snapshot from which large queries are read row by row; several may be read in turns."""

    def rows(self, query: Query) -> Iterator[tuple[Any, ...]]:
        """Answers a query without parameters, fetched in portions."""


class Engine(Protocol):
    """One database. Errors of the driver come out of every method as StoreFault."""

    @property
    def dialect(self) -> Dialect:
        """How statements are written for it."""

    def writing(self, *, patient: bool = True) -> AbstractContextManager[Session]:
        """A transaction on the one connection that writes; for one thread at a time.

        `patient` is whether it waits for rows that others have locked as long as is usual, or hardly at all.
        """

    def reading(self) -> AbstractContextManager[Session]:
        """A snapshot on a pooled connection; `commit` is not for these."""

    def streaming(self) -> AbstractContextManager[Streams]:
        """A snapshot for as long as it takes, on a connection of its own."""

    @property
    def pool_use(self) -> PoolUse:
        """How busy the connections are that readers share."""

    def check_writable(self) -> None:
        """Raises StoreFault AWAY where the database itself says that it takes no writes. Writes nothing."""

    def durability_problems(self) -> list[str]:
        """What could lose committed rows, asked on the connection that writes."""

    def close(self) -> None:
        """Closes every connection."""

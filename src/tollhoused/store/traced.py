"""An engine whose statements stand in traces: wrapped around the real one where tracing is on, and absent elsewhere.

A span has how many statements went together, never their text's values.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tollhoused.observing import Tracing
from tollhoused.store.dialect import Dialect, Rows, Write
from tollhoused.store.pool import PoolUse
from tollhoused.store.session import Ask, Engine, Session, Streams


class TracedSession:
    """A transaction, each round of statements a span."""

    def __init__(self, session: Session, tracing: Tracing) -> None:
        self._session = session
        self._tracing = tracing

    def read(self, asks: Sequence[Ask], *, last: bool = False) -> list[list[tuple[Any, ...]]]:
        with self._tracing.statements("store read", len(asks)):
            return self._session.read(asks, last=last)

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        with self._tracing.statements("store commit", len(writes)):
            self._session.commit(writes)


class TracedEngine:
    """Passes everything on."""

    def __init__(self, engine: Engine, tracing: Tracing) -> None:
        self._engine = engine
        self._tracing = tracing

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    @contextmanager
    def writing(self, *, patient: bool = True) -> Iterator[TracedSession]:
        with self._engine.writing(patient=patient) as session:
            yield TracedSession(session, self._tracing)

    @contextmanager
    def reading(self) -> Iterator[TracedSession]:
        with self._engine.reading() as session:
            yield TracedSession(session, self._tracing)

    def streaming(self) -> AbstractContextManager[Streams]:
        return self._engine.streaming()

    @property
    def pool_use(self) -> PoolUse:
        return self._engine.pool_use

    def check_writable(self) -> None:
        self._engine.check_writable()

    def durability_problems(self) -> list[str]:
        return self._engine.durability_problems()

    def close(self) -> None:
        self._engine.close()

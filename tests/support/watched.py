"""An engine that keeps a record of its writing transactions, and fails where a test wants it to."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tollhoused.store.dialect import Dialect, Rows, Write
from tollhoused.store.faults import DRIVER_ERRORS, translated
from tollhoused.store.pool import PoolUse
from tollhoused.store.session import Ask, Engine, Session, Streams

BEGIN = "before BEGIN"
LOADED = "after the set was loaded"
COMMIT = "before COMMIT"
COMMITTED = "after COMMIT"

Hook = Callable[[], object]


class Gate:
    """A hook at which a transaction waits until the test lets it go on; `reached` is set when it has come there."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self._open.wait(30), "nobody opened the gate"

    def open(self) -> None:
        """Lets the transaction go on."""
        self._open.set()


class WatchedSession:
    """A writing transaction under watch."""

    def __init__(self, session: Session, engine: "WatchedEngine") -> None:
        self._session = session
        self._engine = engine

    def read(self, asks: Sequence[Ask], *, last: bool = False) -> list[list[tuple[Any, ...]]]:
        answers = self._session.read(asks, last=last)
        self._engine.pass_point(LOADED)
        return answers

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        self._engine.pass_point(COMMIT)
        self._session.commit(writes)
        sizes = [len(rows) for write, rows in writes if "INSERT INTO operations" in write.sql]
        self._engine.batches.append(sum(sizes))
        self._engine.pass_point(COMMITTED)


class WatchedEngine:
    """Passes everything on. `batches` are the numbers of operations that each committed transaction stored."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hooks: dict[str, list[Hook]] = {}
        self.batches: list[int] = []

    def once(self, point: str, hook: Hook) -> None:
        """Calls the hook when the next transaction passes the point, and not again; several wait their turn."""
        self._hooks.setdefault(point, []).append(hook)

    def fail_once(self, point: str, error: Exception) -> None:
        """Raises an error of the driver when the next transaction passes the point."""

        def fail() -> None:
            raise error

        self.once(point, fail)

    def pass_point(self, point: str) -> None:
        """A transaction passes a point."""
        waiting = self._hooks.get(point)
        if waiting:
            waiting.pop(0)()

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    @contextmanager
    def writing(self, *, patient: bool = True) -> Iterator[WatchedSession]:
        try:
            self.pass_point(BEGIN)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        with self._engine.writing(patient=patient) as session:
            yield WatchedSession(session, self)

    def reading(self) -> AbstractContextManager[Session]:
        return self._engine.reading()

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

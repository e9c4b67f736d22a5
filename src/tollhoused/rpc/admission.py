"""Who gets in while the server is busy: calls under way are counted where they are dispatched (design: admission).

That place must neither block nor read, so a call too many gets another handler there, whose only act is to refuse it,
on threads that nothing else uses.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

import grpc

from tollhoused.rpc.guard import Handler

P = ParamSpec("P")
T = TypeVar("T")

THREADS_MAX = 128
"""Calls that are worked on at once. Most of them only wait for the journal, and waiting is cheap.

Those that have their answer are not: they all want the interpreter, and the one thread that looks at new calls stands
in line with them. Twice as many threads answered no more calls, and under overload fewer."""


class CallPool(ThreadPoolExecutor):
    """The threads of calls, and how many calls have them or wait for one."""

    def __init__(self, calls_max: int, name: str = "call") -> None:
        super().__init__(min(THREADS_MAX, calls_max), thread_name_prefix=name)
        self._calls_max = calls_max
        self._under_way = 0
        self._lock = threading.Lock()

    @property
    def under_way(self) -> int:
        """Calls that were taken on and have not ended."""
        return self._under_way

    @property
    def has_room(self) -> bool:
        """Whether one more call may be taken on."""
        return self._under_way < self._calls_max

    def submit(self, act: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Takes on a call. It counts until its thread is done with it, also when its caller has left before."""
        with self._lock:
            self._under_way += 1
        try:
            return super().submit(self._counted, partial(act, *args, **kwargs))
        except RuntimeError:  # the pool is being shut down
            self._leave()
            raise

    def _counted(self, act: Callable[[], T]) -> T:
        try:
            return act()
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1


class Room(Protocol):
    """What takes calls on, up to a limit."""

    @property
    def has_room(self) -> bool:
        """Whether one more call may be taken on."""


class Dispatch(grpc.GenericRpcHandler):
    """Finds the method of a call, or the refusal when there is no room for it."""

    def __init__(
        self,
        methods: Mapping[str, Handler],
        refusing: Mapping[str, Handler],
        calls: Room,
        own: Mapping[str, Room] | None = None,
    ) -> None:
        """`methods`, and what refuses each of them, by path, such as "/tollhouse.v1.UsageService/RecordUsage".

        `own` has the methods whose calls are counted apart from the others.
        """
        self._methods = methods
        self._refusing = refusing
        self._calls = calls
        self._own = own or {}

    def service(self, handler_call_details: Any) -> "Handler | None":
        """Called for each call on gRPC's own thread, which then submits the call to the pool."""
        path = handler_call_details.method
        room = self._own.get(path, self._calls)
        return (self._methods if room.has_room else self._refusing).get(path)

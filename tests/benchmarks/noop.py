"""Servers that do nothing, as references: `python -m tests.benchmarks.noop --listen ADDRESS [--guarded DATABASE_URL]`.

Bare is Python's gRPC with a small message of the contract. Guarded is the same behind what surrounds every method of
the real server: its guard with metrics and the call log, its options, its threads.
"""

import argparse
import math
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from tollhouse.v1.common_pb2 import Subject

from tests.benchmarks.books import ITEMS_PER_MINUTE
from tests.benchmarks.templates import NOOP_SERVICE
from tollhoused.cli.call_log import CallLog
from tollhoused.domain.keys import Environment
from tollhoused.errors import SubjectNotFound
from tollhoused.http.metrics import Metrics
from tollhoused.observing import all_of
from tollhoused.rpc.access import READ
from tollhoused.rpc.admission import CallPool, Dispatch
from tollhoused.rpc.doorkeeper import Doorkeeper
from tollhoused.rpc.guard import Deadlines, Guard
from tollhoused.rpc.reading import Reader
from tollhoused.rpc.server import CALLS_MAX, OPTIONS
from tollhoused.rpc.status import Faults
from tollhoused.store.store import open_store
from tollhoused.usecases.core import Call
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.throttle import Throttle

BARE_THREADS = 32

Methods = dict[str, "grpc.RpcMethodHandler[bytes, bytes]"]


def guarded_methods(url: str) -> Methods:
    """A method that does nothing and one that refuses, so that a generator can be seen to count it.

    The database at `url` has the keys of who may call.
    """

    def echo(request: Subject, call: Call) -> Subject:
        return request

    def refuse(request: Subject, call: Call) -> Subject:
        raise SubjectNotFound("there is nothing here")

    keyring = Keyring(open_store(url), Environment.TEST, lambda: time.time_ns() // 1_000, stale_seconds=math.inf)
    keyring.refresh()
    guard = Guard(
        Faults(lambda prefix: f"{prefix}_0"),
        Deadlines(),
        Doorkeeper(keyring, lambda: None),
        Reader(),
        Throttle(ITEMS_PER_MINUTE),
        all_of([CallLog(every_call=False), Metrics("", "test", "none")]),
    )
    return {
        "Echo": guard.call(f"{NOOP_SERVICE}/Echo", Subject, READ, echo),
        "Refuse": guard.call(f"{NOOP_SERVICE}/Refuse", Subject, READ, refuse),
    }


def bare_methods() -> Methods:
    """The same as gRPC's own generated code would register them."""

    def echo(request: Subject, context: grpc.ServicerContext) -> Subject:
        return request

    def refuse(request: Subject, context: grpc.ServicerContext) -> Subject:
        context.abort(grpc.StatusCode.NOT_FOUND, "there is nothing here")

    def handler(behaviour: Callable[[Subject, grpc.ServicerContext], Subject]) -> "grpc.RpcMethodHandler[bytes, bytes]":
        return grpc.unary_unary_rpc_method_handler(behaviour, Subject.FromString, Subject.SerializeToString)  # type: ignore[arg-type]

    return {"Echo": handler(echo), "Refuse": handler(refuse)}


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--guarded", metavar="DATABASE_URL")
    flags = parser.parse_args()
    if flags.guarded:
        methods, calls = guarded_methods(flags.guarded), CallPool(CALLS_MAX)
        server = grpc.server(calls, options=OPTIONS)
        paths = {f"/{NOOP_SERVICE}/{name}": method for name, method in methods.items()}
        server.add_generic_rpc_handlers([Dispatch(paths, paths, calls)])
    else:
        server = grpc.server(ThreadPoolExecutor(BARE_THREADS))
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(NOOP_SERVICE, bare_methods())])
    server.add_insecure_port(flags.listen)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    stopped.wait()
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()

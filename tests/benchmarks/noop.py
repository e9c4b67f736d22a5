"""Servers that do nothing, as references: `python -m tests.benchmarks.noop --listen 127.0.0.1:0 [--guarded]`.

Bare is Python's gRPC with a small message of the contract. Guarded is the same behind what surrounds every method of
the real server: its guard, its options, its threads.
"""

import argparse
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from tollhouse.v1.common_pb2 import Subject

from tests.benchmarks.templates import NOOP_SERVICE
from tollhoused.errors import SubjectNotFound
from tollhoused.rpc.access import READ
from tollhoused.rpc.doorkeeper import Doorkeeper
from tollhoused.rpc.guard import Deadlines, Guard
from tollhoused.rpc.server import CALL_THREADS_MAX, OPTIONS
from tollhoused.rpc.status import Faults
from tollhoused.usecases.core import Call

BARE_THREADS = 32

Methods = dict[str, "grpc.RpcMethodHandler[bytes, bytes]"]


def guarded_methods() -> Methods:
    """A method that does nothing and one that refuses, so that a generator can be seen to count it."""

    def echo(request: Subject, call: Call) -> Subject:
        return request

    def refuse(request: Subject, call: Call) -> Subject:
        raise SubjectNotFound("there is nothing here")

    guard = Guard(Faults(lambda prefix: f"{prefix}_0"), Deadlines(), Doorkeeper(None, lambda: None))
    return {
        "Echo": guard.call(Subject, READ, echo),
        "Refuse": guard.call(Subject, READ, refuse),
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
    parser.add_argument("--guarded", action="store_true")
    flags = parser.parse_args()
    if flags.guarded:
        server, methods = grpc.server(ThreadPoolExecutor(CALL_THREADS_MAX), options=OPTIONS), guarded_methods()
    else:
        server, methods = grpc.server(ThreadPoolExecutor(BARE_THREADS)), bare_methods()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(NOOP_SERVICE, methods)])
    server.add_insecure_port(flags.listen)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    stopped.wait()
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()

"""Calls that nobody has looked at yet: as many wait as are taken on, and the library ends those beyond at once."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from tests.support.door import ServerMaker, usage
from tests.support.house import CoreMaker
from tollhoused.rpc.server import CALLS_MAX, options

BEYOND = 100
SECONDS_MAX = 60.0


class _Closed(grpc.GenericRpcHandler):
    """Looks at the first call, and at no other until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def service(self, handler_call_details: Any) -> Any:
        self.opened.wait(SECONDS_MAX)
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")


def test_calls_beyond_those_that_may_wait_unseen_are_ended_at_once_and_the_others_are_served() -> None:
    closed = _Closed()
    server = grpc.server(ThreadPoolExecutor(4), [closed], options=options(CALLS_MAX))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ended = threading.Semaphore(0)

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary("/any/Method")
        calls = [call.future(b"", timeout=SECONDS_MAX) for _ in range(1 + CALLS_MAX + 1 + BEYOND)]
        for each in calls:
            each.add_done_callback(lambda _: ended.release())
        for _ in range(BEYOND):
            assert ended.acquire(timeout=SECONDS_MAX)
        closed.opened.set()
        codes = Counter(each.code() for each in calls)
    server.stop(None).wait()

    assert codes == {grpc.StatusCode.CANCELLED: BEYOND, grpc.StatusCode.OK: 1 + CALLS_MAX + 1}


def test_as_many_callers_at_once_as_are_taken_on_are_all_served(
    database_url: str, make_core: CoreMaker, serve: ServerMaker
) -> None:
    _, door = serve(make_core(database_url))
    door.make_user("anna")
    record: Any = door.usage.RecordUsage  # whose `future` its type does not tell

    calls = [
        record.future(usage("anna", f"call-{number}", meter="api_calls"), timeout=SECONDS_MAX)
        for number in range(CALLS_MAX)
    ]

    assert Counter(call.code() for call in calls) == {grpc.StatusCode.OK: CALLS_MAX}

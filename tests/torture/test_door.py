"""Clients find back to a server that is slow to answer a new connection, as everything is on a busy machine.

Otherwise a run there tells of calls that fail long after the last fault, and it is the harness that has failed.
"""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.torture.door import CHANNEL_OPTIONS

HESITATES_SECONDS = 0.5
READY_SECONDS = 30.0


@pytest.fixture
def slow_address() -> Iterator[str]:
    """A server behind a relay that keeps the first bytes of every answer back for a while."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_relay, args=(listener, port), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    server.stop(0).wait()


def _relay(listener: socket.socket, port: int) -> None:
    while True:
        try:
            near = listener.accept()[0]
        except OSError:
            return
        far = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=_pass_on, args=(near, far, 0.0), daemon=True).start()
        threading.Thread(target=_pass_on, args=(far, near, HESITATES_SECONDS), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, hesitates_seconds: float) -> None:
    time.sleep(hesitates_seconds)  # the slowness itself
    with source, target:
        try:
            while data := source.recv(65_536):
                target.sendall(data)
        except OSError:
            return


def test_a_server_that_is_slow_to_greet_is_reached(slow_address: str) -> None:
    with grpc.insecure_channel(slow_address, options=CHANNEL_OPTIONS) as channel:
        grpc.channel_ready_future(channel).result(READY_SECONDS)

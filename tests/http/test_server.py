"""The HTTP door answers probes and scrapes, refuses everything else, and outlives clients with garbage or nothing."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.http.scrape import ask
from tests.support.door import until
from tollhoused.http.app import make_app
from tollhoused.http.protocol import BoundedProtocol
from tollhoused.http.server import HttpAddressError, HttpServer

GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    bytes(range(256)) * 200,
]


class HurriedProtocol(BoundedProtocol):
    """The same with little patience."""

    head_seconds = 0.2
    request_seconds = 0.2


class CrowdedProtocol(BoundedProtocol):
    """The same with little room."""

    connections_max = 5


class Door:
    """A server whose readiness and metrics the test sets."""

    def __init__(self, protocol: type[BoundedProtocol] = BoundedProtocol) -> None:
        self.ready = True
        self.metrics = b"a_metric 1.0\n"
        self.scraping = 0
        self.counted = threading.Event()
        self.counted.set()
        self.server = HttpServer(make_app(lambda: self.ready, self._scrape, "text/plain"), protocol)
        self.address = f"127.0.0.1:{self.server.start('127.0.0.1:0')}"

    def _scrape(self) -> bytes:
        self.scraping += 1
        self.counted.wait(10)
        return self.metrics

    def connect(self) -> socket.socket:
        """A connection that says nothing yet."""
        return socket.create_connection(("127.0.0.1", int(self.address.rpartition(":")[2])), timeout=10)


@pytest.fixture
def open_door() -> Iterator[Callable[..., Door]]:
    opened: list[Door] = []

    def make(protocol: type[BoundedProtocol] = BoundedProtocol) -> Door:
        opened.append(Door(protocol))
        return opened[-1]

    yield make
    for door in opened:
        door.server.stop()


@pytest.fixture
def door(open_door: Callable[..., Door]) -> Door:
    return open_door()


def test_probes_and_scrapes_are_answered(door: Door) -> None:
    assert ask(door.address, "/livez") == (200, "alive\n")
    assert ask(door.address, "/readyz") == (200, "ready\n")
    assert ask(door.address, "/metrics") == (200, "a_metric 1.0\n")
    assert ask(door.address, "/livez", "HEAD") == (200, "")


def test_a_server_that_is_not_ready_is_alive(door: Door) -> None:
    door.ready = False

    assert ask(door.address, "/readyz") == (503, "not ready\n")
    assert ask(door.address, "/livez").status == 200


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/metrics/../secret", "GET", 404), ("/metrics", "POST", 405)]
)
def test_nothing_else_is(door: Door, path: str, method: str, status: int) -> None:
    assert ask(door.address, path, method).status == status


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused_and_the_next_request_served(
    door: Door, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with door.connect() as client:
        client.sendall(garbage)
        assert _everything(client)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 404", b"")

    assert ask(door.address, "/livez").status == 200
    assert caplog.records == []


def test_who_is_slow_is_cut_off_and_keeps_nobody_out(open_door: Callable[..., Door]) -> None:
    door = open_door(HurriedProtocol)
    silent, slow, body, idle = (door.connect() for _ in range(4))
    slow.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n")
    body.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n")
    idle.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")

    assert ask(door.address, "/readyz").status == 200
    assert [_everything(client) for client in (silent, slow)] == [b"", b""]
    assert [_everything(client)[:12] for client in (body, idle)] == [b"HTTP/1.1 200"] * 2
    for client in (silent, slow, body, idle):
        client.close()


def test_who_does_not_read_the_answer_is_cut_off(open_door: Callable[..., Door]) -> None:
    door = open_door(HurriedProtocol)
    door.metrics = b"x" * 50_000_000
    connections = door.server.connections
    client = door.connect()
    client.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")

    until(lambda: connections() == 1, "the connection is known")
    until(lambda: connections() == 0, "it is closed")
    client.close()


def test_strangers_who_hold_all_connections_shut_nobody_out(open_door: Callable[..., Door]) -> None:
    door = open_door(CrowdedProtocol)
    strangers = [door.connect() for _ in range(CrowdedProtocol.connections_max)]
    until(lambda: door.server.connections() == len(strangers), "all are known")

    for _ in range(3):
        assert ask(door.address, "/readyz") == (200, "ready\n")

    assert _everything(strangers[0]) == b"", "the longest quiet made room"
    for stranger in strangers:
        stranger.close()


def test_who_comes_while_each_connection_has_a_request_under_way_is_turned_away(
    open_door: Callable[..., Door],
) -> None:
    door = open_door(CrowdedProtocol)
    door.counted.clear()
    readers = [door.connect() for _ in range(CrowdedProtocol.connections_max)]
    for reader in readers:
        reader.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    until(lambda: door.scraping == len(readers), "all are under way")

    with door.connect() as beyond:
        assert _everything(beyond) == b""

    door.counted.set()
    for reader in readers:
        assert _everything(reader)[:12] == b"HTTP/1.1 200"
        reader.close()


def test_a_port_that_is_taken_is_refused_by_name(door: Door) -> None:
    with pytest.raises(HttpAddressError, match=f"^http_listen: cannot listen on {door.address}"):
        HttpServer(make_app(lambda: True, lambda: b"", "text/plain")).start(door.address)


def test_a_server_that_is_stopped_lets_go_of_its_port(door: Door) -> None:
    door.server.stop()

    with pytest.raises(ConnectionError):
        door.connect()


def _everything(client: socket.socket) -> bytes:
    """What the server sends until it closes."""
    received = b""
    try:
        while chunk := client.recv(65_536):
            received += chunk
    except ConnectionError:
        pass
    return received

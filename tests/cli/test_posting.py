"""A POST never reaches what is not public, never waits longer than it may, and believes nothing but a success."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import trustme

from tests.support.receiver import receiving
from tollhoused.cli.posting import PostFailed, TooSlow, is_public, post

CONTEXT = ssl.create_default_context()


def send(url: str, seconds: float = 5.0, *, allow_private: bool = True, context: ssl.SSLContext = CONTEXT) -> None:
    """A small POST."""
    post(url, {"webhook-id": "evt_1"}, b"{}", seconds, allow_private=allow_private, context=context)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:7f00:1::1",
    ],
)  # fmt: skip
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_what_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1"])
def test_no_spelling_of_this_machine_is_reached(host: str) -> None:
    with receiving() as receiver, pytest.raises(PostFailed, match=r"not a public one|cannot be resolved"):
        send(receiver.url.replace("127.0.0.1", host), allow_private=False)
    assert receiver.requests == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: _found("8.8.8.8", "10.0.0.1"))

    with pytest.raises(PostFailed, match="not a public one"):
        send("https://hooks.example.test/", allow_private=False)


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([_found("8.8.8.8"), _found("127.0.0.1")])  # a name that changes its mind
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: next(answers))
    connected = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(PostFailed):
        send("https://hooks.example.test/", allow_private=False)

    assert connected == [("8.8.8.8", 443)]


def _found(*addresses: str) -> list[tuple[object, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_success_is_enough(status: int) -> None:
    with receiving(answer=lambda _: status) as receiver:
        send(receiver.url)
    assert receiver.bodies == [b"{}"]


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410, 429, 500, 503])
def test_anything_else_is_a_failure_and_is_not_followed(status: int) -> None:
    with receiving(answer=lambda _: status) as receiver, pytest.raises(PostFailed, match=f"answered {status}"):
        send(receiver.url)
    assert len(receiver.requests) == 1


@contextmanager
def _speaking(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says whatever it likes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.recv(65_536)
                    speak(connection)
                except OSError:
                    return  # whoever posts has hung up

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join(10)


def _drip(connection: socket.socket) -> None:
    for _ in range(100):
        connection.sendall(b"H")
        time.sleep(0.05)  # slower than anybody waits


def test_who_answers_drop_by_drop_is_not_waited_for() -> None:
    began = time.monotonic()
    with _speaking(_drip) as url, pytest.raises(TooSlow):
        send(url, 0.3)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n", b"x" * 100_000, b"HTTP/1.1 2000 OK\r\n", b"HTTP/2 200\r\n"])
def test_what_is_no_http_is_a_failure(said: bytes) -> None:
    with _speaking(lambda connection: connection.sendall(said)) as url, pytest.raises(PostFailed):
        send(url)


def test_nobody_there_is_a_failure() -> None:
    with pytest.raises(PostFailed, match="ConnectionRefusedError"):
        send("http://127.0.0.1:1/")


def test_certificates_are_checked_against_the_name() -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    for name, context, works in (
        ("localhost", trusting, True),
        ("127.0.0.1", trusting, False),
        ("localhost", CONTEXT, False),
    ):
        with _tls(server_context, answer) as port:
            if works:
                send(f"https://{name}:{port}/", context=context)
            else:
                with pytest.raises(PostFailed, match="SSL"):
                    send(f"https://{name}:{port}/", context=context)


@contextmanager
def _tls(context: ssl.SSLContext, speak: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            raw, _ = listener.accept()
            try:
                with context.wrap_socket(raw, server_side=True) as connection:
                    connection.recv(65_536)
                    speak(connection)
            except OSError:
                raw.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)

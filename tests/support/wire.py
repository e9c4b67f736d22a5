"""Calls on the bare wire: headers that no client library lets pass, in HTTP/2 frames written by hand."""

import socket
from collections.abc import Sequence

SECONDS_MAX = 10.0
DATA, HEADERS, RESET, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_MESSAGE = bytes(5)
FRAME_HEAD = 9


def call_with_headers(address: str, method: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Calls a method such as "/tollhouse.v1.UsageService/GetOperation" with an empty request and headers of any bytes.

    Gives everything that the server sent until it had ended the call. Names and values have at most 126 bytes.
    """
    usual = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "wire"), ("te", "trailers")]
    usual += [("content-type", "application/grpc")]
    block = b"".join(_literal(name.encode(), value.encode()) for name, value in usual)
    block += b"".join(_literal(name, value) for name, value in headers)
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS_MAX) as connection:
        connection.sendall(
            PREFACE
            + _frame(SETTINGS, 0, 0, b"")
            + _frame(HEADERS, END_HEADERS, 1, block)
            + _frame(DATA, END_STREAM, 1, EMPTY_MESSAGE)
        )
        heard = b""
        while not _ended(heard):
            more = connection.recv(65_536)
            if not more:
                break
            heard += more
    return heard


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """A header as HPACK has it where it is neither indexed nor compressed (RFC 7541, 6.2.2)."""
    assert max(len(name), len(value)) < 127
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _ended(heard: bytes) -> bool:
    """Whether the server has ended stream 1, or the connection."""
    while len(heard) >= FRAME_HEAD:
        length, kind, flags = int.from_bytes(heard[:3], "big"), heard[3], heard[4]
        if len(heard) < FRAME_HEAD + length:
            return False
        if kind in (RESET, GOAWAY) or (kind in (DATA, HEADERS) and flags & END_STREAM):
            return True
        heard = heard[FRAME_HEAD + length :]
    return False

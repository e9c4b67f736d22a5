"""One HTTP POST to somebody else's address: resolved once, never private, within one deadline, read no further than its
status.

The address that was checked is the one that is connected to, so a name that resolves to something else a moment later
(DNS rebinding) reaches nothing. Redirects are not followed: they are answers like any other that is no success.
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

ANSWER_BYTES_MAX = 4_096
NAT64 = ipaddress.ip_network("64:ff9b::/96")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")


class PostFailed(Exception):
    """The receiver did not take it; the message says why, for people, and nothing of what the receiver said."""


class TooSlow(PostFailed):
    """The deadline passed."""


def post(
    url: str, headers: Mapping[str, str], body: bytes, seconds: float, *, allow_private: bool, context: ssl.SSLContext
) -> None:
    """Posts and returns when the answer is a success. Raises PostFailed."""
    give_up_at = time.monotonic() + seconds
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    address = resolved(host, port, allow_private=allow_private)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"host: {parts.netloc}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "user-agent: tollhouse",
        "connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    request = "\r\n".join([*lines, "", ""]).encode("ascii") + body
    try:
        status = _exchange(address, host if secure else "", request, give_up_at, context)
    except TimeoutError as error:
        raise TooSlow(f"no answer within {seconds:g} seconds") from error
    except OSError as error:
        raise PostFailed(f"{type(error).__name__}: {error.strerror or 'the connection failed'}") from error
    if not 200 <= status < 300:
        raise PostFailed(f"answered {status}")


def resolved(host: str, port: int, *, allow_private: bool) -> tuple[str, int]:
    """The one address to connect to. Raises PostFailed where there is none, or any of them is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PostFailed("the host's name cannot be resolved") from error
    addresses = [str(item[4][0]) for item in found]
    if not allow_private and not all(map(is_public, addresses)):
        raise PostFailed("the host's address is not a public one")
    return addresses[0], port


def is_public(text: str) -> bool:
    """Whether an address is anywhere in the public internet, also where it only wraps another one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            address = address.ipv4_mapped
        elif address.sixtofour or address.teredo or address in NAT64:
            return False
    return address.is_global and not address.is_multicast


def _exchange(
    address: tuple[str, int], server_name: str, request: bytes, give_up_at: float, context: ssl.SSLContext
) -> int:
    """Sends a request and gives the answer's status. Raises OSError, TimeoutError among them."""
    connection = socket.create_connection(address, timeout=_left(give_up_at))
    try:
        if server_name:
            connection = context.wrap_socket(connection, server_hostname=server_name)
        connection.settimeout(_left(give_up_at))
        connection.sendall(request)
        answer = b""
        while b"\n" not in answer and len(answer) < ANSWER_BYTES_MAX:
            connection.settimeout(_left(give_up_at))
            received = connection.recv(ANSWER_BYTES_MAX - len(answer))
            if not received:
                break
            answer += received
    finally:
        connection.close()
    status = STATUS_LINE.match(answer)
    if status is None:
        raise PostFailed("the answer is no HTTP")
    return int(status[1])


def _left(give_up_at: float) -> float:
    left = give_up_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left

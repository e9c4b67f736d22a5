"""The HTTP server: an event loop in a thread of its own, beside the gRPC server, bounded in everything."""

import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from tollhoused.addresses import parse_address
from tollhoused.http.protocol import BoundedProtocol

HEAD_BYTES_MAX = 16 * 1024
KEEP_ALIVE_SECONDS = 5
START_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 3


class HttpAddressError(Exception):
    """The server cannot listen there; the message says where."""


class HttpServer:
    """Serves an application until it is stopped."""

    def __init__(self, app: ASGIApp, protocol: type[BoundedProtocol] = BoundedProtocol) -> None:
        config = uvicorn.Config(
            app,
            http=protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS_MAX,
        )
        self._server = _Server(config)
        self._thread: threading.Thread | None = None

    def start(self, address: str) -> int:
        """Listens on `address` and serves; returns the port, which 0 leaves to us.

        Raises HttpAddressError, and SettingsError for text that is no address.
        """
        listener = _listener(address)
        port: int = listener.getsockname()[1]
        # Signals belong to the main thread: one path ends the process.
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="http", daemon=True)
        self._thread.start()
        if not self._server.serving.wait(START_SECONDS_MAX):
            raise HttpAddressError(f"http_listen: nothing serves on {address} after {START_SECONDS_MAX:g} seconds")
        return port

    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    def stop(self) -> None:
        """Takes no new connections, finishes what is under way; ends within a few seconds."""
        self._server.should_exit = True
        if self._thread:
            self._thread.join(2 * STOP_SECONDS_MAX)


class _Server(uvicorn.Server):
    """Says when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()


def _listener(address: str) -> socket.socket:
    where = parse_address("http_listen", address)
    try:
        family, _, _, _, target = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(target[:2], family=family)
    except OSError as error:
        raise HttpAddressError(
            f"http_listen: cannot listen on {address}: the port is in use, or not ours to use"
        ) from error

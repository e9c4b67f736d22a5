"""An endpoint that keeps what is posted to it and answers with what a test says."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Posted(NamedTuple):
    """One delivery: the body as it came, and its signature."""

    body: bytes
    signature: str

    @property
    def event(self) -> dict[str, Any]:
        """The event inside."""
        event: dict[str, Any] = json.loads(self.body)
        return event


class Receiver:
    """`posted` in the order of arrival; `status` is the next answers'; `on_post` runs before an answer."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.status = 200
        self.on_post: Callable[[Posted], None] = lambda posted: None
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/stripe"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def types(self) -> list[str]:
        """The types of the events, in the order of arrival."""
        return [posted.event["type"] for posted in self.posted]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    def __init__(self, receiver: Receiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        posted = Posted(body, self.headers["stripe-signature"])
        self.server.receiver.posted.append(posted)
        self.server.receiver.on_post(posted)
        self.send_response(self.server.receiver.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Deliveries are kept, not printed."""

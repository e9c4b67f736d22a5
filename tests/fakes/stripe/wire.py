"""The fake's sockets: HTTP/1.1 on 127.0.0.1, one thread for each connection."""

import socket
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.stripe import pages
from tests.fakes.stripe.forms import decode
from tests.fakes.stripe.server import Answer, Service
from tests.fakes.stripe.shopper import Shopper


class Server(ThreadingHTTPServer):
    """Remembers its connections, so that closing it leaves none behind."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, service: Service, shopper: Shopper, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.service, self.shopper = service, shopper
        self.connections: set[socket.socket] = set()

    def close(self) -> None:
        """Ends every connection."""
        self.server_close()
        for connection in list(self.connections):
            _end(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no defect; everything else is."""
        if not isinstance(sys.exception(), OSError):
            self.service.crashes.append(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept, not printed."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        pairs = parse_qsl(body or parts.query, keep_blank_values=True)
        if pages.is_page(parts.path):
            self._send(pages.open_page(self.server.shopper, self.command, parts.path, decode(pairs)))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.service.answer(self.command, parts.path, pairs, headers)
        try:
            self._send(answer)
        finally:
            answer.written.set()

    def _send(self, answer: Answer) -> None:
        if not answer.status:
            self.close_connection = True
            _end(self.connection)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


def _end(connection: socket.socket) -> None:
    """Ends a connection that the other side may have ended already."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

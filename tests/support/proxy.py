"""A proxy in front of PostgreSQL's socket that cuts connections at a chosen moment."""

import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

SOCKET = ".s.PGSQL.5432"


class Cut:
    """Cuts the connection whose client sends some text: before it reaches the server, or after the server answered.

    `done` is set when it has happened.
    """

    def __init__(self, text: bytes, *, answered: bytes | None) -> None:
        self.text = text
        self.answered = answered
        self.done = threading.Event()


class Proxy:
    """Listens in a folder of its own; `url` is `target` with that folder as its host."""

    def __init__(self, target: str) -> None:
        self._target = str(Path(target.partition("?host=")[2]) / SOCKET)
        self._folder = Path(tempfile.mkdtemp(prefix="tollhouse-proxy-", dir="/tmp"))  # a socket's path must be short
        self.url = f"{target.partition('?host=')[0]}?host={self._folder}"
        self._cut: Cut | None = None
        self._refusing = False
        self._links: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / SOCKET))
        self._listener.listen()
        self._start(self._accept)

    def cut_before(self, text: str) -> Cut:
        """The next connection whose client sends the text is cut, and the server never sees it."""
        self._cut = Cut(text.encode(), answered=None)
        return self._cut

    def cut_after(self, text: str) -> Cut:
        """The next connection whose client sends this statement is cut when the server has carried it out."""
        self._cut = Cut(
            text.encode() + b"\0", answered=b"C" + (len(text) + 5).to_bytes(4, "big") + text.encode() + b"\0"
        )
        return self._cut

    def refuse(self, refusing: bool = True) -> None:
        """Cuts every connection and lets no new one through, until told otherwise."""
        self._refusing = refusing
        if refusing:
            for link in self._links:
                _close(link)

    def close(self) -> None:
        """Cuts everything."""
        self.refuse()
        _close(self._listener)
        for thread in self._threads:
            thread.join()
        rmtree(self._folder)

    def _start(self, target: object, *arguments: object) -> None:
        assert callable(target)
        thread = threading.Thread(target=target, args=arguments, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                _close(client)
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._target)
            except OSError:
                _close(client)
                continue
            self._links += [client, server]
            due = threading.Event()
            self._start(self._upwards, client, server, due)
            self._start(self._downwards, client, server, due)

    def _upwards(self, client: socket.socket, server: socket.socket, due: threading.Event) -> None:
        """Forwards what the client sends, until it sends the text of a cut."""
        tail = b""
        while chunk := _receive(client):
            cut = self._cut
            if cut and cut.text in tail + chunk:
                if cut.answered is None:
                    self._carry_out(cut)
                    break
                due.set()
            tail = (tail + chunk)[-64:] if cut else b""
            _send(server, chunk)
        _close(client)
        _close(server)

    def _downwards(self, client: socket.socket, server: socket.socket, due: threading.Event) -> None:
        """Forwards what the server answers; once a cut is due, nothing more."""
        seen = b""
        while chunk := _receive(server):
            cut = self._cut
            if cut is None or cut.answered is None or not due.is_set():
                _send(client, chunk)
                continue
            seen += chunk
            if cut.answered in seen:
                self._carry_out(cut)
                break
        _close(client)
        _close(server)

    def _carry_out(self, cut: Cut) -> None:
        self._cut = None
        cut.done.set()


def _receive(link: socket.socket) -> bytes:
    try:
        return link.recv(65_536)
    except OSError:
        return b""


def _send(link: socket.socket, chunk: bytes) -> None:
    with suppress(OSError):
        link.sendall(chunk)


def _close(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()

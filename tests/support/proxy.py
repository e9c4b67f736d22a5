"""A proxy in front of PostgreSQL's socket that cuts connections at a chosen moment, and can be slow or silent."""

import socket
import tempfile
import threading
import time
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
        self._delay_seconds = 0.0
        self._flowing = threading.Event()
        self._flowing.set()
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

    def forget(self, cut: Cut) -> None:
        """A cut that has not happened will not happen."""
        if self._cut is cut:
            self._cut = None

    def cut(self) -> None:
        """Cuts every connection; new ones are let through."""
        for link in self._links:
            _close(link)

    def delay(self, seconds: float) -> None:
        """Keeps back whatever goes through for so long, in both directions, until told otherwise."""
        self._delay_seconds = seconds

    def swallow(self, swallowing: bool = True) -> None:
        """Takes what is sent and passes nothing on, as a network does that has failed silently, until told otherwise.

        What was kept back then goes on its way, unless the connection was cut meanwhile.
        """
        if swallowing:
            self._flowing.clear()
        else:
            self._flowing.set()

    def refuse(self, refusing: bool = True) -> None:
        """Cuts every connection and lets no new one through, until told otherwise."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def close(self) -> None:
        """Cuts everything."""
        self.refuse()
        self.swallow(False)
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
                server.close()
                continue
            self._links = [link for link in self._links if link.fileno() != -1] + [client, server]
            self._threads = [thread for thread in self._threads if thread.is_alive()]
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
            self._pass_time()
            _send(server, chunk)
        _close(client)
        _close(server)

    def _downwards(self, client: socket.socket, server: socket.socket, due: threading.Event) -> None:
        """Forwards what the server answers; once a cut is due, nothing more."""
        seen = b""
        while chunk := _receive(server):
            cut = self._cut
            if cut is None or cut.answered is None or not due.is_set():
                self._pass_time()
                _send(client, chunk)
                continue
            seen += chunk
            if cut.answered in seen:
                self._carry_out(cut)
                break
        _close(client)
        _close(server)

    def _pass_time(self) -> None:
        """As long as the proxy is told to keep things back."""
        if self._delay_seconds:
            time.sleep(self._delay_seconds)  # the fault itself
        self._flowing.wait()

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

"""Several server processes on one port, and the one that looks after them: `tollhouse serve --processes N`.

One process of Python keeps about one core busy. The system hands each new connection to one of those that listen on the
port; they share nothing but the database, as servers on several machines do. Who has ended is started again.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from queue import Empty, SimpleQueue

from tollhoused.addresses import Address, SettingsError, parse_address
from tollhoused.cli.lines import print_line
from tollhoused.cli.program import CommandFailed
from tollhoused.cli.signals import StopSignal
from tollhoused.rpc.server import NOTICE_SECONDS, AddressError
from tollhoused.settings import ENVIRONMENT_PREFIX, Settings, variables

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""Before a process that has ended is started again."""

START_SECONDS = 60.0
"""How long a process may take to open its port, at first."""

END_SECONDS = 15.0
"""How long a process may take to end, beside its calls' time to finish; then it is killed, which loses nothing."""


class Worker:
    """One of the processes, and a thread that starts it again until it is told to stop."""

    def __init__(self, number: int, settings: Settings, migrate: bool, greetings: "SimpleQueue[str]") -> None:
        """`greetings` gets its first line at each start, and an empty one if it cannot start."""
        self._name = f"process {number}"
        self._command = [sys.executable, "-m", "tollhoused", "serve", "--worker", *["--migrate"][: int(migrate)]]
        others = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
        self._environment = others | variables(settings)
        self._greetings = greetings
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._changed = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"process-{number}", daemon=True)

    def start(self) -> None:
        """Starts the process, and sees to it from now on."""
        self._thread.start()

    def tell_to_stop(self) -> None:
        """SIGTERM, once; it is not started again."""
        with self._changed:
            self._stopping.set()
            if self._process and self._process.poll() is None:
                self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Returns when the process has ended, after so long by force."""
        self._thread.join(seconds)
        if self._thread.is_alive() and self._process:
            log.error("%s does not end: it is killed", self._name)
            self._process.kill()
            self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            process = self._start()
            if process is None:
                return
            greeting = process.stdout.readline() if process.stdout else ""
            if greeting:
                log.info("%s serves, pid %d", self._name, process.pid)
            self._greetings.put(greeting)
            code = process.wait()
            if not self._stopping.wait(PAUSE_SECONDS):
                log.error("%s ended with %d: it is started again", self._name, code)

    def _start(self) -> "subprocess.Popen[str] | None":
        with self._changed:
            if self._stopping.is_set():
                return None
            # The other end of its standard input is ours: it hears of our end whatever that is.
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            return self._process


def serve_processes(settings: Settings, migrate: bool, stop: StopSignal) -> None:
    """Serves with `settings.processes` processes until it is told to stop.

    Raises CommandFailed where one of them does not start at first, AddressError for a port that is in use, and
    SettingsError.
    """
    greetings: SimpleQueue[str] = SimpleQueue()
    with _reserve(settings.listen_address) as held:
        address = Address(settings.listen_address.host, held.getsockname()[1])
        workers = [
            Worker(number, _settings_of(number, settings, address), migrate, greetings)
            for number in range(settings.processes)
        ]
        try:
            for worker in workers:
                worker.start()
            if not all(_greeting(greetings) for _ in workers):
                raise CommandFailed("processes: one of them could not start; the lines above say why")
            print_line(f"tollhouse is serving on {address}")
            stop.wait()
        finally:
            for worker in workers:
                worker.tell_to_stop()
            for worker in workers:
                worker.wait(settings.drain_seconds + NOTICE_SECONDS + END_SECONDS)
    log.info("all processes have stopped")


def _greeting(greetings: "SimpleQueue[str]") -> str:
    try:
        return greetings.get(timeout=START_SECONDS)
    except Empty:
        return ""


def end_with_parent() -> None:
    """Has this process stop when the one that started it is gone, however that ended."""
    threading.Thread(target=_watch_parent, name="parent", daemon=True).start()


def _watch_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nobody writes: it returns when the other end is closed
    os.kill(os.getpid(), signal.SIGTERM)


def _settings_of(number: int, settings: Settings, address: Address) -> Settings:
    """Each process has its part of the clients' limits, and an HTTP port of its own: what is set, plus its number."""
    http = settings.http_listen
    if http and parse_address("http_listen", http).port:
        first = parse_address("http_listen", http)
        http = str(Address(first.host, first.port + number))
    parts = settings.replicas * settings.processes
    return replace(settings, listen=str(address), http_listen=http, replicas=parts, processes=1)


def _reserve(wanted: Address) -> socket.socket:
    """A socket that keeps the port ours while processes come and go, and takes no connection; 0 finds a free one."""
    if not hasattr(socket, "SO_REUSEPORT"):
        raise SettingsError("processes: must be 1, for this system does not let processes share a port")
    try:
        family, _, _, _, target = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as owner:
            # First as one who does not share: somebody else's server is not joined.
            owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            owner.bind(target)
        held = socket.socket(family, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(target)
    except OSError as error:
        raise AddressError(f"cannot listen on {wanted}: the port is in use, or not ours to use") from error
    return held

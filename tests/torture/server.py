"""A server process of a run: started, killed and stopped by its process id."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

HOST = "127.0.0.1"
KILL_VARIABLE = "TOLLHOUSE_TEST_KILL"
"""Tells the test-only server where to kill itself: `point:passes`."""

SELF_KILLED = -signal.SIGKILL
ROOT = Path(__file__).parents[2]


class Server:
    """One server on one database and one port, again and again.

    With a fault, or with named points, it is the test-only one.
    """

    def __init__(self, database_url: str, fault: str, log: Path) -> None:
        self.port = _free_port()
        self.exits = 0
        self._migrated = False
        self._database_url = database_url
        self._fault = fault
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, kill: str = "") -> None:
        """Starts the process; with `kill` it will kill itself there."""
        test_only = bool(self._fault or kill)
        program = ["tests.torture.faulty_server", self._fault or "none"] if test_only else ["tollhoused"]
        options = ["--database-url", self._database_url, "--listen", self.address, "--log-level", "warning"]
        options += [] if self._migrated else ["--migrate"]
        environment = {**os.environ, KILL_VARIABLE: kill}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *program, "serve", *options],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_serving(self, timeout_seconds: float = 30.0) -> bool:
        """Whether it serves before the time is over; False also when its process has ended."""
        until = time.monotonic() + timeout_seconds
        while time.monotonic() < until and self.alive:
            if self._listens() and self._healthy():
                self._migrated = True
                return True
            time.sleep(0.02)  # there is nothing to wait on: another process opens the port
        return False

    def kill(self) -> bool:
        """Kills the process without warning; False when it had ended by itself."""
        assert self._process is not None
        killed = self.alive
        self._process.kill()
        self._process.wait()
        return killed

    def stop(self, timeout_seconds: float = 20.0) -> int | None:
        """Asks the process to end (SIGTERM); gives its exit code, None when it had to be killed."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def ended_with(self) -> int | None:
        """The exit code of a process that ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def close(self) -> None:
        """Leaves no process behind."""
        if self._process is not None:
            self.kill()

    def _listens(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=0.2).close()
        except OSError:
            return False
        return True

    def _healthy(self) -> bool:
        with grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            ask = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=HealthCheckRequest.SerializeToString,
                response_deserializer=HealthCheckResponse.FromString,
            )
            try:
                return bool(ask(HealthCheckRequest(), timeout=1.0).status == HealthCheckResponse.SERVING)
            except grpc.RpcError:
                return False


def _free_port() -> int:
    """A port below those that the system gives to clients.

    A client that tries a port of its own range while nobody listens there can connect to itself and keep the port.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port

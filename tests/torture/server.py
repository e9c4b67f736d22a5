"""A server process of a run: started, killed and stopped by its process id."""

import os
import random
import signal
import socket
import time
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from tests.torture.nursery import Nursery
from tests.torture.shop import Shop
from tests.torture.switch import HASTE_VARIABLE, KILL_VARIABLE

HOST = "127.0.0.1"
SELF_KILLED = -signal.SIGKILL
DEATH_SECONDS = 30.0
STOP_SECONDS = 60.0


class Server:
    """One server on one database and one port, again and again."""

    def __init__(self, nursery: Nursery, database_url: str, fault: str, log: Path, shop: Shop | None = None) -> None:
        self.port = _free_port()
        self.http_address = f"{HOST}:{_free_port()}"
        self._shop = shop
        self.pid = 0
        self.version: dict[str, str] = {}
        self._nursery = nursery
        self._database_url = database_url
        self._fault = fault
        self._log = log
        self._migrated = False

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"{HOST}:{self.port}"

    @property
    def exit_code(self) -> int | None:
        """How its process ended; None while it runs."""
        return self._nursery.exit_code(self.pid)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.exit_code is None

    def start(self, point: str = "") -> None:
        """Starts the process, of the version that `version` says; with a `point` (`name:passes`) it will kill itself
        there.
        """
        options = ["--database-url", self._database_url, "--listen", self.address, "--log-level", "warning"]
        options += [] if self._migrated else ["--migrate"]
        variables = {KILL_VARIABLE: point, **self.version}
        if self._shop:
            options += ["--catalogue", self._shop.catalogue, "--http-listen", self.http_address]
            variables |= {**self._shop.variables, HASTE_VARIABLE: "yes"}
        self.pid = self._nursery.start(
            ["serve", "--insecure-no-auth", *options], self._log, fault=self._fault, variables=variables
        )

    def wait_until_serving(self, timeout_seconds: float = 90.0) -> bool:
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
        killed = self.alive
        if killed:
            os.kill(self.pid, signal.SIGKILL)
            self._nursery.wait(self.pid, DEATH_SECONDS)
        return killed

    def freeze(self, seconds: float) -> bool:
        """Stops the process for a while, as a busy machine does; False when it had ended by itself."""
        if not self.alive:
            return False
        os.kill(self.pid, signal.SIGSTOP)
        time.sleep(seconds)  # the fault itself
        os.kill(self.pid, signal.SIGCONT)
        return True

    def ask_to_stop(self) -> None:
        """Asks the process to end in order (SIGTERM)."""
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)

    def wait_until_stopped(self) -> int | None:
        """The exit code of a process that was asked to stop; None when it had to be killed."""
        code = self._nursery.wait(self.pid, STOP_SECONDS)
        if code is None:
            self.kill()
        return code

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

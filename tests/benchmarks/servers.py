"""Starts the processes under test, each on the core that is set apart for them, and ends exactly those."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from tests.benchmarks.machine import pin

ROOT = Path(__file__).parents[2]
CLIENT = "generator"
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 30.0


class ServerFailed(Exception):
    """A server did not start; the message is the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers, and the API key that it asks for, if any."""

    address: str
    api_key: str
    pid: int
    start_seconds: float

    def resident_mb(self) -> float:
        """Memory in use, in MB; 0 where the system does not tell."""
        status = Path(f"/proc/{self.pid}/statm")
        if not status.exists():
            return 0.0
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def serving(module: str, *flags: str, log: Path, cores: set[int], api_key: str = "") -> Iterator[Server]:
    """Runs `python -m module ... --listen` on a free port of loopback until the context ends."""
    address = f"127.0.0.1:{_free_port()}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOLLHOUSE_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *flags, "--listen", address],
            stdout=output,
            stderr=output,
            cwd=ROOT,
            env=environment,
            preexec_fn=lambda: pin(cores),
        )
    try:
        began = time.monotonic()
        _wait_until_it_answers(process, address, log)
        yield Server(address, api_key, process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tollhouse(*arguments: str) -> tuple[int, str]:
    """Runs a command of the project; its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tollhoused", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def make_api_key(url: str) -> str:
    """Makes a client in migrated books, and a key that may do everything."""
    for command in (("catalog", "apply", "hub"), ("clients", "create", CLIENT)):
        _succeed(*command, "--database-url", url)
    made = _succeed("keys", "create", CLIENT, "--scope", "admin", "--database-url", url, "--json")
    return str(json.loads(made)["text"])


def _succeed(*arguments: str) -> str:
    code, output = tollhouse(*arguments)
    if code != 0:
        raise ServerFailed(output)
    return output


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    with grpc.insecure_channel(address, options=[("grpc.initial_reconnect_backoff_ms", 50)]) as channel:
        while not _serves(channel):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(log.read_text(errors="replace")[-2_000:])
            time.sleep(0.02)  # another process opens its books


def _serves(channel: grpc.Channel) -> bool:
    """Whether it says so; a server without health does as soon as it answers."""
    check: Any = channel.unary_unary(
        "/grpc.health.v1.Health/Check", response_deserializer=HealthCheckResponse.FromString
    )
    try:
        return bool(check(b"", timeout=1).status == HealthCheckResponse.SERVING)
    except grpc.RpcError as error:
        return error.code() is grpc.StatusCode.UNIMPLEMENTED


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

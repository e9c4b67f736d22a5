"""Runs `tollhouse`: commands to their end, servers as processes until they are told to stop."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest.mock import patch

import pytest

from tollhoused.__main__ import Ids, new_secret, wall_clock
from tollhoused.cli.app import run
from tollhoused.cli.program import Program

START_SECONDS_MAX = 30.0
LOG_BYTES_MAX = 1_000_000
COMMAND = [sys.executable, "-m", "tollhoused"]
SCRIPT = [str(Path(sys.executable).with_name("tollhouse"))]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of its own, and with these."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TOLLHOUSE_")} | variables


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def tollhouse(*arguments: str, **variables: str) -> Ended:
    """A command, run to its end in this process: what `__main__` does. Variables are settings of its environment."""
    out, err = StringIO(), StringIO()
    with (
        patch.dict(os.environ, environment(**variables), clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        run(list(arguments), Program(clock=wall_clock, new_id=Ids(), new_secret=new_secret))
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, out.getvalue(), err.getvalue())


def process(*arguments: str, cwd: Path | None = None, command: list[str] = COMMAND, **variables: str) -> Ended:
    """A command, run to its end in a process of its own."""
    ended = subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def done(*arguments: str, **variables: str) -> str:
    """What a command writes that must succeed."""
    ended = tollhouse(*arguments, **variables)
    assert ended.code == 0, ended.out + ended.err
    return ended.out


def done_json(*arguments: str) -> Any:
    """What a command writes with `--json`, read."""
    return json.loads(done(*arguments, "--json"))


def failed(*arguments: str, code: int = 1, **variables: str) -> str:
    """The complaint of a command that must fail."""
    ended = tollhouse(*arguments, **variables)
    assert ended.code == code, ended.out + ended.err
    return ended.err


def not_serving(*arguments: str, cwd: Path | None = None, code: int = 1) -> str:
    """The last line of a `serve` that must refuse to; nothing but the log stands before it, and no traceback."""
    ended = process("serve", "--listen", "127.0.0.1:0", *arguments, cwd=cwd)
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert "Traceback" not in ended.err
    return ended.err.splitlines()[-1]


class Server:
    """A running `tollhouse serve` on a port of its own choice, open to everybody unless it `asks_for_keys`."""

    def __init__(
        self,
        *arguments: str,
        asks_for_keys: bool = False,
        cwd: Path | None = None,
        command: list[str] = COMMAND,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Returns when its port is open, and it has looked at its database. Variables are settings."""
        self._log = TemporaryFile("w+")  # noqa: SIM115  # it is open as long as the server runs
        self._said = ""
        keys = [] if asks_for_keys else ["--insecure-no-auth"]
        self._process = subprocess.Popen(
            [*command, "serve", "--listen", "127.0.0.1:0", *keys, *arguments],
            cwd=cwd,
            env=environment(**variables or {}),
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        self.greeting = self._process.stdout.readline()
        found = re.fullmatch(r"tollhouse is serving on ([\d.]+:\d+)\n", self.greeting)
        if found is None:
            self._end()
            raise AssertionError(self.log)
        self.address = found[1]

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.terminate()
        return self._end()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._end()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._said if self._log.closed else os.pread(self._log.fileno(), LOG_BYTES_MAX, 0).decode()

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def _end(self) -> int:
        rest, _ = self._process.communicate(timeout=START_SECONDS_MAX)
        self._said = self.log
        self._log.close()
        assert rest == "", "a server says one line"
        return self._process.returncode


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    database_url: str, *arguments: str, asks_for_keys: bool = False, variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server on a database, stopped in order at the end."""
    server = Server("--database-url", database_url, *arguments, asks_for_keys=asks_for_keys, variables=variables)
    try:
        yield server
    finally:
        if server.running:
            assert server.stop() == 0, server.log

"""The harness's end of `forking.py`: starts servers and learns how they ended."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Nursery:
    """One process that forks servers. Close it, and all of them end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.forking"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(
        self, arguments: list[str], log: Path, *, fault: str = "", variables: dict[str, str] | None = None
    ) -> int:
        """Starts `tollhouse` with these arguments, its output and its log in one file; gives the process id."""
        request: dict[str, object] = {"start": arguments, "log": str(log), "fault": fault, "variables": variables or {}}
        return int(self._ask(request))

    def exit_code(self, pid: int) -> int | None:
        """The exit code of a server that has ended, negative for a signal's number; None while it runs."""
        code = self._ask({"poll": pid})
        return None if code is None else int(code)

    def wait(self, pid: int, timeout_seconds: float) -> int | None:
        """The exit code once it has ended; None when it has not by then."""
        until = time.monotonic() + timeout_seconds
        while (code := self.exit_code(pid)) is None and time.monotonic() < until:
            time.sleep(0.01)  # it is a grandchild: there is nothing here to wait on
        return code

    def close(self) -> None:
        """Ends it, and every server that still runs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, request: dict[str, object]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

"""Runs `tollhouse` as a stranger would: as a command, on an empty database, on a free port of loopback."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS_MAX = 30


def tollhouse(*arguments: str) -> list[str]:
    """The command line of `tollhouse` in this environment."""
    return [sys.executable, "-m", "tollhoused", *arguments]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server on a database in the folder; gives its address, and stops it the polite way."""
    log = folder / "server.log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            tollhouse("serve", "--database-url", database_url(folder), "--listen", "127.0.0.1:0"),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield _address(server, log)
        finally:
            server.terminate()
            server.wait(START_SECONDS_MAX)


def database_url(folder: Path) -> str:
    """The demo's database."""
    return f"sqlite:///{folder / 'tollhouse.sqlite3'}"


def _address(server: subprocess.Popen[str], log: Path) -> str:
    """What the server says it listens on."""
    assert server.stdout is not None
    for line in server.stdout:
        found = re.search(r"serving on (\S+:\d+)", line)
        if found:
            return found[1]
    raise SystemExit(f"the server did not start:\n{log.read_text()}")

"""Runs `tollhouse` as a stranger would: as a command, on an empty database, on a free port of loopback."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS_MAX = 30


def tollhouse(*arguments: str) -> list[str]:
    """The command line of `tollhouse` in this environment."""
    return [sys.executable, "-m", "tollhoused", *arguments]


@contextmanager
def serving(folder: Path, catalogue: Path, variables: dict[str, str]) -> Iterator[str]:
    """A server on a database in the folder with these settings; gives its address, and stops it the polite way."""
    log = folder / "server.log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            tollhouse(
                "serve",
                "--database-url",
                database_url(folder),
                "--listen",
                "127.0.0.1:0",
                "--catalogue",
                str(catalogue),
            ),
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield _address(server, log)
        finally:
            server.terminate()
            server.wait(START_SECONDS_MAX)


@dataclass(frozen=True, slots=True)
class Keys:
    """Texts of API keys: of the operator, who may do everything, and of the product back ends."""

    operator: str = field(repr=False)
    back_ends: str = field(repr=False)


def make_keys(folder: Path) -> Keys:
    """Makes two clients and a key for each, by commands on the database that the server works on."""
    return Keys(
        operator=_make_key(folder, "operator", "admin"),
        back_ends=_make_key(folder, "back-ends", "usage.write", "entitlements.read"),
    )


def _make_key(folder: Path, client: str, *scopes: str) -> str:
    database = ("--database-url", database_url(folder))
    subprocess.run(tollhouse("clients", "create", client, *database), check=True, stdout=subprocess.DEVNULL)
    options = [option for scope in scopes for option in ("--scope", scope)]
    command = tollhouse("keys", "create", client, *options, "--json", *database)
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return str(json.loads(made.stdout)["text"])


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

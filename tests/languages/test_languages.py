"""Programs in other languages call a running server under a key, and see what a Python caller sees (requirement K1)."""

import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import done, done_json, environment, serving
from tests.languages.workshop import LANGUAGES, built

RUN_SECONDS_MAX = 60
BEYOND_DOUBLES = 2**53 + 1


@dataclass(frozen=True, slots=True)
class Doors:
    """A server with a key for it, and an address where nobody ever answers."""

    address: str
    key: str
    stalled: str


@pytest.fixture(scope="module")
def doors(sqlite_template: Path) -> Iterator[Doors]:
    url = f"sqlite:///{sqlite_template.with_name('languages.sqlite3')}"
    with (
        serving(url, "--log-level", "error", asks_for_keys=True) as server,
        socket.create_server(("127.0.0.1", 0)) as stalled,
    ):
        done("clients", "create", "back-end", "--database-url", url)
        made = done_json("keys", "create", "back-end", "--scope", "admin", "--database-url", url)
        yield Doors(server.address, made["text"], f"127.0.0.1:{stalled.getsockname()[1]}")
    assert server.log == ""


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", LANGUAGES)
def test_a_program_calls_the_server(doors: Doors, name: str) -> None:
    language = LANGUAGES[name]
    if language.missing:
        pytest.skip(f"{', '.join(language.missing)} not on PATH")

    seen = _run(built(name), language.command, doors)

    assert seen["unary"] == {"new_usage": 3, "replayed": False, "again_replayed": True}
    assert seen["error"] == {"code": "INVALID_ARGUMENT", "reason": "INVALID_FIELD", "field": "quantity"}
    assert seen["key"] == {"code": "UNAUTHENTICATED", "reason": "KEY_INVALID"}
    assert seen["int64"] == {"total_nanos": BEYOND_DOUBLES}
    assert seen["deadline"] == {"code": "DEADLINE_EXCEEDED"}
    assert seen["health"] == {"status": "SERVING"}


def _run(folder: Path, command: tuple[str, ...], doors: Doors) -> dict[str, dict[str, Any]]:
    """What the program prints: by check, what it saw."""
    known = {"TOLLHOUSE_ADDRESS": doors.address, "TOLLHOUSE_API_KEY": doors.key, "STALLED_ADDRESS": doors.stalled}
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment(**known),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return {line.pop("check"): _exact(line) for line in lines}


def _exact(line: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers as numbers: TypeScript prints them as texts, since its own JSON has no bigint."""
    return {name: int(value) if isinstance(value, str) and value.isdecimal() else value for name, value in line.items()}

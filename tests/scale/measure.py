"""How much memory the readers of whole books take at most: each a process of its own."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import usage_service_pb2 as usage_pb
from tollhouse.v1.common_pb2 import Subject

from tests.cli.commands import COMMAND, Server, environment
from tests.scale.books import HOT
from tests.support.door import Door
from tests.support.house import DAY_US, START_US

CALL_SECONDS = 300.0
MEBI = 2**20


@dataclass(frozen=True, slots=True)
class Measured:
    """One reader: the most memory that its process held, and how long it took."""

    reader: str
    peak_mib: int
    seconds: float


def measure(url: str, scratch: Path) -> list[Measured]:
    """`verify`, `export` and QueryUsage, one after the other. Each must succeed."""
    return [
        _command("verify", ["verify", "--database-url", url]),
        _command("export", ["export", "--format", "ndjson", "--output", str(scratch / "books"), "--database-url", url]),
        _question(url),
    ]


def _command(reader: str, arguments: list[str]) -> Measured:
    begin = time.monotonic()
    process = subprocess.Popen([*COMMAND, *arguments], env=environment(), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{reader} ended with {process.returncode}"
    return Measured(reader, used.ru_maxrss * 1024 // MEBI, round(time.monotonic() - begin, 1))


def _question(url: str) -> Measured:
    """Asked of a server, about the account that has half of all operations."""
    server = Server("--database-url", url)
    door = Door(server.address)
    try:
        request = usage_pb.QueryUsageRequest(
            subject=Subject(user_id=HOT), granularity=usage_pb.GRANULARITY_DAY, zone="UTC", by_meter=True
        )
        request.start_time.CopyFrom(Timestamp(seconds=(START_US - DAY_US) // 1_000_000))
        request.end_time.CopyFrom(Timestamp(seconds=(START_US + 2 * DAY_US) // 1_000_000))
        begin = time.monotonic()
        answer = door.usage.QueryUsage(request, timeout=CALL_SECONDS)
        seconds = time.monotonic() - begin
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    finally:
        door.channel.close()
        server.stop()
    assert answer.totals, "nothing was found"
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return Measured("QueryUsage", int(found[1]) * 1024 // MEBI, round(seconds, 2))

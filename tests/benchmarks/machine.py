"""What the figures were made on, and who runs on which core."""

import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path

FDATASYNC_BYTES = b"\0" * 8_192


def cores() -> tuple[set[int], set[int]]:
    """The core of the process under test, and the cores of load generators and databases; all, where there is one."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    usable = sorted(os.sched_getaffinity(0))
    return ({usable[0]}, set(usable[1:])) if len(usable) > 1 else (set(usable), set(usable))


def pin(allowed: set[int]) -> None:
    """Keeps this process, and what it starts from now on, on these cores. Nothing where the system cannot."""
    if allowed and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, allowed)


def facts(generator: str, directory: Path) -> dict[str, str | int | float]:
    """What a reader needs to compare these figures with others."""
    return {
        "cores": os.cpu_count() or 0,
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "grpcio": version("grpcio"),
        "protobuf": version("protobuf"),
        "sqlite": sqlite3.sqlite_version,
        "load_generator": generator,
        "fdatasync_p50_ms": round(fdatasync_p50_seconds(directory, 0.3) * 1_000, 3),
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }


def fdatasync_p50_seconds(directory: Path, seconds: float) -> float:
    """The median time of writing 8 KB and waiting until the disk has them, appending as a log does."""
    path = directory / "fdatasync"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        taken = []
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            os.write(file, FDATASYNC_BYTES)
            os.fdatasync(file)
            taken.append(time.perf_counter() - begin)
        return statistics.median(taken)
    finally:
        os.close(file)
        path.unlink()

"""What reads the whole books takes no more memory for twenty times as many operations. `make scale` tries millions."""

import sys
from pathlib import Path

import pytest

from tests.scale.books import make_books
from tests.scale.measure import measure
from tests.support.engines import NUMBERS
from tests.support.postgres import Cluster

SMALL, LARGE = 2_000, 40_000
GROWTH_MIB_MAX = {"verify": 24, "export": 24, "QueryUsage": 80}
"""Caches fill up to their bounds: SQLite's for questions holds 64 MiB."""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_readers_of_whole_books_hold_no_more_for_larger_ones(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    peaks = []
    for operations in (SMALL, LARGE):
        if engine == "sqlite":
            url = f"sqlite:///{tmp_path}/{operations}"
        else:
            cluster: Cluster = request.getfixturevalue("postgres_cluster")
            url = cluster.create_database(f"scale{next(NUMBERS)}")
        assert make_books(url, operations) >= operations
        peaks.append({each.reader: each.peak_mib for each in measure(url, tmp_path)})

    small, large = peaks
    assert {reader for reader in small if large[reader] - small[reader] > GROWTH_MIB_MAX[reader]} == set()

"""The checker knows every rule of the books: each fault planted in what is decided is named, and nothing else is."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.book_faults import BOOK_FAULTS
from tests.torture.commands import KINDS
from tests.torture.faults import FAULTS
from tests.torture.plan import Plan
from tests.torture.rehearsal import Rehearsal

SEED = 20_260_801
ATTEMPTS = 5
"""How many runs chance may need to send what shows a fault; on a busy machine one is short."""


def _rehearse(url: str, plant: Callable[[], None], seconds: float = 1.2, attempt: int = 0) -> Rehearsal:
    plan = Plan(engine="sqlite", seed=SEED + attempt, seconds=seconds, clients=6)
    return Rehearsal(url, plan, plant, lambda: time.time_ns() // 1_000)


def test_the_server_as_it_is_passes(sqlite_template: Path, tmp_path: Path) -> None:
    acknowledged: set[type] = set()
    for attempt in range(ATTEMPTS):
        file = shutil.copyfile(sqlite_template, tmp_path / f"{attempt}.sqlite3")
        rehearsal = _rehearse(f"sqlite:///{file}", FAULTS["none"].plant, 4.0, attempt)
        assert rehearsal.violations == []
        acknowledged |= rehearsal.acknowledged
        if acknowledged == set(KINDS):
            break

    assert acknowledged == set(KINDS)


@pytest.mark.parametrize("fault", sorted(BOOK_FAULTS))
def test_a_fault_in_the_books_is_named(fault: str, sqlite_template: Path, tmp_path: Path) -> None:
    planted = BOOK_FAULTS[fault]
    found: set[str] = set()
    for attempt in range(ATTEMPTS):
        file = shutil.copyfile(sqlite_template, tmp_path / f"{attempt}.sqlite3")
        found |= _rehearse(f"sqlite:///{file}", planted.plant, planted.seconds, attempt).found
        if found & set(planted.found_as):
            break

    assert found & set(planted.found_as), found


@pytest.mark.parametrize(
    ("fault", "invariant"),
    [
        ("no-dedupe", "V8"),
        ("dedupe-outside", "V2"),
        ("no-floor", "V7"),
        ("wrong-account", "V15"),
        ("undeclared-error", "status"),
    ],
)
def test_a_fault_that_needs_no_crash_is_named(fault: str, invariant: str, sqlite_url: str) -> None:
    assert invariant in _rehearse(sqlite_url, FAULTS[fault].plant).found

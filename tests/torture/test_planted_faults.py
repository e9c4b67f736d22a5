"""The harness can fail: faults that take a crash or two servers to show are found by a short run, which the server as
it is passes. The others are in `test_rehearsals.py`.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Cluster
from tests.torture import upgrade
from tests.torture.faults import FAULTS, NAMED_POINTS
from tests.torture.figures import Figures
from tests.torture.money_faults import MONEY_POINTS
from tests.torture.nursery import Nursery
from tests.torture.plan import Plan
from tests.torture.run import Run

SEED = 20_260_801
SECONDS = 1.5
SECONDS_MAX = 90.0
"""On a busy machine; they end as soon as enough servers have killed themselves."""

PATIENCE_SECONDS = 60.0
"""Of the server as it is, on a busy machine. That it is back within ten seconds is what `make torture` shows."""

POINT_KILLS = 2
MONEY_SHARE = 0.2
ATTEMPTS = 5
"""How many runs chance may need for a customer to do what shows a fault; on a busy machine one is short."""

SPOILED = "ADD COLUMN {column} BIGINT CHECK ({column} IS NOT NULL)"
"""A column that the program before does not know and would have to give."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where the servers of this module come from."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def database() -> Iterator[Cluster]:
    """A PostgreSQL of the test's own, to be restarted."""
    database = Cluster()
    yield database
    database.close()


def _run(
    fault: str,
    nursery: Nursery,
    scratch: Path,
    cluster: Cluster | None = None,
    servers: int = 1,
    database_restarts: int = 0,
    liveness_seconds: float = 10.0,
    seconds: float = SECONDS,
    upgrades: bool = False,
    money_share: float = 0.0,
    seed: int = SEED,
    aftermath: bool = True,
    seconds_max: float = SECONDS_MAX,
) -> Figures:
    points = FAULTS[fault].points if fault else NAMED_POINTS + MONEY_POINTS
    plan = Plan(
        engine="postgresql" if cluster else "sqlite",
        seed=seed,
        seconds=seconds,
        servers=servers,
        fault=fault,
        points=points,
        passes_max=8,
        blind_kills=False,
        point_kills_min=POINT_KILLS if points else 0,
        seconds_max=seconds_max,
        database_restarts=database_restarts,
        line=cluster is not None and not fault,
        upgrades=upgrades,
        liveness_seconds=liveness_seconds,
        drain_max=50,
        money_share=money_share,
        aftermath=aftermath,
    )
    return Run(plan, nursery, scratch, cluster, lambda: time.time_ns() // 1_000).verdict()


def test_the_server_as_it_is_passes_on_sqlite(nursery: Nursery, tmp_path: Path) -> None:
    figures = _run("", nursery, tmp_path, upgrades=True, money_share=MONEY_SHARE, liveness_seconds=PATIENCE_SECONDS)

    assert figures.examples == {}
    assert figures.acknowledged > 0
    assert figures.payments["succeeded"] > 0
    assert figures.kills_at_points >= POINT_KILLS
    assert (figures.migrations, figures.rolling_restarts) == (1, 1)


def test_two_servers_as_they_are_pass_on_a_postgresql_that_crashes(
    nursery: Nursery, database: Cluster, tmp_path: Path
) -> None:
    figures = _run(
        "",
        nursery,
        tmp_path,
        database,
        servers=2,
        database_restarts=1,
        upgrades=True,
        money_share=MONEY_SHARE,
        liveness_seconds=PATIENCE_SECONDS,
    )

    assert figures.examples == {}
    assert figures.acknowledged > 0
    assert figures.payments["succeeded"] > 0
    assert figures.kills_at_points >= POINT_KILLS
    assert (figures.migrations, figures.rolling_restarts) == (1, 1)
    assert figures.database_restarts == 1


@pytest.mark.parametrize(
    ("fault", "invariant"),
    [
        ("claim-first", "V4"),
        ("two-transactions", "V2"),
        ("acknowledge-first", "V1"),
    ],
)
def test_a_planted_fault_is_found(fault: str, invariant: str, nursery: Nursery, tmp_path: Path) -> None:
    figures = _run(fault, nursery, tmp_path)

    assert not figures.passed
    assert invariant in figures.violations


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("credited-twice", "V11"),
        ("credits-before-payment", "V11"),
        ("charged-again", "V2"),
        ("event-acknowledged-first", "V1"),
        ("reload-beside-another", "V11"),
    ],
)
def test_a_planted_fault_where_money_is_at_stake_is_found(
    fault: str, what: str, nursery: Nursery, tmp_path: Path
) -> None:
    found: set[str] = set()
    for attempt in range(ATTEMPTS):
        scratch = tmp_path / str(attempt)
        scratch.mkdir()
        found |= _run(fault, nursery, scratch, money_share=0.8, seed=SEED + attempt, aftermath=False).violations.keys()
        if what in found:
            break

    assert what in found


def test_an_upgrade_that_takes_something_from_the_program_before_is_found(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "STEP", upgrade.STEP.replace("ADD COLUMN {column} BIGINT DEFAULT 7 NOT NULL", SPOILED))

    figures = _run("", nursery, tmp_path, upgrades=True, liveness_seconds=3.0, seconds_max=10.0)

    assert not figures.passed


def test_an_update_that_another_server_overwrites_is_found(
    nursery: Nursery, postgres_cluster: Cluster, tmp_path: Path
) -> None:
    figures = _run("lost-update", nursery, tmp_path, postgres_cluster, servers=2, liveness_seconds=2.0)

    # Whichever is overwritten first: a counter, or an account with its place in the ledger.
    assert figures.violations.keys() & {"V4", "V5", "V9"}


def test_a_server_that_does_not_find_back_to_its_database_is_found(
    nursery: Nursery, database: Cluster, tmp_path: Path
) -> None:
    figures = _run("no-reconnect", nursery, tmp_path, database, database_restarts=1, liveness_seconds=3.0, seconds=4.0)

    assert "V14" in figures.violations

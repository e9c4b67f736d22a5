"""Levels that come at odd times are proved like any other: as a segment ends, or brought along."""

import pytest

from tests.support.books import execute
from tests.support.house import DAY_US, START_US, Clock, CoreMaker, call, make_user, person
from tollhoused.domain.commands import Enforcement
from tollhoused.usecases import gauges, subscriptions, usage
from tollhoused.usecases.core import Core
from tollhoused.usecases.verify import verify

HAPPENED_US = START_US + 6


def _report(core: Core, level: int) -> None:
    """A level of an instant in the first segment, whenever it is told."""
    report = gauges.LevelReport(
        person("ada"), "talk", "storage_mb", level, None, HAPPENED_US, Enforcement.RECORD, metadata={}
    )
    gauges.set_usage(core, call(), report, f"level {level}", False)


def _open(core: Core, level: int) -> None:
    """A level that was settled elsewhere."""
    usage.open_usage(
        core,
        call(),
        subject=person("ada"),
        meter="storage_mb",
        quantity=None,
        level=level,
        idempotency_key=f"open {level}",
        validate_only=False,
    )


def _change_terms(core: Core, included: int) -> None:
    """Ends the segment, and begins another."""
    subscriptions.set_override(
        core,
        call(),
        subject=person("ada"),
        meter="storage_mb",
        included=included,
        policy=None,
        rate=None,
        from_us=None,
        until_us=None,
        idempotency_key=f"override {included}",
        validate_only=False,
    )


@pytest.mark.parametrize("order", [("open 7", "report 9"), ("report 9", "open 7", "open 12"), ("open 7", "open 5")])
def test_levels_that_were_brought_along(
    database_url: str, make_core: CoreMaker, clock: Clock, order: tuple[str, ...]
) -> None:
    core = make_core(database_url)
    make_user(core, "ada")
    clock.now_us = START_US + 10
    for step in order:
        clock.now_us += 10
        what, level = step.split()
        _report(core, int(level)) if what == "report" else _open(core, int(level))
    clock.now_us += 10
    _change_terms(core, included=1)
    clock.now_us += 40 * DAY_US
    _change_terms(core, included=2)
    findings: list[object] = []

    verify(core.store, findings.append)
    assert findings == []

    execute(database_url, "UPDATE counters SET carried = carried + 1 WHERE carried > 0")
    verify(core.store, findings.append)
    assert findings != []


def test_what_moves_a_level_in_the_microsecond_in_which_its_segment_ends(
    database_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    """The second report counts in the first segment, and moves the level of the second one, which then is over."""
    core = make_core(database_url)
    make_user(core, "ada")
    clock.now_us = START_US + 10
    _report(core, 3)
    clock.now_us = START_US + 20
    _change_terms(core, included=1)
    clock.now_us = START_US + 30
    _report(core, 4)
    _change_terms(core, included=2)
    findings: list[object] = []

    verify(core.store, findings.append)

    assert findings == []

"""Levels that are stored in the very microsecond in which a segment ends are proved like any other."""

from tests.support.house import START_US, Clock, CoreMaker, call, make_user, person
from tollhoused.domain.commands import Enforcement
from tollhoused.usecases import gauges, subscriptions
from tollhoused.usecases.core import Core
from tollhoused.usecases.verify import verify

HAPPENED_US = START_US + 6


def _report(core: Core, level: int) -> None:
    """A level of an instant in the first segment, whenever it is told."""
    report = gauges.LevelReport(
        person("ada"), "talk", "storage_mb", level, None, HAPPENED_US, Enforcement.RECORD, metadata={}
    )
    gauges.set_usage(core, call(), report, f"level {level}", False)


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

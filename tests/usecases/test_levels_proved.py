"""Levels that are stored in the very microsecond in which a segment ends are proved like any other."""

from tests.support.house import START_US, Clock, CoreMaker, call, make_user, person
from tollhoused.domain.commands import Enforcement
from tollhoused.usecases import gauges, subscriptions
from tollhoused.usecases.verify import verify


def test_what_shares_a_microsecond_with_a_change_of_terms(
    database_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    core = make_core(database_url)
    make_user(core, "ada")
    clock.now_us = START_US + 5
    for number in range(3):
        clock.now_us += 7
        report = gauges.LevelReport(
            person("ada"), "talk", "storage_mb", 3 + number, None, START_US + 6, Enforcement.RECORD, {}
        )
        gauges.set_usage(core, call(), report, f"level {number}", False)
        subscriptions.set_override(
            core,
            call(),
            subject=person("ada"),
            meter="storage_mb",
            included=number,
            policy=None,
            rate=None,
            from_us=None,
            until_us=None,
            idempotency_key=f"override {number}",
            validate_only=False,
        )
    findings: list[object] = []

    verify(core.store, findings.append)

    assert findings == []

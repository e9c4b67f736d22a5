"""A slow database: batches become small enough to be in time, and who would be late is told so at once."""

import time

import pytest

from tests.support.house import CoreMaker, call, make_user, usage_report
from tollhoused.domain.books import Books
from tollhoused.errors import Overloaded, TollhouseError
from tollhoused.journal.pace import TRANSACTION_SECONDS, Pace
from tollhoused.store.store import Batch
from tollhoused.usecases import usage


def test_a_fast_database_gets_whole_batches_and_turns_nobody_away() -> None:
    pace = Pace(512)
    pace.wrote(512, TRANSACTION_SECONDS / 2)

    assert pace.batch_max == 512
    assert pace.in_time(512, seconds_left=1.0)


def test_a_slow_database_gets_batches_that_it_writes_in_time() -> None:
    pace = Pace(512)
    pace.wrote(200, 1.0)
    assert pace.batch_max == 40

    pace.wrote(1, 60.0)
    assert pace.batch_max == 1


def test_batches_grow_again_while_full_ones_are_quick() -> None:
    pace = Pace(512)
    pace.wrote(200, 2.0)
    for _ in range(3):
        pace.wrote(pace.batch_max - 1, 0.01)
    assert pace.batch_max == 20

    sizes = []
    for _ in range(6):
        pace.wrote(pace.batch_max, 0.01)
        sizes.append(pace.batch_max)
    assert sizes == [40, 80, 160, 320, 512, 512]


def test_who_would_be_late_may_not_wait_and_who_has_time_may() -> None:
    pace = Pace(512)
    pace.wrote(200, 1.0)
    pace.wrote(40, 0.2)

    assert not pace.in_time(200, seconds_left=2.0)
    assert pace.in_time(200, seconds_left=3.0)
    assert pace.in_time(80, seconds_left=2.0)


def test_one_transaction_that_took_long_shuts_nobody_out() -> None:
    pace = Pace(512)
    pace.wrote(1, 60.0)

    assert pace.in_time(0, seconds_left=0.1)


def test_a_moment_in_which_the_disk_stood_still_does_not_make_batches_small() -> None:
    pace = Pace(512)
    pace.wrote(1, 3.0)

    assert pace.batch_max == 512
    assert pace.in_time(63, seconds_left=30.0)

    pace.wrote(1, 3.0)
    assert pace.batch_max == 1


def test_calls_that_a_slow_database_cannot_write_in_time_are_refused_and_leave_nothing(
    database_url: str, make_core: CoreMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core(database_url)
    make_user(core, "anna")
    commit = Batch.commit

    def late(self: Batch, books: Books) -> None:
        time.sleep(0.02 * len(books.added))  # the fault itself
        commit(self, books)

    monkeypatch.setattr(Batch, "commit", late)
    reports = [usage_report("anna", f"first-{number}", meter="api_calls") for number in range(50)]
    usage.record_batch(core, call(), reports, atomic=False, validate_only=False)
    hasty = call(seconds=2.0)
    offered = [[usage_report("anna", f"call-{number}", meter="api_calls")] for number in range(200)]

    waiting, refused = [], 0
    for report in offered:
        try:
            waiting.append(usage.submit_batch(core, hasty, report))
        except Overloaded:
            refused += 1
    outcomes = [outcome for each in waiting for outcome in each.outcomes()]

    assert len(waiting) + refused == 200
    assert refused > 100
    assert not any(isinstance(outcome, TollhouseError) for outcome in outcomes)

"""What was done shows in the metrics by just that much, on both engines."""

import queue
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from tollhouse.v1 import usage_service_pb2 as pb
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import WatchEntitlementsRequest

from tests.http.scrape import Scrape, moved
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, item, refusal, until, usage
from tests.support.house import CoreMaker, call, usage_command, usage_report
from tests.support.watched import COMMIT, WatchedEngine
from tollhoused.errors import OutOfTime
from tollhoused.http.metrics import Metrics
from tollhoused.store.faults import VersionMoved
from tollhoused.store.store import Store, open_store
from tollhoused.usecases.core import Core

RECORD = "tollhouse.v1.UsageService/RecordUsage"
BATCH = "tollhouse.v1.UsageService/BatchRecordUsage"
STREAM = "tollhouse.v1.UsageService/StreamUsage"
WATCH = "tollhouse.v1.EntitlementService/WatchEntitlements"


class Seen(NamedTuple):
    """A server under watch."""

    core: Core
    engine: WatchedEngine
    door: Door
    scrape: Callable[[], Scrape]


@pytest.fixture
def seen(database_url: str, make_core: CoreMaker, serve: ServerMaker) -> Seen:
    return _seen(database_url, make_core, serve)


@pytest.fixture
def sqlite_seen(sqlite_url: str, make_core: CoreMaker, serve: ServerMaker) -> Seen:
    return _seen(sqlite_url, make_core, serve)


def _seen(database_url: str, make_core: CoreMaker, serve: ServerMaker) -> Seen:
    metrics = Metrics("1.2.3", "test", "some engine")
    engine = WatchedEngine(open_store(database_url).engine)
    core = make_core(store=Store(engine), observer=metrics.journal)
    server, door = serve(core, observer=metrics)
    metrics.look_at(core.store, core.journal, lambda: server.health.serving, lambda: 7)
    door.make_user("anna")
    return Seen(core, engine, door, lambda: Scrape(metrics.text().decode()))


def test_a_success_a_replay_and_a_conflict_are_counted_as_what_they_are(seen: Seen) -> None:
    def act() -> None:
        seen.door.record(usage("anna", "one"))
        seen.door.record(usage("anna", "one"))
        assert refusal(seen.door.usage.RecordUsage, usage("anna", "one", 2)).reason == "IDEMPOTENCY_KEY_REUSED"

    by = moved(seen.scrape, act)

    assert by("tollhouse_calls_total", method=RECORD, code="OK", reason="") == 2
    reused = "IDEMPOTENCY_KEY_REUSED"
    assert by("tollhouse_calls_total", method=RECORD, code="ALREADY_EXISTS", reason=reused) == 1
    assert by("tollhouse_call_seconds_count", method=RECORD) == 3
    assert by("tollhouse_call_seconds_bucket", method=RECORD, le="+Inf") == 3
    assert 0 < by("tollhouse_call_seconds_sum", method=RECORD) < 30
    for outcome in ("STORED", "REPLAYED", reused):
        assert by("tollhouse_commands_total", kind="record_usage", outcome=outcome) == 1
    assert by("tollhouse_journal_batch_commands_count") == 3
    assert by("tollhouse_journal_batch_commands_sum") == 3
    for name in ("wait", "transaction", "commit"):
        assert by(f"tollhouse_journal_{name}_seconds_count") == 3


def test_streams_are_counted_while_they_are_open_and_when_they_end(seen: Seen) -> None:
    def open_streams(method: str) -> float:
        return seen.scrape()("tollhouse_streams_open", method=method)

    def act() -> None:
        sent: queue.Queue[pb.StreamUsageRequest | None] = queue.Queue()
        stream = seen.door.usage.StreamUsage(iter(sent.get, None), timeout=TIMEOUT_SECONDS)
        request = WatchEntitlementsRequest(subjects=[Subject(user_id="anna")])
        watch: Any = seen.door.entitlements.WatchEntitlements(request, timeout=TIMEOUT_SECONDS)
        sent.put(pb.StreamUsageRequest(items=[item("anna", "one"), item("anna", "one"), item("nobody", "two")]))
        next(iter(stream))
        next(watch)
        assert (open_streams(STREAM), open_streams(WATCH)) == (1, 1)
        sent.put(None)
        watch.cancel()
        assert list(stream) == []
        until(lambda: open_streams(STREAM) == open_streams(WATCH) == 0, "both have ended")

    by = moved(seen.scrape, act)

    assert by("tollhouse_calls_total", method=STREAM, code="OK", reason="") == 1
    assert by("tollhouse_calls_total", method=WATCH, code="CANCELLED", reason="") == 1
    assert by("tollhouse_call_seconds_count", method=STREAM) == 0
    for outcome in ("STORED", "REPLAYED", "SUBJECT_NOT_FOUND"):
        assert by("tollhouse_batch_items_total", outcome=outcome) == 1


def test_a_refusal_is_counted_by_its_reason_also_before_it_reaches_the_journal(seen: Seen) -> None:
    by = moved(seen.scrape, lambda: refusal(seen.door.usage.RecordUsage, usage("nobody", "k")))

    assert by("tollhouse_calls_total", method=RECORD, code="NOT_FOUND", reason="SUBJECT_NOT_FOUND") == 1
    assert by("tollhouse_journal_batch_commands_count") == 0


def test_the_items_of_a_batch_are_counted_by_outcome(seen: Seen) -> None:
    items = [item("anna", "a"), item("anna", "b"), item("anna", "a"), item("nobody", "c"), item("anna", "d", 0)]
    request = pb.BatchRecordUsageRequest(items=items)

    by = moved(seen.scrape, lambda: seen.door.usage.BatchRecordUsage(request, timeout=TIMEOUT_SECONDS))

    assert by("tollhouse_calls_total", method=BATCH, code="OK", reason="") == 1
    found = {
        outcome: by("tollhouse_batch_items_total", outcome=outcome)
        for outcome in ("STORED", "REPLAYED", "SUBJECT_NOT_FOUND", "INVALID_FIELD")
    }
    assert found == {"STORED": 2, "REPLAYED": 1, "SUBJECT_NOT_FOUND": 1, "INVALID_FIELD": 1}
    assert by("tollhouse_journal_batch_commands_sum") == 3


def test_what_is_only_tried_is_no_item(seen: Seen) -> None:
    request = pb.BatchRecordUsageRequest(items=[item("anna", "a")], validate_only=True)

    by = moved(seen.scrape, lambda: seen.door.usage.BatchRecordUsage(request, timeout=TIMEOUT_SECONDS))

    assert by("tollhouse_batch_items_total", outcome="STORED") == 0


def test_a_transaction_that_fails_is_counted_by_its_cause_and_the_retry_is_stored(seen: Seen) -> None:
    def act() -> None:
        seen.engine.fail_once(COMMIT, VersionMoved("planted"))
        seen.door.record(usage("anna", "one"))

    by = moved(seen.scrape, act)

    assert by("tollhouse_journal_failures_total", cause="COLLISION") == 1
    assert by("tollhouse_commands_total", kind="record_usage", outcome="STORED") == 1
    assert by("tollhouse_journal_transaction_seconds_count") == 1


def test_what_waits_too_long_is_counted_as_dropped(seen: Seen, database_url: str, make_core: CoreMaker) -> None:
    metrics = Metrics("1", "test", "")
    core = make_core(database_url, start=False, observer=metrics.journal)
    metrics.look_at(core.store, core.journal, lambda: True, lambda: 1)
    command = usage_command(core, usage_report("anna", "late"))
    ticket = core.journal.submit([command, command], call(seconds=-1).deadline)
    assert Scrape(metrics.text().decode())("tollhouse_journal_queue_commands") == 2

    core.journal.start()
    until(lambda: ticket.outcomes is not None, "the calls are answered")

    assert all(isinstance(outcome, OutOfTime) for outcome in ticket.outcomes or [])
    scrape = Scrape(metrics.text().decode())
    assert scrape("tollhouse_journal_dropped_commands_total") == 2
    assert scrape("tollhouse_journal_queue_commands") == 0
    assert scrape("tollhouse_journal_queue_limit") == 8_192


def test_a_command_that_fails_on_its_own_is_found_by_halving(seen: Seen, caplog: pytest.LogCaptureFixture) -> None:
    seen.engine.fail_once(COMMIT, LookupError("no driver's error"))

    by = moved(
        seen.scrape,
        lambda: seen.door.usage.BatchRecordUsage(
            pb.BatchRecordUsageRequest(items=[item("anna", "a"), item("anna", "b")]), timeout=TIMEOUT_SECONDS
        ),
    )

    assert by("tollhouse_journal_failures_total", cause="DEFECT") == 1
    assert by("tollhouse_journal_halvings_total") == 1
    assert by("tollhouse_batch_items_total", outcome="STORED") == 2


def test_readers_that_hold_and_await_connections_show(seen: Seen) -> None:
    with ExitStack() as held:
        limit = int(seen.scrape()("tollhouse_pool_connections_limit"))
        for _ in range(limit):
            held.enter_context(seen.core.store.engine.reading())
        assert seen.scrape()("tollhouse_pool_connections_in_use") == limit
        waiter = Thread(target=seen.core.store.ping)
        waiter.start()
        time.sleep(0.1)  # so that it has to wait
    waiter.join()

    scrape = seen.scrape()
    assert scrape("tollhouse_pool_connections_in_use") == 0
    assert scrape("tollhouse_pool_waits_total") == 1
    assert 0 < scrape("tollhouse_pool_wait_seconds_total") < 5


def test_the_state_of_the_server_shows(sqlite_seen: Seen) -> None:
    scrape = sqlite_seen.scrape()

    assert scrape("tollhouse_build_info", version="1.2.3", environment="test", engine="some engine") == 1
    assert (scrape("tollhouse_ready"), scrape("tollhouse_catalogue_version")) == (1, 7)
    assert scrape("process_resident_memory_bytes") > 1_000_000


def test_no_label_can_tell_customers_apart(sqlite_seen: Seen) -> None:
    assert sqlite_seen.scrape().labels() <= {
        *("method", "code", "reason", "kind", "outcome", "cause", "le"),
        *("version", "environment", "engine", "implementation", "major", "minor", "patchlevel"),
    }


def test_the_readme_lists_every_metric_of_ours(sqlite_seen: Seen) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(tollhouse_\w+)`", text))

    families = set(re.findall(r"^# TYPE (tollhouse_\w+) ", sqlite_seen.scrape().text, re.MULTILINE))
    assert families == listed

"""No acknowledgement leaves a server before the disk has what it acknowledges (on SQLite, as the kernel sees it).

A test that kills the server cannot show this: the kernel keeps what was written and not flushed, and loses it only when
the power goes.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from tollhouse.v1 import account_service_pb2 as account_pb
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb
from tollhouse.v1.account_service_pb2_grpc import AccountServiceStub
from tollhouse.v1.credits_service_pb2_grpc import CreditsServiceStub
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.cli.commands import COMMAND, Server
from tests.durability.oracle import keys_told_too_early, told_too_early
from tests.durability.tracer import Event, read_events
from tollhoused.domain.money import NANOS_PER_UNIT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tracer knows the system calls of Linux")

CALL_SECONDS = 30.0
CALLS = 20
CALLERS = 4
KEYS_EACH = 10
ALONE = [f"alone-{number:04}" for number in range(CALLS)]
BATCH = [f"batch-{number:04}" for number in range(CALLS)]
CALLED = ["make-ann", "grant-enough", *ALONE, "grant-more", *BATCH]
ANN = common.Subject(user_id="ann")

Trace = Callable[[], list[Event]]


@contextmanager
def _traced(folder: Path, url: str, program: list[str]) -> Iterator[tuple[grpc.Channel, Trace]]:
    """A channel to a server whose system calls are noted. Who asks for the trace stops the server."""
    trace = folder / "trace.jsonl"
    command = [sys.executable, "-m", "tests.durability.tracer", str(trace), *program]
    server = Server("--database-url", url, command=command)
    try:
        with grpc.insecure_channel(server.address) as channel:

            def stop() -> list[Event]:
                assert server.stop() == 0, server.log
                return read_events(trace)

            yield channel, stop
    finally:
        if server.running:
            server.stop()


def _item(key: str) -> usage_pb.UsageItem:
    return usage_pb.UsageItem(subject=ANN, product="talk", meter="voice_minutes", quantity=1, idempotency_key=key)


def _make_ann(channel: grpc.Channel) -> str:
    """Gives her credits enough; her account's id, which every answer about her holds."""
    request = account_pb.UpsertUserRequest(user_id="ann", idempotency_key="make-ann")
    account_id = AccountServiceStub(channel).UpsertUser(request, timeout=CALL_SECONDS).account.account_id
    _grant(channel, "grant-enough")
    return str(account_id)


def _grant(channel: grpc.Channel, key: str) -> None:
    grant = credits_pb.GrantCreditsRequest(
        subject=ANN,
        amount_nanos=100 * NANOS_PER_UNIT,
        currency="usd",
        category=credits_pb.GRANT_CATEGORY_PAID,
        idempotency_key=key,
    )
    CreditsServiceStub(channel).GrantCredits(grant, timeout=CALL_SECONDS)


def _call_one_after_the_other(channel: grpc.Channel) -> None:
    usage = UsageServiceStub(channel)
    for key in ALONE:
        record = usage_pb.RecordUsageRequest(
            subject=ANN, product="talk", meter="voice_minutes", quantity=1, idempotency_key=key
        )
        usage.RecordUsage(record, timeout=CALL_SECONDS)
    _grant(channel, "grant-more")
    items = [_item(key) for key in BATCH]
    usage.BatchRecordUsage(usage_pb.BatchRecordUsageRequest(items=items), timeout=CALL_SECONDS)


def _stream(channel: grpc.Channel, keys: list[str]) -> None:
    messages = (usage_pb.StreamUsageRequest(items=[_item(key)]) for key in keys)
    for _ in UsageServiceStub(channel).StreamUsage(messages, timeout=CALL_SECONDS):
        pass


def test_one_caller_hears_nothing_that_is_not_on_disk(tmp_path: Path, sqlite_url: str) -> None:
    with _traced(tmp_path, sqlite_url, COMMAND) as (channel, stop):
        token = _make_ann(channel).encode()
        _call_one_after_the_other(channel)
        events = stop()

    told, early = told_too_early(events, token, CALLED)
    assert told >= CALLS + 3
    assert early == 0


def test_many_callers_hear_nothing_that_is_not_on_disk(tmp_path: Path, sqlite_url: str) -> None:
    keys = [[f"stream-{caller}-{number:04}" for number in range(KEYS_EACH)] for caller in range(CALLERS)]
    with _traced(tmp_path, sqlite_url, COMMAND) as (channel, stop):
        _make_ann(channel)
        callers = [threading.Thread(target=_stream, args=(channel, mine)) for mine in keys]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        events = stop()

    sent = [key for mine in keys for key in mine]
    assert keys_told_too_early(events, sent) == (set(sent), set())


@pytest.mark.parametrize("level", ["NORMAL", "OFF"])
def test_a_server_that_does_not_flush_is_found(level: str, tmp_path: Path, sqlite_url: str) -> None:
    unsafe = [sys.executable, "-m", "tests.durability.unsafe_server", level]
    keys = [f"stream-{number:04}" for number in range(KEYS_EACH)]
    with _traced(tmp_path, sqlite_url, unsafe) as (channel, stop):
        token = _make_ann(channel).encode()
        _call_one_after_the_other(channel)
        _stream(channel, keys)
        events = stop()

    told, early = told_too_early(events, token, CALLED)
    assert early == told >= CALLS + 3
    assert keys_told_too_early(events, keys) == (set(keys), set(keys))

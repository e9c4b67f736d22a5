"""A call, its time in the queue, the transaction that it shared and what the database was sent are one trace."""

from typing import NamedTuple

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest

from tests.cli.commands import failed
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, refusal, until, usage
from tests.support.house import Clock, CoreMaker
from tollhoused.cli.tracing import Traces
from tollhoused.store.store import Store, open_store
from tollhoused.store.traced import TracedEngine
from tollhoused.usecases import usage as usage_cases

RECORD = "tollhouse.v1.UsageService/RecordUsage"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = (("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "theirs=canary"))


class Traced(NamedTuple):
    """A server whose spans are kept in memory."""

    door: Door
    exporter: InMemorySpanExporter

    def spans(self, *names: str) -> list[ReadableSpan]:
        """The spans of these names, once each has come."""
        until(lambda: set(names) <= {span.name for span in self.exporter.get_finished_spans()}, f"spans {names}")
        return [next(span for span in self.exporter.get_finished_spans() if span.name == name) for name in names]


@pytest.fixture
def traced(database_url: str, make_core: CoreMaker, serve: ServerMaker, clock: Clock) -> Traced:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = Traces(provider, clock)
    store = Store(TracedEngine(open_store(database_url).engine, traces))
    _, door = serve(make_core(store=store, tracing=traces), observer=traces, tracing=traces)
    door.make_user("anna", "anna@example.com")
    door.record(usage("anna", "warm"))
    exporter.clear()
    return Traced(door, exporter)


def _parent_id(span: ReadableSpan) -> int:
    assert span.parent is not None
    span_id: int = span.parent.span_id
    return span_id


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    span_id: int = span.context.span_id
    return span_id


def test_a_command_is_followed_into_the_journal_and_the_store(traced: Traced) -> None:
    traced.door.usage.RecordUsage(usage("anna", "one"), timeout=TIMEOUT_SECONDS, metadata=TRACEPARENT)

    call, queue, transaction, read, commit = traced.spans(
        RECORD, "journal queue", "journal transaction", "store read", "store commit"
    )
    assert call.context is not None
    assert (f"{call.context.trace_id:032x}", f"{_parent_id(call):016x}") == (TRACE, PARENT)
    assert call.kind is SpanKind.SERVER
    assert dict(call.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": RECORD,
        "rpc.response.status_code": "OK",
        "tollhouse.client": "local",
    }
    assert _parent_id(queue) == _id(call)
    assert queue.end_time is not None
    assert queue.start_time is not None
    assert 0 <= queue.end_time - queue.start_time < 30e9
    assert transaction.parent is None
    assert [link.context.span_id for link in transaction.links] == [_id(call)]
    assert dict(transaction.attributes or {}) == {"tollhouse.commands": 1, "tollhouse.calls": 1}
    assert [_parent_id(span) for span in (read, commit)] == [_id(transaction)] * 2


def test_a_question_has_what_the_database_was_sent_below_it(traced: Traced) -> None:
    request = GetEntitlementRequest(subject=common.Subject(user_id="anna"))
    traced.door.entitlements.GetEntitlement(request, timeout=TIMEOUT_SECONDS)

    call, read = traced.spans("tollhouse.v1.EntitlementService/GetEntitlement", "store read")

    assert call.parent is None
    assert _parent_id(read) == _id(call)
    assert read.kind is SpanKind.CLIENT
    assert (read.attributes or {})["db.operation.batch.size"]


def test_a_refusal_has_its_reason_and_is_no_error_of_ours(traced: Traced) -> None:
    refusal(traced.door.usage.RecordUsage, usage("nobody", "k"), metadata=[("x-request-id", "request-1234")])

    (call,) = traced.spans(RECORD)

    attributes = dict(call.attributes or {})
    assert attributes["rpc.response.status_code"] == "NOT_FOUND"
    assert attributes["tollhouse.reason"] == "SUBJECT_NOT_FOUND"
    assert attributes["tollhouse.request_id"] == "request-1234"
    assert call.status.status_code is StatusCode.UNSET


def test_a_defect_is_an_error_without_its_text(
    traced: Traced, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("anna@example.com is not swordfish")

    monkeypatch.setattr(usage_cases, "record", fail)
    refusal(traced.door.usage.RecordUsage, usage("anna", "k"))

    (call,) = traced.spans(RECORD)

    assert call.status.status_code is StatusCode.ERROR
    assert call.events == ()
    assert "swordfish" not in call.to_json()


def test_nobody_is_named_in_a_span(traced: Traced) -> None:
    subject = common.Subject(email="anna@example.com")
    traced.door.usage.RecordUsage(usage("", "one", subject=subject), timeout=TIMEOUT_SECONDS, metadata=TRACEPARENT)
    traced.spans("store commit")

    told = "".join(span.to_json() for span in traced.exporter.get_finished_spans())
    assert "anna" not in told
    assert "canary" not in told


def test_without_the_library_traces_are_refused_and_it_is_named(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tollhoused.cli.tracing", None)
    monkeypatch.delattr("tollhoused.cli.tracing")

    complaint = failed("serve", "--traces", "--listen", "127.0.0.1:0", "--database-url", sqlite_url)

    assert "traces: " in complaint
    assert "install tollhouse[otel], or serve without --traces" in complaint

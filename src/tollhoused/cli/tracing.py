"""Traces with OpenTelemetry, which is imported only when they are switched on (the extra `otel`).

A span for each call, under the caller's W3C `traceparent`; below it how long it waited in the journal's queue. A span
for each transaction, linked to the calls that share it. Below both, what the database is sent. Attributes are methods,
codes, reasons, client ids and numbers: no names of customers, no messages, no statements' values.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tollhoused.observing import EndedCall, Metadata, Tracing

LINKS_MAX = 128
"""Calls to which a transaction is linked; a batch may have more, and the library keeps no more."""

OUR_FAULT = {"DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"}
"""Codes that make a server's span an error (OpenTelemetry's conventions for gRPC)."""

UNTOLD: Any = {"record_exception": False, "set_status_on_exception": False}
"""What happened is told by codes and reasons."""

_PARENT = TraceContextTextMapPropagator()


def exporting(version: str) -> TracerProvider:
    """Sends spans by OTLP over gRPC to where the standard variables OTEL_EXPORTER_OTLP_* say, from a bounded queue."""
    named = Resource.create({"service.name": "tollhouse", "service.version": version})
    provider = TracerProvider(resource=named.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Traces(Tracing):
    """Spans of one server. It is told the end of each call to complete that call's span."""

    on = True

    def __init__(self, provider: TracerProvider, clock: Callable[[], int]) -> None:
        """`clock` is in microseconds since the epoch."""
        self._provider = provider
        self._tracer = provider.get_tracer("tollhouse")
        self._clock = clock

    def call(self, method: str, metadata: Metadata) -> AbstractContextManager[Span]:
        # `tracestate` is free text of other people's making: it is not passed on.
        parent = next((value for name, value in metadata if name == "traceparent" and isinstance(value, str)), "")
        context = _PARENT.extract({"traceparent": parent}) if parent else None
        attributes = {"rpc.system.name": "grpc", "rpc.method": method}
        return self._tracer.start_as_current_span(
            method, context=context, kind=SpanKind.SERVER, attributes=attributes, **UNTOLD
        )

    def ended(self, call: EndedCall) -> None:
        span = trace.get_current_span()
        span.set_attribute("rpc.response.status_code", call.code)
        if call.client:
            span.set_attribute("tollhouse.client", call.client)
        if call.reason:
            span.set_attribute("tollhouse.reason", call.reason)
            span.set_attribute("tollhouse.request_id", call.request_id)
        if call.code in OUR_FAULT:
            span.set_status(Status(StatusCode.ERROR))

    def origin(self) -> object | None:
        span = trace.get_current_span()
        return span if span.is_recording() else None

    def queued(self, origins: Sequence[tuple[object, float]]) -> None:
        now_ns = self._clock() * 1_000
        for span, seconds in origins:
            if isinstance(span, Span):
                context, began_ns = trace.set_span_in_context(span), now_ns - int(seconds * 1e9)
                self._tracer.start_span("journal queue", context=context, start_time=began_ns).end(now_ns)

    def transaction(self, origins: Iterable[object], commands: int) -> AbstractContextManager[Span]:
        calls = dict.fromkeys(origin for origin in origins if isinstance(origin, Span))
        links = [Link(call.get_span_context()) for call in islice(calls, LINKS_MAX)]
        attributes = {"tollhouse.commands": commands, "tollhouse.calls": len(calls)}
        return self._span("journal transaction", links=links, attributes=attributes)

    def statements(self, name: str, count: int) -> AbstractContextManager[Span]:
        return self._span(name, kind=SpanKind.CLIENT, attributes={"db.operation.batch.size": count})

    def close(self) -> None:
        """Sends what has not been sent."""
        self._provider.shutdown()

    @contextmanager
    def _span(self, name: str, **more: Any) -> Iterator[Span]:
        """A span that an error ends as an error, without the error's text: that may quote rows."""
        with self._tracer.start_as_current_span(name, **UNTOLD, **more) as span:
            try:
                yield span
            except Exception:
                span.set_status(Status(StatusCode.ERROR))
                raise

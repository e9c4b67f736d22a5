"""UsageService: recording what was used, and finding it again."""

import json
from collections import Counter
from collections.abc import Sequence

from tollhouse.v1 import usage_service_pb2 as pb

from tollhoused.domain.books import Operation, Settled
from tollhoused.domain.charts import EXPIRY_OF_RESERVATION, UsageTotal
from tollhoused.domain.stored_answers import answer_from_json
from tollhoused.errors import TollhouseError
from tollhoused.observing import REPLAYED, STORED, CallObserver
from tollhoused.rpc import answers, decode
from tollhoused.rpc.encode import timestamp
from tollhoused.rpc.status import Faults, item_error
from tollhoused.usecases import charts, gauges, pages, usage, voids
from tollhoused.usecases.core import Call, Core


class UsageServicer:
    """The methods of the service."""

    def __init__(self, core: Core, faults: Faults, observer: CallObserver | None = None) -> None:
        self._core = core
        self._faults = faults
        self._observer = observer

    def RecordUsage(self, request: pb.RecordUsageRequest, call: Call) -> pb.RecordUsageResponse:
        settled = usage.record(self._core, call, decode.usage_report(request), request.validate_only)
        return answers.record_usage(settled.answer, settled.replayed, settled.voided)

    def SetUsage(self, request: pb.SetUsageRequest, call: Call) -> pb.SetUsageResponse:
        report = decode.level_report(request)
        settled = gauges.set_usage(self._core, call, report, request.idempotency_key, request.validate_only)
        return answers.set_usage(settled.answer, settled.replayed)

    def VoidUsage(self, request: pb.VoidUsageRequest, call: Call) -> pb.VoidUsageResponse:
        settled = voids.void_usage(
            self._core,
            call,
            voided_key=request.voided_key,
            reason=request.reason,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.void_usage(settled.answer, settled.replayed)

    def BatchRecordUsage(self, request: pb.BatchRecordUsageRequest, call: Call) -> pb.BatchRecordUsageResponse:
        outcomes = usage.record_batch(
            self._core,
            call,
            decode.usage_reports(request.items),
            atomic=request.atomic,
            validate_only=request.validate_only,
        )
        if self._observer and not request.validate_only:
            self._observer.batch_recorded(tally(outcomes))
        response = pb.BatchRecordUsageResponse()
        for outcome in outcomes:
            self._fill(response.results.add(), outcome)
        return response

    def ListUsageEvents(self, request: pb.ListUsageEventsRequest, call: Call) -> pb.ListUsageEventsResponse:
        core = self._core
        account_id, events, token = usage.list_events(
            core,
            call,
            decode.subject(request.subject),
            decode.time_range(request, core.clock()),
            request.meter,
            request.product,
            pages.page_size(request.page_size),
            request.page_token,
        )
        currency = core.catalogue.currency
        return pb.ListUsageEventsResponse(
            account_id=account_id,
            usage_events=[_usage_event(event, currency) for event in events],
            next_page_token=token,
        )

    def QueryUsage(self, request: pb.QueryUsageRequest, call: Call) -> pb.QueryUsageResponse:
        found = charts.query_usage(self._core, call, decode.chart_question(request))
        return pb.QueryUsageResponse(
            account_id=found.account_id,
            zone=found.zone,
            currency=found.currency,
            start_time=timestamp(found.period.start_us),
            end_time=timestamp(found.period.end_us),
            totals=[_usage_total(total) for total in found.totals],
            next_page_token=found.next_token,
        )

    def GetOperation(self, request: pb.GetOperationRequest, call: Call) -> pb.GetOperationResponse:
        found = usage.get_operation(self._core, call, request.idempotency_key)
        return pb.GetOperationResponse(operation=_operation(found, self._core.catalogue.currency))

    def _fill(self, result: pb.BatchItemResult, outcome: Settled | TollhouseError) -> None:
        if isinstance(outcome, Settled):
            answers.fill_usage(result.recorded, outcome.answer, outcome.replayed, outcome.voided)
        else:
            result.error.CopyFrom(item_error(self._faults.disclosable(outcome)))


def tally(outcomes: Sequence[Settled | TollhouseError]) -> Counter[str]:
    """How many items came to which end."""
    return Counter(
        each.reason if isinstance(each, TollhouseError) else REPLAYED if each.replayed else STORED for each in outcomes
    )


def _counted_us(operation: Operation) -> int:
    """The instant at which it counts: stored is the time that was sent, and what lay ahead counted as now."""
    return min(operation.event_us, operation.stored_us)


def _usage_event(event: Operation, currency: str) -> pb.UsageEvent:
    by_expiry = event.kind == EXPIRY_OF_RESERVATION
    return pb.UsageEvent(
        idempotency_key="" if by_expiry else event.idempotency_key,
        expired_reservation_id=event.idempotency_key if by_expiry else "",
        product=event.product,
        meter=event.meter,
        quantity=event.quantity,
        event_time=timestamp(_counted_us(event)),
        record_time=timestamp(event.stored_us),
        metadata=json.loads(event.metadata) if event.metadata else None,
        overage_quantity=event.overage,
        charged_nanos=event.charged_nanos,
        currency=currency,
        voided_by=event.voided_by,
    )


def _usage_total(total: UsageTotal) -> pb.UsageTotal:
    return pb.UsageTotal(
        start_time=timestamp(total.start_us),
        end_time=timestamp(total.end_us),
        meter=total.meter,
        product=total.product,
        quantity=total.quantity,
        overage_quantity=total.overage,
        charged_nanos=total.charged_nanos,
        events=total.events,
    )


def _operation(stored: Operation, currency: str) -> pb.Operation:
    operation = pb.Operation(
        idempotency_key=stored.idempotency_key,
        kind=f"OPERATION_KIND_{stored.kind.upper()}",
        account_id=stored.account_id,
        record_time=timestamp(stored.stored_us),
        event_time=timestamp(_counted_us(stored)),
        product=stored.product,
        meter=stored.meter,
        quantity=stored.quantity,
        overage_quantity=stored.overage,
        charged_nanos=stored.charged_nanos,
        currency=currency,
        voided_by=stored.voided_by,
    )
    answer = answers.BY_KIND[stored.kind](answer_from_json(stored.kind, stored.answer), False)
    getattr(operation, stored.kind).CopyFrom(answer)
    return operation

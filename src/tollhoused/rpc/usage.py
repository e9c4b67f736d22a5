"""UsageService: recording what was used, and finding it again."""

import json
from collections import Counter
from collections.abc import Sequence

from tollhouse.v1 import usage_service_pb2 as pb

from tollhoused.domain.answers import answer_from_json
from tollhoused.domain.books import Operation, Settled
from tollhoused.errors import TollhouseError
from tollhoused.observing import REPLAYED, STORED, CallObserver
from tollhoused.rpc import answers, decode
from tollhoused.rpc.encode import timestamp
from tollhoused.rpc.status import Faults, item_error
from tollhoused.usecases import pages, usage
from tollhoused.usecases.core import Call, Core


class UsageServicer:
    """The methods of the service."""

    def __init__(self, core: Core, faults: Faults, observer: CallObserver | None = None) -> None:
        self._core = core
        self._faults = faults
        self._observer = observer

    def RecordUsage(self, request: pb.RecordUsageRequest, call: Call) -> pb.RecordUsageResponse:
        settled = usage.record(self._core, call, decode.usage_report(request), request.validate_only)
        return answers.record_usage(settled.answer, settled.replayed)

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

    def GetOperation(self, request: pb.GetOperationRequest, call: Call) -> pb.GetOperationResponse:
        found = usage.get_operation(self._core, call, request.idempotency_key)
        return pb.GetOperationResponse(operation=_operation(found, self._core.catalogue.currency))

    def _fill(self, result: pb.BatchItemResult, outcome: Settled | TollhouseError) -> None:
        if isinstance(outcome, Settled):
            answers.fill_usage(result.recorded, outcome.answer, outcome.replayed)
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
    return pb.UsageEvent(
        idempotency_key=event.idempotency_key,
        product=event.product,
        meter=event.meter,
        quantity=event.quantity,
        event_time=timestamp(_counted_us(event)),
        record_time=timestamp(event.stored_us),
        metadata=json.loads(event.metadata) if event.metadata else None,
        overage_quantity=event.overage,
        charged_nanos=event.charged_nanos,
        currency=currency,
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
    )
    answer = answers.BY_KIND[stored.kind](answer_from_json(stored.kind, stored.answer), False)
    getattr(operation, stored.kind).CopyFrom(answer)
    return operation

"""What commands send to a server that runs elsewhere: usage events, again where the outcome is not clear."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import usage_service_pb2 as pb

from tollhoused.domain.commands import Enforcement
from tollhoused.rpc.channel import CallFailed, Target, connect
from tollhoused.rpc.encode import REASONS, optional_timestamp
from tollhoused.settings import variable
from tollhoused.usecases.usage import UsageReport

BATCH_METHOD = "/tollhouse.v1.UsageService/BatchRecordUsage"

AGAIN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
}
"""After these the outcome is unknown, and the same keys may be sent again. RESOURCE_EXHAUSTED only with RetryInfo."""

KEY_CODES = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}

AGAIN_CODES = {code.value[0] for code in AGAIN}

REASON_NAMES: Mapping[int, str] = {number: name for name, number in REASONS.items()}

ENFORCEMENTS: Mapping[Enforcement, common.Enforcement] = {
    Enforcement.ENFORCE: common.ENFORCEMENT_ENFORCE,
    Enforcement.RECORD: common.ENFORCEMENT_RECORD,
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A usage event that is stored, now or (`replayed`) before."""

    quantity: int
    charged_nanos: int
    currency: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A usage event that is not stored, and will not be unless something changes; `reason` as in ErrorReason."""

    reason: str
    message: str


Result = Recorded | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to keep trying: attempts in all, each with its deadline, and pauses that double up to a bound."""

    attempts: int = 8
    deadline_seconds: float = 30.0
    pause_seconds: float = 0.1
    pause_max_seconds: float = 5.0

    def pause(self, attempt: int, asked_seconds: float) -> float:
        """Seconds to wait after a failed attempt (0 is the first): what the server asked for, or more."""
        return min(self.pause_max_seconds, max(asked_seconds, math.ldexp(self.pause_seconds, attempt)))


class UsageSender:
    """Sends usage events in batches; what got no clear answer once more, under the same keys: nothing counts twice."""

    def __init__(self, target: Target, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._metadata = target.metadata
        self._channel = connect(target)
        self._send = self._channel.unary_unary(
            BATCH_METHOD,
            request_serializer=pb.BatchRecordUsageRequest.SerializeToString,
            response_deserializer=pb.BatchRecordUsageResponse.FromString,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def send(self, items: Sequence[UsageReport]) -> list[Result]:
        """What became of each item, in order. One batch: 1 to 1,000 items.

        Raises CallFailed when the patience is used up, or when the server refuses the whole call. What was sent may be
        sent again then.
        """
        messages = [_item(report) for report in items]
        results: list[Result | None] = [None] * len(messages)
        waiting = list(range(len(messages)))
        for attempt in range(self._patience.attempts):
            asked_seconds, failure = self._try([messages[index] for index in waiting], waiting, results)
            waiting = [index for index in waiting if results[index] is None]
            if not waiting:
                return [result for result in results if result is not None]
            if attempt < self._patience.attempts - 1:
                time.sleep(self._patience.pause(attempt, asked_seconds))
        raise CallFailed(f"{len(waiting)} usage events got no answer in {self._patience.attempts} attempts: {failure}")

    def _try(self, messages: list[pb.UsageItem], indexes: list[int], results: list[Result | None]) -> tuple[float, str]:
        """One attempt: fills in the results that are clear. Returns how long the server asks to wait, and why."""
        try:
            request = pb.BatchRecordUsageRequest(items=messages)
            answer = self._send(request, timeout=self._patience.deadline_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            return _delay(error), f"{error.code().name}, {error.details()}"
        failure = ""
        for index, result in zip(indexes, answer.results, strict=True):
            if result.WhichOneof("result") == "recorded":
                results[index] = _recorded(result.recorded)
            elif result.error.code in AGAIN_CODES:
                failure = result.error.message
            else:
                results[index] = Refused(REASON_NAMES.get(result.error.reason, "UNSPECIFIED"), result.error.message)
        return 0.0, failure


def _item(report: UsageReport) -> pb.UsageItem:
    return pb.UsageItem(
        subject=common.Subject(user_id=report.user_id, email=report.email, org_id=report.org_id),
        product=report.product,
        meter=report.meter,
        quantity=report.quantity,
        event_time=optional_timestamp(report.event_us),
        enforcement=ENFORCEMENTS[report.enforcement],
        metadata=report.metadata,
        idempotency_key=report.idempotency_key,
    )


def _recorded(response: pb.RecordUsageResponse) -> Recorded:
    return Recorded(response.quantity, response.charged_nanos, response.currency, response.replayed)


def _delay(error: grpc.RpcError) -> float:
    """How many seconds to wait before the call is repeated. Raises CallFailed where repeating cannot help."""
    # What a call raises is both of gRPC's classes, whose declared types contradict each other.
    status = rpc_status.from_call(cast(grpc.Call, error))
    for detail in status.details if status else ():
        retry = RetryInfo()
        if detail.Unpack(retry):
            return float(retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)
    if error.code() in AGAIN:
        return 0.0
    raise refused(error) from error


def refused(error: grpc.RpcError) -> CallFailed:
    """The failure of a call that need not be repeated; says where the key comes from when that is what is wrong."""
    hint = f" (the API key is what {variable('api_key')} says)" if error.code() in KEY_CODES else ""
    return CallFailed(f"the server refuses the call: {error.code().name}, {error.details()}{hint}")

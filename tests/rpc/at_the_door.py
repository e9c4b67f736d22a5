"""The driver of games through gRPC: one customer of a running server, seen as any client sees one."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import count
from typing import Any

import grpc
import pytest
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import reservation_service_pb2 as reservations_pb
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest
from tollhouse.v1.error_reason_pb2 import ErrorReason
from tollhouse.v1.subscription_service_pb2 import SubscriptionStatus
from tollhouse.v1.usage_service_pb2 import BatchRecordUsageRequest, UsageItem

from tests.domain.builders import START_US
from tests.domain.game import Told
from tests.domain.model import Model, Refused
from tests.rpc.requests import call_of
from tests.support.door import TIMEOUT_SECONDS, Door, micros, refusal_of
from tests.support.house import Clock
from tollhoused.domain.commands import (
    AdjustCredits,
    AssignPlan,
    Command,
    GrantCredits,
    RecordUsage,
    ReserveUsage,
    SetOverride,
)
from tollhoused.domain.voids import VoidUsage

PAGE = 200


class GivenIds:
    """Makes the ids that the next command is to have; others are numbered."""

    def __init__(self) -> None:
        self.next: dict[str, str] = {}
        self._numbers = count(1)

    def __call__(self, prefix: str) -> str:
        return self.next.pop(prefix, "") or f"{prefix}_{next(self._numbers):08}_own"


class AtTheDoor:
    """A new customer, at START_US."""

    def __init__(self, door: Door, clock: Clock, ids: GivenIds, user_id: str) -> None:
        self._door = door
        self._clock = clock
        self._ids = ids
        self._subject = Subject(user_id=user_id)
        clock.now_us = START_US
        self.account_id = door.make_user(user_id).account.account_id

    def wait_until(self, now_us: int) -> int:
        """Forward only: that an account has been looked at is not stored where nothing came of it."""
        self._clock.now_us = max(self._clock.now_us, now_us)
        return self._clock.now_us

    def sweep(self) -> None:
        """What time has done shows whether anybody sweeps or not."""

    def settle(self, command: Command) -> Told:
        """A preview is answered alike, or refused alike."""
        try:
            preview = self._call(command, validate_only=True)
        except Refused as refusal:
            with pytest.raises(Refused, match=str(refusal)):
                self._call(command)
            raise
        answer = self._call(command)
        assert answer == preview
        assert not answer.replayed
        return Told(answer, _facts(answer))

    def settle_together(self, commands: Sequence[RecordUsage]) -> list[Told]:
        requests = [call_of(self._door, self._subject, command)[1] for command in commands]
        items = [UsageItem.FromString(request.SerializeToString()) for request in requests]
        batch = BatchRecordUsageRequest(items=items, atomic=True)
        answer = _unless_refused(lambda: self._door.usage.BatchRecordUsage(batch, timeout=TIMEOUT_SECONDS))
        return [Told(result.recorded, _facts(result.recorded)) for result in answer.results]

    def settle_again(self, command: Command, first: Told, voided: bool) -> None:
        expected = deepcopy(first.answer)
        expected.replayed = True
        if voided:
            expected.voided = True
        assert self._call(command) == expected

    def check(self, model: Model) -> None:
        """Reads everything, which moves nothing: the model is asked what time alone has made of it."""
        now = deepcopy(model)
        now.advance(self._clock.now_us)
        balance = self._door.credits.GetBalance(
            credits_pb.GetBalanceRequest(subject=self._subject), timeout=TIMEOUT_SECONDS
        ).balance
        held = sum(sum(item["holds"].values()) for item in now.reservations.values())
        assert (balance.total_nanos, balance.debt_nanos, balance.held_nanos) == (now.balance, now.debt, held)
        assert {item.grant_id: (item.remaining_nanos, item.held_nanos) for item in self._grants()} == {
            id: (item["left"], now.held_of(id)) for id, item in now.grants.items()
        }
        self._check_reservations(now)
        self._check_entitlement(now)

    def _check_reservations(self, now: Model) -> None:
        request = reservations_pb.ListReservationsRequest(subject=self._subject, include_ended=True, page_size=PAGE)
        found = self._door.reservations.ListReservations(request, timeout=TIMEOUT_SECONDS).reservations
        states = {item.reservation_id: (_word(item.state), _debits(item.holds), item.used) for item in found}
        assert states == {
            id: (item["state"], list(item["holds"].items()), item["used"]) for id, item in now.reservations.items()
        }

    def _check_entitlement(self, now: Model) -> None:
        request = GetEntitlementRequest(subject=self._subject)
        found = self._door.entitlements.GetEntitlement(request, timeout=TIMEOUT_SECONDS).entitlement
        segment = now.segments[-1]
        period = (micros(found.usage_period.start_time), micros(found.usage_period.end_time))
        assert (found.plan, *period) == (segment["plan"], segment["period_start"], segment["period_end"])
        for meter in found.meters:
            used = segment["carried"].get(meter.meter, 0) + segment["used"].get(meter.meter, 0)
            held = sum(item["quantity"] for item in now.line(segment, meter.meter))
            level = segment["level"].get(meter.meter, 0)
            assert (meter.meter, meter.used, meter.held, meter.level) == (meter.meter, used, held, level)

    def _grants(self) -> list[Any]:
        request = credits_pb.ListGrantsRequest(subject=self._subject, include_closed=True, page_size=PAGE)
        return list(self._door.credits.ListGrants(request, timeout=TIMEOUT_SECONDS).grants)

    def _call(self, command: Command, validate_only: bool = False) -> Any:
        method, request = call_of(self._door, self._subject, command)
        request.validate_only = validate_only
        self._ids.next = _ids_of(command)
        return _unless_refused(lambda: method(request, timeout=TIMEOUT_SECONDS))


def _unless_refused(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        raise Refused(refusal.reason or f"{refusal.code}: {refusal.message}") from error


def _ids_of(command: Command) -> dict[str, str]:
    """The ids of what the command makes, by their prefixes."""
    match command:
        case GrantCredits() | AdjustCredits() | VoidUsage():
            return {"grant": command.grant_id}
        case ReserveUsage():
            return {"rsv": command.new_id}
        case AssignPlan():
            return {"sub": command.new_id}
        case SetOverride():
            return {"ovr": command.override_id}
    return {}


def _facts(answer: Any) -> dict[str, Any]:
    """What of an answer the model speaks of, by its names."""
    facts: dict[str, Any] = {field.name: getattr(answer, field.name) for field in answer.DESCRIPTOR.fields}
    if answer.DESCRIPTOR.name == "CommitReservationResponse":
        return _facts(answer.usage)
    if "reservation" in facts:
        made = answer.reservation
        return {"held": made.held_nanos, "until": micros(made.expire_time)}
    if "subscription" in facts:
        return _subscription(answer.subscription)
    if "returns" in facts:
        facts |= {"charged_nanos": answer.returned_nanos, "debits": answer.returns}
    if "peak" in facts:
        facts["new_usage"] = answer.peak
    if "limit" in facts and not answer.HasField("limit"):
        facts["limit"] = None
    if "debits" in facts:
        facts["debits"] = _debits(facts["debits"])
    if "lifted" in facts:
        facts["lifted"] = {ErrorReason.Name(item).removeprefix("ERROR_REASON_") for item in answer.lifted}
    return facts


def _subscription(found: Any) -> dict[str, Any]:
    status = SubscriptionStatus.Name(found.status).removeprefix("SUBSCRIPTION_STATUS_").lower()
    told = {"plan": found.plan, "status": status, "counts": found.counts, "pending_plan": None, "pending_us": None}
    if found.HasField("pending"):
        told |= {"pending_plan": found.pending.plan, "pending_us": micros(found.pending.effective_time)}
    return told


def _debits(debits: Any) -> list[tuple[str, int]]:
    return [(debit.grant_id, debit.amount_nanos) for debit in debits]


def _word(state: int) -> str:
    """A reservation's state as the model calls it."""
    name = reservations_pb.ReservationState.Name(reservations_pb.ReservationState.ValueType(state))
    return name.removeprefix("RESERVATION_STATE_").lower()

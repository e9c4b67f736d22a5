"""EntitlementService: may this customer do this, and what is left?"""

from typing import NamedTuple

from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import entitlement_service_pb2 as pb
from tollhouse.v1 import error_reason_pb2 as error_reason

from tollhoused.domain.catalogue import Catalogue, Policy
from tollhoused.domain.counting import limit_of
from tollhoused.errors import TollhouseError
from tollhoused.rpc import decode, encode
from tollhoused.rpc.encode import INTERVALS, MATCHED_BY, METER_KINDS, POLICIES, REASONS, timestamp
from tollhoused.rpc.order_answers import auto_reload
from tollhoused.rpc.status import Faults, item_error
from tollhoused.usecases import entitlements
from tollhoused.usecases.core import Call, Core
from tollhoused.usecases.entitlements import Entitlement, MeterState, UsageCheck


class Encoded(NamedTuple):
    """An answer as it goes out: what is asked again and again is encoded once."""

    data: bytes

    def SerializeToString(self) -> bytes:
        """As messages are asked for their bytes."""
        return self.data


class EntitlementServicer:
    """The methods of the service."""

    def __init__(self, core: Core, faults: Faults) -> None:
        self._core = core
        self._faults = faults

    def GetEntitlement(self, request: pb.GetEntitlementRequest, call: Call) -> Encoded:
        core = self._core

        def tell(found: Entitlement) -> Encoded:
            message = pb.GetEntitlementResponse(entitlement=entitlement_message(found, core.catalogue))
            return Encoded(message.SerializeToString())

        return entitlements.told_entitlement(core, call, decode.subject(request.subject), request.product, tell)

    def BatchGetEntitlements(
        self, request: pb.BatchGetEntitlementsRequest, call: Call
    ) -> pb.BatchGetEntitlementsResponse:
        subjects = decode.subjects(request.subjects)
        found = entitlements.batch_get_entitlements(self._core, call, subjects, request.product)
        catalogue = self._core.catalogue
        return pb.BatchGetEntitlementsResponse(results=[self._result(item, catalogue) for item in found])

    def CheckFeature(self, request: pb.CheckFeatureRequest, call: Call) -> pb.CheckFeatureResponse:
        has_access, plan = entitlements.check_feature(self._core, decode.subject(request.subject), request.feature)
        return pb.CheckFeatureResponse(has_access=has_access, feature=request.feature, plan=plan)

    def CheckUsage(self, request: pb.CheckUsageRequest, call: Call) -> pb.CheckUsageResponse:
        question = decode.usage_question(request)
        return _usage_check(entitlements.check_usage(self._core, call, decode.subject(request.subject), question))

    def _result(self, item: Entitlement | TollhouseError, catalogue: Catalogue) -> pb.BatchEntitlementResult:
        if isinstance(item, Entitlement):
            return pb.BatchEntitlementResult(entitlement=entitlement_message(item, catalogue))
        return pb.BatchEntitlementResult(error=item_error(self._faults.disclosable(item)))


def entitlement_message(found: Entitlement, catalogue: Catalogue) -> pb.Entitlement:
    """What an account may do."""
    account, segment = found.account, found.segment
    return pb.Entitlement(
        account_id=account.id,
        matched_by=MATCHED_BY[found.match.matched_by],
        has_access=found.has_access,
        plan=segment.terms.plan,
        plan_version=segment.terms.plan_version,
        features=sorted(segment.terms.features),
        meters=[_meter(state, catalogue) for state in found.meters],
        overage_allowed=found.overage_allowed,
        credits=encode.balance(account.currency, found.balance),
        usage_period=encode.usage_period(segment.period_start_us, segment.period_end_us),
        valid_until=timestamp(found.valid_until_us),
        active_subscriptions=found.active_subscriptions,
        billing_interval=INTERVALS[found.billing_interval] if found.billing_interval else None,
        auto_reload=auto_reload(account.reload, account.currency) if account.reload else None,
    )


def _meter(state: MeterState, catalogue: Catalogue) -> pb.MeterEntitlement:
    meter = catalogue.meters[state.meter]
    return pb.MeterEntitlement(
        meter=state.meter,
        kind=METER_KINDS[meter.kind],
        unit=meter.unit,
        included=state.terms.included,
        used=state.used,
        held=state.held,
        remaining=state.remaining,
        overage_quantity=state.overage,
        policy=POLICIES[state.terms.policy],
        rate=_rate(state),
        charged_nanos=state.charged_nanos,
        level=state.level,
    )


def _rate(state: MeterState) -> common.Rate | None:
    """What overage costs, where it costs anything."""
    return encode.rate(state.terms.rate) if state.terms.policy is Policy.CREDITS else None


def _usage_check(check: UsageCheck) -> pb.CheckUsageResponse:
    """Refused: nothing changes, so use, limit and balance are told as they are."""
    account, segment, answer = check.account, check.segment, check.answer
    if answer is not None:
        new_usage, limit, remaining, level = answer.new_usage, answer.limit, answer.remaining, answer.level
        balance_after_nanos = answer.balance_after_nanos
    else:
        counter = account.counter(segment, check.meter)
        new_usage, limit = counter.carried + counter.used, limit_of(segment, check.meter)
        level = counter.level if check.is_gauge else None
        remaining = None if limit is None else max(0, limit - (new_usage if level is None else level))
        balance_after_nanos = account.balance_nanos
    return pb.CheckUsageResponse(
        allowed=check.allowed,
        reason=REASONS[check.refusal.reason] if check.refusal else error_reason.ERROR_REASON_UNSPECIFIED,
        account_id=account.id,
        matched_by=MATCHED_BY[check.match.matched_by],
        meter=check.meter,
        plan=segment.terms.plan,
        plan_version=segment.terms.plan_version,
        new_usage=new_usage,
        limit=limit,
        remaining=remaining,
        overage_quantity=check.overage,
        cost_nanos=check.cost_nanos,
        missing_nanos=check.missing_nanos,
        currency=account.currency,
        balance_after_nanos=balance_after_nanos,
        plans_that_allow=check.plans_that_allow,
        reset_time=timestamp(segment.period_end_us),
        level=level,
    )

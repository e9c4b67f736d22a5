"""SubscriptionService: plans, and which of them an account has."""

from collections.abc import Mapping

from tollhouse.v1 import subscription_service_pb2 as pb

from tollhoused.domain.catalogue import Meter, OnUnavailable, Plan, Policy
from tollhoused.rpc import answers, decode, encode
from tollhoused.rpc.encode import INTERVALS, METER_KINDS, POLICIES
from tollhoused.usecases import subscriptions
from tollhoused.usecases.core import Call, Core

ON_UNAVAILABLE: Mapping[OnUnavailable, pb.OnUnavailable] = {
    OnUnavailable.ALLOW: pb.ON_UNAVAILABLE_ALLOW,
    OnUnavailable.DENY: pb.ON_UNAVAILABLE_DENY,
}


class SubscriptionServicer:
    """The methods of the service."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def AssignPlan(self, request: pb.AssignPlanRequest, call: Call) -> pb.AssignPlanResponse:
        settled = subscriptions.assign_plan(
            self._core,
            call,
            subject=decode.subject(request.subject),
            plan=request.plan,
            plan_version=request.plan_version,
            start_us=decode.given_instant(request, "start_time"),
            end_us=decode.given_instant(request, "end_time"),
            trial_end_us=decode.given_instant(request, "trial_end_time"),
            effective_us=decode.given_instant(request, "effective_time"),
            subscription_id=request.subscription_id,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.assign_plan(settled.answer, settled.replayed)

    def UnassignPlan(self, request: pb.UnassignPlanRequest, call: Call) -> pb.UnassignPlanResponse:
        settled = subscriptions.unassign_plan(
            self._core,
            call,
            subject=decode.subject(request.subject),
            subscription_id=request.subscription_id,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.unassign_plan(settled.answer, settled.replayed)

    def CancelPendingPlanChange(
        self, request: pb.CancelPendingPlanChangeRequest, call: Call
    ) -> pb.CancelPendingPlanChangeResponse:
        settled = subscriptions.cancel_pending_plan_change(
            self._core,
            call,
            subject=decode.subject(request.subject),
            subscription_id=request.subscription_id,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.cancel_pending_plan_change(settled.answer, settled.replayed)

    def SetOverride(self, request: pb.SetOverrideRequest, call: Call) -> pb.SetOverrideResponse:
        settled = subscriptions.set_override(
            self._core,
            call,
            subject=decode.subject(request.subject),
            meter=request.meter,
            included=request.included if request.HasField("included") else None,
            policy=decode.known("policy", decode.POLICIES, request.policy),
            rate=decode.rate("rate", request.rate) if request.HasField("rate") else None,
            from_us=decode.given_instant(request, "start_time"),
            until_us=decode.given_instant(request, "end_time"),
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.set_override(settled.answer, settled.replayed)

    def RemoveOverride(self, request: pb.RemoveOverrideRequest, call: Call) -> pb.RemoveOverrideResponse:
        settled = subscriptions.remove_override(
            self._core,
            call,
            subject=decode.subject(request.subject),
            override_id=request.override_id,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.remove_override(settled.answer, settled.replayed)

    def ListPlans(self, request: pb.ListPlansRequest, call: Call) -> pb.ListPlansResponse:
        version, catalogue = subscriptions.list_plans(self._core, request.plan_version)
        return pb.ListPlansResponse(
            plan_version=version,
            currency=catalogue.currency,
            default_plan=catalogue.default_plan,
            plans=[_plan(plan) for plan in sorted(catalogue.plans.values(), key=lambda plan: plan.rank)],
            meters=[_meter(meter) for _, meter in sorted(catalogue.meters.items())],
        )


def _plan(plan: Plan) -> pb.Plan:
    return pb.Plan(
        code=plan.code,
        name=plan.name,
        rank=plan.rank,
        prices=[
            pb.PlanPrice(interval=INTERVALS[price.interval], amount_nanos=price.amount_nanos) for price in plan.prices
        ],
        features=sorted(plan.features),
        meters=[
            pb.PlanMeter(
                meter=code,
                included=terms.included,
                policy=POLICIES[terms.policy],
                rate=encode.rate(terms.rate) if terms.policy is Policy.CREDITS else None,
            )
            for code, terms in sorted(plan.meters.items())
        ],
        credits=[
            pb.PlanCredits(
                code=credits.code,
                amount_nanos=credits.amount_nanos,
                category=encode.CATEGORIES[credits.category],
                priority=credits.priority,
                meters=sorted(credits.meters),
                lasts_days=credits.lasts_days,
            )
            for credits in sorted(plan.credits, key=lambda credits: credits.code)
        ],
    )


def _meter(meter: Meter) -> pb.Meter:
    return pb.Meter(
        code=meter.code,
        kind=METER_KINDS[meter.kind],
        unit=meter.unit,
        aliases=sorted(meter.aliases),
        max_quantity=meter.max_quantity,
        on_unavailable=ON_UNAVAILABLE[meter.on_unavailable],
    )

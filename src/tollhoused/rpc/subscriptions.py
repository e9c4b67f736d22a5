"""SubscriptionService: plans, and which of them an account has."""

from tollhouse.v1 import subscription_service_pb2 as pb

from tollhoused.rpc import answers, decode
from tollhoused.rpc.buying import BuyingMethods
from tollhoused.rpc.order_answers import placed_fields
from tollhoused.rpc.plans import meter_message, plan_message
from tollhoused.usecases import buying, subscriptions
from tollhoused.usecases.core import Call, Core


class SubscriptionServicer(BuyingMethods):
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
        if subscriptions.is_bought(self._core, request.subscription_id):
            placed, bought = buying.cancel_bought_change(
                self._core,
                call,
                subject=decode.subject(request.subject),
                subscription_id=request.subscription_id,
                idempotency_key=request.idempotency_key,
                validate_only=request.validate_only,
            )
            fields = placed_fields(placed)
            del fields["order"]
            shown = self._shown(bought, self._core.clock())
            return pb.CancelPendingPlanChangeResponse(**fields, subscription=shown)
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
            plans=[plan_message(plan) for plan in sorted(catalogue.plans.values(), key=lambda plan: plan.rank)],
            meters=[meter_message(meter) for _, meter in sorted(catalogue.meters.items())],
        )

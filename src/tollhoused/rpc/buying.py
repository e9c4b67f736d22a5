"""The methods of SubscriptionService by which customers buy, change and end their plans."""

from collections.abc import Mapping

from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import subscription_service_pb2 as pb

from tollhoused.domain.catalogue import Interval
from tollhoused.domain.subscription import Subscription
from tollhoused.rpc import decode, encode
from tollhoused.rpc.encode import MATCHED_BY, optional_timestamp, timestamp
from tollhoused.rpc.order_answers import placed_fields
from tollhoused.rpc.plans import plan_message
from tollhoused.usecases import buying, shop
from tollhoused.usecases.core import Call, Core
from tollhoused.usecases.offers import interval_of

OUTCOMES: Mapping[buying.Outcome, pb.PlanChangeOutcome] = {
    buying.Outcome.APPLIED: pb.PLAN_CHANGE_OUTCOME_APPLIED,
    buying.Outcome.SCHEDULED: pb.PLAN_CHANGE_OUTCOME_SCHEDULED,
    buying.Outcome.CHECKOUT_REQUIRED: pb.PLAN_CHANGE_OUTCOME_CHECKOUT_REQUIRED,
}
INTERVALS: Mapping[int, Interval | None] = {
    common.BILLING_INTERVAL_UNSPECIFIED: None,
    common.BILLING_INTERVAL_MONTHLY: Interval.MONTHLY,
    common.BILLING_INTERVAL_YEARLY: Interval.YEARLY,
}


class BuyingMethods:
    """A part of the service."""

    _core: Core

    def GetPlanState(self, request: pb.GetPlanStateRequest, call: Call) -> pb.GetPlanStateResponse:
        state = buying.get_plan_state(self._core, decode.subject(request.subject))
        account = state.view.account
        terms = account.segment.terms
        shown = self._shown(state.subscription, account.as_of_us, counts=True)
        return pb.GetPlanStateResponse(
            account_id=account.id,
            matched_by=MATCHED_BY[state.view.match.matched_by],
            plan=terms.plan,
            plan_version=terms.plan_version,
            subscription=shown,
            expire_time=optional_timestamp(state.end_us),
            pending=shown.pending if shown and shown.HasField("pending") else None,
            history=[
                pb.PlanSpell(
                    plan=spell.plan,
                    plan_version=spell.plan_version,
                    start_time=timestamp(spell.start_us),
                    end_time=optional_timestamp(spell.end_us),
                )
                for spell in state.history
            ],
            available_plans=[plan_message(plan) for plan in state.available],
        )

    def StartCheckout(self, request: pb.StartCheckoutRequest, call: Call) -> pb.StartCheckoutResponse:
        placed = buying.start_checkout(
            self._core,
            call,
            subject=decode.subject(request.subject),
            plan=request.plan,
            interval=decode.known("interval", INTERVALS, request.interval),
            success_url=request.success_url,
            cancel_url=request.cancel_url,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return pb.StartCheckoutResponse(**placed_fields(placed))

    def ChangePlan(self, request: pb.ChangePlanRequest, call: Call) -> pb.ChangePlanResponse:
        change = buying.change_plan(
            self._core,
            call,
            subject=decode.subject(request.subject),
            plan=request.plan,
            interval=decode.known("interval", INTERVALS, request.interval),
            success_url=request.success_url,
            cancel_url=request.cancel_url,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return pb.ChangePlanResponse(
            **placed_fields(change.placed),
            outcome=OUTCOMES[change.outcome],
            subscription=self._shown(change.subscription, self._core.clock()),
        )

    def CancelSubscription(self, request: pb.CancelSubscriptionRequest, call: Call) -> pb.CancelSubscriptionResponse:
        placed, subscription = buying.cancel_subscription(
            self._core,
            call,
            subject=decode.subject(request.subject),
            at_once=request.at_once,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        shown = self._shown(subscription, self._core.clock())
        return pb.CancelSubscriptionResponse(**placed_fields(placed), subscription=shown)

    def ResumeSubscription(self, request: pb.ResumeSubscriptionRequest, call: Call) -> pb.ResumeSubscriptionResponse:
        placed, subscription = buying.resume_subscription(
            self._core,
            call,
            subject=decode.subject(request.subject),
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        shown = self._shown(subscription, self._core.clock())
        return pb.ResumeSubscriptionResponse(**placed_fields(placed), subscription=shown)

    def PreviewPlanChange(self, request: pb.PreviewPlanChangeRequest, call: Call) -> pb.PreviewPlanChangeResponse:
        preview = buying.preview_plan_change(
            self._core,
            subject=decode.subject(request.subject),
            plan=request.plan,
            interval=decode.known("interval", INTERVALS, request.interval),
        )
        return pb.PreviewPlanChangeResponse(
            account_id=preview.match.account_id,
            matched_by=MATCHED_BY[preview.match.matched_by],
            outcome=OUTCOMES[preview.outcome],
            currency=preview.currency,
            due_now_nanos=preview.due_now_nanos,
            next_nanos=preview.next_nanos,
            next_time=optional_timestamp(preview.next_us),
        )

    def CreatePortalSession(self, request: pb.CreatePortalSessionRequest, call: Call) -> pb.CreatePortalSessionResponse:
        placed = buying.create_portal_session(
            self._core,
            call,
            subject=decode.subject(request.subject),
            back_to=request.return_url,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return pb.CreatePortalSessionResponse(**placed_fields(placed))

    def CreatePaymentLink(self, request: pb.CreatePaymentLinkRequest, call: Call) -> pb.CreatePaymentLinkResponse:
        ad_hoc = request.ad_hoc
        placed = shop.create_payment_link(
            self._core,
            call,
            subject=decode.subject(request.subject),
            items=[shop.PackItem(item.pack, item.quantity) for item in request.items],
            ad_hoc=shop.AdHocItem(ad_hoc.name, ad_hoc.amount_nanos, ad_hoc.quantity)
            if request.HasField("ad_hoc")
            else None,
            currency=request.currency,
            back_to=request.return_url,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return pb.CreatePaymentLinkResponse(**placed_fields(placed))

    def _shown(self, item: Subscription | None, now_us: int, counts: bool | None = None) -> pb.Subscription | None:
        """A subscription as it stands; whether it counts is known of the account's, or taken from whether it runs."""
        if item is None:
            return None
        interval = interval_of(self._core, item)
        shown = encode.subscription(
            subscription_id=item.id,
            provider=item.provider,
            plan=item.plan,
            plan_version=item.plan_version,
            start_us=item.start_us,
            end_us=item.end_us,
            anchor_us=item.anchor_us,
            counts=item.runs(now_us) if counts is None else counts,
            status=item.status(now_us).value,
            trial_end_us=item.trial_end_us,
            pending=item.pending,
        )
        if item.grace_until_us is not None:
            shown.grace_end_time.CopyFrom(timestamp(item.grace_until_us))
        if item.billing_start_us is not None and item.billing_end_us is not None:
            shown.billing_start_time.CopyFrom(timestamp(item.billing_start_us))
            shown.billing_end_time.CopyFrom(timestamp(item.billing_end_us))
        if interval:
            shown.billing_interval = encode.INTERVALS[interval]
        return shown

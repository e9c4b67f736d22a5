"""Orders and auto-reload as the contract shows them, and the answers of the calls that make them.

What is stored beside an operation is how the order was opened; who calls is told how it stands now. The functions at
the end are named like the kinds of commands and the fields of `Operation.answer`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb

from tollhoused.domain.answers import Answer, AutoReloadAnswer, IntentAnswer
from tollhoused.domain.intent import AutoReload, Intent, IntentKind, IntentState
from tollhoused.domain.payments import NANOS_PER_MINOR
from tollhoused.rpc.encode import MATCHED_BY, optional_timestamp, timestamp
from tollhoused.usecases.orders import Placed

KINDS: Mapping[str, credits_pb.OrderKind] = {
    IntentKind.TOP_UP.value: credits_pb.ORDER_KIND_TOP_UP,
    IntentKind.RELOAD.value: credits_pb.ORDER_KIND_RELOAD,
    IntentKind.PAYMENT_LINK.value: credits_pb.ORDER_KIND_PAYMENT_LINK,
    IntentKind.PLAN_CHECKOUT.value: credits_pb.ORDER_KIND_PLAN_CHECKOUT,
    IntentKind.PLAN_CHANGE.value: credits_pb.ORDER_KIND_PLAN_CHANGE,
    IntentKind.CANCELLATION.value: credits_pb.ORDER_KIND_CANCELLATION,
    IntentKind.RESUMPTION.value: credits_pb.ORDER_KIND_RESUMPTION,
    IntentKind.CHANGE_CANCELLATION.value: credits_pb.ORDER_KIND_CHANGE_CANCELLATION,
    IntentKind.PORTAL.value: credits_pb.ORDER_KIND_PORTAL,
}
STATES: Mapping[str, credits_pb.OrderState] = {
    IntentState.OPEN.value: credits_pb.ORDER_STATE_OPEN,
    IntentState.WAITING.value: credits_pb.ORDER_STATE_WAITING,
    IntentState.SUCCEEDED.value: credits_pb.ORDER_STATE_SUCCEEDED,
    IntentState.FAILED.value: credits_pb.ORDER_STATE_FAILED,
    IntentState.EXPIRED.value: credits_pb.ORDER_STATE_EXPIRED,
}
PAGES = (IntentKind.TOP_UP, IntentKind.PAYMENT_LINK, IntentKind.PLAN_CHECKOUT)
"""What has a page that is of no use once it has come to its end."""


def order(intent: Intent) -> credits_pb.Order:
    """An order as it stands."""
    useless = intent.kind in PAGES and intent.state is not IntentState.WAITING
    return credits_pb.Order(
        order_id=intent.id,
        kind=KINDS[intent.kind],
        state=STATES[intent.state],
        currency=intent.currency,
        credits_nanos=intent.credits_nanos,
        price_nanos=intent.price_minor * NANOS_PER_MINOR,
        url="" if useless else intent.url,
        create_time=timestamp(intent.created_us),
        settle_time=optional_timestamp(intent.settled_us),
        grant_id=intent.grant_id,
        problem=intent.problem,
        returned_nanos=intent.returned_minor * NANOS_PER_MINOR,
        clawed_back_nanos=intent.clawed_nanos,
    )


def opened(answer: IntentAnswer) -> credits_pb.Order:
    """An order as it was opened, or would be."""
    return credits_pb.Order(
        order_id=answer.intent_id,
        kind=KINDS[answer.kind],
        state=STATES[answer.state],
        currency=answer.currency,
        credits_nanos=answer.credits_nanos,
        price_nanos=answer.price_minor * NANOS_PER_MINOR,
    )


def placed_fields(placed: Placed) -> dict[str, Any]:
    """What the answers of all calls that place an order have in common."""
    return {
        "account_id": placed.answer.account_id,
        "order": order(placed.intent) if placed.intent else opened(placed.answer),
        "matched_by": MATCHED_BY[placed.answer.matched_by],
        "replayed": placed.replayed,
    }


def auto_reload(reload: AutoReload, currency: str) -> credits_pb.AutoReload:
    """How an account buys credits by itself."""
    return credits_pb.AutoReload(
        enabled=reload.enabled,
        threshold_nanos=reload.threshold_nanos,
        amount_nanos=reload.amount_nanos,
        currency=currency,
        monthly_count_max=reload.monthly_count_max,
        monthly_nanos_max=reload.monthly_nanos_max,
        failures=reload.failures,
        stop_time=optional_timestamp(reload.stopped_us),
        order_id=reload.intent_id,
    )


def set_auto_reload(answer: Answer, replayed: bool) -> credits_pb.SetAutoReloadResponse:
    """How it was set."""
    return credits_pb.SetAutoReloadResponse(**_reload_fields(answer, replayed))


def resume_auto_reload(answer: Answer, replayed: bool) -> credits_pb.ResumeAutoReloadResponse:
    """How it was resumed."""
    return credits_pb.ResumeAutoReloadResponse(**_reload_fields(answer, replayed))


def _reload_fields(answer: Answer, replayed: bool) -> dict[str, Any]:
    assert isinstance(answer, AutoReloadAnswer)
    settings = credits_pb.AutoReload(
        enabled=answer.enabled,
        threshold_nanos=answer.threshold_nanos,
        amount_nanos=answer.amount_nanos,
        currency=answer.currency,
        monthly_count_max=answer.monthly_count_max,
        monthly_nanos_max=answer.monthly_nanos_max,
        failures=answer.failures,
        stop_time=optional_timestamp(answer.stopped_us),
    )
    return {
        "account_id": answer.account_id,
        "auto_reload": settings,
        "matched_by": MATCHED_BY[answer.matched_by],
        "replayed": replayed,
    }


def _as_opened(response: Callable[..., Message]) -> Callable[[Answer, bool], Message]:
    """The answer of a call that places an order, from what is stored beside its operation."""

    def made(answer: Answer, replayed: bool) -> Message:
        assert isinstance(answer, IntentAnswer)
        return response(**placed_fields(Placed(answer, None, replayed)))

    return made


def _without_order(answer: Answer, replayed: bool) -> Message:
    return subscription_pb.CancelPendingPlanChangeResponse(
        account_id=answer.account_id, matched_by=MATCHED_BY[answer.matched_by], replayed=replayed
    )


BY_KIND: Mapping[str, Callable[[Answer, bool], Message]] = {
    "create_top_up": _as_opened(credits_pb.CreateTopUpResponse),
    "set_auto_reload": set_auto_reload,
    "resume_auto_reload": resume_auto_reload,
    "start_checkout": _as_opened(subscription_pb.StartCheckoutResponse),
    "change_plan": _as_opened(subscription_pb.ChangePlanResponse),
    "cancel_subscription": _as_opened(subscription_pb.CancelSubscriptionResponse),
    "resume_subscription": _as_opened(subscription_pb.ResumeSubscriptionResponse),
    "create_portal_session": _as_opened(subscription_pb.CreatePortalSessionResponse),
    "create_payment_link": _as_opened(subscription_pb.CreatePaymentLinkResponse),
    "cancel_bought_plan_change": _without_order,
}

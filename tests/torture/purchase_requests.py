"""Purchases as the requests that carry them, and what of their answers the history keeps."""

from typing import Any

from google.protobuf.message import Message
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb

from tests.demo.shop_setup import SHOP
from tests.torture.purchases import (
    CancelPlan,
    ChangePlan,
    Checkout,
    Purchase,
    ResumePlan,
    ResumeReload,
    SetReload,
    TopUp,
)

CURRENCY = "usd"
RELOADS_MAX = 1_000
PAGES: Any = {"success_url": f"{SHOP}/done", "cancel_url": f"{SHOP}/"}
METHODS = {
    TopUp: "CreateTopUp",
    SetReload: "SetAutoReload",
    ResumeReload: "ResumeAutoReload",
    Checkout: "StartCheckout",
    ChangePlan: "ChangePlan",
    CancelPlan: "CancelSubscription",
    ResumePlan: "ResumeSubscription",
}


def purchase_request(purchase: Purchase) -> Message:
    """The purchase as a call."""
    actor = purchase.actor
    aim: Any = {
        "subject": common.Subject(user_id=actor.user_id, email=actor.email, org_id=actor.org_id),
        "idempotency_key": purchase.key,
    }
    match purchase:
        case TopUp():
            return credits_pb.CreateTopUpRequest(
                amount_nanos=purchase.amount_nanos, currency=CURRENCY, return_url=SHOP, **aim
            )
        case SetReload():
            return credits_pb.SetAutoReloadRequest(
                enabled=True,
                threshold_nanos=purchase.threshold_nanos,
                amount_nanos=purchase.amount_nanos,
                currency=CURRENCY,
                monthly_count_max=RELOADS_MAX,
                monthly_nanos_max=RELOADS_MAX * purchase.amount_nanos,
                **aim,
            )
        case ResumeReload():
            return credits_pb.ResumeAutoReloadRequest(**aim)
        case Checkout():
            return subscription_pb.StartCheckoutRequest(plan=purchase.plan, **PAGES, **aim)
        case ChangePlan():
            return subscription_pb.ChangePlanRequest(plan=purchase.plan, **PAGES, **aim)
        case CancelPlan():
            return subscription_pb.CancelSubscriptionRequest(at_once=purchase.at_once, **aim)
        case ResumePlan():
            return subscription_pb.ResumeSubscriptionRequest(**aim)


def lasting(order: credits_pb.Order) -> bytes:
    """What every answer says of an order; how it stands is told anew each time."""
    kept = credits_pb.Order(
        order_id=order.order_id,
        kind=order.kind,
        currency=order.currency,
        credits_nanos=order.credits_nanos,
        price_nanos=order.price_nanos,
    )
    return kept.SerializeToString(deterministic=True)

"""Money that comes in: a plan is bought and changed, credits are bought, once by themselves, and some goes back."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TypeVar

import stripe
from google.protobuf.duration_pb2 import Duration
from tollhouse.v1 import account_service_pb2 as accounts
from tollhouse.v1 import admin_service_pb2 as admin
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits
from tollhouse.v1 import subscription_service_pb2 as plans
from tollhouse.v1 import usage_service_pb2 as usage

from tests.demo.client import DEADLINE_SECONDS, Client
from tests.demo.shop_setup import SHOP
from tests.demo.story import DOLLAR, dollars
from tests.fakes.stripe.fake import FakeStripe

T = TypeVar("T")

SUBJECT = common.Subject(user_id="mary")
WAIT_SECONDS = 20.0
MONTH_DAYS = 32


def tell(client: Client, fake: FakeStripe, say: Callable[[str], None]) -> None:
    """Buys pro, upgrades, schedules a downgrade, tops up, reloads, is refunded, and lets a month pass."""
    person = accounts.UpsertUserRequest(user_id="mary", email="mary@customers.example", idempotency_key="money-user")
    client.accounts.UpsertUser(person, timeout=DEADLINE_SECONDS)
    _plans(client, say)
    _credits(client, fake, say)
    _a_month_later(client, fake, say)


def _plans(client: Client, say: Callable[[str], None]) -> None:
    checkout = plans.StartCheckoutRequest(
        subject=SUBJECT, plan="pro", success_url=f"{SHOP}/done", cancel_url=f"{SHOP}/", idempotency_key="money-buy"
    )
    opened = client.subscriptions.StartCheckout(checkout, timeout=DEADLINE_SECONDS)
    _pay(opened.order.url)
    state = _until(lambda: _state(client), lambda state: state.plan == "pro")
    say(f"Mary buys pro on Stripe's page; its webhook makes it hers: {state.plan}, {_status(state.subscription)}.")
    upgraded = _change(client, "team", "money-up")
    say(f"Upgrade to team: {_word(upgraded)}, {_state(client).plan} at once.")
    lowered = _change(client, "pro", "money-down")
    pending = lowered.subscription.pending
    until = pending.effective_time.ToDatetime()
    say(f"Downgrade to {pending.plan}: {_word(lowered)} for {until:%d %B}, until then {_state(client).plan}.")


def _credits(client: Client, fake: FakeStripe, say: Callable[[str], None]) -> None:
    request = credits.CreateTopUpRequest(
        subject=SUBJECT, amount_nanos=10 * DOLLAR, currency="usd", return_url=SHOP, idempotency_key="money-top-up"
    )
    top_up = client.credits.CreateTopUp(request, timeout=DEADLINE_SECONDS).order
    _pay(top_up.url)
    _until(lambda: _order(client, top_up.order_id), lambda order: order.state == credits.ORDER_STATE_SUCCEEDED)
    say(f"A top-up of $10: balance {_balance(client)}. Three events tell of the payment, it counts once.")
    reload = credits.SetAutoReloadRequest(
        subject=SUBJECT,
        enabled=True,
        threshold_nanos=5 * DOLLAR,
        amount_nanos=25 * DOLLAR,
        currency="usd",
        monthly_count_max=2,
        monthly_nanos_max=50 * DOLLAR,
        idempotency_key="money-reload",
    )
    client.credits.SetAutoReload(reload, timeout=DEADLINE_SECONDS)
    talked = usage.RecordUsageRequest(
        subject=SUBJECT, product="talk", meter="voice_minutes", quantity=8_300, idempotency_key="money-talk"
    )
    answer = client.usage.RecordUsage(talked, timeout=DEADLINE_SECONDS)
    _until(lambda: _nanos(client), lambda nanos: nanos > 20 * DOLLAR)
    say(
        f"8,300 minutes cost {dollars(answer.charged_nanos)} beyond the plan and leave less than $5: her card"
        f" is charged $25 by itself, balance {_balance(client)}."
    )
    payment = next(item for item in fake.all("payment_intent") if item["amount"] == 1_000)
    support = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address})
    support.v1.refunds.create({"payment_intent": payment["id"], "amount": 500})
    order = _until(lambda: _order(client, top_up.order_id), lambda order: order.clawed_back_nanos > 0)
    say(
        f"Support gives back $5 of the top-up at Stripe: {dollars(order.clawed_back_nanos)} of credits go with it,"
        f" balance {_balance(client)}."
    )


def _a_month_later(client: Client, fake: FakeStripe, say: Callable[[str], None]) -> None:
    by = Duration(seconds=MONTH_DAYS * 86_400)
    moved = admin.AdvanceTestClockRequest(by=by, idempotency_key="money-month")
    client.admin.AdvanceTestClock(moved, timeout=DEADLINE_SECONDS)
    state = _state(client)
    say(f"A month later, before Stripe has said a word, the plan is {state.plan}.")
    fake.advance(days=MONTH_DAYS)
    fake.webhooks.settle(WAIT_SECONDS)
    renewed = _until(
        lambda: _state(client),
        lambda state: state.subscription.billing_start_time.seconds > moved_before(state),
    )
    spells = ", ".join(spell.plan for spell in reversed(renewed.history))
    say(f"Then Stripe renews it at the price of {renewed.plan}. Her plans so far: {spells}.")


def moved_before(state: plans.GetPlanStateResponse) -> int:
    """When the plan in force began, with a day to spare: what is billed begins no earlier once it was renewed."""
    return state.history[0].start_time.seconds - 86_400


def _state(client: Client) -> plans.GetPlanStateResponse:
    return client.subscriptions.GetPlanState(plans.GetPlanStateRequest(subject=SUBJECT), timeout=DEADLINE_SECONDS)


def _order(client: Client, order_id: str) -> credits.Order:
    return client.credits.GetTopUp(credits.GetTopUpRequest(order_id=order_id), timeout=DEADLINE_SECONDS).order


def _change(client: Client, plan: str, key: str) -> plans.ChangePlanResponse:
    request = plans.ChangePlanRequest(
        subject=SUBJECT, plan=plan, success_url=f"{SHOP}/done", cancel_url=f"{SHOP}/", idempotency_key=key
    )
    return client.subscriptions.ChangePlan(request, timeout=DEADLINE_SECONDS)


def _word(change: plans.ChangePlanResponse) -> str:
    return plans.PlanChangeOutcome.Name(change.outcome).removeprefix("PLAN_CHANGE_OUTCOME_")


def _status(subscription: plans.Subscription) -> str:
    return plans.SubscriptionStatus.Name(subscription.status).removeprefix("SUBSCRIPTION_STATUS_").lower()


def _nanos(client: Client) -> int:
    question = credits.GetBalanceRequest(subject=SUBJECT)
    return client.credits.GetBalance(question, timeout=DEADLINE_SECONDS).balance.total_nanos


def _balance(client: Client) -> str:
    return dollars(_nanos(client))


def _pay(url: str) -> None:
    """What the customer does on the provider's page."""
    request = urllib.request.Request(url, data=b"", method="POST")
    try:
        _OPENER.open(request, timeout=DEADLINE_SECONDS).close()
    except urllib.error.HTTPError as answer:
        if answer.code != 303:
            raise


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The shop that the customer is sent back to is not there."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _until(look: Callable[[], T], good: Callable[[T], bool]) -> T:
    """What is seen once it is as it should be: the provider's word comes a moment later."""
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not good(seen := look()):
        if time.monotonic() > give_up_at:
            raise SystemExit(f"the provider's word has not come: {seen}")
        time.sleep(0.05)  # there is nothing here to wait on
    return seen

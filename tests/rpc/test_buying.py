"""Plans are bought, changed, ended and paid for at a provider, and the account follows (requirements S2 to S8, I2)."""

from typing import Any

import pytest
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import subscription_service_pb2 as pb

from tests.fakes.stripe.world import Dunning, Outcome
from tests.support.door import TIMEOUT_SECONDS, at, micros, refusal, usage
from tests.support.house import DAY_US, START_US
from tests.support.storefront import BACK, DONE, Storefront, person, priced

SESSIONS = "/v1/checkout/sessions"
APPLIED, SCHEDULED, CHECKOUT = (
    pb.PLAN_CHANGE_OUTCOME_APPLIED,
    pb.PLAN_CHANGE_OUTCOME_SCHEDULED,
    pb.PLAN_CHANGE_OUTCOME_CHECKOUT_REQUIRED,
)
YEARLY = common.BILLING_INTERVAL_YEARLY


@pytest.fixture
def shop(storefront: Storefront) -> Storefront:
    storefront.door.make_user("anna", "anna@example.test")
    return storefront


def test_a_plan_is_bought_on_a_page_and_held_once_it_is_paid(shop: Storefront) -> None:
    opened = shop.start_checkout("anna")

    assert opened.order.url
    assert opened.order.state == credits_pb.ORDER_STATE_WAITING
    assert shop.plan("anna").plan == "hobby"
    shop.fake.shopper.complete_checkout(shop.session(opened.order))
    assert shop.hear() == []
    state = shop.plan("anna")
    assert (state.plan, state.plan_version, state.subscription.provider) == ("pro", 1, "stripe")
    assert state.subscription.status == pb.SUBSCRIPTION_STATUS_ACTIVE
    assert not state.HasField("expire_time")
    assert [spell.plan for spell in state.history] == ["pro", "hobby"]
    assert [plan.code for plan in state.available_plans] == ["hobby", "early_adopter", "team", "enterprise"]
    settled = shop.start_checkout("anna").order
    assert (settled.state, settled.url) == (credits_pb.ORDER_STATE_SUCCEEDED, "")
    assert shop.findings() == []


def test_a_repeated_checkout_is_the_same_page(shop: Storefront) -> None:
    first, again = shop.start_checkout("anna"), shop.start_checkout("anna")

    assert (first.replayed, again.replayed) == (False, True)
    assert again.order == first.order
    assert shop.posts(SESSIONS) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("plan", "team"), ("interval", YEARLY), ("success_url", BACK), ("cancel_url", DONE)],
)
def test_a_key_stands_for_what_it_came_with(shop: Storefront, field: str, value: Any) -> None:
    shop.start_checkout("anna")
    request: Any = pb.StartCheckoutRequest(
        subject=person("anna"), plan="pro", success_url=DONE, cancel_url=BACK, idempotency_key="checkout"
    )
    setattr(request, field, value)

    found = refusal(shop.door.subscriptions.StartCheckout, request)

    assert (found.reason, found.metadata["field"]) == ("IDEMPOTENCY_KEY_REUSED", field)
    assert shop.posts(SESSIONS) == 1


def test_what_is_only_validated_is_not_asked_for(shop: Storefront) -> None:
    shop.buy("anna")
    before = len(shop.fake.requests)

    change = shop.change_plan("anna", "team", validate_only=True)
    shop.cancel("anna", validate_only=True)
    shop.resume("anna", validate_only=True)
    portal = _portal(shop, validate_only=True)

    assert (change.outcome, change.order.url, portal.order.url) == (APPLIED, "", "")
    assert not change.order.HasField("create_time")
    assert len(shop.fake.requests) == before
    assert shop.change_plan("anna", "team").replayed is False


def test_an_upgrade_is_made_at_once(shop: Storefront) -> None:
    shop.buy("anna")
    shop.pass_time(days=10)

    change = shop.change_plan("anna", "team")

    assert (change.outcome, change.order.state) == (APPLIED, credits_pb.ORDER_STATE_SUCCEEDED)
    assert (change.subscription.plan, change.replayed) == ("team", False)
    state = shop.plan("anna")
    assert [spell.plan for spell in state.history] == ["team", "pro", "hobby"]
    assert micros(state.history[0].start_time) == START_US + 10 * DAY_US
    assert state.history[1].end_time == state.history[0].start_time
    assert sum(shop.charged()) > 2_900
    paid = shop.charged()
    again = shop.change_plan("anna", "team")
    assert (again.replayed, again.outcome, again.subscription.plan) == (True, APPLIED, "team")
    assert shop.charged() == paid
    assert shop.hear() == []
    assert shop.findings() == []


def test_an_upgrade_that_cannot_be_paid_changes_nothing_until_it_can(shop: Storefront) -> None:
    shop.buy("anna")
    shop.pass_time(days=10)
    (customer,) = [item["id"] for item in shop.fake.all("customer")]
    shop.fake.shopper.set_cards(customer, Outcome.DECLINED)

    found = refusal(shop.door.subscriptions.ChangePlan, _change("team"))

    assert found.reason == "PROVIDER_REFUSED"
    assert shop.hear() == []
    assert shop.plan("anna").plan == "pro"
    shop.fake.shopper.set_cards(customer, Outcome.SUCCEEDED)
    assert shop.change_plan("anna", "team").outcome == APPLIED
    assert shop.plan("anna").plan == "team"


@pytest.mark.parametrize("heard", [True, False])
def test_a_downgrade_comes_when_what_is_paid_for_is_over(shop: Storefront, heard: bool) -> None:
    shop.buy("anna", "team")
    renewal_us = micros(shop.plan("anna").subscription.billing_end_time)

    change = shop.change_plan("anna", "pro")

    assert change.outcome == SCHEDULED
    assert (change.subscription.plan, change.subscription.pending.plan) == ("team", "pro")
    assert micros(change.subscription.pending.effective_time) == renewal_us
    assert shop.plan("anna").pending.plan == "pro"
    days = (renewal_us - START_US) // DAY_US
    shop.pass_time(days=days - 1)
    assert shop.plan("anna").plan == "team"
    if heard:
        shop.pass_time(days=1, seconds=1)
        assert shop.hear() == []
    else:
        shop.clock.now_us = renewal_us
    state = shop.plan("anna")
    assert state.plan == "pro"
    assert micros(state.history[0].start_time) == renewal_us
    assert not state.HasField("pending")
    assert shop.findings() == []


def test_what_our_clock_has_changed_stays_when_the_provider_follows(shop: Storefront) -> None:
    shop.buy("anna", "team")
    shop.change_plan("anna", "pro")
    days = (micros(shop.plan("anna").subscription.billing_end_time) - START_US) // DAY_US
    shop.clock.now_us += days * DAY_US
    before = shop.plan("anna").history[0]
    shop.fake.advance(days=days, seconds=1)
    shop.clock.now_us += 1_000_000

    assert shop.hear() == []

    state = shop.plan("anna")
    assert (state.plan, state.history[0]) == ("pro", before)
    assert state.subscription.status == pb.SUBSCRIPTION_STATUS_ACTIVE
    assert shop.charged() == [9_900, 2_900]


def test_a_scheduled_change_is_taken_back(shop: Storefront) -> None:
    shop.buy("anna", "team")
    subscription_id = shop.change_plan("anna", "pro").subscription.subscription_id

    answer = _cancel_change(shop, subscription_id)

    assert (answer.subscription.plan, answer.subscription.HasField("pending")) == ("team", False)
    assert _cancel_change(shop, subscription_id).replayed
    found = refusal(shop.door.subscriptions.CancelPendingPlanChange, _change_to_cancel(subscription_id, "again"))
    assert (found.reason, found.metadata["subscription_id"]) == ("NO_PENDING_PLAN_CHANGE", subscription_id)
    shop.pass_time(days=32)
    assert shop.hear() == []
    assert shop.plan("anna").plan == "team"


def test_a_change_of_somebody_elses_subscription_is_as_one_that_is_not_there(shop: Storefront) -> None:
    shop.door.make_user("bert", "bert@example.test")
    shop.buy("bert", "team")
    theirs = shop.change_plan("bert", "pro").subscription.subscription_id
    invented = theirs[:-1] + "?"

    answers = [
        refusal(shop.door.subscriptions.CancelPendingPlanChange, _change_to_cancel(id_, "k"))
        for id_ in (theirs, invented)
    ]

    assert [answer.reason for answer in answers] == ["SUBSCRIPTION_NOT_FOUND"] * 2
    assert answers[0].message == answers[1].message
    assert shop.plan("bert").pending.plan == "pro"


def test_a_plan_is_cancelled_where_it_would_renew(shop: Storefront) -> None:
    shop.buy("anna")
    renewal_us = micros(shop.plan("anna").subscription.billing_end_time)

    answer = shop.cancel("anna")

    assert micros(answer.subscription.end_time) == renewal_us
    state = shop.plan("anna")
    assert (state.plan, micros(state.expire_time)) == ("pro", renewal_us)
    shop.clock.now_us = renewal_us - 1
    assert shop.plan("anna").plan == "pro"
    shop.clock.now_us = renewal_us
    assert shop.plan("anna").plan == "hobby"
    shop.fake.advance_to(renewal_us // 1_000_000 + 1)
    assert shop.hear() == []
    assert shop.plan("anna").plan == "hobby"
    assert shop.cancel("anna").replayed
    assert shop.charged() == [2_900]
    assert shop.findings() == []


def test_a_plan_is_cancelled_at_once_and_bought_again(shop: Storefront) -> None:
    shop.buy("anna")

    answer = shop.cancel("anna", at_once=True)

    assert answer.subscription.status == pb.SUBSCRIPTION_STATUS_CANCELED
    assert shop.plan("anna").plan == "hobby"
    again = shop.cancel("anna", at_once=True)
    assert (again.replayed, again.subscription) == (True, answer.subscription)
    assert shop.hear() == []
    assert refusal(shop.door.subscriptions.CancelSubscription, _cancellation("later")).reason == "NO_SUBSCRIPTION"
    shop.pass_time(seconds=60)
    shop.buy("anna", "team", "another checkout")
    assert shop.plan("anna").plan == "team"
    assert shop.findings() == []


def test_a_cancellation_is_taken_back(shop: Storefront) -> None:
    shop.buy("anna")
    shop.cancel("anna")

    answer = shop.resume("anna")

    assert not answer.subscription.HasField("end_time")
    assert shop.resume("anna").replayed
    shop.pass_time(days=40)
    assert shop.hear() == []
    assert shop.plan("anna").plan == "pro"
    assert shop.charged() == [2_900, 2_900]


def test_a_cancellation_that_is_taken_back_unheard_of_is_made_good(shop: Storefront) -> None:
    """Somebody resumes at the provider's own page a second before the end, and its event comes after that."""
    bought = shop.buy("anna")
    shop.cancel("anna")
    end_us = micros(shop.plan("anna").expire_time)
    shop.operator.v1.subscriptions.update(bought, {"cancel_at_period_end": False})
    shop.clock.now_us = end_us + 1_000_000
    assert shop.plan("anna").plan == "hobby"

    shop.fake.advance_to(end_us // 1_000_000 + 1)

    assert shop.hear() == []
    assert shop.plan("anna").plan == "pro"
    assert shop.findings() == []


def test_a_plan_that_is_billed_yearly_is_counted_monthly(shop: Storefront) -> None:
    shop.buy("anna", interval=YEARLY)

    shown = shop.entitlement("anna")

    assert shown.billing_interval == YEARLY
    assert micros(shown.usage_period.end_time) - micros(shown.usage_period.start_time) <= 31 * DAY_US
    bought = shop.plan("anna").subscription
    assert bought.billing_interval == YEARLY
    assert micros(bought.billing_end_time) - micros(bought.billing_start_time) == 365 * DAY_US
    assert shop.charged() == [29_000]
    monthly = shop.change_plan("anna", "pro", "less", interval=common.BILLING_INTERVAL_MONTHLY)
    assert monthly.outcome == SCHEDULED


def test_from_monthly_to_yearly_is_made_at_once(shop: Storefront) -> None:
    shop.buy("anna")

    change = shop.change_plan("anna", "pro", interval=YEARLY)

    assert (change.outcome, change.subscription.billing_interval) == (APPLIED, YEARLY)
    assert len(shop.plan("anna").history) == 2


def test_a_trial_ends_by_the_clock(shop: Storefront) -> None:
    customer = shop.with_card("anna")
    end = START_US // 1_000_000 + 14 * 86_400
    shop.operator.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": shop.prices["pro", "monthly"]}], "trial_end": end}
    )
    assert shop.hear() == []

    trial = shop.plan("anna").subscription

    assert (trial.plan, trial.status) == ("pro", pb.SUBSCRIPTION_STATUS_TRIALING)
    assert trial.trial_end_time.seconds == end
    assert shop.charged() == []
    shop.pass_time(days=14)
    assert shop.plan("anna").subscription.status == pb.SUBSCRIPTION_STATUS_ACTIVE
    assert shop.hear() == []
    assert shop.charged() == [2_900]


def test_what_is_not_paid_counts_until_the_grace_is_over_and_again_once_it_is(shop: Storefront) -> None:
    shop.fake.world.dunning = Dunning(retry_days=(20,), in_the_end="past_due")
    shop.buy("anna")
    (customer,) = [item["id"] for item in shop.fake.all("customer")]
    shop.fake.shopper.set_cards(customer, Outcome.DECLINED)
    shop.pass_time(days=31, seconds=7_200)
    assert shop.hear() == []

    late = shop.plan("anna")

    assert (late.plan, late.subscription.status) == ("pro", pb.SUBSCRIPTION_STATUS_PAST_DUE)
    grace_us = micros(late.subscription.grace_end_time)
    assert grace_us == shop.clock() + 7 * DAY_US
    assert late.expire_time == late.subscription.grace_end_time
    shop.clock.now_us = grace_us - 1
    assert shop.plan("anna").plan == "pro"
    shop.clock.now_us = grace_us
    assert shop.plan("anna").plan == "hobby"
    assert shop.entitlement("anna").plan == "hobby"
    (unpaid,) = [item["id"] for item in shop.fake.all("invoice") if item["status"] == "open"]
    shop.fake.shopper.pay_invoice(unpaid)
    assert shop.hear() == []
    paid = shop.plan("anna")
    assert (paid.plan, paid.subscription.status) == ("pro", pb.SUBSCRIPTION_STATUS_ACTIVE)
    assert not paid.subscription.HasField("grace_end_time")
    assert shop.findings() == []


def test_a_subscription_that_the_provider_gives_up_ends(shop: Storefront) -> None:
    shop.fake.world.dunning = Dunning(retry_days=(3,), in_the_end="canceled")
    shop.buy("anna")
    (customer,) = [item["id"] for item in shop.fake.all("customer")]
    shop.fake.shopper.set_cards(customer, Outcome.DECLINED)
    shop.pass_time(days=36)

    assert shop.hear() == []

    assert shop.plan("anna").plan == "hobby"
    assert shop.start_checkout("anna", key="once more").order.url


def test_a_preview_tells_what_a_change_would_cost(shop: Storefront) -> None:
    before = shop.preview("anna", "pro")
    assert (before.outcome, before.due_now_nanos, before.currency) == (CHECKOUT, 29 * 10**9, "usd")
    shop.buy("anna")
    bought = shop.plan("anna").subscription

    better, yearly = shop.preview("anna", "team"), shop.preview("anna", "pro", interval=YEARLY)
    free = shop.preview("anna", "hobby")

    assert (better.outcome, better.due_now_nanos, better.next_nanos) == (APPLIED, 70 * 10**9, 99 * 10**9)
    assert better.next_time == bought.billing_end_time
    assert (yearly.outcome, yearly.next_nanos) == (APPLIED, 290 * 10**9)
    assert (free.outcome, free.due_now_nanos, free.HasField("next_nanos")) == (SCHEDULED, 0, False)
    assert free.next_time == bought.billing_end_time
    paid = sum(shop.charged())
    shop.change_plan("anna", "team")
    assert sum(shop.charged()) - paid == 7_000
    less = shop.preview("anna", "pro")
    assert (less.outcome, less.due_now_nanos, less.next_nanos) == (SCHEDULED, 0, 29 * 10**9)


def test_the_portal_is_opened_once_per_key(shop: Storefront) -> None:
    first, again, another = _portal(shop), _portal(shop), _portal(shop, key="another portal")

    assert first.order.url
    assert again.order == first.order
    assert another.order.url != first.order.url
    assert shop.posts("/v1/billing_portal/sessions") == 2
    assert shop.posts("/v1/customers") == 1
    asked = credits_pb.GetTopUpRequest(order_id=first.order.order_id)
    assert refusal(shop.door.credits.GetTopUp, asked).reason == "ORDER_NOT_FOUND"


def test_the_free_plan_needs_no_page(shop: Storefront) -> None:
    change = shop.change_plan("anna", "hobby", "free")
    assert (change.outcome, change.order.state) == (APPLIED, credits_pb.ORDER_STATE_SUCCEEDED)
    assert refusal(shop.door.subscriptions.StartCheckout, _checkout("hobby")).reason == "NOT_SOLD"
    assert shop.fake.requests[-1].path == "/v1/prices"
    shop.buy("anna")

    less = shop.change_plan("anna", "hobby")

    assert less.outcome == SCHEDULED
    assert less.subscription.end_time == less.subscription.billing_end_time
    assert shop.change_plan("anna", "hobby").outcome == SCHEDULED
    shop.pass_time(days=32)
    assert shop.hear() == []
    assert shop.plan("anna").plan == "hobby"


@pytest.mark.parametrize("plan", ["enterprise", "early_adopter"])
def test_what_has_no_price_is_not_sold(shop: Storefront, plan: str) -> None:
    for request, method in (
        (_checkout(plan), shop.door.subscriptions.StartCheckout),
        (_change(plan), shop.door.subscriptions.ChangePlan),
        (pb.PreviewPlanChangeRequest(subject=person("anna"), plan=plan), shop.door.subscriptions.PreviewPlanChange),
    ):
        found = refusal(method, request)
        assert (found.reason, found.metadata["plan"]) == ("NOT_SOLD", plan)


def test_a_price_in_another_interval_only_is_not_sold(shop: Storefront) -> None:
    request = _checkout("team")
    request.interval = YEARLY

    assert refusal(shop.door.subscriptions.StartCheckout, request).reason == "NOT_SOLD"


def test_who_has_bought_a_plan_does_not_buy_another(shop: Storefront) -> None:
    shop.buy("anna")

    found = refusal(shop.door.subscriptions.StartCheckout, _checkout("team"))

    bought = shop.plan("anna").subscription
    assert (found.reason, found.metadata) == (
        "ALREADY_SUBSCRIBED",
        {"subscription_id": bought.subscription_id, "plan": "pro"},
    )


def test_a_change_without_a_subscription_needs_a_page(shop: Storefront) -> None:
    change = shop.change_plan("anna", "pro")

    assert (change.outcome, change.HasField("subscription")) == (CHECKOUT, False)
    shop.fake.shopper.complete_checkout(shop.session(change.order))
    assert shop.hear() == []
    assert shop.plan("anna").plan == "pro"
    again = shop.change_plan("anna", "pro")
    assert (again.replayed, again.outcome, again.order.url) == (True, CHECKOUT, "")
    without = _change("team")
    without.ClearField("success_url")
    without.idempotency_key = "no page is opened"
    assert shop.door.subscriptions.ChangePlan(without, timeout=TIMEOUT_SECONDS).outcome == APPLIED


def test_a_page_that_was_let_expire_is_over(shop: Storefront) -> None:
    order = shop.start_checkout("anna").order
    shop.fake.shopper.expire_checkout(shop.session(order))

    assert shop.hear() == []

    found = shop.start_checkout("anna").order
    assert (found.state, found.url) == (credits_pb.ORDER_STATE_EXPIRED, "")
    assert shop.plan("anna").plan == "hobby"


def test_who_pays_at_the_provider_gets_an_account(shop: Storefront) -> None:
    link = shop.operator.v1.payment_links.create(
        {"line_items": [{"price": shop.prices["pro", "monthly"], "quantity": 1}]}
    )
    shop.fake.shopper.pay_link(link.id, email="New@Example.test")

    assert shop.hear() == []

    subject = common.Subject(email="new@example.test")
    shown = shop.entitlement(subject)
    assert (shown.plan, shown.matched_by) == ("pro", common.MATCHED_BY_EMAIL)
    (customer,) = [item for item in shop.fake.all("customer") if item["email"].lower() == "new@example.test"]
    assert customer["metadata"]["tollhouse_account"] == shown.account_id
    shop.heard.clear()
    assert shop.hear() == []
    assert shop.entitlement(subject).account_id == shown.account_id
    assert shop.findings() == []


def test_who_pays_at_the_provider_under_a_known_address_gets_the_plan(shop: Storefront) -> None:
    link = shop.operator.v1.payment_links.create(
        {"line_items": [{"price": shop.prices["team", "monthly"], "quantity": 1}]}
    )
    shop.fake.shopper.pay_link(link.id, email="ANNA@example.test")

    assert shop.hear() == []
    assert shop.plan("anna").plan == "team"


def test_a_subscription_to_something_else_is_nobodys(shop: Storefront) -> None:
    product = shop.operator.v1.products.create({"name": "Magazine"})
    price = shop.operator.v1.prices.create(
        {"product": product.id, "currency": "usd", "unit_amount": 500, "recurring": {"interval": "month"}}
    )
    link = shop.operator.v1.payment_links.create({"line_items": [{"price": price.id, "quantity": 1}]})
    shop.fake.shopper.pay_link(link.id, email="anna@example.test")

    assert shop.hear() == []
    assert shop.plan("anna").plan == "hobby"


def test_the_plan_keeps_the_version_under_which_it_was_bought(shop: Storefront) -> None:
    shop.buy("anna")
    later = priced(shop.prices).replace("voice_minutes = { included = 2_000,", "voice_minutes = { included = 3_000,")
    shop.core.shelf.apply(later, shop.clock())

    shop.door.make_user("bert", "bert@example.test")
    shop.buy("bert", key="checkout of bert")
    shop.pass_time(days=40)
    assert shop.hear() == []

    assert [shop.plan(user).plan_version for user in ("anna", "bert")] == [1, 2]
    assert shop.door.record(usage("bert", "more", 3_000, event_time=at(shop.clock()))).remaining == 0
    shop.change_plan("anna", "team")
    assert shop.plan("anna").plan_version == 2


def test_usage_follows_the_plan(shop: Storefront) -> None:
    shop.door.record(usage("anna", "before", 10))
    assert refusal(shop.door.usage.RecordUsage, usage("anna", "too much")).reason == "INSUFFICIENT_CREDITS"
    shop.buy("anna")

    answer = shop.door.record(usage("anna", "after", 2_000))

    assert answer.remaining == 0
    assert shop.findings() == []


def _portal(shop: Storefront, key: str = "portal", **more: Any) -> Any:
    request = pb.CreatePortalSessionRequest(subject=person("anna"), return_url=BACK, idempotency_key=key, **more)
    return shop.door.subscriptions.CreatePortalSession(request, timeout=TIMEOUT_SECONDS)


def _cancel_change(shop: Storefront, subscription_id: str, key: str = "take back") -> Any:
    request = _change_to_cancel(subscription_id, key)
    return shop.door.subscriptions.CancelPendingPlanChange(request, timeout=TIMEOUT_SECONDS)


def _change_to_cancel(subscription_id: str, key: str) -> pb.CancelPendingPlanChangeRequest:
    return pb.CancelPendingPlanChangeRequest(
        subject=person("anna"), subscription_id=subscription_id, idempotency_key=key
    )


def _checkout(plan: str) -> pb.StartCheckoutRequest:
    return pb.StartCheckoutRequest(
        subject=person("anna"), plan=plan, success_url=DONE, cancel_url=BACK, idempotency_key=f"buy {plan}"
    )


def _change(plan: str) -> pb.ChangePlanRequest:
    return pb.ChangePlanRequest(
        subject=person("anna"), plan=plan, success_url=DONE, cancel_url=BACK, idempotency_key="change"
    )


def _cancellation(key: str) -> pb.CancelSubscriptionRequest:
    return pb.CancelSubscriptionRequest(subject=person("anna"), idempotency_key=key)

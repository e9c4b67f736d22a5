"""Whatever is lost between us and the provider, the same key goes on: one charge, one page, one grant (C5, S4).

A process that dies is played by a provider that dies before or after its call; what comes next is another process's.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import subscription_service_pb2 as pb

from tests.fakes.stripe.failures import Fault
from tests.fakes.stripe.world import Outcome
from tests.support.door import Refusal, refusal
from tests.support.house import DAY_US
from tests.support.storefront import BACK, DONE, Storefront, StorefrontMaker, person
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.providers.provider import Provider
from tollhoused.store import schema

FAULTS = [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.SERVER_ERROR]
Act = Callable[[Storefront], Any]


class Dies(Exception):
    """Nothing between the provider and the caller catches that: what it interrupts is not done."""


class Mortal:
    """A provider in whose hands a process dies once: before or after the named call."""

    def __init__(self, provider: Provider, call: str, *, after: bool) -> None:
        self._provider, self._call, self._after = provider, call, after
        self.died = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._provider, name)
        if name != self._call or self.died:
            return real

        def die(*args: Any, **more: Any) -> None:
            self.died = True
            if self._after:
                real(*args, **more)
            raise Dies

        return die


def _top_up(shop: Storefront) -> Any:
    return credits_pb.CreateTopUpRequest(
        subject=person("anna"), amount_nanos=10 * NANOS_PER_UNIT, currency="usd", return_url=BACK, idempotency_key="k"
    )


def _plan(kind: Any, plan: str) -> Any:
    urls = {"success_url": DONE, "cancel_url": BACK}
    return kind(subject=person("anna"), plan=plan, idempotency_key="k", **urls)


def _link(shop: Storefront) -> Any:
    ad_hoc = pb.AdHocItem(name="A workshop", amount_nanos=10**9, quantity=1)
    return pb.CreatePaymentLinkRequest(
        subject=person("anna"), ad_hoc=ad_hoc, currency="usd", return_url=BACK, idempotency_key="k"
    )


def _portal(shop: Storefront) -> Any:
    return pb.CreatePortalSessionRequest(subject=person("anna"), return_url=BACK, idempotency_key="k")


def _bought(plan: str) -> Act:
    def buy(shop: Storefront) -> None:
        shop.buy("anna", plan)
        shop.pass_time(days=10)

    return buy


def _cancelled(shop: Storefront) -> None:
    shop.buy("anna")
    shop.cancel("anna")


def _scheduled(shop: Storefront) -> None:
    shop.buy("anna", "team")
    shop.change_plan("anna", "pro")


def _scheduled_change(shop: Storefront) -> Any:
    id_ = shop.plan("anna").subscription.subscription_id
    return pb.CancelPendingPlanChangeRequest(subject=person("anna"), subscription_id=id_, idempotency_key="k")


NOTHING: Act = lambda shop: None  # noqa: E731
SUBSCRIPTIONS, SCHEDULES = "/v1/subscriptions/", "/v1/subscription_schedules"
CASES: dict[str, tuple[Act, Act, str, str, str]] = {
    "CreateTopUp": (NOTHING, _top_up, "POST", "/v1/checkout/sessions", "checkout_payment"),
    "CreateTopUp of a new customer": (NOTHING, _top_up, "POST", "/v1/customers", "customer"),
    "StartCheckout": (
        NOTHING,
        lambda shop: _plan(pb.StartCheckoutRequest, "pro"),
        "POST",
        "/v1/checkout/sessions",
        "checkout_plan",
    ),
    "CreatePaymentLink": (NOTHING, _link, "POST", "/v1/payment_links", "payment_link"),
    "CreatePortalSession": (NOTHING, _portal, "POST", "/v1/billing_portal/sessions", "portal"),
    "ChangePlan at once": (
        _bought("pro"),
        lambda shop: _plan(pb.ChangePlanRequest, "team"),
        "POST",
        SUBSCRIPTIONS,
        "change_plan",
    ),
    "ChangePlan later": (
        _bought("team"),
        lambda shop: _plan(pb.ChangePlanRequest, "pro"),
        "POST",
        SCHEDULES,
        "change_plan",
    ),
    "ChangePlan to the free one": (
        _bought("team"),
        lambda shop: _plan(pb.ChangePlanRequest, "hobby"),
        "POST",
        SUBSCRIPTIONS,
        "cancel",
    ),
    "CancelSubscription": (
        _bought("pro"),
        lambda shop: pb.CancelSubscriptionRequest(subject=person("anna"), idempotency_key="k"),
        "POST",
        SUBSCRIPTIONS,
        "cancel",
    ),
    "CancelSubscription at once": (
        _bought("pro"),
        lambda shop: pb.CancelSubscriptionRequest(subject=person("anna"), at_once=True, idempotency_key="k"),
        "DELETE",
        SUBSCRIPTIONS,
        "cancel",
    ),
    "ResumeSubscription": (
        _cancelled,
        lambda shop: pb.ResumeSubscriptionRequest(subject=person("anna"), idempotency_key="k"),
        "POST",
        SUBSCRIPTIONS,
        "resume",
    ),
    "CancelPendingPlanChange": (_scheduled, _scheduled_change, "POST", SCHEDULES, "cancel_change"),
}


@pytest.fixture
def shop(storefront: Storefront) -> Storefront:
    storefront.door.make_user("anna", "anna@example.test")
    return storefront


def _method(shop: Storefront, case: str) -> Any:
    name = case.partition(" ")[0]
    return getattr(shop.door.credits if name == "CreateTopUp" else shop.door.subscriptions, name)


def _outcome(shop: Storefront) -> dict[str, Any]:
    """What there is in the end, here and at the fake, once the customer has paid what there is to pay."""
    assert shop.hear() == []
    for page in shop.fake.all("checkout.session"):
        if page["status"] == "open":
            shop.fake.shopper.complete_checkout(page["id"])
    for link in shop.fake.all("payment_link"):
        shop.fake.shopper.pay_link(link["id"])
    assert shop.hear() == []
    assert shop.findings() == []
    kinds = ("customer", "checkout.session", "payment_link", "billing_portal.session", "payment_intent", "invoice")
    state = shop.plan("anna")
    return {
        **{kind: len(shop.fake.all(kind)) for kind in (*kinds, "subscription", "subscription_schedule")},
        "charged": shop.charged(),
        "balance": shop.balance("anna"),
        "plan": state.plan,
        "pending": state.pending.plan,
        "ends": state.HasField("expire_time"),
    }


@pytest.fixture
def sqlite_shop(sqlite_url: str, open_storefront: StorefrontMaker) -> Storefront:
    """What is lost on the way to the provider has nothing to do with the engine."""
    shop = open_storefront(sqlite_url)
    shop.door.make_user("anna", "anna@example.test")
    return shop


SMOOTH: dict[str, dict[str, Any]] = {}


@pytest.fixture
def smooth(tmp_path: Path, open_storefront: StorefrontMaker) -> Callable[[str], dict[str, Any]]:
    """What a case comes to where nothing is lost; played once for all that compare."""

    def play(case: str) -> dict[str, Any]:
        if case not in SMOOTH:
            url = f"sqlite:///{tmp_path / 'smooth.sqlite3'}"
            schema.migrate(url)
            shop = open_storefront(url)
            shop.door.make_user("anna", "anna@example.test")
            before, request_of, *_ = CASES[case]
            before(shop)
            assert not _method(shop, case)(request_of(shop), timeout=30).replayed
            SMOOTH[case] = _outcome(shop)
        return SMOOTH[case]

    return play


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("case", CASES)
def test_a_call_that_is_lost_is_repeated_with_the_same_key(
    sqlite_shop: Storefront, smooth: Callable[[str], dict[str, Any]], case: str, fault: Fault
) -> None:
    shop = sqlite_shop
    before, request_of, verb, path, _ = CASES[case]
    before(shop)
    shop.fake.failures.add(fault, method=verb, path=path)
    request = request_of(shop)

    lost: Refusal = refusal(_method(shop, case), request)

    assert (lost.reason, lost.code) == ("PROVIDER_UNAVAILABLE", "UNAVAILABLE")
    answer, again = (_method(shop, case)(request, timeout=30) for _ in range(2))
    assert (answer.replayed, again.replayed) == (True, True)
    assert _outcome(shop) == smooth(case)


@pytest.mark.parametrize(
    ("after", "heard"), [(False, False), (True, False), (True, True)], ids=["before", "after", "after and heard of"]
)
@pytest.mark.parametrize("case", CASES)
def test_a_process_that_dies_in_a_call_is_followed_by_another(
    sqlite_shop: Storefront, smooth: Callable[[str], dict[str, Any]], case: str, heard: bool, after: bool
) -> None:
    shop = sqlite_shop
    before, request_of, _, _, call = CASES[case]
    before(shop)
    request = request_of(shop)
    mortal: Any = Mortal(shop.desk.provider, call, after=after)
    shop.desk.provider = mortal
    refusal(_method(shop, case), request)
    assert mortal.died
    if heard:
        assert shop.hear() == []

    answer = _method(shop, case)(request, timeout=30)

    assert answer.replayed
    assert _outcome(shop) == smooth(case)


def test_what_nobody_repeated_for_a_day_begins_anew(shop: Storefront) -> None:
    """The provider may have forgotten the key of the first attempt by then, so that is given up first."""
    shop.fake.failures.add(Fault.LOST_AFTER, method="POST", path="/v1/checkout/sessions")
    request = _top_up(shop)
    assert refusal(shop.door.credits.CreateTopUp, request).reason == "PROVIDER_UNAVAILABLE"
    shop.pass_time(days=1)

    given_up = refusal(shop.door.credits.CreateTopUp, request)
    answer = shop.door.credits.CreateTopUp(request, timeout=30)

    assert given_up.reason == "PROVIDER_UNAVAILABLE"
    assert answer.order.url
    for page in shop.fake.all("checkout.session"):
        if page["status"] == "open":
            shop.fake.shopper.complete_checkout(page["id"])
    assert shop.hear() == []
    assert shop.balance("anna") == 10


def test_two_pages_of_one_order_are_credited_once_and_shown_to_a_person(shop: Storefront) -> None:
    """Both pages of an order that began anew may be paid within a day: the second payment is nobody's wish."""
    shop.fake.failures.add(Fault.LOST_AFTER, method="POST", path="/v1/checkout/sessions")
    request = _top_up(shop)
    refusal(shop.door.credits.CreateTopUp, request)
    shop.clock.now_us += DAY_US
    refusal(shop.door.credits.CreateTopUp, request)
    shop.door.credits.CreateTopUp(request, timeout=30)
    for page in shop.fake.all("checkout.session"):
        shop.fake.shopper.complete_checkout(page["id"])

    problems = shop.hear()

    assert shop.balance("anna") == 10
    assert any("pays for what" in problem for problem in problems)
    assert shop.findings() == []


def test_a_refused_order_is_tried_again_by_the_same_key(shop: Storefront) -> None:
    shop.buy("anna")
    shop.pass_time(days=10)
    (customer,) = [item["id"] for item in shop.fake.all("customer")]
    request = _plan(pb.ChangePlanRequest, "team")
    shop.fake.shopper.set_cards(customer, Outcome.DECLINED)
    for _ in range(2):
        assert refusal(shop.door.subscriptions.ChangePlan, request).reason == "PROVIDER_REFUSED"
    assert shop.charged() == [2_900]
    shop.fake.shopper.set_cards(customer, Outcome.SUCCEEDED)

    answer = shop.door.subscriptions.ChangePlan(request, timeout=30)

    assert (answer.outcome, answer.subscription.plan) == (pb.PLAN_CHANGE_OUTCOME_APPLIED, "team")
    assert len(shop.charged()) == 2
    assert shop.findings() == []

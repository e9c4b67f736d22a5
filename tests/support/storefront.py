"""A house that sells, for tests: the gRPC door of a Core whose desk is at a fake Stripe, and what happens there.

Pro costs 29 dollars a month and 290 a year, team 99 a month. Nobody works in the background: a test hears the fake's
events, and has carried out what the house has decided to do by itself, when it says so.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe as sdk
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import entitlement_service_pb2 as entitlement_pb
from tollhouse.v1 import subscription_service_pb2 as pb

from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.world import Outcome
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker
from tests.support.house import DAY_US, HUB, SECOND_US, START_US, Clock, CoreMaker
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.domain.proof import Finding
from tollhoused.providers.provider import Provider
from tollhoused.providers.stripe.provider import StripeProvider
from tollhoused.store.providers import DEAD, ProviderEvent
from tollhoused.usecases import orders, payments
from tollhoused.usecases.core import Core
from tollhoused.usecases.desk import Desk
from tollhoused.usecases.verify import verify

BACK = "https://shop.example.test/back"
DONE = "https://shop.example.test/done"
ORIGINS = frozenset({"https://shop.example.test"})
PRICES = {
    ("pro", "monthly"): (2_900, "month"),
    ("pro", "yearly"): (29_000, "year"),
    ("team", "monthly"): (9_900, "month"),
}


@dataclass(slots=True)
class Storefront:
    """A Core and its door, the fake, and the one clock of both unless a test moves only one."""

    core: Core
    door: Door
    fake: FakeStripe
    clock: Clock
    prices: dict[tuple[str, str], str]
    heard: set[str] = field(default_factory=set)

    @property
    def desk(self) -> Desk:
        assert self.core.desk
        return self.core.desk

    @property
    def operator(self) -> sdk.StripeClient:
        """Who does by hand at Stripe what we never do."""
        return sdk.StripeClient(self.fake.api_key, base_addresses={"api": self.fake.address})

    def events(self) -> list[ProviderEvent]:
        """What the fake has told and nobody has heard yet."""
        new = [event for event in self.fake.events() if event["id"] not in self.heard]
        return [self.event(event["id"], event["type"]) for event in new]

    def event(self, event_id: str, kind: str = "") -> ProviderEvent:
        """An event as it is stored when it was received."""
        body = self.fake.webhooks.payload(event_id).decode()
        return ProviderEvent("stripe", event_id, kind, self.clock(), self.clock(), body)

    def hear(self) -> list[str]:
        """Applies what the fake has told; gives why any of it cannot be."""
        found = []
        for event in self.events():
            self.heard.add(event.id)
            applied = payments.apply_event(self.core, self.desk, event)
            if applied.state == DEAD:
                found.append(applied.problem)
        return found

    def carry_out(self) -> int:
        """Does what was decided without a caller, and what callers have left; gives how much that was."""
        waiting = self.core.store.providers.open_intents(self.core.clock(), 100)
        for _, intent_id in waiting:
            found = self.core.store.providers.intent(intent_id)
            assert found
            orders.carry_out(self.core, self.desk, *found)
        return len(waiting)

    def pass_time(self, days: int = 0, seconds: int = 0) -> None:
        """Time passes here and there."""
        self.clock.now_us += days * DAY_US + seconds * SECOND_US
        self.fake.advance(days=days, seconds=seconds)

    def findings(self) -> list[Finding]:
        """What is wrong with the books."""
        found: list[Finding] = []
        verify(self.core.store, found.append)
        return found

    def start_checkout(self, user_id: str, plan: str = "pro", key: str = "checkout", **more: Any) -> Any:
        request = pb.StartCheckoutRequest(**_to_buy(user_id, plan, key), **more)
        return self.door.subscriptions.StartCheckout(request, timeout=TIMEOUT_SECONDS)

    def change_plan(self, user_id: str, plan: str, key: str = "change", **more: Any) -> Any:
        request = pb.ChangePlanRequest(**_to_buy(user_id, plan, key), **more)
        return self.door.subscriptions.ChangePlan(request, timeout=TIMEOUT_SECONDS)

    def preview(self, user_id: str, plan: str, **more: Any) -> Any:
        request = pb.PreviewPlanChangeRequest(subject=person(user_id), plan=plan, **more)
        return self.door.subscriptions.PreviewPlanChange(request, timeout=TIMEOUT_SECONDS)

    def cancel(self, user_id: str, key: str = "cancel", **more: Any) -> Any:
        request = pb.CancelSubscriptionRequest(subject=person(user_id), idempotency_key=key, **more)
        return self.door.subscriptions.CancelSubscription(request, timeout=TIMEOUT_SECONDS)

    def resume(self, user_id: str, key: str = "resume", **more: Any) -> Any:
        request = pb.ResumeSubscriptionRequest(subject=person(user_id), idempotency_key=key, **more)
        return self.door.subscriptions.ResumeSubscription(request, timeout=TIMEOUT_SECONDS)

    def top_up(self, user_id: str, units: int = 10, key: str = "top up", **more: Any) -> Any:
        request = credits_pb.CreateTopUpRequest(
            subject=person(user_id),
            amount_nanos=units * NANOS_PER_UNIT,
            currency="usd",
            return_url=BACK,
            idempotency_key=key,
            **more,
        )
        return self.door.credits.CreateTopUp(request, timeout=TIMEOUT_SECONDS)

    def set_reload(self, user_id: str, key: str = "set reload", **more: Any) -> Any:
        """Buys 10 dollars below 5, at most 3 times and for 30 dollars a month, unless told otherwise."""
        fields = {
            "enabled": True,
            "threshold_nanos": 5 * NANOS_PER_UNIT,
            "amount_nanos": 10 * NANOS_PER_UNIT,
            "monthly_count_max": 3,
            "monthly_nanos_max": 30 * NANOS_PER_UNIT,
        }
        request = credits_pb.SetAutoReloadRequest(
            subject=person(user_id), currency="usd", idempotency_key=key, **{**fields, **more}
        )
        return self.door.credits.SetAutoReload(request, timeout=TIMEOUT_SECONDS)

    def reload_of(self, user_id: str) -> Any:
        request = credits_pb.GetAutoReloadRequest(subject=person(user_id))
        return self.door.credits.GetAutoReload(request, timeout=TIMEOUT_SECONDS).auto_reload

    def order(self, order_id: str) -> Any:
        request = credits_pb.GetTopUpRequest(order_id=order_id)
        return self.door.credits.GetTopUp(request, timeout=TIMEOUT_SECONDS).order

    def plan(self, user_id: str) -> Any:
        """What the account is on."""
        request = pb.GetPlanStateRequest(subject=person(user_id))
        return self.door.subscriptions.GetPlanState(request, timeout=TIMEOUT_SECONDS)

    def entitlement(self, subject: common.Subject | str) -> Any:
        subject = person(subject) if isinstance(subject, str) else subject
        request = entitlement_pb.GetEntitlementRequest(subject=subject, product="talk")
        return self.door.entitlements.GetEntitlement(request, timeout=TIMEOUT_SECONDS).entitlement

    def balance(self, user_id: str) -> float:
        """The balance in units; of who owes it is negative."""
        request = credits_pb.GetBalanceRequest(subject=person(user_id))
        found = self.door.credits.GetBalance(request, timeout=TIMEOUT_SECONDS).balance
        return found.total_nanos / NANOS_PER_UNIT

    def session(self, order: Any) -> str:
        """The fake's page of an order, by its URL."""
        (found,) = [item["id"] for item in self.fake.all("checkout.session") if item["url"] == order.url]
        return str(found)

    def buy(self, user_id: str, plan: str = "pro", key: str = "checkout", **more: Any) -> str:
        """Has a plan bought and heard of; gives the subscription's id at the fake."""
        page = self.session(self.start_checkout(user_id, plan, key, **more).order)
        subscription: str = self.fake.shopper.complete_checkout(page)["subscription"]
        assert self.hear() == []
        return subscription

    def pay(self, user_id: str, units: int = 10, key: str = "top up") -> Any:
        """Has credits bought and heard of; gives the order."""
        order = self.top_up(user_id, units, key).order
        self.fake.shopper.complete_checkout(self.session(order))
        assert self.hear() == []
        return self.order(order.order_id)

    def payment(self) -> str:
        """The fake's last payment."""
        return str(self.fake.all("payment_intent")[-1]["id"])

    def charged(self) -> list[int]:
        """What was paid at the fake, in cents."""
        return [item["amount_received"] for item in self.fake.all("payment_intent") if item["status"] == "succeeded"]

    def posts(self, path: str) -> int:
        """How many requests to make something had their effect, or would have had."""
        return sum(
            request.method == "POST" and request.path == path and not request.replayed for request in self.fake.requests
        )

    def with_card(self, user_id: str, card: Outcome = Outcome.SUCCEEDED) -> str:
        """A customer who has a card; gives the customer's id at the fake."""
        account_id = self.door.make_user(user_id, f"{user_id}@example.test").account.account_id
        customer = payments.ensure_customer(self.core, self.desk, account_id)
        self.fake.shopper.add_card(customer, card)
        return customer


def person(user_id: str) -> common.Subject:
    return common.Subject(user_id=user_id)


def _to_buy(user_id: str, plan: str, key: str) -> dict[str, Any]:
    urls = {"success_url": DONE, "cancel_url": BACK}
    return {"subject": person(user_id), "plan": plan, "idempotency_key": key, **urls}


def stripe_provider(fake: FakeStripe, timeout_seconds: float = 5.0) -> StripeProvider:
    """Our provider, connected to a fake by the official SDK."""
    return StripeProvider(fake.api_key, base_url=fake.address, timeout_seconds=timeout_seconds)


def desk_of(provider: Provider) -> Desk:
    """A desk that sends customers back to the shop."""
    return Desk(provider, return_origins=ORIGINS)


def price_list(fake: FakeStripe) -> dict[tuple[str, str], str]:
    """Ids of prices, as an operator makes them, by plan and interval."""
    client = sdk.StripeClient(fake.api_key, base_addresses={"api": fake.address})
    ids = {}
    for (plan, interval), (cents, every) in PRICES.items():
        product = client.v1.products.create({"name": plan})
        recurring: Any = {"interval": every}
        price = client.v1.prices.create(
            {"product": product.id, "currency": "usd", "unit_amount": cents, "recurring": recurring}
        )
        ids[plan, interval] = price.id
    return ids


def priced(ids: dict[tuple[str, str], str]) -> str:
    """The hub's catalogue with prices at the fake."""
    text = HUB
    for plan in {plan for plan, _ in ids}:
        lines = [
            f'{every} = {{ amount = "{PRICES[plan, every][0] // 100}", provider_price_ids = {{ stripe = "{id_}" }} }}'
            for (of, every), id_ in ids.items()
            if of == plan
        ]
        text, found = re.subn(rf"(\[plans\.{plan}\.prices\]\n)monthly = .*", "\\1" + "\n".join(lines), text)
        assert found == 1, plan
    return text


StorefrontMaker = Callable[[str], Storefront]


@pytest.fixture
def open_storefront(make_core: CoreMaker, serve: ServerMaker) -> Iterator[StorefrontMaker]:
    """Makes houses that sell, each on a database and at a fake of its own, with a clock of its own."""
    with ExitStack() as fakes:

        def open_house(url: str) -> Storefront:
            clock = Clock()
            fake = fakes.enter_context(FakeStripe(now=START_US // SECOND_US))
            ids = price_list(fake)
            core = make_core(url, own_clock=clock, catalogue=priced(ids), desk=desk_of(stripe_provider(fake)))
            return Storefront(core, serve(core)[1], fake, clock, ids)

        yield open_house


@pytest.fixture
def storefront(database_url: str, open_storefront: StorefrontMaker) -> Storefront:
    """A house that sells, on each engine in turn."""
    return open_storefront(database_url)

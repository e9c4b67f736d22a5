"""A house that takes money: Cores with a desk at a fake Stripe, one clock for both, and what customers buy there.

Like the fixtures of `house.py`, these are for both engines. Pro costs 29 dollars a month here, team 99.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import stripe as sdk

from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.webhooks import Delivery
from tests.fakes.stripe.world import Outcome
from tests.support.books import query
from tests.support.door import until
from tests.support.house import HUB, SECOND_US, START_US, Clock, CoreMaker, call, make_user, person
from tollhoused.cli.cashier import Cashier
from tollhoused.domain.account import Account
from tollhoused.domain.intent import Intent, IntentKind
from tollhoused.domain.intents import CreateTopUp, StartCheckout
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.domain.reload import SetAutoReload
from tollhoused.domain.subscription import Subscription
from tollhoused.http.app import make_app
from tollhoused.http.server import HttpServer
from tollhoused.http.webhooks import Inbox
from tollhoused.observing import ProviderObserver
from tollhoused.providers.stripe.provider import StripeProvider
from tollhoused.usecases import inbox, orders
from tollhoused.usecases.core import Core
from tollhoused.usecases.desk import Desk
from tollhoused.usecases.payments import ensure_customer

PAGES = {"success_url": "https://talk.example.org/thanks", "cancel_url": "https://talk.example.org/plans"}
PRICES = {"pro": 2_900, "team": 9_900}
RELOADED = 10


@dataclass(frozen=True, slots=True)
class Till:
    """A Core with a desk, and the fake that it is at."""

    core: Core
    fake: FakeStripe
    clock: Clock
    prices: dict[str, str]
    catalogue: str
    url: str

    @property
    def desk(self) -> Desk:
        """The provider's."""
        assert self.core.desk
        return self.core.desk

    @property
    def client(self) -> sdk.StripeClient:
        """The official SDK, for what an operator or somebody else does at Stripe."""
        return sdk.StripeClient(self.fake.api_key, base_addresses={"api": self.fake.address})

    def process(self, make_core: CoreMaker, url: str) -> "Till":
        """Another process on the same books, at a desk of its own."""
        core = make_core(url, catalogue=self.catalogue)
        core.desk = desk_at(self.fake)
        return Till(core, self.fake, self.clock, self.prices, self.catalogue, url)

    def advance(self, seconds: int = 0, days: int = 0) -> None:
        """Lets time pass here and at the fake; what is delivered meanwhile is signed when it is delivered."""
        self.clock.now_us += (seconds + days * 86_400) * SECOND_US
        self.fake.advance(seconds=seconds, days=days)

    def account(self, user_id: str) -> Account:
        """An account as it is now."""
        return self.core.view(person(user_id)).account

    def intents(self, user_id: str) -> list[Intent]:
        """What the provider was asked for, oldest first, as it is now."""
        rows = query(self.url, "SELECT id, account FROM intents ORDER BY created_us, id")
        found = [self.core.store.providers.intent(row[0]) for row in rows]
        return [item[1] for item in found if item and item[0] == self.account(user_id).id]

    def credits(self, user_id: str) -> float:
        """What can be spent, in dollars; debt counts negative."""
        account = self.account(user_id)
        return (account.available_nanos(None, self.core.clock()) - account.debt_nanos) / NANOS_PER_UNIT

    def subscription(self, user_id: str) -> Subscription:
        """The only one that was bought, over or not."""
        ids = query(self.url, "SELECT id, account FROM subscriptions WHERE provider = 'stripe'")
        (mine,) = [id_ for id_, account_id in ids if account_id == self.account(user_id).id]
        found = self.core.store.providers.subscription(mine)
        assert found
        return found[1]

    def top_up(self, user_id: str, dollars: int = 10, key: str = "") -> Intent:
        """Opens the page of a top-up."""
        match = self.core.match(person(user_id))
        command = CreateTopUp(
            client="local",
            idempotency_key=key or self.core.new_id("top-up"),
            subject=person(user_id),
            account_id=match.account_id,
            matched_by=match.matched_by,
            asks=IntentKind.TOP_UP,
            intent_id=self.core.new_id("int"),
            provider="stripe",
            credits_nanos=dollars * NANOS_PER_UNIT,
            price_minor=dollars * 100,
            order={"name": "Credits", **PAGES},
            sent={"dollars": dollars},
        )
        placed = orders.place(self.core, call(), command, validate_only=False)
        assert placed.intent
        return placed.intent

    def start_checkout(self, user_id: str, plan: str = "pro") -> Intent:
        """Opens the page on which a plan is bought."""
        match = self.core.match(person(user_id))
        command = StartCheckout(
            client="local",
            idempotency_key=self.core.new_id("checkout"),
            subject=person(user_id),
            account_id=match.account_id,
            matched_by=match.matched_by,
            asks=IntentKind.PLAN_CHECKOUT,
            intent_id=self.core.new_id("int"),
            provider="stripe",
            order={"price_id": self.prices[plan], "plan_version": 1, **PAGES},
            sent={"plan": plan},
        )
        placed = orders.place(self.core, call(), command, validate_only=False)
        assert placed.intent
        return placed.intent

    def buy(self, user_id: str, plan: str = "pro") -> str:
        """Buys a plan on its page; Stripe's id of the subscription. Nothing of that is known here yet."""
        make_user(self.core, user_id, email=f"{user_id}@example.org")
        session = self.fake.shopper.complete_checkout(self.start_checkout(user_id, plan).reference)
        return str(session["subscription"])

    def reload(self, user_id: str, *, card: Outcome | None = Outcome.SUCCEEDED, count_max: int = 10) -> None:
        """A customer with a card who buys 10 dollars whenever there are less than 5."""
        account_id = make_user(self.core, user_id, email=f"{user_id}@example.org").account_id
        customer = ensure_customer(self.core, self.desk, account_id)
        if card:
            self.fake.shopper.add_card(customer, card)
        match = self.core.match(person(user_id))
        command = SetAutoReload(
            client="local",
            idempotency_key=self.core.new_id("reload"),
            subject=person(user_id),
            account_id=match.account_id,
            matched_by=match.matched_by,
            provider="stripe",
            enabled=True,
            threshold_nanos=5 * NANOS_PER_UNIT,
            amount_nanos=RELOADED * NANOS_PER_UNIT,
            monthly_count_max=count_max,
            monthly_nanos_max=1_000 * NANOS_PER_UNIT,
        )
        self.core.run(call(), command, False)

    def settle(self) -> None:
        """Has whatever is due done, as a server would, until nothing is due any more."""
        with working(self.core):
            until(lambda: not self.waiting(), "everything that is due was done")

    def waiting(self) -> bool:
        """Whether there is something to do for a cashier."""
        store, now_us = self.core.store.providers, self.core.clock()
        return bool(store.pending(now_us, 1) or store.open_intents(now_us, 1))

    def charges(self) -> int:
        """How many payments have succeeded at the fake."""
        return sum(payment["status"] == "succeeded" for payment in self.fake.all("payment_intent"))


def desk_at(fake: FakeStripe, timeout_seconds: float = 5.0) -> Desk:
    """A desk at the fake."""
    return Desk(StripeProvider(fake.api_key, base_url=fake.address, timeout_seconds=timeout_seconds))


def priced(fake: FakeStripe) -> tuple[str, dict[str, str]]:
    """The hub's catalogue with prices that the fake has, and their ids."""
    client = sdk.StripeClient(fake.api_key, base_addresses={"api": fake.address})
    ids: dict[str, str] = {}
    text = HUB
    for plan, cents in PRICES.items():
        product = client.v1.products.create({"name": plan})
        recurring: sdk.params.PriceCreateParamsRecurring = {"interval": "month"}
        price = client.v1.prices.create(
            {"product": product.id, "currency": "usd", "unit_amount": cents, "recurring": recurring}
        )
        ids[plan] = price.id
        found = re.compile(rf'(\[plans\.{plan}\.prices\]\nmonthly = {{ amount = "[0-9.]+")')
        text, number = found.subn(rf'\1, provider_price_ids = {{ stripe = "{price.id}" }}', text)
        assert number == 1, plan
    return text, ids


@contextmanager
def working(core: Core, observer: ProviderObserver | None = None) -> Iterator[Cashier]:
    """A cashier at work, who looks often."""
    cashier = Cashier(core, observer, look_seconds=0.01)
    cashier.start()
    try:
        yield cashier
    finally:
        cashier.stop()


@contextmanager
def taking_webhooks(till: Till, observer: ProviderObserver | None = None) -> Iterator[str]:
    """The HTTP door of a till's core, which the fake posts to; its address."""
    taken = Inbox(
        "stripe",
        "stripe-signature",
        lambda body, signature: inbox.receive(till.core, till.desk, [till.fake.webhook_secret], body, signature),
        observer or ProviderObserver(),
    )
    server = HttpServer(make_app(lambda: True, lambda: b"", "text/plain", taken))
    address = f"127.0.0.1:{server.start('127.0.0.1:0')}"
    till.fake.webhooks.send_to(f"http://{address}/webhooks/stripe")
    try:
        yield address
    finally:
        till.fake.webhooks.delivery = Delivery.DROPPED
        server.stop()


@pytest.fixture
def fake_stripe() -> Iterator[FakeStripe]:
    """A fake whose clock begins where the tests' does."""
    with FakeStripe(now=START_US // SECOND_US) as fake:
        yield fake


@pytest.fixture
def till(database_url: str, make_core: CoreMaker, clock: Clock, fake_stripe: FakeStripe) -> Till:
    """A Core that takes money, on each engine in turn."""
    catalogue, prices = priced(fake_stripe)
    core = make_core(database_url, catalogue=catalogue)
    core.desk = desk_at(fake_stripe)
    return Till(core, fake_stripe, clock, prices, catalogue, database_url)

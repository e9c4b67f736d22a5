"""A fake Stripe, the official SDK against it, and a shop with two plans."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import stripe

from tests.fakes.receiver import Receiver
from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.world import Outcome

NOW = 1_767_225_600  # 2026-01-01 00:00 UTC
MONTH = 31 * 86_400  # until 1 February


@dataclass(frozen=True, slots=True)
class Shop:
    """Prices to buy, and customers that can pay for them."""

    fake: FakeStripe
    client: stripe.StripeClient
    pro: str
    team: str
    pro_yearly: str
    pack: str

    def customer(self, card: Outcome | None = Outcome.SUCCEEDED) -> str:
        """A new customer with a card on file."""
        customer = self.client.v1.customers.create({"email": "somebody@example.com", "metadata": {"account": "a1"}})
        if card is not None:
            self.fake.shopper.add_card(customer.id, card)
        return customer.id

    def subscription(self, price: str = "", card: Outcome = Outcome.SUCCEEDED) -> stripe.Subscription:
        """A new customer that has bought a plan."""
        customer = self.customer(card)
        return self.client.v1.subscriptions.create({"customer": customer, "items": [{"price": price or self.pro}]})

    def charge(self, customer: str, amount: int = 1_000, key: str = "") -> stripe.PaymentIntent:
        """Charges the customer's card while nobody is there."""
        card = self.fake.get(customer)["invoice_settings"]["default_payment_method"]
        options: stripe.RequestOptions = {"idempotency_key": key} if key else {}
        return self.client.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "usd",
                "customer": customer,
                "payment_method": card,
                "off_session": True,
                "confirm": True,
                "metadata": {"attempt": key},
            },
            options,
        )


def header(answer: stripe.StripeObject, name: str) -> str | None:
    """A header of the answer that an object came with."""
    assert answer.last_response is not None
    return answer.last_response.headers.get(name)


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A fake whose clock stands still."""
    with FakeStripe(now=NOW) as fake:
        yield fake


@pytest.fixture
def client(fake: FakeStripe) -> stripe.StripeClient:
    """The official SDK, which does not retry by itself here."""
    return stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address}, max_network_retries=0)


@pytest.fixture
def shop(fake: FakeStripe, client: stripe.StripeClient) -> Shop:
    """Pro at $29 a month or $290 a year, Team at $99 a month, a pack of credits at $10."""
    product = client.v1.products.create({"name": "Pro"}).id

    def price(amount: int, interval: str = "") -> str:
        recurring: stripe.params.PriceCreateParamsRecurring = {"interval": interval}
        base: stripe.params.PriceCreateParams = {"product": product, "currency": "usd", "unit_amount": amount}
        return client.v1.prices.create({**base, "recurring": recurring} if interval else base).id

    return Shop(fake, client, price(2_900, "month"), price(9_900, "month"), price(29_000, "year"), price(1_000))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint for webhooks."""
    with Receiver() as receiver:
        yield receiver

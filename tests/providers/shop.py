"""A shop at the fake Stripe: what tests buy, and in a sentence."""

from typing import NamedTuple

import stripe as sdk

from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.world import Outcome
from tollhoused.domain.payments import CheckoutFacts, Item, PaymentFacts, SubscriptionFacts
from tollhoused.providers.provider import Provider

NOW_SECONDS = 1_760_000_000
SECOND_US = 1_000_000
NOW_US = NOW_SECONDS * SECOND_US
TEN_DOLLARS = Item("Credits", 1_000)
PAGES = {"success_url": "https://talk.example.org/thanks", "cancel_url": "https://talk.example.org/plans"}


class Shop(NamedTuple):
    """A fake and the provider that calls it."""

    fake: FakeStripe
    stripe: Provider

    @property
    def operator(self) -> sdk.StripeClient:
        """Who does by hand at Stripe what we never do."""
        return sdk.StripeClient(self.fake.api_key, base_addresses={"api": self.fake.address})

    def price(self, amount: int, interval: str = "month") -> str:
        """A recurring price, made as an operator makes it."""
        client = self.operator
        product = client.v1.products.create({"name": f"Plan of {amount}"})
        recurring: sdk.params.PriceCreateParamsRecurring = {"interval": interval}
        made = client.v1.prices.create(
            {"product": product.id, "currency": "usd", "unit_amount": amount, "recurring": recurring}
        )
        return made.id

    def customer(self, card: Outcome | None = None) -> str:
        """Ada's customer, with a card if you like."""
        customer_id = self.stripe.customer("ada", "ada@example.org", "make-ada")
        if card:
            self.fake.shopper.add_card(customer_id, card)
        return customer_id

    def page(self, customer_id: str, attempt: str = "page-1") -> CheckoutFacts:
        """The page of a top-up of ten dollars."""
        return self.stripe.checkout_payment(
            intent_id="topup-1",
            account_id="ada",
            customer_id=customer_id,
            item=TEN_DOLLARS,
            currency="usd",
            attempt=attempt,
            **PAGES,
        )

    def charge(self, customer_id: str, attempt: str = "reload-1.1", amount_minor: int = 2_500) -> PaymentFacts:
        """A reload of 25 dollars."""
        return self.stripe.charge(
            intent_id="reload-1",
            account_id="ada",
            customer_id=customer_id,
            amount_minor=amount_minor,
            currency="usd",
            attempt=attempt,
        )

    def subscribe(self, price_id: str, customer_id: str = "", attempt: str = "plan-1.1") -> SubscriptionFacts:
        """A plan bought on its page."""
        page = self.stripe.checkout_plan(
            intent_id="plan-1",
            account_id="ada",
            customer_id=customer_id,
            price_id=price_id,
            plan_version=3,
            attempt=attempt,
            **PAGES,
        )
        self.fake.shopper.complete_checkout(page.checkout_id)
        return self.stripe.read_subscription(self.stripe.read_checkout(page.checkout_id).subscription_id)

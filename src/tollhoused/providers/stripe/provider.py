"""Stripe as a provider (requirement P1): its parts put together."""

from tollhoused.providers.stripe.checkout import Checkouts
from tollhoused.providers.stripe.customers import Customers
from tollhoused.providers.stripe.payments import Payments
from tollhoused.providers.stripe.subscriptions import Subscriptions
from tollhoused.providers.stripe.webhooks import Webhooks


class StripeProvider(Customers, Checkouts, Payments, Subscriptions, Webhooks):
    """What `tollhoused.providers.provider.Provider` asks for, by Stripe's API and webhooks."""

    name = "stripe"
    signature_header = "stripe-signature"

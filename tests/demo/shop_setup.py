"""What selling through a payment provider needs: its prices in the catalogue, and settings; here of a fake Stripe.

The fake listens on loopback and behaves like Stripe; it is called through Stripe's own SDK, as the real one is.
"""

from pathlib import Path

import stripe

from tests.fakes.stripe.fake import FakeStripe

SHOP = "https://shop.example.test"
PRICES = {"pro": ("29.00", 2_900), "team": ("99.00", 9_900)}
SHIPPED = Path(__file__).parents[2] / "src/tollhoused/catalogues/hub.toml"


def priced_catalogue(fake: FakeStripe, folder: Path) -> Path:
    """The shipped catalogue with the ids of prices that are made at the provider, as a file in the folder."""
    client = stripe.StripeClient(fake.api_key, base_addresses={"api": fake.address})
    text = SHIPPED.read_text()
    for plan, (amount, cents) in PRICES.items():
        product = client.v1.products.create({"name": plan})
        price = client.v1.prices.create(
            {"product": product.id, "currency": "usd", "unit_amount": cents, "recurring": {"interval": "month"}}
        )
        line = f'[plans.{plan}.prices]\nmonthly = {{ amount = "{amount}" }}'
        assert line in text, line
        text = text.replace(line, f'{line[:-2]}, provider_price_ids = {{ stripe = "{price.id}" }} }}')
    path = folder / "hub.toml"
    path.write_text(text)
    return path


def provider_settings(fake: FakeStripe, http_address: str) -> dict[str, str]:
    """The server's settings for the provider, as environment variables."""
    return {
        "TOLLHOUSE_PROVIDER": "stripe",
        "TOLLHOUSE_STRIPE_API_KEY": fake.api_key,
        "TOLLHOUSE_STRIPE_WEBHOOK_SECRETS": fake.webhook_secret,
        "TOLLHOUSE_STRIPE_API_BASE": fake.address,
        "TOLLHOUSE_RETURN_ORIGINS": SHOP,
        "TOLLHOUSE_HTTP_LISTEN": http_address,
    }

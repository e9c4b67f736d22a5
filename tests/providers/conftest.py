"""A fake Stripe for each test, and our provider connected to it by the official SDK."""

from collections.abc import Iterator

import pytest

from tests.fakes.stripe.fake import FakeStripe
from tests.providers.shop import NOW_SECONDS, Shop
from tollhoused.providers.stripe.provider import StripeProvider


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(now=NOW_SECONDS) as started:
        yield started


@pytest.fixture
def shop(fake: FakeStripe) -> Shop:
    return Shop(fake, StripeProvider(fake.api_key, base_url=fake.address, timeout_seconds=2.0))

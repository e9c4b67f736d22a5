"""Calls of Stripe's API through its own SDK: a deadline and an idempotency key for each, plain dicts back."""

import logging
from collections.abc import Iterator
from typing import Any

from tollhoused.providers.stripe.failures import failure
from tollhoused.providers.stripe.reading import Json, inner, listed, text

API_VERSION = "2026-10-28.endive"
"""What our requests are written for, whatever version of the SDK is installed."""

PAGE_LIMIT = 100
TIMEOUT_SECONDS = 20.0


class Client:
    """One Stripe account's API. Safe for several threads: each has connections of its own."""

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_network_retries: int = 0,
        automatic_tax: bool = False,
    ) -> None:
        """`timeout_seconds` is the longest silence of a call, to connect and to answer.

        With `automatic_tax` Stripe adds tax to what is bought on its pages. Raises ValueError for a key that cannot be
        one, without quoting it.
        """
        import stripe  # takes 0.4 s and 30 MB, which only those pay who take money

        if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValueError("The Stripe API key is empty or has characters that no key has")
        logging.getLogger("stripe").setLevel(logging.WARNING)  # below, it logs bodies with e-mails, and parts of keys
        self._taxed = automatic_tax
        self._error = stripe.StripeError
        self._api = stripe.StripeClient(
            api_key,
            base_addresses={"api": base_url} if base_url else {},
            http_client=stripe.RequestsClient(timeout=timeout_seconds),
            max_network_retries=max_network_retries,
            stripe_version=API_VERSION,
        )

    def get(self, path: str, **params: Any) -> Json:
        """Reads. Raises ProviderFailure."""
        return self._call("get", path, params)

    def post(self, path: str, attempt: str = "", **params: Any) -> Json:
        """Makes or changes. Without an attempt the SDK makes a key of its own: only for what may be done twice."""
        options = {"idempotency_key": attempt} if attempt else {}
        return self._call("post", path, {**params, **options})

    def delete(self, path: str) -> Json:
        """Ends or removes; Stripe takes no keys here, doing it twice is refused."""
        return self._call("delete", path, {})

    def pages(self, path: str, **params: Any) -> Iterator[list[Json]]:
        """All pages of a list, newest first; each is fetched when it is asked for."""
        after: dict[str, str] = {}
        while True:
            answer = self.get(path, limit=PAGE_LIMIT, **params, **after)
            page = listed(answer)
            yield page
            if not page or answer.get("has_more") is not True:
                return
            after = {"starting_after": text(page[-1])}

    def all(self, path: str, **params: Any) -> Iterator[Json]:
        """All objects of a list, newest first."""
        for page in self.pages(path, **params):
            yield from page

    def _call(self, method: str, path: str, params: dict[str, Any]) -> Json:
        try:
            answer = self._api.raw_request(method, path, **params)
        except self._error as error:
            raise failure(error) from None  # its cause can quote what was sent
        return inner(answer.data)

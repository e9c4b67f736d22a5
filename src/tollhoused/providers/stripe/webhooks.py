"""Stripe's webhooks: is it Stripe who posted, and what does the event say to look at.

https://docs.stripe.com/webhooks/signature
"""

import re
from collections.abc import Callable, Iterator, Sequence

import orjson

from tollhoused.domain.payments import Notice, Topic
from tollhoused.providers.provider import BadWebhook
from tollhoused.providers.stripe.client import Client
from tollhoused.providers.stripe.reading import Json, inner, text

SKEW_SECONDS = 300
HEADER_LENGTH_MAX = 4096
"""Some fifty signatures; Stripe sends one for each secret of the endpoint that is good, two in a rotation."""

_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[!-~]{1,255}")


class Webhooks(Client):
    """The part of the provider that is about what Stripe posts."""

    def verify(self, body: bytes, signature: str, secrets: Sequence[str], now_us: int) -> None:
        """Checks a webhook's signature over the raw body: one of the secrets, not five minutes off either way.

        The SDK compares the signatures; it takes any time in the future and answers odd headers and bodies with all
        kinds of exceptions, so it only gets what is well-formed. Raises BadWebhook.
        """
        from stripe import SignatureVerificationError, WebhookSignature

        seconds, clean = well_formed(signature)
        if abs(now_us - seconds * 1_000_000) > SKEW_SECONDS * 1_000_000:
            raise BadWebhook("the signature's time is more than five minutes off")
        try:
            payload = body.decode("utf-8")
        except UnicodeDecodeError:
            raise BadWebhook("the body is not UTF-8") from None
        for secret in filter(None, secrets):
            try:
                WebhookSignature.verify_header(payload, clean, secret)
            except SignatureVerificationError:
                continue
            return
        raise BadWebhook("no signature fits the body")

    def translate(self, body: bytes, *, live: bool) -> Notice:
        """Reads an event of any of the API's versions. Unknown types say that there is nothing to look at.

        Raises BadWebhook for what is no event, a thin event (v2), or one of the other environment.
        """
        return notice_of(body, live)

    def events(self, since_us: int) -> Iterator[bytes]:
        """The events since an instant as Stripe would post them, oldest first; it keeps them for thirty days.

        Lists are newest first: one walk goes to the oldest page, the second comes back, so that one page is held at
        a time. What happens meanwhile comes along.
        """
        params = {"created": {"gte": since_us // 1_000_000}}
        page: list[Json] = []
        for older in self.pages("/v1/events", **params):
            page = older or page
        while page:
            for event in reversed(page):
                yield orjson.dumps(event)
            page = self._newer(text(page[0]), params)

    def _newer(self, event_id: str, params: Json) -> list[Json]:
        pages = self.pages("/v1/events", ending_before=event_id, **params)
        return next(pages, [])


def well_formed(header: str) -> tuple[int, str]:
    """The time of a signature header and the header with nothing else in it but `v1` signatures."""
    if len(header) > HEADER_LENGTH_MAX:
        raise BadWebhook("the signature header is too long")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and _SIGNATURE.fullmatch(value)]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not signatures:
        raise BadWebhook("the signature header has no time or no signature")
    return int(times[0]), ",".join([f"t={int(times[0])}", *(f"v1={value}" for value in signatures)])


def notice_of(body: bytes, live: bool) -> Notice:
    """An event in our words. Raises BadWebhook."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadWebhook("the body is not JSON") from None
    if not isinstance(event, dict):
        raise BadWebhook("the body is not an object")
    if event.get("object") != "event":
        raise BadWebhook("the body is not an event; thin events (v2) are not taken")
    event_id, kind, created = event.get("id"), event.get("type"), event.get("created")
    if not _is_name(event_id) or not _is_name(kind):
        raise BadWebhook("the event has no id or no type")
    if type(created) is not int or not 0 < created < 10**11:
        raise BadWebhook("the event has no time")
    if event.get("livemode") is not live:
        raise BadWebhook("the event is of the other environment, test or live")
    about = inner(event, "data", "object")
    if not about:
        raise BadWebhook("the event has no object")
    return Notice(text(event_id), text(kind), created * 1_000_000, topics_of(text(kind), about))


def topics_of(kind: str, about: Json) -> tuple[tuple[Topic, str], ...]:
    """What an event of this type says to look at, nothing for types that we do not know."""
    for prefix, topic, find in TOPICS:
        if kind.startswith(prefix):
            found = find(about)
            return ((topic, found),) if _is_name(found) else ()
    return ()


def _payment(about: Json) -> str:
    return text(about.get("payment_intent"))


def _subscription_of_invoice(invoice: Json) -> str:
    """Since 2025-03-31 below `parent`, before that at the invoice."""
    details = inner(invoice, "parent", "subscription_details")
    return text(details.get("subscription")) or text(invoice.get("subscription"))


def _subscription_of_schedule(schedule: Json) -> str:
    return text(schedule.get("subscription")) or text(schedule.get("released_subscription"))


TOPICS: tuple[tuple[str, Topic, Callable[[Json], str]], ...] = (
    ("payment_intent.", Topic.PAYMENT, text),
    ("charge.", Topic.PAYMENT, _payment),
    ("refund.", Topic.PAYMENT, _payment),
    ("checkout.session.", Topic.CHECKOUT, text),
    ("customer.subscription.", Topic.SUBSCRIPTION, text),
    ("invoice.", Topic.SUBSCRIPTION, _subscription_of_invoice),
    ("subscription_schedule.", Topic.SUBSCRIPTION, _subscription_of_schedule),
)
"""By the beginning of the type: charges, disputes and refunds name their payment."""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None

"""Stripe's errors in the provider's own words: what surely did not happen, and what may have.

Messages are Stripe's own for people, but for those that quote a key (even shortened) or a connection's details.
https://docs.stripe.com/error-handling and https://docs.stripe.com/api/idempotent_requests
"""

from typing import TYPE_CHECKING, Any

from tollhoused.providers.provider import NotLetIn, NotThere, OutcomeUnknown, ProviderFailure, Refused
from tollhoused.providers.stripe.reading import inner, text

if TYPE_CHECKING:
    from stripe import StripeError

OURS = {
    401: ("authentication", "Stripe does not accept the API key"),
    403: ("permission", "Stripe does not let this API key do that"),
}
"""Statuses that only an operator can mend: nothing happened."""

UNKNOWN = {
    409: "Stripe is still at work on the same call; its outcome is not known yet",
    429: "Stripe has too many calls from us; nothing happened by this one",
}


class Declined(Refused):
    """The customer's bank has said no. `payment` is the payment intent as it is now, empty where there is none."""

    def __init__(self, message: str, code: str, payment: dict[str, Any]) -> None:
        super().__init__(message, code)
        self.payment = payment


class KeyReused(OutcomeUnknown):
    """This attempt was made before with other parameters; what it did then is not said."""


def failure(error: "StripeError") -> ProviderFailure:
    """What to raise instead of an error of the SDK."""
    status = error.http_status
    if status is None:
        return OutcomeUnknown("Stripe could not be reached, or did not answer in time")
    if status in OURS:
        code, message = OURS[status]
        return NotLetIn(message, code)
    if status in UNKNOWN:
        return OutcomeUnknown(UNKNOWN[status])
    if not 400 <= status < 500:
        return OutcomeUnknown(f"Stripe answered with status {status}")
    return _refusal(inner(error.json_body, "error"), status)


def decline_of(details: dict[str, Any]) -> str:
    """Why a card was declined: the bank's own word where it gave one that says more than Stripe's code."""
    decline = text(details.get("decline_code"))
    return text(details.get("code")) if decline in ("", "generic_decline") else decline


def _refusal(details: dict[str, Any], status: int) -> ProviderFailure:
    message = text(details.get("message")) or f"Stripe answered with status {status}"
    code = text(details.get("code"))
    if details.get("type") == "idempotency_error":
        return KeyReused("Stripe has seen this attempt with other parameters; what it did then is not known")
    if details.get("type") == "card_error":
        return Declined(message, decline_of(details), inner(details, "payment_intent"))
    if status == 404 or code == "resource_missing":
        return NotThere(message, code or "resource_missing")
    return Refused(message, code or "invalid_request")

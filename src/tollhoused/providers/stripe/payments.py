"""Payments at Stripe: charges of kept cards, what came of a payment, and what was given back of it."""

from collections.abc import Iterator

from tollhoused.domain.payments import PaymentFacts, PaymentStatus
from tollhoused.providers.provider import Refused
from tollhoused.providers.stripe.client import Client
from tollhoused.providers.stripe.failures import Declined, KeyReused, decline_of
from tollhoused.providers.stripe.reading import ACCOUNT, ATTEMPT, INTENT, Json, inner, metadata, text, whole

STATUSES = {"succeeded": PaymentStatus.SUCCEEDED, "canceled": PaymentStatus.CANCELED}
AFTER_A_FAILURE = {"requires_payment_method", "requires_confirmation"}
"""Where a payment intent waits after it failed; it waits there before its first try, too, without an error."""

BACK = {"succeeded", "pending", "requires_action"}
"""Refunds whose money is on its way back or there; "failed" and "canceled" ones stay with us."""

KEPT = {"won", "prevented", "warning_closed", "warning_needs_response", "warning_under_review"}
"""Disputes that take no money: won ones, and inquiries that have not become disputes."""


class Payments(Client):
    """The part of the provider that is about single payments."""

    def charge(
        self, *, intent_id: str, account_id: str, customer_id: str, amount_minor: int, currency: str, attempt: str
    ) -> PaymentFacts:
        """Charges the customer's default card, or the one added last. A decline is an answer: a FAILED payment.

        Raises Refused with the code "no_card" where there is none.
        """
        card = self._card(customer_id)
        if not card:
            return self._made_before(customer_id, attempt, Refused("This customer has no card to charge", "no_card"))
        given = metadata(intent_id=intent_id, account_id=account_id, attempt=attempt)
        try:
            intent = self.post(
                "/v1/payment_intents",
                attempt,
                amount=amount_minor,
                currency=currency,
                customer=customer_id,
                payment_method=card,
                automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
                confirm=True,
                off_session=True,
                metadata=given,
            )
        except Declined as declined:
            if not declined.payment:
                raise
            return payment_facts(declined.payment)._replace(status=PaymentStatus.FAILED, decline=declined.code)
        except KeyReused as reused:
            return self._made_before(customer_id, attempt, reused)
        return payment_facts(intent)

    def read_payment(self, payment_id: str) -> PaymentFacts:
        """Reads a payment with its refunds and disputes."""
        return self._whole(self.get(f"/v1/payment_intents/{payment_id}", expand=["latest_charge"]))

    def payments_of(self, customer_id: str, since_us: int) -> Iterator[PaymentFacts]:
        """A customer's payments made since an instant, newest first, with their refunds and disputes."""
        since = {"gte": since_us // 1_000_000}
        for intent in self.all(
            "/v1/payment_intents", customer=customer_id, created=since, expand=["data.latest_charge"]
        ):
            yield self._whole(intent)

    def refund(self, payment_id: str, amount_minor: int, attempt: str) -> PaymentFacts:
        """Gives back a part of what was paid without tax, and the tax on that part."""
        intent = self.get(f"/v1/payment_intents/{payment_id}")
        received = whole(intent.get("amount_received"))
        untaxed = received - self._tax_of(intent)
        amount = scaled(amount_minor, received, untaxed)
        self.post("/v1/refunds", attempt, payment_intent=payment_id, amount=amount)
        return self.read_payment(payment_id)

    def _card(self, customer_id: str) -> str:
        customer = self.get(f"/v1/customers/{customer_id}")
        default = text(inner(customer, "invoice_settings").get("default_payment_method"))
        if default:
            return default
        cards = self.all("/v1/payment_methods", customer=customer_id, type="card")
        return text(next(cards, {}))

    def _made_before(self, customer_id: str, attempt: str, otherwise: Exception) -> PaymentFacts:
        """The payment that this attempt made when the customer had another card.

        Without this look a repeated call could not tell what the first one did, or would say that nothing happened.
        """
        for intent in self.all("/v1/payment_intents", customer=customer_id):
            if inner(intent, "metadata").get(ATTEMPT) == attempt:
                return self._whole(intent)
        raise otherwise

    def _whole(self, intent: Json) -> PaymentFacts:
        received = whole(intent.get("amount_received"))
        if not received:
            return payment_facts(intent)
        tax = self._tax_of(intent)
        return payment_facts(intent, tax, scaled(self._returned(intent), received - tax, received))

    def _tax_of(self, intent: Json) -> int:
        """Tax is known to the page on which was paid; what we charge ourselves and what is not ours has none for us."""
        given = inner(intent, "metadata")
        if not given.get(INTENT) or given.get(ATTEMPT):
            return 0
        sessions = self.all("/v1/checkout/sessions", payment_intent=text(intent))
        return whole(inner(next(sessions, {}), "total_details").get("amount_tax"))

    def _returned(self, intent: Json) -> int:
        """With tax. A charge that says that nothing ever came back saves two calls."""
        charge = inner(intent, "latest_charge")
        if charge.get("amount_refunded") == 0 and charge.get("disputed") is False:
            return 0
        refunds = self.all("/v1/refunds", payment_intent=text(intent))
        disputes = self.all("/v1/disputes", payment_intent=text(intent))
        refunded = sum(whole(refund.get("amount")) for refund in refunds if refund.get("status") in BACK)
        return refunded + sum(whole(dispute.get("amount")) for dispute in disputes if dispute.get("status") not in KEPT)


def payment_facts(intent: Json, tax_minor: int = 0, returned_minor: int = 0) -> PaymentFacts:
    """A payment intent in our words."""
    failed = intent.get("status") in AFTER_A_FAILURE
    error = inner(intent, "last_payment_error") if failed else {}
    status = STATUSES.get(text(intent.get("status")), PaymentStatus.FAILED if error else PaymentStatus.PENDING)
    paid = max(0, whole(intent.get("amount_received")) - tax_minor)
    given = inner(intent, "metadata")
    return PaymentFacts(
        payment_id=text(intent),
        intent_id=text(given.get(INTENT)),
        account_id=text(given.get(ACCOUNT)),
        status=status,
        currency=text(intent.get("currency")),
        paid_minor=paid,
        returned_minor=min(returned_minor, paid),
        decline=decline_of(error),
    )


def scaled(amount: int, to: int, of: int) -> int:
    """`amount` x `to` / `of`, rounded half up: a part without its tax, or with it."""
    return (amount * to * 2 + of) // (of * 2) if of > 0 and to != of else amount

"""What a payment provider must do, in our own words (requirement P1).

Every method but `verify` and `translate` is a call over the network, made outside any transaction, with a deadline of
its own. `attempt` is the idempotency key of the call: the same attempt never has its effect twice. What a call raises
says whether anything may have happened.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from tollhoused.domain.payments import (
    CheckoutFacts,
    CustomerFacts,
    Item,
    Notice,
    PaymentFacts,
    PlanPreview,
    SubscriptionFacts,
)


class ProviderFailure(Exception):
    """A call to a provider that did not succeed; the message is for people and holds no secret."""


class Refused(ProviderFailure):
    """The provider has said no: nothing happened, and nothing will by this attempt. `code` is for programs."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class NotThere(Refused):
    """The provider knows nothing of this id."""


class NotLetIn(Refused):
    """The provider does not take our key, or not for that: an operator must mend it, and no customer is to blame."""


class OutcomeUnknown(ProviderFailure):
    """It cannot be said whether anything happened: the same attempt may be made again, another may not."""


class BadWebhook(Exception):
    """What was posted is not from the provider, too old, or makes no sense; the message is for the sender."""


class Provider(Protocol):
    """One provider. Its methods may be called from several threads at once."""

    name: str
    """As settings and rows call it, such as "stripe"."""

    signature_header: str
    """The header of a webhook that `verify` is given, in lower case."""

    def customer(self, account_id: str, email: str, attempt: str) -> str:
        """Makes the customer of an account; gives its id. An empty e-mail is left to the customer."""
        ...

    def read_customer(self, customer_id: str) -> CustomerFacts:
        """Reads a customer."""
        ...

    def adopt_customer(self, customer_id: str, account_id: str) -> None:
        """Notes at the provider whose account a customer is that we did not make."""
        ...

    def checkout_plan(
        self,
        *,
        intent_id: str,
        account_id: str,
        customer_id: str,
        price_id: str,
        plan_version: int,
        success_url: str,
        cancel_url: str,
        attempt: str,
    ) -> CheckoutFacts:
        """Opens a page on which a plan is bought: one recurring price."""
        ...

    def checkout_payment(
        self,
        *,
        intent_id: str,
        account_id: str,
        customer_id: str,
        item: Item,
        currency: str,
        success_url: str,
        cancel_url: str,
        attempt: str,
    ) -> CheckoutFacts:
        """Opens a page on which something is paid once; the card is kept for charges without the customer."""
        ...

    def read_checkout(self, checkout_id: str) -> CheckoutFacts:
        """Reads a page again."""
        ...

    def payment_link(
        self, *, intent_id: str, account_id: str, items: Sequence[Item], currency: str, return_url: str, attempt: str
    ) -> CheckoutFacts:
        """Makes a link that can be paid once, by whoever has it."""
        ...

    def charge(
        self, *, intent_id: str, account_id: str, customer_id: str, amount_minor: int, currency: str, attempt: str
    ) -> PaymentFacts:
        """Charges the customer's kept card without the customer. A decline is an answer: a FAILED payment.

        Refused with the code "no_card" where there is none.
        """
        ...

    def read_payment(self, payment_id: str) -> PaymentFacts:
        """Reads a payment with its refunds and disputes."""
        ...

    def payments_of(self, customer_id: str, since_us: int) -> Iterator[PaymentFacts]:
        """A customer's payments made since an instant, with their refunds and disputes; page by page."""
        ...

    def refund(self, payment_id: str, amount_minor: int, attempt: str) -> PaymentFacts:
        """Gives back a part or all of a payment; the payment as it is then."""
        ...

    def portal(self, customer_id: str, return_url: str, attempt: str) -> str:
        """Opens the page on which customers keep their cards and invoices; gives its URL."""
        ...

    def read_subscription(self, subscription_id: str) -> SubscriptionFacts:
        """Reads a subscription with the change that is scheduled for it."""
        ...

    def subscriptions_of(self, customer_id: str) -> Iterator[SubscriptionFacts]:
        """A customer's subscriptions, ended ones included; page by page."""
        ...

    def change_plan(
        self, subscription_id: str, price_id: str, plan_version: int, *, at_renewal: bool, attempt: str
    ) -> SubscriptionFacts:
        """Gives a subscription another price: now, the difference being charged now, or when it renews next.

        A change that was scheduled, or an end, is taken back by that.
        """
        ...

    def cancel_change(self, subscription_id: str, attempt: str) -> SubscriptionFacts:
        """Takes back the change that is scheduled; nothing where none is."""
        ...

    def cancel(self, subscription_id: str, *, at_renewal: bool, attempt: str) -> SubscriptionFacts:
        """Ends a subscription now, or where it would renew next."""
        ...

    def resume(self, subscription_id: str, attempt: str) -> SubscriptionFacts:
        """Takes back an end that has not come, or ends a pause."""
        ...

    def preview_change(self, subscription_id: str, price_id: str) -> PlanPreview:
        """What another price would cost if it were changed now."""
        ...

    def verify(self, body: bytes, signature: str, secrets: Sequence[str], now_us: int) -> None:
        """Checks a webhook's signature over the raw body: one of the secrets, not five minutes off either way.

        Parses nothing of the body. Raises BadWebhook.
        """
        ...

    def translate(self, body: bytes, *, live: bool) -> Notice:
        """Reads an event of any of the API's versions.

        Raises BadWebhook for what is no event, or one of the other environment.
        """
        ...

    def events(self, since_us: int) -> Iterator[bytes]:
        """The events that the provider has sent since an instant, as it would post them; newest last."""
        ...

"""Customers at Stripe, and the page on which they keep their cards."""

from tollhoused.domain.payments import CustomerFacts
from tollhoused.providers.provider import NotThere
from tollhoused.providers.stripe.client import Client
from tollhoused.providers.stripe.reading import ACCOUNT, inner, metadata, text


class Customers(Client):
    """The part of the provider that is about customers."""

    def customer(self, account_id: str, email: str, attempt: str) -> str:
        """Makes the customer of an account; gives its id. An empty e-mail is left to the customer."""
        address = {"email": email} if email else {}
        return text(self.post("/v1/customers", attempt, metadata=metadata(account_id=account_id), **address))

    def read_customer(self, customer_id: str) -> CustomerFacts:
        """Reads a customer; one that was deleted is not there."""
        customer = self.get(f"/v1/customers/{customer_id}")
        if customer.get("deleted") is True:
            raise NotThere("This customer was deleted at Stripe", "deleted")
        return CustomerFacts(
            customer_id=text(customer),
            account_id=text(inner(customer, "metadata").get(ACCOUNT)),
            email=text(customer.get("email")),
        )

    def adopt_customer(self, customer_id: str, account_id: str) -> None:
        """Notes whose account a customer is that we did not make; doing it twice changes nothing more."""
        self.post(f"/v1/customers/{customer_id}", metadata=metadata(account_id=account_id))

    def portal(self, customer_id: str, return_url: str, attempt: str) -> str:
        """Opens Stripe's customer portal; gives its URL, which is good for a short time."""
        session = self.post("/v1/billing_portal/sessions", attempt, customer=customer_id, return_url=return_url)
        return text(session.get("url"))

"""Pages at Stripe on which customers buy: checkout sessions and payment links."""

from collections.abc import Sequence
from typing import Any

from tollhoused.domain.payments import CheckoutFacts, Item
from tollhoused.providers.stripe.client import Client
from tollhoused.providers.stripe.reading import INTENT, Json, inner, metadata, text

LINK = "plink_"
"""How ids of payment links begin; those of sessions begin otherwise."""


class Checkouts(Client):
    """The part of the provider that is about pages."""

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
        """Opens a page on which a plan is bought. Without a customer Stripe makes one."""
        given = metadata(intent_id=intent_id, account_id=account_id, plan_version=plan_version)
        session = self.post(
            "/v1/checkout/sessions",
            attempt,
            mode="subscription",
            line_items=[{"price": price_id, "quantity": 1}],
            metadata=given,
            subscription_data={"metadata": given},
            success_url=success_url,
            cancel_url=cancel_url,
            **self._tax(),
            **self._customer(customer_id),
        )
        return checkout_facts(session)

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
        """Opens a page on which something is paid once; the card is kept. Without a customer Stripe makes one."""
        given = metadata(intent_id=intent_id, account_id=account_id)
        session = self.post(
            "/v1/checkout/sessions",
            attempt,
            mode="payment",
            line_items=[_line(item, currency)],
            metadata=given,
            payment_intent_data={"metadata": given, "setup_future_usage": "off_session"},
            success_url=success_url,
            cancel_url=cancel_url,
            **self._tax(),
            **(self._customer(customer_id) if customer_id else {"customer_creation": "always"}),
        )
        return checkout_facts(session)

    def payment_link(
        self, *, intent_id: str, account_id: str, items: Sequence[Item], currency: str, return_url: str, attempt: str
    ) -> CheckoutFacts:
        """Makes a link that can be paid once, by whoever has it."""
        given = metadata(intent_id=intent_id, account_id=account_id)
        link = self.post(
            "/v1/payment_links",
            attempt,
            line_items=[_line(item, currency) for item in items],
            metadata=given,
            payment_intent_data={"metadata": given},
            restrictions={"completed_sessions": {"limit": 1}},
            after_completion={"type": "redirect", "redirect": {"url": return_url}},
            **self._tax(),
        )
        return link_facts(link, {})

    def read_checkout(self, checkout_id: str) -> CheckoutFacts:
        """Reads a page again: a session, or a link with what came of it."""
        if not checkout_id.startswith(LINK):
            return checkout_facts(self.get(f"/v1/checkout/sessions/{checkout_id}"))
        link = self.get(f"/v1/payment_links/{checkout_id}")
        sessions = self.all("/v1/checkout/sessions", payment_link=checkout_id)
        return link_facts(link, next((session for session in sessions if session.get("status") == "complete"), {}))

    def _tax(self) -> dict[str, Any]:
        return {"automatic_tax": {"enabled": True}} if self._taxed else {}

    def _customer(self, customer_id: str) -> dict[str, Any]:
        """Whose page it is; tax follows the address that is given there."""
        address = {"customer_update": {"address": "auto"}} if self._taxed else {}
        return {"customer": customer_id, **address} if customer_id else {}


def checkout_facts(session: Json) -> CheckoutFacts:
    """A checkout session in our words. Completed does not mean paid: some payments take days."""
    status = session.get("status")
    return CheckoutFacts(
        checkout_id=text(session),
        intent_id=text(inner(session, "metadata").get(INTENT)),
        url=text(session.get("url")) if status == "open" else "",
        completed=status == "complete",
        expired=status == "expired",
        payment_id=text(session.get("payment_intent")),
        subscription_id=text(session.get("subscription")),
    )


def link_facts(link: Json, session: Json) -> CheckoutFacts:
    """A payment link in our words, with the session in which it was paid, if it was."""
    is_open = link.get("active") is True and not session
    return CheckoutFacts(
        checkout_id=text(link),
        intent_id=text(inner(link, "metadata").get(INTENT)),
        url=text(link.get("url")) if is_open else "",
        completed=bool(session),
        expired=not is_open and not session,
        payment_id=text(session.get("payment_intent")),
    )


def _line(item: Item, currency: str) -> dict[str, Any]:
    price = {"currency": currency, "unit_amount": item.unit_minor, "product_data": {"name": item.name}}
    return {"price_data": price, "quantity": item.quantity}

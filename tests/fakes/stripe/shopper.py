"""What customers do: they pay, prove who they are, change cards, dispute. The other side of the API."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.fakes.stripe import checkout, customers, intents, invoices, links, paying, refunds, subscriptions
from tests.fakes.stripe.render import CURRENT, render
from tests.fakes.stripe.shapes import ApiError, Object
from tests.fakes.stripe.world import Outcome, World


class Shopper:
    """Every method answers with the object it moved, in the current shape."""

    def __init__(self, acting: Callable[[], AbstractContextManager[World]]) -> None:
        self._acting = acting

    def complete_checkout(self, session_id: str, card: Outcome = Outcome.SUCCEEDED, email: str = "") -> Object:
        """Pays a session with a new card. A declined one leaves the session open."""
        with self._acting() as world:
            _try_to_complete(world, world.get("checkout.session", session_id), card, email)
            return _shown(world.get("checkout.session", session_id))

    def expire_checkout(self, session_id: str) -> Object:
        """Leaves a session alone until it is over."""
        with self._acting() as world:
            return _shown(checkout.expire(world, {}, session_id))

    def pay_link(self, link_id: str, card: Outcome = Outcome.SUCCEEDED, email: str = "") -> Object:
        """Follows a payment link and pays. Answers with the session."""
        with self._acting() as world:
            session = links.follow(world, world.get("payment_link", link_id))
            _try_to_complete(world, session, card, email)
            return _shown(world.get("checkout.session", session["id"]))

    def cancel(self, subscription_id: str, at_once: bool = False) -> Object:
        """Cancels in the portal, at the period's end or at once."""
        with self._acting() as world:
            if at_once:
                return _shown(subscriptions.cancel(world, {}, subscription_id))
            return _shown(subscriptions.update(world, {"cancel_at_period_end": "true"}, subscription_id))

    def stay(self, subscription_id: str) -> Object:
        """Takes a cancellation back in the portal."""
        with self._acting() as world:
            return _shown(subscriptions.update(world, {"cancel_at_period_end": "false"}, subscription_id))

    def change_plan(self, subscription_id: str, price_id: str) -> Object:
        """Changes the price in the portal, billed at once."""
        with self._acting() as world:
            item = world.get("subscription", subscription_id)["items"]["data"][0]["id"]
            form = {"items": [{"id": item, "price": price_id}], "proration_behavior": "always_invoice"}
            return _shown(subscriptions.update(world, form, subscription_id))

    def add_card(self, customer_id: str, card: Outcome = Outcome.SUCCEEDED, default: bool = True) -> str:
        """Stores a new card, as in the portal; answers with its id."""
        with self._acting() as world:
            name: str = customers.new_card(world, card)["id"]
            customers.attach(world, {"customer": customer_id}, name)
            if default:
                form = {"invoice_settings": {"default_payment_method": name}}
                customers.update_customer(world, form, customer_id)
            return name

    def set_cards(self, customer_id: str, card: Outcome) -> None:
        """All cards of a customer behave so from now on: blocked, or topped up again."""
        with self._acting() as world:
            for method in world.all("payment_method"):
                if method["customer"] == customer_id:
                    method["_outcome"] = card

    def authenticate(self, payment_intent_id: str, succeeded: bool = True) -> Object:
        """Answers the bank's question for an intent that requires action."""
        with self._acting() as world:
            intents.authenticate(world, world.get("payment_intent", payment_intent_id), succeeded)
            return _shown(world.get("payment_intent", payment_intent_id))

    def settle(self, payment_intent_id: str, succeeded: bool = True) -> Object:
        """The slow answer to an intent that is processing."""
        with self._acting() as world:
            intents.settle(world, world.get("payment_intent", payment_intent_id), succeeded)
            return _shown(world.get("payment_intent", payment_intent_id))

    def pay_invoice(self, invoice_id: str, card: Outcome = Outcome.SUCCEEDED) -> Object:
        """Pays an open invoice on its own page."""
        with self._acting() as world:
            invoice = world.get("invoice", invoice_id)
            invoices.collect(world, invoice, customers.new_card(world, card), off_session=False)
            return _shown(invoice)

    def dispute(self, payment_id: str, amount: int | None = None, reason: str = "fraudulent") -> Object:
        """Goes to the bank about a payment intent or a charge."""
        with self._acting() as world:
            kind = "charge" if payment_id.startswith("ch_") else "payment_intent"
            charge = refunds.charge_of(world, {kind: payment_id})
            return _shown(refunds.open_dispute(world, charge, amount, reason))

    def close_dispute(self, dispute_id: str, won: bool = False) -> Object:
        """The bank decides; won means for the seller."""
        with self._acting() as world:
            dispute = world.get("dispute", dispute_id)
            refunds.close_dispute(world, dispute, won)
            return _shown(dispute)

    def fail_refund(self, refund_id: str) -> Object:
        """The bank sends a refund back."""
        with self._acting() as world:
            refund = world.get("refund", refund_id)
            refunds.fail_refund(world, refund)
            return _shown(refund)


def _try_to_complete(world: World, session: Object, card: Outcome, email: str) -> None:
    try:
        paying.complete(world, session, card, email)
    except ApiError as error:
        if error.status != 402:
            raise


def _shown(kept: Object) -> Object:
    answer: Object = render(kept, CURRENT)
    return answer

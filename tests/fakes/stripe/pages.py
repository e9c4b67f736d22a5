"""The pages that customers see: opening one shows what it is, sending its form pays."""

import threading

from tests.fakes.stripe.server import Answer
from tests.fakes.stripe.shapes import ApiError, Object
from tests.fakes.stripe.shopper import Shopper
from tests.fakes.stripe.world import Outcome

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


def is_page(path: str) -> bool:
    """Whether a customer goes there, not a program with a key."""
    return not path.startswith("/v1/")


def open_page(shopper: Shopper, method: str, path: str, form: Object) -> Answer:
    """`/c/pay/SESSION`, `/b/LINK` and `/i/INVOICE`. `card` in the form is an `Outcome`, `email` whose it is."""
    name = path.rpartition("/")[2]
    if method != "POST" or not path.startswith(("/c/pay/", "/b/", "/i/")):
        return _page(200, f"A page of the fake Stripe: {name}\n".encode())
    card, email = Outcome(form.get("card", Outcome.SUCCEEDED)), form.get("email", "")
    try:
        if path.startswith("/i/"):
            paid = shopper.pay_invoice(name, card)["status"] == "paid"
            return _page(200, b"Thank you.\n") if paid else _page(402, b"Your card was declined.\n")
        pays = shopper.pay_link if path.startswith("/b/") else shopper.complete_checkout
        session = pays(name, card, email)
    except ApiError as error:
        return _page(error.status, f"{error}\n".encode())
    if session["status"] != "complete":
        return _page(402, b"Your card was declined.\n")
    if not session["success_url"]:
        return _page(200, b"Thank you.\n")
    return _page(303, b"", session["success_url"].replace(PLACEHOLDER, session["id"]))


def _page(status: int, body: bytes, location: str = "") -> Answer:
    headers = {"location": location} if location else {"content-type": "text/plain; charset=utf-8"}
    return Answer(status, body, headers, threading.Event())

"""The pages that customers see: opening one shows what it is, sending its form pays."""

from tests.fakes.stripe.server import Answer
from tests.fakes.stripe.shapes import ApiError, Object
from tests.fakes.stripe.shopper import Shopper
from tests.fakes.stripe.world import Outcome

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
TEXT = {"content-type": "text/plain; charset=utf-8"}


def is_page(path: str) -> bool:
    """Whether a customer goes there, not a program with a key."""
    return not path.startswith("/v1/")


def open_page(shopper: Shopper, method: str, path: str, form: Object) -> Answer:
    """`/c/pay/SESSION` and `/b/LINK`. `card` in the form is an `Outcome`, `email` whose it is."""
    name = path.rpartition("/")[2]
    if method != "POST" or not path.startswith(("/c/pay/", "/b/")):
        return Answer(200, f"A page of the fake Stripe: {name}\n".encode(), dict(TEXT))
    card, email = Outcome(form.get("card", Outcome.SUCCEEDED)), form.get("email", "")
    try:
        pays = shopper.pay_link if path.startswith("/b/") else shopper.complete_checkout
        session = pays(name, card, email)
    except ApiError as error:
        return Answer(error.status, f"{error}\n".encode(), dict(TEXT))
    if session["status"] != "complete":
        return Answer(402, b"Your card was declined.\n", dict(TEXT))
    if not session["success_url"]:
        return Answer(200, b"Thank you.\n", dict(TEXT))
    return Answer(303, b"", {"location": session["success_url"].replace(PLACEHOLDER, session["id"])})

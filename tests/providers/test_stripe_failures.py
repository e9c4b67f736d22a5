"""What goes wrong with Stripe, and what may then be said of the outcome: one charge, however often it is attempted."""

import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable

import pytest
import stripe as sdk

from tests.fakes.stripe.failures import Fault
from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.world import Outcome
from tests.providers.shop import NOW_US, Shop
from tollhoused.domain.payments import PaymentStatus, SubscriptionFacts
from tollhoused.providers.provider import NotThere, OutcomeUnknown, Refused
from tollhoused.providers.stripe.failures import failure
from tollhoused.providers.stripe.provider import StripeProvider

INTENTS = "/v1/payment_intents"


def charged(fake: FakeStripe) -> int:
    """How often money moved."""
    return sum(charge["paid"] for charge in fake.all("charge"))


@pytest.mark.parametrize(
    ("fault", "moved"),
    [(Fault.LOST_BEFORE, 0), (Fault.LOST_AFTER, 1), (Fault.SERVER_ERROR, 0), (Fault.RATE_LIMITED, 0)],
)
def test_an_unknown_outcome_is_settled_by_the_same_attempt(shop: Shop, fault: Fault, moved: int) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    shop.fake.failures.add(fault, path=INTENTS)

    with pytest.raises(OutcomeUnknown):
        shop.charge(customer_id)

    assert charged(shop.fake) == moved
    assert shop.charge(customer_id).status is PaymentStatus.SUCCEEDED
    assert shop.charge(customer_id).status is PaymentStatus.SUCCEEDED
    assert charged(shop.fake) == 1


def test_an_answer_that_comes_too_late_is_an_unknown_outcome(shop: Shop) -> None:
    hurried = shop._replace(stripe=StripeProvider(shop.fake.api_key, base_url=shop.fake.address, timeout_seconds=0.3))
    customer_id = shop.customer(Outcome.SUCCEEDED)
    shop.fake.failures.add(Fault.SLOW, path=INTENTS, seconds=1.0)
    began = time.monotonic()

    with pytest.raises(OutcomeUnknown, match="in time"):
        hurried.charge(customer_id)

    assert time.monotonic() - began < 0.9
    with pytest.raises(OutcomeUnknown, match="still at work"):
        hurried.charge(customer_id)
    assert shop.charge(customer_id, "reload-1.2").status is PaymentStatus.SUCCEEDED
    assert charged(shop.fake) == 2


def test_the_same_attempt_in_flight_twice_is_one_charge(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    with shop.fake.failures.held("POST", INTENTS) as held:
        first = threading.Thread(target=shop.charge, args=(customer_id,))
        first.start()
        assert held.arrived.wait(5)
        with pytest.raises(OutcomeUnknown, match="still at work"):
            shop.charge(customer_id)
        held.release()
        first.join(5)

    assert shop.charge(customer_id).status is PaymentStatus.SUCCEEDED
    assert charged(shop.fake) == 1


def test_an_error_that_is_kept_is_found_among_the_customers_payments(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    shop.fake.failures.add(Fault.SERVER_ERROR_AFTER, path=INTENTS)

    for _ in range(3):
        with pytest.raises(OutcomeUnknown, match="500"):
            shop.charge(customer_id)

    (payment,) = shop.stripe.payments_of(customer_id, NOW_US)
    assert (payment.intent_id, payment.status, charged(shop.fake)) == ("reload-1", PaymentStatus.SUCCEEDED, 1)


@pytest.mark.parametrize("card", [Outcome.SUCCEEDED, Outcome.DECLINED])
def test_another_default_card_does_not_make_another_charge_of_an_attempt(shop: Shop, card: Outcome) -> None:
    customer_id = shop.customer(card)
    shop.fake.failures.add(Fault.LOST_AFTER, path=INTENTS)
    with pytest.raises(OutcomeUnknown):
        shop.charge(customer_id)
    shop.fake.shopper.add_card(customer_id, Outcome.SUCCEEDED)

    answer = shop.charge(customer_id)

    assert answer.status is (PaymentStatus.SUCCEEDED if card is Outcome.SUCCEEDED else PaymentStatus.FAILED)
    assert len(shop.fake.all("payment_intent")) == 1


def test_no_card_any_more_does_not_hide_a_charge_that_was_made(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    shop.fake.failures.add(Fault.LOST_AFTER, path=INTENTS)
    with pytest.raises(OutcomeUnknown):
        shop.charge(customer_id)
    shop.operator.v1.payment_methods.detach(shop.fake.all("payment_method")[0]["id"])

    assert shop.charge(customer_id).status is PaymentStatus.SUCCEEDED
    with pytest.raises(Refused) as refused:
        shop.charge(customer_id, "reload-1.2")
    assert (refused.value.code, charged(shop.fake)) == ("no_card", 1)


def test_an_attempt_with_other_parameters_is_not_said_to_be_refused(shop: Shop) -> None:
    customer_id = shop.customer()
    shop.page(customer_id)

    with pytest.raises(OutcomeUnknown, match="other parameters"):
        shop.page("")


def test_a_decline_on_demand_is_an_answer_and_the_next_attempt_is_free(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    shop.fake.failures.add(Fault.AUTHENTICATION_REQUIRED, path=INTENTS)

    first, again = shop.charge(customer_id), shop.charge(customer_id)

    assert first == again
    assert (first.status, first.decline) == (PaymentStatus.FAILED, "authentication_required")
    assert shop.charge(customer_id, "reload-1.2").status is PaymentStatus.SUCCEEDED


def test_a_refund_whose_answer_was_lost_is_made_once(shop: Shop) -> None:
    payment_id = shop.charge(shop.customer(Outcome.SUCCEEDED)).payment_id
    shop.fake.failures.add(Fault.LOST_AFTER, path="/v1/refunds")
    with pytest.raises(OutcomeUnknown):
        shop.stripe.refund(payment_id, 1_000, "refund-1")

    assert shop.stripe.refund(payment_id, 1_000, "refund-1").returned_minor == 1_000


Step = Callable[[Shop, str, str, str], SubscriptionFacts]


def upgrade(shop: Shop, name: str, price_id: str, attempt: str) -> SubscriptionFacts:
    return shop.stripe.change_plan(name, price_id, 4, at_renewal=False, attempt=attempt)


def schedule(shop: Shop, name: str, price_id: str, attempt: str) -> SubscriptionFacts:
    return shop.stripe.change_plan(name, price_id, 4, at_renewal=True, attempt=attempt)


def take_back(shop: Shop, name: str, price_id: str, attempt: str) -> SubscriptionFacts:
    return shop.stripe.cancel_change(name, attempt)


def end(shop: Shop, name: str, price_id: str, attempt: str) -> SubscriptionFacts:
    return shop.stripe.cancel(name, at_renewal=False, attempt=attempt)


def end_later(shop: Shop, name: str, price_id: str, attempt: str) -> SubscriptionFacts:
    return shop.stripe.cancel(name, at_renewal=True, attempt=attempt)


def resume(shop: Shop, name: str, price_id: str, attempt: str) -> SubscriptionFacts:
    return shop.stripe.resume(name, attempt)


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER])
@pytest.mark.parametrize("before", ["nothing", "scheduled", "ending"])
@pytest.mark.parametrize("step", [upgrade, schedule, take_back, end, end_later, resume])
def test_a_step_that_is_cut_off_anywhere_is_finished_by_the_same_attempt(
    shop: Shop, step: Step, before: str, fault: Fault
) -> None:
    """Each call of the step is cut off in turn; what comes of it is what comes of it undisturbed."""
    pro, starter, team = shop.price(2_900), shop.price(500), shop.price(9_900)
    customer_id = shop.customer()

    def bought(number: int) -> str:
        name = shop.subscribe(pro, customer_id, f"plan-{number}").subscription_id
        if before == "scheduled":
            shop.stripe.change_plan(name, starter, 3, at_renewal=True, attempt=f"before-{number}")
        if before == "ending":
            shop.stripe.cancel(name, at_renewal=True, attempt=f"before-{number}")
        return name

    def cut_off(name: str, number: int) -> bool:
        """Whether the step has a changing call of this number."""
        if number:
            shop.fake.failures.add(Fault.SLOW, method, times=number)
        shop.fake.failures.add(fault, method)
        try:
            step(shop, name, team, f"step-{number}")
        except OutcomeUnknown:
            return True
        finally:
            shop.fake.failures.clear()
        return False

    method = "DELETE" if step is end else "POST"
    undisturbed = step(shop, bought(-1), team, "step--1")
    number, was_cut_off = 0, True
    while was_cut_off:
        name, invoices = bought(number), len(shop.fake.all("invoice"))
        was_cut_off = cut_off(name, number)
        answer = step(shop, name, team, f"step-{number}")
        assert answer._replace(subscription_id="") == undisturbed._replace(subscription_id="")
        assert len(shop.fake.all("invoice")) - invoices == (step is upgrade)
        number += 1
    assert number > 1 or (step, before) in NOTHING_TO_DO


NOTHING_TO_DO: list[tuple[Step, str]] = [
    (take_back, "nothing"),
    (take_back, "ending"),
    (resume, "nothing"),
    (resume, "scheduled"),
    (end_later, "ending"),
]


def test_a_key_that_stripe_does_not_know_is_refused_and_not_told(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    key, email = "sk_" + "canary_of_the_api_key", "canary@example.org"
    stranger = StripeProvider(key, base_url=shop.fake.address)
    caplog.set_level(logging.DEBUG)

    with pytest.raises(Refused) as refused:
        stranger.customer("ada", email, "make-ada")

    told = "".join(traceback.format_exception(refused.value)) + caplog.text + repr(stranger) + repr(refused.value)
    assert refused.value.code == "authentication"
    assert "canary" not in told
    assert "sk_" not in told


@pytest.mark.parametrize("key", ["", "with a blank", "a\nline", "\u00e9"])
def test_a_key_that_cannot_be_one_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        StripeProvider(key)


def test_nobody_there_is_an_unknown_outcome(shop: Shop) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = StripeProvider("a-key", base_url=f"http://127.0.0.1:{free.getsockname()[1]}")

        with pytest.raises(OutcomeUnknown, match="could not be reached"):
            nobody.read_payment("pi_1")


@pytest.mark.parametrize(
    ("status", "details", "expected", "code"),
    [
        (400, {"message": "No.", "code": "parameter_unknown"}, Refused, "parameter_unknown"),
        (400, {"message": "No."}, Refused, "invalid_request"),
        (400, {"message": "No.", "code": "resource_missing"}, NotThere, "resource_missing"),
        (402, {"type": "card_error", "code": "expired_card"}, Refused, "expired_card"),
        (403, {"message": "The key rk_12*** may not"}, Refused, "permission"),
        (404, {"message": "No."}, NotThere, "resource_missing"),
        (418, None, Refused, "invalid_request"),
    ],
)
def test_a_refusal_has_a_code(status: int, details: object, expected: type[Refused], code: str) -> None:
    refused = failure(sdk.StripeError("x", http_status=status, json_body={"error": details}))

    assert type(refused) in (expected, *expected.__subclasses__())
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert "rk_" not in str(refused)


@pytest.mark.parametrize("status", [None, 200, 302, 409, 429, 500, 502, 503, 504])
def test_whatever_else_comes_is_an_unknown_outcome(status: int | None) -> None:
    error = sdk.StripeError("x", http_body="<html>", http_status=status, json_body=None)

    assert isinstance(failure(error), OutcomeUnknown)


def test_several_threads_charge_at_once(shop: Shop) -> None:
    customer_id = shop.customer(Outcome.SUCCEEDED)
    attempts = [f"reload-{number // 2}.1" for number in range(16)]
    threads = [threading.Thread(target=_until_known, args=(shop, customer_id, attempt)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert charged(shop.fake) == 8


def _until_known(shop: Shop, customer_id: str, attempt: str) -> None:
    while True:
        try:
            shop.charge(customer_id, attempt)
        except OutcomeUnknown:
            continue
        return


def test_every_change_bears_its_attempt(shop: Shop) -> None:
    """So that Stripe sees the second of two calls that cross, whatever each has read before."""
    starter, team = shop.price(500), shop.price(9_900)
    name = shop.subscribe(shop.price(2_900), shop.customer(Outcome.SUCCEEDED)).subscription_id
    before = len(shop.fake.requests)

    schedule(shop, name, starter, "one")
    upgrade(shop, name, team, "two")
    end_later(shop, name, team, "three")
    schedule(shop, name, starter, "four")
    take_back(shop, name, starter, "five")
    end_later(shop, name, team, "six")
    resume(shop, name, team, "seven")
    end(shop, name, team, "eight")

    keys = [request.idempotency_key for request in shop.fake.requests[before:] if request.method == "POST"]
    steps = [key.partition(":")[0] for key in keys]
    assert list(dict.fromkeys(steps)) == ["one", "two", "three", "four", "five", "six", "seven"]
    assert len(set(keys)) == len(keys)


def test_an_upgrade_repeated_when_stripe_has_forgotten_its_key_is_not_made_again(shop: Shop) -> None:
    bought, team = shop.subscribe(shop.price(2_900)), shop.price(9_900)
    upgrade(shop, bought.subscription_id, team, "step-1")
    shop.fake.advance(days=2)
    made = len(shop.fake.requests)

    again = upgrade(shop, bought.subscription_id, team, "step-1")

    assert again.price_id == team
    assert [request.method for request in shop.fake.requests[made:]] == ["GET", "GET"]

import threading
from dataclasses import replace

import pytest
import stripe

from tests.fakes.conftest import Shop, header
from tests.fakes.receiver import Receiver
from tests.fakes.stripe.failures import Fault
from tests.fakes.stripe.webhooks import Delivery

INTENTS = "/v1/payment_intents"


def test_a_request_that_is_lost_before_its_effect_did_nothing(shop: Shop) -> None:
    customer = shop.customer()
    shop.fake.failures.add(Fault.LOST_BEFORE, path=INTENTS)

    with pytest.raises(stripe.APIConnectionError):
        shop.charge(customer, key="reload-1")

    assert shop.fake.all("payment_intent") == []
    assert shop.charge(customer, key="reload-1").status == "succeeded"
    assert shop.fake.requests[-2].status == 0


def test_a_request_that_is_lost_after_its_effect_has_charged_and_is_replayed(shop: Shop) -> None:
    customer = shop.customer()
    shop.fake.failures.add(Fault.LOST_AFTER, path=INTENTS)

    with pytest.raises(stripe.APIConnectionError):
        shop.charge(customer, key="reload-1")

    assert [charge["paid"] for charge in shop.fake.all("charge")] == [True]
    assert header(shop.charge(customer, key="reload-1"), "idempotent-replayed") == "true"
    assert len(shop.fake.all("charge")) == 1


def test_a_client_with_a_deadline_gives_up_on_an_answer_that_hangs(shop: Shop) -> None:
    customer = shop.customer()
    shop.fake.failures.add(Fault.LOST_AFTER, path=INTENTS, seconds=0.5)
    hasty = stripe.StripeClient(
        shop.fake.api_key,
        base_addresses={"api": shop.fake.address},
        http_client=stripe.RequestsClient(timeout=0.1),
        max_network_retries=0,
    )

    with pytest.raises(stripe.APIConnectionError):
        replace(shop, client=hasty).charge(customer)

    assert len(shop.fake.all("charge")) == 1


@pytest.mark.parametrize(("fault", "charged"), [(Fault.SERVER_ERROR, 0), (Fault.SERVER_ERROR_AFTER, 1)])
def test_a_server_error_says_nothing_about_what_happened(shop: Shop, fault: Fault, charged: int) -> None:
    customer = shop.customer()
    shop.fake.failures.add(fault, path=INTENTS)

    with pytest.raises(stripe.APIError) as failed:
        shop.charge(customer, key="reload-1")

    assert failed.value.http_status == 500
    assert len(shop.fake.all("charge")) == charged


def test_the_key_of_a_server_error_after_the_effect_answers_500_from_then_on(shop: Shop) -> None:
    customer = shop.customer()
    shop.fake.failures.add(Fault.SERVER_ERROR_AFTER, path=INTENTS)

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.charge(customer, key="reload-1")

    assert len(shop.fake.all("charge")) == 1


def test_too_many_requests_are_refused_as_often_as_was_asked_for(shop: Shop) -> None:
    shop.fake.failures.add(Fault.RATE_LIMITED, method="GET", path="/v1/customers", times=2)

    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            shop.client.v1.customers.list()

    assert shop.client.v1.customers.list().data == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Fault.DECLINED, "card_declined"), (Fault.AUTHENTICATION_REQUIRED, "authentication_required")],
)
def test_a_good_card_can_be_refused_once(shop: Shop, fault: Fault, code: str) -> None:
    customer = shop.customer()
    shop.fake.failures.add(fault, path=INTENTS)

    with pytest.raises(stripe.CardError) as refused:
        shop.charge(customer)

    assert refused.value.code == code
    assert shop.charge(customer).status == "succeeded"


def test_a_webhook_can_arrive_before_the_answer(shop: Shop, receiver: Receiver) -> None:
    customer = shop.customer()
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.webhooks.delivery = Delivery.BEFORE_ANSWER
    answered: list[int] = []
    receiver.on_post = lambda posted: answered.append(shop.fake.requests[-1].status)

    shop.charge(customer)

    assert receiver.types[-1] == "payment_intent.succeeded"
    assert set(answered) == {0}


def test_the_receiver_of_an_early_webhook_may_call_back(shop: Shop, receiver: Receiver) -> None:
    customer = shop.customer()
    shop.fake.webhooks.send_to(receiver.url)
    shop.fake.webhooks.delivery = Delivery.BEFORE_ANSWER
    seen: list[str] = []
    receiver.on_post = lambda posted: seen.append(shop.client.v1.customers.retrieve(customer).id)

    shop.charge(customer)

    assert set(seen) == {customer}


def test_a_slow_answer_stops_nobody_else(shop: Shop) -> None:
    customer = shop.customer()
    shop.fake.failures.add(Fault.SLOW, path=INTENTS, seconds=0.3)
    slow = threading.Thread(target=shop.charge, args=(customer,))
    slow.start()

    assert shop.client.v1.customers.retrieve(customer).id == customer
    assert slow.is_alive()
    slow.join()

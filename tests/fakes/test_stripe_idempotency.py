import threading

import pytest
import stripe

from tests.fakes.conftest import Shop, header
from tests.fakes.stripe.world import Outcome


def test_a_key_is_answered_again_word_for_word(shop: Shop) -> None:
    customer = shop.customer()

    first, again = (shop.charge(customer, key="reload-1") for _ in range(2))

    assert again.to_dict() == first.to_dict()
    assert [header(answer, "idempotent-replayed") for answer in (first, again)] == [None, "true"]
    assert header(again, "original-request") == header(first, "request-id")
    assert len(shop.fake.all("payment_intent")) == 1
    assert [call.replayed for call in shop.fake.requests[-2:]] == [False, True]


def test_a_key_with_other_content_is_refused(shop: Shop) -> None:
    customer = shop.customer()
    shop.charge(customer, 1_000, key="reload-1")

    with pytest.raises(stripe.IdempotencyError) as refused:
        shop.charge(customer, 2_000, key="reload-1")

    assert refused.value.http_status == 400
    assert len(shop.fake.all("charge")) == 1


def test_a_key_in_flight_is_refused_until_it_is_answered(shop: Shop) -> None:
    customer = shop.customer()
    with shop.fake.failures.held("POST", "/v1/payment_intents") as held:
        first = threading.Thread(target=shop.charge, args=(customer, 1_000, "reload-1"))
        first.start()
        assert held.arrived.wait(5)
        with pytest.raises(stripe.StripeError) as refused:
            shop.charge(customer, 1_000, key="reload-1")
    first.join()

    assert refused.value.error is not None
    assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")
    assert shop.charge(customer, 1_000, key="reload-1").status == "succeeded"
    assert len(shop.fake.all("payment_intent")) == 1


def test_a_key_is_forgotten_after_a_day(shop: Shop) -> None:
    customer = shop.customer()
    first = shop.charge(customer, key="reload-1")
    shop.fake.advance(seconds=86_399)
    assert shop.charge(customer, key="reload-1").id == first.id

    shop.fake.advance(seconds=1)

    assert shop.charge(customer, key="reload-1").id != first.id


def test_a_declined_charge_is_kept_under_its_key(shop: Shop) -> None:
    customer = shop.customer(Outcome.DECLINED)
    with pytest.raises(stripe.CardError) as first:
        shop.charge(customer, key="reload-1")
    shop.fake.shopper.set_cards(customer, Outcome.SUCCEEDED)

    with pytest.raises(stripe.CardError) as again:
        shop.charge(customer, key="reload-1")

    assert again.value.json_body == first.value.json_body


def test_a_refused_form_does_not_use_its_key_up(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.customers.create({"nonsense": "x"}, {"idempotency_key": "k"})  # type: ignore[arg-type]

    assert shop.client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"}).id


def test_a_key_may_not_be_longer_than_255_characters(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        shop.client.v1.customers.create({}, {"idempotency_key": "k" * 256})

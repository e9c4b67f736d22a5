import pytest
import stripe

from tests.fakes.conftest import Shop, header
from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.render import CURRENT


def test_the_fake_answers_in_the_version_that_the_sdk_pins(client: stripe.StripeClient) -> None:
    assert header(client.v1.products.create({"name": "Pro"}), "stripe-version") == stripe.api_version
    assert stripe.api_version >= CURRENT


def test_nobody_gets_in_without_the_key(fake: FakeStripe) -> None:
    stranger = stripe.StripeClient("not-the-key", base_addresses={"api": fake.address}, max_network_retries=0)

    with pytest.raises(stripe.AuthenticationError) as refused:
        stranger.v1.customers.list()

    assert refused.value.http_status == 401


def test_nested_forms_arrive_as_they_were_meant(client: stripe.StripeClient) -> None:
    metadata = {"account": "a 1&b=[c]", "0": "a number is a name here", "note": "\u20ac\u00fc"}

    customer = client.v1.customers.create({"email": "a+b@example.com", "metadata": metadata})

    assert client.v1.customers.retrieve(customer.id).to_dict()["metadata"] == metadata


def test_metadata_is_merged_and_an_empty_value_takes_a_key_away(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})

    changed = client.v1.customers.update(customer.id, {"metadata": {"b": "", "c": "3"}})

    assert changed.to_dict()["metadata"] == {"a": "1", "c": "3"}


def test_an_unknown_parameter_is_refused_by_name(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.create({"emial": "x"})  # type: ignore[arg-type]

    assert (refused.value.param, refused.value.code) == ("emial", "parameter_unknown")


def test_what_is_not_there_is_named(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as by_path:
        client.v1.subscriptions.retrieve("sub_none")
    with pytest.raises(stripe.InvalidRequestError) as by_parameter:
        client.v1.checkout.sessions.create(
            {"mode": "payment", "success_url": "http://localhost", "line_items": [{"price": "price_none"}]}
        )

    assert (by_path.value.http_status, by_path.value.code) == (404, "resource_missing")
    assert by_parameter.value.http_status == 400
    assert by_parameter.value.param == "line_items[0][price]"
    assert by_parameter.value.user_message == "No such price: 'price_none'"


def test_a_list_is_read_page_by_page_newest_first(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"email": f"{n}@example.com"}).id for n in range(5)]

    first = client.v1.customers.list({"limit": 2})
    second = client.v1.customers.list({"limit": 2, "starting_after": first.data[-1].id})

    assert [item.id for item in [*first.data, *second.data]] == made[:0:-1]
    assert (first.has_more, second.has_more) == (True, True)
    assert [item.id for item in first.auto_paging_iter()] == made[::-1]
    before = client.v1.customers.list({"limit": 2, "ending_before": made[0]})
    assert [item.id for item in before.data] == [made[2], made[1]]


def test_a_list_can_be_limited_to_a_time(fake: FakeStripe, client: stripe.StripeClient) -> None:
    client.v1.customers.create({"email": "early@example.com"})
    fake.advance(days=1)
    late = client.v1.customers.create({"email": "late@example.com"})

    assert [item.id for item in client.v1.customers.list({"created": {"gte": fake.clock.now}}).data] == [late.id]


def test_ids_are_expanded_on_demand_along_a_path(shop: Shop) -> None:
    bought = shop.subscription()

    found = shop.client.v1.subscriptions.retrieve(bought.id, {"expand": ["customer", "latest_invoice.payments"]})

    assert isinstance(found.customer, stripe.Customer)
    assert isinstance(found.latest_invoice, stripe.Invoice)
    assert found.latest_invoice.payments is not None
    assert found.latest_invoice.payments.data[0].status == "paid"
    listed = shop.client.v1.subscriptions.list({"expand": ["data.customer"]}).data[0]
    assert isinstance(listed.customer, stripe.Customer)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shop.client.v1.subscriptions.retrieve(bought.id, {"expand": ["nonsense"]})


def test_prices_are_found_by_lookup_key_which_can_move(shop: Shop) -> None:
    product = shop.client.v1.prices.retrieve(shop.pro).product
    assert isinstance(product, str)
    old = shop.client.v1.prices.update(shop.pro, {"lookup_key": "pro"})
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        shop.client.v1.prices.create({"product": product, "currency": "usd", "unit_amount": 1, "lookup_key": "pro"})

    new = shop.client.v1.prices.create(
        {"product": product, "currency": "usd", "unit_amount": 1, "lookup_key": "pro", "transfer_lookup_key": True}
    )

    assert [price.id for price in shop.client.v1.prices.list({"lookup_keys": ["pro"]}).data] == [new.id] != [old.id]


def test_payments_are_searched_by_metadata(shop: Shop) -> None:
    customer = shop.customer()
    shop.charge(customer, key="attempt-1")
    wanted = shop.charge(customer, key="attempt-2")

    found = shop.client.v1.payment_intents.search({"query": "metadata['attempt']:'attempt-2' AND status:'succeeded'"})

    assert [intent.id for intent in found.data] == [wanted.id]


def test_deleting_a_customer_ends_its_subscriptions(shop: Shop) -> None:
    bought = shop.subscription()
    assert isinstance(bought.customer, str)

    shop.client.v1.customers.delete(bought.customer)

    assert shop.fake.get(bought.id)["status"] == "canceled"
    assert shop.client.v1.customers.retrieve(bought.customer).to_dict()["deleted"] is True

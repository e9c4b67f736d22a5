"""Kill -9 at every step of a top-up and of a reload: one charge at the provider, one grant here.

A real server sells through a fake Stripe. Wherever its process dies, a new one starts on the same books, the caller
repeats what was not answered, the provider sends again what was not taken, and `tollhouse reconcile` does the rest.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.credits_service_pb2 import (
    ORDER_STATE_SUCCEEDED,
    CreateTopUpRequest,
    GetBalanceRequest,
    GetTopUpRequest,
    Order,
    SetAutoReloadRequest,
)

from tests.cli.commands import Server, done
from tests.demo.shop_setup import SHOP, priced_catalogue, provider_settings
from tests.fakes.stripe.failures import Fault
from tests.fakes.stripe.fake import FakeStripe
from tests.support.door import TIMEOUT_SECONDS, Door, free_address, until, usage

ANNA = Subject(user_id="anna")
DOLLAR = 10**9
WAIT_SECONDS = 30.0
INTENTS = "/v1/payment_intents"
PAGES = "/v1/checkout/sessions"


@dataclass
class Shop:
    """A server that may be killed, and the fake that it sells through."""

    fake: FakeStripe
    url: str
    variables: dict[str, str]
    catalogue: Path
    server: Server
    door: Door

    def kill(self) -> None:
        """kill -9."""
        self.door.channel.close()
        self.server.kill()

    def start(self) -> None:
        """A new process on the same books."""
        self.server = start(self.url, self.catalogue, self.variables)
        self.door = Door(self.server.address)

    def reconcile(self) -> None:
        """What an operator runs after a crash."""
        done("reconcile", "--database-url", self.url, **self.variables)

    def top_up(self) -> Order:
        """Opens the page of a top-up of 10 dollars, always under the same key."""
        request = CreateTopUpRequest(
            subject=ANNA, amount_nanos=10 * DOLLAR, currency="usd", return_url=SHOP, idempotency_key="top-up"
        )
        return self.door.credits.CreateTopUp(request, timeout=TIMEOUT_SECONDS).order

    def order(self, order_id: str) -> Order:
        """How far an order has come."""
        return self.door.credits.GetTopUp(GetTopUpRequest(order_id=order_id), timeout=TIMEOUT_SECONDS).order

    def balance(self) -> int:
        """In whole dollars."""
        answer = self.door.credits.GetBalance(GetBalanceRequest(subject=ANNA), timeout=TIMEOUT_SECONDS)
        return answer.balance.total_nanos // DOLLAR

    def charges(self) -> list[int]:
        """What the provider has taken, in cents."""
        return [item["amount"] for item in self.fake.all("payment_intent") if item["status"] == "succeeded"]


def start(url: str, catalogue: Path, variables: dict[str, str]) -> Server:
    return Server("--database-url", url, "--migrate", "--catalogue", str(catalogue), variables=variables)


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with FakeStripe() as fake:
        http_address = free_address()
        fake.webhooks.signing_time = lambda: int(time.time())
        fake.webhooks.send_to(f"http://{http_address}/webhooks/stripe")
        variables = provider_settings(fake, http_address)
        catalogue = priced_catalogue(fake, tmp_path)
        server = start(database_url, catalogue, variables)
        made = Shop(fake, database_url, variables, catalogue, server, Door(server.address))
        made.door.make_user("anna", "anna@example.test")
        yield made
        made.door.channel.close()
        assert made.server.stop() == 0, made.server.log
        done("verify", "--database-url", database_url)


def killed_during(shop: Shop, call: Callable[[], object], dies: Callable[[], None]) -> None:
    """Makes a call that is never answered: the process dies while it waits."""
    refusals: list[grpc.RpcError] = []

    def attempt() -> None:
        try:
            call()
        except grpc.RpcError as error:
            refusals.append(error)

    caller = threading.Thread(target=attempt)
    caller.start()
    dies()
    caller.join(WAIT_SECONDS)
    assert len(refusals) == 1, "a killed process answers nobody"


def test_a_top_up_whose_process_dies_before_the_provider_has_done_anything(shop: Shop) -> None:
    with shop.fake.failures.held("POST", PAGES) as held:

        def dies() -> None:
            assert held.arrived.wait(WAIT_SECONDS)
            shop.kill()

        killed_during(shop, shop.top_up, dies)
        held.release()
    shop.start()

    paid_once(shop, shop.top_up())


def test_a_top_up_whose_process_dies_when_the_provider_has_opened_the_page(shop: Shop) -> None:
    shop.fake.failures.add(Fault.LOST_AFTER, path=PAGES, seconds=2.0)

    def dies() -> None:
        until(lambda: bool(shop.fake.all("checkout.session")), "a page is open")
        shop.kill()

    killed_during(shop, shop.top_up, dies)
    shop.start()

    paid_once(shop, shop.top_up())
    assert len(shop.fake.all("checkout.session")) == 1


def test_a_top_up_that_is_paid_while_no_process_is_there(shop: Shop) -> None:
    order = shop.top_up()
    shop.kill()
    pay(shop, order)
    shop.start()

    shop.reconcile()

    settled_once(shop, order)
    shop.fake.advance(seconds=600)
    settled_once(shop, order)


def test_a_top_up_whose_process_dies_between_the_event_and_its_credits(shop: Shop) -> None:
    order = shop.top_up()
    with shop.fake.failures.held("GET", INTENTS) as held:
        pay(shop, order)
        assert held.arrived.wait(WAIT_SECONDS), "the payment is looked at once its event is stored"
        shop.kill()
        held.release()
    shop.start()
    shop.reconcile()

    settled_once(shop, order)


def test_a_top_up_that_is_told_of_again_after_it_was_settled(shop: Shop) -> None:
    order = shop.top_up()
    paid_once(shop, order)
    shop.kill()
    shop.start()

    for event in shop.fake.events():
        assert shop.fake.webhooks.deliver(event["id"]) == 200
    shop.reconcile()

    settled_once(shop, order)


@pytest.mark.parametrize("charged", [False, True])
def test_a_reload_whose_process_dies_while_the_card_is_charged(shop: Shop, *, charged: bool) -> None:
    spend_down_to_the_threshold(shop)
    charges = len(shop.charges())
    if charged:
        shop.fake.failures.add(Fault.LOST_AFTER, path=INTENTS, seconds=2.0)
        shop.door.record(usage("anna", "spends", 40))
        until(lambda: len(shop.charges()) > charges, "the card is charged")
        shop.kill()
    else:
        with shop.fake.failures.held("POST", INTENTS) as held:
            shop.door.record(usage("anna", "spends", 40))
            assert held.arrived.wait(WAIT_SECONDS)
            shop.kill()
            held.release()
    shop.start()
    shop.reconcile()

    until(lambda: shop.balance() > 20, "the reload is in the balance")
    assert shop.charges()[charges:] == [2_500]
    shop.reconcile()
    assert shop.charges()[charges:] == [2_500]


def spend_down_to_the_threshold(shop: Shop) -> None:
    """Anna has bought ten dollars of credits, and will buy 25 more by herself below nine."""
    paid_once(shop, shop.top_up())
    request = SetAutoReloadRequest(
        subject=ANNA,
        enabled=True,
        threshold_nanos=9 * DOLLAR,
        amount_nanos=25 * DOLLAR,
        currency="usd",
        monthly_count_max=3,
        monthly_nanos_max=75 * DOLLAR,
        idempotency_key="reload",
    )
    shop.door.credits.SetAutoReload(request, timeout=TIMEOUT_SECONDS)


def pay(shop: Shop, order: Order) -> None:
    """What the customer does on the page."""
    shop.fake.shopper.complete_checkout(order.url.rsplit("/", 1)[1])


def paid_once(shop: Shop, order: Order) -> None:
    pay(shop, order)
    settled_once(shop, order)


def settled_once(shop: Shop, order: Order) -> None:
    until(lambda: shop.order(order.order_id).state == ORDER_STATE_SUCCEEDED, "the payment is settled")
    assert shop.charges() == [1_000]
    assert shop.balance() == 10

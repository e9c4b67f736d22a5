import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.fakes.conftest import Shop
from tests.fakes.receiver import Receiver
from tests.fakes.specification import refused
from tests.fakes.stripe.server import Request

START_SECONDS_MAX = 20.0


def test_forms_reach_the_specification_as_they_were(receiver: Receiver) -> None:
    address = receiver.url.removesuffix("/webhooks/stripe")
    request = Request("POST", "/v1/customers", {"metadata": {"a": "b"}, "list": [{"c": "d"}]}, status=200)

    assert refused(address, [request, Request("POST", "/v1/customers", status=400)]) == []

    [posted] = receiver.posted
    assert posted.body == b"metadata%5Ba%5D=b&list%5B0%5D%5Bc%5D=d"


@pytest.fixture
def stripe_mock() -> Iterator[str | None]:
    """The address of a stripe-mock, where the machine has one on its PATH."""
    program = shutil.which("stripe-mock")
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([program, "-http-port", str(port)], stdout=quiet, stderr=quiet) as process:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def test_stripes_specification_accepts_what_the_fake_accepts(shop: Shop, stripe_mock: str | None) -> None:
    bought = shop.subscription()
    item = bought.items.data[0].id
    shop.client.v1.invoices.create_preview(
        {"subscription": bought.id, "subscription_details": {"items": [{"id": item, "price": shop.team}]}}
    )
    schedule = shop.client.v1.subscription_schedules.create({"from_subscription": bought.id})
    shop.client.v1.subscription_schedules.release(schedule.id)
    shop.client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})
    shop.client.v1.refunds.create({"payment_intent": shop.charge(str(bought.customer)).id, "amount": 1})
    shop.client.v1.billing_portal.sessions.create({"customer": str(bought.customer)})

    assert len(shop.fake.requests) > 10
    if stripe_mock is not None:
        assert refused(stripe_mock, shop.fake.requests) == []
        nonsense = Request("POST", "/v1/customers", {"nonsense": "x"}, status=200)
        assert len(refused(stripe_mock, [nonsense])) == 1


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)  # it reads its specification first
    raise TimeoutError("stripe-mock does not listen.")

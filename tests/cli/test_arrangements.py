"""One process, or a sidecar for webhooks beside a gRPC server: customers see the same (requirement P2)."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.credits_service_pb2 import GetBalanceRequest

from tests.cli.commands import Server, done, serving
from tests.fakes.stripe.fake import FakeStripe
from tests.http.scrape import Scrape, ask
from tests.http.test_webhooks import post
from tests.support.door import TIMEOUT_SECONDS, Door, free_address, until
from tests.support.house import CoreMaker, make_user
from tests.support.till import Till, desk_at, priced
from tollhoused.__main__ import Ids, wall_clock
from tollhoused.domain.money import NANOS_PER_UNIT


class Wall:
    """The wall clock, where tests expect one of their own."""

    @property
    def now_us(self) -> int:
        return wall_clock()

    def __call__(self) -> int:
        return wall_clock()


class House(NamedTuple):
    """Servers on one database, and somebody who orders there without a server."""

    till: Till
    door: Door
    http: str
    servers: list[Server]
    variables: dict[str, str]

    def balance(self, user_id: str) -> float:
        """In dollars, as gRPC says."""
        request = GetBalanceRequest(subject=Subject(user_id=user_id))
        answer = self.door.credits.GetBalance(request, timeout=TIMEOUT_SECONDS)
        return answer.balance.available_nanos / NANOS_PER_UNIT


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A fake by the wall's clock."""
    with FakeStripe() as started:
        yield started


@contextmanager
def _house(url: str, arrangement: str, fake: FakeStripe, make_core: CoreMaker) -> Iterator[House]:
    catalogue, prices = priced(fake)
    core = make_core(url, own_clock=Wall(), catalogue=catalogue)
    core.new_id = Ids()
    core.desk = desk_at(fake)
    till = Till(core, fake, Wall(), prices, catalogue, url)  # type: ignore[arg-type]
    variables = {
        "TOLLHOUSE_PROVIDER": "stripe",
        "TOLLHOUSE_STRIPE_API_KEY": fake.api_key,
        "TOLLHOUSE_STRIPE_WEBHOOK_SECRETS": f"whsec_next,{fake.webhook_secret}",
        "TOLLHOUSE_STRIPE_API_BASE": fake.address,
    }
    http = free_address()
    with ExitStack() as stack:
        if arrangement == "together":
            servers = [stack.enter_context(serving(url, "--http-listen", http, variables=variables))]
        else:
            servers = [
                stack.enter_context(
                    serving(url, "--only", "grpc", "--http-listen", free_address(), variables=variables)
                ),
                stack.enter_context(serving(url, "--only", "http", "--http-listen", http, variables=variables)),
            ]
        door = Door(servers[0].address)
        stack.callback(door.channel.close)
        fake.webhooks.send_to(f"http://{http}/webhooks/stripe")
        until(lambda: ask(http, "/readyz").status == 200, "it is ready")
        yield House(till, door, http, servers, variables)


@pytest.fixture(params=["together sqlite", "together postgresql", "apart postgresql"])
def house(request: pytest.FixtureRequest, fake: FakeStripe, make_core: CoreMaker) -> Iterator[House]:
    arrangement, engine = request.param.split()
    url = request.getfixturevalue("sqlite_url" if engine == "sqlite" else "postgres_url")
    with _house(url, arrangement, fake, make_core) as made:
        yield made


def test_what_is_bought_at_the_provider_is_there_whoever_hears_of_it(house: House) -> None:
    till = house.till
    make_user(till.core, "anna", email="anna@example.org")
    till.fake.shopper.complete_checkout(till.top_up("anna", 25).reference)
    until(lambda: house.balance("anna") == 25, "the credits are there")

    till.buy("bert", "pro")
    until(lambda: till.account("bert").segment.terms.plan == "pro", "the plan is there")

    till.reload("carl")
    until(lambda: house.balance("carl") == 10, "it was reloaded")
    assert till.charges() == 3
    scrape = Scrape(ask(house.http, "/metrics").text)
    assert scrape("tollhouse_webhooks_total", outcome="stored") > 5
    assert post(house.http, b"{}", "t=1,v1=" + "0" * 64).status == 400
    assert ask(house.http, "/webhooks/stripe").status == 405
    assert all(secret not in server.log for server in house.servers for secret in house.variables.values())


def test_a_sidecar_opens_no_port_for_grpc_and_its_neighbour_takes_no_webhooks(
    postgres_url: str, fake: FakeStripe, make_core: CoreMaker
) -> None:
    with _house(postgres_url, "apart", fake, make_core) as house:
        grpc_server, sidecar = house.servers
        assert sidecar.address == house.http
        assert "HTTP is served on" in grpc_server.log
        (probes,) = [line.split()[-1] for line in grpc_server.log.splitlines() if "HTTP is served on" in line]
        assert ask(probes, "/readyz").status == 200
        assert post(probes, b"{}", "").status == 404
        assert sidecar.stop() == 0


def test_a_server_that_is_killed_while_it_charges_is_followed_by_another(
    sqlite_url: str, fake: FakeStripe, make_core: CoreMaker
) -> None:
    with _house(sqlite_url, "together", fake, make_core) as house:
        with fake.failures.held("POST", "/v1/payment_intents") as held:
            house.till.reload("anna")
            assert held.arrived.wait(10)
            house.servers[0].kill()
            held.release()
        fake.webhooks.settle()
        done("clock", "advance", "--by", "20s", "--database-url", sqlite_url)
        with serving(sqlite_url, "--http-listen", free_address(), variables=house.variables) as next_one:
            door = Door(next_one.address)
            until(lambda: house._replace(door=door).balance("anna") == 10, "the next one has gone on")
            door.channel.close()
        assert house.till.charges() == 1


def test_a_provider_that_is_away_keeps_nobody_from_being_ready(sqlite_url: str) -> None:
    http = free_address()
    variables = {
        "TOLLHOUSE_PROVIDER": "stripe",
        "TOLLHOUSE_STRIPE_API_KEY": "sk_" + "test_" + "0" * 24,
        "TOLLHOUSE_STRIPE_API_BASE": f"http://{free_address()}",
    }
    with serving(sqlite_url, "--http-listen", http, variables=variables) as server:
        until(lambda: ask(http, "/readyz").status == 200, "it is ready")
        assert post(http, b"{}", "").status == 404
        assert "webhooks are not taken: stripe_webhook_secrets is not set" in server.log

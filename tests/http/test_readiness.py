"""Readiness follows the database both ways, as gRPC's health does; liveness does not."""

from tests.cli.commands import serving
from tests.http.scrape import Scrape, ask
from tests.support.door import free_address, until
from tests.support.postgres import Cluster


def test_a_server_whose_database_goes_away_is_alive_and_not_ready_until_it_is_back(
    postgres_cluster: Cluster, postgres_url: str
) -> None:
    address = free_address()

    def ready() -> int:
        return ask(address, "/readyz").status

    with serving(postgres_url, "--http-listen", address):
        assert ready() == 200
        postgres_cluster.stop("immediate")
        try:
            until(lambda: ready() == 503, "it is not ready")
            assert ask(address, "/livez").status == 200
            assert Scrape(ask(address, "/metrics").text)("tollhouse_ready") == 0
        finally:
            postgres_cluster.start()
        until(lambda: ready() == 200, "it is ready again")
        assert Scrape(ask(address, "/metrics").text)("tollhouse_ready") == 1

"""What every test may ask for."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.postgres import Cluster

pytest_plugins = [
    "tests.support.engines",
    "tests.support.house",
    "tests.support.door",
    "tests.support.till",
    "tests.support.storefront",
]

# A failing example prints a line that repeats it. CI draws the same examples every time; people draw new ones.
settings.register_profile("house", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("house"), derandomize=True, database=None)
settings.register_profile("thorough", settings.get_profile("house"), max_examples=2_000)
settings.load_profile("ci" if "CI" in os.environ else "house")


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """A PostgreSQL of this test process alone, started when the first test asks for it."""
    cluster = Cluster()
    yield cluster
    cluster.close()

"""Rate limits per client: batches whole or not at all, refusals that say when to come back, shares of replicas."""

import pytest

from tollhoused.errors import RateLimited
from tollhoused.usecases.throttle import BURST_ITEMS_MIN, Throttle


class Monotonic:
    """A clock that a test moves."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


def test_a_client_that_sends_too_fast_is_told_when_to_come_back(monotonic: Monotonic) -> None:
    throttle = Throttle(6_000, monotonic=monotonic)
    throttle.take("talk", 1_000)

    with pytest.raises(RateLimited) as caught:
        throttle.take("talk", 100)

    assert caught.value.metadata["retry_after_ms"] == "1000"
    monotonic.now += 1
    throttle.take("talk", 100)


def test_clients_do_not_share_a_limit(monotonic: Monotonic) -> None:
    throttle = Throttle(60, monotonic=monotonic)
    throttle.take("talk", 1_000)

    throttle.take("send", 1_000)


def test_the_largest_batch_fits_whatever_the_rate_and_the_replicas(monotonic: Monotonic) -> None:
    throttle = Throttle(1, 1_000, monotonic=monotonic)

    throttle.take("talk", BURST_ITEMS_MIN)


def test_each_replica_grants_its_share(monotonic: Monotonic) -> None:
    throttle = Throttle(60_000, 10, monotonic=monotonic)
    throttle.take("talk", 1_000)
    monotonic.now += 1

    throttle.take("talk", 100)
    with pytest.raises(RateLimited):
        throttle.take("talk", 1)


def test_a_call_without_items_counts_as_one(monotonic: Monotonic) -> None:
    throttle = Throttle(60, monotonic=monotonic)
    for _ in range(1_000):
        throttle.take("talk", 0)

    with pytest.raises(RateLimited):
        throttle.take("talk", 0)


def test_more_items_than_a_batch_may_have_are_left_to_the_form(monotonic: Monotonic) -> None:
    Throttle(60, monotonic=monotonic).take("talk", 50_000)

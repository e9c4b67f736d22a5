"""How fast a client may send: bursts, the long run, and refusals that cost nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhoused.domain.rate_limits import RateLimit

LIMIT = RateLimit(items_per_minute=600, burst_items=100)
"""Ten a second."""


def test_a_whole_burst_is_admitted_and_one_more_waits_for_its_share() -> None:
    free_at, wait = LIMIT.take(0.0, 1_000.0, 100)
    assert wait == 0

    again, wait = LIMIT.take(free_at, 1_000.0, 1)
    assert again == free_at
    assert wait == pytest.approx(0.1)


def test_a_refusal_counts_for_nothing() -> None:
    free_at, _ = LIMIT.take(0.0, 1_000.0, 95)

    again, wait = LIMIT.take(free_at, 1_000.0, 10)

    assert again == free_at
    assert wait == pytest.approx(0.5)
    assert LIMIT.take(free_at, 1_000.0, 5)[1] == 0


def test_who_waits_as_told_is_admitted() -> None:
    free_at, _ = LIMIT.take(0.0, 1_000.0, 100)
    _, wait = LIMIT.take(free_at, 1_000.0, 30)

    assert LIMIT.take(free_at, 1_000.0 + wait, 30)[1] == 0


def test_a_pause_gives_back_no_more_than_a_burst() -> None:
    free_at, _ = LIMIT.take(0.0, 1_000.0, 100)
    free_at, _ = LIMIT.take(free_at, 100_000.0, 100)

    assert LIMIT.take(free_at, 100_000.0, 1)[1] > 0


@given(
    takes=st.lists(st.tuples(st.floats(0, 5, allow_nan=False), st.integers(1, 100)), min_size=1, max_size=60),
)
def test_never_more_than_a_burst_and_the_rate_of_the_time_that_passed(takes: list[tuple[float, int]]) -> None:
    began = now = 1_000.0
    free_at, admitted = 0.0, 0
    for pause, items in takes:
        now += pause
        free_at, wait = LIMIT.take(free_at, now, items)
        admitted += 0 if wait else items

    assert admitted <= LIMIT.burst_items + math.ceil((now - began) * 10 + 1e-6)

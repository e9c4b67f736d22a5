"""Ranges are cut where the clocks of a zone say, and the store can tell the buckets apart by whole units."""

from bisect import bisect_right
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhoused.domain.account import HOUR_US
from tollhoused.domain.charts import Buckets, Granularity, cut
from tollhoused.domain.instants import DAY_US


def instant(text: str) -> int:
    """Microseconds of an ISO 8601 time; what names no zone is UTC."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 1_000_000


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
]
FIRST_US, LAST_US = instant("2010-01-01"), instant("2031-01-01")


def lengths(buckets: Buckets, unit_us: int = HOUR_US) -> list[float]:
    return [(end - start) / unit_us for start, end in zip(buckets.bounds, buckets.bounds[1:], strict=False)]


def cut_between(start: str, end: str, zone: str, granularity: Granularity) -> Buckets:
    return cut(instant(start), instant(end), zone, granularity)


def test_days_begin_at_midnight_and_are_as_long_as_the_clocks_make_them() -> None:
    spring = cut_between("2026-03-28T00:00+01:00", "2026-03-31T00:00+02:00", "Europe/Berlin", Granularity.DAY)
    autumn = cut_between("2026-10-24T00:00+02:00", "2026-10-27T00:00+01:00", "Europe/Berlin", Granularity.DAY)

    assert lengths(spring) == [24, 23, 24]
    assert lengths(autumn) == [24, 25, 24]


def test_a_day_whose_midnight_is_skipped_begins_where_the_gap_ends() -> None:
    days = cut_between("2026-09-05T12:00-04:00", "2026-09-08T12:00-03:00", "America/Santiago", Granularity.DAY)

    assert lengths(days) == [12, 23, 24, 12]


def test_a_day_that_a_zone_skips_is_no_bucket() -> None:
    days = cut_between("2011-12-29T00:00-10:00", "2012-01-01T00:00+14:00", "Pacific/Apia", Granularity.DAY)

    assert lengths(days) == [24, 24], "the 29th and the 31st"


def test_months_are_calendar_months_and_the_ends_are_cut_off() -> None:
    months = cut_between("2026-01-31T12:00", "2026-04-01T06:00", "UTC", Granularity.MONTH)

    assert lengths(months, DAY_US) == [0.5, 28, 31, 0.25]


def test_hours_of_a_zone_that_is_half_an_hour_off_begin_in_the_middle_of_ours() -> None:
    hours = cut_between("2026-01-01T00:00", "2026-01-01T02:00", "Asia/Kolkata", Granularity.HOUR)

    assert lengths(hours) == [0.5, 1, 0.5]


def test_an_hour_that_the_clocks_show_twice_is_two_buckets() -> None:
    hours = cut_between("2026-10-25T01:00+02:00", "2026-10-25T04:00+01:00", "Europe/Berlin", Granularity.HOUR)

    assert lengths(hours) == [1, 1, 1, 1]


@given(
    st.integers(FIRST_US, LAST_US),
    st.integers(1, 400 * DAY_US),
    st.sampled_from(ZONES),
    st.sampled_from([Granularity.DAY, Granularity.MONTH]),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30),
)
def test_the_units_of_the_store_lie_in_the_buckets_of_their_instants(
    start_us: int, length_us: int, zone: str, granularity: Granularity, shares: list[float]
) -> None:
    buckets = cut(start_us, start_us + length_us, zone, granularity)
    stretches = buckets.stretches()

    assert [stretch.to_us for stretch in stretches[:-1]] == [stretch.from_us for stretch in stretches[1:]]
    assert (stretches[0].from_us, stretches[-1].to_us) == (start_us, start_us + length_us)
    assert len(stretches) <= 6, "clocks are changed twice a year"
    near = [bound + step for bound in buckets.bounds for step in (-1, 0, 1)]
    for instant_us in [*near, *(start_us + int(share * length_us) for share in shares)]:
        if start_us <= instant_us < start_us + length_us:
            check_unit(buckets, instant_us)


@given(st.integers(FIRST_US, LAST_US), st.integers(1, 40 * HOUR_US), st.sampled_from(ZONES))
def test_the_units_of_hours_do_too(start_us: int, length_us: int, zone: str) -> None:
    buckets = cut(start_us, start_us + length_us, zone, Granularity.HOUR)

    assert max(lengths(buckets)) <= 1
    for bound in buckets.bounds[:-1]:
        check_unit(buckets, bound)
        check_unit(buckets, bound - 1 if bound > start_us else bound)


def check_unit(buckets: Buckets, instant_us: int) -> None:
    """What the store does with an instant, done by hand."""
    (stretch,) = (each for each in buckets.stretches() if each.from_us <= instant_us < each.to_us)
    unit_us = instant_us - (instant_us - stretch.phase_us) % buckets.unit_us
    assert instant_us - stretch.phase_us >= 0, "the remainder of a negative number differs between engines"
    index = bisect_right(buckets.bounds, instant_us) - 1
    assert buckets.of(unit_us) == (buckets.bounds[index], buckets.bounds[index + 1])


@pytest.mark.parametrize("zone", ZONES)
def test_every_day_of_twenty_years_begins_with_another_date(zone: str) -> None:
    clock = ZoneInfo(zone)
    days = cut(FIRST_US, LAST_US, zone, Granularity.DAY)

    dates = [datetime.fromtimestamp(bound / 1_000_000, clock).date() for bound in days.bounds[1:-1]]

    assert len(set(dates)) == len(dates)
    assert all(18 <= length <= 30 for length in lengths(days)[1:-1])

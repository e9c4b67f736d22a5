from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhoused.domain.periods import END_INSTANT_US, MIN_INSTANT_US, Period, check_zone, period_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY_US = 86_400_000_000

zones = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
    ]
)
instants = st.integers(MIN_INSTANT_US, END_INSTANT_US - 1)
usual_instants = st.integers(0, 4_102_444_800_000_000)  # 1970 to 2100, where the zones have their rules


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """The instant at which the clocks of a zone show a time."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return (moment.astimezone(UTC) - EPOCH) // MICROSECOND


def shown(instant_us: int, zone: str = "UTC") -> str:
    """What the clocks of a zone show at an instant."""
    return (EPOCH + instant_us * MICROSECOND).astimezone(ZoneInfo(zone)).isoformat()


def starts(anchor: str, zone: str, count: int, fold: int = 0) -> list[str]:
    """The first boundaries from an anchor on, as the zone's clocks show them."""
    anchor_us = at(anchor, zone, fold)
    boundaries = [anchor_us]
    while len(boundaries) < count:
        boundaries.append(period_of(anchor_us, zone, boundaries[-1]).end_us)
    return [shown(boundary, zone) for boundary in boundaries]


def test_a_period_begins_at_the_anchors_day_and_time() -> None:
    period = period_of(at("2026-01-15T09:30"), "UTC", at("2026-03-20T00:00"))

    assert period == Period(at("2026-03-15T09:30"), at("2026-04-15T09:30"))


def test_a_boundary_belongs_to_the_period_that_it_begins() -> None:
    anchor_us, boundary_us = at("2026-01-15T00:00"), at("2026-02-15T00:00")

    assert period_of(anchor_us, "UTC", boundary_us).start_us == boundary_us
    assert period_of(anchor_us, "UTC", boundary_us - 1).end_us == boundary_us


def test_the_31st_comes_back_after_shorter_months() -> None:
    days = [start[:10] for start in starts("2026-01-31T12:00", "UTC", 6)]

    assert days == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]


@pytest.mark.parametrize("day", ["29", "30", "31"])
def test_the_end_of_february_depends_on_the_leap_year(day: str) -> None:
    anchor_us = at(f"2023-12-{day}T00:00")

    assert shown(period_of(anchor_us, "UTC", at("2024-02-29T12:00")).start_us)[:10] == "2024-02-29"
    assert shown(period_of(anchor_us, "UTC", at("2025-02-28T12:00")).start_us)[:10] == "2025-02-28"
    assert shown(period_of(anchor_us, "UTC", at("2025-04-05T12:00")).start_us)[:10] == f"2025-03-{day}"


def test_the_century_has_no_leap_day() -> None:
    assert shown(period_of(at("2099-12-31T00:00"), "UTC", at("2100-03-01T00:00")).start_us)[:10] == "2100-02-28"


def test_a_period_before_the_anchor_follows_the_same_wall_clock() -> None:
    period = period_of(at("2026-03-31T10:00"), "UTC", at("2026-02-10T00:00"))

    assert period == Period(at("2026-01-31T10:00"), at("2026-02-28T10:00"))


def test_the_wall_clock_stays_when_the_offset_changes() -> None:
    assert starts("2026-02-10T08:00", "Europe/Berlin", 3) == [
        "2026-02-10T08:00:00+01:00",
        "2026-03-10T08:00:00+01:00",
        "2026-04-10T08:00:00+02:00",
    ]


@pytest.mark.parametrize(
    ("zone", "anchor", "moved"),
    [
        ("Europe/Berlin", "2026-01-29T02:30", "2026-03-29T03:30:00+02:00"),
        ("America/New_York", "2026-01-08T02:30", "2026-03-08T03:30:00-04:00"),
        ("Australia/Lord_Howe", "2026-08-04T02:15", "2026-10-04T02:45:00+11:00"),
        ("Pacific/Apia", "2011-10-30T10:00", "2011-12-31T10:00:00+14:00"),
    ],
)
def test_a_time_that_the_clocks_skip_moves_forward_by_the_gap_once(zone: str, anchor: str, moved: str) -> None:
    boundaries = starts(anchor, zone, 4)

    assert moved in boundaries
    assert boundaries[3][11:16] == anchor[11:16], "the month after the gap shows the anchor's time again"


@pytest.mark.parametrize(
    ("zone", "anchor", "first"),
    [
        ("Europe/Berlin", "2026-08-25T02:30", "2026-10-25T02:30:00+02:00"),
        ("America/New_York", "2026-09-01T01:30", "2026-11-01T01:30:00-04:00"),
        ("Australia/Lord_Howe", "2026-02-05T01:45", "2026-04-05T01:45:00+11:00"),
    ],
)
def test_a_time_that_the_clocks_show_twice_means_its_first_showing(zone: str, anchor: str, first: str) -> None:
    assert starts(anchor, zone, 3)[2] == first


def test_an_anchor_at_the_second_showing_begins_exactly_there() -> None:
    anchor_us = at("2026-10-25T02:30", "Europe/Berlin", fold=1)

    assert period_of(anchor_us, "Europe/Berlin", anchor_us).start_us == anchor_us
    assert period_of(anchor_us, "Europe/Berlin", anchor_us - 1).end_us == anchor_us


def test_an_anchor_at_the_second_showing_leaves_the_other_boundaries_alone() -> None:
    zone = "Europe/Berlin"
    anchor_us = at("2026-10-25T02:30", zone, fold=1)
    skipped, shown_twice = (period_of(anchor_us, zone, at(t, zone)).start_us for t in ("2029-04-01", "2037-11-01"))

    assert shown(skipped, zone) == "2029-03-25T03:30:00+02:00"
    assert shown(shown_twice, zone) == "2037-10-25T02:30:00+02:00"


def test_clocks_set_back_into_the_last_month_do_not_bring_its_period_back() -> None:
    zone = "America/St_Johns"  # on 2009-11-01 at 00:01 its clocks went back to 23:01
    anchor_us = at("2009-09-01T00:00", zone)

    assert period_of(anchor_us, zone, at("2009-10-31T23:30", zone)).end_us == at("2009-11-01T00:00", zone)
    assert period_of(anchor_us, zone, at("2009-10-31T23:30", zone, fold=1)).start_us == at("2009-11-01T00:00", zone)


def test_the_day_that_apia_skipped_makes_a_short_period_and_no_gap() -> None:
    zone = "Pacific/Apia"
    anchor_us = at("2011-11-30T00:00", zone)
    before, after = (period_of(anchor_us, zone, at(text, zone)) for text in ("2011-12-29T23:59", "2011-12-31T00:00"))

    assert before.end_us == after.start_us == at("2011-12-31T00:00", zone)
    assert after.end_us - after.start_us == 30 * DAY_US


def test_the_same_anchor_has_another_day_in_another_zone() -> None:
    anchor_us = at("2026-01-31T23:30")  # in Auckland the first of February, half past noon

    assert period_of(anchor_us, "UTC", at("2026-03-05T00:00")).start_us == at("2026-02-28T23:30")
    assert period_of(anchor_us, "Pacific/Auckland", at("2026-05-05T00:00")).start_us == at(
        "2026-05-01T12:30", "Pacific/Auckland"
    )


def test_microseconds_are_kept_exactly() -> None:
    anchor_us = at("2026-01-15T00:00:00.000001")

    assert period_of(anchor_us, "UTC", anchor_us + 40 * DAY_US).start_us == at("2026-02-15T00:00:00.000001")


@given(usual_instants, zones, usual_instants)
def test_a_period_contains_its_instant(anchor_us: int, zone: str, t_us: int) -> None:
    period = period_of(anchor_us, zone, t_us)

    assert period.start_us <= t_us < period.end_us


@given(instants, zones, instants)
def test_any_supported_instant_has_a_period_of_a_months_length(anchor_us: int, zone: str, t_us: int) -> None:
    period = period_of(anchor_us, zone, t_us)

    assert period.start_us <= t_us < period.end_us
    assert 26 * DAY_US < period.end_us - period.start_us < 33 * DAY_US


@given(usual_instants, zones, usual_instants)
def test_periods_tile_time_without_gap_or_overlap(anchor_us: int, zone: str, t_us: int) -> None:
    period = period_of(anchor_us, zone, t_us)

    assert period_of(anchor_us, zone, period.start_us) == period
    assert period_of(anchor_us, zone, period.end_us - 1) == period
    assert period_of(anchor_us, zone, period.end_us).start_us == period.end_us
    assert period_of(anchor_us, zone, period.start_us - 1).end_us == period.start_us


@given(usual_instants, zones)
def test_the_anchor_itself_begins_a_period(anchor_us: int, zone: str) -> None:
    assert period_of(anchor_us, zone, anchor_us).start_us == anchor_us


@given(st.sampled_from([29, 30, 31]), st.integers(1970, 2090), st.integers(1, 300))
def test_a_late_anchor_is_clamped_in_short_months_only(day: int, year: int, months: int) -> None:
    anchor_us = at(f"{year}-01-{day}T00:00")
    years, month_index = divmod(months, 12)
    first_of_next = datetime(year + years + (month_index == 11), (month_index + 1) % 12 + 1, 1, tzinfo=UTC)
    last_day = (first_of_next - timedelta(days=1)).day

    end_of_month_us = (first_of_next - EPOCH) // MICROSECOND - 1
    assert int(shown(period_of(anchor_us, "UTC", end_of_month_us).start_us)[8:10]) == min(day, last_day)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_the_edges_of_the_supported_time_have_their_periods(zone: str) -> None:
    for t_us in (MIN_INSTANT_US, END_INSTANT_US - 1):
        for anchor_us in (MIN_INSTANT_US, END_INSTANT_US - 1):
            period = period_of(anchor_us, zone, t_us)
            assert period.start_us <= t_us < period.end_us


@pytest.mark.parametrize("t_us", [MIN_INSTANT_US - 1, END_INSTANT_US, -(2**63), 2**63])
def test_an_instant_outside_the_supported_time_is_refused(t_us: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        period_of(0, "UTC", t_us)
    with pytest.raises(ValueError, match="out of range"):
        period_of(t_us, "UTC", 0)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT-14"])
def test_iana_zones_are_known(zone: str) -> None:
    check_zone(zone)


@pytest.mark.parametrize(
    "zone",
    ["", "Europe", "Mars/Olympus", "europe/berlin", "../etc/passwd", "/etc/localtime", "localtime", "UTC\0", "+01:00"],
)
def test_other_zones_are_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        check_zone(zone)
    with pytest.raises(ValueError, match="unknown time zone"):
        period_of(0, zone, 0)

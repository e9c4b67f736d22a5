"""Instants are read exactly to the microsecond, and are UTC unless they say otherwise."""

import pytest

from tollhoused.cli.times import read_iso, time_reader

SECOND_US = 1_000_000
NOON_US = 1_700_158_623 * SECOND_US  # 2023-11-16 18:17:03 UTC


@pytest.mark.parametrize(
    ("text", "expected_us"),
    [
        ("2023-11-16 18:17:03", NOON_US),
        ("2023-11-16T18:17:03Z", NOON_US),
        ("2023-11-16 18:17:03.9799600", NOON_US + 979_960),
        ("2023-11-16 18:17:03.9999999", NOON_US + 999_999),
        ("2023-11-16 18:17:03,5 UTC", NOON_US + 500_000),
        ("2023-11-16T20:17:03+02:00", NOON_US),
        ("2023-11-16T13:47:03-0430", NOON_US),
        ("2023-11-16 18:17", NOON_US - 3 * SECOND_US),
        ("2023-11-16", NOON_US - (18 * 3600 + 17 * 60 + 3) * SECOND_US),
        ("1969-12-31T23:59:59.5Z", -500_000),
    ],
)
def test_an_iso_time_is_read(text: str, expected_us: int) -> None:
    assert read_iso(text) == expected_us


@pytest.mark.parametrize(
    "text", ["", "now", "2023-13-01", "2023-11-16 25:00", "16.11.2023", "2023-11-16 18:17:03.", "20231116"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_iso(text)


@pytest.mark.parametrize(
    ("form", "text", "expected_us"),
    [
        ("unix", "1700158623", NOON_US),
        ("unix", "1700158623.25", NOON_US + 250_000),
        ("unix-ms", "1700158623000.5", NOON_US + 500),
        ("unix-us", "1700158623000007", NOON_US + 7),
        ("%d/%m/%Y %H:%M:%S", "16/11/2023 18:17:03", NOON_US),
        ("%d/%m/%Y %H:%M:%S %z", "16/11/2023 19:17:03 +0100", NOON_US),
    ],
)
def test_other_formats_are_read(form: str, text: str, expected_us: int) -> None:
    assert time_reader(form)(text) == expected_us


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"take iso, unix, unix-ms"):
        time_reader("epoch")

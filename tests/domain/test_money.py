import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhoused.domain.money import MAX_NANOS, NANOS_PER_UNIT, format_amount, parse_amount


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("0.002", 2_000_000),
        ("25", 25 * NANOS_PER_UNIT),
        ("25.00", 25 * NANOS_PER_UNIT),
        ("-1.5", -1_500_000_000),
        ("0.000000001", 1),
        ("4611686018.427387904", MAX_NANOS),
    ],
)
def test_an_amount_is_read_exactly(text: str, nanos: int) -> None:
    assert parse_amount(text) == nanos


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "+1", "1e3", ".5", "5.", "1,000", "1_000", "0x1", "007", "--1", "1.0.0", "NaN", "$1"],
)
def test_what_is_not_plain_decimal_text_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_amount(text)


def test_digits_of_other_scripts_are_no_amount() -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_amount("\N{ARABIC-INDIC DIGIT ONE}")


def test_a_tenth_decimal_is_refused_instead_of_rounded() -> None:
    with pytest.raises(ValueError, match="at most nine decimals"):
        parse_amount("0.0000000001")


@pytest.mark.parametrize("text", ["4611686018.427387905", "-4611686018.427387905", "9" * 5_000])
def test_an_amount_that_no_balance_could_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "0.00"), (25 * NANOS_PER_UNIT, "25.00"), (2_000_000, "0.002"), (-1_500_000_000, "-1.50"), (1, "0.000000001")],
)
def test_an_amount_is_written_with_at_least_two_decimals(nanos: int, text: str) -> None:
    assert format_amount(nanos) == text


@given(st.integers(-MAX_NANOS, MAX_NANOS))
def test_what_was_written_is_read_back(nanos: int) -> None:
    assert parse_amount(format_amount(nanos)) == nanos

"""Files of usage are read row by row; what cannot be read is one row's complaint, and the rest goes on."""

from pathlib import Path

import pytest

from tollhoused.cli.program import CommandFailed
from tollhoused.cli.times import read_iso
from tollhoused.cli.usage_file import Line, Unreadable, UsageFile, usage_file
from tollhoused.cli.usage_layout import Layout, Measure, Source, measures_of
from tollhoused.domain.commands import Enforcement
from tollhoused.usecases.usage import UsageReport

DIGEST = "0123456789abcdef" * 4


def _file(folder: Path, content: str | bytes, name: str = "usage.csv") -> UsageFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return usage_file(path, "auto", ",")


def _rows(file: UsageFile) -> list[tuple[int, object]]:
    """Each row with its line; a complaint as its text."""
    return [(line.number, str(line.row) if isinstance(line.row, Unreadable) else line.row) for line in file.lines()]


def test_csv_rows_carry_their_line_numbers_and_values_by_column(tmp_path: Path) -> None:
    file = _file(tmp_path, 'who, tokens\nada,1\n\n"grace\nhopper",2\n')

    assert file.columns() == ["who", "tokens"]
    assert _rows(file) == [(2, {"who": "ada", "tokens": "1"}), (5, {"who": "grace\nhopper", "tokens": "2"})]
    assert [line.position for line in file.lines()] == [0, 1]


def test_a_file_is_known_by_its_content_alone(tmp_path: Path) -> None:
    first, same = _file(tmp_path, "a\n1\n", "one.csv"), _file(tmp_path, "a\n1\n", "two.csv")

    assert first.survey() == same.survey()
    assert first.survey().lines == 2
    assert first.survey().digest != _file(tmp_path, "a\n2\n").survey().digest


def test_a_mark_at_the_beginning_is_no_part_of_the_heading(tmp_path: Path) -> None:
    assert _file(tmp_path, b"\xef\xbb\xbfwho\nada\n").columns() == ["who"]


def test_csv_rows_that_cannot_be_read_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = _rows(_file(tmp_path, b"who,tokens\nada\nada,1,2\n\xff,1\n" + b"x" * 140_000 + b",1\nada,3\n"))

    assert rows == [
        (2, "has 1 fields, the heading has 2"),
        (3, "has 3 fields, the heading has 2"),
        (4, "is not UTF-8 text"),
        (5, "is no CSV: field larger than field limit (131072)"),
        (6, {"who": "ada", "tokens": "3"}),
    ]


@pytest.mark.parametrize("heading", ["a,a", "a,,b"])
def test_a_heading_names_every_column_once(tmp_path: Path, heading: str) -> None:
    with pytest.raises(CommandFailed, match="its heading must name every column, each once"):
        _file(tmp_path, f"{heading}\n1,2\n").columns()


def test_ndjson_rows_keep_the_text_of_their_numbers(tmp_path: Path) -> None:
    content = '{"who": "ada", "tokens": 900719925474099300, "cost": 1.10, "note": null}\n\n{"who": "bob"}\n'
    file = _file(tmp_path, content, "usage.ndjson")

    assert file.columns() is None
    assert _rows(file) == [
        (1, {"who": "ada", "tokens": "900719925474099300", "cost": "1.10"}),
        (3, {"who": "bob"}),
    ]


def test_ndjson_rows_that_cannot_be_read_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = _rows(_file(tmp_path, '{"a": \n[1]\n{"a": [1]}\n{"a": true}\n{"a": "\\ud800"}\n{"a": 1}\n', "usage.jsonl"))

    assert rows == [
        (1, "is no JSON"),
        (2, "is no JSON object"),
        (3, "a: must be text or a number"),
        (4, "a: must be text or a number"),
        (5, "is not UTF-8 text"),
        (6, {"a": "1"}),
    ]


def _layout(meters: list[str], *, spread: int = 0, user: str = "who", time_column: str = "") -> Layout:
    return Layout(
        measures=measures_of(meters, "", ""),
        user_id=Source("" if spread else user),
        email=Source(),
        org_id=Source(),
        spread=spread,
        spread_prefix="user-",
        product=Source(constant="talk"),
        time_column=time_column,
        read_time=read_iso,
        enforcement=Enforcement.ENFORCE,
    )


def _reports(layout: Layout, row: dict[str, str], number: int = 2, position: int = 0) -> list[UsageReport]:
    return layout.reports(Line(number, position, row), DIGEST, 0)


def test_columns_are_summed_into_one_usage_event(tmp_path: Path) -> None:
    (report,) = _reports(_layout(["ai_tokens=prompt+answer"]), {"who": "ada", "prompt": "40", "answer": " 2"})

    assert (report.user_id, report.product, report.meter, report.quantity) == ("ada", "talk", "ai_tokens", 42)
    assert report.event_us is None
    assert report.metadata == {}


def test_each_meter_is_a_usage_event_of_its_own_and_nothing_used_is_none() -> None:
    layout = _layout(["ai_tokens=tokens", "api_calls=1", "email_sends=mails"])

    reports = _reports(layout, {"who": "ada", "tokens": "7", "mails": ""})

    assert [(report.meter, report.quantity) for report in reports] == [("ai_tokens", 7), ("api_calls", 1)]
    assert len({report.idempotency_key for report in reports}) == 2


def test_rows_are_dealt_to_accounts_in_turn() -> None:
    layout = _layout(["api_calls=1"], spread=3)

    assert [_reports(layout, {}, position=position)[0].user_id for position in range(4)] == [
        "user-1",
        "user-2",
        "user-3",
        "user-1",
    ]


def test_keys_name_content_line_and_columns_and_ascend_with_the_lines() -> None:
    layout = _layout(["ai_tokens=prompt+answer"])
    row = {"who": "ada", "prompt": "1", "answer": "1"}
    keys = [_reports(layout, row, number)[0].idempotency_key for number in (2, 9, 10, 1_000_000)]

    assert keys == sorted(keys)
    assert keys[0].startswith("load-0123456789abcdef-000000002-")
    # Neither another name of the meter nor the order of the columns makes it another usage event.
    assert _reports(_layout(["ai_token=answer+prompt"]), row, 2)[0].idempotency_key == keys[0]
    assert _reports(_layout(["ai_tokens=answer"]), row, 2)[0].idempotency_key != keys[0]


def test_the_same_columns_may_count_on_two_meters() -> None:
    first, second = _reports(_layout(["api_calls=n", "email_sends=n"]), {"who": "ada", "n": "1"})

    assert first.idempotency_key != second.idempotency_key


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"who": "ada", "n": "1.5", "at": "2026-01-01"}, "n: '1.5' is not a whole number of units"),
        ({"who": "ada", "n": "-1", "at": "2026-01-01"}, "n: '-1' is not a whole number of units"),
        ({"who": "ada", "n": "9" * 19, "at": "2026-01-01"}, f"n: '{'9' * 19}' is not a whole number of units"),
        ({"who": "ada", "n": "1", "at": "soon"}, "at: 'soon' is not a time such as"),
        ({"n": "1"}, "has no at, who"),
    ],
)
def test_a_row_that_means_nothing_is_told(row: dict[str, str], complaint: str) -> None:
    with pytest.raises(Unreadable) as refused:
        _reports(_layout(["api_calls=n"], time_column="at"), row)

    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(
    ("meters", "meter_column", "quantity_column", "complaint"),
    [
        ([], "", "", "say what is counted"),
        (["api_calls=n"], "meter", "n", "say what is counted"),
        ([], "meter", "", "go together"),
        (["api_calls"], "", "", "is not METER=COLUMN"),
        (["=n"], "", "", "is not METER=COLUMN"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    meters: list[str], meter_column: str, quantity_column: str, complaint: str
) -> None:
    with pytest.raises(CommandFailed, match=complaint):
        measures_of(meters, meter_column, quantity_column)


def test_a_column_may_name_the_meter() -> None:
    assert measures_of([], "what", "n") == (Measure(Source("what"), ("n",), 0, ""),)

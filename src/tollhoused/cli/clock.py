"""`tollhouse clock`: the clock of the test environment."""

import re
from typing import Annotated

import typer

from tollhoused.cli.opening import cli_call, opened_core
from tollhoused.cli.options import AsJson, DatabaseUrl, settings_from
from tollhoused.cli.output import instant, print_facts, print_json
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.cli.times import read_iso
from tollhoused.domain.answers import ClockAnswer
from tollhoused.domain.instants import DAY_US, MINUTE_US, SECOND_US
from tollhoused.usecases import testing_time

UNITS_US = {"s": SECOND_US, "m": MINUTE_US, "h": 60 * MINUTE_US, "d": DAY_US}
_SPAN = re.compile(r"(\d{1,9})([smhd])")


def show(context: typer.Context, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Show what time it is for the books, and how far that is ahead."""
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        state = testing_time.get_test_clock(core)
    _print(state.now_us, state.offset_us, as_json)


def advance(
    context: typer.Context,
    to: Annotated[
        str, typer.Option("--to", help="The time that it shall be: 2027-03-01T12:00:00Z.", metavar="TIME")
    ] = "",
    by: Annotated[str, typer.Option("--by", help="How far: 45s, 30m, 12h, 31d.", metavar="SPAN")] = "",
    key: Annotated[
        str, typer.Option("--key", help="Idempotency key: the same key moves the clock once. Otherwise a new one.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and move nothing.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Move time forward for everything that works on this database.

    Servers follow within seconds: periods turn, credits expire and plans change as if the time had passed. It never
    goes back, so use a database of its own. Refused in the live environment.
    """
    program = Program.of(context)
    to_us, by_us = _instant(to), _span(by)
    if (to_us is None) == (by_us is None):
        raise CommandFailed("give either --to or --by")
    with opened_core(program, settings_from(database_url=database_url), writes=True) as core:
        settled = testing_time.advance_test_clock(
            core,
            cli_call(),
            to_us=to_us,
            by_us=by_us,
            idempotency_key=key or program.new_id("key"),
            validate_only=dry_run,
        )
    assert isinstance(settled.answer, ClockAnswer)
    _print(settled.answer.now_us, settled.answer.offset_us, as_json)


def _instant(text: str) -> int | None:
    try:
        return read_iso(text) if text else None
    except ValueError as error:
        raise CommandFailed(f"--to: {text!r} {error}") from error


def _span(text: str) -> int | None:
    if not text:
        return None
    match = _SPAN.fullmatch(text)
    if match is None:
        raise CommandFailed(f"--by: {text!r} is not a span such as 45s, 30m, 12h or 31d")
    return int(match[1]) * UNITS_US[match[2]]


def _print(now_us: int, offset_us: int, as_json: bool) -> None:
    if as_json:
        print_json({"now": instant(now_us), "ahead_seconds": offset_us / SECOND_US})
        return
    hours, rest = divmod(offset_us // SECOND_US, 3_600)
    print_facts(
        [("now", instant(now_us)), ("ahead", f"{hours // 24} days {hours % 24:02}:{rest // 60:02}:{rest % 60:02}")]
    )

"""`tollhouse audit list`: what operators did."""

from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import opened_core
from tollhoused.cli.options import AsJson, DatabaseUrl, settings_from
from tollhoused.cli.output import instant, print_json, print_table
from tollhoused.cli.program import Program
from tollhoused.domain.instants import DAY_US
from tollhoused.usecases import pages, registry


def list_entries(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", help="How far to look back.", min=1, max=366)] = 31,
    limit: Annotated[
        int, typer.Option("--limit", help="How many to list at the most.", min=1, max=pages.PAGE_SIZE_MAX)
    ] = pages.PAGE_SIZE_DEFAULT,
    after: Annotated[
        str, typer.Option("--after", help="Go on where the last list ended.", metavar="TOKEN", show_default=False)
    ] = "",
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List administrative acts, newest first: accounts, plans, credits, keys, catalogues."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url)) as core:
        now_us = core.clock()
        period = pages.time_range(now_us - days * DAY_US, None, now_us)
        found, token = registry.list_audit(core, period, limit, after)
    if as_json:
        shown = [entry._asdict() | {"at": instant(entry.at_us)} for entry in found]
        print_json({"entries": shown, "next": token or None})
        return
    rows = [
        (instant(entry.at_us), entry.client, entry.action, entry.account_id or "-", entry.detail) for entry in found
    ]
    print_table(["when", "client", "action", "account", "what was sent"], rows)
    if token:
        print_line(f"there are more: --after {token}")

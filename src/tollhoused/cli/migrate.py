"""`tollhouse migrate`."""

from typing import Annotated

import typer

from tollhoused.addresses import shown_url
from tollhoused.cli.lines import print_line
from tollhoused.cli.options import DatabaseUrl, settings_from
from tollhoused.cli.program import CommandFailed
from tollhoused.store import schema


def migrate(
    database_url: DatabaseUrl = None,
    to: Annotated[
        str, typer.Option("--to", help="The revision to go to, also an older one.", metavar="REVISION")
    ] = "head",
) -> None:
    """Bring the database to this program's schema.

    Safe while servers run; each step is a transaction, so a step that fails leaves no trace. An SQLite file is made if
    there is none.
    """
    settings = settings_from(database_url=database_url)
    try:
        steps = schema.migrate(settings.database_url, to)
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    for step in steps:
        print_line(step)
    print_line(f"{shown_url(settings.database_url)} is {'migrated' if steps else 'up to date'}")

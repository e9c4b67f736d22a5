"""`tollhouse backup`."""

from pathlib import Path
from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.options import DatabaseUrl, settings_from
from tollhoused.cli.program import CommandFailed
from tollhoused.store import schema
from tollhoused.store.backup import back_up
from tollhoused.store.store import SQLITE_PREFIX

POSTGRESQL = (
    "this command copies SQLite files. Back PostgreSQL up with its own tools: pg_dump for one instant, or base backups"
    " with continuous archiving to go back to any; then prove the restored books with `tollhouse verify`"
)


def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The file to make; it must not be there.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Copy the books into a new file while servers run: all that was committed at one instant.

    For SQLite. The copy is checked and safe on disk before it gets its name, and readable by its owner only. To restore
    it, stop the server, put the copy in the place of the database, without the old file's -wal and -shm, and start.
    PostgreSQL has tools of its own, such as pg_dump.
    """
    url = settings_from(database_url=database_url).database_url
    if not url.startswith(SQLITE_PREFIX):
        raise CommandFailed(POSTGRESQL)
    schema.check(url)
    size = back_up(url, target)
    print_line(f"{target}: {size:,} bytes; prove it with `tollhouse verify --database-url {SQLITE_PREFIX}{target}`")

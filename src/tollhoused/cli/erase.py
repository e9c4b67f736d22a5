"""`tollhouse accounts erase`."""

import time
from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import opened_core
from tollhoused.cli.options import DatabaseUrl, settings_from
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.domain.answers import ErasureAnswer
from tollhoused.domain.keys import CLI_CLIENT
from tollhoused.usecases import erasing
from tollhoused.usecases.core import Call

SECONDS_MAX = 3_600.0
"""An account may have millions of operations to clear."""


def erase(
    context: typer.Context,
    user_id: Annotated[str, typer.Option("--user-id", help="The person with this id.", show_default=False)] = "",
    email: Annotated[str, typer.Option("--email", help="The person with this e-mail.", show_default=False)] = "",
    key: Annotated[
        str, typer.Option("--key", help="The idempotency key: a repetition with the same key goes on where it stopped.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it: it cannot be undone.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Forget a person: names, memberships and the labels of what was used. The books stay as they are.

    Works on the database, whether or not a server runs on it. Backups keep what was there when they were made.
    """
    if not (yes or dry_run):
        raise CommandFailed("this cannot be undone: add --yes to do it, or --dry-run to see what it would do")
    program = Program.of(context)
    idempotency_key = key or program.new_id("erase")
    with opened_core(program, settings_from(database_url=database_url), writes=not dry_run) as core:
        settled = erasing.erase_user(
            core,
            Call(CLI_CLIENT, time.monotonic() + SECONDS_MAX),
            user_id=user_id,
            email=email,
            idempotency_key=idempotency_key,
            validate_only=dry_run,
        )
    answer = settled.answer
    ended = answer.memberships if isinstance(answer, ErasureAnswer) else 0
    print_line(f"{'would be erased' if dry_run else 'erased'}: account {answer.account_id}, {ended} memberships ended")

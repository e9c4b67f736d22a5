"""`tollhouse reconcile`."""

from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import opened_core
from tollhoused.cli.options import DatabaseUrl, settings_from
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.usecases.reconcile import Reconciliation, Remark


def reconcile(
    context: typer.Context,
    account_id: Annotated[
        str, typer.Option("--account", help="One account by its id, instead of all.", metavar="ID", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be repaired, and change nothing.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Compare accounts with the payment provider, and repair what lost webhooks have left behind.

    Works on the database, whether or not a server runs on it, with the settings of its provider: TOLLHOUSE_PROVIDER and
    TOLLHOUSE_STRIPE_API_KEY. Says line by line what it does. Exit code 1 where something is left to a person.
    """
    program = Program.of(context)
    settings = settings_from(database_url=database_url)
    if not settings.provider:
        raise CommandFailed("provider: no payment provider is configured: set TOLLHOUSE_PROVIDER")
    with opened_core(program, settings, writes=not dry_run, asks_provider=True) as core:
        assert core.desk
        run = Reconciliation(core, core.desk, _tell, dry_run=dry_run)
        if account_id:
            run.one(account_id)
        else:
            run.all()
    done = "would be repaired" if dry_run else "repaired"
    print_line(f"{run.accounts} accounts compared, {run.repaired} differences {done}, {run.problems} left to a person")
    if run.problems:
        raise typer.Exit(1)


def _tell(remark: Remark) -> None:
    print_line(f"{remark.account_id or '-'} {'PROBLEM ' if remark.is_problem else ''}{remark.text}")

"""Puts the commands together, and turns every declared failure into one line and an exit code."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tollhoused.cli import (
    accounts,
    audit,
    catalog,
    clients,
    clock,
    credits,
    export,
    healthcheck,
    migrate,
    provision,
    serve,
    usage,
    verify,
)
from tollhoused.cli.output import complain, print_line
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.domain.catalogue import CatalogueError
from tollhoused.errors import TollhouseError
from tollhoused.rpc.client import CallFailed
from tollhoused.settings import SettingsError
from tollhoused.store.faults import StoreFault
from tollhoused.store.schema import MigrationFailed, SchemaMismatch

EXIT_FAILED = 1
EXIT_MISUSED = 2

FAILURES = (CallFailed, CatalogueError, CommandFailed, MigrationFailed, SchemaMismatch, StoreFault, TollhouseError)

HELP = """
Tollhouse answers "may this customer do this, and what is left?", records what was used, and keeps the credits right.

To try it: `tollhouse serve` in one terminal makes tollhouse.sqlite3 in this folder and serves gRPC on 127.0.0.1:50051.
In another one, `tollhouse accounts provision --count 10` makes customers, `tollhouse usage load FILE` records what
they used, `tollhouse accounts list` shows what it cost, and `tollhouse verify` proves the books.

Every option that is a setting can also be given as a variable, TOLLHOUSE_DATABASE_URL for --database-url.
Exit codes: 0 done, 1 failed or found something wrong, 2 misused.
"""

GROUPS: list[tuple[str, str, dict[str, Callable[..., None]]]] = [
    (
        "catalog",
        "Check, apply and show what is sold.",
        {"check": catalog.check, "apply": catalog.apply, "show": catalog.show},
    ),
    (
        "accounts",
        "Find accounts, or make some to try with.",
        {"list": accounts.list_, "show": accounts.show, "provision": provision.provision},
    ),
    (
        "clients",
        "Programs that call: the owners of API keys.",
        {"create": clients.create_client, "list": clients.list_clients},
    ),
    (
        "keys",
        "API keys: make, list, rotate, revoke.",
        {
            "create": clients.create_key,
            "list": clients.list_keys,
            "rotate": clients.rotate_key,
            "revoke": clients.revoke_key,
        },
    ),
    ("audit", "What operators did.", {"list": audit.list_entries}),
    ("credits", "Give credits.", {"grant": credits.grant}),
    ("clock", "Move time, in the test environment only.", {"show": clock.show, "advance": clock.advance}),
    ("usage", "Record usage from files.", {"load": usage.load}),
]


class Commands(TyperGroup):
    """Reports declared failures without a traceback; a defect of ours keeps it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            complain(f"tollhouse: {error}")
            raise typer.Exit(EXIT_MISUSED) from error
        except FAILURES as error:
            complain(f"tollhouse: {error}")
            raise typer.Exit(EXIT_FAILED) from error


def make_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="tollhouse",
        help=HELP,
        cls=Commands,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.command("serve")(serve.serve)
    app.command("migrate")(migrate.migrate)
    app.command("verify")(verify.verify)
    app.command("export")(export.export)
    app.command("healthcheck")(healthcheck.healthcheck)
    for name, text, commands in GROUPS:
        group = typer.Typer(name=name, help=text, no_args_is_help=True, rich_markup_mode=None)
        for command, function in commands.items():
            group.command(command)(function)
        app.add_typer(group)
    return app


def run(arguments: Sequence[str], program: Program) -> None:
    """Runs one command. Ends with SystemExit."""
    make_app()(args=list(arguments), prog_name="tollhouse", obj=program)


def _show_version(wanted: bool) -> None:
    if wanted:
        print_line(f"tollhouse {version('tollhouse')}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass

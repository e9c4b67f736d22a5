"""Puts the commands together, and turns every declared failure into one line and an exit code.

A command's modules are imported when it is asked for: `tollhouse healthcheck` runs every few seconds in a container,
and has no use for a database.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from tollhoused.addresses import SettingsError
from tollhoused.cli.lines import complain, print_line
from tollhoused.cli.program import Program
from tollhoused.errors import Reported

EXIT_FAILED = 1
EXIT_MISUSED = 2

HELP = """
Tollhouse answers "may this customer do this, and what is left?", records what was used, and keeps the credits right.

To try it: `tollhouse serve --insecure-no-auth` in one terminal makes tollhouse.sqlite3 in this folder and serves gRPC
on 127.0.0.1:50051, without keys. In another one, `tollhouse accounts provision --count 10` makes customers, `tollhouse
usage load FILE` records what they used, `tollhouse accounts list` shows what it cost, and `tollhouse verify` proves
the books.

Every option that is a setting can also be given as a variable, TOLLHOUSE_DATABASE_URL for --database-url.
Exit codes: 0 done, 1 failed or found something wrong, 2 misused.
"""

COMMANDS = {
    "serve": "serve.serve",
    "migrate": "migrate.migrate",
    "verify": "verify.verify",
    "reconcile": "reconcile.reconcile",
    "import": "importing.import_",
    "export": "export.export",
    "backup": "backup.backup",
    "healthcheck": "healthcheck.healthcheck",
}
"""Where each command's function stands below `tollhoused.cli`."""

Group = Mapping[str, "str | tuple[str, Group]"]
"""The same for the commands of a group; a group in it comes with its help."""

GROUPS: Mapping[str, tuple[str, Group]] = {
    "catalog": (
        "Check, apply and show what is sold.",
        {"check": "catalog.check", "apply": "catalog.apply", "show": "catalog.show"},
    ),
    "accounts": (
        "Find accounts, or make some to try with.",
        {
            "list": "accounts.list_",
            "show": "accounts.show",
            "provision": "provision.provision",
            "members": (
                "Who belongs to which organization.",
                {"add": "members.add", "remove": "members.remove", "list": "members.list_"},
            ),
            "erase": "erase.erase",
        },
    ),
    "clients": (
        "Programs that call: the owners of API keys.",
        {"create": "clients.create_client", "list": "clients.list_clients"},
    ),
    "keys": (
        "API keys: make, list, rotate, revoke.",
        {
            "create": "clients.create_key",
            "list": "clients.list_keys",
            "rotate": "clients.rotate_key",
            "revoke": "clients.revoke_key",
        },
    ),
    "audit": ("What operators did.", {"list": "audit.list_entries"}),
    "credits": ("Give credits.", {"grant": "credits.grant"}),
    "clock": ("Move time, in the test environment only.", {"show": "clock.show", "advance": "clock.advance"}),
    "events": (
        "Outgoing events: where they are sent to.",
        {
            "endpoints": (
                "Addresses that events are sent to.",
                {"add": "events.add", "rotate": "events.rotate", "list": "events.list_", "remove": "events.remove"},
            ),
            "dead": ("Events that were given up.", {"list": "events.list_dead"}),
            "redeliver": "events.redeliver",
        },
    ),
    "provider-events": (
        "What the payment provider has told.",
        {"list": "provider_events.list_", "show": "provider_events.show", "replay": "provider_events.replay"},
    ),
    "usage": ("Record usage from files.", {"load": "usage.load"}),
}


class Commands(TyperGroup):
    """Makes each command when it is asked for; reports declared failures without a traceback, a defect keeps it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in self.list_commands(ctx):
            self.commands[cmd_name] = get_command(_made(cmd_name))
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            complain(f"tollhouse: {error}")
            raise typer.Exit(EXIT_MISUSED) from error
        except Reported as error:
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
    return app


def _made(name: str) -> typer.Typer:
    """One command, or one group with its commands."""
    if name in COMMANDS:
        app = typer.Typer(name=name, add_completion=False, rich_markup_mode=None)
        _add(app, name, COMMANDS[name])
        return app
    return _group(name, *GROUPS[name])


def _group(name: str, text: str, commands: Group) -> typer.Typer:
    app = typer.Typer(name=name, help=text, add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(lambda: None)  # a group, also where it has one command only
    for command, found in commands.items():
        if isinstance(found, str):
            _add(app, command, found)
        else:
            app.add_typer(_group(command, *found))
    return app


def _add(app: typer.Typer, name: str, place: str) -> None:
    module, function = place.split(".")
    app.command(name)(getattr(import_module(f"tollhoused.cli.{module}"), function))


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

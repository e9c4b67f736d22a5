"""`tollhouse accounts members add`, `remove` and `list`."""

from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import cli_call, opened_core
from tollhoused.cli.options import AsJson, DatabaseUrl, settings_from
from tollhoused.cli.output import print_json, print_table
from tollhoused.cli.program import Program
from tollhoused.domain.books import Settled
from tollhoused.usecases import members, pages

Organization = Annotated[str, typer.Argument(metavar="ORG_ID", help="The organization's id.")]
UserId = Annotated[str, typer.Option("--user-id", help="The person with this user id.", show_default=False)]
Email = Annotated[str, typer.Option("--email", help="The person with this e-mail address.", show_default=False)]
Key = Annotated[
    str, typer.Option("--key", help="The idempotency key; a new one unless given.", metavar="KEY", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")]


def add(
    context: typer.Context,
    org_id: Organization,
    user_id: UserId = "",
    email: Email = "",
    primary: Annotated[
        bool, typer.Option("--primary", help="Calls that name the person alone count on this organization.")
    ] = False,
    key: Key = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a person a member of an organization, or change whether that is the primary membership."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url), writes=not dry_run) as core:
        settled = members.add_member(
            core,
            cli_call(),
            user_id=user_id,
            email=email,
            org_id=org_id,
            is_primary=primary,
            idempotency_key=key or program.new_id("cli"),
            validate_only=dry_run,
        )
    _print(settled, "would be a member" if dry_run else "is a member", as_json)


def remove(
    context: typer.Context,
    org_id: Organization,
    user_id: UserId = "",
    email: Email = "",
    key: Key = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """End a membership. What the person used stays on the organization's account."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url), writes=not dry_run) as core:
        settled = members.remove_member(
            core,
            cli_call(),
            user_id=user_id,
            email=email,
            org_id=org_id,
            idempotency_key=key or program.new_id("cli"),
            validate_only=dry_run,
        )
    _print(settled, "would be a member no more" if dry_run else "is a member no more", as_json)


def list_(
    context: typer.Context,
    org_id: Organization,
    limit: Annotated[
        int, typer.Option("--limit", help="How many to list at the most.", min=1, max=pages.PAGE_SIZE_MAX)
    ] = pages.PAGE_SIZE_DEFAULT,
    after: Annotated[
        str, typer.Option("--after", help="Go on where the last list ended.", metavar="TOKEN", show_default=False)
    ] = "",
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List the members of an organization."""
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        account_id, found, token = members.list_members(core, org_id, limit, after)
    if as_json:
        shown = [
            {"user_id": item.user.user_id, "email": item.user.email, "is_primary": item.membership.is_primary}
            for item in found
        ]
        print_json({"account_id": account_id, "members": shown, "next": token or None})
        return
    rows = [
        (item.user.user_id or "-", item.user.email or "-", "yes" if item.membership.is_primary else "no")
        for item in found
    ]
    print_table(["user", "e-mail", "primary"], rows)
    if token:
        print_line(f"there are more: --after {token}")


def _print(settled: Settled, what: str, as_json: bool) -> None:
    answer = settled.answer
    if as_json:
        print_json({**answer._asdict(), "replayed": settled.replayed})
    else:
        print_line(f"{what}, on {answer.account_id}{' (as the key said before)' if settled.replayed else ''}")

"""`tollhouse accounts provision`."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import cli_call, opened_core
from tollhoused.cli.options import DatabaseUrl, settings_from
from tollhoused.cli.output import parsed_amount
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.domain.answers import AccountAnswer
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.identity import Subject
from tollhoused.usecases import accounts, credits, subscriptions
from tollhoused.usecases.core import Core

CALLERS = 32
"""How many accounts are made at once: they share transactions."""


def provision(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", help="How many.", min=1, max=1_000_000)],
    prefix: Annotated[str, typer.Option("--prefix", help="What the user ids begin with; a number follows.")] = "user-",
    plan: Annotated[
        str, typer.Option("--plan", help="A plan to assign; otherwise the default one.", show_default=False)
    ] = "",
    amount: Annotated[
        str,
        typer.Option("--credits", help="Promotional credits for each: 25.00.", metavar="AMOUNT", show_default=False),
    ] = "",
    database_url: DatabaseUrl = None,
) -> None:
    """Make users with accounts to try things with: user-1, user-2 and so on.

    Works on the database, whether or not a server runs on it. What was made before stays as it is, so the command may
    be repeated.
    """
    amount_nanos = parsed_amount("--credits", amount) if amount else 0
    with opened_core(Program.of(context), settings_from(database_url=database_url), writes=True) as core:
        if plan and plan not in core.catalogue.plans:
            raise CommandFailed(f"there is no plan {plan!r}; plans are {', '.join(core.catalogue.plans)}")

        def make(number: int) -> bool:
            return _make(core, f"{prefix}{number}", plan, amount_nanos)

        begun = time.monotonic()
        with ThreadPoolExecutor(CALLERS) as callers:
            made = sum(callers.map(make, range(1, count + 1)))
        seconds = time.monotonic() - begun
    print_line(f"{made:,} accounts made, {count - made:,} were there already, in {seconds:.1f} s")


def _make(core: Core, user_id: str, plan: str, amount_nanos: int) -> bool:
    """One user; whether the account is new. The keys repeat, so nothing is given twice."""
    subject = Subject(user_id=user_id)
    made = accounts.upsert_user(
        core,
        cli_call(),
        user_id=user_id,
        email="",
        zone="UTC",
        idempotency_key=f"provision/{user_id}",
        validate_only=False,
    )
    if plan:
        subscriptions.assign_plan(
            core,
            cli_call(),
            subject=subject,
            plan=plan,
            plan_version=0,
            start_us=None,
            end_us=None,
            subscription_id="",
            idempotency_key=f"provision/{user_id}/plan/{plan}",
            validate_only=False,
        )
    if amount_nanos:
        credits.grant_credits(
            core,
            cli_call(),
            subject=subject,
            amount_nanos=amount_nanos,
            currency=core.catalogue.currency,
            category=GrantCategory.PROMOTIONAL,
            priority=None,
            effective_us=None,
            expires_us=None,
            meters=[],
            reason="provisioned",
            idempotency_key=f"provision/{user_id}/credits/{amount_nanos}",
            validate_only=False,
        )
    return isinstance(made.answer, AccountAnswer) and made.answer.created and not made.replayed

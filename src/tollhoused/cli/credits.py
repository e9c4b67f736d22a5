"""`tollhouse credits grant`."""

from typing import Annotated

import typer

from tollhoused.cli.opening import cli_call, opened_core
from tollhoused.cli.options import AsJson, DatabaseUrl, Email, OrgId, UserId, settings_from
from tollhoused.cli.output import instant_json, money, parsed_amount, print_facts, print_json
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.cli.times import read_iso
from tollhoused.domain.answers import CreditsAnswer
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.usecases import credits, forms


def grant(
    context: typer.Context,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="How much, in the catalogue's currency: 25.00.")],
    user_id: UserId = "",
    email: Email = "",
    org_id: OrgId = "",
    category: Annotated[
        GrantCategory, typer.Option("--category", help="Promotional credits burn before paid ones, among equals.")
    ] = GrantCategory.PROMOTIONAL,
    priority: Annotated[
        int | None, typer.Option("--priority", help="0 to 1000; lower burns first. [default: 100]", show_default=False)
    ] = None,
    expires: Annotated[
        str,
        typer.Option(
            "--expires",
            help="When they expire: 2027-01-31, or 2027-01-31T18:00:00Z.",
            metavar="TIME",
            show_default=False,
        ),
    ] = "",
    meters: Annotated[
        list[str] | None,
        typer.Option("--meter", help="A meter they may pay for; may be repeated. Otherwise any.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.", show_default=False)] = "",
    key: Annotated[
        str,
        typer.Option("--key", help="Idempotency key: the same key never grants twice. Otherwise a new one is made."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and write nothing.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Give credits to an account. Debt is settled first.

    Works on the database, whether or not a server runs on it.
    """
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url), writes=True) as core:
        idempotency_key = key or program.new_id("key")
        settled = credits.grant_credits(
            core,
            cli_call(),
            subject=forms.subject(user_id, email, org_id),
            amount_nanos=parsed_amount("AMOUNT", amount),
            currency=core.catalogue.currency,
            category=category,
            priority=priority,
            effective_us=None,
            expires_us=_expiry(expires),
            meters=meters or [],
            reason=reason,
            idempotency_key=idempotency_key,
            validate_only=dry_run,
        )
    answer = settled.answer
    assert isinstance(answer, CreditsAnswer)
    assert answer.grant is not None
    state = "replayed" if settled.replayed else "previewed" if dry_run else "granted"
    if as_json:
        print_json(
            {
                "state": state,
                "account_id": answer.account_id,
                "grant_id": answer.grant.id,
                "amount_nanos": answer.grant.amount_nanos,
                "settled_nanos": answer.settled_nanos,
                "balance_nanos": answer.balance.total_nanos,
                "available_nanos": answer.balance.available_nanos,
                "debt_nanos": answer.balance.debt_nanos,
                "currency": answer.currency,
                "expires": instant_json(answer.grant.expires_us),
                "idempotency_key": idempotency_key,
            }
        )
        return
    print_facts(
        [
            (state, f"{money(answer.grant.amount_nanos, answer.currency)} to {answer.account_id}"),
            ("grant", answer.grant.id),
            ("debt settled", money(answer.settled_nanos, answer.currency)),
            ("balance", money(answer.balance.total_nanos, answer.currency)),
            ("debt left", money(answer.balance.debt_nanos, answer.currency)),
            ("idempotency key", idempotency_key),
        ]
    )


def _expiry(text: str) -> int | None:
    if not text:
        return None
    try:
        return read_iso(text)
    except ValueError as error:
        raise CommandFailed(f"--expires: {text!r} {error}") from error

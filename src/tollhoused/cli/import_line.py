"""What each kind of line of an import file does: one command under the line's own key."""

from tollhoused.cli.import_lines import BadLine, ImportLine
from tollhoused.cli.opening import cli_call
from tollhoused.domain.books import Settled
from tollhoused.domain.identity import Subject
from tollhoused.usecases import accounts, credits, forms, members, subscriptions, usage
from tollhoused.usecases.core import Core

REASON = "imported"


def carry_out(core: Core, line: ImportLine) -> Settled:
    """Imports one line. Raises BadLine, or the refusal of its command."""
    return {
        "account": _account,
        "membership": _membership,
        "subscription": _subscription,
        "balance": _balance,
        "usage": _usage,
    }[line.kind](core, line)


def _subject(line: ImportLine) -> Subject:
    return forms.subject(line.text("user_id"), line.text("email"), line.text("org_id"))


def _account(core: Core, line: ImportLine) -> Settled:
    user_id, email, org_id, zone = (line.text(field) for field in ("user_id", "email", "org_id", "zone"))
    if org_id:
        if user_id or email:
            raise BadLine("org_id: an account is a person's or an organization's; memberships have lines of their own")
        return accounts.upsert_organization(
            core, cli_call(), org_id=org_id, zone=zone, idempotency_key=line.key, validate_only=False
        )
    return accounts.upsert_user(
        core, cli_call(), user_id=user_id, email=email, zone=zone, idempotency_key=line.key, validate_only=False
    )


def _membership(core: Core, line: ImportLine) -> Settled:
    return members.add_member(
        core,
        cli_call(),
        user_id=line.text("user_id"),
        email=line.text("email"),
        org_id=line.text("org_id"),
        is_primary=line.flag("primary"),
        idempotency_key=line.key,
        validate_only=False,
    )


def _subscription(core: Core, line: ImportLine) -> Settled:
    """A start that lies back counts as now for what is allowed, and as the day on which usage periods turn."""
    start_us, anchor_us = line.instant_us("start"), line.instant_us("anchor")
    return subscriptions.assign_plan(
        core,
        cli_call(),
        subject=_subject(line),
        plan=line.text("plan"),
        plan_version=0,
        start_us=start_us,
        end_us=line.instant_us("end"),
        subscription_id="",
        idempotency_key=line.key,
        validate_only=False,
        anchor_us=start_us if anchor_us is None else anchor_us,
    )


def _balance(core: Core, line: ImportLine) -> Settled:
    """Credits, or debt where the amount is negative."""
    amount_nanos = line.amount_nanos("amount")
    reason = line.text("reason", REASON)
    if amount_nanos < 0:
        for field in ("category", "priority", "expires", "meters"):
            if field in line.values:
                raise BadLine(f"{field}: a negative balance has none")
        return credits.adjust_credits(
            core,
            cli_call(),
            subject=_subject(line),
            amount_nanos=amount_nanos,
            currency=core.catalogue.currency,
            reason=reason,
            idempotency_key=line.key,
            validate_only=False,
        )
    return credits.grant_credits(
        core,
        cli_call(),
        subject=_subject(line),
        amount_nanos=amount_nanos,
        currency=core.catalogue.currency,
        category=line.category("category"),
        priority=line.number_of("priority"),
        effective_us=None,
        expires_us=line.instant_us("expires"),
        meters=line.texts("meters"),
        reason=reason,
        idempotency_key=line.key,
        validate_only=False,
    )


def _usage(core: Core, line: ImportLine) -> Settled:
    return usage.open_usage(
        core,
        cli_call(),
        subject=_subject(line),
        meter=line.text("meter"),
        quantity=line.number_of("quantity"),
        level=line.number_of("level"),
        idempotency_key=line.key,
        validate_only=False,
    )

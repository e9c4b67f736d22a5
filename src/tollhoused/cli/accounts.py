"""`tollhouse accounts list` and `show`."""

from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import cli_call, opened_core
from tollhoused.cli.options import AsJson, DatabaseUrl, Email, OrgId, UserId, settings_from
from tollhoused.cli.output import instant, instant_json, money, print_facts, print_json, print_table
from tollhoused.cli.program import Program
from tollhoused.domain.account import Grant
from tollhoused.domain.credits import balance_facts
from tollhoused.domain.subscription import Subscription
from tollhoused.domain.terms import Override
from tollhoused.usecases import accounts, entitlements, forms, listing
from tollhoused.usecases.accounts import AccountView
from tollhoused.usecases.entitlements import MeterState
from tollhoused.usecases.listing import Entry


def list_(
    context: typer.Context,
    user_id: UserId = "",
    email: Email = "",
    org_id: OrgId = "",
    limit: Annotated[int, typer.Option("--limit", help="How many to list at the most.", min=1)] = 100,
    after: Annotated[str, typer.Option("--after", help="Go on after the account with this id.", metavar="ID")] = "",
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List accounts with plan and balance, oldest first, or the one that a user, e-mail or organization names."""
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        if user_id or email or org_id:
            match = core.resolve(forms.subject(user_id, email, org_id))
            found, more = listing.look(core, [match.account_id]), False
        else:
            found = list(listing.list_accounts(core, after, limit + 1))
            found, more = found[:limit], len(found) > limit
    if as_json:
        print_json([_entry_json(entry) for entry in found])
        return
    columns = ["account", "user", "e-mail", "organization", "plan", "balance>", "available>", "debt>"]
    print_table(columns, [_entry_row(entry) for entry in found])
    if more:
        print_line(f"there are more: --after {found[-1].account.id}")


def show(
    context: typer.Context,
    user_id: UserId = "",
    email: Email = "",
    org_id: OrgId = "",
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show one account: who it belongs to, its plan, what it used and has left, its credits."""
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        subject = forms.subject(user_id, email, org_id)
        view = accounts.get_account(core, subject)
        meters = entitlements.get_entitlement(core, cli_call(), subject, "").meters
    if as_json:
        print_json(_view_json(view, meters))
    else:
        _print_view(view, meters)


def _entry_row(entry: Entry) -> list[str]:
    account = entry.account
    facts = balance_facts(account, account.as_of_us)
    amounts = (facts.total_nanos, facts.available_nanos, facts.debt_nanos)
    names = (
        ", ".join(user.user_id for user in entry.users if user.user_id),
        ", ".join(user.email for user in entry.users if user.email),
        ", ".join(organization.org_id for organization in entry.organizations),
    )
    shown = [money(nanos, account.currency) for nanos in amounts]
    return [account.id, *(name or "-" for name in names), account.segment.terms.plan, *shown]


def _entry_json(entry: Entry) -> dict[str, object]:
    account = entry.account
    facts = balance_facts(account, account.as_of_us)
    return {
        "account_id": account.id,
        "kind": account.kind.value,
        "users": [{"user_id": user.user_id, "email": user.email} for user in entry.users],
        "organizations": [organization.org_id for organization in entry.organizations],
        "plan": account.segment.terms.plan,
        "plan_version": account.segment.terms.plan_version,
        "currency": account.currency,
        "balance_nanos": facts.total_nanos,
        "available_nanos": facts.available_nanos,
        "debt_nanos": facts.debt_nanos,
        "zone": account.zone,
        "period_start": instant(account.segment.period_start_us),
        "period_end": instant(account.segment.period_end_us),
    }


def _print_view(view: AccountView, meters: list[MeterState]) -> None:
    account, segment = view.account, view.account.segment
    facts = balance_facts(account, account.as_of_us)
    people = [" ".join(filter(None, (user.user_id, user.email))) for user in view.users]
    print_facts(
        [
            ("account", f"{account.id} ({account.kind.value})"),
            ("users", ", ".join(people) or "-"),
            ("organizations", ", ".join(organization.org_id for organization in view.organizations) or "-"),
            ("plan", f"{segment.terms.plan}, catalogue version {segment.terms.plan_version}"),
            (
                "usage period",
                f"{instant(segment.period_start_us)} to {instant(segment.period_end_us)} ({account.zone})",
            ),
            ("balance", money(facts.total_nanos, account.currency)),
            ("available", money(facts.available_nanos, account.currency)),
            ("debt", money(facts.debt_nanos, account.currency)),
        ]
    )
    print_table(
        ["meter", "used>", "included>", "left>", "overage>", "charged>", "beyond that"],
        [_meter_row(state, account.currency) for state in meters],
    )
    grants = sorted(account.grants.values(), key=Grant.burn_order)
    if grants:
        print_table(
            ["grant", "category", "left>", "of>", "priority>", "expires", "for"],
            [_grant_row(grant, account.currency) for grant in grants],
        )
    if view.subscriptions:
        rows = [_subscription_row(item, item.id == view.counting) for item in view.subscriptions]
        print_table(["subscription", "plan", "start", "end", "counts"], rows)
    if view.overrides:
        print_table(["override", "meter", "included>", "policy", "from", "until"], map(_override_row, view.overrides))


def _meter_row(state: MeterState, currency: str) -> list[str]:
    left = "no limit" if state.remaining is None else f"{state.remaining:,}"
    included = "-" if state.remaining is None else f"{state.terms.included:,}"
    charged = money(state.charged_nanos, currency)
    return [state.meter, f"{state.used:,}", included, left, f"{state.overage:,}", charged, state.terms.policy.value]


def _grant_row(grant: Grant, currency: str) -> list[str]:
    return [
        grant.id,
        grant.category.value,
        money(grant.remaining_nanos, currency),
        money(grant.amount_nanos, currency),
        str(grant.priority),
        instant(grant.expires_us),
        ", ".join(sorted(grant.meters)) or "any meter",
    ]


def _subscription_row(item: Subscription, counts: bool) -> list[str]:
    plan = f"{item.plan}, version {item.plan_version}"
    return [item.id, plan, instant(item.start_us), instant(item.end_us), "yes" if counts else "no"]


def _override_row(item: Override) -> list[str]:
    included = "-" if item.included is None else f"{item.included:,}"
    policy = item.policy.value if item.policy else "-"
    return [item.id, item.meter, included, policy, instant(item.from_us), instant(item.until_us)]


def _view_json(view: AccountView, meters: list[MeterState]) -> dict[str, object]:
    return {
        **_entry_json(Entry(view.account, view.users, view.organizations)),
        "matched_by": view.match.matched_by.value,
        "meters": [
            {
                "meter": state.meter,
                "used": state.used,
                "included": state.terms.included,
                "remaining": state.remaining,
                "policy": state.terms.policy.value,
                "overage": state.overage,
                "charged_nanos": state.charged_nanos,
            }
            for state in meters
        ],
        "grants": [
            {
                "id": grant.id,
                "category": grant.category.value,
                "priority": grant.priority,
                "amount_nanos": grant.amount_nanos,
                "remaining_nanos": grant.remaining_nanos,
                "expires": instant_json(grant.expires_us),
                "meters": sorted(grant.meters),
            }
            for grant in sorted(view.account.grants.values(), key=Grant.burn_order)
        ],
        "subscriptions": [
            {
                "id": item.id,
                "plan": item.plan,
                "plan_version": item.plan_version,
                "start": instant(item.start_us),
                "end": instant_json(item.end_us),
                "counts": item.id == view.counting,
            }
            for item in view.subscriptions
        ],
    }

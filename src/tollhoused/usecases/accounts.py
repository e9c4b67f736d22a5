"""Users, organizations and their accounts (requirement I2)."""

from dataclasses import dataclass

from tollhoused.domain.account import Account
from tollhoused.domain.advance import counting_subscription
from tollhoused.domain.books import Settled
from tollhoused.domain.commands import UpsertOrganization, UpsertUser
from tollhoused.domain.identity import ERASED_PREFIX, Match, MatchedBy, Membership, Organization, Subject, User
from tollhoused.domain.subscription import Subscription
from tollhoused.domain.terms import Override
from tollhoused.errors import InvalidField
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with everything an operator asks about it.

    Subscriptions come newest first, overrides by their start. `counting` is the id of the subscription that counts,
    `memberships` are those of the account's people.
    """

    account: Account
    match: Match
    users: list[User]
    organizations: list[Organization]
    subscriptions: list[Subscription]
    overrides: list[Override]
    counting: str | None
    memberships: list[Membership]


def upsert_user(
    core: Core, call: Call, *, user_id: str, email: str, zone: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Makes a user and the personal account, or completes the user; an existing account keeps its zone."""
    forms.idempotency_key(idempotency_key)
    subject = forms.person(user_id, email)
    if user_id.startswith(ERASED_PREFIX):
        raise InvalidField("user_id", f"must not begin with {ERASED_PREFIX!r}, which stands for people who were erased")
    match = _owner(core, subject)
    command = UpsertUser(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id if match else "",
        matched_by=match.matched_by if match else MatchedBy.USER_ID,
        new_account_id=core.new_id("acct"),
        new_user_id=core.new_id("user"),
        zone=forms.zone(zone),
        currency=core.catalogue.currency,
    )
    return core.run(call, command, validate_only)


def upsert_organization(
    core: Core, call: Call, *, org_id: str, zone: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Makes an organization and its account; an existing account keeps its zone."""
    forms.idempotency_key(idempotency_key)
    subject = Subject(org_id=forms.text("org_id", org_id, forms.ID_LENGTH_MAX))
    match = _owner(core, subject)
    command = UpsertOrganization(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id if match else "",
        matched_by=MatchedBy.ORG_ID,
        new_account_id=core.new_id("acct"),
        zone=forms.zone(zone),
        currency=core.catalogue.currency,
    )
    return core.run(call, command, validate_only)


def get_account(core: Core, subject: Subject) -> AccountView:
    """The account that a subject names, with its names, all its subscriptions, and overrides in force or to come."""
    view = core.view(subject)
    account, match = view.account, view.match
    with reading():
        users, organizations = core.store.names(account.id)
        memberships = core.store.memberships(account.id)
        stored = core.store.subscriptions(account.id)[::-1]
        overrides = [item for item in core.store.overrides(account.id) if _lasts(item, account.as_of_us)]
    subscriptions = [account.subscriptions.get(item.id, item) for item in stored]
    counting = core.knowing(lambda: counting_subscription(account, account.as_of_us, core.shelf.history))
    return AccountView(
        account, match, users, organizations, subscriptions, overrides, counting.id if counting else None, memberships
    )


def _lasts(override: Override, now_us: int) -> bool:
    """Whether an override is in force or will be; one that was removed before its start never is."""
    return override.until_us is None or override.until_us > max(now_us, override.from_us)


def _owner(core: Core, subject: Subject) -> Match | None:
    """The account that an upsert would complete, to lock it; the journal looks again."""
    with reading():
        return core.store.directory({subject}).owner(subject)

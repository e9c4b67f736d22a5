"""Credits: balance, grants, corrections and the ledger (requirements C3, C4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tollhoused.domain.account import NEVER_US, Account, Grant, LedgerEntry
from tollhoused.domain.answers import BalanceFacts
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import DEFAULT_PRIORITY, MAX_PRIORITY, GrantCategory
from tollhoused.domain.commands import AdjustCredits, GrantCredits, VoidGrant
from tollhoused.domain.credits import balance_facts
from tollhoused.domain.identity import Match, Subject
from tollhoused.errors import InvalidField
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.pages import TimeRange, cursor_text, cursor_values

T = TypeVar("T", int, str)

GRANT_METERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's credits now; `parts` are what each restriction makes available, before debt, in nanos."""

    match: Match
    currency: str
    facts: BalanceFacts
    parts: dict[frozenset[str], int]


def get_balance(core: Core, subject: Subject) -> Balance:
    """The balance as it stands now, whatever has been booked of the passing of time."""
    view = core.view(subject)
    account, match = view.account, view.match
    now_us = account.as_of_us
    parts: dict[frozenset[str], int] = {}
    for grant in account.usable_grants(None, now_us):
        parts[grant.meters] = parts.get(grant.meters, 0) + grant.unheld_nanos
    return Balance(match, account.currency, balance_facts(account, now_us), parts)


def grant_credits(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    amount_nanos: int,
    currency: str,
    category: GrantCategory,
    priority: int | None,
    effective_us: int | None,
    expires_us: int | None,
    meters: Sequence[str],
    reason: str,
    idempotency_key: str,
    validate_only: bool,
) -> Settled:
    """Gives credits; unrestricted ones that are effective at once settle debt first."""
    forms.idempotency_key(idempotency_key)
    forms.currency(core.catalogue, currency)
    if len(meters) > GRANT_METERS_MAX:
        raise InvalidField("meters", f"has more than {GRANT_METERS_MAX} entries")
    codes = [forms.meter(core.catalogue, name, f"meters[{index}]").code for index, name in enumerate(meters)]
    match = core.match(subject)
    command = GrantCredits(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        grant_id=core.new_id("grant"),
        amount_nanos=forms.amount(amount_nanos),
        category=category,
        priority=forms.in_range(DEFAULT_PRIORITY if priority is None else priority, 0, MAX_PRIORITY, "priority"),
        effective_us=effective_us,
        expires_us=expires_us,
        meters=frozenset(codes),
        reason=forms.text("reason", reason, forms.REASON_LENGTH_MAX, required=False),
    )
    return core.run(call, command, validate_only)


def adjust_credits(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    amount_nanos: int,
    currency: str,
    reason: str,
    idempotency_key: str,
    validate_only: bool,
) -> Settled:
    """Corrects the balance by a signed amount."""
    forms.idempotency_key(idempotency_key)
    forms.currency(core.catalogue, currency)
    match = core.match(subject)
    command = AdjustCredits(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        grant_id=core.new_id("grant"),
        amount_nanos=forms.amount(amount_nanos, signed=True),
        reason=forms.text("reason", reason, forms.REASON_LENGTH_MAX, required=False),
    )
    return core.run(call, command, validate_only)


def void_grant(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    grant_id: str,
    reason: str,
    idempotency_key: str,
    validate_only: bool,
) -> Settled:
    """Ends a grant before its time."""
    forms.idempotency_key(idempotency_key)
    forms.text("grant_id", grant_id, forms.ID_LENGTH_MAX)
    match = core.match(subject)
    command = VoidGrant(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        grant_id=grant_id,
        reason=forms.text("reason", reason, forms.REASON_LENGTH_MAX, required=False),
    )
    return core.run(call, command, validate_only)


def list_grants(
    core: Core, call: Call, subject: Subject, *, include_closed: bool, page_size: int, page_token: str
) -> tuple[Account, list[Grant], str]:
    """A page of grants, newest first; closed ones are spent or expired. Returns account, grants, next token."""
    match = core.resolve(subject)
    account = core.up_to_date(call, match, subject)
    before = _cursor(page_token, str, "~")
    with reading():
        found = core.store.grants(match.account_id, include_closed, before, page_size + 1)
    page = found[:page_size]
    return account, page, cursor_text([page[-1].id]) if len(found) > page_size else ""


def list_entries(
    core: Core, call: Call, subject: Subject, range_at: Callable[[int], TimeRange], page_size: int, page_token: str
) -> tuple[Account, list[LedgerEntry], str]:
    """A page of the ledger, newest first. Returns account, entries, next token.

    `range_at` gives the stretch that is asked for, as of now: which is after what was due has been booked.
    """
    range_at(core.clock())  # a stretch that cannot be is refused before anything is booked
    match = core.resolve(subject)
    account = core.up_to_date(call, match, subject)
    before = _cursor(page_token, int, NEVER_US)
    period = range_at(core.clock())
    with reading():
        found = core.store.ledger_entries(match.account_id, period.start_us, period.end_us, before, page_size + 1)
    page = found[:page_size]
    return account, page, cursor_text([page[-1].sequence]) if len(found) > page_size else ""


def _cursor(token: str, kind: type[T], start: T) -> T:
    if not token:
        return start
    values = cursor_values(token)
    if len(values) != 1 or not isinstance(values[0], kind):
        raise InvalidField("page_token", "is not a token of this list")
    return values[0]

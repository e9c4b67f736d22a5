"""Rows to values and back: the one place where columns meet the domain, in the order of `tables.py`."""

import json
from typing import Any

from tollhoused.domain.account import Account, AccountKind, Cause, CauseKind, Counter, Grant, LedgerEntry, Segment
from tollhoused.domain.books import Operation
from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.identity import Membership, Organization, User
from tollhoused.domain.intent import AutoReload
from tollhoused.domain.json_text import compact_json
from tollhoused.domain.payments import Standing
from tollhoused.domain.rates import rate_from_json, rate_to_json
from tollhoused.domain.reservation import Hold, OnExpiry, OverCommit, Reservation, ReservationState
from tollhoused.domain.subscription import PlanChange, Subscription
from tollhoused.domain.terms import Override, terms_from_json, terms_to_json

Row = tuple[Any, ...]

USER_WIDTH = 4
"""How many columns a user has, before those of a membership."""


def account_from_row(row: Row, whole: bool) -> Account:
    """An account without what belongs to it."""
    (id_, kind, currency, zone, anchor_us, version, as_of_us, due_us, *totals) = row
    balance_nanos, debt_nanos, ledger_seq, held_nanos, open_reservations, alarms, customer, reload = totals
    return Account(
        id=id_,
        kind=AccountKind(kind),
        currency=currency,
        zone=zone,
        anchor_us=anchor_us,
        version=version,
        as_of_us=as_of_us,
        due_us=due_us,
        balance_nanos=balance_nanos,
        debt_nanos=debt_nanos,
        held_nanos=held_nanos,
        open_reservations=open_reservations,
        ledger_seq=ledger_seq,
        whole=whole,
        alarms=alarms,
        customer=customer,
        reload=AutoReload(**json.loads(reload)) if reload else None,
    )


def new_account_row(account: Account) -> Row:
    """The row of an account that is stored for the first time."""
    return (account.id, account.kind.value, account.currency, account.zone, account.anchor_us, *moving_columns(account))


def moving_columns(account: Account) -> Row:
    """What a batch changes of an account, the new version first."""
    return (
        account.version + 1,
        account.as_of_us,
        account.due_us,
        account.balance_nanos,
        account.debt_nanos,
        account.ledger_seq,
        account.held_nanos,
        account.open_reservations,
        account.alarms,
        account.customer,
        compact_json(account.reload._asdict()) if account.reload else None,
    )


def segment_from_row(row: Row) -> Segment:
    """A segment; its terms are shared with every segment of the same text."""
    _, start_us, end_us, period_start_us, period_end_us, subscription, _, _, terms = row
    return Segment(start_us, end_us, period_start_us, period_end_us, subscription, terms_from_json(terms))


def segment_row(account_id: str, segment: Segment) -> Row:
    """A segment's row."""
    terms = segment.terms
    return (
        account_id,
        segment.start_us,
        segment.end_us,
        segment.period_start_us,
        segment.period_end_us,
        segment.subscription_id,
        terms.plan,
        terms.plan_version,
        terms_to_json(terms),
    )


def counter_from_row(row: Row) -> Counter:
    """A counter."""
    return Counter(*row[1:])


def counter_row(account_id: str, counter: Counter) -> Row:
    """A counter's row."""
    return (
        account_id,
        counter.segment_start_us,
        counter.meter,
        counter.carried,
        counter.used,
        counter.overage,
        counter.charged_nanos,
        counter.level,
        counter.level_us,
    )


def grant_from_row(row: Row) -> Grant:
    """A grant."""
    _, id_, category, priority, effective_us, expires_us, meters, amount_nanos, *rest = row
    return Grant(
        id_,
        GrantCategory(category),
        priority,
        effective_us,
        expires_us,
        frozenset(meters.split(",")) if meters else frozenset(),
        amount_nanos,
        *rest,
    )


def grant_row(account_id: str, grant: Grant) -> Row:
    """A grant's row; its meters are codes joined by commas, none for any."""
    return (
        account_id,
        grant.id,
        grant.category.value,
        grant.priority,
        grant.effective_us,
        grant.expires_us,
        ",".join(sorted(grant.meters)),
        grant.amount_nanos,
        grant.remaining_nanos,
        grant.created_us,
        grant.held_nanos,
        grant.voided_us,
    )


def moved_grant_row(account_id: str, grant: Grant) -> Row:
    """What moves of a grant that is stored, then its key."""
    return (grant.remaining_nanos, grant.held_nanos, account_id, grant.id)


def reservation_from_row(row: Row) -> Reservation:
    """A reservation."""
    (_, id_, client, product, meter, segment_start_us, plan, plan_version, quantity, on_expiry, over_commit) = row[:11]
    created_us, expires_us, state, holds, _, used, overage, charged_nanos, ended_us = row[11:]
    return Reservation(
        id=id_,
        client=client,
        product=product,
        meter=meter,
        segment_start_us=segment_start_us,
        plan=plan,
        plan_version=plan_version,
        quantity=quantity,
        on_expiry=OnExpiry(on_expiry),
        over_commit=OverCommit(over_commit),
        created_us=created_us,
        expires_us=expires_us,
        state=ReservationState(state),
        holds=tuple(Hold(*hold) for hold in json.loads(holds)),
        used=used,
        overage=overage,
        charged_nanos=charged_nanos,
        ended_us=ended_us,
    )


def reservation_row(account_id: str, item: Reservation) -> Row:
    """A reservation's row; its holds are JSON."""
    return (
        account_id,
        item.id,
        item.client,
        item.product,
        item.meter,
        item.segment_start_us,
        item.plan,
        item.plan_version,
        item.quantity,
        item.on_expiry.value,
        item.over_commit.value,
        item.created_us,
        item.expires_us,
        item.state.value,
        json.dumps(item.holds, separators=(",", ":")),
        item.held_nanos,
        item.used,
        item.overage,
        item.charged_nanos,
        item.ended_us,
    )


def subscription_from_row(row: Row) -> Subscription:
    """A subscription."""
    pending_plan, pending_version, pending_us, provider_id, price_id, standing, *sold = row[9:]
    pending = None if pending_us is None else PlanChange(pending_plan, pending_version, pending_us)
    fields = [*row[1:9], pending, provider_id, price_id, Standing(standing), *sold]
    return Subscription(*fields)


def subscription_row(account_id: str, item: Subscription) -> Row:
    """A subscription's row."""
    return (
        account_id,
        item.id,
        item.provider,
        item.plan,
        item.plan_version,
        item.start_us,
        item.end_us,
        item.anchor_us,
        item.trial_end_us,
        *(item.pending or (None, None, None)),
        item.provider_id,
        item.price_id,
        item.standing.value,
        item.grace_until_us,
        item.billing_start_us,
        item.billing_end_us,
        item.observed_us,
    )


def override_from_row(row: Row) -> Override:
    """An override."""
    _, id_, meter, included, policy, rate, from_us, until_us = row
    return Override(
        id_,
        meter,
        included,
        Policy(policy) if policy else None,
        rate_from_json(json.loads(rate)) if rate else None,
        from_us,
        until_us,
    )


def override_row(account_id: str, item: Override) -> Row:
    """An override's row."""
    return (
        account_id,
        item.id,
        item.meter,
        item.included,
        item.policy.value if item.policy else None,
        json.dumps(rate_to_json(item.rate), separators=(",", ":")) if item.rate else None,
        item.from_us,
        item.until_us,
    )


def operation_from_row(row: Row) -> Operation:
    """A stored operation."""
    (key, client, account, kind, _, stored_us, event_us, product, meter, segment_start_us, quantity, overage) = row[:12]
    charged_nanos, metadata, sent, answer, voided_by = row[12:]
    return Operation(
        idempotency_key=key,
        client=client,
        account_id=account,
        kind=kind,
        stored_us=stored_us,
        event_us=event_us,
        product=product,
        meter=meter,
        segment_start_us=segment_start_us,
        quantity=quantity,
        overage=overage,
        charged_nanos=charged_nanos,
        metadata=metadata,
        sent=sent,
        answer=answer,
        voided_by=voided_by,
    )


def operation_row(operation: Operation) -> Row:
    """An operation's row."""
    return (
        operation.idempotency_key,
        operation.client,
        operation.account_id,
        operation.kind,
        operation.slice,
        operation.stored_us,
        operation.event_us,
        operation.product,
        operation.meter,
        operation.segment_start_us,
        operation.quantity,
        operation.overage,
        operation.charged_nanos,
        operation.metadata,
        operation.sent,
        operation.answer,
        operation.voided_by,
    )


def entry_from_row(row: Row) -> LedgerEntry:
    """A ledger entry."""
    (_, _, sequence, booked_us, effective_us, grant_id, amount_nanos, balance_after_nanos, kind, cause, client) = row
    return LedgerEntry(
        sequence,
        booked_us,
        effective_us,
        grant_id,
        amount_nanos,
        balance_after_nanos,
        Cause(CauseKind(kind), cause, client),
    )


def entry_row(account_id: str, entry: LedgerEntry) -> Row:
    """A ledger entry's row."""
    cause = entry.cause
    return (
        entry.slice,
        account_id,
        entry.sequence,
        entry.booked_us,
        entry.effective_us,
        entry.grant_id,
        entry.amount_nanos,
        entry.balance_after_nanos,
        cause.kind.value,
        cause.reference,
        cause.client,
    )


def user_from_row(row: Row) -> User:
    """A user."""
    return User(*row)


def user_row(user: User) -> Row:
    """A user's row."""
    return (user.id, user.account_id, user.user_id, user.email)


def organization_from_row(row: Row) -> Organization:
    """An organization."""
    return Organization(*row)


def membership_from_row(row: Row) -> Membership:
    """A membership."""
    account_id, user, org_id, is_primary = row
    return Membership(account_id, user, org_id, bool(is_primary))


def membership_row(membership: Membership) -> Row:
    """A membership's row."""
    return (membership.account_id, membership.user, membership.org_id, int(membership.is_primary))

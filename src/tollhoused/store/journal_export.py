"""The ledger read for its export: from one snapshot, account by account, in bounded memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, cast, func, literal_column, select

from tollhoused.domain.account import CauseKind
from tollhoused.domain.bookkeeping import LedgerLine
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.store import tables as t
from tollhoused.store.dialect import NUMBER, Dialect
from tollhoused.store.session import Streams
from tollhoused.store.store import Store


class LedgerOf(NamedTuple):
    """One account: its stored totals in nanos, and its ledger in order, to be read before the next account's."""

    account_id: str
    currency: str
    debt_nanos: int
    paid_nanos: int
    promotional_nanos: int
    lines: Iterator[LedgerLine]


@contextmanager
def ledgers(store: Store, before_us: int) -> Iterator[Iterator[LedgerOf]]:
    """Every account by id, with the entries that were booked before an instant. Raises StoreFault, also while reading.

    An entry whose account is not there is left out: finding such is the business of `verify`.
    """
    with store.engine.streaming() as streams:
        yield _in_step(streams, store.engine.dialect, before_us)


def _in_step(streams: Streams, dialect: Dialect, before_us: int) -> Iterator[LedgerOf]:
    entries = map(LedgerLine._make, streams.rows(dialect.query(_entries(dialect, before_us))))
    groups = groupby(entries, key=itemgetter(0))
    reached, lines = next(groups, (None, iter(())))
    for account_id, currency, debt_nanos, paid_nanos, promotional_nanos in streams.rows(
        dialect.query(_totals(dialect))
    ):
        while reached is not None and reached < account_id:
            reached, lines = next(groups, (None, iter(())))
        own = lines if reached == account_id else iter(())
        yield LedgerOf(account_id, currency, debt_nanos, paid_nanos, promotional_nanos, own)


def _totals(dialect: Dialect) -> Select[Any]:
    """What each account's grants have left, and what it owes."""
    account, grant = t.accounts.c, t.grants.c

    def left(category: GrantCategory) -> ColumnElement[Any]:
        of_category = grant.category == literal_column(f"'{category.value}'")
        return cast(func.sum(case((of_category, grant.remaining_nanos), else_=literal_column("0"))), NUMBER)

    columns = (account.id, account.currency, account.debt_nanos)
    return (
        select(*columns, left(GrantCategory.PAID), left(GrantCategory.PROMOTIONAL))
        .select_from(t.accounts.outerjoin(t.grants, grant.account == account.id))
        .group_by(*columns)
        .order_by(account.id.collate(dialect.byte_order))
    )


def _entries(dialect: Dialect, before_us: int) -> Select[Any]:
    entry, operation, grant, reservation = t.ledger_entries.c, t.operations.c, t.grants.c, t.reservations.c
    by_itself = entry.cause_kind == literal_column(f"'{CauseKind.RESERVATION.value}'")
    reserved = and_(reservation.account == entry.account, reservation.id == entry.cause, by_itself)
    caused = and_(operation.idempotency_key == entry.cause, operation.client == entry.cause_client)
    granted = and_(grant.account == entry.account, grant.id == entry.grant_id)
    return (
        select(
            entry.account,
            entry.seq,
            entry.booked_us,
            entry.effective_us,
            entry.grant_id,
            grant.category,
            entry.amount_nanos,
            entry.cause_kind,
            entry.cause,
            entry.cause_client,
            func.coalesce(operation.product, reservation.product),
            func.coalesce(operation.meter, reservation.meter),
        )
        .select_from(
            t.ledger_entries.outerjoin(t.operations, caused)
            .outerjoin(t.grants, granted)
            .outerjoin(t.reservations, reserved)
        )
        .where(entry.booked_us < literal_column(str(before_us), NUMBER))
        .order_by(entry.account.collate(dialect.byte_order), entry.seq)
    )

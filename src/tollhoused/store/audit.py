"""The books read for their proof: whole tables from one snapshot, account by account, in bounded memory.

Each table is one query in the order of its accounts, and all are read in step, so that nothing is held but the rows of
one account, and of those operations and entries pass by one at a time. Large sorts are the database's, on its disk.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    case,
    distinct,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from tollhoused.domain.account import Account, AccountKind, CauseKind
from tollhoused.domain.commands import Enforcement, RecordUsage
from tollhoused.domain.endpoints import CreateEventEndpoint, DeleteEventEndpoint, RotateEventEndpoint
from tollhoused.domain.proof import EntryRow, Evidence, Finding, IntentRow, MemberRow, OperationRow
from tollhoused.domain.registry_commands import AdvanceTestClock, CreateClient, CreateKey, RevokeKey, RotateKey
from tollhoused.domain.voids import VoidUsage
from tollhoused.store import tables as t
from tollhoused.store.dialect import TEXT, Dialect
from tollhoused.store.event_tables import outbox
from tollhoused.store.provider_tables import intents
from tollhoused.store.rows import (
    Row,
    account_from_row,
    counter_from_row,
    grant_from_row,
    override_from_row,
    reservation_from_row,
    segment_from_row,
    subscription_from_row,
)
from tollhoused.store.session import Streams
from tollhoused.store.store import Store

UNREADABLE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a row raises that holds what no row of ours can hold, such as terms that are no JSON."""

REGISTRY_KINDS = tuple(
    command.kind
    for command in (
        CreateClient,
        CreateKey,
        RotateKey,
        RevokeKey,
        AdvanceTestClock,
        CreateEventEndpoint,
        RotateEventEndpoint,
        DeleteEventEndpoint,
    )
)
CAUSED_BY_OPERATIONS = (
    CauseKind.USAGE,
    CauseKind.GRANT,
    CauseKind.ADJUSTMENT,
    CauseKind.VOIDED_GRANT,
    CauseKind.VOID,
    CauseKind.VOIDED_DEBT,
)


@contextmanager
def auditing(store: Store) -> "Iterator[Audit]":
    """The books as they are now, whoever writes meanwhile. Raises StoreFault, also while they are being read."""
    with store.engine.streaming() as streams:
        yield Audit(streams, store.engine.dialect)


class Audit:
    """One snapshot of the books."""

    def __init__(self, streams: Streams, dialect: Dialect) -> None:
        self._streams = streams
        self._dialect = dialect

    def sizes(self) -> tuple[int, int, int]:
        """How many accounts, operations and ledger entries there are."""
        accounts, operations, entries = (
            next(self._rows(select(func.count()).select_from(table)))[0]
            for table in (t.accounts, t.operations, t.ledger_entries)
        )
        return accounts, operations, entries

    def catalogues(self) -> Iterator[tuple[int, str, str]]:
        """Applied versions in order, as (version, TOML text, stored SHA-256)."""
        columns = (t.catalog_versions.c.version, t.catalog_versions.c.toml, t.catalog_versions.c.sha256)
        for row in self._rows(select(*columns).order_by(t.catalog_versions.c.version)):
            yield row[0], row[1], row[2]

    def accounts(self) -> Iterator[Evidence | Finding]:
        """Every account with all that belongs to it; a finding for rows that belong to nobody or cannot be read.

        What one evidence streams must be read before the next is asked for.
        """
        names = self._in_step("users and organizations", self._names())
        members = self._in_step("memberships", self._members())
        segments = self._in_step("segments", select(t.segments), t.segments.c.start_us)
        parts = {
            table: self._in_step(table.name, select(table))
            for table in (t.counters, t.grants, t.subscriptions, t.overrides)
        }
        reservations = self._in_step("reservations", select(t.reservations))
        asked = self._in_step("intents", self._intents())
        events = self._in_step("outbox", self._last_events())
        operations = self._in_step("operations", self._operations())
        entries = self._in_step("ledger_entries", self._entries(), t.ledger_entries.c.seq)
        every = [names, members, segments, *parts.values(), reservations, asked, events, operations, entries]
        for row in self._rows(self._ordered(select(t.accounts), t.accounts.c.id)):
            for table in every:
                yield from table.strays(before=row[0])
            try:
                account = account_from_row(row, whole=True)
                of_segments = list(segments.of(account.id))
                account.segments = [segment_from_row(item) for item in of_segments]
                _fill(account, {table: list(part.of(account.id)) for table, part in parts.items()})
            except UNREADABLE as error:
                yield Finding("V6", row[0], f"a row of this account cannot be read: {error!r}")
                continue
            yield Evidence(
                account=account,
                plans=[(item[6], item[7]) for item in of_segments],
                names=frozenset(kind for _, kind in names.of(account.id)),
                members=list(map(MemberRow._make, members.of(account.id))),
                reservations=map(reservation_from_row, reservations.of(account.id)),
                intents=map(IntentRow._make, asked.of(account.id)),
                last_event_version=max([version for _, version in events.of(account.id)], default=0),
                operations=map(OperationRow._make, operations.of(account.id)),
                entries=map(EntryRow._make, entries.of(account.id)),
            )
        for table in every:
            yield from table.strays()

    def repeated_causes(self) -> Iterator[Finding]:
        """V2: operations that the ledger names in more than one place, or twice for one grant."""
        row = t.ledger_entries.c
        booked = func.count()
        statement = (
            select(func.min(row.account), row.cause_kind, row.cause, row.cause_client)
            .where(_caused_by_operation())
            .group_by(row.cause_kind, row.cause, row.cause_client)
            .having(
                or_(
                    booked > func.count(distinct(func.coalesce(row.grant_id, literal_column("''")))),
                    func.max(row.seq) - func.min(row.seq) >= booked,
                    func.max(row.account) > func.min(row.account),
                )
            )
        )
        for account_id, kind, cause, client in self._rows(statement):
            yield Finding("V2", account_id, f"{kind} {cause} of client {client} is booked more than once")

    def _names(self) -> Select[Any]:
        """Which kind of account each user and organization takes its account for."""
        kinds = {t.users: AccountKind.PERSONAL, t.organizations: AccountKind.ORGANIZATION}
        parts = [select(table.c.account, _literal(kind.value).label("kind")) for table, kind in kinds.items()]
        names = union_all(*parts).subquery("names")
        return select(names.c.account, names.c.kind)

    def _members(self) -> Select[Any]:
        """Every membership with what it refers to."""
        row, others = t.memberships.c, t.memberships.alias("others")
        primaries = (
            select(func.count())
            .where(others.c.user == row.user, others.c.is_primary == literal_column("1"))
            .scalar_subquery()
        )
        return select(
            row.account, row.user, row.org_id, t.users.c.id, t.organizations.c.account, primaries
        ).select_from(
            t.memberships.outerjoin(t.users, t.users.c.id == row.user).outerjoin(
                t.organizations, t.organizations.c.org_id == row.org_id
            )
        )

    def _intents(self) -> Select[Any]:
        """What was paid and given back; what else was asked for and answered is nobody's money."""
        return select(*(intents.c["account" if name == "account_id" else name] for name in IntentRow._fields))

    def _last_events(self) -> Select[Any]:
        """The newest version of each account that an outgoing event names."""
        row = outbox.c
        return select(row.account, func.max(row.version)).group_by(row.account)

    def _operations(self) -> Select[Any]:
        """Every operation but those on clients and keys, which belong to no account."""
        row = t.operations.c
        statement = select(
            row.account,
            row.kind,
            row.idempotency_key,
            row.product,
            row.meter,
            row.segment_start_us,
            row.quantity,
            row.overage,
            row.charged_nanos,
            row.slice,
            row.stored_at_us,
            row.event_at_us,
            _enforcement(),
            row.client,
            row.voided_by,
            case((row.kind == _literal(VoidUsage.kind), row.sent)),
        )
        return statement.where(
            or_(row.account != literal_column("''"), row.kind.not_in([_literal(kind) for kind in REGISTRY_KINDS]))
        )

    def _entries(self) -> Select[Any]:
        entry, operation = t.ledger_entries.c, t.operations.c
        caused = and_(
            operation.idempotency_key == entry.cause,
            operation.client == entry.cause_client,
            _caused_by_operation(),
        )
        return select(
            entry.account,
            entry.seq,
            entry.slice,
            entry.booked_us,
            entry.effective_us,
            entry.grant_id,
            entry.amount_nanos,
            entry.balance_after_nanos,
            entry.cause_kind,
            entry.cause,
            entry.cause_client,
            operation.account,
            operation.kind,
            operation.stored_at_us,
            operation.event_at_us,
            operation.meter,
            operation.segment_start_us,
            operation.charged_nanos,
            _enforcement(),
            case((operation.kind != _literal(RecordUsage.kind), operation.sent)),
        ).select_from(t.ledger_entries.outerjoin(t.operations, caused))

    def _in_step(self, name: str, statement: Select[Any], *then_by: ColumnElement[Any]) -> "_InStep":
        return _InStep(name, self._rows(self._ordered(statement, statement.selected_columns[0], *then_by)))

    def _ordered(
        self, statement: Select[Any], account: ColumnElement[Any], *then_by: ColumnElement[Any]
    ) -> Select[Any]:
        return statement.order_by(account.collate(self._dialect.byte_order), *then_by)

    def _rows(self, statement: Select[Any]) -> Iterator[Row]:
        return self._streams.rows(self._dialect.query(statement))


class _InStep:
    """One table's rows in the order of their accounts, whose ids come first."""

    def __init__(self, name: str, rows: Iterator[Row]) -> None:
        self._name = name
        self._groups = groupby(rows, key=itemgetter(0))
        self._reached: str | None = None
        self._account_id: str | None = None
        self._rows: Iterator[Row] = iter(())
        self._next()

    def of(self, account_id: str) -> Iterator[Row]:
        """The account's rows. What is not read of them is skipped."""
        return self._rows if self._account_id == account_id else iter(())

    def strays(self, before: str | None = None) -> Iterator[Finding]:
        """V6: rows of accounts that were passed over, for they are not there. Without `before`, all that is left."""
        while self._account_id is not None and (before is None or self._account_id < before):
            if self._account_id != self._reached:
                rows = sum(1 for _ in self._rows)
                yield Finding("V6", self._account_id, f"{rows} rows of {self._name} belong to it, but it is not there")
            self._next()
        self._reached = before

    def _next(self) -> None:
        self._account_id, self._rows = next(self._groups, (None, iter(())))


def _fill(account: Account, found: dict[Table, list[Row]]) -> None:
    """Gives the account what belongs to it."""
    for counter in map(counter_from_row, found[t.counters]):
        account.counters[counter.segment_start_us, counter.meter] = counter
    account.grants = {grant.id: grant for grant in map(grant_from_row, found[t.grants])}
    account.subscriptions = {item.id: item for item in map(subscription_from_row, found[t.subscriptions])}
    account.overrides = {item.id: item for item in map(override_from_row, found[t.overrides])}


def _enforcement() -> ColumnElement[Any]:
    """What a stored request says. Looked for in its text, because no damaged JSON may end the whole query; callers
    have no say in the text around it.
    """
    sent = t.operations.c.sent
    says = [(sent.contains(f'"enforcement":"{item.value}"'), _literal(item.value)) for item in Enforcement]
    return case(*says)


def _caused_by_operation() -> ColumnElement[bool]:
    return t.ledger_entries.c.cause_kind.in_([_literal(kind.value) for kind in CAUSED_BY_OPERATIONS])


def _literal(word: str) -> ColumnElement[str]:
    """A word of ours within the statement."""
    return literal_column(f"'{word}'", TEXT)

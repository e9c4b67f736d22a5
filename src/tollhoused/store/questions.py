"""Cold reads: lists, single rows, the applied catalogue versions."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from tollhoused.domain.charts import KINDS_OF_USAGE
from tollhoused.domain.commands import CommitReservation, RecordUsage, UpsertUser
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.stored_answers import NAMELESS
from tollhoused.store import tables as t
from tollhoused.store.dialect import NUMBER, TEXT, Dialect, Query, Relation

USAGE_KINDS = (RecordUsage.kind, SetUsage.kind, CommitReservation.kind)
SLICES = Relation("wanted_slices", (("slice", NUMBER),))
VERSIONS = Relation("known_versions", (("account", TEXT), ("version", NUMBER)))


def _number(name: str) -> Any:
    return bindparam(name, type_=NUMBER)


def _text(name: str) -> Any:
    return bindparam(name, type_=TEXT)


class Questions:
    """Compiled once per engine. Scalar parameters are named in each query."""

    def __init__(self, dialect: Dialect) -> None:
        operation = and_(
            t.operations.c.idempotency_key == _text("idempotency_key"), t.operations.c.client == _text("client")
        )
        self.operation = dialect.query(select(t.operations).where(operation))
        self.usage_events = self._usage_events(dialect)
        self.usage_totals = self._usage_totals(dialect)
        self.expiries = dialect.query(self._expiries())
        self.expiry_totals = dialect.query(self._expiry_totals())
        still_open = and_(t.reservations.c.account == _text("account"), t.IS_OPEN)
        self.open_reservations = dialect.query(select(t.reservations.c.id).where(still_open))
        self.entries = self._entries(dialect)
        self.notes = self._notes(dialect)
        self.erase_notes = dialect.update(t.operations, ("metadata", "answer"))
        self.grants = dialect.query(self._grants())
        newest_first = select(t.segments).where(t.segments.c.account == _text("account"))
        self.segments = dialect.query(newest_first.order_by(t.segments.c.start_us.desc()).limit(_number("size")))
        self.reservation = dialect.query(select(t.reservations).where(t.reservations.c.id == _text("id")))
        self.reservations = dialect.query(self._reservations())
        self.subscriptions = dialect.query(self._of_account(t.subscriptions, "start_us", "id"))
        self.overrides = dialect.query(self._of_account(t.overrides, "from_us", "id"))
        self.users = dialect.query(self._of_account(t.users, "id"))
        self.organizations = dialect.query(self._of_account(t.organizations, "org_id"))
        of_users = select(t.memberships).join(t.users, t.users.c.id == t.memberships.c.user)
        self.memberships = dialect.query(
            of_users.where(t.users.c.account == _text("account")).order_by(t.memberships.c.account)
        )
        self.members = dialect.query(self._members())
        after = t.accounts.c.id > _text("after")
        self.accounts = dialect.query(select(t.accounts).where(after).order_by(t.accounts.c.id).limit(_number("size")))
        newer = t.catalog_versions.c.version > _number("known")
        versions = select(t.catalog_versions.c.version, t.catalog_versions.c.toml).where(newer)
        self.catalogues = dialect.query(versions.order_by(t.catalog_versions.c.version))
        self.applied_times = dialect.query(select(t.catalog_versions.c.version, t.catalog_versions.c.applied_at_us))
        self.add_catalogue = dialect.insert(t.catalog_versions)
        due = t.accounts.c.due_us <= _number("now_us")
        self.due_accounts = dialect.query(
            select(t.accounts.c.id).where(due).order_by(t.accounts.c.due_us).limit(_number("size"))
        )
        self.moved_accounts = self._moved_accounts(dialect)
        self.clients = dialect.query(select(t.clients).order_by(t.clients.c.id))
        self.keys = dialect.query(select(t.api_keys).order_by(t.api_keys.c.id))
        self.key = dialect.query(select(t.api_keys).where(t.api_keys.c.id == _text("id")))
        self.audit = dialect.query(self._audit())
        self.deployment = dialect.query(select(t.deployment.c.value).where(t.deployment.c.name == _text("name")))
        self.add_deployment = dialect.insert(t.deployment)
        self.put_deployment = dialect.upsert(t.deployment)
        self.alive = dialect.query(select(func.count()).select_from(t.catalog_versions))

    def _of_account(self, table: Table, *order: str) -> Select[Any]:
        return select(table).where(table.c.account == _text("account")).order_by(*[table.c[name] for name in order])

    def _moved_accounts(self, dialect: Dialect) -> Query:
        """Of the given accounts those whose version is another by now."""
        known = dialect.relation(VERSIONS)
        moved = and_(t.accounts.c.id == known.c.account, t.accounts.c.version != known.c.version)
        return dialect.query(select(t.accounts.c.id).select_from(known).join(t.accounts, moved), VERSIONS)

    def _members(self) -> Select[Any]:
        """A page of an organization's members in the order of their users' ids."""
        row = t.memberships.c
        members = select(t.users, t.memberships).join(t.users, t.users.c.id == row.user)
        page = members.where(row.account == _text("account"), row.user > _text("after"))
        return page.order_by(row.user).limit(_number("size"))

    def _grants(self) -> Select[Any]:
        """A page of an account's grants, newest first: their ids are time-ordered."""
        row = t.grants.c
        still_open = or_(_number("include_closed") == literal_column("1"), row.remaining_nanos > literal_column("0"))
        page = self._of_account(t.grants).where(row.id < _text("before"), still_open)
        return page.order_by(row.id.desc()).limit(_number("size"))

    def _reservations(self) -> Select[Any]:
        """A page of an account's reservations, newest first: their ids are time-ordered."""
        row = t.reservations.c
        wanted = or_(_number("include_ended") == literal_column("1"), row.state == literal_column("'open'"))
        of_product = or_(_text("product").is_(None), row.product == _text("product"))
        page = self._of_account(t.reservations).where(row.id < _text("before"), wanted, of_product)
        return page.order_by(row.id.desc()).limit(_number("size"))

    def _audit(self) -> Select[Any]:
        """Newest first, in [from_us, to_us), after the cursor (before_us, after_client, after_key)."""
        row = t.audit_log.c
        later = or_(
            row.client > _text("after_client"),
            and_(row.client == _text("after_client"), row.idempotency_key > _text("after_key")),
        )
        return (
            select(t.audit_log)
            .where(
                row.at_us >= _number("from_us"),
                row.at_us < _number("to_us"),
                or_(row.at_us < _number("before_us"), and_(row.at_us == _number("before_us"), later)),
            )
            .order_by(row.at_us.desc(), row.client, row.idempotency_key)
            .limit(_number("size"))
        )

    def _usage_events(self, dialect: Dialect) -> Query:
        """Newest first, in the given slices and [from_us, to_us), after the cursor (before_us, after_key,
        after_client).
        """
        wanted = dialect.relation(SLICES)
        row = t.operations.c
        later_key = or_(
            row.idempotency_key > _text("after_key"),
            and_(row.idempotency_key == _text("after_key"), row.client > _text("after_client")),
        )
        statement = (
            select(t.operations)
            .select_from(wanted)
            .join(t.operations, and_(row.slice == wanted.c.slice, row.account == _text("account")))
            .where(
                row.kind.in_([literal_column(f"'{kind}'", TEXT) for kind in USAGE_KINDS]),
                row.stored_at_us >= _number("from_us"),
                row.stored_at_us < _number("to_us"),
                or_(row.stored_at_us < _number("before_us"), and_(row.stored_at_us == _number("before_us"), later_key)),
                or_(_text("meter").is_(None), row.meter == _text("meter")),
                or_(_text("product").is_(None), row.product == _text("product")),
            )
            .order_by(row.stored_at_us.desc(), row.idempotency_key, row.client)
            .limit(_number("size"))
        )
        return dialect.query(statement, SLICES)

    def _notes(self, dialect: Dialect) -> Query:
        """Operations of an account in the given slices that still hold what is personal, in no order."""
        wanted = dialect.relation(SLICES)
        row = t.operations.c
        named = and_(row.kind == literal_column(f"'{UpsertUser.kind}'"), not_(row.answer.contains(NAMELESS)))
        statement = (
            select(row.idempotency_key, row.client, row.kind, row.answer)
            .select_from(wanted)
            .join(t.operations, and_(row.slice == wanted.c.slice, row.account == _text("account")))
            .where(or_(row.metadata.is_not(None), named))
            .limit(_number("size"))
        )
        return dialect.query(statement, SLICES)

    def _usage_totals(self, dialect: Dialect) -> Query:
        """Sums by (unit, meter, product) of what is stored in [from_us, to_us), in the given slices, with an event time
        in [event_from_us, event_to_us).

        Units are numbered from `phase_us`, which no counted instant lies before. The index holds both instants, so that
        of what is stored long after its event time only those rows are read which are asked for. What was voided, at
        whatever time, counts no more, and what its charge fell by is taken off where the usage counted.
        """
        row, undone = t.operations.c, t.operations.alias("undone")
        voiding = and_(undone.c.idempotency_key == row.voided_by, undone.c.client == row.client)
        nothing, none = literal_column("''", TEXT), literal_column("0", NUMBER)

        def left(column: ColumnElement[Any], given_back: ColumnElement[Any]) -> ColumnElement[Any]:
            return case((row.voided_by.is_(None), column), else_=column - given_back)

        def undo(name: str) -> ColumnElement[Any]:
            return func.coalesce(select(undone.c[name]).where(voiding).scalar_subquery(), none)

        counted_us = case((row.event_at_us < row.stored_at_us, row.event_at_us), else_=row.stored_at_us)
        keys = (
            (counted_us - _number("phase_us")) // _number("unit_us"),
            row.meter,
            case((_number("by_product") == literal_column("1"), row.product), else_=nothing),
        )
        counts = (
            left(row.quantity, row.quantity),
            left(row.overage, undo("overage")),
            left(row.charged_nanos, undo("charged_nanos")),
            left(literal_column("1", NUMBER), literal_column("1", NUMBER)),
        )
        sums = [cast(func.sum(count), NUMBER) for count in counts]
        statement = (
            select(*keys, *sums)
            .where(
                dialect.among(row.slice, SLICES),
                row.account == _text("account"),
                row.stored_at_us >= _number("from_us"),
                row.stored_at_us < _number("to_us"),
                row.event_at_us >= _number("event_from_us"),
                row.event_at_us < _number("event_to_us"),
                row.kind.in_([literal_column(f"'{kind}'", TEXT) for kind in KINDS_OF_USAGE]),
                or_(_text("only_meter").is_(None), row.meter == _text("only_meter")),
                or_(_text("only_product").is_(None), row.product == _text("only_product")),
            )
            .group_by(*[literal_column(str(position)) for position in (1, 2, 3)])
        )
        return dialect.query(statement, SLICES)

    def _counted_themselves(self, meter: str, product: str) -> ColumnElement[bool]:
        """Of an account's reservations those that their expiry committed, of this meter and product if any is named."""
        row = t.reservations.c
        return and_(
            row.account == _text("account"),
            t.COUNTED_ITSELF,
            or_(_text(meter).is_(None), row.meter == _text(meter)),
            or_(_text(product).is_(None), row.product == _text(product)),
        )

    def _expiries(self) -> Select[Any]:
        """The same page as `usage_events`, of usage that was counted by the expiry of its reservation."""
        row = t.reservations.c
        later = or_(row.id > _text("after_key"), and_(row.id == _text("after_key"), row.client > _text("after_client")))
        return (
            select(t.reservations)
            .where(
                self._counted_themselves("meter", "product"),
                row.ended_us >= _number("from_us"),
                row.ended_us < _number("to_us"),
                or_(row.ended_us < _number("before_us"), and_(row.ended_us == _number("before_us"), later)),
            )
            .order_by(row.ended_us.desc(), row.id, row.client)
            .limit(_number("size"))
        )

    def _expiry_totals(self) -> Select[Any]:
        """The same sums as `usage_totals`, of usage that was counted by the expiry of its reservation: it counts when
        the reservation was made, in [from_us, to_us), and ended before `ended_to_us`.
        """
        row = t.reservations.c
        keys = (
            (row.created_us - _number("phase_us")) // _number("unit_us"),
            row.meter,
            case((_number("by_product") == literal_column("1"), row.product), else_=literal_column("''", TEXT)),
        )
        sums = [cast(func.sum(column), NUMBER) for column in (row.used, row.overage, row.charged_nanos)]
        return (
            select(*keys, *sums, func.count())
            .where(
                self._counted_themselves("only_meter", "only_product"),
                row.ended_us > _number("from_us"),
                row.ended_us < _number("ended_to_us"),
                row.created_us >= _number("from_us"),
                row.created_us < _number("to_us"),
            )
            .group_by(*[literal_column(str(position)) for position in (1, 2, 3)])
        )

    def _entries(self, dialect: Dialect) -> Query:
        """Newest first, in the given slices and [from_us, to_us), below the sequence number `before_sequence`."""
        wanted = dialect.relation(SLICES)
        row = t.ledger_entries.c
        statement = (
            select(t.ledger_entries)
            .select_from(wanted)
            .join(t.ledger_entries, and_(row.slice == wanted.c.slice, row.account == _text("account")))
            .where(
                row.booked_us >= _number("from_us"),
                row.booked_us < _number("to_us"),
                row.seq < _number("before_sequence"),
            )
            .order_by(row.seq.desc())
            .limit(_number("size"))
        )
        return dialect.query(statement, SLICES)

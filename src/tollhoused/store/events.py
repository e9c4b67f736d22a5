"""Outgoing events in the database: what waits for its position, the relay that gives it, and reading by position."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, bindparam, func, literal_column, or_, select

from tollhoused.domain.leases import Lease, taken
from tollhoused.domain.outgoing import OutgoingEvent
from tollhoused.store import event_tables as t
from tollhoused.store.dialect import NUMBER, TEXT, Dialect, Query, Relation
from tollhoused.store.event_rows import event_from_row
from tollhoused.store.session import Ask, Engine, Session

RELAY = "relay"
KINDS = Relation("wanted_kinds", (("kind", TEXT),))


class EventStatements:
    """Compiled once per engine."""

    def __init__(self, dialect: Dialect) -> None:
        row = t.outbox.c
        waiting = row.position.is_(None)
        order = (row.at_us, row.account, row.version, row.number)
        keys = select(row.account, row.version, row.number).where(waiting)
        self.waiting = dialect.query(keys.order_by(*order).limit(_number("size")))
        self.oldest_waiting = dialect.query(select(row.at_us).where(waiting).order_by(row.at_us).limit(_number("size")))
        lease = select(t.leases).where(t.leases.c.name == _text("name"))
        self.lease = dialect.query(lease)
        self.lease_locked = dialect.query(lease.with_for_update()) if dialect.locks_rows else self.lease
        self.add_lease = dialect.insert(t.leases)
        self.put_lease = dialect.upsert(t.leases)
        self.place = dialect.update(t.outbox, ("position",))
        self.newest = dialect.query(select(func.max(row.position)))
        self.after = self._after(dialect)
        self.after_of_account = self._after(dialect, of_account=True)

    def _after(self, dialect: Dialect, *, of_account: bool = False) -> Query:
        """In the order of positions, of some kinds or of any."""
        row, wanted = t.outbox.c, dialect.relation(KINDS)
        of_kind = or_(_number("any_kind") == literal_column("1"), row.kind.in_(select(wanted.c.kind)))
        found: Select[Any] = select(t.outbox).where(row.position > _number("after_position"), of_kind)
        if of_account:
            found = found.where(row.account == _text("account"))
        return dialect.query(found.order_by(row.position).limit(_number("size")), KINDS)


class EventStore:
    """The events of one database. Every method may raise StoreFault."""

    def __init__(self, engine: Engine, read: Callable[[Callable[[Session], Any]], Any]) -> None:
        """`read` answers from one snapshot."""
        self._engine = engine
        self._read = read
        self._statements = EventStatements(engine.dialect)

    def anything_waits(self) -> bool:
        """Whether committed events have no position yet."""
        ask = Ask(self._statements.oldest_waiting, {}, {"size": 1})
        return bool(self._read(lambda session: session.read([ask], last=True))[0])

    def relay(self, holder: str, now_us: int, lease_us: int, size: int) -> int | None:
        """Gives up to `size` waiting events their positions, and says how many; None while another process relays.

        The lease's row is locked until the commit, so that positions become visible in their order whoever relays: a
        process that stood still and has lost its lease meanwhile finds that out before it gives any.
        """
        with self._engine.writing(patient=False) as session:
            asks = [
                Ask(self._statements.lease_locked, {}, {"name": RELAY}),
                Ask(self._statements.waiting, {}, {"size": size}),
            ]
            leases, waiting = session.read(asks)
            lease = taken(Lease(*leases[0]) if leases else None, RELAY, holder, now_us, lease_us)
            if lease is None:
                session.commit([])  # a ROLLBACK would cost PostgreSQL's prepared statements
                return None
            placed = [(lease.reached + count, *key) for count, key in enumerate(waiting, 1)]
            moved = lease._replace(reached=lease.reached + len(placed))
            # The first relay of a database inserts: of two that do so at once the second fails and finds the first's.
            keep = self._statements.put_lease if leases else self._statements.add_lease
            session.commit([(keep, [moved]), *([(self._statements.place, placed)] if placed else ())])
        return len(placed)

    def newest_position(self) -> int:
        """The position that was given last; 0 before the first."""
        ask = Ask(self._statements.newest)
        return self._read(lambda session: session.read([ask], last=True))[0][0][0] or 0

    def after(
        self, position: int, size: int, kinds: frozenset[str] = frozenset(), account_id: str = ""
    ) -> tuple[list[OutgoingEvent], int]:
        """Up to `size` events behind a position, in order, and the position that the answer reaches to.

        Of these kinds and of this account, or of any where none is named.
        """
        query = self._statements.after_of_account if account_id else self._statements.after
        values: dict[str, Any] = {"after_position": position, "size": size, "any_kind": int(not kinds)}
        if account_id:
            values["account"] = account_id
        asks = [
            Ask(query, {KINDS.name: [(kind,) for kind in sorted(kinds)]}, values),
            Ask(self._statements.newest),
        ]
        rows, newest = self._read(lambda session: session.read(asks, last=True))
        events = [event_from_row(row) for row in rows]
        reached = events[-1].position if len(events) == size else newest[0][0]
        return events, max(position, reached or 0)


def _number(name: str) -> Any:
    return bindparam(name, type_=NUMBER)


def _text(name: str) -> Any:
    return bindparam(name, type_=TEXT)

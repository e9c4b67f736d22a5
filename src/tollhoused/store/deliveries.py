"""What is to be sent to endpoints, who sends it, and what became of it.

Each endpoint's work is leased, and each result is stored under the lease's row with its fence checked: who stood still
for so long that another process took over stores nothing. An event may be sent twice then, never be forgotten.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select

from tollhoused.domain.endpoints import Endpoint
from tollhoused.domain.leases import Lease, taken
from tollhoused.domain.outgoing import OutgoingEvent
from tollhoused.store import event_tables as t
from tollhoused.store.dialect import NUMBER, TEXT, Dialect, Rows, Write
from tollhoused.store.event_rows import endpoint_from_row, event_from_row
from tollhoused.store.session import Ask, Engine, Session

EVENT_WIDTH = 7
PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"


class Delivery(NamedTuple):
    """An event to send; `attempts` have failed before. A `new` one is behind what the endpoint has reached."""

    event: OutgoingEvent
    attempts: int
    new: bool


class Work(NamedTuple):
    """What one process has taken on for an endpoint."""

    endpoint: Endpoint
    fence: int
    deliveries: list[Delivery]


class Result(NamedTuple):
    """What became of an attempt: `next_attempt_us` is None where there is none. `problem` is for people."""

    delivered: bool
    attempts: int
    next_attempt_us: int | None
    problem: str = ""

    @property
    def state(self) -> str:
        """As it is stored."""
        return DELIVERED if self.delivered else DEAD if self.next_attempt_us is None else PENDING


class DeadLetter(NamedTuple):
    """An event that an endpoint has not taken, and will not be sent again by itself."""

    endpoint_id: str
    event: OutgoingEvent
    attempts: int
    problem: str


class DeliveryStatements:
    """Compiled once per engine."""

    def __init__(self, dialect: Dialect) -> None:
        endpoint, delivery, outbox = t.event_endpoints, t.event_deliveries, t.outbox
        live = endpoint.c.deleted_us.is_(None)
        self.endpoints = dialect.query(select(endpoint).where(live).order_by(endpoint.c.id))
        one = select(endpoint).where(endpoint.c.id == _text("endpoint"), live)
        self.endpoint = dialect.query(one)
        newest = select(func.coalesce(func.max(outbox.c.position), literal_column("0"))).scalar_subquery()
        self.behind = dialect.query(select(endpoint.c.id).where(live, endpoint.c.reached < newest))
        pending = delivery.c.state == literal_column(f"'{PENDING}'")
        due = select(delivery.c.endpoint).where(pending, delivery.c.next_attempt_us <= _number("now_us"))
        self.due = dialect.query(due.distinct())
        again = self._with_event(pending, delivery.c.endpoint == _text("endpoint"))
        self.again = dialect.query(
            again.where(delivery.c.next_attempt_us <= _number("now_us"))
            .order_by(delivery.c.next_attempt_us, delivery.c.position)
            .limit(_number("size"))
        )
        dead = self._with_event(delivery.c.state == literal_column(f"'{DEAD}'"))
        self.dead = dialect.query(dead.order_by(delivery.c.endpoint, delivery.c.position).limit(_number("size")))
        between = select(outbox.c.position, outbox.c.kind).where(
            outbox.c.position >= _number("first"), outbox.c.position <= _number("last")
        )
        self.between = dialect.query(between.order_by(outbox.c.position).limit(_number("size")))
        lease = select(t.leases).where(t.leases.c.name == _text("name"))
        self.lease_locked = dialect.query(lease.with_for_update() if dialect.locks_rows else lease)
        self.add_lease = dialect.insert(t.leases)
        self.put_lease = dialect.upsert(t.leases)
        self.reach = dialect.update(endpoint, ("reached",))
        self.put = dialect.upsert(delivery)

    def _with_event(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        delivery = t.event_deliveries
        joined = t.outbox.join(delivery, delivery.c.position == t.outbox.c.position)
        columns = (delivery.c.attempts, delivery.c.endpoint, delivery.c.problem)
        return select(t.outbox, *columns).select_from(joined).where(*conditions)


class DeliveryStore:
    """The deliveries of one database. Every method may raise StoreFault."""

    def __init__(
        self,
        engine: Engine,
        read: Callable[[Callable[[Session], Any]], Any],
        after: Callable[[int, int, frozenset[str]], tuple[list[OutgoingEvent], int]],
    ) -> None:
        """`read` answers from one snapshot, `after` reads events behind a position."""
        self._engine = engine
        self._read = read
        self._after = after
        self._statements = DeliveryStatements(engine.dialect)

    def endpoints(self) -> list[Endpoint]:
        """Those that were not deleted, by id."""
        rows = self._read(lambda session: session.read([Ask(self._statements.endpoints)], last=True))[0]
        return [endpoint_from_row(row) for row in rows]

    def due(self, now_us: int) -> set[str]:
        """Endpoints for which there may be something to send now."""
        asks = [Ask(self._statements.behind), Ask(self._statements.due, {}, {"now_us": now_us})]
        found = self._read(lambda session: session.read(asks, last=True))
        return {row[0] for rows in found for row in rows}

    def take(self, endpoint_id: str, holder: str, now_us: int, lease_us: int, size: int) -> Work | None:
        """Takes on up to `size` deliveries of an endpoint; None where there is none, or another process is at it."""
        with self._engine.writing(patient=False) as session:
            found, endpoints, again = session.read(
                [
                    Ask(self._statements.lease_locked, {}, {"name": _lease_name(endpoint_id)}),
                    Ask(self._statements.endpoint, {}, {"endpoint": endpoint_id}),
                    Ask(self._statements.again, {}, {"endpoint": endpoint_id, "now_us": now_us, "size": size}),
                ]
            )
            name = _lease_name(endpoint_id)
            lease = taken(Lease(*found[0]) if found else None, name, holder, now_us, lease_us)
            if lease is None or not endpoints:
                session.commit([])
                return None
            session.commit([(self._statements.put_lease if found else self._statements.add_lease, [lease])])
        endpoint = endpoint_from_row(endpoints[0])
        deliveries = [Delivery(event_from_row(row[:EVENT_WIDTH]), row[EVENT_WIDTH], False) for row in again]
        events, reached = self._after(endpoint.reached, size, endpoint.kinds)
        deliveries += [Delivery(event, 0, True) for event in events]
        if not events and reached > endpoint.reached:
            self._store(endpoint_id, holder, lease.fence, 0, [(self._statements.reach, [(reached, endpoint_id)])])
        return Work(endpoint, lease.fence, deliveries) if deliveries else None

    def settle(self, work: Work, delivery: Delivery, result: Result, holder: str, until_us: int) -> bool:
        """Stores what became of an attempt, and keeps the lease until then; False where it was lost meanwhile."""
        endpoint_id, position = work.endpoint.id, delivery.event.position or 0
        row = (endpoint_id, position, result.state, result.attempts, result.next_attempt_us or 0, result.problem)
        writes: list[tuple[Write, Rows]] = []
        if not (delivery.new and result.delivered):
            writes.append((self._statements.put, [row]))
        if delivery.new:
            writes.append((self._statements.reach, [(position, endpoint_id)]))
        return self._store(endpoint_id, holder, work.fence, until_us, writes)

    def dead(self, size: int) -> list[DeadLetter]:
        """Events that were given up, by endpoint and position."""
        ask = Ask(self._statements.dead, {}, {"size": size})
        rows = self._read(lambda session: session.read([ask], last=True))[0]
        return [
            DeadLetter(endpoint, event_from_row(tuple(event)), attempts, problem)
            for *event, attempts, endpoint, problem in rows
        ]

    def positions(self, endpoint: Endpoint, first: int, last: int, size: int) -> list[int]:
        """Positions from the first to the last of what the endpoint is sent."""
        ask = Ask(self._statements.between, {}, {"first": first, "last": last, "size": size})
        rows = self._read(lambda session: session.read([ask], last=True))[0]
        return [position for position, kind in rows if not endpoint.kinds or kind in endpoint.kinds]

    def send_again(self, endpoint_id: str, positions: Sequence[int], now_us: int) -> None:
        """Has events sent to an endpoint as if they never had been."""
        rows = [(endpoint_id, position, PENDING, 0, now_us, "") for position in positions]
        with self._engine.writing() as session:
            session.commit([(self._statements.put, rows)] if rows else [])

    def _store(
        self, endpoint_id: str, holder: str, fence: int, until_us: int, writes: Sequence[tuple[Write, Rows]]
    ) -> bool:
        with self._engine.writing() as session:
            name = _lease_name(endpoint_id)
            (found,) = session.read([Ask(self._statements.lease_locked, {}, {"name": name})])
            lease = Lease(*found[0]) if found else None
            if lease is None or (lease.holder, lease.fence) != (holder, fence):
                session.commit([])
                return False
            kept = lease._replace(until_us=max(lease.until_us, until_us))
            session.commit([(self._statements.put_lease, [kept]), *writes])
        return True


def _lease_name(endpoint_id: str) -> str:
    return f"endpoint/{endpoint_id}"


def _number(name: str) -> Any:
    return bindparam(name, type_=NUMBER)


def _text(name: str) -> Any:
    return bindparam(name, type_=TEXT)

"""What providers were asked for and have told, in the database: questions about intents, and the inbox.

An event is stored as it came before anything is made of it. Who applies it notes what came of that; an event that is
applied twice is applied once, for it only says what to look at.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func, literal_column, or_, select

from tollhoused.domain.intent import Intent, IntentKind
from tollhoused.domain.leases import Lease, taken
from tollhoused.domain.subscription import Subscription
from tollhoused.store import event_tables as events
from tollhoused.store import provider_tables as t
from tollhoused.store import tables
from tollhoused.store.dialect import NUMBER, TEXT, Dialect, Query
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.provider_rows import intent_from_row
from tollhoused.store.rows import subscription_from_row
from tollhoused.store.session import Ask, Engine, Session

PENDING, APPLIED, IGNORED, DEAD = "pending", "applied", "ignored", "dead"


class ProviderEvent(NamedTuple):
    """An event of a provider as it was received, and what has become of it. `problem` is for people."""

    provider: str
    id: str
    kind: str
    received_us: int
    created_us: int
    body: str
    state: str = PENDING
    attempts: int = 0
    next_attempt_us: int = 0
    problem: str = ""
    account_id: str | None = None


class ProviderStatements:
    """Compiled once per engine."""

    def __init__(self, dialect: Dialect) -> None:
        intent, event = t.intents.c, t.provider_events.c
        self.intent = dialect.query(select(t.intents).where(intent.id == _text("id")))
        self.open_intents = dialect.query(self._open_intents())
        subscription = select(tables.subscriptions).where(tables.subscriptions.c.id == _text("id"))
        self.subscription = dialect.query(subscription)
        self.customers = dialect.query(self._customers())
        self.unsettled = dialect.query(self._unsettled())
        self.newest_created = dialect.query(
            select(func.max(event.created_us)).where(event.provider == _text("provider"))
        )
        one = select(t.provider_events).where(event.provider == _text("provider"), event.id == _text("id"))
        self.event = dialect.query(one)
        self.pending = dialect.query(self._pending())
        self.page = dialect.query(self._page())
        self.depths = dialect.query(
            select(event.state, func.count(), func.min(event.received_us))
            .where(or_(event.state == literal_column("'pending'"), event.state == literal_column("'dead'")))
            .group_by(event.state)
        )
        lease = select(events.leases).where(events.leases.c.name == _text("name"))
        self.lease_locked = dialect.query(lease.with_for_update() if dialect.locks_rows else lease)
        self.add_lease = dialect.insert(events.leases)
        self.put_lease = dialect.upsert(events.leases)
        self.put_event = dialect.upsert(t.provider_events)

    def _open_intents(self) -> Select[Any]:
        """Those of which nobody knows what became of their attempts, the oldest first; reloads have no caller."""
        row = t.intents.c
        left = or_(row.kind == literal_column(f"'{IntentKind.RELOAD}'"), row.attempt_us <= _number("before_us"))
        return (
            select(row.account, row.id)
            .where(row.state == literal_column("'open'"), left)
            .order_by(row.attempt_us, row.id)
            .limit(_number("size"))
        )

    def _unsettled(self) -> Select[Any]:
        """Those that may still become something, of one account or of all, by id."""
        row = t.intents.c
        is_open = or_(row.state == literal_column("'open'"), row.state == literal_column("'waiting'"))
        wanted = or_(_text("account") == literal_column("''"), row.account == _text("account"))
        return select(t.intents).where(is_open, wanted, row.id > _text("after")).order_by(row.id).limit(_number("size"))

    def _customers(self) -> Select[Any]:
        """Accounts that a provider knows, by id."""
        row = tables.accounts.c
        known = row.customer != literal_column("''")
        return (
            select(row.id, row.customer).where(known, row.id > _text("after")).order_by(row.id).limit(_number("size"))
        )

    def _pending(self) -> Select[Any]:
        row = t.provider_events.c
        due = (row.state == literal_column("'pending'"), row.next_attempt_us <= _number("now_us"))
        return select(t.provider_events).where(*due).order_by(row.next_attempt_us).limit(_number("size"))

    def _page(self) -> Select[Any]:
        """In a state, or in any, received before an instant; newest first."""
        row = t.provider_events.c
        wanted = or_(_text("state") == literal_column("''"), row.state == _text("state"))
        return (
            select(t.provider_events)
            .where(wanted, row.received_us < _number("before_us"))
            .order_by(row.received_us.desc(), row.id)
            .limit(_number("size"))
        )


class ProviderStore:
    """What one database knows of payment providers. Every method may raise StoreFault."""

    def __init__(self, engine: Engine, read: Callable[[Callable[[Session], Any]], Any]) -> None:
        """`read` answers from one snapshot."""
        self._engine = engine
        self._read = read
        self._statements = ProviderStatements(engine.dialect)

    def intent(self, intent_id: str) -> tuple[str, Intent] | None:
        """An intent by its id alone, with its account."""
        found = self._ask(self._statements.intent, id=intent_id)
        return (found[0][0], intent_from_row(found[0])) if found else None

    def open_intents(self, before_us: int, size: int) -> list[tuple[str, str]]:
        """Account and id of intents of which nobody knows what became: attempts that began by an instant, for their
        callers are with the others, and all reloads, for which nobody waits.
        """
        return [(row[0], row[1]) for row in self._ask(self._statements.open_intents, before_us=before_us, size=size)]

    def unsettled(self, account_id: str, after: str, size: int) -> list[tuple[str, Intent]]:
        """Intents that are open or wait, each with its account, behind an intent's id; an empty account is any."""
        found = self._ask(self._statements.unsettled, account=account_id, after=after, size=size)
        return [(row[0], intent_from_row(row)) for row in found]

    def subscription(self, subscription_id: str) -> tuple[str, Subscription] | None:
        """A subscription by its id alone, with its account."""
        found = self._ask(self._statements.subscription, id=subscription_id)
        return (found[0][0], subscription_from_row(found[0])) if found else None

    def customers(self, after: str, size: int) -> list[tuple[str, str]]:
        """Accounts that a provider knows, and how it calls them; behind an account's id."""
        return [(row[0], row[1]) for row in self._ask(self._statements.customers, after=after, size=size)]

    def receive(self, event: ProviderEvent) -> bool:
        """Stores an event as it came; False where it was here before."""
        try:
            with self._engine.writing() as session:
                values = {"provider": event.provider, "id": event.id}
                (known,) = session.read([Ask(self._statements.event, {}, values)])
                session.commit([] if known else [(self._statements.put_event, [event])])
        except StoreFault as failure:
            if failure.fault is Fault.COLLISION:
                return False
            raise
        return not known

    def event(self, provider: str, event_id: str) -> ProviderEvent | None:
        """One event."""
        found = self._ask(self._statements.event, provider=provider, id=event_id)
        return ProviderEvent(*found[0]) if found else None

    def newest_created_us(self, provider: str) -> int | None:
        """When the newest event of a provider was made that was received."""
        found: int | None = self._ask(self._statements.newest_created, provider=provider)[0][0]
        return found

    def pending(self, now_us: int, size: int) -> list[ProviderEvent]:
        """Events that are due to be applied, those that have waited longest first."""
        return [ProviderEvent(*row) for row in self._ask(self._statements.pending, now_us=now_us, size=size)]

    def events(self, state: str, before_us: int, size: int) -> list[ProviderEvent]:
        """Events in a state, or in any when it is empty, received before an instant; newest first."""
        found = self._ask(self._statements.page, state=state, before_us=before_us, size=size)
        return [ProviderEvent(*row) for row in found]

    def note(self, event: ProviderEvent) -> None:
        """Stores what has become of an event."""
        with self._engine.writing() as session:
            session.commit([(self._statements.put_event, [event])])

    def depths(self) -> dict[str, tuple[int, int]]:
        """How many events wait, and how many were given up, by state, with when the oldest was received."""
        return {state: (count, oldest_us) for state, count, oldest_us in self._ask(self._statements.depths)}

    def lease(self, name: str, holder: str, now_us: int, lease_us: int) -> bool:
        """Takes, or takes on, work that one process does for all; False while it is another's."""
        with self._engine.writing(patient=False) as session:
            (found,) = session.read([Ask(self._statements.lease_locked, {}, {"name": name})])
            lease = taken(Lease(*found[0]) if found else None, name, holder, now_us, lease_us)
            write = self._statements.put_lease if found else self._statements.add_lease
            session.commit([(write, [lease])] if lease else [])
        return lease is not None

    def _ask(self, query: Query, **values: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._read(lambda session: session.read([Ask(query, {}, values)], last=True))[0]
        return found


def _number(name: str) -> Any:
    return bindparam(name, type_=NUMBER)


def _text(name: str) -> Any:
    return bindparam(name, type_=TEXT)

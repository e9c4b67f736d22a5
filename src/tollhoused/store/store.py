"""The store as the rest of the house sees it: batches, snapshots and answers, in the domain's own values."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from tollhoused.domain.account import HOUR_US, NEVER_US, Account, Grant, LedgerEntry, Segment
from tollhoused.domain.books import AuditEntry, Books, Operation
from tollhoused.domain.charts import Stretch, UnitTotal, usage_of_expiry
from tollhoused.domain.commands import UpsertUser
from tollhoused.domain.directory import Directory
from tollhoused.domain.identity import Member, Membership, Organization, Subject, User
from tollhoused.domain.json_text import compact_json
from tollhoused.domain.keys import CLI_CLIENT, Client, Key
from tollhoused.domain.reservation import Reservation
from tollhoused.domain.reservations import LIFE_MAX_US
from tollhoused.domain.stored_answers import without_names
from tollhoused.domain.subscription import Subscription
from tollhoused.domain.terms import Override
from tollhoused.store import registry_rows, rows
from tollhoused.store.deliveries import DeliveryStore
from tollhoused.store.dialect import Query, Rows
from tollhoused.store.events import EventStore
from tollhoused.store.expiries import newest_first, still_unbooked, unit_totals
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.kept import KeptAccounts
from tollhoused.store.loading import CLOCK_OFFSET, ENVIRONMENT, load, load_directory, load_version, writes
from tollhoused.store.postgres import PostgresEngine
from tollhoused.store.providers import ProviderStore
from tollhoused.store.questions import Questions
from tollhoused.store.session import Ask, Engine, Session
from tollhoused.store.sqlite import SqliteEngine
from tollhoused.store.statements import Statements
from tollhoused.store.wanted import Wanted

SQLITE_PREFIX = "sqlite:///"
TOUCHED = "touched"
APPLY_CATALOGUE = "apply_catalogue"

T = TypeVar("T")


class Batch:
    """One transaction that loads a set, and commits what was changed of it."""

    def __init__(self, session: Session, statements: Statements, kept: KeptAccounts) -> None:
        self._session = session
        self._statements = statements
        self._kept = kept

    def load(self, wanted: Wanted, clock: Callable[[], int]) -> Books:
        """Locks the accounts, then reads the rest."""
        return load(self._session, self._statements, wanted, clock, lock=True, kept=self._kept)

    def commit(self, books: Books) -> None:
        """Stores all changes, or raises StoreFault and none."""
        self._session.commit(writes(self._statements, books))
        self._kept.keep(books)


class Store:
    """One database. Every method may raise StoreFault; questions answer from one snapshot each."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._statements = Statements(engine.dialect)
        self._kept = KeptAccounts()
        self._questions = Questions(engine.dialect)
        self.events = EventStore(engine, self._read)
        self.deliveries = DeliveryStore(engine, self._read, self.events.after)
        self.providers = ProviderStore(engine, self._read)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """The writing transaction; one at a time, from the journal's thread."""
        with self.engine.writing() as session:
            yield Batch(session, self._statements, self._kept)

    @contextmanager
    def impatient_batch(self) -> Iterator[Batch]:
        """The same, hardly waiting for rows that others have locked."""
        with self.engine.writing(patient=False) as session:
            yield Batch(session, self._statements, self._kept)

    def snapshot(self, wanted: Wanted, clock: Callable[[], int]) -> Books:
        """The same set, read without locks: books that nobody saves."""
        return self._read(lambda session: load(session, self._statements, wanted, clock, lock=False))

    def directory(self, subjects: set[Subject]) -> Directory:
        """What is known about these subjects."""
        return self._read(lambda session: load_directory(session, self._statements, subjects))

    def version(self, subject: Subject, account_id: str) -> tuple[Directory, int | None]:
        """What is known about a subject, and an account's version, in one snapshot."""
        return self._read(lambda session: load_version(session, self._statements, subject, account_id))

    def operation(self, idempotency_key: str, client: str) -> Operation | None:
        """The operation stored under a key."""
        found = self._ask(self._questions.operation, idempotency_key=idempotency_key, client=client)
        return rows.operation_from_row(found[0]) if found else None

    def usage_events(
        self,
        account_id: str,
        from_us: int,
        to_us: int,
        meter: str | None,
        product: str | None,
        before: tuple[int, str, str] | None,
        size: int,
        unbooked: Sequence[Reservation] = (),
    ) -> list[Operation]:
        """A page of recorded usage, newest first, stored in [from_us, to_us) and after the cursor `before`.

        What the expiry of a reservation counted is among it, as `usage_of_expiry`; so is what `unbooked` ones counted,
        as long as they are stored as open.
        """
        before_us, after_key, after_client = before or (to_us, "", "")
        values = {
            "account": account_id,
            "from_us": from_us,
            "to_us": to_us,
            "before_us": before_us,
            "after_key": after_key,
            "after_client": after_client,
            "meter": meter,
            "product": product,
            "size": size,
        }
        asks = [
            Ask(self._questions.usage_events, _slices(from_us, min(to_us, before_us + 1)), values),
            Ask(self._questions.expiries, {}, values),
            Ask(self._questions.open_reservations, {}, {"account": account_id}),
        ]
        stored, expired, still_open = self._read(lambda session: session.read(asks, last=True))
        expiries = [usage_of_expiry(account_id, rows.reservation_from_row(row)) for row in expired]
        expiries += [
            event
            for each in still_unbooked(unbooked, still_open, meter, product)
            if from_us <= (event := usage_of_expiry(account_id, each)).stored_us < to_us
            and newest_first(event) > (-before_us, after_key, after_client)
        ]
        return sorted([*map(rows.operation_from_row, stored), *expiries], key=newest_first)[:size]

    def usage_totals(
        self,
        account_id: str,
        stretches: Sequence[Stretch],
        stored_within_us: int,
        unit_us: int,
        *,
        by_product: bool,
        meter: str | None,
        product: str | None,
        unbooked: Sequence[Reservation] = (),
    ) -> list[UnitTotal]:
        """What counts in the stretches, summed up by their units and meters; one unit may come in two parts.

        Usage counts at its event time or, where that lay ahead, when it was stored: at the earlier of the two. Late
        usage is looked for among what was stored until so long after each stretch. What the expiry of a reservation
        counted, counts when that was made; so does what `unbooked` ones counted, as long as they are stored as open.
        """
        shared = {
            "account": account_id,
            "unit_us": unit_us,
            "by_product": int(by_product),
            "only_meter": meter,
            "only_product": product,
        }
        asks = []
        for from_us, to_us, phase_us in stretches:
            for stored_to_us, event_from_us, event_to_us in (
                (to_us + stored_within_us, from_us, to_us),
                (to_us, to_us, NEVER_US),
            ):
                values = {
                    "from_us": from_us,
                    "to_us": stored_to_us,
                    "event_from_us": event_from_us,
                    "event_to_us": event_to_us,
                    "phase_us": phase_us,
                }
                asks.append(Ask(self._questions.usage_totals, _slices(from_us, stored_to_us), {**shared, **values}))
            values = {"from_us": from_us, "to_us": to_us, "ended_to_us": to_us + LIFE_MAX_US, "phase_us": phase_us}
            asks.append(Ask(self._questions.expiry_totals, {}, {**shared, **values}))
        asks.append(Ask(self._questions.open_reservations, {}, {"account": account_id}))
        *found, still_open = self._read(lambda session: session.read(asks, last=True))
        totals = [
            UnitTotal(ask.values["phase_us"] + row[0] * unit_us, *row[1:])
            for ask, rows in zip(asks[:-1], found, strict=True)
            for row in rows
        ]
        ended = still_unbooked(unbooked, still_open, meter, product)
        return [*totals, *unit_totals(ended, stretches, by_product=by_product)]

    def ledger_entries(
        self, account_id: str, from_us: int, to_us: int, before_sequence: int, size: int
    ) -> list[LedgerEntry]:
        """A page of the ledger, newest first, booked in [from_us, to_us) and below `before_sequence`."""
        found = self._ask(
            self._questions.entries,
            _slices(from_us, to_us),
            account=account_id,
            from_us=from_us,
            to_us=to_us,
            before_sequence=before_sequence,
            size=size,
        )
        return [rows.entry_from_row(row) for row in found]

    def erase_notes(self, account_id: str, from_us: int, to_us: int, size: int) -> int:
        """Takes what is personal out of an account's operations that were stored in [from_us, to_us), `size` of them at
        the most; returns how many. What they did stays.

        A transaction of its own, with no account locked: nobody else changes these columns.
        """
        found = self._ask(self._questions.notes, _slices(from_us, to_us), account=account_id, size=size)
        bare = [
            (None, without_names(answer) if kind == UpsertUser.kind else answer, key, client)
            for key, client, kind, answer in found
        ]
        if bare:
            with self.engine.writing() as session:
                session.commit([(self._questions.erase_notes, bare)])
        return len(bare)

    def grants(self, account_id: str, include_closed: bool, before: str, size: int) -> list[Grant]:
        """A page of an account's grants, newest first; closed ones have nothing left."""
        found = self._ask(
            self._questions.grants, account=account_id, include_closed=int(include_closed), before=before, size=size
        )
        return [rows.grant_from_row(row) for row in found]

    def reservation(self, reservation_id: str) -> tuple[str, Reservation] | None:
        """A reservation by its id alone, with its account."""
        found = self._ask(self._questions.reservation, id=reservation_id)
        return (found[0][0], rows.reservation_from_row(found[0])) if found else None

    def reservations(
        self, account_id: str, product: str | None, include_ended: bool, before: str, size: int
    ) -> list[Reservation]:
        """A page of an account's reservations, newest first."""
        found = self._ask(
            self._questions.reservations,
            account=account_id,
            product=product,
            include_ended=int(include_ended),
            before=before,
            size=size,
        )
        return [rows.reservation_from_row(row) for row in found]

    def subscriptions(self, account_id: str) -> list[Subscription]:
        """Every subscription the account ever had, oldest first."""
        return [rows.subscription_from_row(row) for row in self._ask(self._questions.subscriptions, account=account_id)]

    def segments(self, account_id: str, size: int) -> list[Segment]:
        """An account's last segments, the oldest of them first."""
        return [*map(rows.segment_from_row, self._ask(self._questions.segments, account=account_id, size=size))][::-1]

    def overrides(self, account_id: str) -> list[Override]:
        """Every override the account ever had, oldest first."""
        return [rows.override_from_row(row) for row in self._ask(self._questions.overrides, account=account_id)]

    def names(self, account_id: str) -> tuple[list[User], list[Organization]]:
        """Who the account belongs to."""
        users = self._ask(self._questions.users, account=account_id)
        organizations = self._ask(self._questions.organizations, account=account_id)
        return [rows.user_from_row(row) for row in users], [rows.organization_from_row(row) for row in organizations]

    def memberships(self, account_id: str) -> list[Membership]:
        """What the people of this account are members of, by the organizations' accounts."""
        return [rows.membership_from_row(row) for row in self._ask(self._questions.memberships, account=account_id)]

    def members(self, account_id: str, after: str, size: int) -> list[Member]:
        """A page of an organization's members, by the ids of their users, after the id `after`."""
        found = self._ask(self._questions.members, account=account_id, after=after, size=size)
        width = rows.USER_WIDTH
        return [Member(rows.user_from_row(row[:width]), rows.membership_from_row(row[width:])) for row in found]

    def accounts(self, after: str, size: int) -> list[Account]:
        """A page of accounts by id, without what belongs to them."""
        found = self._ask(self._questions.accounts, after=after, size=size)
        return [rows.account_from_row(row, whole=False) for row in found]

    def due_accounts(self, now_us: int, size: int) -> list[str]:
        """Accounts that time alone has changed by now, longest overdue first."""
        return [row[0] for row in self._ask(self._questions.due_accounts, now_us=now_us, size=size)]

    def moved_accounts(self, versions: Sequence[tuple[str, int]]) -> list[str]:
        """Of accounts known by (id, version) those that have changed since."""
        return [row[0] for row in self._ask(self._questions.moved_accounts, {"known_versions": versions})]

    def catalogues(self, known: int) -> list[tuple[int, str]]:
        """Applied catalogue versions above `known`, as (version, TOML text)."""
        return [(row[0], row[1]) for row in self._ask(self._questions.catalogues, known=known)]

    def applied_times(self) -> dict[int, int]:
        """When each catalogue version was applied, by version."""
        return {row[0]: row[1] for row in self._ask(self._questions.applied_times)}

    def add_catalogue(self, version: int, now_us: int, toml: str, sha256: str) -> None:
        """Stores a version, and in the audit log that a command applied it.

        Raises StoreFault COLLISION when the number is taken.
        """
        detail = compact_json({"version": version, "sha256": sha256})
        act = AuditEntry(now_us, CLI_CLIENT, f"catalogue/{version}", APPLY_CATALOGUE, "", detail)
        added = (self._questions.add_catalogue, [(version, now_us, toml, sha256)])
        with self.engine.writing() as session:
            session.commit([added, (self._statements.insert_audit, [act])])

    def clients(self) -> list[Client]:
        """Every client, by id."""
        return [registry_rows.client_from_row(row) for row in self._ask(self._questions.clients)]

    def api_keys(self) -> list[Key]:
        """Every API key that was ever made, by id."""
        return [registry_rows.key_from_row(row) for row in self._ask(self._questions.keys)]

    def api_key(self, key_id: str) -> Key | None:
        """One API key."""
        found = self._ask(self._questions.key, id=key_id)
        return registry_rows.key_from_row(found[0]) if found else None

    def audit(self, from_us: int, to_us: int, before: tuple[int, str, str] | None, size: int) -> list[AuditEntry]:
        """A page of administrative acts in [from_us, to_us), newest first, after the cursor `before`."""
        before_us, after_client, after_key = before or (to_us, "", "")
        cursor: dict[str, Any] = {"before_us": before_us, "after_client": after_client, "after_key": after_key}
        found = self._ask(self._questions.audit, from_us=from_us, to_us=to_us, size=size, **cursor)
        return [AuditEntry(*row) for row in found]

    def environment(self) -> str | None:
        """The environment that this database serves, once it is known."""
        found = self._ask(self._questions.deployment, name=ENVIRONMENT)
        return found[0][0] if found else None

    def set_environment(self, environment: str) -> None:
        """Settles the environment for ever; raises StoreFault COLLISION when another process was quicker."""
        with self.engine.writing() as session:
            session.commit([(self._questions.add_deployment, [(ENVIRONMENT, environment)])])

    def clock_offset_us(self) -> int:
        """How far the test clock is ahead of the wall clock."""
        found = self._ask(self._questions.deployment, name=CLOCK_OFFSET)
        return int(found[0][0]) if found else 0

    def durability_problems(self) -> list[str]:
        """What could lose committed rows, and how to mend it; none when all is well."""
        return self.engine.durability_problems()

    def ping(self) -> None:
        """Raises StoreFault unless the database answers, and does not say that it takes no writes."""
        self._ask(self._questions.alive)
        self.engine.check_writable()

    def touch(self, now_us: int) -> None:
        """A tiny transaction that is really written. Raises StoreFault where the database cannot write.

        It says something new each time: SQLite does not write what is there already.
        """
        try:
            self._touch(now_us)
        except StoreFault:
            self._touch(now_us)  # the connection may have died unnoticed; it was given up, and this is another

    def close(self) -> None:
        """Closes every connection."""
        self.engine.close()

    def _touch(self, now_us: int) -> None:
        with self.engine.writing() as session:
            session.commit([(self._questions.put_deployment, [(TOUCHED, str(now_us))])])

    def _ask(self, query: Query, sets: dict[str, Rows] | None = None, **values: Any) -> list[tuple[Any, ...]]:
        return self._read(lambda session: session.read([Ask(query, sets or {}, values)], last=True)[0])

    def _read(self, question: Callable[[Session], T]) -> T:
        """Answers from one snapshot, and from another one if the first is lost on a connection that died unnoticed."""
        try:
            with self.engine.reading() as session:
                return question(session)
        except StoreFault as failure:
            if failure.fault is not Fault.COLLISION:
                raise
        with self.engine.reading() as session:
            return question(session)


def open_store(url: str) -> Store:
    """The store of `sqlite:///path` or `postgresql://...`; connections are made when first needed."""
    if url.startswith(SQLITE_PREFIX):
        return Store(SqliteEngine(url.removeprefix(SQLITE_PREFIX)))
    return Store(PostgresEngine(url))


def _slices(from_us: int, to_us: int) -> dict[str, Rows]:
    """Every UTC hour that [from_us, to_us) touches."""
    return {"wanted_slices": [(hour,) for hour in range(from_us // HOUR_US, (to_us - 1) // HOUR_US + 1)]}

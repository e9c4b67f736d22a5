"""The statements of a batch, compiled once per engine."""

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, case, func, literal_column, null, or_, select

from tollhoused.domain.account import CauseKind
from tollhoused.domain.reservations import LIFE_MAX_US
from tollhoused.domain.voids import PAYING
from tollhoused.store import event_tables as events
from tollhoused.store import provider_tables as providers
from tollhoused.store import tables as t
from tollhoused.store.dialect import NUMBER, TEXT, Dialect, Query, Relation, Write

ACCOUNTS = Relation("wanted", (("account", TEXT), ("since_us", NUMBER)))
METERS = Relation("wanted_meters", (("account", TEXT), ("meter", TEXT), ("since_us", NUMBER)))
KEYS = Relation("wanted_keys", (("idempotency_key", TEXT), ("client", TEXT)))
NAMES = Relation("wanted_names", (("name", TEXT),))

COUNTERS = Relation(
    "wanted_counters", (("account", TEXT), ("slice", NUMBER), ("segment_start_us", NUMBER), ("meter", TEXT))
)
RESERVATIONS = Relation("wanted_reservations", (("account", TEXT), ("id", TEXT)))
INTENTS = Relation("wanted_intents", (("account", TEXT), ("id", TEXT)))
SUBSCRIPTIONS = Relation("wanted_subscriptions", (("account", TEXT), ("id", TEXT)))

MOVING_COLUMNS = (
    "version",
    "as_of_us",
    "due_us",
    "balance_nanos",
    "debt_nanos",
    "ledger_seq",
    "held_nanos",
    "open_reservations",
    "alarms",
    "customer",
    "reload",
)


class Statements:
    """Reads take the relations above; writes take rows in the order of their table's columns."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        wanted = dialect.relation(ACCOUNTS)
        accounts = select(t.accounts).join(wanted, t.accounts.c.id == wanted.c.account)
        self.accounts = dialect.query(accounts, ACCOUNTS)
        locked = accounts.order_by(t.accounts.c.id).with_for_update(of=t.accounts)
        self.accounts_locked = dialect.query(locked, ACCOUNTS) if dialect.locks_rows else self.accounts
        versions = select(t.accounts.c.id, t.accounts.c.version).join(wanted, t.accounts.c.id == wanted.c.account)
        self.versions = dialect.query(versions, ACCOUNTS)
        self.segments = dialect.query(self._segments(wanted), ACCOUNTS)
        self.counters = self._counters(dialect)
        self.counters_whole = self._counters_whole(dialect)
        self.grants = dialect.query(
            self._of(t.grants, wanted).where(t.grants.c.remaining_nanos > literal_column("0")), ACCOUNTS
        )
        is_open = t.reservations.c.state == literal_column("'open'")
        self.reservations_open = dialect.query(self._of(t.reservations, wanted).where(is_open), ACCOUNTS)
        self.reservations_named = self._of_ids(dialect, t.reservations, RESERVATIONS)
        self.intents = self._of_ids(dialect, providers.intents, INTENTS)
        self.subscriptions_named = self._of_ids(dialect, t.subscriptions, SUBSCRIPTIONS)
        self.paid = self._paid(dialect)
        self.subscriptions = dialect.query(self._open(t.subscriptions, wanted, "end_us"), ACCOUNTS)
        self.overrides = dialect.query(self._open(t.overrides, wanted, "until_us"), ACCOUNTS)
        self.operations = self._operations(dialect)
        self.people_by_id = self._people(dialect, "user_id")
        self.people_by_email = self._people(dialect, "email")
        self.organizations = self._named(dialect, t.organizations, "org_id")
        self.users_by_id_locked = self._named(dialect, t.users, "user_id", lock=True)
        self.users_by_email_locked = self._named(dialect, t.users, "email", lock=True)
        self.clients = self._registry(dialect, t.clients, t.clients.c.id)
        self.clients_locked = self._registry(dialect, t.clients, t.clients.c.id, lock=True)
        self.keys = self._registry(dialect, t.api_keys, t.api_keys.c.client)
        self.keys_locked = self._registry(dialect, t.api_keys, t.api_keys.c.client, lock=True)
        self.facts = self._facts(dialect)
        self.facts_locked = self._facts(dialect, lock=True)
        self.upsert_facts = dialect.upsert(t.deployment)
        self.endpoints = self._named(dialect, events.event_endpoints, "id")
        self.endpoints_locked = self._named(dialect, events.event_endpoints, "id", lock=True)
        self.upsert_endpoints = dialect.upsert(events.event_endpoints)
        self.insert_clients = dialect.insert(t.clients)
        self.upsert_keys = dialect.upsert(t.api_keys)
        self.insert_audit = dialect.insert(t.audit_log)
        self.insert_accounts = dialect.insert(t.accounts)
        self.insert_operations = dialect.insert(t.operations)
        self.void_operations = dialect.update(t.operations, ("voided_by",))
        self.insert_entries = dialect.insert(t.ledger_entries)
        self.insert_organizations = dialect.insert(t.organizations)
        self.upsert_users = dialect.upsert(t.users)
        self.delete_memberships = dialect.delete(t.memberships)
        self.upsert_memberships = dialect.upsert(t.memberships)
        self.insert_events = dialect.insert(events.outbox)
        self.upsert_counters = dialect.upsert(t.counters)
        self.upsert_grants = dialect.upsert(t.grants)
        self.move_grants = dialect.update(t.grants, ("remaining_nanos", "held_nanos"))
        self.upsert_reservations = dialect.upsert(t.reservations)
        self.upsert_intents = dialect.upsert(providers.intents)
        self.upsert_segments = dialect.upsert(t.segments)
        self.upsert_subscriptions = dialect.upsert(t.subscriptions)
        self.upsert_overrides = dialect.upsert(t.overrides)
        self.update_accounts: Write = dialect.update_versioned(t.accounts, MOVING_COLUMNS)

    def _of(self, table: Table, wanted: FromClause) -> Select[tuple[object, ...]]:
        return select(table).join(wanted, table.c.account == wanted.c.account)

    def _segments(self, wanted: FromClause) -> Select[tuple[object, ...]]:
        """The open segment, and those that reach past the earliest event time that is asked for; in order.

        Those too in which a reservation may have been made that was open when the account was last brought up to date.
        """
        return (
            self._of(t.segments, wanted)
            .join(t.accounts, t.accounts.c.id == wanted.c.account)
            .where(or_(self._reaches(wanted), self._may_hold()))
            .order_by(t.segments.c.account, t.segments.c.start_us)
        )

    def _open(self, table: Table, wanted: FromClause, end: str) -> Select[tuple[object, ...]]:
        """Rows that have not ended by the time the account was last brought up to date."""
        joined = self._of(table, wanted).join(t.accounts, t.accounts.c.id == wanted.c.account)
        return joined.where(or_(table.c[end].is_(None), table.c[end] > t.accounts.c.as_of_us))

    def _counters(self, dialect: Dialect) -> Query:
        """The counters of (account, meter) pairs in the segments that a batch may touch."""
        wanted = dialect.relation(METERS)
        statement = (
            select(t.counters)
            .select_from(wanted)
            .join(t.segments, and_(t.segments.c.account == wanted.c.account, self._reaches(wanted)))
            .join(t.counters, and_(self._of_segment(), t.counters.c.meter == wanted.c.meter))
        )
        return dialect.query(statement, METERS)

    def _counters_whole(self, dialect: Dialect) -> Query:
        """Every counter of the accounts' open segments, and of those that reach past an instant."""
        wanted = dialect.relation(ACCOUNTS)
        statement = (
            select(t.counters)
            .select_from(wanted)
            .join(t.accounts, t.accounts.c.id == wanted.c.account)
            .join(
                t.segments,
                and_(t.segments.c.account == wanted.c.account, or_(self._reaches(wanted), self._may_hold())),
            )
            .join(t.counters, self._of_segment())
        )
        return dialect.query(statement, ACCOUNTS)

    def _reaches(self, wanted: FromClause) -> ColumnElement[bool]:
        return or_(t.segments.c.end_us.is_(None), t.segments.c.end_us > wanted.c.since_us)

    def _may_hold(self) -> ColumnElement[bool]:
        return t.segments.c.end_us > t.accounts.c.as_of_us - literal_column(str(LIFE_MAX_US))

    def _of_segment(self) -> ColumnElement[bool]:
        same_account = t.counters.c.account == t.segments.c.account
        return and_(same_account, t.counters.c.segment_start_us == t.segments.c.start_us)

    def _of_ids(self, dialect: Dialect, table: Table, relation: Relation) -> Query:
        """Rows by account and id, whatever their state."""
        wanted = dialect.relation(relation)
        same = and_(table.c.account == wanted.c.account, table.c.id == wanted.c.id)
        return dialect.query(select(table).select_from(wanted).join(table, same), relation)

    def _paid(self, dialect: Dialect) -> Query:
        """Who has paid on counters, less what was given back, by the ledger of the slices in which that may stand.

        Each grant of such an account comes with its row, whatever is left of it; NULL stands for the debt.
        """
        wanted = dialect.relation(COUNTERS)
        entry, operation, reservation, grant = t.ledger_entries.c, t.operations.c, t.reservations.c, t.grants.c
        kind: dict[CauseKind, ColumnElement[str]] = {each: literal_column(f"'{each.value}'") for each in PAYING}
        by_itself = entry.cause_kind == kind[CauseKind.RESERVATION]
        of_operation = and_(
            entry.cause_kind.in_([text for each, text in kind.items() if each is not CauseKind.RESERVATION]),
            operation.idempotency_key == entry.cause,
            operation.client == entry.cause_client,
        )
        of_reservation = and_(by_itself, reservation.account == entry.account, reservation.id == entry.cause)
        settled = entry.cause_kind == kind[CauseKind.VOIDED_DEBT]
        payer = case((settled, null()), else_=entry.grant_id).label("payer")
        debit = case((entry.amount_nanos < literal_column("0"), entry.seq), else_=literal_column("0"))
        key = (wanted.c.account, wanted.c.segment_start_us, wanted.c.meter)
        paid = (
            select(
                *key,
                payer,
                func.sum(-entry.amount_nanos, type_=NUMBER).label("paid_nanos"),
                func.max(debit).label("last_sequence"),
            )
            .select_from(wanted)
            .join(t.ledger_entries, and_(entry.slice == wanted.c.slice, entry.account == wanted.c.account))
            .outerjoin(t.operations, of_operation)
            .outerjoin(t.reservations, of_reservation)
            .where(
                func.coalesce(operation.segment_start_us, reservation.segment_start_us) == wanted.c.segment_start_us,
                func.coalesce(operation.meter, reservation.meter) == wanted.c.meter,
            )
            .group_by(*key, payer)
            .subquery("paid")
        )
        statement = select(*paid.c, *t.grants.columns).select_from(
            paid.outerjoin(t.grants, and_(grant.account == paid.c.account, grant.id == paid.c.payer))
        )
        return dialect.query(statement, COUNTERS)

    def _operations(self, dialect: Dialect) -> Query:
        wanted = dialect.relation(KEYS)
        same_key = and_(
            t.operations.c.idempotency_key == wanted.c.idempotency_key, t.operations.c.client == wanted.c.client
        )
        return dialect.query(select(t.operations).select_from(wanted).join(t.operations, same_key), KEYS)

    def _registry(self, dialect: Dialect, table: Table, client: ColumnElement[str], lock: bool = False) -> Query:
        """Rows of the clients that are named by their own ids or by one of their keys' ids."""
        wanted = dialect.relation(NAMES)
        named = t.api_keys.alias("named")
        owners = select(named.c.client).join(wanted, named.c.id == wanted.c.name)
        statement = select(table).where(or_(client.in_(select(wanted.c.name)), client.in_(owners))).order_by(table.c.id)
        if lock and dialect.locks_rows:
            statement = statement.with_for_update(of=table)
        return dialect.query(statement, NAMES)

    def _people(self, dialect: Dialect, column: str) -> Query:
        """Users by one of their names, a row for each of their memberships, or one without.

        One statement, for every call that names a person takes it.
        """
        wanted = dialect.relation(NAMES)
        statement = (
            select(t.users, *t.memberships.columns)
            .join(wanted, t.users.c[column] == wanted.c.name)
            .outerjoin(t.memberships, t.memberships.c.user == t.users.c.id)
        )
        return dialect.query(statement, NAMES)

    def _facts(self, dialect: Dialect, lock: bool = False) -> Query:
        """What holds for the whole deployment, by name."""
        wanted = dialect.relation(NAMES)
        statement = (
            select(t.deployment).join(wanted, t.deployment.c.name == wanted.c.name).order_by(t.deployment.c.name)
        )
        if lock and dialect.locks_rows:
            statement = statement.with_for_update(of=t.deployment)
        return dialect.query(statement, NAMES)

    def _named(self, dialect: Dialect, table: Table, column: str, lock: bool = False) -> Query:
        """Directory entries by one of their names; locked where the batch may change them."""
        wanted = dialect.relation(NAMES)
        statement = select(table).join(wanted, table.c[column] == wanted.c.name)
        if lock and dialect.locks_rows:
            statement = statement.order_by(table.c.id).with_for_update(of=table)
        return dialect.query(statement, NAMES)

"""Every table, declared once: migrations, statements and cold reads are made from these (design: tables).

Instants are microseconds since the epoch (UTC), amounts are nanos, both BIGINT. `slice` is the UTC hour of booking and
leads the keys of the tables that only grow, so that new rows arrive at one end of each index. The hot tables carry no
foreign keys: their rows are written in the transaction that holds the account's lock, and `verify` proves what a key
would.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LARGEST_TOTAL = 2**62
PENDING_WHOLE = (
    "(pending_plan IS NULL) = (pending_us IS NULL) AND (pending_plan_version IS NULL) = (pending_us IS NULL)"
)


def text(name: str) -> Column[str]:
    """A text that is always there."""
    return Column(name, Text, nullable=False)


def maybe_text(name: str) -> Column[str]:
    """A text that may be absent."""
    return Column(name, Text, nullable=True)


def number(name: str) -> Column[int]:
    """A 64-bit integer that is always there."""
    return Column(name, BigInteger, nullable=False)


def zero(name: str) -> Column[int]:
    """A 64-bit integer that servers of before its time leave at zero."""
    return Column(name, BigInteger, nullable=False, server_default=literal_column("0"))


def maybe_number(name: str) -> Column[int]:
    """A 64-bit integer that may be absent."""
    return Column(name, BigInteger, nullable=True)


def check(name: str, condition: str) -> CheckConstraint:
    """A named rule of the domain, repeated where it cannot be passed by."""
    return CheckConstraint(condition, name=name)


def of_account() -> ForeignKeyConstraint:
    """The row belongs to an account that exists."""
    return ForeignKeyConstraint(["account"], ["accounts.id"])


accounts = Table(
    "accounts",
    metadata,
    text("id"),
    text("kind"),
    text("currency"),
    text("zone"),
    number("anchor_us"),
    number("version"),
    number("as_of_us"),
    number("due_us"),
    number("balance_nanos"),
    number("debt_nanos"),
    number("ledger_seq"),
    zero("held_nanos"),
    zero("open_reservations"),
    zero("alarms"),
    PrimaryKeyConstraint("id"),
    check("kind", "kind IN ('personal', 'organization')"),
    check("version", "version >= 1"),
    check("debt", f"debt_nanos BETWEEN 0 AND {LARGEST_TOTAL}"),
    check("balance", f"balance_nanos BETWEEN -{LARGEST_TOTAL} AND {LARGEST_TOTAL}"),
    check("ledger_seq", "ledger_seq >= 0"),
    check("held", f"held_nanos BETWEEN 0 AND {LARGEST_TOTAL}"),
    check("open_reservations", "open_reservations >= 0"),
    Index(None, "due_us", "id"),
)

users = Table(
    "users",
    metadata,
    text("id"),
    text("account"),
    maybe_text("user_id"),
    maybe_text("email"),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("user_id"),
    UniqueConstraint("email"),
    of_account(),
    check("named", "user_id IS NOT NULL OR email IS NOT NULL"),
    Index(None, "account"),
)

organizations = Table(
    "organizations",
    metadata,
    text("org_id"),
    text("account"),
    PrimaryKeyConstraint("org_id"),
    of_account(),
    Index(None, "account"),
)

memberships = Table(
    "memberships",
    metadata,
    text("account"),
    text("user"),
    text("org_id"),
    number("is_primary"),
    PrimaryKeyConstraint("account", "user"),
    of_account(),
    check("is_primary", "is_primary IN (0, 1)"),
    Index(None, "user"),
)
"""Of an organization's account. A user's rows change only under the lock of the user's own row, so that one of them at
the most is primary: `verify` proves it, and no key that spans accounts is needed for it.
"""

catalog_versions = Table(
    "catalog_versions",
    metadata,
    Column("version", Integer, nullable=False, autoincrement=False),
    number("applied_at_us"),
    text("toml"),
    text("sha256"),
    PrimaryKeyConstraint("version"),
    check("version", "version >= 1"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    text("account"),
    text("id"),
    text("provider"),
    text("plan"),
    number("plan_version"),
    number("start_us"),
    maybe_number("end_us"),
    number("anchor_us"),
    maybe_number("trial_end_us"),
    maybe_text("pending_plan"),
    maybe_number("pending_plan_version"),
    maybe_number("pending_us"),
    PrimaryKeyConstraint("account", "id"),
    of_account(),
    check("pending", PENDING_WHOLE),
    check("validity", "end_us IS NULL OR end_us >= start_us"),
)

overrides = Table(
    "overrides",
    metadata,
    text("account"),
    text("id"),
    text("meter"),
    maybe_number("included"),
    maybe_text("policy"),
    maybe_text("rate"),
    number("from_us"),
    maybe_number("until_us"),
    PrimaryKeyConstraint("account", "id"),
    of_account(),
    check("included", "included IS NULL OR included >= 0"),
    check("validity", "until_us IS NULL OR until_us >= from_us"),
)

segments = Table(
    "segments",
    metadata,
    text("account"),
    number("start_us"),
    maybe_number("end_us"),
    number("period_start_us"),
    number("period_end_us"),
    maybe_text("subscription"),
    text("plan"),
    number("plan_version"),
    text("terms"),
    PrimaryKeyConstraint("account", "start_us"),
    of_account(),
    check("validity", "end_us IS NULL OR end_us > start_us"),
    check("period", "period_start_us <= start_us AND start_us < period_end_us"),
)

counters = Table(
    "counters",
    metadata,
    text("account"),
    number("segment_start_us"),
    text("meter"),
    number("carried"),
    number("used"),
    number("overage"),
    number("charged_nanos"),
    zero("level"),
    zero("level_us"),
    PrimaryKeyConstraint("account", "segment_start_us", "meter"),
    check("carried", f"carried BETWEEN 0 AND {LARGEST_TOTAL}"),
    check("used", f"used BETWEEN 0 AND {LARGEST_TOTAL}"),
    check("overage", "overage BETWEEN 0 AND used"),
    check("level", f"level BETWEEN 0 AND {LARGEST_TOTAL}"),
    check("charged", f"charged_nanos BETWEEN 0 AND {LARGEST_TOTAL}"),
)

operations = Table(
    "operations",
    metadata,
    text("idempotency_key"),
    text("client"),
    text("account"),
    text("kind"),
    number("slice"),
    number("stored_at_us"),
    number("event_at_us"),
    maybe_text("product"),
    maybe_text("meter"),
    maybe_number("segment_start_us"),
    maybe_number("quantity"),
    maybe_number("overage"),
    maybe_number("charged_nanos"),
    maybe_text("metadata"),
    text("sent"),
    text("answer"),
    maybe_text("voided_by"),
    PrimaryKeyConstraint("idempotency_key", "client"),
    Index(None, "slice", "account", "stored_at_us", "event_at_us"),
    check("quantity", "quantity IS NULL OR quantity >= 0"),
    check("charged", "charged_nanos IS NULL OR charged_nanos >= 0"),
)

grants = Table(
    "grants",
    metadata,
    text("account"),
    text("id"),
    text("category"),
    number("priority"),
    number("effective_us"),
    maybe_number("expires_us"),
    text("meters"),
    number("amount_nanos"),
    number("remaining_nanos"),
    number("created_us"),
    zero("held_nanos"),
    maybe_number("voided_us"),
    PrimaryKeyConstraint("account", "id"),
    of_account(),
    check("category", "category IN ('paid', 'promotional')"),
    check("amount", f"amount_nanos BETWEEN 1 AND {LARGEST_TOTAL}"),
    check("remaining", "remaining_nanos BETWEEN 0 AND amount_nanos"),
    check("held", "held_nanos BETWEEN 0 AND remaining_nanos"),
    check("validity", "expires_us IS NULL OR expires_us > effective_us"),
)

IS_OPEN: ColumnElement[bool] = literal_column("state = 'open'")

reservations = Table(
    "reservations",
    metadata,
    text("account"),
    text("id"),
    text("client"),
    text("product"),
    text("meter"),
    number("segment_start_us"),
    text("plan"),
    number("plan_version"),
    number("quantity"),
    text("on_expiry"),
    text("over_commit"),
    number("created_us"),
    number("expires_us"),
    text("state"),
    text("holds"),
    number("held_nanos"),
    number("used"),
    number("overage"),
    number("charged_nanos"),
    maybe_number("ended_us"),
    PrimaryKeyConstraint("account", "id"),
    of_account(),
    Index(None, "id"),
    Index("ix_reservations_open", "account", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
    check("state", "state IN ('open', 'committed', 'released', 'expired')"),
    check("final", "(state = 'open') = (ended_us IS NULL)"),
    check("held", f"held_nanos BETWEEN 0 AND {LARGEST_TOTAL} AND (state = 'open' OR held_nanos = 0)"),
    check("used", "used BETWEEN 0 AND " + str(LARGEST_TOTAL)),
    check("charged", f"charged_nanos BETWEEN 0 AND {LARGEST_TOTAL}"),
    check("validity", "expires_us > created_us"),
)
"""`holds` is JSON: what is held of each grant, in the order in which the grants pay."""

ledger_entries = Table(
    "ledger_entries",
    metadata,
    number("slice"),
    text("account"),
    number("seq"),
    number("booked_us"),
    number("effective_us"),
    maybe_text("grant_id"),
    number("amount_nanos"),
    number("balance_after_nanos"),
    text("cause_kind"),
    text("cause"),
    text("cause_client"),
    PrimaryKeyConstraint("slice", "account", "seq"),
    check("seq", "seq >= 1"),
    check("amount", "amount_nanos <> 0"),
)

clients = Table(
    "clients",
    metadata,
    text("id"),
    text("name"),
    number("created_us"),
    PrimaryKeyConstraint("id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    text("client"),
    text("id"),
    text("secret_sha256"),
    text("scopes"),
    text("products"),
    text("environment"),
    number("may_create"),
    number("created_us"),
    maybe_number("expires_us"),
    maybe_number("retires_us"),
    maybe_number("revoked_us"),
    maybe_number("last_used_us"),
    PrimaryKeyConstraint("id"),
    ForeignKeyConstraint(["client"], ["clients.id"]),
    check("environment", "environment IN ('test', 'live')"),
    check("may_create", "may_create IN (0, 1)"),
)

audit_log = Table(
    "audit_log",
    metadata,
    number("at_us"),
    text("client"),
    text("idempotency_key"),
    text("action"),
    text("account"),
    text("detail"),
    PrimaryKeyConstraint("at_us", "client", "idempotency_key"),
)

deployment = Table(
    "deployment",
    metadata,
    text("name"),
    text("value"),
    PrimaryKeyConstraint("name"),
)
"""What holds for the whole database, such as the environment that it serves."""

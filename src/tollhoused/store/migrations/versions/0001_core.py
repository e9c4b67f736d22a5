"""Accounts, directory, catalogue, subscriptions, usage, credits and the ledger."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LARGEST_TOTAL = 4_611_686_018_427_387_904


def text(name: str, *, nullable: bool = False) -> Column[str]:
    """A column of this step: later steps have their own."""
    return Column(name, Text, nullable=nullable)


def number(name: str, *, nullable: bool = False) -> Column[int]:
    """A column of this step: later steps have their own."""
    return Column(name, BigInteger, nullable=nullable)


def upgrade() -> None:
    """Makes every table of the first release."""
    _directory()
    _catalogue_and_subscriptions()
    _usage()
    _credits()


def downgrade() -> None:
    """Refused: undoing the first step would drop the books."""
    raise NotImplementedError("the first step is not undone, because that would drop the books")


def _directory() -> None:
    op.create_table(
        "accounts",
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
        PrimaryKeyConstraint("id", name="pk_accounts"),
        CheckConstraint("kind IN ('personal', 'organization')", name="ck_accounts_kind"),
        CheckConstraint("version >= 1", name="ck_accounts_version"),
        CheckConstraint(f"debt_nanos BETWEEN 0 AND {LARGEST_TOTAL}", name="ck_accounts_debt"),
        CheckConstraint(f"balance_nanos BETWEEN -{LARGEST_TOTAL} AND {LARGEST_TOTAL}", name="ck_accounts_balance"),
        CheckConstraint("ledger_seq >= 0", name="ck_accounts_ledger_seq"),
    )
    op.create_index("ix_accounts_due_us_id", "accounts", ["due_us", "id"])
    op.create_table(
        "users",
        text("id"),
        text("account"),
        text("user_id", nullable=True),
        text("email", nullable=True),
        PrimaryKeyConstraint("id", name="pk_users"),
        UniqueConstraint("user_id", name="uq_users_user_id"),
        UniqueConstraint("email", name="uq_users_email"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_users_accounts"),
        CheckConstraint("user_id IS NOT NULL OR email IS NOT NULL", name="ck_users_named"),
    )
    op.create_index("ix_users_account", "users", ["account"])
    op.create_table(
        "organizations",
        text("org_id"),
        text("account"),
        PrimaryKeyConstraint("org_id", name="pk_organizations"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_organizations_accounts"),
    )
    op.create_index("ix_organizations_account", "organizations", ["account"])


def _catalogue_and_subscriptions() -> None:
    op.create_table(
        "catalog_versions",
        Column("version", Integer, nullable=False, autoincrement=False),
        number("applied_at_us"),
        text("toml"),
        text("sha256"),
        PrimaryKeyConstraint("version", name="pk_catalog_versions"),
        CheckConstraint("version >= 1", name="ck_catalog_versions_version"),
    )
    op.create_table(
        "subscriptions",
        text("account"),
        text("id"),
        text("provider"),
        text("plan"),
        number("plan_version"),
        number("start_us"),
        number("end_us", nullable=True),
        number("anchor_us"),
        PrimaryKeyConstraint("account", "id", name="pk_subscriptions"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_subscriptions_accounts"),
        CheckConstraint("end_us IS NULL OR end_us >= start_us", name="ck_subscriptions_validity"),
    )
    op.create_table(
        "overrides",
        text("account"),
        text("id"),
        text("meter"),
        number("included", nullable=True),
        text("policy", nullable=True),
        text("rate", nullable=True),
        number("from_us"),
        number("until_us", nullable=True),
        PrimaryKeyConstraint("account", "id", name="pk_overrides"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_overrides_accounts"),
        CheckConstraint("included IS NULL OR included >= 0", name="ck_overrides_included"),
        CheckConstraint("until_us IS NULL OR until_us >= from_us", name="ck_overrides_validity"),
    )


def _usage() -> None:
    op.create_table(
        "segments",
        text("account"),
        number("start_us"),
        number("end_us", nullable=True),
        number("period_start_us"),
        number("period_end_us"),
        text("subscription", nullable=True),
        text("plan"),
        number("plan_version"),
        text("terms"),
        PrimaryKeyConstraint("account", "start_us", name="pk_segments"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_segments_accounts"),
        CheckConstraint("end_us IS NULL OR end_us > start_us", name="ck_segments_validity"),
        CheckConstraint("period_start_us <= start_us AND start_us < period_end_us", name="ck_segments_period"),
    )
    op.create_table(
        "counters",
        text("account"),
        number("segment_start_us"),
        text("meter"),
        number("carried"),
        number("used"),
        number("overage"),
        number("charged_nanos"),
        PrimaryKeyConstraint("account", "segment_start_us", "meter", name="pk_counters"),
        CheckConstraint(f"carried BETWEEN 0 AND {LARGEST_TOTAL}", name="ck_counters_carried"),
        CheckConstraint(f"used BETWEEN 0 AND {LARGEST_TOTAL}", name="ck_counters_used"),
        CheckConstraint("overage BETWEEN 0 AND used", name="ck_counters_overage"),
        CheckConstraint(f"charged_nanos BETWEEN 0 AND {LARGEST_TOTAL}", name="ck_counters_charged"),
    )
    op.create_table(
        "operations",
        text("idempotency_key"),
        text("client"),
        text("account"),
        text("kind"),
        number("slice"),
        number("stored_at_us"),
        number("event_at_us"),
        text("product", nullable=True),
        text("meter", nullable=True),
        number("segment_start_us", nullable=True),
        number("quantity", nullable=True),
        number("overage", nullable=True),
        number("charged_nanos", nullable=True),
        text("metadata", nullable=True),
        text("sent"),
        text("answer"),
        PrimaryKeyConstraint("idempotency_key", "client", name="pk_operations"),
        CheckConstraint("quantity IS NULL OR quantity >= 0", name="ck_operations_quantity"),
        CheckConstraint("charged_nanos IS NULL OR charged_nanos >= 0", name="ck_operations_charged"),
    )
    op.create_index("ix_operations_slice_account_stored_at_us", "operations", ["slice", "account", "stored_at_us"])


def _credits() -> None:
    op.create_table(
        "grants",
        text("account"),
        text("id"),
        text("category"),
        number("priority"),
        number("effective_us"),
        number("expires_us", nullable=True),
        text("meters"),
        number("amount_nanos"),
        number("remaining_nanos"),
        number("created_us"),
        PrimaryKeyConstraint("account", "id", name="pk_grants"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_grants_accounts"),
        CheckConstraint("category IN ('paid', 'promotional')", name="ck_grants_category"),
        CheckConstraint(f"amount_nanos BETWEEN 1 AND {LARGEST_TOTAL}", name="ck_grants_amount"),
        CheckConstraint("remaining_nanos BETWEEN 0 AND amount_nanos", name="ck_grants_remaining"),
        CheckConstraint("expires_us IS NULL OR expires_us > effective_us", name="ck_grants_validity"),
    )
    op.create_table(
        "ledger_entries",
        number("slice"),
        text("account"),
        number("seq"),
        number("booked_us"),
        number("effective_us"),
        text("grant_id", nullable=True),
        number("amount_nanos"),
        number("balance_after_nanos"),
        text("cause_kind"),
        text("cause"),
        text("cause_client"),
        PrimaryKeyConstraint("slice", "account", "seq", name="pk_ledger_entries"),
        CheckConstraint("seq >= 1", name="ck_ledger_entries_seq"),
        CheckConstraint("amount_nanos <> 0", name="ck_ledger_entries_amount"),
    )

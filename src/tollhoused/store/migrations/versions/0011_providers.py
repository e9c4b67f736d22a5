"""What payment providers are asked for and tell, what they have sold, and accounts that buy by themselves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, PrimaryKeyConstraint, Text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LARGEST_TOTAL = 2**62
SOLD_TEXTS = {"provider_id": "''", "price_id": "''", "standing": "'active'"}
SOLD_NUMBERS = ("grace_until_us", "billing_start_us", "billing_end_us")


def text(name: str, *, nullable: bool = False) -> Column[str]:
    """A column of this step: later steps have their own."""
    return Column(name, Text, nullable=nullable)


def number(name: str, *, nullable: bool = False) -> Column[int]:
    """A column of this step: later steps have their own."""
    return Column(name, BigInteger, nullable=nullable)


def upgrade() -> None:
    """Adds tables and columns; no provider knows anybody yet."""
    op.add_column("accounts", Column("customer", Text, nullable=False, server_default=sa.text("''")))
    op.add_column("accounts", Column("reload", Text, nullable=True))
    for name, default in SOLD_TEXTS.items():
        op.add_column("subscriptions", Column(name, Text, nullable=False, server_default=sa.text(default)))
    for name in SOLD_NUMBERS:
        op.add_column("subscriptions", number(name, nullable=True))
    op.add_column("subscriptions", Column("observed_us", BigInteger, nullable=False, server_default=sa.text("0")))
    op.create_index("ix_subscriptions_id", "subscriptions", ["id"])
    op.create_table(
        "intents",
        *(text(name) for name in ("account", "id", "kind", "provider", "client", "currency")),
        *(number(name) for name in ("credits_nanos", "price_minor")),
        text("order"),
        *(number(name) for name in ("created_us", "attempt_us", "attempt")),
        *(text(name) for name in ("state", "reference", "url", "problem", "payment_id", "grant_id")),
        *(number(name) for name in ("paid_minor", "returned_minor", "clawed_nanos", "observed_us")),
        number("settled_us", nullable=True),
        PrimaryKeyConstraint("account", "id", name="pk_intents"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_intents_accounts"),
        CheckConstraint(
            "state IN ('open', 'waiting', 'succeeded', 'failed', 'expired')",
            name="ck_intents_state",
        ),
        CheckConstraint("attempt >= 1", name="ck_intents_attempt"),
        CheckConstraint(f"credits_nanos BETWEEN 0 AND {LARGEST_TOTAL}", name="ck_intents_credits"),
        CheckConstraint("price_minor >= 0", name="ck_intents_price"),
        CheckConstraint("clawed_nanos BETWEEN 0 AND credits_nanos", name="ck_intents_clawed"),
        CheckConstraint("returned_minor BETWEEN 0 AND paid_minor", name="ck_intents_returned"),
    )
    op.create_index("ix_intents_id", "intents", ["id"])
    is_open = sa.text("state = 'open'")
    columns = ["attempt_us", "id"]
    op.create_index("ix_intents_open", "intents", columns, sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "provider_events",
        *(text(name) for name in ("provider", "id", "kind")),
        *(number(name) for name in ("received_us", "created_us")),
        *(text(name) for name in ("body", "state")),
        *(number(name) for name in ("attempts", "next_attempt_us")),
        text("problem"),
        text("account", nullable=True),
        PrimaryKeyConstraint("provider", "id", name="pk_provider_events"),
        CheckConstraint("state IN ('pending', 'applied', 'ignored', 'dead')", name="ck_provider_events_state"),
        CheckConstraint("attempts >= 0", name="ck_provider_events_attempts"),
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_provider_events_pending",
        "provider_events",
        ["next_attempt_us"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_index("ix_provider_events_state_received_us", "provider_events", ["state", "received_us"])


def downgrade() -> None:
    """Removes them again, and with them everything that providers have told."""
    op.drop_table("provider_events")
    op.drop_table("intents")
    op.drop_index("ix_subscriptions_id", "subscriptions")
    with op.batch_alter_table("subscriptions") as subscriptions:
        for name in (*SOLD_TEXTS, *SOLD_NUMBERS, "observed_us"):
            subscriptions.drop_column(name)
    with op.batch_alter_table("accounts") as accounts:
        accounts.drop_column("reload")
        accounts.drop_column("customer")

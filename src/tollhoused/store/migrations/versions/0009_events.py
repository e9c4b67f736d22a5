"""Outgoing events, where they are sent to, and leases on the work that one process does for all."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def text(name: str) -> Column[str]:
    """A column of this step: later steps have their own."""
    return Column(name, Text, nullable=False)


def number(name: str, *, nullable: bool = False) -> Column[int]:
    """A column of this step: later steps have their own."""
    return Column(name, BigInteger, nullable=nullable)


def upgrade() -> None:
    """Adds the tables; no account has an alarm armed until it is looked at next."""
    op.add_column("accounts", Column("alarms", BigInteger, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "outbox",
        text("account"),
        number("version"),
        number("number"),
        text("kind"),
        number("at_us"),
        text("data"),
        number("position", nullable=True),
        PrimaryKeyConstraint("account", "version", "number", name="pk_outbox"),
        UniqueConstraint("position", name="uq_outbox_position"),
        CheckConstraint("number >= 1", name="ck_outbox_number"),
        CheckConstraint("position IS NULL OR position >= 1", name="ck_outbox_position"),
    )
    waiting = sa.text("position IS NULL")
    columns = ["at_us", "account", "version", "number"]
    op.create_index("ix_outbox_waiting", "outbox", columns, sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_outbox_account_position", "outbox", ["account", "position"])
    op.create_table(
        "leases",
        text("name"),
        text("holder"),
        number("until_us"),
        number("fence"),
        number("reached"),
        PrimaryKeyConstraint("name", name="pk_leases"),
        CheckConstraint("fence >= 1", name="ck_leases_fence"),
        CheckConstraint("reached >= 0", name="ck_leases_reached"),
    )
    op.create_table(
        "event_endpoints",
        text("id"),
        text("url"),
        text("kinds"),
        text("secret"),
        Column("previous_secret", Text, nullable=True),
        number("previous_until_us", nullable=True),
        number("created_us"),
        number("deleted_us", nullable=True),
        number("reached"),
        PrimaryKeyConstraint("id", name="pk_event_endpoints"),
        CheckConstraint("reached >= 0", name="ck_event_endpoints_reached"),
    )
    op.create_table(
        "event_deliveries",
        text("endpoint"),
        number("position"),
        text("state"),
        number("attempts"),
        number("next_attempt_us"),
        text("problem"),
        PrimaryKeyConstraint("endpoint", "position", name="pk_event_deliveries"),
        ForeignKeyConstraint(["endpoint"], ["event_endpoints.id"], name="fk_event_deliveries_event_endpoints"),
        CheckConstraint("state IN ('pending', 'delivered', 'dead')", name="ck_event_deliveries_state"),
        CheckConstraint("attempts >= 0", name="ck_event_deliveries_attempts"),
    )
    op.create_index("ix_event_deliveries_state_next_attempt_us", "event_deliveries", ["state", "next_attempt_us"])


def downgrade() -> None:
    """Removes them again, and with them every event."""
    op.drop_table("event_deliveries")
    op.drop_table("event_endpoints")
    op.drop_table("leases")
    op.drop_table("outbox")
    with op.batch_alter_table("accounts") as accounts:
        accounts.drop_column("alarms")

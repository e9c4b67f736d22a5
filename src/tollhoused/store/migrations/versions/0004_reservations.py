"""Reservations, what they hold of grants and accounts, and grants that were voided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, PrimaryKeyConstraint, Text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LARGEST_TOTAL = 2**62


def text(name: str) -> Column[str]:
    """A column of this step: later steps have their own."""
    return Column(name, Text, nullable=False)


def number(name: str, *, nullable: bool = False) -> Column[int]:
    """A column of this step: later steps have their own."""
    return Column(name, BigInteger, nullable=nullable)


def upgrade() -> None:
    """Adds the table and the columns; nothing is held yet, and who does not know the columns need not fill them."""
    op.execute(
        "ALTER TABLE accounts ADD COLUMN held_nanos BIGINT DEFAULT 0 NOT NULL"
        f" CONSTRAINT ck_accounts_held CHECK (held_nanos BETWEEN 0 AND {LARGEST_TOTAL})"
    )
    op.execute(
        "ALTER TABLE accounts ADD COLUMN open_reservations BIGINT DEFAULT 0 NOT NULL"
        " CONSTRAINT ck_accounts_open_reservations CHECK (open_reservations >= 0)"
    )
    op.execute(
        "ALTER TABLE grants ADD COLUMN held_nanos BIGINT DEFAULT 0 NOT NULL"
        " CONSTRAINT ck_grants_held CHECK (held_nanos BETWEEN 0 AND remaining_nanos)"
    )
    op.add_column("grants", number("voided_us", nullable=True))
    op.create_table(
        "reservations",
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
        number("ended_us", nullable=True),
        PrimaryKeyConstraint("account", "id", name="pk_reservations"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_reservations_accounts"),
        CheckConstraint("state IN ('open', 'committed', 'released', 'expired')", name="ck_reservations_state"),
        CheckConstraint("(state = 'open') = (ended_us IS NULL)", name="ck_reservations_final"),
        CheckConstraint(
            f"held_nanos BETWEEN 0 AND {LARGEST_TOTAL} AND (state = 'open' OR held_nanos = 0)",
            name="ck_reservations_held",
        ),
        CheckConstraint(f"used BETWEEN 0 AND {LARGEST_TOTAL}", name="ck_reservations_used"),
        CheckConstraint(f"charged_nanos BETWEEN 0 AND {LARGEST_TOTAL}", name="ck_reservations_charged"),
        CheckConstraint("expires_us > created_us", name="ck_reservations_validity"),
    )
    op.create_index("ix_reservations_id", "reservations", ["id"])
    is_open = sa.text("state = 'open'")
    op.create_index("ix_reservations_open", "reservations", ["account"], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    """Removes them again, and with them every reservation."""
    op.drop_table("reservations")
    with op.batch_alter_table("grants") as grants:
        grants.drop_constraint("ck_grants_held", type_="check")
        grants.drop_column("held_nanos")
        grants.drop_column("voided_us")
    with op.batch_alter_table("accounts") as accounts:
        accounts.drop_constraint("ck_accounts_held", type_="check")
        accounts.drop_constraint("ck_accounts_open_reservations", type_="check")
        accounts.drop_column("held_nanos")
        accounts.drop_column("open_reservations")

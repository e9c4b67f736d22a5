"""Memberships of people in organizations."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, PrimaryKeyConstraint, Text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def text(name: str) -> Column[str]:
    """A column of this step: later steps have their own."""
    return Column(name, Text, nullable=False)


def upgrade() -> None:
    """Adds the table; nothing that is stored changes."""
    op.create_table(
        "memberships",
        text("account"),
        text("user"),
        text("org_id"),
        Column("is_primary", BigInteger, nullable=False),
        PrimaryKeyConstraint("account", "user", name="pk_memberships"),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_memberships_accounts"),
        CheckConstraint("is_primary IN (0, 1)", name="ck_memberships_is_primary"),
    )
    op.create_index("ix_memberships_user", "memberships", ["user"])


def downgrade() -> None:
    """Removes the table again, and with it every membership."""
    op.drop_table("memberships")

"""Trials, and changes of plan that are to come."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PENDING_WHOLE = (
    "(pending_plan IS NULL) = (pending_us IS NULL) AND (pending_plan_version IS NULL) = (pending_us IS NULL)"
)


def upgrade() -> None:
    """Adds the columns; no subscription is a trial, and nothing is pending."""
    op.add_column("subscriptions", Column("trial_end_us", BigInteger, nullable=True))
    op.add_column("subscriptions", Column("pending_plan", Text, nullable=True))
    op.add_column("subscriptions", Column("pending_plan_version", BigInteger, nullable=True))
    op.execute(
        "ALTER TABLE subscriptions ADD COLUMN pending_us BIGINT"
        f" CONSTRAINT ck_subscriptions_pending CHECK ({PENDING_WHOLE})"
    )


def downgrade() -> None:
    """Removes them again."""
    with op.batch_alter_table("subscriptions") as subscriptions:
        subscriptions.drop_constraint("ck_subscriptions_pending", type_="check")
        for name in ("trial_end_us", "pending_plan", "pending_plan_version", "pending_us"):
            subscriptions.drop_column(name)

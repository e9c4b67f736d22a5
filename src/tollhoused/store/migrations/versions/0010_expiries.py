"""Reservations that were committed by their expiry are found by their end, for questions about usage."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAME = "ix_reservations_counted_itself"


def upgrade() -> None:
    """Makes the index. Writers wait while it is made."""
    counted = sa.text("state = 'committed' AND ended_us = expires_us")
    op.create_index(NAME, "reservations", ["account", "ended_us"], sqlite_where=counted, postgresql_where=counted)


def downgrade() -> None:
    """Drops it again."""
    op.drop_index(NAME, "reservations")

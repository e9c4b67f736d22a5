"""Levels of gauges, beside the peaks that count."""

from alembic import op
from sqlalchemy import BigInteger, Column, text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LARGEST_TOTAL = 2**62


def upgrade() -> None:
    """Adds the columns; no gauge has a level yet."""
    op.execute(
        "ALTER TABLE counters ADD COLUMN level BIGINT DEFAULT 0 NOT NULL"
        f" CONSTRAINT ck_counters_level CHECK (level BETWEEN 0 AND {LARGEST_TOTAL})"
    )
    op.add_column("counters", Column("level_us", BigInteger, nullable=False, server_default=text("0")))


def downgrade() -> None:
    """Removes them again."""
    with op.batch_alter_table("counters") as counters:
        counters.drop_constraint("ck_counters_level", type_="check")
        counters.drop_column("level")
        counters.drop_column("level_us")

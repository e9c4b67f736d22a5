"""Usage that was taken back names the operation that did it."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; nothing is voided yet."""
    op.add_column("operations", Column("voided_by", Text, nullable=True))


def downgrade() -> None:
    """Removes it again."""
    with op.batch_alter_table("operations") as operations:
        operations.drop_column("voided_by")

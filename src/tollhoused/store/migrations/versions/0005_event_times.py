"""Event times in the index of operations, so that totals over time find what came late."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BEFORE = ["slice", "account", "stored_at_us"]
AFTER = [*BEFORE, "event_at_us"]


def upgrade() -> None:
    """Makes the longer index before it drops the shorter one. Writers wait while it is made."""
    op.create_index(_name(AFTER), "operations", AFTER)
    op.drop_index(_name(BEFORE), "operations")


def downgrade() -> None:
    """Makes the shorter index again."""
    op.create_index(_name(BEFORE), "operations", BEFORE)
    op.drop_index(_name(AFTER), "operations")


def _name(columns: list[str]) -> str:
    return f"ix_operations_{'_'.join(columns)}"

"""Callers: clients, their API keys, the audit log, and what holds for the whole deployment."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, PrimaryKeyConstraint, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def text(name: str) -> Column[str]:
    """A column of this step: later steps have their own."""
    return Column(name, Text, nullable=False)


def number(name: str, *, nullable: bool = False) -> Column[int]:
    """A column of this step: later steps have their own."""
    return Column(name, BigInteger, nullable=nullable)


def upgrade() -> None:
    """Adds the tables; nothing that is stored changes."""
    op.create_table(
        "clients", text("id"), text("name"), number("created_us"), PrimaryKeyConstraint("id", name="pk_clients")
    )
    op.create_table(
        "api_keys",
        text("client"),
        text("id"),
        text("secret_sha256"),
        text("scopes"),
        text("products"),
        text("environment"),
        number("may_create"),
        number("created_us"),
        number("expires_us", nullable=True),
        number("retires_us", nullable=True),
        number("revoked_us", nullable=True),
        number("last_used_us", nullable=True),
        PrimaryKeyConstraint("id", name="pk_api_keys"),
        ForeignKeyConstraint(["client"], ["clients.id"], name="fk_api_keys_clients"),
        CheckConstraint("environment IN ('test', 'live')", name="ck_api_keys_environment"),
        CheckConstraint("may_create IN (0, 1)", name="ck_api_keys_may_create"),
    )
    op.create_table(
        "audit_log",
        number("at_us"),
        text("client"),
        text("idempotency_key"),
        text("action"),
        text("account"),
        text("detail"),
        PrimaryKeyConstraint("at_us", "client", "idempotency_key", name="pk_audit_log"),
    )
    op.create_table("deployment", text("name"), text("value"), PrimaryKeyConstraint("name", name="pk_deployment"))


def downgrade() -> None:
    """Removes the tables again, and with them every key."""
    for name in ("deployment", "audit_log", "api_keys", "clients"):
        op.drop_table(name)

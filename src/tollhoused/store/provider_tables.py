"""The tables of payment providers: what they were asked for, and what they have told us."""

from sqlalchemy import ColumnElement, Index, PrimaryKeyConstraint, Table, literal_column

from tollhoused.store.columns import LARGEST_TOTAL, check, maybe_number, maybe_text, metadata, number, of_account, text

IS_OPEN: ColumnElement[bool] = literal_column("state = 'open'")
IS_PENDING: ColumnElement[bool] = literal_column("state = 'pending'")

intents = Table(
    "intents",
    metadata,
    text("account"),
    text("id"),
    text("kind"),
    text("provider"),
    text("client"),
    text("currency"),
    number("credits_nanos"),
    number("price_minor"),
    text("order"),
    number("created_us"),
    number("attempt_us"),
    number("attempt"),
    text("state"),
    text("reference"),
    text("url"),
    text("problem"),
    text("payment_id"),
    text("grant_id"),
    number("paid_minor"),
    number("returned_minor"),
    number("clawed_nanos"),
    number("observed_us"),
    maybe_number("settled_us"),
    PrimaryKeyConstraint("account", "id"),
    of_account(),
    Index(None, "id"),
    Index("ix_intents_open", "attempt_us", "id", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
    check("state", "state IN ('open', 'waiting', 'succeeded', 'failed', 'expired')"),
    check("attempt", "attempt >= 1"),
    check("credits", f"credits_nanos BETWEEN 0 AND {LARGEST_TOTAL}"),
    check("price", "price_minor >= 0"),
    check("clawed", "clawed_nanos BETWEEN 0 AND credits_nanos"),
    check("returned", "returned_minor BETWEEN 0 AND paid_minor"),
)
"""What providers were asked to do. A row is there before its provider is called, and tells how far that has come."""

provider_events = Table(
    "provider_events",
    metadata,
    text("provider"),
    text("id"),
    text("kind"),
    number("received_us"),
    number("created_us"),
    text("body"),
    text("state"),
    number("attempts"),
    number("next_attempt_us"),
    text("problem"),
    maybe_text("account"),
    PrimaryKeyConstraint("provider", "id"),
    Index("ix_provider_events_pending", "next_attempt_us", sqlite_where=IS_PENDING, postgresql_where=IS_PENDING),
    Index(None, "state", "received_us"),
    check("state", "state IN ('pending', 'applied', 'ignored', 'dead')"),
    check("attempts", "attempts >= 0"),
)
"""The inbox: every event that a provider has sent, as it came, for ever; and what has become of it."""

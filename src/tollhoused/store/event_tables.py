"""The tables of outgoing events and of leases, in the same schema as all others."""

from sqlalchemy import (
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    literal_column,
)

from tollhoused.store.tables import check, maybe_number, maybe_text, number, text
from tollhoused.store.tables import metadata as metadata

IS_WAITING: ColumnElement[bool] = literal_column("position IS NULL")

outbox = Table(
    "outbox",
    metadata,
    text("account"),
    number("version"),
    number("number"),
    text("kind"),
    number("at_us"),
    text("data"),
    maybe_number("position"),
    PrimaryKeyConstraint("account", "version", "number"),
    UniqueConstraint("position"),
    Index(None, "account", "position"),
    Index(
        "ix_outbox_waiting",
        "at_us",
        "account",
        "version",
        "number",
        sqlite_where=IS_WAITING,
        postgresql_where=IS_WAITING,
    ),
    check("number", "number >= 1"),
    check("position", "position IS NULL OR position >= 1"),
)
"""Outgoing events, written in the transactions that cause them. The relay gives committed ones their positions, so that
a position is never passed by one that is committed later.
"""

leases = Table(
    "leases",
    metadata,
    text("name"),
    text("holder"),
    number("until_us"),
    number("fence"),
    number("reached"),
    PrimaryKeyConstraint("name"),
    check("fence", "fence >= 1"),
    check("reached", "reached >= 0"),
)
"""Work that one process does for all, and until when it is whose. `fence` grows with each change of hands; `reached` is
how far the work has come.
"""

event_endpoints = Table(
    "event_endpoints",
    metadata,
    text("id"),
    text("url"),
    text("kinds"),
    text("secret"),
    maybe_text("previous_secret"),
    maybe_number("previous_until_us"),
    number("created_us"),
    maybe_number("deleted_us"),
    number("reached"),
    PrimaryKeyConstraint("id"),
    check("reached", "reached >= 0"),
)
"""Where outgoing events are sent to. The secrets stand here as they are: without them nothing could be signed."""

event_deliveries = Table(
    "event_deliveries",
    metadata,
    text("endpoint"),
    number("position"),
    text("state"),
    number("attempts"),
    number("next_attempt_us"),
    text("problem"),
    PrimaryKeyConstraint("endpoint", "position"),
    ForeignKeyConstraint(["endpoint"], ["event_endpoints.id"]),
    Index(None, "state", "next_attempt_us"),
    check("state", "state IN ('pending', 'delivered', 'dead')"),
    check("attempts", "attempts >= 0"),
)
"""Events that an endpoint did not take at once, or is to be sent again; what it took at the first one has no row."""

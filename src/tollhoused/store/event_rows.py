"""Rows of outgoing events and their endpoints to values and back, in the order of `event_tables.py`."""

from tollhoused.domain.endpoints import Endpoint
from tollhoused.domain.outgoing import EventKind, OutgoingEvent, data_from_json, data_to_json
from tollhoused.store.rows import Row


def event_from_row(row: Row) -> OutgoingEvent:
    """An outgoing event."""
    account_id, version, number, kind, at_us, data, position = row
    known = EventKind(kind)
    return OutgoingEvent(account_id, version, number, known, at_us, data_from_json(known, data), position)


def event_row(event: OutgoingEvent) -> Row:
    """An outgoing event's row."""
    return (
        event.account_id,
        event.version,
        event.number,
        event.kind.value,
        event.at_us,
        data_to_json(event.data),
        event.position,
    )


def endpoint_from_row(row: Row) -> Endpoint:
    """An event endpoint."""
    id_, url, kinds, *rest = row
    return Endpoint(id_, url, frozenset(kind for kind in kinds.split(",") if kind), *rest)


def endpoint_row(endpoint: Endpoint) -> Row:
    """An event endpoint's row; its kinds are joined by commas, none for all."""
    return (
        endpoint.id,
        endpoint.url,
        ",".join(sorted(endpoint.kinds)),
        endpoint.secret,
        endpoint.previous_secret,
        endpoint.previous_until_us,
        endpoint.created_us,
        endpoint.deleted_us,
        endpoint.reached,
    )

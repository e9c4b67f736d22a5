"""EventService: what happened, in one order."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import event_service_pb2 as pb

from tollhoused.domain.outgoing import EventKind, OutgoingEvent
from tollhoused.rpc import decode, encode
from tollhoused.usecases import events, pages
from tollhoused.usecases.core import Call, Core

FIELDS: Mapping[EventKind, str] = {
    EventKind.USAGE_THRESHOLD: "usage_threshold",
    EventKind.CREDITS_LOW: "credits_level",
    EventKind.CREDITS_DEPLETED: "credits_level",
    EventKind.CREDITS_GRANTED: "credits_granted",
    EventKind.CREDITS_EXPIRED: "credits_expired",
    EventKind.PLAN_CHANGED: "plan_changed",
    EventKind.RESERVATION_EXPIRED: "reservation_expired",
    EventKind.TOP_UP_SUCCEEDED: "top_up_succeeded",
    EventKind.TOP_UP_RETURNED: "top_up_returned",
    EventKind.AUTO_RELOAD_STARTED: "auto_reload",
    EventKind.AUTO_RELOAD_SUCCEEDED: "auto_reload",
    EventKind.AUTO_RELOAD_FAILED: "auto_reload",
    EventKind.AUTO_RELOAD_STOPPED: "auto_reload",
    EventKind.PAYMENT_FAILED: "payment_failed",
}
"""Where each kind's particulars stand in an Event. Their fields have the names of ours, but instants end in `_time`."""


class EventServicer:
    """The methods of the service."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def ListEvents(self, request: pb.ListEventsRequest, call: Call) -> pb.ListEventsResponse:
        subject = decode.subject(request.subject) if request.HasField("subject") else None
        size = pages.page_size(request.page_size)
        found, reached = events.list_events(self._core, request.after_position, size, list(request.kinds), subject)
        return pb.ListEventsResponse(events=map(event, found), reached_position=reached)


def event(told: OutgoingEvent) -> pb.Event:
    """An event as the contract has it."""
    shown = pb.Event(
        position=told.position or 0,
        event_id=told.id,
        kind=told.kind.value,
        account_id=told.account_id,
        record_time=encode.timestamp(told.at_us),
    )
    data = getattr(shown, FIELDS[told.kind])
    data.SetInParent()
    for name, value in told.data._asdict().items():
        if value is not None:
            _put(data, name, value)
    return shown


def _put(data: Any, name: str, value: Any) -> None:
    """One field of an event's particulars."""
    if name.endswith("_us"):
        target: Timestamp = getattr(data, _TIMES.get(name, f"{name.removesuffix('_us')}_time"))
        encode.put_instant(target, value)
    elif name in _CONVERTED:
        setattr(data, name, _CONVERTED[name](value))
    elif isinstance(value, tuple):
        getattr(data, name).extend(value)
    else:
        setattr(data, name, value)


_TIMES = {"expires_us": "expire_time"}
_CONVERTED: Mapping[str, Callable[[str], int]] = {"state": lambda state: encode.RESERVATION_STATES[state]}

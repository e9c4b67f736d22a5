"""Outgoing events by their positions (requirement O7)."""

from collections.abc import Sequence

from tollhoused.domain.identity import Subject
from tollhoused.domain.outgoing import EventKind, OutgoingEvent
from tollhoused.errors import InvalidField
from tollhoused.usecases.core import Core, reading

KINDS_MAX = 20
KNOWN = {kind.value for kind in EventKind}
POSITION_MAX = 2**62


def list_events(
    core: Core, after_position: int, page_size: int, kinds: Sequence[str], subject: Subject | None
) -> tuple[list[OutgoingEvent], int]:
    """Events behind a position in order, and the position to go on from. No kinds: all; no subject: all accounts."""
    position = checked_position(after_position)
    wanted = known_kinds(kinds)
    account_id = core.resolve(subject).account_id if subject else ""
    with reading():
        return core.store.events.after(position, page_size, wanted, account_id)


def checked_position(value: int, field: str = "after_position") -> int:
    """0 or more."""
    if not 0 <= value <= POSITION_MAX:
        raise InvalidField(field, f"must be from 0 to {POSITION_MAX}")
    return value


def known_kinds(names: Sequence[str]) -> frozenset[str]:
    """Kinds by their names; whoever misspells one must not wait for it for ever."""
    if len(names) > KINDS_MAX:
        raise InvalidField("kinds", f"has more than {KINDS_MAX} entries")
    for index, name in enumerate(names):
        if name not in KNOWN:
            raise InvalidField(f"kinds[{index}]", f"is not a kind of event; known are {', '.join(EventKind)}")
    return frozenset(names)

"""The inbox of a payment provider's events: what it posts is stored as it came, before anything is made of it (P3)."""

from collections.abc import Sequence

from tollhoused.domain.instants import DAY_US
from tollhoused.providers.provider import BadWebhook
from tollhoused.settings import PROVIDERS
from tollhoused.store.providers import DEAD, PENDING, ProviderEvent
from tollhoused.usecases.core import Core, reading
from tollhoused.usecases.desk import Desk

PORTION = 500


def receive(core: Core, desk: Desk, secrets: Sequence[str], body: bytes, signature: str) -> bool:
    """Stores what was posted as an event; False where it was here before.

    Nothing is parsed before the signature has been found good. Raises BadWebhook for what is not to be sent again,
    StoreUnavailable for what is.
    """
    core.check_open()
    _verify(core, desk, secrets, body, signature)
    return keep(core, desk, body)


def keep(core: Core, desk: Desk, body: bytes) -> bool:
    """Stores an event of which it is known that the provider has made it; False where it was here before.

    Raises BadWebhook for what is no event or one of the other environment, and StoreUnavailable.
    """
    notice = desk.provider.translate(body, live=core.live)
    now_us = core.clock()
    event = ProviderEvent(
        provider=desk.name,
        id=notice.event_id,
        kind=notice.kind,
        received_us=now_us,
        created_us=notice.created_us,
        body=body.decode(),
        next_attempt_us=now_us,
    )
    with reading():
        return core.store.providers.receive(event)


def _verify(core: Core, desk: Desk, secrets: Sequence[str], body: bytes, signature: str) -> None:
    """The provider signs by the wall clock; one that tests move may go with a clock that tests have moved."""
    try:
        desk.provider.verify(body, signature, secrets, core.clock.wall())
    except BadWebhook:
        if not core.clock.offset_us:
            raise
        desk.provider.verify(body, signature, secrets, core.clock())


def list_events(core: Core, state: str, limit: int) -> list[ProviderEvent]:
    """Events in a state, or in any when it is empty; newest first."""
    with reading():
        return core.store.providers.events(state, core.clock() + DAY_US, limit)


def find(core: Core, event_id: str) -> ProviderEvent | None:
    """An event by its id, whichever provider's."""
    with reading():
        found = (core.store.providers.event(provider, event_id) for provider in PROVIDERS)
        return next((event for event in found if event), None)


def replay(core: Core, event: ProviderEvent) -> None:
    """Has an event applied again by whichever server runs on the database, as if it had just come."""
    again = event._replace(state=PENDING, attempts=0, next_attempt_us=core.clock(), problem="")
    with reading():
        core.store.providers.note(again)


def replay_dead(core: Core) -> int:
    """Has all events applied again that were given up; says how many."""
    number = 0
    while dead := list_events(core, DEAD, PORTION):
        for event in dead:
            replay(core, event)
        number += len(dead)
    return number

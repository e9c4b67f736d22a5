"""What clients send: usage events, grants and limits, each under its own key, and altered twins of usage events."""

import random
from dataclasses import dataclass, replace

from tests.torture.cast import CAST, Actor

PRODUCTS = ("talk", "send")
METERS = ("api_calls", "voice_minutes", "email_sends")


@dataclass(frozen=True, slots=True)
class Usage:
    """One usage event as it is sent. `event_us` None: no time is given; an empty `label`: no metadata."""

    key: str
    actor: Actor
    product: str
    meter: str
    quantity: int
    record: bool
    event_us: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Credits for an account. `expires_us` None: for ever; no `meters`: for any."""

    key: str
    actor: Actor
    amount_nanos: int
    expires_us: int | None = None
    meters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """A hard limit for one meter of an account; a new one begins a new segment, which carries the use on."""

    key: str
    actor: Actor
    meter: str
    included: int


Command = Usage | Grant | Limit


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one call carries: one command, or several usage events as a batch."""

    commands: tuple[Command, ...]
    batch: bool = False
    atomic: bool = False


def altered(usage: Usage, chance: random.Random) -> tuple[Usage, str]:
    """The same key with one other field, and the name of that field as the refusal must give it."""
    match chance.randrange(7):
        case 0:
            return replace(usage, quantity=usage.quantity + 1), "quantity"
        case 1:
            return replace(usage, meter=_another(METERS, usage.meter)), "meter"
        case 2:
            return replace(usage, product=_another(PRODUCTS, usage.product)), "product"
        case 3:
            return replace(usage, record=not usage.record), "enforcement"
        case 4:
            return replace(usage, event_us=(usage.event_us or 1_600_000_000_000_000) + 1), "event_time"
        case 5:
            return replace(usage, label=usage.label + "?"), "metadata"
    return replace(usage, actor=next(actor for actor in CAST if actor != usage.actor)), "subject"


def _another(names: tuple[str, ...], name: str) -> str:
    return names[(names.index(name) + 1) % len(names)]

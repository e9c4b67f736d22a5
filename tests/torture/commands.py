"""What clients send, each command under its own key, and twins that differ from what a key stands for in one field."""

import random
from dataclasses import dataclass, replace

from tests.torture.cast import CAST, Actor
from tests.torture.purchases import (
    CancelPlan,
    ChangePlan,
    Checkout,
    Purchase,
    ResumePlan,
    ResumeReload,
    SetReload,
    TopUp,
)
from tollhoused.domain.money import NANOS_PER_UNIT

PRODUCTS = ("talk", "send")
METERS = ("api_calls", "voice_minutes", "email_sends")
GAUGE = "storage_mb"
PACKS_NANOS = (10 * NANOS_PER_UNIT, 25 * NANOS_PER_UNIT)


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
class Level:
    """A gauge's level, or with `change` by how much it moves."""

    key: str
    actor: Actor
    value: int
    change: bool


@dataclass(frozen=True, slots=True)
class Reserve:
    """Allowance and credits to hold; `commits`: its own end commits it; `over`: what a commit beyond it does."""

    key: str
    actor: Actor
    meter: str
    quantity: int
    ttl_us: int
    commits: bool
    over: str


@dataclass(frozen=True, slots=True)
class Extend:
    """A later end of a reservation."""

    key: str
    actor: Actor
    reservation_id: str
    ttl_us: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What was used of a reservation; more than `reserved` may be refused."""

    key: str
    actor: Actor
    reservation_id: str
    quantity: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Release:
    """A reservation that is not needed."""

    key: str
    actor: Actor
    reservation_id: str


@dataclass(frozen=True, slots=True)
class VoidUsage:
    """Takes back the usage under another key."""

    key: str
    actor: Actor
    voided_key: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Credits for an account. `expires_us` None: for ever; no `meters`: for any; the lower `priority` burns first."""

    key: str
    actor: Actor
    amount_nanos: int
    expires_us: int | None = None
    meters: tuple[str, ...] = ()
    priority: int = 100


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A correction of the credits, up or down."""

    key: str
    actor: Actor
    amount_nanos: int


@dataclass(frozen=True, slots=True)
class VoidGrant:
    """Ends a grant before its time."""

    key: str
    actor: Actor
    grant_id: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A hard limit for one meter of an account; a new one begins a new segment, which carries the use on."""

    key: str
    actor: Actor
    meter: str
    included: int


@dataclass(frozen=True, slots=True)
class Assign:
    """A plan for an account: a new subscription, or another plan for one, at once or at `effective_us`."""

    key: str
    actor: Actor
    plan: str
    subscription_id: str = ""
    effective_us: int | None = None


@dataclass(frozen=True, slots=True)
class Unassign:
    """The end of a subscription."""

    key: str
    actor: Actor
    subscription_id: str


Ending = Commit | Release
OnReservation = Extend | Commit | Release
OnCredits = Grant | Adjustment | VoidGrant
OnPlan = Limit | Assign | Unassign
Command = Usage | Level | Reserve | OnReservation | VoidUsage | OnCredits | OnPlan | Purchase

KINDS: dict[type[Command], str] = {
    Usage: "record_usage",
    Level: "set_usage",
    Reserve: "reserve_usage",
    Extend: "extend_reservation",
    Commit: "commit_reservation",
    Release: "release_reservation",
    VoidUsage: "void_usage",
    Grant: "grant_credits",
    Adjustment: "adjust_credits",
    VoidGrant: "void_grant",
    Limit: "set_override",
    Assign: "assign_plan",
    Unassign: "unassign_plan",
}
"""The kind under which each is stored."""

PURCHASES: dict[type[Command], str] = {
    TopUp: "create_top_up",
    SetReload: "set_auto_reload",
    ResumeReload: "resume_auto_reload",
    Checkout: "start_checkout",
    ChangePlan: "change_plan",
    CancelPlan: "cancel_subscription",
    ResumePlan: "resume_subscription",
}
"""Those that need a payment provider."""

ALL_KINDS = KINDS | PURCHASES


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one call carries: one command, or several usage events as a batch or on a stream."""

    commands: tuple[Command, ...]
    batch: bool = False
    atomic: bool = False
    stream: bool = False


def altered(command: Command, chance: random.Random) -> tuple[Command, str] | None:
    """The same key with one other field, and that field's name as the refusal must give it; None for some kinds."""
    match command:
        case Usage():
            return _altered_usage(command, chance)
        case Level():
            # A change of nothing would be refused before the key is looked at.
            return replace(command, value=command.value + 1 or 2), "delta" if command.change else "level"
        case Reserve() | Commit():
            return replace(command, quantity=command.quantity + 1), "quantity"
        case Grant() | Adjustment():
            return replace(command, amount_nanos=command.amount_nanos * 2), "amount_nanos"
        case TopUp():
            # Only packs are sold; any other amount would be refused before the key is looked at.
            another = next(nanos for nanos in PACKS_NANOS if nanos != command.amount_nanos)
            return replace(command, amount_nanos=another), "amount_nanos"
        case Assign():
            return replace(command, plan="team" if command.plan == "pro" else "pro"), "plan"
    return None


def _altered_usage(usage: Usage, chance: random.Random) -> tuple[Usage, str]:
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

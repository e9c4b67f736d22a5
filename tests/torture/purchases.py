"""What clients send where money is at stake: each is an order at the payment provider, or decides on later ones."""

from dataclasses import dataclass

from tests.torture.cast import Actor


@dataclass(frozen=True, slots=True)
class TopUp:
    """A page on which credits are bought."""

    key: str
    actor: Actor
    amount_nanos: int


@dataclass(frozen=True, slots=True)
class SetReload:
    """Credits are to be bought by themselves below a threshold."""

    key: str
    actor: Actor
    threshold_nanos: int
    amount_nanos: int


@dataclass(frozen=True, slots=True)
class ResumeReload:
    """After declines, another try."""

    key: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class Checkout:
    """A page on which a plan is bought."""

    key: str
    actor: Actor
    plan: str


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Another plan, bought as well."""

    key: str
    actor: Actor
    plan: str


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """The end of a bought plan, now or where it would renew."""

    key: str
    actor: Actor
    at_once: bool


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """A bought plan goes on after all."""

    key: str
    actor: Actor


OnReload = SetReload | ResumeReload
Order = TopUp | Checkout | ChangePlan | CancelPlan | ResumePlan
Purchase = OnReload | Order

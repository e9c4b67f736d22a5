"""Who pays at the provider, and what they do next."""

import random
from collections.abc import Callable

from tests.torture.cast import Actor
from tests.torture.commands import PACKS_NANOS
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

SHORT_OF_MONEY = frozenset({"INSUFFICIENT_CREDITS"})
TOPPING_UP = Actor(name="topping up", user_id="user-top-up", email="top-up@example.com", refusals=SHORT_OF_MONEY)
RELOADING = tuple(
    Actor(name=f"reloading {number}", user_id=f"user-reload-{number}", email=f"reload-{number}@example.com",
          refusals=SHORT_OF_MONEY)
    for number in (1, 2)
)  # fmt: skip
SUBSCRIBING = tuple(
    Actor(name=f"subscribing {number}", user_id=f"user-plan-{number}", email=f"plan-{number}@example.com",
          refusals=SHORT_OF_MONEY)
    for number in (1, 2)
)  # fmt: skip
BUYERS = (TOPPING_UP, *RELOADING, *SUBSCRIBING)

RELOAD_NANOS = PACKS_NANOS[0]
THRESHOLD_NANOS = 9 * NANOS_PER_UNIT
"""Beside a pack of ten that is nearly untouched nothing is bought."""

SPREE_MINUTES = 240
"""Costs nearly a pack, so that another one is bought by itself."""

SOLD = ("pro", "team")


def reload_of(key: str, actor: Actor) -> SetReload:
    """Buys the smallest pack below the threshold."""
    return SetReload(key, actor, THRESHOLD_NANOS, RELOAD_NANOS)


class Buyers:
    """One client's purchases. Several clients act for the same buyer, so that their orders race."""

    def __init__(self, chance: random.Random, new_key: Callable[[], str]) -> None:
        self._chance = chance
        self._new_key = new_key

    def purchase(self) -> Purchase:
        """An order, or a decision on orders."""
        draw = self._chance.random()
        if draw < 0.45:
            actor = TOPPING_UP if self._chance.random() < 0.8 else self._chance.choice(RELOADING)
            return TopUp(self._new_key(), actor, self._chance.choice(PACKS_NANOS))
        if draw < 0.60:
            actor = self._chance.choice(RELOADING)
            return ResumeReload(self._new_key(), actor) if draw < 0.55 else reload_of(self._new_key(), actor)
        actor, key = self._chance.choice(SUBSCRIBING), self._new_key()
        if draw < 0.72:
            return Checkout(key, actor, self._chance.choice(SOLD))
        if draw < 0.84:
            return ChangePlan(key, actor, self._chance.choice(SOLD))
        if draw < 0.96:
            return CancelPlan(key, actor, at_once=self._chance.random() < 0.5)
        return ResumePlan(key, actor)

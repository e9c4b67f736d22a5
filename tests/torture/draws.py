"""What a client sends next: commands drawn by chance, each under a new key."""

from collections.abc import Callable

from tests.torture.cast import CAST, Act, Actor
from tests.torture.commands import (
    METERS,
    PRODUCTS,
    Adjustment,
    Assign,
    Command,
    Commit,
    Extend,
    Grant,
    Level,
    Limit,
    Release,
    Reserve,
    Shipment,
    Unassign,
    Usage,
    VoidGrant,
    VoidUsage,
)
from tests.torture.history import History
from tests.torture.plan import Plan

LATE_SHARE = 0.05
LATE_MAX_US = 3_600_000_000
BATCH_ITEMS_MAX = 8
STREAM_ITEMS_MAX = 12
QUANTITY_MAX = 5
LEVEL_MAX = 400
LIFE_US = (300_000, 6_000_000)
"""How long credits last that expire."""

HOLD_US = (1_000_000, 6_000_000)
"""How long reservations last; most are ended by a call before."""

LATER_US = (200_000, 3_000_000)
"""How long changes of plan wait that are scheduled."""

PLANS = ("early_adopter", "pro", "team")


class Draws:
    """One client's commands. What is changed or ended may be another client's, so that their calls race."""

    def __init__(self, plan: Plan, index: int, history: History, clock_us: Callable[[], int]) -> None:
        self._chance = plan.chance(f"client {index}")
        self._seconds = plan.seconds
        self._bulk_items = plan.bulk_items
        self._prefix = f"{plan.seed}-{index}"
        self._history = history
        self._clock_us = clock_us
        self._made = 0

    def usage(self, actor: Actor | None = None) -> Usage:
        """One usage event."""
        actor = actor or self.actor()
        event_us = None
        # Where the terms have changed since, a late event would be settled under the ones before.
        if actor.steady and self._chance.random() < LATE_SHARE:
            event_us = self._clock_us() - self._chance.randrange(LATE_MAX_US)
        return Usage(
            key=self.new_key(),
            actor=actor,
            product=self._chance.choice(PRODUCTS),
            meter=self._chance.choices(METERS, [1, 6, 1])[0],
            quantity=self._chance.randint(1, QUANTITY_MAX),
            record=actor.records,
            event_us=event_us,
            label=self._chance.choice(["", "a", "b"]),
        )

    def batch(self) -> Shipment:
        """A few usage events: of any accounts and now and then with one key twice, or atomic and of one account."""
        size = self._chance.randint(2, BATCH_ITEMS_MAX)
        atomic = self._chance.random() < 0.3
        actor = self.actor()
        items: list[Command] = [self.usage(actor if atomic else None) for _ in range(size)]
        if not atomic and self._chance.random() < 0.2:
            items.append(self._chance.choice(items))
        return Shipment(tuple(items), batch=True, atomic=atomic)

    def bulk(self) -> Shipment:
        """Many usage events of any accounts in one call, as back ends send them that collect first."""
        return Shipment(tuple(self.usage() for _ in range(self._bulk_items)), batch=True)

    def stream(self) -> Shipment:
        """A few messages of usage events on one stream."""
        size = self._chance.randint(2, STREAM_ITEMS_MAX)
        return Shipment(tuple(self.usage() for _ in range(size)), stream=True)

    def actor(self) -> Actor:
        """Who uses something."""
        return self._chance.choices(CAST, [actor.weight for actor in CAST])[0]

    def grant(self) -> Command:
        """Credits that last, or that expire while the run goes on; for any meter, or for the busiest one."""
        actor = self._chance.choice([actor for actor in CAST if actor.grant_nanos])
        expires_us = None
        if self._chance.random() < 0.5:
            expires_us = self._clock_us() + self._chance.randint(*LIFE_US)
        meters = (METERS[1],) if self._chance.random() < 0.3 else ()
        priority = self._chance.choice((50, 150))  # before or after what the rich began with
        return Grant(self.new_key(), actor, actor.grant_nanos, expires_us, meters, priority)

    def correction(self) -> Command:
        """Credits up or down, or the end of a grant."""
        actor = self._one(Act.CORRECTIONS)
        made = [id_ for command, id_ in self._history.made(Grant) if command.actor == actor]
        if made and self._chance.random() < 0.3:
            return VoidGrant(self.new_key(), actor, self._chance.choice(made))
        share = self._chance.uniform(0.1, 1.0) * self._chance.choice((-1, 1))
        return Adjustment(self.new_key(), actor, round(share * actor.grant_nanos) or 1)

    def limit(self) -> Command:
        """Another hard limit."""
        actor = self._chance.choice([actor for actor in CAST if actor.limit_per_second])
        included = round(actor.limit_per_second * self._seconds * self._chance.uniform(0.5, 2.0))
        return Limit(self.new_key(), actor, self._chance.choice(METERS), included)

    def plan(self) -> Command:
        """A subscription, another plan for one now or later, or its end."""
        actor = self._one(Act.PLANS)
        running = [id_ for _, id_ in self._history.made(Assign)]
        if not running or self._chance.random() < 0.2:
            return Assign(self.new_key(), actor, self._chance.choice(PLANS))
        subscription = self._chance.choice(running)
        if self._chance.random() < 0.3:
            return Unassign(self.new_key(), actor, subscription)
        later = self._clock_us() + self._chance.randint(*LATER_US) if self._chance.random() < 0.5 else None
        return Assign(self.new_key(), actor, self._chance.choice(PLANS), subscription, later)

    def level(self) -> Command:
        """A gauge's level, or a change of it."""
        actor = self._one(Act.LEVELS, Act.CHANGES)
        if Act.CHANGES in actor.acts:
            return Level(self.new_key(), actor, self._chance.randint(-60, 80) or 1, change=True)
        return Level(self.new_key(), actor, self._chance.randint(0, LEVEL_MAX), change=False)

    def void(self) -> Command:
        """Takes back something that is stored, or records something to be taken back later."""
        found = [usage for usage in self._history.acknowledged(Usage) if Act.VOIDS in usage.actor.acts]
        if not found:
            return self.usage(self._one(Act.VOIDS))
        usage = self._chance.choice(found)
        return VoidUsage(self.new_key(), usage.actor, usage.key)

    def hold(self) -> Command:
        """A reservation, or what becomes of one: extended, committed (less, exactly, more), released, or nothing."""
        held = self._history.made(Reserve)
        if not held or self._chance.random() < 0.45:
            return Reserve(
                self.new_key(),
                self._one(Act.HOLDS),
                self._chance.choice(METERS[:2]),
                self._chance.randint(1, 4 * QUANTITY_MAX),
                self._chance.randint(*HOLD_US),
                commits=self._chance.random() < 0.3,
                over=self._chance.choice(("refuse", "enforce")),
            )
        made, id_ = self._chance.choice(held)
        assert isinstance(made, Reserve)
        draw = self._chance.random()
        if draw < 0.15:
            return Extend(self.new_key(), made.actor, id_, self._chance.randint(*HOLD_US))
        if draw < 0.4:
            return Release(self.new_key(), made.actor, id_)
        quantity = self._chance.choice((0, made.quantity // 2, made.quantity, made.quantity + QUANTITY_MAX))
        return Commit(self.new_key(), made.actor, id_, quantity, made.quantity)

    def _one(self, *acts: Act) -> Actor:
        return self._chance.choice([actor for actor in CAST if actor.acts.intersection(acts)])

    def new_key(self) -> str:
        """A key that nobody has used."""
        self._made += 1
        return f"{self._prefix}-{self._made:06d}"

"""One client: sends commands, repeats them until they are settled, and now and then misbehaves."""

import threading
import time
from collections.abc import Callable
from enum import Enum

from tests.torture.cast import CAST, Actor
from tests.torture.commands import METERS, PRODUCTS, Command, Grant, Limit, Shipment, Usage, altered
from tests.torture.door import Door
from tests.torture.history import History, Result, Sent
from tests.torture.plan import Plan

CALL_SECONDS = 3.0
SHARES = (0.10, 0.04, 0.03, 0.01, 0.15, 0.67)
"""How often a client re-sends, contradicts, gives credits, sets a limit, records a batch, records one usage event."""

ABANDON_SHARE = 0.10
LATE_SHARE = 0.05
LATE_MAX_US = 3_600_000_000
BATCH_ITEMS_MAX = 8
QUANTITY_MAX = 5
LIFE_US = (1_000_000, 8_000_000)
"""How long credits last that expire."""


class Patience(Enum):
    """How long a client goes on with one command."""

    UNTIL_SETTLED = "repeats with the same key until an answer settles it"
    ONE_TRY = "leaves the outcome unknown after the first error"
    SHORT_DEADLINE = "stops waiting after milliseconds"


class Client(threading.Thread):
    """Works until told to stop, then settles what it has under way."""

    def __init__(
        self, index: int, plan: Plan, addresses: list[str], history: History, clock_us: Callable[[], int]
    ) -> None:
        super().__init__(name=f"client-{index}", daemon=True)
        self.index = index
        self.give_up_at = float("inf")
        self.failure: Exception | None = None
        self._chance = plan.chance(f"client {index}")
        self._seconds = plan.seconds
        self._prefix = f"{plan.seed}-{index}"
        self._servers = len(addresses)
        self._door = Door(addresses)
        self._history = history
        self._clock_us = clock_us
        self._made = 0
        self._stopping = threading.Event()

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._act()
        except Exception as failure:
            # What it had under way is missing from the history, so that there can be no verdict.
            self.failure = failure
        self._door.close()

    def stop(self, give_up_at: float) -> None:
        """Begins nothing new; what is not settled by `give_up_at` (of `time.monotonic`) never was."""
        self.give_up_at = give_up_at
        self._stopping.set()

    def _act(self) -> None:
        acts = (self._resend, self._contradict, self._give_credits, self._set_limit, self._record_batch, self._record)
        self._chance.choices(acts, SHARES)[0]()

    def _give_credits(self) -> None:
        self._deliver(Shipment((self._grant(),)), Patience.UNTIL_SETTLED)

    def _set_limit(self) -> None:
        self._deliver(Shipment((self._limit(),)), Patience.UNTIL_SETTLED)

    def _record_batch(self) -> None:
        self._deliver(self._batch(), self._patience())

    def _record(self) -> None:
        self._deliver(Shipment((self._usage(self._actor()),)), self._patience())

    def _resend(self) -> None:
        """Sends another client's recent command, settled or not, under its own key."""
        others = self._history.others(self.index, acknowledged=False)
        if others:
            self._send(Shipment((self._chance.choice(others),)), CALL_SECONDS)

    def _contradict(self) -> None:
        """Sends other content under a key that is stored for certain."""
        others = [item for item in self._history.others(self.index, acknowledged=True) if isinstance(item, Usage)]
        if others:
            twin, field = altered(self._chance.choice(others), self._chance)
            self._send(Shipment((twin,)), CALL_SECONDS, altered_field=field)

    def _deliver(self, shipment: Shipment, patience: Patience) -> None:
        group = shipment.commands[0].key if shipment.atomic else ""
        if not shipment.atomic:
            # An item of an atomic batch that is sent alone before the batch is stored would make the batch a conflict.
            for command in shipment.commands:
                self._history.begin(self.index, command)
        deadline = self._chance.uniform(0.001, 0.02) if patience is Patience.SHORT_DEADLINE else CALL_SECONDS
        while not self._send(shipment, deadline, group=group) and patience is Patience.UNTIL_SETTLED:
            if time.monotonic() > self.give_up_at:
                for command in shipment.commands:
                    self._history.give_up(command.key)
                return
            time.sleep(self._chance.uniform(0.01, 0.08))  # a client's back-off

    def _send(self, shipment: Shipment, timeout_seconds: float, altered_field: str = "", group: str = "") -> bool:
        """One call; whether every command's outcome is known after it."""
        server = self._chance.randrange(self._servers)
        sent_ns = time.monotonic_ns()
        replies = self._door.send(shipment, server, timeout_seconds)
        done_ns = time.monotonic_ns()
        for command, reply in zip(shipment.commands, replies, strict=True):
            self._history.add(Sent(command, self.index, sent_ns, done_ns, reply, altered_field, group))
        return all(reply.result is not Result.UNKNOWN for reply in replies)

    def _patience(self) -> Patience:
        if self._chance.random() >= ABANDON_SHARE:
            return Patience.UNTIL_SETTLED
        return self._chance.choice([Patience.ONE_TRY, Patience.SHORT_DEADLINE])

    def _actor(self) -> Actor:
        return self._chance.choices(CAST, [actor.weight for actor in CAST])[0]

    def _usage(self, actor: Actor) -> Usage:
        event_us = None
        # Where the terms have changed since, a late event would be settled under the ones before.
        if not actor.plan and not actor.limit_per_second and self._chance.random() < LATE_SHARE:
            event_us = self._clock_us() - self._chance.randrange(LATE_MAX_US)
        return Usage(
            key=self._key(),
            actor=actor,
            product=self._chance.choice(PRODUCTS),
            meter=self._chance.choices(METERS, [1, 6, 1])[0],
            quantity=self._chance.randint(1, QUANTITY_MAX),
            record=actor.records,
            event_us=event_us,
            label=self._chance.choice(["", "a", "b"]),
        )

    def _grant(self) -> Grant:
        """Credits that last, or that expire while the run goes on; for any meter, or for the busiest one."""
        actor = self._chance.choice([actor for actor in CAST if actor.grant_nanos])
        expires_us = None
        if self._chance.random() < 0.5:
            expires_us = self._clock_us() + self._chance.randint(*LIFE_US)
        meters = (METERS[1],) if self._chance.random() < 0.3 else ()
        return Grant(self._key(), actor, actor.grant_nanos, expires_us, meters)

    def _limit(self) -> Limit:
        actor = self._chance.choice([actor for actor in CAST if actor.limit_per_second])
        included = round(actor.limit_per_second * self._seconds * self._chance.uniform(0.5, 2.0))
        return Limit(self._key(), actor, self._chance.choice(METERS), included)

    def _batch(self) -> Shipment:
        """A few usage events: of any accounts and now and then with one key twice, or atomic and of one account."""
        size = self._chance.randint(2, BATCH_ITEMS_MAX)
        atomic = self._chance.random() < 0.3
        actor = self._actor()
        items: list[Command] = [self._usage(actor if atomic else self._actor()) for _ in range(size)]
        if not atomic and self._chance.random() < 0.2:
            items.append(self._chance.choice(items))
        return Shipment(tuple(items), batch=True, atomic=atomic)

    def _key(self) -> str:
        self._made += 1
        return f"{self._prefix}-{self._made:06d}"

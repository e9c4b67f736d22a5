"""One client: sends commands, repeats them until they are settled, and now and then misbehaves."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from tests.fakes.stripe.world import Outcome
from tests.torture.buyers import RELOADING, SPREE_MINUTES, Buyers
from tests.torture.commands import Command, Shipment, altered
from tests.torture.door import Door
from tests.torture.draws import Draws
from tests.torture.history import History, Result, Sent
from tests.torture.plan import Plan
from tests.torture.purchases import Purchase
from tests.torture.shop import pay

CALL_SECONDS = 3.0
PURCHASE_SECONDS = 8.0
"""How long a call waits that waits for the provider in turn."""

PROVIDER_SECONDS = 30.0
"""So much longer may it take to settle an order: nobody asks a provider for a while that has not answered."""

SPREE_SHARE = 0.35
LEFT_SHARE = 0.15
DECLINED_SHARE = 0.3
LEFT_AFTER_SHARE = 0.5
"""Of the pages, how many nobody pays on, on how many the first card is declined, and how many are left after that."""

ABANDON_SHARE = 0.10


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
        self._chance = plan.chance(f"conduct of client {index}")
        self._draws = Draws(plan, index, history, clock_us)
        self._servers = len(addresses)
        self._bulk_share = plan.bulk_share
        self._door = Door(addresses)
        self._history = history
        self._stopping = threading.Event()
        self._money_share = plan.money_share
        self._buyers = Buyers(plan.chance(f"purchases of client {index}"), self._draws.new_key)
        draws = self._draws
        self._drawn: list[tuple[Callable[[], Command], int]] = [
            (draws.usage, 46),
            (draws.hold, 14),
            (draws.level, 6),
            (draws.void, 5),
            (draws.grant, 6),
            (draws.correction, 3),
            (draws.limit, 2),
            (draws.plan, 4),
        ]
        """What is sent alone, and how often."""

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
        if self._bulk_share and self._chance.random() < self._bulk_share:
            self._deliver(self._draws.bulk(), self._patience())
            return
        if self._money_share and self._chance.random() < self._money_share:
            self._spend()
            return
        draw = self._chance.random()
        if draw < 0.10:
            self._resend()
        elif draw < 0.14:
            self._contradict()
        elif draw < 0.26:
            self._deliver(self._draws.batch(), self._patience())
        elif draw < 0.32:
            self._deliver(self._draws.stream(), self._patience())
        else:
            draws, shares = zip(*self._drawn, strict=True)
            self._deliver(Shipment((self._chance.choices(draws, shares)[0](),)), self._patience())

    def _spend(self) -> None:
        """Buys something, or uses so much at once that credits are bought by themselves."""
        if self._chance.random() < SPREE_SHARE:
            spree = replace(
                self._draws.usage(self._chance.choice(RELOADING)), meter="voice_minutes", quantity=SPREE_MINUTES
            )
            self._deliver(Shipment((spree,)), Patience.UNTIL_SETTLED)
            return
        self._deliver(Shipment((self._buyers.purchase(),)), self._patience())

    def _pay(self, url: str) -> None:
        """What a customer does on the page of an order, or does not."""
        if self._chance.random() < LEFT_SHARE:
            return
        if self._chance.random() < DECLINED_SHARE:
            pay(url, Outcome.DECLINED)
            if self._chance.random() < LEFT_AFTER_SHARE:
                return
        pay(url)

    def _resend(self) -> None:
        """Sends another client's recent command, settled or not, under its own key."""
        others = self._history.others(self.index, acknowledged=False)
        if others:
            self._send(Shipment((self._chance.choice(others),)), CALL_SECONDS)

    def _contradict(self) -> None:
        """Sends other content under a key that is stored for certain."""
        others = self._history.others(self.index, acknowledged=True)
        twin = altered(self._chance.choice(others), self._chance) if others else None
        if twin:
            self._send(Shipment((twin[0],)), CALL_SECONDS, altered_field=twin[1])

    def _deliver(self, shipment: Shipment, patience: Patience) -> None:
        group = shipment.commands[0].key if shipment.atomic else ""
        if not shipment.atomic:
            # An item of an atomic batch that is sent alone before the batch is stored would make the batch a conflict.
            for command in shipment.commands:
                self._history.begin(self.index, command)
        buys = isinstance(shipment.commands[0], Purchase)
        deadline = PURCHASE_SECONDS if buys else CALL_SECONDS
        if patience is Patience.SHORT_DEADLINE:
            deadline = self._chance.uniform(0.001, 0.02)
        while not self._send(shipment, deadline, group=group) and patience is Patience.UNTIL_SETTLED:
            if time.monotonic() > self.give_up_at + (PROVIDER_SECONDS if buys else 0.0):
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
        batched = shipment.batch or shipment.stream
        for command, reply in zip(shipment.commands, replies, strict=True):
            self._history.add(Sent(command, self.index, sent_ns, done_ns, reply, altered_field, group, batched))
            if reply.answer and reply.answer.url and not altered_field:
                self._pay(reply.answer.url)
        return all(reply.result is not Result.UNKNOWN for reply in replies)

    def _patience(self) -> Patience:
        if self._chance.random() >= ABANDON_SHARE:
            return Patience.UNTIL_SETTLED
        return self._chance.choice([Patience.ONE_TRY, Patience.SHORT_DEADLINE])

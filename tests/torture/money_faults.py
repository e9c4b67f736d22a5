"""Planted faults where money is at stake, the points at which a crash shows them, and less patience for all of it."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from unittest.mock import patch

from tests.torture.switch import SWITCH
from tollhoused.cli import cashier
from tollhoused.domain import books, events, reload, settlement
from tollhoused.domain.account import Account
from tollhoused.domain.decision import Decision
from tollhoused.domain.instants import SECOND_US
from tollhoused.domain.intent import Intent, IntentState
from tollhoused.domain.payments import PaymentFacts, PaymentStatus
from tollhoused.domain.settlement import ObservePayment
from tollhoused.providers.provider import Provider
from tollhoused.providers.stripe import payments as stripe_payments
from tollhoused.usecases import desk, inbox
from tollhoused.usecases.core import Core
from tollhoused.usecases.desk import Desk

T = TypeVar("T")

PROVIDER_ANSWERED = "the provider has answered"
EVENT_STORED = "an event is stored"
EVENT_ACKNOWLEDGED = "an event was acknowledged before it is stored"
MONEY_POINTS = (PROVIDER_ANSWERED, EVENT_STORED)
"""Where the correct server can be told to kill itself: before it has stored, or said, what it has learned."""

ACKNOWLEDGED_SECONDS = 0.1
"""Long enough for an acknowledgement to leave the process."""


def replace(owner: object, name: str, new: object) -> None:
    """Puts `new` in the place of a function or value, for good."""
    patch.object(owner, name, new).start()


def hasten() -> None:
    """Waits that are made for real providers and processes that live for days, about ten times shorter.

    A server that lives for a second would otherwise never do what nobody waits for.
    """
    replace(cashier, "LEASE_SECONDS", 2)
    replace(cashier, "RENEW_SECONDS", 1)
    replace(cashier, "CALLER_US", 2 * SECOND_US)
    replace(cashier, "AGAIN_US", tuple(milliseconds * SECOND_US // 1_000 for milliseconds in (250, 500, 1_000, 2_000)))
    replace(desk, "PAUSE_SECONDS", 0.5)
    start = cashier.Cashier.start

    def start_in_haste(self: cashier.Cashier) -> None:
        self._look_seconds = 0.03
        start(self)

    replace(cashier.Cashier, "start", start_in_haste)


def watch_money() -> None:
    """Named points around calls to the provider and its events."""
    ask, keep = Desk.ask, inbox.keep

    def watched_ask(self: Desk, what: str, call: Callable[[Provider], T]) -> T:
        answer = ask(self, what, call)
        SWITCH.passing(PROVIDER_ANSWERED)
        return answer

    def watched_keep(core: Core, desk: Desk, body: bytes) -> bool:
        new = keep(core, desk, body)
        SWITCH.passing(EVENT_STORED)
        return new

    replace(Desk, "ask", watched_ask)
    replace(inbox, "keep", watched_keep)


def plant_credited_twice() -> None:
    """Whoever sees a payment gives its credits: the event, the look at the page, and each of them again."""
    decide = settlement.decide_payment

    def decide_again(account: Account, command: ObservePayment, now_us: int) -> Decision:
        order = account.intents[command.intent_id]
        paid = command.payment.status is PaymentStatus.SUCCEEDED and not command.payment.returned_minor
        if order.state is IntentState.SUCCEEDED and order.credits_nanos and paid:
            return settlement._paid(account, order, command, now_us)
        return decide(account, command, now_us)

    replace(settlement, "decide_payment", decide_again)


def plant_credits_before_payment() -> None:
    """A payment that the provider tells of is taken for one that has come."""
    read = stripe_payments.payment_facts

    def trusting(intent: dict[str, Any], *arguments: int) -> PaymentFacts:
        facts = read(intent, *arguments)
        return facts._replace(status=PaymentStatus.SUCCEEDED, paid_minor=int(intent["amount"]))

    replace(stripe_payments, "payment_facts", trusting)


def plant_charged_again() -> None:
    """Every call to the provider has an idempotency key of its own."""
    replace(Intent, "key", property(lambda intent: f"{intent.id}_{intent.attempt}_{time.monotonic_ns()}"))


def plant_event_acknowledged_first() -> None:
    """The provider hears that an event is stored, then it is stored."""
    keep = inbox.keep

    def keep_later(core: Core, desk: Desk, body: bytes) -> bool:
        def store() -> None:
            time.sleep(ACKNOWLEDGED_SECONDS)  # a store that waits for its turn
            SWITCH.passing(EVENT_ACKNOWLEDGED)
            keep(core, desk, body)

        threading.Thread(target=store, daemon=True).start()
        return True

    replace(inbox, "keep", keep_later)


def plant_reload_beside_another() -> None:
    """Nobody asks whether a reload is in flight."""
    heed = reload.heed_reload

    def heed_anyway(account: Account, now_us: int) -> None:
        if account.reload and account.reload.intent_id:
            account.reload = account.reload._replace(intent_id="")
        heed(account, now_us)

    replace(books, "heed_reload", heed_anyway)
    replace(events, "heed_reload", heed_anyway)

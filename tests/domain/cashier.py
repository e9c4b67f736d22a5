"""A desk at which things are paid for: orders, payments as a provider shows them, and what is told of them."""

from dataclasses import dataclass
from itertools import count

from tests.domain import builders as b
from tests.domain.builders import ANNA, ANNAS, NANOS, Desk, fresh
from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.identity import MatchedBy
from tollhoused.domain.intent import AutoReload, Intent, IntentKind, IntentState
from tollhoused.domain.intents import CreateTopUp, IntentCommand, NoteAttempt, RetryIntent
from tollhoused.domain.outgoing import OutgoingEvent
from tollhoused.domain.payments import NANOS_PER_MINOR, PaymentFacts, PaymentStatus
from tollhoused.domain.reload import ResumeAutoReload, SetAutoReload
from tollhoused.domain.settlement import ObservePayment

CENTS = NANOS_PER_MINOR
_moments = count(1_000)


def top_up(intent_id: str, units: int = 10, *, key: str | None = None) -> CreateTopUp:
    """Credits that are asked for at their own price."""
    return CreateTopUp(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        asks=IntentKind.TOP_UP,
        intent_id=intent_id,
        provider="stripe",
        credits_nanos=units * NANOS,
        price_minor=units * 100,
        sent={"amount_nanos": units * NANOS},
    )


def paid(
    cents: int = 1000, *, returned: int = 0, payment: str = "pay_1", intent: str = "int_1", currency: str = "eur"
) -> PaymentFacts:
    """A payment that has succeeded, with what was given back of it."""
    return PaymentFacts(payment, intent, ANNAS, PaymentStatus.SUCCEEDED, currency, cents, returned)


def auto_reload(
    threshold: int = 5,
    amount: int = 10,
    *,
    count_max: int = 3,
    nanos_max: int = 1000 * NANOS,
    enabled: bool = True,
) -> SetAutoReload:
    """Below `threshold` units it buys `amount` units."""
    return SetAutoReload(
        client="local",
        idempotency_key=fresh("key"),
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        provider="stripe",
        enabled=enabled,
        threshold_nanos=threshold * NANOS,
        amount_nanos=amount * NANOS,
        monthly_count_max=count_max,
        monthly_nanos_max=nanos_max,
    )


def resume() -> ResumeAutoReload:
    """Another try after it has stopped."""
    return ResumeAutoReload(
        client="local",
        idempotency_key=fresh("key"),
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
    )


@dataclass
class Cashier(Desk):
    """The desk, and what was told of payments."""

    heard: int = 0

    def carry_out(self, command: IntentCommand) -> IntentAnswer:
        answer = self.settle(command).answer
        assert isinstance(answer, IntentAnswer)
        return answer

    def observe(self, payment: PaymentFacts, at: int | None = None) -> IntentAnswer:
        """Brings Anna to what a payment was at an instant, or is now; goes on as long as there is more to do."""
        observed_us = next(_moments) if at is None else at
        while True:
            answer = self.carry_out(
                ObservePayment(
                    account_id=ANNAS,
                    intent_id=payment.intent_id,
                    payment=payment,
                    observed_us=observed_us,
                    grant_id=fresh("grant"),
                )
            )
            if not answer.again:
                return answer

    def note(
        self, intent_id: str, state: IntentState, *, attempt: int = 1, url: str = "", problem: str = ""
    ) -> IntentAnswer:
        """What came of an attempt."""
        return self.carry_out(
            NoteAttempt(account_id=ANNAS, intent_id=intent_id, attempt=attempt, state=state, url=url, problem=problem)
        )

    def retry(self, intent_id: str, failed_attempt: int) -> IntentAnswer:
        """Another attempt."""
        return self.carry_out(RetryIntent(account_id=ANNAS, intent_id=intent_id, failed_attempt=failed_attempt))

    @property
    def reload(self) -> AutoReload:
        """How Anna buys by herself."""
        assert self.account.reload
        return self.account.reload

    @property
    def reloads(self) -> list[Intent]:
        """The reloads there were, oldest first."""
        return [intent for intent in self.account.intents.values() if intent.kind is IntentKind.RELOAD]

    def pay(self, intent: Intent, *, returned: int = 0) -> IntentAnswer:
        """A reload that succeeds."""
        facts = paid(intent.price_minor, returned=returned, payment=f"pay_{intent.id}", intent=intent.id)
        return self.observe(facts)

    def decline(self, intent: Intent, reason: str = "card_declined") -> IntentAnswer:
        """A reload that does not."""
        status = PaymentStatus.FAILED
        facts = PaymentFacts(f"pay_{intent.id}", intent.id, ANNAS, status, "eur", decline=reason)
        return self.observe(facts)

    def spend(self, units: int) -> None:
        """Takes credits away."""
        self.credit(b.adjust(-units * NANOS))

    def news(self) -> list[str]:
        """The kinds of what was told of payments since the last time."""
        found = self.account.changes.events[self.heard :]
        self.heard += len(found)
        return [str(event.kind) for event in found if not event.kind.startswith(("credits.", "usage."))]

    def told(self, kind: str) -> list[OutgoingEvent]:
        """Everything of a kind that was ever told."""
        return [event for event in self.account.changes.events if event.kind == kind]

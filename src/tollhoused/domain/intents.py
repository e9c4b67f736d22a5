"""What a payment provider was asked to do for an account, and what has become of it (design: providers).

An intent is stored before the provider is called, and what came of the call is stored after it: so a process may die
anywhere between, and another one goes on. Each call is an attempt with a number; its id is the provider's idempotency
key. Another attempt is only made once the last is known to have failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tollhoused.domain.account import NEVER_US, Account
from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.commands import Command, StoredCommand, digest
from tollhoused.domain.decision import Decision, Effect
from tollhoused.domain.intent import Intent, IntentKind, IntentState
from tollhoused.domain.reload import after_failure
from tollhoused.errors import OrderNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIntent(Command):
    """Asks a provider for something. `order` is what exactly, for whoever carries it out; plain JSON values.

    `sent` is what the caller sent of it, under the request's fields. `credits_nanos` are what the payment will bring,
    `price_minor` is what must be paid for that, without tax.
    """

    audited = False
    asks: IntentKind
    intent_id: str
    provider: str
    credits_nanos: int = 0
    price_minor: int = 0
    order: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, object] = field(default_factory=dict)

    def content(self) -> dict[str, object]:
        return self.sent


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTopUp(OpenIntent):
    """Opens a page on which credits are bought."""

    kind = "create_top_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePaymentLink(OpenIntent):
    """Makes a link by which something is paid once."""

    kind = "create_payment_link"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCheckout(OpenIntent):
    """Opens a page on which a plan is bought."""

    kind = "start_checkout"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlan(OpenIntent):
    """Gives a bought subscription another plan."""

    kind = "change_plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSubscription(OpenIntent):
    """Ends a bought subscription."""

    kind = "cancel_subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeSubscription(OpenIntent):
    """Takes back the end of a bought subscription."""

    kind = "resume_subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBoughtPlanChange(OpenIntent):
    """Takes back the change of plan that is scheduled for a bought subscription."""

    kind = "cancel_bought_plan_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePortalSession(OpenIntent):
    """Opens the provider's page on which a customer keeps cards and invoices."""

    kind = "create_portal_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCommand(StoredCommand):
    """What is done because of what a provider said: nobody's operation, so it needs no key.

    It may be carried out as often as one likes; what was said before what is known already changes nothing.
    """

    client: str = ""
    idempotency_key: str = ""
    meter: str = ""
    segment_start_us: int = NEVER_US

    def content(self) -> dict[str, object]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentCommand(ProviderCommand):
    """What is done to an intent."""

    intent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryIntent(IntentCommand):
    """Makes another attempt of what is known to have failed, or not to have been done."""

    kind = "retry_intent"
    failed_attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAttempt(IntentCommand):
    """What an attempt came to: the state it leads to, what the provider calls it, and where the customer goes on.

    Whether money has come is no part of that.
    """

    kind = "note_attempt"
    attempt: int
    state: IntentState
    reference: str = ""
    url: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCustomer(ProviderCommand):
    """Notes what a provider calls the account; the first name stays, unless another provider gave it."""

    kind = "link_customer"
    customer: str


class Attempt(NamedTuple):
    """A call to a provider: which of an intent's it is, and the idempotency key that it bears."""

    number: int
    key: str


def decide_opening(account: Account, command: OpenIntent, now_us: int) -> Decision:
    """A new intent, whose first attempt may be under way from now on."""
    intent = Intent(
        id=command.intent_id,
        kind=command.asks,
        provider=command.provider,
        client=command.client,
        currency=account.currency,
        credits_nanos=command.credits_nanos,
        price_minor=command.price_minor,
        order=command.order,
        created_us=now_us,
        attempt_us=now_us,
    )
    return Decision(Effect(intent=intent), _answer(account, intent, command.matched_by.value))


def decide_retry(account: Account, command: RetryIntent, now_us: int) -> Decision:
    """Another attempt, unless somebody else has made it already. What follows a failed reload is another intent."""
    intent = found(account, command.intent_id)
    failed = intent.state is IntentState.FAILED and intent.kind is not IntentKind.RELOAD
    if not failed or intent.attempt != command.failed_attempt:
        return Decision(Effect(), _answer(account, intent))
    again = intent._replace(state=IntentState.OPEN, attempt=intent.attempt + 1, attempt_us=now_us, problem="")
    return Decision(Effect(intent=again), _answer(account, again))


def decide_note(account: Account, command: NoteAttempt, now_us: int) -> Decision:
    """What an attempt came to, unless it is over, or settled already by what came of it."""
    intent = found(account, command.intent_id)
    over = intent.is_final or (intent.kind is IntentKind.RELOAD and not intent.in_flight)
    if intent.attempt != command.attempt or over:
        return Decision(Effect(), _answer(account, intent))
    assert command.state is not IntentState.SUCCEEDED or not intent.credits_nanos, "a payment brings credits, no note"
    noted = intent._replace(
        state=command.state,
        reference=command.reference or intent.reference,
        url=command.url or intent.url,
        problem=command.problem,
    )
    if noted.is_final:
        noted = noted._replace(settled_us=now_us)
    if intent.kind is IntentKind.RELOAD and not noted.in_flight:
        noted = noted._replace(state=IntentState.FAILED, settled_us=now_us)
        return Decision(
            Effect(intent=noted, reload=after_failure(account.reload, intent, now_us)), _answer(account, noted)
        )
    return Decision(Effect(intent=noted), _answer(account, noted))


def decide_link(account: Account, command: LinkCustomer) -> Decision:
    """The customer of an account that has none at this provider."""
    nameless = IntentAnswer(account.id, "", "", "", account.currency, 0, 0)
    known = account.customer.partition(":")[0] == command.customer.partition(":")[0]
    return Decision(Effect(customer=None if known else command.customer), nameless)


def found(account: Account, intent_id: str) -> Intent:
    """The account's intent. Raises OrderNotFound."""
    intent = account.intents.get(intent_id)
    if intent is None:
        raise OrderNotFound("the account has no order of this id", order_id=intent_id)
    return intent


def reported(account: Account, intent: Intent, *, again: bool = False, problem: str = "") -> IntentAnswer:
    """An intent as it is after a command; `again` says that there is more to do, `problem` what nobody can do."""
    return _answer(account, intent)._replace(again=again, problem=problem)


def fingerprints(values: Mapping[str, object], *personal: str) -> dict[str, object]:
    """Values as they are sent, those that may be personal as fingerprints."""
    return {name: digest(str(value)) if name in personal and value else value for name, value in values.items()}


def _answer(account: Account, intent: Intent, matched_by: str = "") -> IntentAnswer:
    return IntentAnswer(
        account_id=account.id,
        matched_by=matched_by,
        intent_id=intent.id,
        kind=intent.kind.value,
        currency=intent.currency,
        credits_nanos=intent.credits_nanos,
        price_minor=intent.price_minor,
        state=intent.state.value,
    )

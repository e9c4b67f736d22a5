"""Brings accounts to what a provider shows: payments, subscriptions, and what an event says to look at (P3, P4)."""

import time
from dataclasses import dataclass

from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.bought import ObserveSubscription, sold_as, subscription_id
from tollhoused.domain.identity import Subject
from tollhoused.domain.intent import IntentKind, IntentState
from tollhoused.domain.intents import LinkCustomer, NoteAttempt, ProviderCommand
from tollhoused.domain.payments import CustomerFacts, PaymentFacts, SubscriptionFacts, Topic
from tollhoused.domain.settlement import ObservePayment
from tollhoused.errors import InvalidField, SubjectNotFound
from tollhoused.providers.provider import BadWebhook, NotThere
from tollhoused.store.providers import APPLIED, DEAD, IGNORED, ProviderEvent
from tollhoused.store.wanted import whole_accounts
from tollhoused.usecases import accounts, forms
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.desk import Desk

SECONDS_MAX = 20.0
"""How long the journal may take for what a provider has told."""

STEPS_MAX = 4
"""A payment that was given back before we heard of it takes two."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of something that a provider told: the account, empty where it is nobody's of ours.

    `problem` is what a person has to look at: nothing that asking again would mend.
    """

    account_id: str = ""
    problem: str = ""


NOBODYS = Seen()


def apply_event(core: Core, desk: Desk, event: ProviderEvent) -> ProviderEvent:
    """Applies an event; gives it as it is to be stored. Raises ProviderFailure and what the journal raises: try again.

    It is read anew here, so that an event which was not understood may be by a later version of this program.
    """
    try:
        notice = desk.provider.translate(event.body.encode(), live=core.live)
    except BadWebhook as problem:
        return event._replace(state=DEAD, problem=str(problem))
    seen = [_look(core, desk, topic, id_) for topic, id_ in notice.topics]
    problems = "; ".join(item.problem for item in seen if item.problem)
    account_id = next((item.account_id for item in seen if item.account_id), None)
    if problems:
        return event._replace(state=DEAD, problem=problems, account_id=account_id)
    return event._replace(state=APPLIED if account_id else IGNORED, problem="", account_id=account_id)


def _look(core: Core, desk: Desk, topic: Topic, id_: str) -> Seen:
    try:
        if topic is Topic.PAYMENT:
            return look_at_payment(core, desk, id_)
        if topic is Topic.SUBSCRIPTION:
            return look_at_subscription(core, desk, id_)
        return look_at_checkout(core, desk, id_)
    except NotThere:
        return NOBODYS


def look_at_payment(core: Core, desk: Desk, payment_id: str) -> Seen:
    """Brings the account of a payment to what it is now."""
    observed_us = core.clock()
    facts = desk.ask("read_payment", lambda provider: provider.read_payment(payment_id))
    return observe_payment(core, facts, observed_us)


def look_at_checkout(core: Core, desk: Desk, checkout_id: str) -> Seen:
    """Looks at what came of a page on which something was bought."""
    facts = desk.ask("read_checkout", lambda provider: provider.read_checkout(checkout_id))
    seen = NOBODYS
    if facts.payment_id:
        seen = look_at_payment(core, desk, facts.payment_id)
    if facts.subscription_id:
        seen = look_at_subscription(core, desk, facts.subscription_id)
    with reading():
        found = core.store.providers.intent(facts.intent_id) if facts.intent_id else None
    if found is None:
        return seen
    account_id, intent = found
    bought = facts.completed and intent.kind is IntentKind.PLAN_CHECKOUT
    if (bought or facts.expired) and not seen.problem:
        state = IntentState.SUCCEEDED if bought else IntentState.EXPIRED
        note = NoteAttempt(account_id=account_id, intent_id=intent.id, attempt=intent.attempt, state=state)
        told(core, note)
    return seen if seen.account_id else Seen(account_id)


def look_at_subscription(core: Core, desk: Desk, provider_id: str) -> Seen:
    """Brings the account of a subscription to what it is now."""
    observed_us = core.clock()
    facts = desk.ask("read_subscription", lambda provider: provider.read_subscription(provider_id))
    return observe_subscription(core, desk, facts, observed_us)


def observe_payment(core: Core, facts: PaymentFacts, observed_us: int) -> Seen:
    """What a payment is now, settled. A payment for something that we never asked for is nobody's."""
    if not facts.intent_id:
        return NOBODYS
    with reading():
        found = core.store.providers.intent(facts.intent_id)
    if found is None:
        return NOBODYS
    account_id, _ = found
    for _ in range(STEPS_MAX):
        command = ObservePayment(
            account_id=account_id,
            intent_id=facts.intent_id,
            payment=facts,
            observed_us=observed_us,
            grant_id=core.new_id("grant"),
        )
        answer = told(core, command)
        if answer.problem or not answer.again:
            return Seen(account_id, answer.problem)
    raise AssertionError(facts.payment_id)


def observe_subscription(core: Core, desk: Desk, facts: SubscriptionFacts, observed_us: int) -> Seen:
    """What a subscription is now, mirrored. One of a price that the catalogue does not have is nobody's."""
    with reading():
        known = core.store.providers.subscription(subscription_id(desk.name, facts.subscription_id))
    account_id = known[0] if known else ""
    if not account_id:
        if sold_as(core.shelf.history, desk.name, facts.price_id, facts.plan_version) is None:
            return NOBODYS
        account_id = _account_of(core, desk, facts)
        if not account_id:
            return Seen("", f"no account can be found for {facts.subscription_id}: its customer has no e-mail address")
    command = ObserveSubscription(
        account_id=account_id, provider=desk.name, facts=facts, observed_us=observed_us, grace_us=desk.grace_us
    )
    answer = told(core, command)
    _link(core, desk, account_id, facts.customer_id)
    return Seen(account_id, answer.problem)


def told(core: Core, command: ProviderCommand) -> IntentAnswer:
    """Has a command carried out that a provider is the reason for."""
    call = Call("", time.monotonic() + SECONDS_MAX)
    answer = core.run(call, command, False).answer
    assert isinstance(answer, IntentAnswer)
    return answer


def customer_of(core: Core, account_id: str) -> str:
    """What the provider calls an account, with the provider's name before it; empty where it does not know it."""
    with reading():
        books = core.store.snapshot(whole_accounts([account_id], core.clock()), core.clock)
    account = books.accounts.get(account_id)
    if account is None:
        raise SubjectNotFound("there is no such account")
    return account.customer


def ensure_customer(core: Core, desk: Desk, account_id: str) -> str:
    """The provider's id of an account's customer, who is made if need be. Raises ProviderFailure."""
    known = customer_of(core, account_id)
    if known.startswith(f"{desk.name}:"):
        return known.partition(":")[2]
    with reading():
        users, _ = core.store.names(account_id)
    email = next((user.email for user in users if user.email), "") or ""
    made = desk.ask("customer", lambda provider: provider.customer(account_id, email, f"customer_{account_id}"))
    _link(core, desk, account_id, made)
    return made


def _link(core: Core, desk: Desk, account_id: str, customer_id: str) -> None:
    if customer_id:
        told(core, LinkCustomer(account_id=account_id, customer=f"{desk.name}:{customer_id}"))


def _account_of(core: Core, desk: Desk, facts: SubscriptionFacts) -> str:
    """Whose a subscription is that we hear of for the first time: whom we sold it to, or else the customer's e-mail's.

    An account is made for an e-mail that nobody has (requirement I2). Empty where there is no e-mail.
    """
    if facts.account_id and _exists(core, facts.account_id):
        return facts.account_id
    customer: CustomerFacts = desk.ask("read_customer", lambda provider: provider.read_customer(facts.customer_id))
    if customer.account_id and _exists(core, customer.account_id):
        return customer.account_id
    try:
        email = forms.email_address("email", customer.email)
    except InvalidField:
        email = ""
    if not email:
        return ""
    try:
        account_id = core.resolve(Subject(email=email)).account_id
    except SubjectNotFound:
        call = Call(f"{desk.name}", time.monotonic() + SECONDS_MAX)
        made = accounts.upsert_user(
            core,
            call,
            user_id="",
            email=email,
            zone="",
            idempotency_key=f"customer_{facts.customer_id}",
            validate_only=False,
        )
        account_id = made.answer.account_id
    desk.ask("adopt_customer", lambda provider: provider.adopt_customer(facts.customer_id, account_id))
    return account_id


def _exists(core: Core, account_id: str) -> bool:
    with reading():
        return account_id in core.store.snapshot(whole_accounts([account_id], core.clock()), core.clock).accounts

"""Has a provider do what an account asked for: stored first, then called, then noted; another process may go on.

Whoever repeats a call that did not come to an end goes on where it stopped, with the same attempt: the provider does
nothing twice for it. A worker does the same for reloads, for which nobody waits.
"""

from collections.abc import Callable
from typing import NamedTuple

from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.instants import MINUTE_US
from tollhoused.domain.intent import Intent, IntentKind, IntentState
from tollhoused.domain.intents import NoteAttempt, OpenIntent, RetryIntent
from tollhoused.domain.payments import CheckoutFacts, Item, PaymentFacts, PaymentStatus, SubscriptionFacts
from tollhoused.errors import NoProvider, ProviderUnavailable
from tollhoused.providers.provider import NotAllowed, Provider, ProviderFailure, Refused
from tollhoused.usecases import desk as desks
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.desk import Desk
from tollhoused.usecases.payments import customer_of, ensure_customer, look_at_subscription, observe_payment, told

KEY_LIFE_US = 20 * 60 * MINUTE_US
"""An attempt is not made again after that: the provider may have forgotten its key by then."""

NO_CUSTOMER = "no_customer"


class Placed(NamedTuple):
    """An order as it stands once the provider was asked; without an intent where it was only previewed."""

    answer: IntentAnswer
    intent: Intent | None
    replayed: bool


def the_desk(core: Core) -> Desk:
    """The provider's desk. Raises NoProvider."""
    if core.desk is None:
        raise NoProvider("no payment provider is configured for this server")
    return core.desk


def place(core: Core, call: Call, command: OpenIntent, validate_only: bool) -> Placed:
    """Stores what is asked for and has the provider do it; a repeated call goes on with what its first one began."""
    settled = core.run(call, command, validate_only)
    answer = settled.answer
    assert isinstance(answer, IntentAnswer)
    if validate_only:
        return Placed(answer, None, settled.replayed)
    account_id, intent = _stored(core, answer.intent_id)
    if intent.state is IntentState.FAILED:
        told(core, RetryIntent(account_id=account_id, intent_id=intent.id, failed_attempt=intent.attempt))
        account_id, intent = _stored(core, intent.id)
    if intent.state is IntentState.OPEN:
        try:
            carry_out(core, the_desk(core), account_id, intent)
        except ProviderFailure as failure:
            raise desks.told(failure) from failure
        _, intent = _stored(core, intent.id)
    return Placed(answer, intent, settled.replayed)


def carry_out(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    """Makes the present attempt of an intent, or makes it again, and stores what came of it.

    Raises ProviderFailure, which leaves it FAILED where the provider refused, and otherwise OPEN, also a reload that
    only an operator can help.
    """
    if core.clock() - intent.attempt_us > KEY_LIFE_US:
        _look_for(core, desk, account_id, intent)
        return
    try:
        _CARRY_OUT[intent.kind](core, desk, account_id, intent)
    except Refused as refusal:
        if intent.kind is IntentKind.RELOAD and isinstance(refusal, NotAllowed):
            raise  # no decline of the customer's: it is made again once an operator has mended our access
        if intent.kind is IntentKind.RELOAD:
            _not_paid(core, account_id, intent, refusal.code or "refused")
            return
        _note(core, account_id, intent, IntentState.FAILED, problem=str(refusal))
        raise


def _buy_plan(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    order, customer_id = intent.order, ensure_customer(core, desk, account_id)
    page = desk.ask(
        "checkout_plan",
        lambda provider: provider.checkout_plan(
            intent_id=intent.id,
            account_id=account_id,
            customer_id=customer_id,
            price_id=order["price_id"],
            plan_version=order["plan_version"],
            success_url=order["success_url"],
            cancel_url=order["cancel_url"],
            attempt=intent.key,
        ),
    )
    _wait(core, account_id, intent, page)


def _buy_credits(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    order, customer_id = intent.order, ensure_customer(core, desk, account_id)
    page = desk.ask(
        "checkout_payment",
        lambda provider: provider.checkout_payment(
            intent_id=intent.id,
            account_id=account_id,
            customer_id=customer_id,
            item=Item(order["name"], intent.price_minor),
            currency=intent.currency,
            success_url=order["success_url"],
            cancel_url=order["cancel_url"],
            attempt=intent.key,
        ),
    )
    _wait(core, account_id, intent, page)


def _make_link(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    order = intent.order
    page = desk.ask(
        "payment_link",
        lambda provider: provider.payment_link(
            intent_id=intent.id,
            account_id=account_id,
            items=[Item(*item) for item in order["items"]],
            currency=intent.currency,
            return_url=order["return_url"],
            attempt=intent.key,
        ),
    )
    _wait(core, account_id, intent, page)


def _reload(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    known, prefix = customer_of(core, account_id), f"{desk.name}:"
    if not known.startswith(prefix):
        _not_paid(core, account_id, intent, NO_CUSTOMER)
        return
    observed_us = core.clock()
    payment = desk.ask(
        "charge",
        lambda provider: provider.charge(
            intent_id=intent.id,
            account_id=account_id,
            customer_id=known.removeprefix(prefix),
            amount_minor=intent.price_minor,
            currency=intent.currency,
            attempt=intent.key,
        ),
    )
    observe_payment(core, payment, observed_us)


def _change_plan(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    order = intent.order
    if order.get("subscription"):
        _subscription(
            core,
            desk,
            "change_plan",
            lambda provider: provider.change_plan(
                order["subscription"],
                order["price_id"],
                order["plan_version"],
                at_renewal=order["at_renewal"],
                attempt=intent.key,
            ),
        )
    _note(core, account_id, intent, IntentState.SUCCEEDED)


def _cancel(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    order = intent.order
    _subscription(
        core,
        desk,
        "cancel",
        lambda provider: provider.cancel(order["subscription"], at_renewal=order["at_renewal"], attempt=intent.key),
    )
    _note(core, account_id, intent, IntentState.SUCCEEDED)


def _resume(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    subscription = intent.order["subscription"]
    _subscription(core, desk, "resume", lambda provider: provider.resume(subscription, intent.key))
    _note(core, account_id, intent, IntentState.SUCCEEDED)


def _cancel_change(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    subscription = intent.order["subscription"]
    _subscription(core, desk, "cancel_change", lambda provider: provider.cancel_change(subscription, intent.key))
    _note(core, account_id, intent, IntentState.SUCCEEDED)


def _open_portal(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    customer_id = ensure_customer(core, desk, account_id)
    url = desk.ask("portal", lambda provider: provider.portal(customer_id, intent.order["return_url"], intent.key))
    _wait(core, account_id, intent, CheckoutFacts("", intent.id, url), IntentState.SUCCEEDED)


_CARRY_OUT: dict[IntentKind, Callable[[Core, Desk, str, Intent], None]] = {
    IntentKind.PLAN_CHECKOUT: _buy_plan,
    IntentKind.TOP_UP: _buy_credits,
    IntentKind.PAYMENT_LINK: _make_link,
    IntentKind.RELOAD: _reload,
    IntentKind.PLAN_CHANGE: _change_plan,
    IntentKind.CANCELLATION: _cancel,
    IntentKind.RESUMPTION: _resume,
    IntentKind.CHANGE_CANCELLATION: _cancel_change,
    IntentKind.PORTAL: _open_portal,
}


def _subscription(core: Core, desk: Desk, what: str, call: Callable[[Provider], SubscriptionFacts]) -> None:
    """A change at the provider, mirrored at once: no need to wait for the event that tells of it.

    It is read once more, for an event may have made somebody look while it was being changed.
    """
    look_at_subscription(core, desk, desk.ask(what, call).subscription_id)


def _wait(
    core: Core, account_id: str, intent: Intent, page: CheckoutFacts, state: IntentState = IntentState.WAITING
) -> None:
    command = NoteAttempt(
        account_id=account_id,
        intent_id=intent.id,
        attempt=intent.attempt,
        state=state,
        reference=page.checkout_id,
        url=page.url,
    )
    told(core, command)


def _note(core: Core, account_id: str, intent: Intent, state: IntentState, problem: str = "") -> None:
    command = NoteAttempt(
        account_id=account_id, intent_id=intent.id, attempt=intent.attempt, state=state, problem=problem
    )
    told(core, command)


def _not_paid(core: Core, account_id: str, intent: Intent, decline: str) -> None:
    """A reload of which it is known that no money will come."""
    facts = PaymentFacts("", intent.id, account_id, PaymentStatus.FAILED, intent.currency, decline=decline)
    observe_payment(core, facts, core.clock())


def _look_for(core: Core, desk: Desk, account_id: str, intent: Intent) -> None:
    """What became of an attempt that is too old to be made again: the payment is looked for by what we gave it along.

    Where no payment is to be found there was none; of anything else a repeated call makes another attempt.
    """
    if intent.kind is not IntentKind.RELOAD:
        _note(core, account_id, intent, IntentState.FAILED, problem="it was never known what became of it")
        raise ProviderUnavailable("what became of this long ago is not known: repeat the call to begin anew")
    customer_id = customer_of(core, account_id).removeprefix(f"{desk.name}:")
    observed_us, since_us = core.clock(), intent.created_us - 60 * MINUTE_US
    payments = desk.ask("payments_of", lambda provider: list(provider.payments_of(customer_id, since_us)))
    found = next((payment for payment in payments if payment.intent_id == intent.id), None)
    if found:
        observe_payment(core, found, observed_us)
    else:
        _not_paid(core, account_id, intent, "not_found")


def _stored(core: Core, intent_id: str) -> tuple[str, Intent]:
    with reading():
        found = core.store.providers.intent(intent_id)
    assert found is not None, intent_id
    return found

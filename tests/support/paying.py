"""What is paid for through a provider, without one: orders, and payments as a provider would show them."""

from itertools import count

from tests.support.house import call, person
from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.bought import ObserveSubscription
from tollhoused.domain.intent import Intent, IntentKind
from tollhoused.domain.intents import CreateTopUp
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.domain.payments import PaymentFacts, PaymentStatus, SubscriptionFacts
from tollhoused.domain.reload import SetAutoReload
from tollhoused.domain.settlement import ObservePayment
from tollhoused.usecases.core import Core

PROVIDER = "stripe"
_moments = count(1)


def order_top_up(core: Core, user_id: str, units: int, *, key: str) -> str:
    """Asks for credits at their own price; gives the intent's id."""
    match = core.match(person(user_id))
    command = CreateTopUp(
        client="local",
        idempotency_key=key,
        subject=person(user_id),
        account_id=match.account_id,
        matched_by=match.matched_by,
        asks=IntentKind.TOP_UP,
        intent_id=core.new_id("int"),
        provider=PROVIDER,
        credits_nanos=units * NANOS_PER_UNIT,
        price_minor=units * 100,
        sent={"amount_nanos": units * NANOS_PER_UNIT},
    )
    answer = core.run(call(), command, False).answer
    assert isinstance(answer, IntentAnswer)
    return answer.intent_id


def show_payment(
    core: Core, intent_id: str, cents: int, returned: int = 0, status: PaymentStatus = PaymentStatus.SUCCEEDED
) -> IntentAnswer:
    """Brings the account to what the payment of an intent is now."""
    found = core.store.providers.intent(intent_id)
    assert found
    account_id, intent = found
    facts = PaymentFacts(
        f"pay_{intent_id}", intent_id, account_id, status, intent.currency, cents, returned, "declined"
    )
    while True:
        command = ObservePayment(
            account_id=account_id,
            intent_id=intent_id,
            payment=facts,
            observed_us=next(_moments),
            grant_id=core.new_id("grant"),
        )
        answer = core.run(call(), command, False).answer
        assert isinstance(answer, IntentAnswer)
        if not answer.again:
            return answer


def set_auto_reload(core: Core, user_id: str, threshold: int, amount: int, *, key: str) -> None:
    """Has an account buy `amount` units below `threshold` units, at most ten times a month."""
    match = core.match(person(user_id))
    command = SetAutoReload(
        client="local",
        idempotency_key=key,
        subject=person(user_id),
        account_id=match.account_id,
        matched_by=match.matched_by,
        provider=PROVIDER,
        enabled=True,
        threshold_nanos=threshold * NANOS_PER_UNIT,
        amount_nanos=amount * NANOS_PER_UNIT,
        monthly_count_max=10,
        monthly_nanos_max=1_000 * NANOS_PER_UNIT,
    )
    core.run(call(), command, False)


def reload_in_flight(core: Core, account_id: str) -> Intent:
    """The reload that an account has begun and that nobody has carried out."""
    ids = [id_ for owner, id_ in core.store.providers.open_intents(core.clock(), 1_000) if owner == account_id]
    found = [found[1] for id_ in ids if (found := core.store.providers.intent(id_))]
    (intent,) = (intent for intent in found if intent.kind is IntentKind.RELOAD)
    return intent


def show_subscription(core: Core, account_id: str, facts: SubscriptionFacts, grace_us: int) -> IntentAnswer:
    """Brings the account to what a subscription is now."""
    command = ObserveSubscription(
        account_id=account_id, provider=PROVIDER, facts=facts, observed_us=next(_moments), grace_us=grace_us
    )
    answer = core.run(call(), command, False).answer
    assert isinstance(answer, IntentAnswer)
    return answer

"""Subscriptions that a provider sells, mirrored: the provider's clock decides what is paid, ours when it turns.

What the provider shows is a whole, so the order in which it is heard of does not matter: the account is brought to what
the subscription is now. One that has ended stays so (requirements S4, S8, P4).
"""

from dataclasses import dataclass

from tollhoused.domain.account import Account
from tollhoused.domain.advance import pinned_plan, version_of
from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.catalogue import Catalogue, CatalogueHistory, Plan
from tollhoused.domain.decision import Decision, Effect
from tollhoused.domain.intents import ProviderCommand
from tollhoused.domain.payments import Standing, SubscriptionFacts
from tollhoused.domain.subscription import PlanChange, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveSubscription(ProviderCommand):
    """Brings an account to what a provider's subscription is now; `observed_us` is when the provider was asked.

    One that is past due counts for `grace_us` more, from when we first hear of it.
    """

    kind = "observe_subscription"
    needs_whole = True
    provider: str
    facts: SubscriptionFacts
    observed_us: int
    grace_us: int


def subscription_id(provider: str, provider_id: str) -> str:
    """Our id of a provider's subscription: whoever hears of it first, there is only one."""
    return f"sub_{provider}_{provider_id}"


def sold_as(history: CatalogueHistory, provider: str, price_id: str, plan_version: int = 0) -> tuple[str, int] | None:
    """The plan that a provider's price stands for, and its version: the named one, or else the newest that has it."""
    for version in (plan_version, *sorted(history.versions, reverse=True)):
        catalogue = history.versions.get(version)
        plan = plan_of_price(catalogue, provider, price_id) if catalogue else None
        if plan:
            return plan, version
    return None


def plan_of_price(catalogue: Catalogue, provider: str, price_id: str) -> str | None:
    """The plan that this price is of."""
    for plan in catalogue.plans.values():
        if _has_price(plan, provider, price_id):
            return plan.code
    return None


def decide_subscription(
    account: Account, command: ObserveSubscription, now_us: int, history: CatalogueHistory
) -> Decision:
    """The subscription as it is now, unless what is known of it is newer, or its end."""
    facts, id_ = command.facts, subscription_id(command.provider, command.facts.subscription_id)
    known = account.subscriptions.get(id_)
    if known and (known.observed_us > command.observed_us or known.standing is Standing.CANCELED):
        return Decision(Effect(), _answer(account))
    pinned, problem = _pinned(known, command, now_us, history), ""
    if pinned is None:
        over = facts.standing is Standing.CANCELED
        problem = "" if over else f"no plan of the catalogue has the price {facts.price_id}"
        if known is None:
            return Decision(Effect(), _answer(account, problem))
        pinned = known.plan, known.plan_version
    start_us = known.start_us if known else max(now_us, facts.start_us)
    seen = Subscription(
        id=id_,
        provider=command.provider,
        plan=pinned[0],
        plan_version=pinned[1],
        start_us=start_us,
        end_us=_end_us(known, facts, max(now_us, start_us)),
        anchor_us=known.anchor_us if known else min(facts.anchor_us, start_us),
        trial_end_us=facts.trial_end_us,
        pending=_pending(known, command, now_us, history),
        provider_id=facts.subscription_id,
        price_id=facts.price_id,
        standing=facts.standing,
        grace_until_us=_grace_until_us(known, command, now_us),
        billing_start_us=facts.billing_start_us,
        billing_end_us=facts.billing_end_us,
        observed_us=command.observed_us,
    )
    return Decision(Effect(subscription=seen if seen != known else None), _answer(account, problem))


def _pinned(
    known: Subscription | None, command: ObserveSubscription, now_us: int, history: CatalogueHistory
) -> tuple[str, int] | None:
    """The plan and the version that it was bought under, which it keeps for as long as it has that price.

    After a change that our clock has made, the provider may show the price of before until it has renewed; one that
    the provider has made before our clock is the one that was pending.
    """
    facts = command.facts
    if known:
        not_renewed = facts.billing_end_us <= now_us and known.price_id == facts.price_id
        if not_renewed or _has_price(pinned_plan(known, history), command.provider, facts.price_id):
            return known.plan, known.plan_version
        if known.pending and _sells(known.pending, command.provider, facts.price_id, history):
            return known.pending.plan, known.pending.plan_version
    return sold_as(history, command.provider, facts.price_id, facts.plan_version)


def _pending(
    known: Subscription | None, command: ObserveSubscription, now_us: int, history: CatalogueHistory
) -> PlanChange | None:
    """The change of plan that the provider will make at its renewal; its version is the one that it was heard under."""
    facts = command.facts
    if facts.next_us is None or facts.next_us <= now_us or not facts.next_price_id:
        return None
    before = known.pending if known else None
    if before and _sells(before, command.provider, facts.next_price_id, history):
        return before._replace(at_us=facts.next_us)
    found = sold_as(history, command.provider, facts.next_price_id)
    return PlanChange(*found, facts.next_us) if found else None


def _sells(change: PlanChange, provider: str, price_id: str, history: CatalogueHistory) -> bool:
    return _has_price(version_of(history, change.plan_version).plans[change.plan], provider, price_id)


def _has_price(plan: Plan, provider: str, price_id: str) -> bool:
    return any(price.provider_price_ids.get(provider) == price_id for price in plan.prices)


def _end_us(known: Subscription | None, facts: SubscriptionFacts, now_us: int) -> int | None:
    """Where it ends: what has ended already ends now, since nothing that was is rewritten.

    One whose announced end has passed here goes on where the provider has not ended it: that was taken back unheard.
    """
    over_there = facts.standing is Standing.CANCELED or (facts.end_us is not None and facts.end_us <= now_us)
    if known and known.is_over(now_us) and over_there:
        return known.end_us
    if facts.standing is Standing.CANCELED:
        return now_us
    return None if facts.end_us is None else max(facts.end_us, now_us)


def _grace_until_us(known: Subscription | None, command: ObserveSubscription, now_us: int) -> int | None:
    if command.facts.standing is not Standing.PAST_DUE:
        return None
    if known and known.standing is Standing.PAST_DUE and known.grace_until_us is not None:
        return known.grace_until_us
    return now_us + command.grace_us


def _answer(account: Account, problem: str = "") -> IntentAnswer:
    return IntentAnswer(account.id, "", "", "", account.currency, 0, 0, problem=problem)

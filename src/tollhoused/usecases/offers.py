"""What a provider sells of the catalogue, and what an account has bought of it."""

from typing import Any, NamedTuple

from tollhoused.domain.account import Account
from tollhoused.domain.bought import plan_of_price
from tollhoused.domain.catalogue import Interval, Plan, PlanPrice
from tollhoused.domain.intents import fingerprints
from tollhoused.domain.plans import MANUAL
from tollhoused.domain.subscription import Subscription
from tollhoused.errors import InvalidField, NotSold
from tollhoused.usecases import forms
from tollhoused.usecases.core import Core
from tollhoused.usecases.desk import Desk
from tollhoused.usecases.urls import return_url


class Offer(NamedTuple):
    """A plan of the newest catalogue at one of its prices."""

    plan: Plan
    version: int
    price: PlanPrice
    price_id: str

    @property
    def is_free(self) -> bool:
        """Whether it needs no provider."""
        return self.price.amount_nanos == 0


def is_lesser(core: Core, desk: Desk, bought: Subscription, offer: Offer) -> bool:
    """Whether a plan is less than the one that is bought: a lower rank, or the same one billed in shorter stretches."""
    pinned = core.shelf.history.versions[bought.plan_version].plans[bought.plan]
    if offer.plan.rank != pinned.rank:
        return offer.plan.rank < pinned.rank
    now = next((price for price in pinned.prices if price.provider_price_ids.get(desk.name) == bought.price_id), None)
    return bool(now and now.interval is Interval.YEARLY and offer.price.interval is Interval.MONTHLY)


def offer_of(core: Core, desk: Desk, plan: str, interval: Interval | None) -> Offer:
    """A plan with the price that is meant: of several, the interval says which. Raises InvalidField and NotSold."""
    catalogue, version = core.catalogue, core.shelf.history.newest_version
    found = catalogue.plans.get(forms.text("plan", plan, forms.NAME_LENGTH_MAX))
    if found is None:
        raise InvalidField("plan", f"{plan!r} is not a plan; known are {', '.join(sorted(catalogue.plans))}")
    prices = [price for price in found.prices if interval is None or price.interval is interval]
    if not prices:
        raise NotSold(f"{plan} has no such price: it is agreed individually, or billed in other intervals", plan=plan)
    monthly = [price for price in prices if price.interval is Interval.MONTHLY]
    price = (monthly or prices)[0]
    price_id = price.provider_price_ids.get(desk.name, "")
    if price.amount_nanos and not price_id:
        raise NotSold(f"the catalogue has no price of {plan} at {desk.name}", plan=plan)
    assert not price_id or plan_of_price(catalogue, desk.name, price_id) == plan
    return Offer(found, version, price, price_id)


def bought_by(account: Account) -> Subscription | None:
    """The subscription that the provider sells, the oldest of several; as_of is now in a view."""
    now_us = account.as_of_us
    bought = [item for item in account.subscriptions.values() if item.provider != MANUAL and not item.is_over(now_us)]
    return min(bought, key=lambda item: (item.start_us, item.id), default=None)


def page_order(desk: Desk, offer: Offer, success_url: str, cancel_url: str) -> dict[str, Any]:
    return {
        "price_id": offer.price_id,
        "plan_version": offer.version,
        "success_url": return_url("success_url", success_url, desk.return_origins),
        "cancel_url": return_url("cancel_url", cancel_url, desk.return_origins),
    }


def sent_of(plan: str, interval: Interval | None, success_url: str, cancel_url: str) -> dict[str, object]:
    values = {
        "plan": plan,
        "interval": interval.value if interval else None,
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    return fingerprints(values, "success_url", "cancel_url")


def interval_of(core: Core, item: Subscription) -> Interval | None:
    """How often the provider bills a subscription; None where no provider does, or its price is not the plan's."""
    if not item.price_id:
        return None
    catalogue = core.shelf.history.versions.get(item.plan_version)
    prices = catalogue.plans[item.plan].prices if catalogue else ()
    ids = {price.provider_price_ids.get(item.provider): price.interval for price in prices}
    return ids.get(item.price_id)

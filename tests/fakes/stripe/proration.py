"""What a change of a subscription's items means in money."""

from typing import NamedTuple

from tests.fakes.stripe.billing import amount_of, period_end, period_of, with_period
from tests.fakes.stripe.catalog import price_of
from tests.fakes.stripe.forms import flag, merged, whole
from tests.fakes.stripe.lines import add_item
from tests.fakes.stripe.shapes import Object, invalid, listing
from tests.fakes.stripe.world import World

BEHAVIORS = ("create_prorations", "always_invoice", "none")


class Change(NamedTuple):
    """The items after it; whether a new period begins now; when it happens; how differences are billed."""

    items: list[Object]
    restarts: bool
    at: int
    behavior: str

    @property
    def billed_now(self) -> bool:
        """Whether an invoice is due at once."""
        return self.restarts or self.behavior == "always_invoice"


def planned(world: World, subscription: Object, form: Object) -> Change:
    """Reads `items`, `proration_behavior`, `proration_date`, `billing_cycle_anchor`; changes nothing."""
    behavior = form.get("proration_behavior", "create_prorations")
    if behavior not in BEHAVIORS:
        raise invalid(f"Invalid proration_behavior: must be one of {', '.join(BEHAVIORS)}", "proration_behavior")
    before = subscription["items"]["data"]
    items = changed_items(world, subscription, form.get("items") or [])
    intervals = [{(item["price"]["recurring"]["interval"]) for item in held} for held in (before, items)]
    from_free = sum(map(amount_of, before)) == 0 < sum(map(amount_of, items))
    restarts = form.get("billing_cycle_anchor") == "now" or intervals[0] != intervals[1] or from_free
    at = whole(form, "proration_date", world.now)
    start, end = period_of(subscription)
    if not start <= at <= end:
        raise invalid("Invalid proration_date: it must lie in the current period.", "proration_date")
    return Change(items, restarts and subscription["status"] != "trialing", at, behavior)


def changed_items(world: World, subscription: Object, given: list[Object]) -> list[Object]:
    """The items after the given ones: one with an id changes that item, one without is added beside the others."""
    items = {item["id"]: dict(item) for item in subscription["items"]["data"]}
    for place, change in enumerate(given):
        name = change.get("id")
        if name and name not in items:
            raise invalid(f"No such subscription item: '{name}'", f"items[{place}][id]", "resource_missing")
        if name and flag(change, "deleted"):
            del items[name]
        elif name:
            items[name].update(_fields(world, change, items[name], place))
        else:
            added = new_item(world, subscription["id"], change, place)
            if added["price"]["id"] in [item["price"]["id"] for item in items.values()]:
                raise invalid(f"Cannot add multiple items with the same price: {added['price']['id']}", "items")
            items[added["id"]] = with_period([added], *period_of(subscription))[0]
    if not items:
        raise invalid("A subscription must have at least one active item.", "items")
    return list(items.values())


def new_item(world: World, subscription: str, form: Object, place: int) -> Object:
    """An item of a subscription, without a period yet."""
    fields = _fields(world, form, {"quantity": 1, "metadata": {}}, place)
    return world.build("subscription_item", subscription=subscription, discounts=[], **fields)


def adopt(world: World, subscription: Object, change: Change) -> Object:
    """Puts the differences among the waiting invoice items; returns what changes in the subscription."""
    if change.behavior != "none" and subscription["status"] != "trialing":
        _prorate(world, subscription, change)
    items, changes = change.items, {}
    if change.restarts:
        changes["billing_cycle_anchor"] = world.now
        items = with_period(items, world.now, period_end(items, world.now, world.now))
    return {**changes, "items": item_list(subscription["id"], items), "currency": items[0]["price"]["currency"]}


def item_list(subscription: str, items: list[Object]) -> Object:
    """Items as a subscription holds them."""
    return listing(items, f"/v1/subscription_items?subscription={subscription}")


def credit_unused(world: World, subscription: Object) -> None:
    """The rest of the period comes back with the next invoice: an end in the middle of what was paid."""
    _prorate(world, subscription, Change([], True, world.now, "create_prorations"))


def _prorate(world: World, subscription: Object, change: Change) -> None:
    start, end = period_of(subscription)
    if change.at >= end:
        return
    before = {item["id"]: item for item in subscription["items"]["data"]}
    after = {item["id"]: item for item in change.items}
    for name in {**before, **after}:
        was, will_be = before.get(name), after.get(name)
        if not change.restarts and was and will_be and _terms(was) == _terms(will_be):
            continue
        for item, sign, words in ((was, -1, "Unused time on"), (will_be, 1, "Remaining time on")):
            if item and not (sign == 1 and change.restarts):
                amount = sign * _share(amount_of(item), end - change.at, end - start)
                add_item(
                    world,
                    subscription["customer"],
                    item["price"],
                    amount,
                    quantity=item["quantity"],
                    description=f"{words} {item['quantity']} x {item['price']['id']}",
                    proration=True,
                    period={"start": change.at, "end": end},
                    subscription=subscription["id"],
                    subscription_item=name,
                )


def _terms(item: Object) -> tuple[str, int]:
    return item["price"]["id"], item["quantity"]


def _share(amount: int, remaining: int, length: int) -> int:
    return (amount * remaining * 2 + length) // (length * 2)


def _fields(world: World, form: Object, before: Object, place: int) -> Object:
    fields: Object = {
        "quantity": whole(form, "quantity", before["quantity"]),
        "metadata": merged(before["metadata"], form),
    }
    if "price" in form or "price_data" in form or "price" not in before:
        price = price_of(world, form, f"items[{place}]")
        if not price["recurring"]:
            raise invalid("The price specified is set to `type=one_time` but this field only accepts recurring prices.")
        fields |= {"price": price, "plan": _plan(price)}
    return fields


def _plan(price: Object) -> Object:
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "product": price["product"],
    }

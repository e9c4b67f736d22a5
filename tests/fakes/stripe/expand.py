"""`expand[]`: ids in an answer become what they name, and lists that are only sent when asked for are added."""

from collections.abc import Callable
from typing import Any

from tests.fakes.stripe.shapes import Object, identity, invalid, listing
from tests.fakes.stripe.world import World

DEPTH_MAX = 4
Show = Callable[[Object], Object]


def expand(world: World, answer: Object, paths: list[str], show: Show) -> None:
    """Expands each path in place; `show` renders what is found."""
    for path in paths:
        names = path.split(".")
        if len(names) > DEPTH_MAX:
            raise invalid(f"You cannot expand more than {DEPTH_MAX} levels of a property. Property: {path}", "expand")
        _expand(world, answer, names, show, path)


def _expand(world: World, value: Any, names: list[str], show: Show, path: str) -> None:
    if isinstance(value, list):
        for item in value:
            _expand(world, item, names, show, path)
        return
    if not isinstance(value, dict) or not names:
        return
    name, *rest = names
    if name not in value:
        listed = _listed(world, value, name)
        if listed is None:
            raise invalid(f"This property cannot be expanded ({path}).", "expand")
        value[name] = show(listed)
    elif isinstance(value[name], str):
        found = world.find(value[name])
        if found is None:
            raise invalid(f"This property cannot be expanded ({path}).", "expand")
        value[name] = show(found)
    _expand(world, value[name], rest, show, path)


def _listed(world: World, owner: Object, name: str) -> Object | None:
    """The lists that an object shows only on demand."""
    kind, owned = owner.get("object"), identity(owner.get("id"))
    if (kind, name) == ("checkout.session", "line_items") or (kind, name) == ("payment_link", "line_items"):
        kept = world.get(str(kind), owned)["_line_items"]
    elif (kind, name) == ("invoice", "payments"):
        kept = [payment for payment in world.all("invoice_payment") if payment["invoice"] == owned]
    elif (kind, name) == ("charge", "refunds"):
        kept = [refund for refund in world.all("refund") if refund["charge"] == owned]
    elif (kind, name) == ("customer", "subscriptions"):
        live = [sub for sub in world.all("subscription") if sub["customer"] == owned]
        kept = [sub for sub in live if sub["status"] != "canceled"]
    elif (kind, name) == ("invoice", "confirmation_secret"):
        intent = world.get("invoice", owned).get("_payment_intent")
        return {"client_secret": f"{intent}_secret", "type": "payment_intent"} if intent else None
    else:
        return None
    return listing(kept, f"/v1/{kind}s/{owned}/{name}")

"""Objects as an API version shows them: kept in the shape of CURRENT; OLD lies before the moves of 2025-03-31."""

import re
from collections.abc import Callable
from typing import Any

from tests.fakes.stripe.shapes import Object, invalid

CURRENT = "2026-10-28.endive"
OLD = "2023-10-16"
FIRST_OF_THE_NEW = "2025-03-31"


def known_version(version: str) -> str:
    """The version itself. Raises ApiError for what is none."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(\.[a-z_]+)?", version):
        raise invalid(f"Invalid Stripe API version: {version}")
    return version


def render(value: Any, version: str) -> Any:
    """What is sent: without the fake's own keys, and with fields where the version has them."""
    if isinstance(value, list):
        return [render(item, version) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {name: render(item, version) for name, item in value.items() if not name.startswith("_")}
    if version < FIRST_OF_THE_NEW and isinstance(value.get("object"), str):
        older = OLDER.get(value["object"])
        if older:
            older(value, shown)
    return shown


def render_event(event: Object, version: str) -> Object:
    """An event as an endpoint of that version receives it."""
    shown: Object = {**render({**event, "data": {}}, version), "api_version": version}
    shown["data"] = render(event["data"], version)
    if version < FIRST_OF_THE_NEW and "items" in shown["data"].get("previous_attributes", {}):
        shown["data"]["previous_attributes"].update(_old_period(event["data"]["previous_attributes"]))
    return shown


def _old_period(subscription: Object) -> Object:
    items = subscription["items"]["data"]
    return {
        "current_period_start": min((item["current_period_start"] for item in items), default=None),
        "current_period_end": min((item["current_period_end"] for item in items), default=None),
    }


def _old_subscription(kept: Object, shown: Object) -> None:
    items = shown["items"]["data"]
    shown.update(_old_period(kept), plan=items[0]["plan"] if items else None, discount=None)
    shown.pop("billing_mode", None)


def _old_subscription_item(kept: Object, shown: Object) -> None:
    for name in ("current_period_start", "current_period_end"):
        shown.pop(name, None)


def _old_invoice(kept: Object, shown: Object) -> None:
    details = ((shown.pop("parent", None) or {}).get("subscription_details")) or {}
    taxes = shown.pop("total_taxes", [])
    shown.update(
        subscription=details.get("subscription"),
        subscription_details={"metadata": details.get("metadata")},
        payment_intent=kept.get("_payment_intent"),
        charge=kept.get("_charge"),
        paid=shown["status"] == "paid",
        tax=sum(tax["amount"] for tax in taxes) if taxes else None,
        total_tax_amounts=taxes,
        discount=None,
    )


def _old_line(kept: Object, shown: Object) -> None:
    if "parent" not in shown:
        return
    parent = shown.pop("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    shown.pop("pricing", None)
    shown.update(
        type="subscription" if parent.get("type") == "subscription_item_details" else "invoiceitem",
        price=kept.get("_price"),
        proration=bool(details.get("proration")),
        subscription=details.get("subscription"),
        subscription_item=details.get("subscription_item"),
        tax_amounts=shown.pop("taxes", []),
    )


def _old_invoice_item(kept: Object, shown: Object) -> None:
    details = (shown.pop("parent", None) or {}).get("subscription_details") or {}
    shown.pop("pricing", None)
    shown.update(price=kept.get("_price"), subscription=details.get("subscription"))


def _old_payment(kept: Object, shown: Object) -> None:
    shown["invoice"] = kept.get("_invoice")


def _old_session(kept: Object, shown: Object) -> None:
    shown["ui_mode"] = "hosted"


OLDER: dict[str, Callable[[Object, Object], None]] = {
    "charge": _old_payment,
    "checkout.session": _old_session,
    "invoice": _old_invoice,
    "invoiceitem": _old_invoice_item,
    "line_item": _old_line,
    "payment_intent": _old_payment,
    "subscription": _old_subscription,
    "subscription_item": _old_subscription_item,
}

"""Invoice items, which wait for an invoice, and the lines that an invoice has."""

from tests.fakes.stripe.forms import merged
from tests.fakes.stripe.shapes import Object
from tests.fakes.stripe.world import World


def add_item(world: World, customer: str, price: Object, amount: int, **more: object) -> Object:
    """Something to be billed with the customer's next invoice.

    `more`: quantity, period, description, proration, subscription, subscription_item, metadata.
    """
    fields = {"quantity": 1, "description": None, "proration": False, "metadata": {}, **more}
    period = fields.pop("period", {"start": world.now, "end": world.now})
    subscription, part = fields.pop("subscription", None), fields.pop("subscription_item", None)
    details = {"subscription": subscription, "subscription_item": part}
    parent = {"type": "subscription_details", "subscription_details": details} if subscription else None
    item = world.add(
        "invoiceitem",
        amount=amount,
        currency=price["currency"],
        customer=customer,
        date=world.now,
        discountable=True,
        discounts=[],
        invoice=None,
        parent=parent,
        period=period,
        pricing=pricing(price),
        **fields,
        _price=price,
        _subscription=subscription,
        _item=part,
    )
    world.emit("invoiceitem.created", item)
    return item


def waiting_items(world: World, customer: str, subscription: str | None) -> list[Object]:
    """What an invoice of this customer takes along: what is for nothing in particular, and its subscription's."""
    waiting = [item for item in world.all("invoiceitem") if item["customer"] == customer and item["invoice"] is None]
    return [item for item in waiting if item["_subscription"] in (None, subscription)]


def line_of_item(world: World, item: Object) -> Object:
    """The line that an invoice item becomes."""
    details = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": None},
        "subscription": item["_subscription"],
        "subscription_item": item["_item"],
    }
    parent = {"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None}
    return _line(world, item["_price"], item["quantity"], item["amount"], item["period"], parent, item)


def line_of_subscription(world: World, subscription: Object, item: Object, amount: int) -> Object:
    """The line for one period of one item of a subscription."""
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    parent = {"type": "subscription_item_details", "subscription_item_details": details, "invoice_item_details": None}
    period = {"start": item["current_period_start"], "end": item["current_period_end"]}
    about = {"description": f"{item['quantity']} x {item['price']['id']}", "metadata": subscription["metadata"]}
    about["_subscription"] = subscription["id"]
    return _line(world, item["price"], item["quantity"], amount, period, parent, about)


def pricing(price: Object) -> Object:
    """How current versions say which price a line has."""
    details = {"price": price["id"], "product": price["product"]}
    return {"type": "price_details", "price_details": details, "unit_amount_decimal": price["unit_amount_decimal"]}


def _line(
    world: World, price: Object, quantity: int, amount: int, period: Object, parent: Object, about: Object
) -> Object:
    return {
        "id": world.name("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": about["description"],
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": merged({}, {"metadata": about["metadata"]}),
        "parent": parent,
        "period": period,
        "pricing": pricing(price),
        "quantity": quantity,
        "subscription": about["_subscription"],
        "subtotal": amount,
        "taxes": [],
        "_price": price,
    }

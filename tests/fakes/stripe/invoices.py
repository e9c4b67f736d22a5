"""Invoices: composed, issued, paid or not, tried again."""

from tests.fakes.stripe import standing
from tests.fakes.stripe.charging import attempt, cancel, new_intent
from tests.fakes.stripe.lines import line_of_item
from tests.fakes.stripe.shapes import ApiError, Object, invalid, listing
from tests.fakes.stripe.world import Outcome, World

TRIED_AGAIN = ("subscription_cycle", "subscription_update")
NO_METHOD = "This customer has no attached payment source or default payment method."


def compose(
    world: World,
    customer: str,
    reason: str,
    lines: list[Object],
    currency: str,
    subscription: Object | None = None,
    taxed: bool = False,
    metadata: dict[str, str] | None = None,
) -> Object:
    """A draft that is not kept yet: the preview, or what `keep` keeps."""
    subtotal = sum(line["amount"] for line in lines)
    tax = max(0, subtotal) * world.tax_percent // 100 if taxed else 0
    owed = subtotal + tax
    balance = world.get("customer", customer)["balance"]
    due = max(0, owed + balance)
    parent = None
    if subscription is not None:
        details = {"subscription": subscription["id"], "metadata": dict(subscription["metadata"])}
        parent = {"type": "subscription_details", "subscription_details": details, "quote_details": None}
    starts, ends = [line["period"]["start"] for line in lines], [line["period"]["end"] for line in lines]
    taxes = [{"amount": tax, "tax_behavior": "exclusive", "taxable_amount": subtotal, "type": "tax_rate_details"}]
    return world.build(
        "invoice",
        amount_due=due,
        amount_overpaid=0,
        amount_paid=0,
        amount_remaining=due,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=currency,
        customer=customer,
        default_payment_method=None,
        due_date=None,
        ending_balance=None,
        hosted_invoice_url=None,
        lines=listing(lines, "/v1/invoices/lines"),
        metadata=metadata or {},
        next_payment_attempt=None,
        number=None,
        parent=parent,
        period_start=min(starts, default=world.now),
        period_end=max(ends, default=world.now),
        starting_balance=balance,
        status="draft",
        status_transitions={"finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None},
        subtotal=subtotal,
        total=owed,
        total_taxes=taxes if tax else [],
    )


def keep(world: World, invoice: Object, items: list[Object]) -> Object:
    """Makes a composed invoice a real draft that bills these invoice items."""
    world.objects["invoice"][invoice["id"]] = invoice
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    for line in invoice["lines"]["data"]:
        line["invoice"] = invoice["id"]
    for item in items:
        item["invoice"] = invoice["id"]
    world.emit("invoice.created", invoice)
    return invoice


def finalize(world: World, invoice: Object) -> None:
    """A draft becomes due. What is owed to the customer already is taken off, what is too much is kept for later."""
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize it.", code="invoice_not_editable")
    customer = world.get("customer", invoice["customer"])
    customer["balance"] = min(0, invoice["starting_balance"] + invoice["total"])
    count = sum(1 for other in world.all("invoice") if other["customer"] == customer["id"] and other["number"])
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{count + 1:04d}",
        hosted_invoice_url=f"{world.address}/i/{invoice['id']}",
        ending_balance=customer["balance"],
    )
    invoice["status_transitions"]["finalized_at"] = world.now
    if invoice["amount_due"]:
        _ask(world, invoice)
    world.emit("invoice.finalized", invoice)
    if not invoice["amount_due"]:
        paid(world, invoice)


def collect(world: World, invoice: Object, method: Object | None = None, off_session: bool = True) -> ApiError | None:
    """Tries to charge an open invoice. What went wrong is returned, and is part of the invoice's life."""
    if invoice["status"] != "open":
        return None
    method = method or method_for(world, invoice)
    intent = world.get("payment_intent", invoice["_payment_intent"])
    error = attempt(world, intent, method, off_session) if method else invalid(NO_METHOD, code="resource_missing")
    if intent["status"] == "succeeded":
        paid(world, invoice)
    elif intent["status"] == "requires_action":
        world.emit("invoice.payment_action_required", invoice)
    elif intent["status"] != "processing":
        failed(world, invoice, error)
    return error


def paid(world: World, invoice: Object) -> None:
    """The invoice is settled."""
    due = invoice["amount_due"]
    changes = {"status": "paid", "amount_paid": due, "amount_remaining": 0, "next_payment_attempt": None}
    invoice.update(changes, attempted=True, attempt_count=invoice["attempt_count"] + bool(due))
    invoice["status_transitions"]["paid_at"] = world.now
    for payment in payments_of(world, invoice):
        payment.update(status="paid", amount_paid=due)
        payment["status_transitions"]["paid_at"] = world.now
        world.emit("invoice_payment.paid", payment)
        intent = world.get("payment_intent", payment["payment"]["payment_intent"])
        invoice["_charge"] = intent["latest_charge"]
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    standing.after_payment(world, invoice)


def failed(world: World, invoice: Object, error: ApiError | None) -> None:
    """A try has failed: the next one is set, or it was the last."""
    invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1)
    again = invoice["billing_reason"] in TRIED_AGAIN and invoice["auto_advance"]
    later = world.dunning.next_attempt(invoice["attempt_count"], world.now) if again else None
    invoice["next_payment_attempt"] = later
    world.emit("invoice.payment_failed", invoice)
    if error and error.body["error"].get("code") == Outcome.AUTHENTICATION_REQUIRED:
        world.emit("invoice.payment_action_required", invoice)
    standing.after_failure(world, invoice)
    if again and later is None:
        standing.when_given_up(world, invoice)


def close(world: World, invoice: Object, status: str) -> None:
    """The invoice is `void` or `uncollectible`."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid(f"This invoice is {invoice['status']} and cannot be made {status}.", code="invoice_not_editable")
    intent = world.get("payment_intent", invoice["_payment_intent"])
    if status == "void":
        cancel(world, intent, "void_invoice")
    invoice.update(status=status, next_payment_attempt=None, auto_advance=False)
    world.emit("invoice.voided" if status == "void" else "invoice.marked_uncollectible", invoice)


def payments_of(world: World, invoice: Object) -> list[Object]:
    """The payments of an invoice."""
    return [payment for payment in world.all("invoice_payment") if payment["invoice"] == invoice["id"]]


def method_for(world: World, invoice: Object) -> Object | None:
    """The invoice's own payment method, its subscription's, or the customer's."""
    subscription = standing.subscription_of(world, invoice) or {}
    settings = world.get("customer", invoice["customer"])["invoice_settings"]
    own = invoice["default_payment_method"] or subscription.get("default_payment_method")
    name = own or settings["default_payment_method"]
    return world.get("payment_method", name) if name else None


def item_lines(world: World, items: list[Object]) -> list[Object]:
    """The lines of invoice items."""
    return [line_of_item(world, item) for item in items]


def _ask(world: World, invoice: Object) -> None:
    about = {"description": f"Invoice {invoice['number']}", "_invoice": invoice["id"]}
    intent = new_intent(world, invoice["amount_due"], invoice["currency"], invoice["customer"], **about)
    invoice["_payment_intent"] = intent["id"]
    world.add(
        "invoice_payment",
        amount_paid=None,
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )

"""What the payment provider knows against what is stored: money and credits come together, once each."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.torture.rows import Stored, StoredOrder
from tests.torture.shop import Payment, Record
from tests.torture.stories import Violation

NANOS_PER_CENT = 10_000_000
FINAL = ("applied", "ignored")


def check_payments(record: Record, stored: Stored) -> Iterator[Violation]:
    """V1, V2, V3 and V11 of everything that is paid at the provider, from its own record and the rows."""
    paid: dict[str, list[Payment]] = defaultdict(list)
    for payment in record.payments:
        if payment.intent and payment.succeeded:
            paid[payment.intent].append(payment)
    for id_, payments in paid.items():
        if len(payments) > 1:
            yield Violation("V2", f"order {id_} was charged {len(payments)} times: {[each.id for each in payments]}")
        yield from _of_paid(payments[0], stored.orders.get(id_), stored)
    yield from _credits(paid, stored)
    yield from _pages(record)
    yield from _reloads(stored)
    yield from _subscriptions(record, stored)
    yield from _events(record, stored)
    for account, number in Counter(filter(None, record.customers)).items():
        if number > 1:
            yield Violation("V2", f"{account} is {number} customers of the provider")


def _of_paid(payment: Payment, order: StoredOrder | None, stored: Stored) -> Iterator[Violation]:
    """V1: whoever asks for money has stored the order before. V11: who has paid gets what was ordered."""
    if order is None:
        yield Violation("V1", f"{payment.id} was paid for order {payment.intent}, which is not stored")
        return
    credits_nanos = payment.received * NANOS_PER_CENT
    booked_nanos = stored.ledger.get((order.id, "top_up"), 0)
    if (order.state, order.payment_id, order.paid_minor) != ("succeeded", payment.id, payment.received):
        what = f"is {order.state} by {order.payment_id!r} of {order.paid_minor}"
        yield Violation("V11", f"{order.kind} {order.id} {what}, paid by {payment.id} were {payment.received}")
    elif (order.credits_nanos, booked_nanos) != (credits_nanos, credits_nanos):
        what = f"has brought {booked_nanos} nanos for {credits_nanos} that were paid"
        yield Violation("V11", f"{order.kind} {order.id} {what}")


def _credits(paid: dict[str, list[Payment]], stored: Stored) -> Iterator[Violation]:
    """V11: no credits, and no order said to be paid, without a payment that has succeeded."""
    for cause, kind in stored.ledger:
        if kind == "top_up" and cause not in paid:
            yield Violation("V11", f"credits came for {cause}, for which nobody has paid")
    for order in stored.orders.values():
        if (order.grant_id or order.paid_minor) and order.id not in paid:
            yield Violation("V11", f"{order.kind} {order.id} is {order.state}, and nobody has paid for it")


def _pages(record: Record) -> Iterator[Violation]:
    """V2: an order has one page on which it can be paid."""
    pages = Counter(page.intent for page in record.pages if page.intent and page.status != "expired")
    for id_, number in pages.items():
        if number > 1:
            yield Violation("V2", f"order {id_} has {number} pages on which it can be paid")


def _reloads(stored: Stored) -> Iterator[Violation]:
    """V11: of one account one reload is in flight, from when it was ordered to when it was settled."""
    by_account: dict[str, list[StoredOrder]] = defaultdict(list)
    for order in stored.orders.values():
        if order.kind == "reload":
            by_account[order.account].append(order)
    for account, orders in by_account.items():
        orders.sort(key=lambda order: order.created_us)
        for before, after in pairwise(orders):
            if before.settled_us is None or after.created_us < before.settled_us:
                yield Violation("V11", f"reload {after.id} of {account} was begun while {before.id} was in flight")


def _subscriptions(record: Record, stored: Stored) -> Iterator[Violation]:
    """V1, V3: what is subscribed at the provider is subscribed here, whose it is, on its plan, and nothing else."""
    sold = {item.id: item for item in record.subscriptions}
    for id_, item in sold.items():
        bought = stored.bought.get(id_)
        there = (item.account, item.price, item.status)
        here = (bought.account, bought.price, bought.standing) if bought else None
        if here != there:
            yield Violation("V1", f"subscription {id_} is {there} at the provider, here it is {here}")
    for id_ in stored.bought.keys() - sold.keys():
        yield Violation("V3", f"subscription {id_} is stored and the provider does not know it")


def _events(record: Record, stored: Stored) -> Iterator[Violation]:
    """V1: an event that was acknowledged is stored. V3: nothing else is. V11: and something was made of it."""
    for event_id in record.acknowledged:
        if event_id not in stored.events:
            yield Violation("V1", f"event {event_id} was acknowledged and is not stored")
    for event_id in stored.events.keys() - set(record.events):
        yield Violation("V3", f"event {event_id} is stored and the provider has not sent it")
    for event_id, (state, problem) in stored.events.items():
        if state not in FINAL:
            yield Violation("V11", f"event {event_id} is {state}: {problem}")
    for order in stored.orders.values():
        if order.state == "open" or (order.state == "waiting" and order.kind == "reload"):
            yield Violation("V14", f"{order.kind} {order.id} is still {order.state}: nobody knows what became of it")

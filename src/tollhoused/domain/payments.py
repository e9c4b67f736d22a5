"""What a payment provider says, in our own words: payments, subscriptions, and what an event was about.

A provider's events come in any order and more than once, so nothing is ever worked out from what one of them carries:
it only says what to look at, and what is read there then is a whole, a state that can be applied as often as one likes
(requirements P1, P4). Amounts at a provider are whole minor units (cents) of the currency.
"""

from enum import StrEnum
from typing import NamedTuple

from tollhoused.domain.money import NANOS_PER_UNIT

NANOS_PER_MINOR = NANOS_PER_UNIT // 100


class PaymentStatus(StrEnum):
    """What has become of a payment. PENDING: nobody knows yet; a FAILED one may still be paid with another card."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class PaymentFacts(NamedTuple):
    """A payment as the provider shows it at one moment, with all that was given back of it since.

    `intent_id` and `account_id` are what we gave it along, empty for what others made. `paid_minor` is what was
    received without tax, `returned_minor` what refunds and disputes have taken back of it so far. `decline` says why
    it failed, such as "card_declined" or "authentication_required".
    """

    payment_id: str
    intent_id: str
    account_id: str
    status: PaymentStatus
    currency: str
    paid_minor: int = 0
    returned_minor: int = 0
    decline: str = ""


class Standing(StrEnum):
    """Where a provider's subscription stands (requirement S8). INCOMPLETE: its first payment has not come."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CANCELED = "canceled"
    INCOMPLETE = "incomplete"


class SubscriptionFacts(NamedTuple):
    """A subscription as the provider shows it at one moment.

    `account_id` and `plan_version` are what we gave it along (empty and 0 where others made it). Billing runs in
    [billing_start_us, billing_end_us), again and again from `anchor_us`. `end_us` is when it ends or has ended, None
    for a subscription that goes on; `next_price_id` is what it costs from `next_us` on, where a change is scheduled.
    """

    subscription_id: str
    customer_id: str
    account_id: str
    plan_version: int
    standing: Standing
    price_id: str
    start_us: int
    anchor_us: int
    billing_start_us: int
    billing_end_us: int
    trial_end_us: int | None = None
    end_us: int | None = None
    next_price_id: str = ""
    next_us: int | None = None


class CustomerFacts(NamedTuple):
    """A provider's customer: whose account we said that it is, or nobody's, and the e-mail it gave."""

    customer_id: str
    account_id: str
    email: str


class Topic(StrEnum):
    """What an event says has changed."""

    PAYMENT = "payment"
    SUBSCRIPTION = "subscription"
    CHECKOUT = "checkout"


class Notice(NamedTuple):
    """What a provider's event says to look at: the objects of each topic, by the provider's ids."""

    event_id: str
    kind: str
    created_us: int
    topics: tuple[tuple[Topic, str], ...] = ()


class CheckoutFacts(NamedTuple):
    """A page at the provider on which a customer buys: open, completed with what came of it, or expired.

    `url` is empty unless it is open. Of a payment and a subscription it may have brought about one.
    """

    checkout_id: str
    intent_id: str
    url: str
    completed: bool = False
    expired: bool = False
    payment_id: str = ""
    subscription_id: str = ""


class Item(NamedTuple):
    """Something that is paid for once: so many of it, each at a price in minor units."""

    name: str
    unit_minor: int
    quantity: int = 1


class PlanPreview(NamedTuple):
    """What a change of plan would cost: now, and at the next renewal, in minor units; credits count negative."""

    due_now_minor: int
    next_minor: int
    next_us: int
    currency: str

"""Intents and auto-reload as values: what a provider was asked for, and when it is asked by itself (requirements C5,
C6).
"""

from enum import StrEnum
from typing import Any, NamedTuple


class IntentKind(StrEnum):
    """What a provider was asked for."""

    PLAN_CHECKOUT = "plan_checkout"
    TOP_UP = "top_up"
    RELOAD = "reload"
    PAYMENT_LINK = "payment_link"
    PLAN_CHANGE = "plan_change"
    CANCELLATION = "cancellation"
    RESUMPTION = "resumption"
    CHANGE_CANCELLATION = "change_cancellation"
    PORTAL = "portal"


class IntentState(StrEnum):
    """Where an intent is in its life.

    OPEN: its attempt may be under way, or nobody knows what became of it. WAITING: the provider has taken it, and the
    customer or the bank has to act. Every other state is final but FAILED, after which another attempt may be made.
    """

    OPEN = "open"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"


class Intent(NamedTuple):
    """What a provider was asked for, and what has become of it.

    Credits of `credits_nanos` come with a payment of `price_minor` without tax; `grant_id` is what they became,
    `returned_minor` what was given back of the payment since, and `clawed_nanos` the credits taken for that.
    `observed_us` is when the provider was last asked about the payment: what it said before changes nothing.
    """

    id: str
    kind: IntentKind
    provider: str
    client: str
    currency: str
    credits_nanos: int
    price_minor: int
    order: dict[str, Any]
    created_us: int
    attempt_us: int
    attempt: int = 1
    state: IntentState = IntentState.OPEN
    reference: str = ""
    url: str = ""
    problem: str = ""
    payment_id: str = ""
    grant_id: str = ""
    paid_minor: int = 0
    returned_minor: int = 0
    clawed_nanos: int = 0
    observed_us: int = 0
    settled_us: int | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing but a refund will change it any more."""
        return self.state in (IntentState.SUCCEEDED, IntentState.EXPIRED)

    @property
    def in_flight(self) -> bool:
        """Whether money may still come."""
        return self.state in (IntentState.OPEN, IntentState.WAITING)

    @property
    def key(self) -> str:
        """The idempotency key of its present attempt."""
        return f"{self.id}_{self.attempt}"


class AutoReload(NamedTuple):
    """How an account buys credits by itself, and how far it is with that.

    Below `threshold_nanos` it buys `amount_nanos`, in a calendar month at most `monthly_count_max` times and for
    `monthly_nanos_max` in all; `bought` times for `spent_nanos` in the month that begins at `month_us`. `intent_id` is
    the reload in flight. After `failures` in a row it waits until `next_us`, and stops for good at the third.
    """

    provider: str
    enabled: bool
    threshold_nanos: int
    amount_nanos: int
    monthly_count_max: int
    monthly_nanos_max: int
    month_us: int = 0
    bought: int = 0
    spent_nanos: int = 0
    intent_id: str = ""
    failures: int = 0
    next_us: int = 0
    stopped_us: int | None = None

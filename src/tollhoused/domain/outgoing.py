"""Outgoing events as values: what happened to an account that somebody outside may want to hear of (requirement O7).

Each kind has its own data, stored as JSON by the names of the fields. No names of people, and nothing but the account's
id and what answers show of it anyway.
"""

import json
from enum import StrEnum
from typing import NamedTuple

from tollhoused.domain.json_text import compact_json


class EventKind(StrEnum):
    """What happened. The names are part of the contract and never change their meaning."""

    USAGE_THRESHOLD = "usage.threshold"
    CREDITS_LOW = "credits.low"
    CREDITS_DEPLETED = "credits.depleted"
    CREDITS_GRANTED = "credits.granted"
    CREDITS_EXPIRED = "credits.expired"
    PLAN_CHANGED = "plan.changed"
    RESERVATION_EXPIRED = "reservation.expired"
    TOP_UP_SUCCEEDED = "top_up.succeeded"
    TOP_UP_RETURNED = "top_up.returned"
    AUTO_RELOAD_STARTED = "auto_reload.started"
    AUTO_RELOAD_SUCCEEDED = "auto_reload.succeeded"
    AUTO_RELOAD_FAILED = "auto_reload.failed"
    AUTO_RELOAD_STOPPED = "auto_reload.stopped"
    PAYMENT_FAILED = "payment.failed"


class UsageThreshold(NamedTuple):
    """Usage has come to a percentage of the allowance: `used` units of `included`, in one usage period."""

    meter: str
    percent: int
    used: int
    included: int
    plan: str
    plan_version: int
    period_start_us: int
    period_end_us: int


class CreditsLevel(NamedTuple):
    """Credits have fallen below an amount, or to nothing.

    `spendable_nanos` is what grants in force have left, what reservations hold of them included, less the debt.
    """

    currency: str
    spendable_nanos: int
    threshold_nanos: int
    debt_nanos: int


class CreditsGranted(NamedTuple):
    """Credits were given; no meters: they pay for any."""

    currency: str
    grant_id: str
    category: str
    amount_nanos: int
    meters: tuple[str, ...]
    effective_us: int
    expires_us: int | None


class CreditsExpired(NamedTuple):
    """What was left of a grant is gone with its end."""

    currency: str
    grant_id: str
    amount_nanos: int
    expired_us: int


class PlanChanged(NamedTuple):
    """Another plan counts from an instant on."""

    previous_plan: str
    previous_plan_version: int
    plan: str
    plan_version: int
    effective_us: int


class ReservationExpired(NamedTuple):
    """A reservation ended by its time: `state` is "expired", or "committed" where it was made to be."""

    reservation_id: str
    product: str
    meter: str
    quantity: int
    state: str
    charged_nanos: int
    currency: str
    expired_us: int


class TopUpSucceeded(NamedTuple):
    """A payment has come, and with it a grant of `amount_nanos`; `paid_nanos` is what was paid for it without tax."""

    currency: str
    intent_id: str
    grant_id: str
    amount_nanos: int
    paid_nanos: int


class TopUpReturned(NamedTuple):
    """Refunds and disputes have taken back `returned_nanos` in all of what was paid: more or less of it than before.

    `credits_taken_nanos` are the credits taken for that in all; `credits_change_nanos` is below zero where they were
    taken now, above where they were given back.
    """

    currency: str
    intent_id: str
    paid_nanos: int
    returned_nanos: int
    credits_change_nanos: int
    credits_taken_nanos: int


class AutoReloadTurn(NamedTuple):
    """An account buys credits by itself, and what came of that; `failures` are declines in a row.

    `grant_id` is there where it succeeded, `decline` where it failed, and `retry_us`, unless it has stopped.
    """

    currency: str
    intent_id: str
    amount_nanos: int
    grant_id: str
    decline: str
    failures: int
    retry_us: int | None


class PaymentFailed(NamedTuple):
    """A subscription could not be renewed; until `grace_end_us` it counts all the same."""

    subscription_id: str
    provider: str
    plan: str
    plan_version: int
    grace_end_us: int


EventData = (
    UsageThreshold
    | CreditsLevel
    | CreditsGranted
    | CreditsExpired
    | PlanChanged
    | ReservationExpired
    | TopUpSucceeded
    | TopUpReturned
    | AutoReloadTurn
    | PaymentFailed
)

DATA_TYPES: dict[EventKind, type[EventData]] = {
    EventKind.USAGE_THRESHOLD: UsageThreshold,
    EventKind.CREDITS_LOW: CreditsLevel,
    EventKind.CREDITS_DEPLETED: CreditsLevel,
    EventKind.CREDITS_GRANTED: CreditsGranted,
    EventKind.CREDITS_EXPIRED: CreditsExpired,
    EventKind.PLAN_CHANGED: PlanChanged,
    EventKind.RESERVATION_EXPIRED: ReservationExpired,
    EventKind.TOP_UP_SUCCEEDED: TopUpSucceeded,
    EventKind.TOP_UP_RETURNED: TopUpReturned,
    EventKind.AUTO_RELOAD_STARTED: AutoReloadTurn,
    EventKind.AUTO_RELOAD_SUCCEEDED: AutoReloadTurn,
    EventKind.AUTO_RELOAD_FAILED: AutoReloadTurn,
    EventKind.AUTO_RELOAD_STOPPED: AutoReloadTurn,
    EventKind.PAYMENT_FAILED: PaymentFailed,
}


class OutgoingEvent(NamedTuple):
    """An event of an account: the `number`th that its transaction made, which left the account at `version`.

    So the transaction itself names it, and one that is run again names it the same. The relay gives it its position
    once it is committed: 1, 2, 3 and so on over all accounts.
    """

    account_id: str
    version: int
    number: int
    kind: EventKind
    at_us: int
    data: EventData
    position: int | None = None

    @property
    def id(self) -> str:
        """What receivers know it by: unique for ever."""
        return f"evt_{self.account_id.partition('_')[2]}_{self.version}_{self.number}"


def data_to_json(data: EventData) -> str:
    """Compact text, by the names of the fields."""
    return compact_json(data._asdict())


def data_from_json(kind: EventKind, text: str) -> EventData:
    """The inverse of `data_to_json`."""
    values = json.loads(text)
    if "meters" in values:
        values["meters"] = tuple(values["meters"])
    return DATA_TYPES[kind](**values)

"""First answers: what a command told its caller, stored beside the operation as versioned JSON of our own.

Every answer names the account, and which part of the subject found it. Answers are stored by the names of their
fields; what is nested in them (debits, grant, balance) by position, so that its fields must keep their order.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tollhoused.domain.json_text import compact_json

ANSWER_VERSION = 1


class Debit(NamedTuple):
    """What one grant paid, in nanos (positive)."""

    grant_id: str
    amount_nanos: int


class UsageAnswer(NamedTuple):
    """The outcome of one usage event. `limit` and `remaining` are None where nothing limits the meter."""

    account_id: str
    matched_by: str
    meter: str
    plan: str
    plan_version: int
    quantity: int
    new_usage: int
    limit: int | None
    remaining: int | None
    overage_quantity: int
    charged_nanos: int
    currency: str
    balance_after_nanos: int
    debits: tuple[Debit, ...]
    debt_nanos: int
    lifted: tuple[str, ...]
    event_us: int
    recorded_us: int
    period_start_us: int
    period_end_us: int


class GrantFacts(NamedTuple):
    """A grant as it stood when the answer was made; instants in microseconds."""

    id: str
    category: str
    priority: int
    effective_us: int
    expires_us: int | None
    meters: tuple[str, ...]
    amount_nanos: int
    remaining_nanos: int
    created_us: int


class BalanceFacts(NamedTuple):
    """Credits as they stood when the answer was made, in nanos; `available_nanos` is never negative."""

    total_nanos: int
    available_nanos: int
    debt_nanos: int


class CreditsAnswer(NamedTuple):
    """The outcome of a grant or an adjustment: what was made, what debt it settled, what it took, what became debt."""

    account_id: str
    matched_by: str
    currency: str
    grant: GrantFacts | None
    settled_nanos: int
    debits: tuple[Debit, ...]
    debt_nanos: int
    balance: BalanceFacts


class SubscriptionAnswer(NamedTuple):
    """The subscription as it stands after an assignment, a change or its end; `counts` says whether it decides the
    plan.
    """

    account_id: str
    matched_by: str
    subscription_id: str
    provider: str
    plan: str
    plan_version: int
    start_us: int
    end_us: int | None
    anchor_us: int
    counts: bool


class OverrideAnswer(NamedTuple):
    """The override after it was set or removed; `rate` is in the plain form of `rates.rate_to_json`."""

    account_id: str
    matched_by: str
    override_id: str
    meter: str
    included: int | None
    policy: str | None
    rate: dict[str, object] | None
    from_us: int
    until_us: int | None


class AccountAnswer(NamedTuple):
    """The account and names of an upserted user or organization; `created` is False where the account was there
    before.
    """

    account_id: str
    matched_by: str
    kind: str
    currency: str
    zone: str
    anchor_us: int
    user_id: str
    email: str
    org_id: str
    created: bool


class ClientAnswer(NamedTuple):
    """A client that was made."""

    client_id: str
    name: str
    created_us: int
    account_id: str = ""
    matched_by: str = ""


class KeyAnswer(NamedTuple):
    """An API key as it stood when the answer was made, without its secret, which is stored nowhere."""

    key_id: str
    client_id: str
    scopes: tuple[str, ...]
    products: tuple[str, ...]
    environment: str
    may_create: bool
    created_us: int
    expires_us: int | None
    revoked_us: int | None
    account_id: str = ""
    matched_by: str = ""


class ClockAnswer(NamedTuple):
    """The test clock after it was moved: what it showed then, and how far it is ahead of the wall clock."""

    now_us: int
    offset_us: int
    account_id: str = ""
    matched_by: str = ""


class TickAnswer(NamedTuple):
    """The account was brought up to date; nobody asked for it, and it is stored nowhere."""

    account_id: str
    matched_by: str = ""


Answer = (
    UsageAnswer
    | CreditsAnswer
    | SubscriptionAnswer
    | OverrideAnswer
    | AccountAnswer
    | ClientAnswer
    | KeyAnswer
    | ClockAnswer
    | TickAnswer
)


def answer_to_json(answer: Answer) -> str:
    """Compact versioned text."""
    data = answer._asdict()
    data["v"] = ANSWER_VERSION
    return compact_json(data)


def answer_from_json(kind: str, text: str) -> Answer:
    """The answer of an operation of this kind."""
    data = json.loads(text)
    del data["v"]
    for name, restore in _NESTED.items():
        if data.get(name) is not None:
            data[name] = restore(data[name])
    return ANSWER_TYPES[kind](**data)


def _grant(values: list[Any]) -> GrantFacts:
    facts = GrantFacts(*values)
    return facts._replace(meters=tuple(facts.meters))


_NESTED: dict[str, Callable[[Any], object]] = {
    "debits": lambda items: tuple(Debit(*item) for item in items),
    "lifted": tuple,
    "scopes": tuple,
    "products": tuple,
    "grant": _grant,
    "balance": lambda values: BalanceFacts(*values),
}
ANSWER_TYPES: dict[str, type[Answer]] = {
    "record_usage": UsageAnswer,
    "grant_credits": CreditsAnswer,
    "adjust_credits": CreditsAnswer,
    "assign_plan": SubscriptionAnswer,
    "unassign_plan": SubscriptionAnswer,
    "set_override": OverrideAnswer,
    "remove_override": OverrideAnswer,
    "upsert_user": AccountAnswer,
    "upsert_organization": AccountAnswer,
    "create_client": ClientAnswer,
    "create_key": KeyAnswer,
    "rotate_key": KeyAnswer,
    "revoke_key": KeyAnswer,
    "advance_test_clock": ClockAnswer,
}

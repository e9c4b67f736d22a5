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
    """The outcome of one usage event. `limit` and `remaining` are None where nothing limits the meter.

    Of a gauge `new_usage` is the period's peak, and `level` the one that holds after the event.
    """

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
    level: int | None = None


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
    held_nanos: int = 0
    voided_us: int | None = None


class BalanceFacts(NamedTuple):
    """Credits as they stood when the answer was made, in nanos; `available_nanos` is never negative."""

    total_nanos: int
    available_nanos: int
    debt_nanos: int
    held_nanos: int = 0


class ReservationFacts(NamedTuple):
    """A reservation as it stood when the answer was made; only an open one holds anything."""

    id: str
    product: str
    meter: str
    plan: str
    plan_version: int
    quantity: int
    on_expiry: str
    over_commit: str
    state: str
    held_nanos: int
    holds: tuple[Debit, ...]
    created_us: int
    expires_us: int
    used: int
    charged_nanos: int
    ended_us: int | None


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


class ReservationAnswer(NamedTuple):
    """A reservation that was made, extended or released, and the credits after that."""

    account_id: str
    matched_by: str
    currency: str
    reservation: ReservationFacts
    balance: BalanceFacts


class CommitAnswer(NamedTuple):
    """A reservation that was committed, and what that recorded."""

    account_id: str
    reservation: ReservationFacts
    usage: UsageAnswer
    matched_by: str = ""


class VoidAnswer(NamedTuple):
    """Usage that was taken back: what the counter and its charge fell by, and to whom the charge returned.

    `debits` are what grants got back, `debt_nanos` is what the debt fell by, `grant` was made of debt settled since.
    """

    account_id: str
    voided_key: str
    product: str
    meter: str
    quantity: int
    new_usage: int
    limit: int | None
    remaining: int | None
    overage_quantity: int
    charged_nanos: int
    currency: str
    debits: tuple[Debit, ...]
    debt_nanos: int
    grant: GrantFacts | None
    balance: BalanceFacts
    recorded_us: int
    period_start_us: int
    period_end_us: int
    matched_by: str = ""


class SubscriptionAnswer(NamedTuple):
    """The subscription as it stands after an assignment, a change or its end; `counts` says whether it decides the
    plan. The status is empty in answers of before there was one.
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
    status: str = ""
    trial_end_us: int | None = None
    pending_plan: str | None = None
    pending_version: int | None = None
    pending_us: int | None = None


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


class MemberAnswer(NamedTuple):
    """A membership as it was made, changed or ended; the account is the organization's. No name of the person."""

    account_id: str
    matched_by: str
    org_id: str
    is_primary: bool


class ErasureAnswer(NamedTuple):
    """The account of a person who was erased, and how many memberships ended."""

    account_id: str
    matched_by: str
    memberships: int


class OpeningAnswer(NamedTuple):
    """Usage that an account brought along. `limit` and `remaining` are None where nothing limits the meter."""

    account_id: str
    matched_by: str
    meter: str
    quantity: int
    new_usage: int
    limit: int | None
    remaining: int | None


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


class EndpointAnswer(NamedTuple):
    """An endpoint for outgoing events as it stood when the answer was made, without its secrets."""

    endpoint_id: str
    url: str
    kinds: tuple[str, ...]
    created_us: int
    deleted_us: int | None
    previous_until_us: int | None
    account_id: str = ""
    matched_by: str = ""


class TickAnswer(NamedTuple):
    """The account was brought up to date; nobody asked for it, and it is stored nowhere."""

    account_id: str
    matched_by: str = ""


Answer = (
    UsageAnswer
    | CreditsAnswer
    | ReservationAnswer
    | CommitAnswer
    | VoidAnswer
    | SubscriptionAnswer
    | OverrideAnswer
    | AccountAnswer
    | MemberAnswer
    | ErasureAnswer
    | OpeningAnswer
    | ClientAnswer
    | KeyAnswer
    | ClockAnswer
    | EndpointAnswer
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


def _usage(values: list[Any]) -> UsageAnswer:
    answer = UsageAnswer(*values)
    return answer._replace(debits=tuple(Debit(*item) for item in answer.debits), lifted=tuple(answer.lifted))


def _reservation(values: list[Any]) -> ReservationFacts:
    facts = ReservationFacts(*values)
    return facts._replace(holds=tuple(Debit(*item) for item in facts.holds))


def without_names(text: str) -> str:
    """A stored AccountAnswer, the person's names taken out of it."""
    return compact_json({**json.loads(text), "user_id": "", "email": ""})


NAMELESS = '"user_id":"","email":""'
"""What the text of an AccountAnswer without a person's names contains."""


def _grant(values: list[Any]) -> GrantFacts:
    facts = GrantFacts(*values)
    return facts._replace(meters=tuple(facts.meters))


_NESTED: dict[str, Callable[[Any], object]] = {
    "debits": lambda items: tuple(Debit(*item) for item in items),
    "lifted": tuple,
    "scopes": tuple,
    "products": tuple,
    "kinds": tuple,
    "grant": _grant,
    "reservation": _reservation,
    "usage": _usage,
    "balance": lambda values: BalanceFacts(*values),
}
ANSWER_TYPES: dict[str, type[Answer]] = {
    "record_usage": UsageAnswer,
    "set_usage": UsageAnswer,
    "grant_credits": CreditsAnswer,
    "adjust_credits": CreditsAnswer,
    "void_grant": CreditsAnswer,
    "reserve_usage": ReservationAnswer,
    "extend_reservation": ReservationAnswer,
    "release_reservation": ReservationAnswer,
    "commit_reservation": CommitAnswer,
    "void_usage": VoidAnswer,
    "assign_plan": SubscriptionAnswer,
    "unassign_plan": SubscriptionAnswer,
    "cancel_pending_plan_change": SubscriptionAnswer,
    "set_override": OverrideAnswer,
    "remove_override": OverrideAnswer,
    "upsert_user": AccountAnswer,
    "upsert_organization": AccountAnswer,
    "add_member": MemberAnswer,
    "remove_member": MemberAnswer,
    "erase_user": ErasureAnswer,
    "open_usage": OpeningAnswer,
    "create_client": ClientAnswer,
    "create_key": KeyAnswer,
    "rotate_key": KeyAnswer,
    "revoke_key": KeyAnswer,
    "advance_test_clock": ClockAnswer,
    "create_event_endpoint": EndpointAnswer,
    "rotate_event_endpoint": EndpointAnswer,
    "delete_event_endpoint": EndpointAnswer,
}

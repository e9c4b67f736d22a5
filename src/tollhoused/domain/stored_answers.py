"""First answers as they are stored: versioned JSON of our own, and which kind of operation has which answer."""

import json
from collections.abc import Callable
from typing import Any

from tollhoused.domain.answers import (
    AccountAnswer,
    Answer,
    AutoReloadAnswer,
    BalanceFacts,
    ClientAnswer,
    ClockAnswer,
    CommitAnswer,
    CreditsAnswer,
    Debit,
    EndpointAnswer,
    ErasureAnswer,
    GrantFacts,
    IntentAnswer,
    KeyAnswer,
    MemberAnswer,
    OpeningAnswer,
    OverrideAnswer,
    ReservationAnswer,
    ReservationFacts,
    SubscriptionAnswer,
    UsageAnswer,
    VoidAnswer,
)
from tollhoused.domain.json_text import compact_json

ANSWER_VERSION = 1


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
    "create_top_up": IntentAnswer,
    "create_payment_link": IntentAnswer,
    "start_checkout": IntentAnswer,
    "change_plan": IntentAnswer,
    "cancel_subscription": IntentAnswer,
    "resume_subscription": IntentAnswer,
    "cancel_bought_plan_change": IntentAnswer,
    "create_portal_session": IntentAnswer,
    "set_auto_reload": AutoReloadAnswer,
    "resume_auto_reload": AutoReloadAnswer,
}

"""Reading Stripe's JSON leniently: what is missing, null or of another type is nothing, and ids may be expanded."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
"""A JSON object as Stripe sends it."""

INTENT = "tollhouse_intent"
ACCOUNT = "tollhouse_account"
PLAN_VERSION = "tollhouse_plan_version"
ATTEMPT = "tollhouse_attempt"
"""Keys of the metadata that we give along; `ATTEMPT` only with charges without the customer."""


def metadata(*, intent_id: str = "", account_id: str = "", plan_version: int = 0, attempt: str = "") -> dict[str, str]:
    """What we give along, without what is not known."""
    given = {INTENT: intent_id, ACCOUNT: account_id, PLAN_VERSION: str(plan_version or ""), ATTEMPT: attempt}
    return {name: value for name, value in given.items() if value}


def inner(value: object, *names: str) -> Json:
    """The object at the end of a path of names; an empty one where the path ends before."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return dict(value) if isinstance(value, Mapping) else {}


def listed(value: object) -> list[Json]:
    """The objects of a list, or of a list object's `data`."""
    data = value.get("data") if isinstance(value, Mapping) else value
    return [dict(item) for item in data if isinstance(item, Mapping)] if isinstance(data, list) else []


def text(value: object) -> str:
    """A text, or the id of an expanded object."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) else ""


def whole(value: object) -> int:
    """A whole number, 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def number(value: object) -> int:
    """A whole number that is written as text, as in metadata; 0 for what is none."""
    written = text(value)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else 0


def instant_us(seconds: object) -> int | None:
    """Microseconds of Stripe's seconds since 1970; None for none."""
    return whole(seconds) * 1_000_000 or None

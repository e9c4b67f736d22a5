"""What Stripe's answers are made of: objects, lists of them, and errors."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

Object: TypeAlias = dict[str, Any]
"""A JSON object as Stripe sends it. Keys that begin with an underscore are the fake's own and are never sent."""

LIST_LIMIT = 10
LIST_LIMIT_MAX = 100


class ApiError(Exception):
    """A refusal: the HTTP status, and what stands under `error` in the answer."""

    def __init__(self, status: int, kind: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body: Object = {"error": {"type": kind, "message": message, **more}}


def invalid(message: str, param: str = "", code: str = "") -> ApiError:
    """400 for a request that cannot be carried out as it stands."""
    named = {name: value for name, value in (("param", param), ("code", code)) if value}
    return ApiError(400, "invalid_request_error", message, **named)


def missing(kind: str, name: str, param: str = "id") -> ApiError:
    """404 for a path, 400 for a parameter, that names what is not there."""
    status = 404 if param == "id" else 400
    message = f"No such {kind}: '{name}'"
    return ApiError(status, "invalid_request_error", message, code="resource_missing", param=param)


def listing(data: Sequence[Object], url: str, has_more: bool = False) -> Object:
    """A list object around what it holds."""
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}


def identity(value: Any) -> str:
    """The id of an object or of what already is an id; nothing for None."""
    return str(value["id"]) if isinstance(value, dict) else str(value or "")


class Route(NamedTuple):
    """What answers a method and a path: `handle(world, form, *names in the path)`. `params` are the names it takes."""

    method: str
    pattern: str
    handle: Callable[..., Object]
    params: str = ""


def card_error(code: str, decline_code: str, message: str, **more: object) -> ApiError:
    """402 for a payment that the bank refused. It is kept under the idempotency key, as what happened is."""
    return ApiError(402, "card_error", message, code=code, decline_code=decline_code, **more)

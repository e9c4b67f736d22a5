"""Idempotency keys as Stripe keeps them: what was carried out is answered again, for a day."""

import threading
from dataclasses import dataclass

from tests.fakes.stripe.clock import DAY_SECONDS
from tests.fakes.stripe.shapes import ApiError, invalid

KEY_LENGTH_MAX = 255
# Refusals that come before anything is carried out are not kept: the key may be used again.
NOT_KEPT = (400, 401, 404, 409, 429)


@dataclass(slots=True)
class Kept:
    """One key: what it was used for, when, and the answer; no answer yet means in flight."""

    fingerprint: str
    at: int
    request_id: str
    status: int = 0
    body: bytes = b""


class Keys:
    """The keys of one account."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def begin(self, key: str, fingerprint: str, now: int, request_id: str) -> Kept | None:
        """The first answer, or None where the request is to be carried out. Raises ApiError 400 or 409."""
        if len(key) > KEY_LENGTH_MAX:
            raise invalid(f"Idempotency keys may not be longer than {KEY_LENGTH_MAX} characters.")
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept.status and now - kept.at >= DAY_SECONDS:
                kept = None
            if kept is None:
                self._kept[key] = Kept(fingerprint, now, request_id)
                return None
        if kept.fingerprint != fingerprint:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
            )
            raise ApiError(400, "idempotency_error", f"{message} Try using a key other than '{key}'.")
        if not kept.status:
            message = "There is currently another in-progress request using this idempotency key."
            raise ApiError(409, "idempotency_error", message, code="idempotency_key_in_use")
        return kept

    def finish(self, key: str, status: int, body: bytes) -> None:
        """Keeps an answer, or frees the key where nothing was carried out."""
        with self._lock:
            if status in NOT_KEPT:
                self._kept.pop(key, None)
            else:
                self._kept[key].status, self._kept[key].body = status, body

"""A line for a call: for each where that is asked for, and always for those that failed by us or took long."""

import logging
import threading
import time
from collections.abc import Callable

from tollhoused.observing import CallObserver, EndedCall

log = logging.getLogger(__name__)

SLOW_SECONDS = 1.0
FAILURES = {"INTERNAL", "UNAVAILABLE"}
TROUBLED_LINES_MAX = 20
"""A second, unless every call is logged: an outage with thousands of callers must not fill a disk."""


class CallLog(CallObserver):
    """Logs calls by their ends."""

    def __init__(self, every_call: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """`every_call` logs each at INFO; without it, each is logged at DEBUG. `clock` is in seconds."""
        self._level = logging.INFO if every_call else logging.DEBUG
        self._clock = clock
        self._lock = threading.Lock()
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def ended(self, call: EndedCall) -> None:
        if call.code in FAILURES:
            self._tell_trouble("a call failed", call)
        elif call.seconds > SLOW_SECONDS and not call.stayed_open:
            self._tell_trouble("a call took long", call)
        elif log.isEnabledFor(self._level):
            log.log(self._level, "a call ended", extra={"fields": _fields(call)})

    def _tell_trouble(self, text: str, call: EndedCall) -> None:
        with self._lock:
            second = int(self._clock())
            if second != self._second:
                self._second, self._lines = second, 0
            self._lines += 1
            if self._lines > TROUBLED_LINES_MAX and not log.isEnabledFor(self._level):
                self._left_out += 1
                return
            left_out, self._left_out = self._left_out, 0
        more = {"left_out_before": left_out} if left_out else {}
        log.warning(text, extra={"fields": _fields(call) | more})


def _fields(call: EndedCall) -> dict[str, object]:
    fields: dict[str, object] = {"request_id": call.request_id, "method": call.method, "client": call.client}
    fields |= {"code": call.code, "reason": call.reason, "error_id": call.error_id}
    return {name: value for name, value in fields.items() if value} | {"duration_ms": round(call.seconds * 1_000, 3)}

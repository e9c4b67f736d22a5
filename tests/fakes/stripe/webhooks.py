"""Webhooks: signed, delivered, tried again; and everything that may happen to them on the way."""

import hashlib
import hmac
import http.client
import json
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.fakes.stripe.clock import DAY_SECONDS
from tests.fakes.stripe.render import CURRENT, render_event
from tests.fakes.stripe.shapes import Object
from tests.fakes.stripe.world import World

ANSWER_SECONDS_MAX = 10.0
RETRY_SECONDS = (300, 1_800, 7_200, 18_000, 36_000)
RETRIED_FOR_SECONDS = 3 * DAY_SECONDS


class Delivery(StrEnum):
    """When events go out."""

    AFTER_ANSWER = "after_answer"
    BEFORE_ANSWER = "before_answer"
    HELD = "held"
    DROPPED = "dropped"


class Attempt(NamedTuple):
    """One delivery and the status that it was answered with; 0 for none."""

    event_id: str
    type: str
    status: int


@dataclass(slots=True)
class Waiting:
    """An event that is held back, or tried again at `due_at`."""

    event: Object
    due_at: int | None = None
    tries: int = 0
    after: threading.Event | None = None
    """What has to happen first: the answer that this event comes from has gone out."""


class Webhooks:
    """One endpoint and the way to it."""

    def __init__(self, world: World, secret: str) -> None:
        self.delivery = Delivery.AFTER_ANSWER
        self.version = CURRENT
        self.secret = secret
        self.attempts: list[Attempt] = []
        self.signing_time: Callable[[], int] = lambda: world.clock.now
        """Seconds since 1970 that signatures bear: the fake's clock, unless a test says otherwise."""
        self._world = world
        self._url = ""
        self._waiting: list[Waiting] = []
        self._lock = threading.Lock()
        self._queue: queue.Queue[Waiting | None] = queue.Queue()
        self._courier = threading.Thread(target=self._carry, name="stripe-webhooks", daemon=True)
        self._courier.start()

    def send_to(self, url: str) -> None:
        """Where events go from now on; none go anywhere before."""
        self._url = url

    def waiting(self) -> list[Object]:
        """The events that are held back or will be tried again, oldest first, as they would be sent."""
        with self._lock:
            return [render_event(item.event, self.version) for item in self._waiting]

    def release(
        self, order: Sequence[int] | None = None, copies: int = 1, reverse: bool = False, parallel: bool = False
    ) -> list[int]:
        """Delivers what waits, here and now, each event `copies` times in a row; returns the statuses.

        `order` picks by place in `waiting()`; what it leaves out is dropped, what it repeats is sent again.
        `parallel` sends everything at the same time.
        """
        with self._lock:
            held, self._waiting = self._waiting, []
        chosen = held if order is None else [held[place] for place in order]
        if reverse:
            chosen = chosen[::-1]
        sent = [Waiting(item.event, tries=item.tries) for item in chosen for _ in range(copies)]
        if not parallel or not sent:
            return [self._deliver(item) for item in sent]
        with ThreadPoolExecutor(len(sent)) as senders:
            return list(senders.map(self._deliver, sent))

    def drop(self) -> int:
        """Forgets what waits; returns how many."""
        with self._lock:
            dropped, self._waiting = len(self._waiting), []
        return dropped

    def deliver(self, event_id: str, version: str | None = None) -> int:
        """Sends one event once more, whatever became of it; returns the status, 0 for no answer."""
        return self._post(self._event(event_id), version)

    def payload(self, event_id: str, version: str | None = None) -> bytes:
        """The body that an event is sent with."""
        return _body(render_event(self._event(event_id), version or self.version))

    def sign(self, body: bytes, at: int | None = None) -> str:
        """The `Stripe-Signature` header for a body."""
        signed_at = self.signing_time() if at is None else at
        return signature(self.secret, body, signed_at)

    def settle(self, seconds: float = 5.0) -> None:
        """Waits until everything that went out has been answered. Raises TimeoutError."""
        done = threading.Thread(target=self._queue.join, daemon=True)
        done.start()
        done.join(seconds)
        if done.is_alive():
            raise TimeoutError("Webhooks are still on their way.")

    def send(self, events: Sequence[Object], inline: bool = False, after: threading.Event | None = None) -> None:
        """Called by the fake: what has just happened goes the way that `delivery` says."""
        items = [Waiting(event, after=after) for event in events]
        if not self._url or self.delivery is Delivery.DROPPED:
            return
        if self.delivery is Delivery.HELD:
            with self._lock:
                self._waiting += items
            return
        for item in items:
            if inline:
                self._deliver(item)
            else:
                self._queue.put(item)

    def retry(self) -> None:
        """Called by the fake when its clock has moved: sends again what has failed and is due."""
        now = self._world.clock.now
        with self._lock:
            due = [item for item in self._waiting if item.due_at is not None and item.due_at <= now]
            self._waiting = [item for item in self._waiting if item not in due]
        for item in due:
            self._queue.put(item)

    def close(self) -> None:
        """Ends the thread. What it has not delivered is forgotten."""
        self._url = ""
        self._queue.put(None)
        self._courier.join(ANSWER_SECONDS_MAX)

    def _carry(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=1.0 if self._world.clock.running else None)
            except queue.Empty:
                self.retry()
                continue
            try:
                if item is None:
                    return
                if item.after:
                    item.after.wait(ANSWER_SECONDS_MAX)
                self._deliver(item)
            finally:
                self._queue.task_done()

    def _deliver(self, item: Waiting) -> int:
        status = self._post(item.event, None)
        now = self._world.clock.now
        if not 200 <= status < 300 and self._url and now - item.event["created"] < RETRIED_FOR_SECONDS:
            due_at = now + RETRY_SECONDS[min(item.tries, len(RETRY_SECONDS) - 1)]
            with self._lock:
                self._waiting.append(Waiting(item.event, due_at, item.tries + 1))
        return status

    def _post(self, event: Object, version: str | None) -> int:
        body = _body(render_event(event, version or self.version))
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": self.sign(body)}
        status = _post(self._url, body, {**headers, "User-Agent": "Stripe/1.0"}) if self._url else 0
        if 200 <= status < 300:
            event.update(_delivered=True, pending_webhooks=0)
        self.attempts.append(Attempt(event["id"], event["type"], status))
        return status

    def _event(self, event_id: str) -> Object:
        return next(event for event in self._world.events if event["id"] == event_id)


def signature(secret: str, body: bytes, at: int) -> str:
    """Stripe's scheme v1: HMAC-SHA256 over the time, a dot and the body as it is sent."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _body(event: Object) -> bytes:
    return json.dumps(event, indent=2).encode()


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request("POST", parts.path or "/", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()

"""Brings the fake's events to the servers: late, twice, out of order, and some only when they are tried again."""

import heapq
import http.client
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from tests.fakes.stripe.fake import FakeStripe

THREADS = 8
LOOK_SECONDS = 0.02
POST_SECONDS = 10.0
SOON_SECONDS = (0.0, 0.05)
LATE_SECONDS = (0.2, 3.0)
AGAIN_SECONDS = (0.2, 1.5)
"""Stripe waits for minutes before it tries again; nothing else is different about that."""


class Courier(threading.Thread):
    """Delivers every event of a fake until somebody has acknowledged it, to any of the `urls`."""

    def __init__(self, fake: FakeStripe, chance: random.Random) -> None:
        super().__init__(name="courier", daemon=True)
        self.urls: list[str] = []
        self.acknowledged: set[str] = set()
        self.deliveries = 0
        self.failed_deliveries = 0
        self._fake = fake
        self._chance = chance
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="delivery")
        self._lock = threading.Lock()
        self._due: list[tuple[float, str]] = []
        self._seen = 0
        self._hurried = False
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            if not self.urls:
                continue
            self._take()
            for event_id in self._now_due():
                self._pool.submit(self._deliver, event_id)

    def hurry(self) -> None:
        """From now on everything is delivered at once, what was late or left out as well."""
        with self._lock:
            self._hurried = True
            self._due = [(0.0, event_id) for _, event_id in self._due]

    def stop(self) -> None:
        """Delivers no more."""
        self._stopping.set()
        self.join()
        self._pool.shutdown(cancel_futures=True)

    def undelivered(self) -> int:
        """How many events nobody has acknowledged."""
        with self._fake.world.lock, self._lock:
            return sum(event["id"] not in self.acknowledged for event in self._fake.world.events)

    def _take(self) -> None:
        """New events. The world's lock is held, for a call that fails takes its events back before it lets go."""
        with self._fake.world.lock:
            new = [event["id"] for event in self._fake.world.events[self._seen :]]
        self._seen += len(new)
        now = time.monotonic()
        with self._lock:
            for event_id in new:
                for seconds in self._delays():
                    heapq.heappush(self._due, (now + seconds, event_id))

    def _delays(self) -> list[float]:
        """When an event goes out, and how often."""
        if self._hurried:
            return [0.0]
        draw = self._chance.random()
        soon, late = self._chance.uniform(*SOON_SECONDS), self._chance.uniform(*LATE_SECONDS)
        if draw < 0.5:
            return [soon]
        if draw < 0.6:
            return [soon, soon]
        return [soon, late] if draw < 0.7 else [late]

    def _now_due(self) -> list[str]:
        now, found = time.monotonic(), []
        with self._lock:
            while self._due and self._due[0][0] <= now:
                found.append(heapq.heappop(self._due)[1])
        return found

    def _deliver(self, event_id: str) -> None:
        body = self._fake.webhooks.payload(event_id)
        headers = {"Content-Type": "application/json", "Stripe-Signature": self._fake.webhooks.sign(body)}
        status = _post(self._chance.choice(self.urls), body, headers)
        with self._lock:
            self.deliveries += 1
            if 200 <= status < 300:
                self.acknowledged.add(event_id)
                return
            self.failed_deliveries += 1
            pause_seconds = AGAIN_SECONDS[0] if self._hurried else self._chance.uniform(*AGAIN_SECONDS)
            heapq.heappush(self._due, (time.monotonic() + pause_seconds, event_id))


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status; 0 for no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=POST_SECONDS)
    try:
        connection.request("POST", parts.path, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()

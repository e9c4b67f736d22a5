"""A fake Stripe to start: `with FakeStripe(now=1_760_000_000) as fake`, then the official SDK at `fake.address`."""

import copy
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tests.fakes.stripe import passing
from tests.fakes.stripe.clock import DAY_SECONDS, Clock
from tests.fakes.stripe.failures import Failures
from tests.fakes.stripe.render import CURRENT, render, render_event
from tests.fakes.stripe.server import Request, Service
from tests.fakes.stripe.shapes import Object
from tests.fakes.stripe.shopper import Shopper
from tests.fakes.stripe.webhooks import Delivery, Webhooks
from tests.fakes.stripe.wire import Server
from tests.fakes.stripe.world import World


class FakeStripe:
    """One account on 127.0.0.1, with keys of its own that are made when it starts.

    `now` in seconds makes the clock stand still until it is advanced; None follows the wall's clock. Port 0: any.
    `world.dunning` and `world.tax_percent` are the account's settings.
    """

    def __init__(self, now: int | None = None, port: int = 0) -> None:
        self.clock = Clock(now)
        self.world = World(self.clock, salt=secrets.token_hex(4))
        self.api_key = "sk_" + "test_" + secrets.token_hex(16)
        self.webhook_secret = f"whsec_{secrets.token_hex(16)}"
        self.failures = Failures()
        self.webhooks = Webhooks(self.world, self.webhook_secret)
        self.shopper = Shopper(self._acting)
        self._service = Service(self.world, self.webhooks, self.failures, self.api_key)
        self._server = Server(self._service, self.shopper, port)
        self.address = self.world.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="stripe", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        if kind is None:
            assert not self._service.crashes, self._service.crashes

    def close(self) -> None:
        """Ends the threads and the connections."""
        self.failures.over.set()
        self._server.shutdown()
        self._server.close()
        self._thread.join()
        self.webhooks.close()

    @property
    def requests(self) -> list[Request]:
        """Every API call that arrived, oldest first."""
        return list(self._service.requests)

    def advance(self, seconds: int = 0, days: int = 0) -> None:
        """Lets time pass; what falls due happens at its own instant, and its events go out at the end."""
        self.advance_to(self.clock.now + seconds + days * DAY_SECONDS)

    def advance_to(self, instant: int) -> None:
        """Lets time pass until then, in seconds since 1970."""
        with self._acting() as world:
            passing.catch_up(world, instant)
            self.clock.move_to(instant)
        self.webhooks.retry()

    def get(self, name: str) -> Object:
        """The object with this id, in the current shape. Raises KeyError."""
        with self.world.lock:
            found = self.world.find(name)
            if found is None:
                raise KeyError(name)
            shown: Object = copy.deepcopy(render(found, CURRENT))
            return shown

    def all(self, kind: str) -> list[Object]:
        """All objects of a kind, oldest first, in the current shape."""
        with self.world.lock:
            return [copy.deepcopy(render(item, CURRENT)) for item in self.world.all(kind)]

    def events(self, kind: str = "") -> list[Object]:
        """All that happened, or all of one type, oldest first, in the shape of `webhooks.version`."""
        with self.world.lock:
            found = [event for event in self.world.events if kind in ("", event["type"])]
            return [copy.deepcopy(render_event(event, self.webhooks.version)) for event in found]

    @contextmanager
    def _acting(self) -> Iterator[World]:
        """Something happens that is no API call. Its events go out when the world is free again."""
        with self.world.lock:
            passing.catch_up(self.world, self.clock.now)
            try:
                yield self.world
            finally:
                events, self.world.outbox = self.world.outbox, []
        self.webhooks.send(events, inline=self.webhooks.delivery is Delivery.BEFORE_ANSWER)

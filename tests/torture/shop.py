"""The harness's end of `market.py`: where the servers of a run sell, and what customers do on the provider's pages."""

import http.client
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.stripe.world import Outcome

ROOT = Path(__file__).parents[2]
PAY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment intent at the fake; `intent` is the id of our order, empty for what others made; cents."""

    id: str
    intent: str
    status: str
    received: int
    created: int

    @property
    def succeeded(self) -> bool:
        """Whether money has come."""
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True)
class Page:
    """A checkout session at the fake."""

    id: str
    intent: str
    status: str


@dataclass(frozen=True, slots=True)
class Sold:
    """A subscription at the fake, and whose we said that it is."""

    id: str
    account: str
    status: str
    price: str


@dataclass(frozen=True, slots=True)
class Record:
    """What the fake knows. `customers` are the accounts that they were made for, `prices` the plans by their prices.

    `acknowledged` are the events that a server said it has; deliveries are counted, and those that were answered with
    anything else.
    """

    payments: list[Payment]
    pages: list[Page]
    subscriptions: list[Sold]
    customers: list[str]
    events: list[str]
    acknowledged: list[str]
    deliveries: int = 0
    failed_deliveries: int = 0
    requests: int = 0
    unanswered_requests: int = 0


class Shop:
    """A fake Stripe that runs as long as this is open. `folder` is where its catalogue goes."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir()
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.market", str(folder), str(seed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        reached = self._reply()
        self.variables: dict[str, str] = reached["variables"]
        self.catalogue = str(reached["catalogue"])

    def deliver_to(self, http_addresses: list[str]) -> None:
        """Its events go to these servers."""
        self._ask("deliver_to", [f"http://{address}/webhooks/stripe" for address in http_addresses])

    def rage(self) -> None:
        """Calls to it begin to fail."""
        self._ask("rage")

    def calm(self) -> None:
        """Its failures are over."""
        self._ask("calm")

    def undelivered(self) -> int:
        """How many of its events no server has acknowledged."""
        return int(self._ask("undelivered"))

    def record(self) -> Record:
        """What has happened at it."""
        found = self._ask("record")
        counts = {name: found[name] for name in ("deliveries", "failed_deliveries", "requests", "unanswered_requests")}
        return Record(
            payments=[Payment(**item) for item in found["payments"]],
            pages=[Page(**item) for item in found["sessions"]],
            subscriptions=[Sold(**item) for item in found["subscriptions"]],
            customers=found["customers"],
            events=found["events"],
            acknowledged=found["acknowledged"],
            **counts,
        )

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, name: str, *arguments: object) -> Any:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
            self._process.stdin.flush()
            return self._reply()

    def _reply(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def pay(url: str, card: Outcome = Outcome.SUCCEEDED) -> None:
    """What a customer does on a page, who gives up where it does not answer. What came of it is in the record."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PAY_SECONDS)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", parts.path, f"card={card.value}", headers)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()

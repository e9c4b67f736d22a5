"""The fake Stripe of a run, as a program of its own: `python -m tests.torture.market FOLDER SEED`.

It lets API calls fail and delivers its events as badly as Stripe may. Each line of standard input is a request in JSON,
each line of standard output its reply; the first line says how to reach it. When the harness goes away it ends.
"""

import json
import random
import sys
import threading
from pathlib import Path
from typing import Any

from tests.demo.shop_setup import priced_catalogue, provider_settings
from tests.fakes.stripe.failures import Fault
from tests.fakes.stripe.fake import FakeStripe
from tests.torture.courier import Courier

FAULTS = (
    (Fault.LOST_BEFORE, 2),
    (Fault.LOST_AFTER, 4),
    (Fault.SERVER_ERROR, 2),
    (Fault.RATE_LIMITED, 1),
    (Fault.SLOW, 2),
    (Fault.DECLINED, 1),
)
PATHS = ("/v1/payment_intents", "/v1/checkout/sessions", "/v1/subscriptions", "/v1/customers")
PAUSE_SECONDS = (0.1, 1.0)
HANG_SECONDS = (0.0, 0.4)
INTENT, ACCOUNT = "tollhouse_intent", "tollhouse_account"
"""What the server gives along. Written down here once more: the checker trusts no code of ours."""


class Market:
    """The fake, its courier and its failures."""

    def __init__(self, fake: FakeStripe, chance: random.Random) -> None:
        self._fake = fake
        self._chance = chance
        self._courier = Courier(fake, random.Random(chance.random()))
        self._courier.start()
        self._calm = threading.Event()
        self._trouble = threading.Thread(target=self._fail_again_and_again, daemon=True)

    def deliver_to(self, urls: list[str]) -> None:
        """Events go to these addresses, any of them."""
        self._courier.urls = urls

    def rage(self) -> None:
        """Calls begin to fail."""
        self._trouble.start()

    def calm(self) -> None:
        """The last failure is over."""
        self._calm.set()
        if self._trouble.is_alive():
            self._trouble.join()
        self._fake.failures.clear()
        self._courier.hurry()

    def close(self) -> None:
        """Nothing happens here any more."""
        self.calm()
        self._courier.stop()

    def undelivered(self) -> int:
        """How many events nobody has acknowledged yet."""
        return self._courier.undelivered()

    def record(self) -> dict[str, Any]:
        """What has happened here."""
        return {
            "payments": [
                {
                    "id": item["id"],
                    "intent": item["metadata"].get(INTENT, ""),
                    "status": item["status"],
                    "received": item["amount_received"],
                    "created": item["created"],
                }
                for item in self._fake.all("payment_intent")
            ],
            "sessions": [
                {"id": item["id"], "intent": item["metadata"].get(INTENT, ""), "status": item["status"]}
                for item in self._fake.all("checkout.session")
            ],
            "subscriptions": [
                {
                    "id": item["id"],
                    "account": item["metadata"].get(ACCOUNT, ""),
                    "status": item["status"],
                    "price": item["items"]["data"][0]["price"]["id"],
                }
                for item in self._fake.all("subscription")
            ],
            "customers": [item["metadata"].get(ACCOUNT, "") for item in self._fake.all("customer")],
            "events": [event["id"] for event in self._fake.events()],
            "acknowledged": sorted(self._courier.acknowledged),
            "deliveries": self._courier.deliveries,
            "failed_deliveries": self._courier.failed_deliveries,
            "requests": len(self._fake.requests),
            "unanswered_requests": sum(not request.status for request in self._fake.requests),
        }

    def _fail_again_and_again(self) -> None:
        kinds, weights = zip(*FAULTS, strict=True)
        while not self._calm.wait(self._chance.uniform(*PAUSE_SECONDS)):
            self._fake.failures.clear()
            self._fake.failures.add(
                self._chance.choices(kinds, weights)[0],
                method=self._chance.choice(("POST", "POST", "GET")),
                path=self._chance.choice(PATHS),
                seconds=self._chance.uniform(*HANG_SECONDS),
            )


def main() -> None:
    """Until standard input ends."""
    folder, seed = sys.argv[1:]
    with FakeStripe() as fake:
        market = Market(fake, random.Random(seed))
        catalogue = priced_catalogue(fake, Path(folder))
        print(json.dumps({"variables": provider_settings(fake, ""), "catalogue": str(catalogue)}), flush=True)
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            print(json.dumps(getattr(market, name)(*arguments)), flush=True)
        market.close()


if __name__ == "__main__":
    main()

"""What the fake knows: objects by kind, the events that told of them, and the settings of its account."""

import copy
import pickle
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from tests.fakes.stripe.blanks import BLANKS
from tests.fakes.stripe.clock import DAY_SECONDS, Clock
from tests.fakes.stripe.shapes import ApiError, Object, missing

PREFIXES = {
    "billing_portal.session": "bps",
    "charge": "ch",
    "checkout.session": "cs",
    "customer": "cus",
    "dispute": "dp",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "line_item": "il",
    "item": "li",
    "payment_intent": "pi",
    "payment_link": "plink",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "setup_intent": "seti",
    "subscription": "sub",
    "subscription_item": "si",
    "subscription_schedule": "sub_sched",
    "billing_portal.configuration": "bpc",
}

# What Stripe's test payment methods do; they become a payment method of their own when they are named.
TEST_CARDS = {
    "pm_card_visa": "succeeded",
    "pm_card_mastercard": "succeeded",
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeCustomerFail": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_authenticationRequired": "authentication_required",
    "pm_usBankAccount": "processing",
}
EVENTS_KEPT_SECONDS = 30 * DAY_SECONDS


class Outcome(StrEnum):
    """How a charge ends. The values of refusals are Stripe's decline codes."""

    SUCCEEDED = "succeeded"
    DECLINED = "generic_decline"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    AUTHENTICATION_REQUIRED = "authentication_required"
    PROCESSING = "processing"


@dataclass(frozen=True, slots=True)
class Dunning:
    """When a renewal that was declined is tried again, in days after each failure, and what becomes of it then.

    `in_the_end` is the subscription's status after the last try: canceled, unpaid or past_due.
    """

    retry_days: tuple[int, ...] = (3, 5, 7)
    in_the_end: str = "canceled"

    def next_attempt(self, attempts: int, now: int) -> int | None:
        """The instant of the next try after so many failures; None when there is none."""
        later = self.retry_days[attempts - 1 : attempts]
        return now + later[0] * DAY_SECONDS if later else None


class Mark(NamedTuple):
    """A state of the world: its objects, how many events there were, and what had not been sent yet."""

    objects: bytes
    events: int
    outbox: list[Object]


@dataclass(slots=True)
class World:
    """The state of one fake account. Whoever reads or changes it holds `lock`."""

    clock: Clock
    salt: str
    dunning: Dunning = field(default_factory=Dunning)
    lock: threading.RLock = field(default_factory=threading.RLock)
    objects: defaultdict[str, dict[str, Object]] = field(default_factory=lambda: defaultdict(dict))
    events: list[Object] = field(default_factory=list)
    outbox: list[Object] = field(default_factory=list)
    forced: Outcome | None = None
    request: Object | None = None
    made: int = 0
    tax_percent: int = 0
    address: str = ""
    past: int | None = None

    @property
    def now(self) -> int:
        """Seconds since 1970: the clock's, or the instant of what is being caught up with."""
        return self.clock.now if self.past is None else self.past

    def name(self, kind: str) -> str:
        """A new id that no other fake has."""
        self.made += 1
        return f"{PREFIXES[kind]}_{self.made:05d}{self.salt}"

    def build(self, kind: str, **fields: object) -> Object:
        """An object that is part of another and is not kept by itself."""
        created = {"created": self.now, "livemode": False}
        blank = dict.fromkeys(BLANKS.get(kind, ()))
        return {"id": self.name(kind), "object": kind, **created, **blank, **fields}

    def add(self, kind: str, **fields: object) -> Object:
        """A new object that can be asked for."""
        made = self.build(kind, **fields)
        self.objects[kind][made["id"]] = made
        return made

    def get(self, kind: str, name: str, param: str = "id") -> Object:
        """The object itself. Raises ApiError when there is none; `param` is what named it."""
        found = self.objects[kind].get(name)
        if found is None:
            raise missing(kind, name, param)
        return found

    def find(self, name: str) -> Object | None:
        """The object of any kind with this id."""
        return next((kept[name] for kept in self.objects.values() if name in kept), None)

    def all(self, kind: str) -> list[Object]:
        """All of a kind, oldest first."""
        return list(self.objects[kind].values())

    def emit(self, kind: str, about: Object, previous: Object | None = None) -> None:
        """Tells of an object as it is now; the event waits in the outbox."""
        data: Object = {"object": copy.deepcopy(about)}
        if previous is not None:
            data["previous_attributes"] = previous
        request = self.request or {"id": None, "idempotency_key": None}
        event = self.build("event", type=kind, data=data, pending_webhooks=1, request=request, _delivered=False)
        self.events.append(event)
        self.outbox.append(event)

    def change(self, about: Object, kind: str, **changes: object) -> None:
        """Changes an object and tells of it, with what was there before. Says nothing where nothing changed."""
        previous = {name: copy.deepcopy(about.get(name)) for name, value in changes.items() if about.get(name) != value}
        about.update(changes)
        if previous:
            self.emit(kind, about, {name: value for name, value in previous.items() if not name.startswith("_")})

    def mark(self) -> Mark:
        """The state as it is now, to go back to. Pickled: quicker than a deep copy, and what is shared stays so."""
        return Mark(pickle.dumps(self.objects), len(self.events), list(self.outbox))

    def go_back(self, mark: Mark) -> None:
        """What has changed since has not happened."""
        self.objects, self.outbox = pickle.loads(mark.objects), mark.outbox
        del self.events[mark.events :]

    @contextmanager
    def whole_or_nothing(self) -> Iterator[None]:
        """What a refused request changed has not happened. Objects that were got before are not the kept ones then."""
        mark = self.mark()
        try:
            yield
        except ApiError:
            self.go_back(mark)
            raise

    @contextmanager
    def imagined(self) -> Iterator[None]:
        """Whatever is changed meanwhile has not happened."""
        mark = self.mark()
        try:
            yield
        finally:
            self.go_back(mark)

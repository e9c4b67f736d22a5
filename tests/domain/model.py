"""What usage and credits must come to, told once more in dicts and loops that share no code with the domain."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.domain.builders import RULES, START_US

LIMIT = 2**62
FOREVER = float("inf")
UNIT = 10**9
FREE: dict[str, Any] = {"rank": 0, "products": {"talk"}}
PLUS: dict[str, Any] = {"rank": 10, "products": {"talk", "send"}}
MOST: dict[str, Any] = {"rank": 20, "products": {"talk", "send"}}
FREE["meters"] = {
    "calls": (10, "credits", ("unit", 2 * UNIT, 1)),
    "tokens": (0, "credits", ("unit", 10, 4)),
    "pages": (5, "credits", ("package", 5 * UNIT, 10)),
    "minutes": (30, "hard_limit", None),
}
PLUS["meters"] = {
    "calls": (100, "credits", ("unit", UNIT, 1)),
    "tokens": (1_000, "credits", ("unit", 10, 8)),
    "pages": (50, "credits", ("graduated", [(20, 4 * UNIT // 10), (None, UNIT // 4)], 1)),
    "minutes": (300, "hard_limit", None),
    "beacons": (0, "unmetered", None),
}
MOST["meters"] = {"calls": (0, "unmetered", None), "tokens": (10_000, "hard_limit", None)}
PLANS = {"free": FREE, "plus": PLUS, "most": MOST}


class Refused(Exception):
    """The reason why nothing happens."""


def cost(rate: tuple[str, Any, int], quantity: int) -> int:
    """The price of a quantity, in exact fractions, rounded half up."""
    model, price, per_units = rate
    if model == "package":
        return ceil(Fraction(quantity, per_units)) * int(price)
    if model == "unit":
        return floor(Fraction(quantity * int(price), per_units) + Fraction(1, 2))
    total, below = Fraction(0), 0
    for up_to, tier_price in price:
        inside = max(0, (quantity if up_to is None else min(quantity, up_to)) - below)
        total += Fraction(inside * tier_price, per_units)
        below = up_to
    return floor(total + Fraction(1, 2))


def month_after(anchor_us: int, at_us: int) -> int:
    """The first monthly boundary after an instant, in UTC."""
    anchor = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=anchor_us)
    months = 0
    while True:
        months += 1
        year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
        day = anchor.day
        while True:
            try:
                boundary = anchor.replace(year=year, month=month + 1, day=day)
                break
            except ValueError:
                day -= 1
        boundary_us = (boundary - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        if boundary_us > at_us:
            return boundary_us


class Model:
    """One account. Grants, subscriptions and overrides are dicts by id, segments a list of dicts, in order."""

    def __init__(self) -> None:
        self.now = START_US
        self.debt = 0
        self.grants: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.overrides: dict[str, dict[str, Any]] = {}
        self.segments: list[dict[str, Any]] = []
        self._turn(START_US)

    @property
    def balance(self) -> int:
        left: int = sum(grant["left"] for grant in self.grants.values())
        return left - self.debt

    def advance(self, clock: int, after_segment: bool = False) -> int:
        """Brings the account to the clock; with `after_segment` later than the open segment's start. Returns now."""
        self._pass(clock)
        while after_segment and self.segments[-1]["start"] >= self.now:
            self._pass(self.now + 1)
        return self.now

    def usable(self, meter: str | None) -> list[dict[str, Any]]:
        """Grants that may pay for the meter, in the order of requirement C4."""
        found = [
            grant
            for grant in self.grants.values()
            if grant["left"]
            and grant["from"] <= self.now < grant["until"]
            and (meter is None or not grant["meters"] or meter in grant["meters"])
        ]
        return sorted(
            found, key=lambda grant: (grant["priority"], grant["until"], grant["paid"], grant["made"], grant["id"])
        )

    def available(self, meter: str) -> int:
        left: int = sum(grant["left"] for grant in self.usable(meter))
        return max(0, left - self.debt)

    def use(self, product: str, meter: str, quantity: int, at: int | None, enforce: bool) -> dict[str, Any]:
        """Settles a usage event, or raises Refused before anything moved."""
        event = self.now if at is None else min(at, self.now)
        if at is not None and at < self.now - RULES.late_window_us:
            raise Refused("EVENT_TOO_OLD")
        if at is not None and at > self.now + RULES.future_tolerance_us:
            raise Refused("EVENT_IN_FUTURE")
        segment = next((item for item in reversed(self.segments) if item["start"] <= event), self.segments[0])
        stands_in_the_way = []
        if product not in PLANS[segment["plan"]]["products"]:
            stands_in_the_way.append("SUBSCRIPTION_REQUIRED")
        if meter not in segment["meters"]:
            stands_in_the_way.append("METER_NOT_IN_PLAN")
        included, policy, rate = segment["meters"].get(meter, (0, "none", None))
        carried, used = segment["carried"].get(meter, 0), segment["used"].get(meter, 0)
        total = carried + used + quantity
        overage = 0 if policy == "unmetered" else max(0, total - max(included, carried))
        charged = cost(rate, overage) if policy == "credits" else 0
        charge = charged - segment["charged"].get(meter, 0)
        if enforce and stands_in_the_way:
            raise Refused(stands_in_the_way[0])
        if total > LIMIT or charged > LIMIT:
            raise Refused("AMOUNT_OUT_OF_RANGE")
        if policy == "hard_limit" and total > included:
            stands_in_the_way.append("QUOTA_EXCEEDED")
        if charge > self.available(meter):
            stands_in_the_way.append("INSUFFICIENT_CREDITS")
        if enforce and stands_in_the_way:
            raise Refused(stands_in_the_way[0])
        paid, unpaid = self._shares(self.usable(meter), charge)
        self._check(self.balance - charge, self.debt + unpaid)
        segment["used"][meter] = used + quantity
        segment["charged"][meter] = charged
        self._take(paid, unpaid)
        return {
            "new_usage": total,
            "charged_nanos": charge,
            "debits": paid,
            "debt_nanos": unpaid,
            "balance_after_nanos": self.balance,
            "lifted": set(stands_in_the_way),
            "limit": None if policy == "unmetered" else included,
        }

    def grant(self, id: str, amount: int, **terms: Any) -> None:
        """New credits, which settle debt if they are free and effective."""
        grant = {"id": id, "amount": amount, "left": amount, "made": self.now, **terms}
        grant["from"] = max(self.now, grant["from"])
        settled = 0 if grant["meters"] or grant["from"] > self.now else min(self.debt, amount)
        self._check(self.balance + amount, self.debt - settled)
        self.grants[id] = grant
        self._take([(id, settled)], -settled)

    def adjust(self, id: str, amount: int) -> None:
        """A signed correction."""
        if amount < 0:
            paid, unpaid = self._shares(self.usable(None), -amount)
            self._check(self.balance + amount, self.debt + unpaid)
            self._take(paid, unpaid)
            return
        settled = min(self.debt, amount)
        self._check(self.balance + amount, self.debt - settled)
        self.debt -= settled
        if amount > settled:
            self.grant(id, amount - settled, priority=100, until=FOREVER, paid=True, meters=set(), **{"from": 0})

    def change(self) -> None:
        """Subscriptions or overrides have changed."""
        self._turn(self.now)

    def _pass(self, until: int) -> None:
        while True:
            coming = [at for at in self._instants() if self.now < at <= until]
            if not coming:
                break
            self.now = min(coming)
            for grant in self.grants.values():
                if grant["until"] <= self.now:
                    grant["left"] = 0
            for grant in self.usable(None):
                if not grant["meters"]:
                    settled = min(self.debt, grant["left"])
                    self._take([(grant["id"], settled)], -settled)
            self._turn(self.now)
        self.now = max(self.now, until)

    def _instants(self) -> list[int]:
        validities = [*self.grants.values(), *self.subscriptions.values(), *self.overrides.values()]
        return [self.segments[-1]["period_end"], *(item[end] for item in validities for end in ("from", "until"))]

    def _turn(self, at: int) -> None:
        running = [item for item in self.subscriptions.values() if item["from"] <= at < item["until"]]
        running.sort(key=lambda item: (-PLANS[item["plan"]]["rank"], item["from"], item["id"]))
        counting: dict[str, Any] = running[0] if running else {"id": None, "plan": "free", "from": START_US}
        plan = PLANS[counting["plan"]]
        meters: dict[str, Any] = dict(plan["meters"])
        changed: dict[str, Any] = {}
        for override in sorted(self.overrides.values(), key=lambda item: (item["from"], item["id"])):
            if override["from"] <= at < override["until"]:
                laid = changed.get(override["meter"], meters.get(override["meter"], (0, "hard_limit", None)))
                new = (override["included"], override["policy"], override["rate"])
                changed[override["meter"]] = tuple(
                    old if field is None else field for old, field in zip(laid, new, strict=True)
                )
        for meter, (included, policy, rate) in changed.items():
            policy = "hard_limit" if policy == "credits" and rate is None else policy
            meters[meter] = (included, policy, rate if policy == "credits" else None)
        last = self.segments[-1] if self.segments else None
        same_period = last and at < last["period_end"] and last["subscription"] == counting["id"]
        if last and same_period and (last["plan"], last["meters"]) == (counting["plan"], meters):
            return
        segment: dict[str, Any] = {"start": at, "plan": counting["plan"], "subscription": counting["id"]}
        segment |= {"meters": meters, "used": {}, "charged": {}, "carried": {}}
        segment["period_start"], segment["period_end"] = at, month_after(counting["from"], at)
        if last and same_period:
            segment["period_start"], segment["period_end"] = last["period_start"], last["period_end"]
            for meter in last["carried"].keys() | last["used"].keys():
                segment["carried"][meter] = last["carried"].get(meter, 0) + last["used"].get(meter, 0)
        self.segments.append(segment)

    def _shares(self, grants: list[dict[str, Any]], amount: int) -> tuple[list[tuple[str, int]], int]:
        """Who pays how much, and what nobody pays."""
        shares = []
        for grant in grants:
            if amount and grant["left"]:
                share = min(amount, grant["left"])
                shares.append((grant["id"], share))
                amount -= share
        return shares, amount

    def _take(self, shares: list[tuple[str, int]], owed: int) -> None:
        for id, share in shares:
            self.grants[id]["left"] -= share
        self.debt += owed

    def _check(self, balance: int, debt: int) -> None:
        if max(abs(balance), debt, balance + debt) > LIMIT:
            raise Refused("AMOUNT_OUT_OF_RANGE")

"""What usage and credits must come to, told once more in dicts and loops that share no code with the domain."""

from collections.abc import Callable
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
    "space": (4, "credits", ("unit", 3 * UNIT, 1)),
}
PLUS["meters"] = {
    "calls": (100, "credits", ("unit", UNIT, 1)),
    "tokens": (1_000, "credits", ("unit", 10, 8)),
    "pages": (50, "credits", ("graduated", [(20, 4 * UNIT // 10), (None, UNIT // 4)], 1)),
    "minutes": (300, "hard_limit", None),
    "beacons": (0, "unmetered", None),
    "space": (9, "credits", ("unit", UNIT, 1)),
}
MOST["meters"] = {
    "calls": (0, "unmetered", None),
    "tokens": (10_000, "hard_limit", None),
    "space": (12, "hard_limit", None),
}
DAY = 24 * 3_600_000_000
PLUS["credits"] = [
    {"code": "talking", "amount": 6 * UNIT, "paid": True, "priority": 7, "meters": {"calls"}, "lasts": 40 * DAY}
]
MOST["credits"] = [{"code": "gift", "amount": 4 * UNIT, "paid": False, "priority": 100, "meters": set(), "lasts": None}]
WEEK = 7 * 24 * 3_600_000_000
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
    """One account. Grants, subscriptions, overrides and reservations are dicts by id, segments a list of dicts, in
    order. A subscription has a `trial` (its end) and a `pending` change (plan and instant), or None. `usage` is what
    was recorded by key, `paid` who has paid how much of a segment's meter, and when last.
    """

    def __init__(self, included_id: Callable[[str, int], str]) -> None:
        """`included_id` names the credits of a plan, by their code, that an instant brings."""
        self.included_id = included_id
        self.now = START_US
        self.debt = 0
        self.grants: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.overrides: dict[str, dict[str, Any]] = {}
        self.segments: list[dict[str, Any]] = []
        self.reservations: dict[str, dict[str, Any]] = {}
        self.usage: dict[str, dict[str, Any]] = {}
        self.paid: dict[tuple[int, str], dict[str | None, list[int]]] = {}
        self.payments = 0
        self._turn(START_US)

    @property
    def due(self) -> int:
        """The next instant at which time alone changes something."""
        return min(at for at in self._instants() if at > self.now)

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
            if grant["left"] > self.held_of(grant["id"])
            and grant["from"] <= self.now < grant["until"]
            and (meter is None or not grant["meters"] or meter in grant["meters"])
        ]
        return sorted(
            found, key=lambda grant: (grant["priority"], grant["until"], grant["paid"], grant["made"], grant["id"])
        )

    def available(self, meter: str) -> int:
        left: int = sum(self.unheld(grant) for grant in self.usable(meter))
        return max(0, left - self.debt)

    def held_of(self, id: str) -> int:
        """What reservations hold of a grant."""
        held: int = sum(item["holds"].get(id, 0) for item in self.reservations.values())
        return held

    def unheld(self, grant: dict[str, Any]) -> int:
        left: int = grant["left"] - self.held_of(grant["id"])
        return left

    def line(self, segment: dict[str, Any], meter: str) -> list[dict[str, Any]]:
        """Open reservations of a segment's meter, oldest first."""
        found = [
            item
            for item in self.reservations.values()
            if item["state"] == "open" and (item["segment"], item["meter"]) == (segment["start"], meter)
        ]
        return sorted(found, key=lambda item: (item["made"], item["id"]))

    def charged(self, segment: dict[str, Any], meter: str, used: int) -> int:
        """What a segment's use of a meter costs in all."""
        included, policy, rate = segment["meters"].get(meter, (0, "none", None))
        carried = segment["carried"].get(meter, 0)
        overage = 0 if policy == "unmetered" else max(0, carried + used - max(included, carried))
        charged = cost(rate, overage) if policy == "credits" else 0
        if carried + used > LIMIT or charged > LIMIT:
            raise Refused("AMOUNT_OUT_OF_RANGE")
        return charged

    def use(
        self, product: str, meter: str, quantity: int, at: int | None, enforce: bool, key: str = ""
    ) -> dict[str, Any]:
        """Settles a usage event, or raises Refused before anything moved."""
        segment, stands_in_the_way = self._placed(product, meter, at)
        included, policy, _ = segment["meters"].get(meter, (0, "none", None))
        carried, used = segment["carried"].get(meter, 0), segment["used"].get(meter, 0)
        total = carried + used + quantity
        if enforce and stands_in_the_way:
            raise Refused(stands_in_the_way[0])
        charged = self.charged(segment, meter, used + quantity)
        charge = charged - segment["charged"].get(meter, 0)
        line = self.line(segment, meter)
        if policy == "hard_limit" and total + sum(item["quantity"] for item in line) > included:
            stands_in_the_way.append("QUOTA_EXCEEDED")
        if charge > self.available(meter):
            stands_in_the_way.append("INSUFFICIENT_CREDITS")
        if enforce and stands_in_the_way:
            raise Refused(stands_in_the_way[0])
        paid, unpaid = self._shares(self.usable(meter), charge)
        purse = Purse(self, meter, dict(paid), unpaid)
        holds, missing = self.reheld(line, segment, meter, used + quantity, purse)
        if missing and "INSUFFICIENT_CREDITS" not in stands_in_the_way:
            stands_in_the_way.append("INSUFFICIENT_CREDITS")
            if enforce:
                raise Refused("INSUFFICIENT_CREDITS")
        self._check(self.balance - charge, self.debt + unpaid)
        segment["used"][meter] = used + quantity
        segment["charged"][meter] = charged
        self._take(paid, unpaid)
        self._pay(segment, meter, [*paid, (None, unpaid)])
        self._hold(holds)
        if key:
            self.usage[key] = {"segment": segment, "meter": meter, "quantity": quantity, "voided": False}
        answer = {
            "new_usage": total,
            "charged_nanos": charge,
            "debits": paid,
            "debt_nanos": unpaid,
            "balance_after_nanos": self.balance,
            "lifted": set(stands_in_the_way),
            "limit": None if policy == "unmetered" else included,
        }
        self._clear()
        return answer

    def reserve(
        self, id: str, product: str, meter: str, quantity: int, ttl: int, end: str, more: str
    ) -> dict[str, Any]:
        """Holds what recording would use, or raises Refused."""
        segment, stands_in_the_way = self._placed(product, meter, None)
        if stands_in_the_way:
            raise Refused(stands_in_the_way[0])
        included, policy, _ = segment["meters"][meter]
        used, line = segment["used"].get(meter, 0), self.line(segment, meter)
        held = sum(item["quantity"] for item in line)
        if policy == "hard_limit" and segment["carried"].get(meter, 0) + used + held + quantity > included:
            raise Refused("QUOTA_EXCEEDED")
        made = {"id": id, "meter": meter, "segment": segment["start"], "quantity": quantity, "made": self.now}
        made |= {"until": self.now + ttl, "end": end, "more": more, "state": "open", "holds": {}, "used": 0}
        holds, missing = self.reheld([*line, made], segment, meter, used, Purse(self, meter))
        if missing:
            raise Refused("INSUFFICIENT_CREDITS")
        self.reservations[id] = made
        self._hold(holds)
        self._clear()
        return {"held": sum(made["holds"].values()), "until": made["until"]}

    def extend(self, id: str, ttl: int) -> dict[str, Any]:
        """A later end of an open one."""
        found = self._open(id)
        found["until"] = max(found["until"], min(self.now + ttl, found["made"] + WEEK))
        return {"held": sum(found["holds"].values()), "until": found["until"]}

    def release(self, id: str) -> dict[str, Any]:
        """Gives everything back."""
        self._released(self._open(id), "released")
        self._clear()
        return {"held": 0}

    def commit(self, id: str, quantity: int, key: str) -> dict[str, Any]:
        """Counts what was used in the end, or raises Refused."""
        found = self._open(id)
        segment = next(item for item in self.segments if item["start"] == found["segment"])
        meter, lifted = found["meter"], set()
        if quantity > found["quantity"]:
            if found["more"] == "refuse":
                raise Refused("RESERVATION_EXCEEDED")
            included, policy, _ = segment["meters"].get(meter, (0, "none", None))
            others = sum(item["quantity"] for item in self.line(segment, meter)) - found["quantity"]
            total = segment["carried"].get(meter, 0) + segment["used"].get(meter, 0) + others + quantity
            if policy == "hard_limit" and total > included:
                lifted.add("QUOTA_EXCEEDED")
                if found["more"] == "enforce":
                    raise Refused("QUOTA_EXCEEDED")
        charge, paid, unpaid, holds = self._settled(found, segment, quantity)
        if unpaid and quantity > found["quantity"]:
            lifted.add("INSUFFICIENT_CREDITS")
            if found["more"] == "enforce":
                raise Refused("INSUFFICIENT_CREDITS")
        self._check(self.balance - charge, self.debt + unpaid)
        self._commit(found, segment, quantity, (charge, paid, unpaid, holds))
        self.usage[key] = {"segment": segment, "meter": meter, "quantity": quantity, "voided": False}
        balance = self.balance
        self._clear()
        return {"charged_nanos": charge, "debt_nanos": unpaid, "balance_after_nanos": balance, "lifted": lifted}

    def void(self, key: str, new_id: str) -> dict[str, Any]:
        """Takes back what was recorded, or raises Refused."""
        found = self.usage[key]
        if found["voided"]:
            raise Refused("ALREADY_VOIDED")
        segment, meter = found["segment"], found["meter"]
        used = segment["used"].get(meter, 0) - found["quantity"]
        charged = self.charged(segment, meter, used)
        back = rest = segment["charged"].get(meter, 0) - charged
        paid = self.paid.get((segment["start"], meter), {})
        returned: list[tuple[str | None, int]] = []
        settled = owed = 0
        for payer, (net, _) in sorted(paid.items(), key=lambda item: -item[1][1]):
            share = max(0, min(net, rest))
            rest -= share
            if payer is None:
                owed = min(share, self.debt)
                settled = share - owed
            elif share:
                returned.append((payer, share))
        self._check(self.balance + back, self.debt - owed)
        found["voided"] = True
        segment["used"][meter], segment["charged"][meter] = used, charged
        for payer, share in [*returned, (None, owed + settled)]:
            if share:
                paid[payer][0] -= share
        for payer, share in returned:
            self.grants[payer or ""]["left"] += share
        self.debt -= owed
        if settled:
            new = {"id": new_id, "amount": settled, "left": settled, "made": self.now, "priority": 100}
            self.grants[new_id] = new | {"until": FOREVER, "paid": True, "meters": set(), "from": self.now}
        self._clear()
        holds, _ = self.reheld(self.line(segment, meter), segment, meter, used, Purse(self, meter))
        self._hold(holds)
        self._clear()
        return {"charged_nanos": back, "debits": returned, "debt_nanos": owed, "quantity": found["quantity"]}

    def put(
        self, product: str, meter: str, level: int | None, delta: int | None, at: int | None, enforce: bool
    ) -> dict[str, Any]:
        """Settles a gauge's level or its change, or raises Refused."""
        segment, stands_in_the_way = self._placed(product, meter, at)
        if enforce and stands_in_the_way:
            raise Refused(stands_in_the_way[0])
        last = self.segments[-1]
        event = self.now if at is None else min(at, self.now)
        held_now = last["level"].get(meter, 0)
        own = segment["level"].get(meter, 0)
        after = held_now
        if delta is not None:
            after = held_now + delta
            if after < 0:
                raise Refused("LEVEL_BELOW_ZERO")
            level = max(0, own + delta)
        assert level is not None
        if delta is None and event >= last["level_at"].get(meter, 0):
            after = level
        if max(level, after) > LIMIT:
            raise Refused("AMOUNT_OUT_OF_RANGE")
        included, policy, _ = segment["meters"].get(meter, (0, "none", None))
        carried, used = segment["carried"].get(meter, 0), segment["used"].get(meter, 0)
        peak = carried + used
        if policy == "hard_limit" and max(included, own if segment is last else peak) < level:
            stands_in_the_way.append("QUOTA_EXCEEDED")
            if enforce:
                raise Refused("QUOTA_EXCEEDED")
        risen = max(peak, level) - carried
        charged = self.charged(segment, meter, risen) if level > peak else segment["charged"].get(meter, 0)
        if segment is not last and after != held_now:
            limit, limited, _ = last["meters"].get(meter, (0, "none", None))
            if limited == "hard_limit" and max(limit, held_now) < after and "QUOTA_EXCEEDED" not in stands_in_the_way:
                stands_in_the_way.append("QUOTA_EXCEEDED")
                if enforce:
                    raise Refused("QUOTA_EXCEEDED")
        charge = charged - segment["charged"].get(meter, 0)
        if charge > self.available(meter):
            stands_in_the_way.append("INSUFFICIENT_CREDITS")
            if enforce:
                raise Refused("INSUFFICIENT_CREDITS")
        paid, unpaid = self._shares(self.usable(meter), charge)
        self._check(self.balance - charge, self.debt + unpaid)
        self._take(paid, unpaid)
        segment["used"][meter], segment["charged"][meter] = risen, charged
        segment["level_at"].setdefault(meter, event)
        if segment is last or after != held_now:
            last["level"][meter] = after
            last["level_at"][meter] = max(event, last["level_at"].get(meter, 0))
            last["used"][meter] = max(last["used"].get(meter, 0), after - last["carried"].get(meter, 0))
        return {
            "new_usage": carried + risen,
            "level": after,
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

    def void_grant(self, id: str) -> None:
        """The end of a grant before its time."""
        grant = self.grants[id]
        if grant.get("voided") or not grant["left"]:
            raise Refused("GRANT_NOT_FOUND")
        grant["voided"] = True
        grant["until"] = min(grant["until"], self.now)
        self._clear()

    def subscribe(self, id: str, **terms: Any) -> dict[str, Any]:
        """A new subscription, `from` a time `until` another."""
        self.subscriptions[id] = {"id": id, "pending": None, **terms}
        self._turn(self.now)
        return self._subscription(id)

    def change_plan(self, id: str, plan: str, at: int | None) -> dict[str, Any]:
        """Another plan, at once or later."""
        found = self.subscriptions[id]
        if at is None or at <= self.now:
            found |= {"plan": plan, "pending": None}
        elif at <= found["from"] or found["until"] <= at:
            raise Refused("INVALID_FIELD")
        else:
            found["pending"] = (plan, at)
        self._turn(self.now)
        return self._subscription(id)

    def keep_plan(self, id: str) -> dict[str, Any]:
        """No other plan after all."""
        found = self.subscriptions[id]
        if not found["pending"]:
            raise Refused("NO_PENDING_PLAN_CHANGE")
        found["pending"] = None
        return self._subscription(id)

    def unsubscribe(self, id: str) -> dict[str, Any]:
        """The end of a subscription at once."""
        found = self.subscriptions[id]
        found |= {"until": max(self.now, found["from"]), "pending": None}
        self._turn(self.now)
        return self._subscription(id)

    def _subscription(self, id: str) -> dict[str, Any]:
        found = self.subscriptions[id]
        pending_plan, pending_us = found["pending"] or (None, None)
        told = {"plan": found["plan"], "status": self.status(id), "pending_plan": pending_plan}
        return told | {"pending_us": pending_us, "counts": self.segments[-1]["subscription"] == id}

    def status(self, id: str) -> str:
        """What a subscription is now."""
        found = self.subscriptions[id]
        at = max(self.now, found["from"])
        if found["until"] <= at:
            return "canceled"
        return "trialing" if found["trial"] and at < found["trial"] else "active"

    def change(self) -> None:
        """Overrides have changed."""
        self._turn(self.now)

    def _pass(self, until: int) -> None:
        while True:
            coming = [at for at in self._instants() if self.now < at <= until]
            if not coming:
                break
            self.now = min(coming)
            over = [
                item for item in self.reservations.values() if item["state"] == "open" and item["until"] <= self.now
            ]
            for item in sorted(over, key=lambda item: (item["until"], item["id"])):
                if item["end"] == "commit":
                    segment = next(found for found in self.segments if found["start"] == item["segment"])
                    self._commit(item, segment, item["quantity"], self._settled(item, segment, item["quantity"]))
                else:
                    self._released(item, "expired")
            self._clear()
            for item in self.subscriptions.values():
                if item["pending"] and item["pending"][1] <= self.now:
                    item |= {"plan": item["pending"][0], "pending": None}
            self._turn(self.now)
        self.now = max(self.now, until)

    def _clear(self) -> None:
        """Grants that have ended lose what is not held; those that pay for anything pay the debt."""
        for grant in self.grants.values():
            if grant["until"] <= self.now:
                grant["left"] = self.held_of(grant["id"])
        for grant in self.usable(None):
            if not grant["meters"]:
                settled = min(self.debt, self.unheld(grant))
                self._take([(grant["id"], settled)], -settled)

    def _placed(self, product: str, meter: str, at: int | None) -> tuple[dict[str, Any], list[str]]:
        """The segment of an event, and what of its plan stands in the way."""
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
        return segment, stands_in_the_way

    def _open(self, id: str) -> dict[str, Any]:
        found = self.reservations[id]
        if found["state"] != "open":
            raise Refused("RESERVATION_FINAL")
        return found

    def reheld(
        self, line: list[dict[str, Any]], segment: dict[str, Any], meter: str, used: int, purse: "Purse"
    ) -> tuple[list[tuple[dict[str, Any], dict[str, int]]], int]:
        """What each in line must hold behind so much use, and what the purse lacks for it."""
        needs = []
        for item in line:
            before = self.charged(segment, meter, used)
            used += item["quantity"]
            needs.append(self.charged(segment, meter, used) - before)
        holds = []
        for item, need in zip(line, needs, strict=True):
            kept, returned = _first(item["holds"], need)
            purse.give(returned)
            holds.append((item, kept))
        missing = 0
        for (_, kept), need in zip(holds, needs, strict=True):
            lacking = need - sum(kept.values())
            within = min(lacking, purse.available)
            missing += lacking - within
            for id, share in purse.take(within).items():
                kept[id] = kept.get(id, 0) + share
        return holds, missing

    def _hold(self, holds: list[tuple[dict[str, Any], dict[str, int]]]) -> None:
        for item, kept in holds:
            item["holds"] = kept

    def _released(self, item: dict[str, Any], state: str) -> None:
        segment = next(found for found in self.segments if found["start"] == item["segment"])
        purse = Purse(self, item["meter"])
        purse.give(item["holds"])
        others = [other for other in self.line(segment, item["meter"]) if other is not item]
        holds, _ = self.reheld(others, segment, item["meter"], segment["used"].get(item["meter"], 0), purse)
        item["state"], item["holds"] = state, {}
        self._hold(holds)

    def _settled(self, item: dict[str, Any], segment: dict[str, Any], quantity: int) -> tuple[int, Any, int, Any]:
        """What committing a quantity charges, who pays, what nobody pays, and what others in line hold then."""
        meter = item["meter"]
        used = segment["used"].get(meter, 0) + quantity
        charge = self.charged(segment, meter, used) - segment["charged"].get(meter, 0)
        own, kept = _first(item["holds"], charge)
        purse = Purse(self, meter)
        purse.give(kept)
        more = purse.take(charge - sum(own.values()))
        unpaid = charge - sum(own.values()) - sum(more.values())
        purse.debt += unpaid
        others = [other for other in self.line(segment, meter) if other is not item]
        holds, _ = self.reheld(others, segment, meter, used, purse)
        for id, share in more.items():
            own[id] = own.get(id, 0) + share
        return charge, list(own.items()), unpaid, holds

    def _commit(self, item: dict[str, Any], segment: dict[str, Any], quantity: int, settled: Any) -> None:
        charge, paid, unpaid, holds = settled
        meter = item["meter"]
        segment["used"][meter] = segment["used"].get(meter, 0) + quantity
        segment["charged"][meter] = segment["charged"].get(meter, 0) + charge
        item["state"], item["holds"], item["used"] = "committed", {}, quantity
        self._take(paid, unpaid)
        self._pay(segment, meter, [*paid, (None, unpaid)])
        self._hold(holds)

    def _pay(self, segment: dict[str, Any], meter: str, shares: list[Any]) -> None:
        """Notes who has paid, in order."""
        paid = self.paid.setdefault((segment["start"], meter), {})
        for payer, share in shares:
            if share:
                self.payments += 1
                paid[payer] = [paid.get(payer, [0, 0])[0] + share, self.payments]

    def _instants(self) -> list[int]:
        validities = [*self.grants.values(), *self.subscriptions.values(), *self.overrides.values()]
        ends = [item["until"] for item in self.reservations.values() if item["state"] == "open"]
        instants = [item[end] for item in validities for end in ("from", "until")]
        for item in self.subscriptions.values():
            during = [item["trial"], item["pending"][1] if item["pending"] else None]
            instants += [at for at in during if at is not None and at < item["until"]]
        return [self.segments[-1]["period_end"], *instants, *ends]

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
        segment |= {"meters": meters, "used": {}, "charged": {}, "carried": {}, "level": {}, "level_at": {}}
        if last:
            self._close(last)
        segment["period_start"], segment["period_end"] = at, month_after(counting["from"], at)
        if last and same_period:
            segment["period_start"], segment["period_end"] = last["period_start"], last["period_end"]
            for meter in last["carried"].keys() | last["used"].keys():
                segment["carried"][meter] = last["carried"].get(meter, 0) + last["used"].get(meter, 0)
        for meter, level in last["level"].items() if last else ():
            if level or (same_period and segment["carried"].get(meter)):
                segment["level"][meter], segment["level_at"][meter] = level, last["level_at"][meter] if last else 0
            if not same_period and level:
                segment["used"][meter] = level
        self.segments.append(segment)
        if not same_period:
            self._include(plan, segment)

    def _include(self, plan: dict[str, Any], segment: dict[str, Any]) -> None:
        """The credits that come with a plan when a period begins."""
        at = segment["start"]
        for credits in plan.get("credits", ()):
            if self.balance + self.debt + credits["amount"] <= LIMIT:
                id = self.included_id(credits["code"], at)
                made = {"id": id, "left": credits["amount"], "made": at, "from": at}
                made["until"] = segment["period_end"] if credits["lasts"] is None else at + credits["lasts"]
                self.grants[id] = credits | made
                self._clear()

    def _close(self, segment: dict[str, Any]) -> None:
        """The end of a segment charges what it has not charged of its gauges' peaks."""
        for meter in segment["level_at"]:
            try:
                charged = self.charged(segment, meter, segment["used"].get(meter, 0))
                charge = charged - segment["charged"].get(meter, 0)
                paid, unpaid = self._shares(self.usable(meter), charge)
                self._check(self.balance - charge, self.debt + unpaid)
            except Refused:
                continue
            segment["charged"][meter] = charged
            self._take(paid, unpaid)

    def _shares(self, grants: list[dict[str, Any]], amount: int) -> tuple[list[tuple[str, int]], int]:
        """Who pays how much, and what nobody pays."""
        shares = []
        for grant in grants:
            if amount and self.unheld(grant):
                share = min(amount, self.unheld(grant))
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


def _first(holds: dict[str, int], amount: int) -> tuple[dict[str, int], dict[str, int]]:
    """The first so much of what is held, and the rest."""
    first: dict[str, int] = {}
    rest: dict[str, int] = {}
    for id, held in holds.items():
        share = min(held, amount)
        amount -= share
        first |= {id: share} if share else {}
        rest |= {id: held - share} if held > share else {}
    return first, rest


class Purse:
    """What may be held or spent on a meter, while that is worked out."""

    def __init__(self, model: Model, meter: str, spent: dict[str, int] | None = None, owed: int = 0) -> None:
        self.free = {grant["id"]: model.unheld(grant) for grant in model.usable(meter)}
        self.debt = model.debt + owed
        self.lasting = {grant["id"] for grant in model.grants.values() if model.now < grant["until"]}
        for id, share in (spent or {}).items():
            self.free[id] -= share

    @property
    def available(self) -> int:
        return max(0, sum(self.free.values()) - self.debt)

    def take(self, amount: int) -> dict[str, int]:
        """Who pays how much of an amount, as far as there is anything."""
        taken = {}
        for id, free in self.free.items():
            share = min(free, amount)
            if share:
                self.free[id] -= share
                amount -= share
                taken[id] = share
        return taken

    def give(self, holds: dict[str, int]) -> None:
        """What was held is free again, unless its grant has ended."""
        for id, share in holds.items():
            if id in self.lasting:
                self.free[id] = self.free.get(id, 0) + share

"""A game of any sequence of commands: the model says what each must come to, a driver carries it out for real."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import pytest

from tests.domain.builders import (
    HOUR_US,
    START_US,
    adjust,
    assign,
    cancel,
    commit,
    extend,
    grant,
    override,
    put,
    release,
    remove,
    reserve,
    unassign,
    use,
    void,
    void_usage,
)
from tests.domain.invariants import told as told_rate
from tests.domain.model import FOREVER, Model, Refused
from tests.domain.shop import SHOP
from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.commands import (
    AdjustCredits,
    Command,
    CommitReservation,
    Enforcement,
    GrantCredits,
    RecordUsage,
    ReserveUsage,
)
from tollhoused.domain.included import included_id
from tollhoused.domain.instants import MINUTE_US
from tollhoused.domain.rates import Rate
from tollhoused.domain.reservation import OnExpiry, OverCommit

CREDITS = {
    "[plans.plus.prices]": """\
[plans.plus.credits.talking]
amount = "6.00"
category = "paid"
priority = 7
meters = ["calls"]
lasts = 40

[plans.plus.prices]""",
    "[plans.most.meters]": """\
[plans.most.credits.gift]
amount = "4.00"
lasts = "period"

[plans.most.meters]""",
}
GENEROUS_SHOP = SHOP
for place, credits in CREDITS.items():
    GENEROUS_SHOP = GENEROUS_SHOP.replace(place, credits)


class Told(NamedTuple):
    """What a caller is told: the answer itself, and what of it can be compared, by the names that the model uses."""

    answer: Any
    facts: dict[str, Any]


class Driver(Protocol):
    """One account that begins at START_US on the default plan of the generous shop, and what can be done to it."""

    def wait_until(self, now_us: int) -> int:
        """Sets the clock, which nothing notices before the next command; says where it is then: not all go back."""

    def sweep(self) -> None:
        """Books what time has done."""

    def settle(self, command: Command) -> Told:
        """Carries a command out. Raises Refused with the reason, once it is sure that nothing has moved."""

    def settle_together(self, commands: Sequence[RecordUsage]) -> list[Told]:
        """The same for an atomic batch."""

    def settle_again(self, command: Command, first: Told, voided: bool) -> None:
        """Repeats a command. Fails unless the first answer comes again, and nothing moves."""

    def check(self, model: Model) -> None:
        """Fails where what can be seen of the account differs from the model, or an invariant does not hold."""


class Validity(NamedTuple):
    """From how many hours after now (None: now) for how many hours (None: for ever)."""

    start: int | None
    lasts: int | None

    def bounds(self, now_us: int) -> tuple[int | None, int | None, int]:
        """Start and end as a caller sends them, and the start as it counts."""
        start_us = None if self.start is None else now_us + self.start * HOUR_US
        begins_us = max(now_us, start_us or 0)
        return start_us, None if self.lasts is None else begins_us + self.lasts * HOUR_US, begins_us


class Game:
    """One account under a driver and in the model; each method is a step, and may be taken at any time."""

    def __init__(self, driver: Driver, funds_nanos: int, calls: int = 0) -> None:
        """Begins with funds, and with so many calls used."""
        self._driver = driver
        self.now_us = START_US
        self.model = Model(included_id)
        self.settled: list[tuple[Command, Told]] = []
        self.credits_are_granted(funds_nanos, GrantCategory.PAID, 100, Validity(None, None), ())
        if calls:
            self.usage_is_reported(calls, "calls", "talk", None, Enforcement.ENFORCE)

    def the_clock_moves(self, passed_us: int) -> None:
        self._wait_until(self.now_us + passed_us)

    def the_account_becomes_due(self) -> None:
        self._wait_until(max(self.now_us, self.model.due))

    def a_reservation_runs_out(self, which: int) -> None:
        if id := self._reservation(which):
            self._wait_until(max(self.now_us, self.model.reservations[id]["until"]))

    def somebody_sweeps(self) -> None:
        self._driver.sweep()
        self.model.advance(self.now_us)

    def usage_is_reported(
        self, quantity: int, meter: str, product: str, late_minutes: int | None, enforcement: Enforcement
    ) -> None:
        at = None if late_minutes is None else self.now_us - late_minutes * MINUTE_US
        command = use(quantity, meter, product=product, at=at, enforcement=enforcement)
        self._settle(command, _usage(command))

    def a_level_is_set_or_changed(
        self, level: int | None, delta: int, product: str, late_minutes: int | None, enforcement: Enforcement
    ) -> None:
        at = None if late_minutes is None else self.now_us - late_minutes * MINUTE_US
        change = delta if level is None else None
        command = put(level, delta=change, product=product, at=at, enforcement=enforcement)
        enforce = enforcement is Enforcement.ENFORCE
        self._settle(command, lambda model: model.put(product, "space", level, change, at, enforce))

    def usage_is_taken_back(self, which: int) -> None:
        keys = list(self.model.usage)
        if keys:
            command = void_usage(keys[which % len(keys)])
            self._settle(command, lambda model: model.void(command.voided_key, command.grant_id))

    def units_are_reserved(
        self, quantity: int, meter: str, product: str, hours: int, end: OnExpiry, more: OverCommit
    ) -> None:
        command = reserve(quantity, meter, product=product, hours=hours, on_expiry=end, over_commit=more)
        wanted = (command.new_id, product, meter, quantity, hours * HOUR_US, end.value, more.value)
        self._settle(command, lambda model: model.reserve(*wanted))

    def a_reservation_is_extended(self, which: int, hours: int) -> None:
        if id := self._reservation(which):
            self._settle(extend(id, hours), lambda model: model.extend(id, hours * HOUR_US))

    def a_reservation_is_released(self, which: int) -> None:
        if id := self._reservation(which):
            self._settle(release(id), lambda model: model.release(id))

    def a_reservation_is_committed(self, which: int, quantity: int) -> None:
        if id := self._reservation(which):
            command = commit(id, quantity)
            self._settle(command, lambda model: model.commit(id, quantity, command.idempotency_key))

    def _reservation(self, which: int) -> str:
        """One that is open, or now and then one that is not."""
        items = list(self.model.reservations.values())
        found = [item["id"] for item in items if item["state"] == "open"] or [item["id"] for item in items]
        return found[which % len(found)] if found else ""

    def usage_is_reported_together(self, items: list[tuple[int, str]]) -> None:
        commands = [use(quantity, meter) for quantity, meter in items]
        self.somebody_sweeps()
        later = deepcopy(self.model)
        expected, reason = _expected(lambda: [_usage(command)(later) for command in commands])
        if reason:
            with pytest.raises(Refused, match=reason):
                self._driver.settle_together(commands)
            return
        self.model = later
        for command, told, answer in zip(commands, self._driver.settle_together(commands), expected, strict=True):
            _compare(told, answer)
            self.settled.append((command, told))

    def credits_are_granted(
        self, amount: int, category: GrantCategory, priority: int, validity: Validity, meters: tuple[str, ...]
    ) -> None:
        start_us, end_us, _ = validity.bounds(max(self.now_us, self.model.now))
        command = grant(amount, category=category, priority=priority, effective=start_us, expires=end_us, meters=meters)
        terms = {
            "priority": priority,
            "paid": category is GrantCategory.PAID,
            "meters": set(meters),
            "from": start_us or 0,
            "until": FOREVER if end_us is None else end_us,
        }
        self._settle(command, lambda model: model.grant(command.grant_id, amount, **terms))

    def the_balance_is_corrected(self, amount: int, sign: int) -> None:
        command = adjust(sign * amount)
        self._settle(command, lambda model: model.adjust(command.grant_id, sign * amount))

    def a_grant_is_voided(self, which: int) -> None:
        ids = list(self.model.grants)
        if ids:
            command = void(ids[which % len(ids)])
            self._settle(command, lambda model: model.void_grant(command.grant_id))

    def a_plan_is_assigned(self, plan: str, validity: Validity, trial_hours: int | None) -> None:
        start_us, end_us, begins_us = validity.bounds(self._instant_of_change())
        trial_us = None if trial_hours is None else begins_us + trial_hours * HOUR_US
        command = assign(plan, start=start_us, end=end_us, trial=trial_us)
        until = FOREVER if end_us is None else end_us
        made = {"plan": plan, "from": begins_us, "until": until, "trial": trial_us}
        self._settle(command, lambda model: model.subscribe(command.new_id, **made))

    def a_plan_is_changed_or_ended(self, plan: str | None, which: int, hours: int | None) -> None:
        chosen = self._chosen(self.model.subscriptions, which)
        if chosen is None:
            return
        id: str = chosen["id"]
        if plan is None:
            self._settle(unassign(id), lambda model: model.unsubscribe(id))
            return
        at_us = None if hours is None else self._instant_of_change() + hours * HOUR_US
        self._settle(assign(plan, changes=id, at=at_us), lambda model: model.change_plan(id, plan, at_us))

    def a_plan_is_kept_after_all(self, which: int) -> None:
        chosen = self._chosen(self.model.subscriptions, which)
        if chosen:
            self._settle(cancel(chosen["id"]), lambda model: model.keep_plan(chosen["id"]))

    def an_exception_is_made(
        self, meter: str, included: int | None, policy: Policy | None, rate: Rate | None, validity: Validity
    ) -> None:
        start_us, end_us, begins_us = validity.bounds(self._instant_of_change())
        if (included, policy, rate) == (None, None, None):
            included = 0
        command = override(meter, included=included, policy=policy, rate=rate, start=start_us, end=end_us)
        made = {
            "id": command.override_id,
            "meter": meter,
            "included": included,
            "policy": policy.value if policy else None,
            "rate": told_rate(rate) if rate else None,
            "from": begins_us,
            "until": FOREVER if end_us is None else end_us,
        }
        self._change(command, lambda model: model.overrides.update({command.override_id: made}))

    def an_exception_is_removed(self, which: int) -> None:
        chosen = self._chosen(self.model.overrides, which)
        if chosen:
            self._change(remove(chosen["id"]), lambda model: chosen.update(until=max(model.now, chosen["from"])))

    def a_caller_tries_again(self, which: int) -> None:
        command, first = self.settled[which % len(self.settled)]
        voided = self.model.usage.get(command.idempotency_key, {}).get("voided", False)
        self._driver.settle_again(command, first, voided)

    def a_key_is_used_for_something_else(self, which: int) -> None:
        command, _ = self.settled[which % len(self.settled)]
        if isinstance(command, RecordUsage | ReserveUsage | CommitReservation):
            other: Command = replace(command, quantity=command.quantity - 1 if command.quantity > 1 else 2)
        elif isinstance(command, GrantCredits | AdjustCredits):
            other = replace(command, amount_nanos=command.amount_nanos - 1 or 1)
        else:
            return
        with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
            self._driver.settle(other)
        self.model.advance(self.now_us)

    def check(self) -> None:
        """What can be seen is what the model says."""
        self._driver.check(self.model)

    def _settle(self, command: Command, expect: Callable[[Model], Any]) -> None:
        """Settles a command for real and on the model, which must agree on answer and refusal."""
        self.model.advance(self.now_us, after_segment=command.needs_whole)
        expected, reason = _expected(lambda: expect(self.model))
        if reason:
            with pytest.raises(Refused, match=reason):
                self._driver.settle(command)
            self._wait_until(self.model.now)  # where it may be since it was refused, not having been booked
            return
        told = self._driver.settle(command)
        _compare(told, expected)
        self.settled.append((command, told))

    def _change(self, command: Command, expect: Callable[[Model], None]) -> None:
        """Settles a change of terms."""

        def change(model: Model) -> None:
            expect(model)
            model.change()

        self._settle(command, change)

    def _wait_until(self, now_us: int) -> None:
        self.now_us = self._driver.wait_until(now_us)

    def _instant_of_change(self) -> int:
        """When a change of terms will take effect."""
        return self.model.advance(self.now_us, after_segment=True)

    def _chosen(self, items: dict[str, Any], which: int) -> dict[str, Any] | None:
        """One that has not ended, nor will have when a change of terms takes effect."""
        soon_us = max(self.model.now, self.now_us) + 2
        found = [item for item in items.values() if item["until"] > max(soon_us, item["from"])]
        return found[which % len(found)] if found else None


def _usage(command: RecordUsage) -> Callable[[Model], dict[str, Any]]:
    enforce = command.enforcement is Enforcement.ENFORCE
    if command.gauge:
        return lambda model: model.put(
            command.product, command.meter, None, command.quantity, command.event_us, enforce
        )
    return lambda model: model.use(
        command.product, command.meter, command.quantity, command.event_us, enforce, command.idempotency_key
    )


def _expected(ask: Callable[[], Any]) -> tuple[Any, str]:
    """What the model answers, or the reason of its refusal."""
    try:
        return ask(), ""
    except Refused as refused:
        return None, str(refused)


def _compare(told: Told, expected: dict[str, Any] | None) -> None:
    """The answer says what the model says, and maybe more."""
    assert {name: told.facts[name] for name in expected or ()} == (expected or {})

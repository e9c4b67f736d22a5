"""Any sequence of commands, against the reference model, with the invariants recomputed after every step."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import invariants
from tests.domain.builders import (
    HOUR_US,
    NANOS,
    Desk,
    adjust,
    assign,
    commit,
    extend,
    grant,
    override,
    put,
    release,
    remove,
    reserve,
    tick,
    unassign,
    use,
    void_usage,
)
from tests.domain.model import FOREVER, LIMIT, Model, Refused
from tests.domain.proving import prove
from tollhoused.domain.answers import CommitAnswer, ReservationAnswer, UsageAnswer, VoidAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.commands import Command, Enforcement, RecordUsage
from tollhoused.domain.instants import MINUTE_US
from tollhoused.domain.rates import Rate, RateModel, Tier
from tollhoused.domain.reservation import OnExpiry, OverCommit
from tollhoused.errors import TollhouseError

METERS = ["calls", "tokens", "pages", "minutes", "beacons", "space"]


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
    """One account on a desk and in the model; each method is a step, and may be taken at any time."""

    def __init__(self, funds_nanos: int, calls: int = 0) -> None:
        self.desk = Desk()
        self.model = Model()
        self.settled: list[tuple[Command, Settled]] = []
        self.credits_are_granted(funds_nanos, GrantCategory.PAID, 100, Validity(None, None), ())
        if calls:
            self.usage_is_reported(calls, "calls", "talk", None, Enforcement.ENFORCE)

    def the_clock_moves(self, passed_us: int) -> None:
        self.desk.wait_until(self.desk.now_us + passed_us)

    def the_account_becomes_due(self) -> None:
        self.desk.wait_until(max(self.desk.now_us, self.desk.account.due_us))

    def somebody_sweeps(self) -> None:
        self.desk.settle(tick())
        self.model.advance(self.desk.now_us)

    def usage_is_reported(
        self, quantity: int, meter: str, product: str, late_minutes: int | None, enforcement: Enforcement
    ) -> None:
        at = None if late_minutes is None else self.desk.now_us - late_minutes * MINUTE_US
        command = use(quantity, meter, product=product, at=at, enforcement=enforcement)
        self._settle(command, _usage(command))

    def a_level_is_set_or_changed(
        self, level: int | None, delta: int, product: str, late_minutes: int | None, enforcement: Enforcement
    ) -> None:
        at = None if late_minutes is None else self.desk.now_us - late_minutes * MINUTE_US
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
        before, later = self.desk.snapshot(), deepcopy(self.model)
        expected, reason = _expected(lambda: [_usage(command)(later) for command in commands])
        if reason:
            with pytest.raises(TollhouseError) as caught:
                self.desk.settle_atomic(*commands)
            assert caught.value.reason == reason
            assert self.desk.snapshot() == before, "all or nothing"
            return
        self.model = later
        for command, outcome, answer in zip(commands, self.desk.settle_atomic(*commands), expected, strict=True):
            _compare(outcome, answer)
            self.settled.append((command, outcome))

    def credits_are_granted(
        self, amount: int, category: GrantCategory, priority: int, validity: Validity, meters: tuple[str, ...]
    ) -> None:
        start_us, end_us, _ = validity.bounds(max(self.desk.now_us, self.desk.account.as_of_us))
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

    def a_plan_is_assigned(self, plan: str, validity: Validity) -> None:
        start_us, end_us, begins_us = validity.bounds(self._instant_of_change())
        command = assign(plan, start=start_us, end=end_us)
        until = FOREVER if end_us is None else end_us
        made = {"id": command.new_id, "plan": plan, "from": begins_us, "until": until}
        self._change(command, lambda model: model.subscriptions.update({command.new_id: made}))

    def a_plan_is_changed_or_ended(self, plan: str | None, which: int) -> None:
        chosen = self._chosen(self.model.subscriptions, which)
        if chosen and plan:
            self._change(assign(plan, changes=chosen["id"]), lambda model: chosen.update(plan=plan))
        elif chosen:
            self._change(unassign(chosen["id"]), lambda model: chosen.update(until=max(model.now, chosen["from"])))

    def an_exception_is_made(
        self, meter: str, included: int | None, policy: Policy | None, rate: Rate | None, validity: Validity
    ) -> None:
        start_us, end_us, begins_us = validity.bounds(self._instant_of_change())
        command = override(meter, included=included, policy=policy, rate=rate, start=start_us, end=end_us)
        made = {
            "id": command.override_id,
            "meter": meter,
            "included": included,
            "policy": policy.value if policy else None,
            "rate": invariants.told(rate) if rate else None,
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
        before = self.desk.snapshot()

        again = self.desk.settle(command)

        voided = self.model.usage.get(command.idempotency_key, {}).get("voided", False)
        assert again == first._replace(replayed=True, voided=voided)
        assert self.desk.snapshot() == before

    def check(self) -> None:
        """Compares desk and model, and recomputes the invariants."""
        account, model = self.desk.account, self.model
        invariants.check(account, self.desk.books.added)
        assert prove(self.desk) == []
        assert (account.balance_nanos, account.debt_nanos) == (model.balance, model.debt)
        assert self.desk.remaining == {id: item["left"] for id, item in model.grants.items()}
        assert {id: item.held_nanos for id, item in account.grants.items()} == {
            id: model.held_of(id) for id in model.grants
        }
        assert {id: (item.state.value, dict(item.holds), item.used) for id, item in account.reservations.items()} == {
            id: (item["state"], item["holds"], item["used"]) for id, item in model.reservations.items()
        }
        told = {
            (start, meter): (item.carried, item.used, item.charged_nanos, item.level)
            for (start, meter), item in account.counters.items()
        }
        for segment in model.segments:
            for meter in METERS:
                parts = ("carried", "used", "charged", "level")
                expected = tuple(segment[part].get(meter, 0) for part in parts)
                assert told.get((segment["start"], meter), (0, 0, 0, 0)) == expected
        assert [
            (item.start_us, item.period_start_us, item.period_end_us, item.terms.plan) for item in account.segments
        ] == [(item["start"], item["period_start"], item["period_end"], item["plan"]) for item in model.segments]

    def _settle(self, command: Command, expect: Callable[[Model], Any]) -> None:
        """Settles a command on the desk and on the model, which must agree on answer and refusal."""
        now_us = self.model.advance(self.desk.now_us, after_segment=command.needs_whole)
        self.desk.settle(tick())
        expected, reason = _expected(lambda: expect(self.model))
        if reason:
            before = self.desk.snapshot()
            with pytest.raises(TollhouseError) as caught:
                self.desk.settle(command)
            assert caught.value.reason == reason
            assert self.desk.snapshot() == before, "a refusal changes nothing"
            return
        settled = self.desk.settle(command)
        assert self.desk.account.as_of_us == now_us
        _compare(settled, expected)
        self.settled.append((command, settled))

    def _change(self, command: Command, expect: Callable[[Model], None]) -> None:
        """Settles a change of terms."""

        def change(model: Model) -> None:
            expect(model)
            model.change()

        self._settle(command, change)

    def _instant_of_change(self) -> int:
        """When a change of terms will take effect."""
        return self.model.advance(self.desk.now_us, after_segment=True)

    def _chosen(self, items: dict[str, Any], which: int) -> dict[str, Any] | None:
        """One that has not ended, nor will have when a change of terms takes effect."""
        soon_us = max(self.model.now, self.desk.now_us) + 2
        found = [item for item in items.values() if item["until"] > max(soon_us, item["from"])]
        return found[which % len(found)] if found else None


@dataclass(frozen=True)
class Stakes:
    """How much the account begins with, and how much is moved."""

    funds: int
    quantities: st.SearchStrategy[int]
    amounts: st.SearchStrategy[int]
    rates: st.SearchStrategy[Rate]
    allowances: st.SearchStrategy[int]
    calls: int = 0
    """How many calls have been used when the game begins."""


POOR = Stakes(
    funds=5 * NANOS,
    quantities=st.integers(1, 15),
    amounts=st.integers(1, 16).map(lambda halves: halves * NANOS // 2),
    rates=st.one_of(
        st.builds(Rate, st.integers(0, 3 * NANOS), st.integers(1, 7)),
        st.builds(Rate, st.integers(0, 3 * NANOS), st.integers(1, 7), st.just(RateModel.PACKAGE)),
        st.just(Rate(0, 3, RateModel.GRADUATED, (Tier(4, 2 * NANOS), Tier(None, NANOS)))),
    ),
    allowances=st.integers(0, 60),
)
"""A few units of credits, prices of a few units, events that reach a few times beyond the allowances."""

ALLOWANCE_USED_UP = replace(POOR, funds=20 * NANOS, calls=10)
"""What is used or held from here on costs something."""

NEAR_THE_LIMIT = Stakes(
    funds=LIMIT - 100,
    quantities=st.one_of(*[st.integers(1, 30)] * 4, st.integers(LIMIT // 2 - 3, LIMIT // 2 + 3), st.just(LIMIT)),
    amounts=st.one_of(st.integers(1, 30), st.integers(LIMIT - 9, LIMIT), st.integers(LIMIT // 9 - 3, LIMIT // 2 + 3)),
    rates=st.one_of(
        st.builds(Rate, st.integers(LIMIT // 99, LIMIT // 9), st.integers(1, 3)),
        st.builds(Rate, st.integers(0, 9), st.integers(1, 7)),
        st.builds(Rate, st.integers(LIMIT // 99, LIMIT), st.integers(1, 7), st.just(RateModel.PACKAGE)),
    ),
    allowances=st.one_of(st.integers(0, 60), st.integers(0, 60), st.integers(LIMIT // 2, LIMIT)),
)
"""Amounts, prices and quantities near what can be stored, and small ones that tip them over."""

Step = Callable[[Game], None]


def steps(stakes: Stakes) -> st.SearchStrategy[Step]:
    """One step of a game, all kinds as often as each other; usage of each meter is a kind of its own."""
    meters = st.sampled_from(METERS)
    hours = st.one_of(st.integers(0, 30), st.integers(0, 40 * 24))
    validities = st.builds(Validity, st.none() | st.integers(-5, 45 * 24), st.none() | st.integers(1, 60 * 24))
    plans = st.sampled_from(["free", "plus", "most"])
    which = st.integers(0, 99)
    usage = [
        _step(
            Game.usage_is_reported,
            quantity=stakes.quantities,
            meter=st.just(meter),
            product=st.sampled_from(["talk", "talk", "talk", "send"]),
            late_minutes=st.one_of(st.none(), st.integers(-6, 600), st.integers(0, 40 * 24 * 60)),
            enforcement=st.sampled_from(Enforcement),
        )
        for meter in METERS
    ]
    together = st.lists(st.tuples(st.integers(1, 12), meters), min_size=1, max_size=3)
    return st.one_of(
        *usage,
        _step(Game.usage_is_reported_together, items=together),
        _step(Game.the_clock_moves, passed_us=hours.map(lambda hours: hours * HOUR_US)),
        _step(Game.the_clock_moves, passed_us=st.integers(-2 * HOUR_US, 2)),
        _step(Game.the_account_becomes_due),
        _step(Game.somebody_sweeps),
        _step(
            Game.credits_are_granted,
            amount=stakes.amounts,
            category=st.sampled_from(GrantCategory),
            priority=st.integers(0, 1),
            validity=validities,
            meters=st.sampled_from([(), (), ("calls",), ("tokens", "pages")]),
        ),
        _step(
            Game.a_level_is_set_or_changed,
            level=st.none() | st.integers(0, 20),
            delta=st.integers(-9, 9),
            product=st.sampled_from(["talk", "talk", "talk", "send"]),
            late_minutes=st.one_of(st.none(), st.integers(-6, 600), st.integers(0, 40 * 24 * 60)),
            enforcement=st.sampled_from(Enforcement),
        ),
        _step(Game.usage_is_taken_back, which=which),
        _step(
            Game.units_are_reserved,
            quantity=st.integers(1, 15),
            meter=st.sampled_from(METERS[:-1]),
            product=st.sampled_from(["talk", "talk", "talk", "send"]),
            hours=st.integers(1, 7 * 24),
            end=st.sampled_from(OnExpiry),
            more=st.sampled_from(OverCommit),
        ),
        _step(Game.a_reservation_is_extended, which=which, hours=st.integers(1, 9 * 24)),
        _step(Game.a_reservation_is_released, which=which),
        _step(Game.a_reservation_is_committed, which=which, quantity=st.integers(0, 20)),
        _step(Game.a_reservation_is_committed, which=which, quantity=st.integers(0, 20)),
        _step(Game.the_balance_is_corrected, amount=stakes.amounts, sign=st.sampled_from([-1, 1])),
        _step(Game.a_plan_is_assigned, plan=plans, validity=validities),
        _step(Game.a_plan_is_changed_or_ended, plan=st.none() | plans, which=which),
        _step(
            Game.an_exception_is_made,
            meter=meters,
            included=st.none() | stakes.allowances,
            policy=st.none() | st.sampled_from(Policy),
            rate=st.none() | stakes.rates,
            validity=validities,
        ),
        _step(Game.an_exception_is_removed, which=which),
        _step(Game.a_caller_tries_again, which=which),
    )


def steps_about_holds(_: Stakes) -> st.SearchStrategy[Step]:
    """Steps of a game in which a few meters, a few grants, and what is held, charged and taken back keep meeting."""
    meters = st.sampled_from(["calls", "calls", "calls", "calls", "pages", "minutes"])
    which = st.integers(0, 99)
    quantities = st.integers(1, 12)
    validities = st.builds(Validity, st.none() | st.integers(0, 20), st.none() | st.integers(1, 40))
    committed = _step(Game.a_reservation_is_committed, which=which, quantity=st.integers(0, 16))
    used = _step(
        Game.usage_is_reported,
        quantity=quantities,
        meter=meters,
        product=st.just("talk"),
        late_minutes=st.none(),
        enforcement=st.sampled_from(Enforcement),
    )
    reserved = _step(
        Game.units_are_reserved,
        quantity=quantities,
        meter=meters,
        product=st.just("talk"),
        hours=st.integers(1, 30),
        end=st.sampled_from(OnExpiry),
        more=st.sampled_from(OverCommit),
    )
    return st.one_of(
        used,
        used,
        _step(Game.usage_is_taken_back, which=which),
        _step(Game.usage_is_taken_back, which=which),
        reserved,
        reserved,
        committed,
        _step(Game.a_reservation_is_released, which=which),
        _step(Game.a_reservation_is_released, which=which),
        _step(Game.the_clock_moves, passed_us=st.integers(0, 12).map(lambda hours: hours * HOUR_US)),
        _step(
            Game.credits_are_granted,
            amount=st.integers(1, 50).map(lambda units: units * NANOS),
            category=st.sampled_from(GrantCategory),
            priority=st.integers(0, 1),
            validity=validities,
            meters=st.sampled_from([(), ("calls",), ("pages", "minutes")]),
        ),
        _step(
            Game.the_balance_is_corrected, amount=st.integers(1, 9).map(lambda units: units * NANOS), sign=st.just(-1)
        ),
    )


def steps_about_levels(_: Stakes) -> st.SearchStrategy[Step]:
    """Steps of a game about one gauge: levels in and out of order, periods that turn, terms that change."""
    level = _step(
        Game.a_level_is_set_or_changed,
        level=st.none() | st.integers(0, 15),
        delta=st.integers(-6, 9),
        product=st.just("talk"),
        late_minutes=st.one_of(st.none(), st.none(), st.sampled_from([0, 0, 600]), st.integers(0, 30 * 24 * 60)),
        enforcement=st.sampled_from(Enforcement),
    )
    return st.one_of(
        level,
        level,
        level,
        _step(Game.the_clock_moves, passed_us=st.sampled_from([0, 1, 24, 20 * 24, 40 * 24]).map(lambda h: h * HOUR_US)),
        _step(
            Game.credits_are_granted,
            amount=st.integers(1, 30).map(lambda units: units * NANOS),
            category=st.sampled_from(GrantCategory),
            priority=st.integers(0, 1),
            validity=st.builds(Validity, st.none(), st.none() | st.integers(1, 40 * 24)),
            meters=st.sampled_from([(), ("space",)]),
        ),
        _step(
            Game.a_plan_is_assigned,
            plan=st.sampled_from(["plus", "most"]),
            validity=st.builds(Validity, st.none(), st.none() | st.integers(1, 60 * 24)),
        ),
        _step(
            Game.a_plan_is_changed_or_ended,
            plan=st.none() | st.sampled_from(["free", "plus", "most"]),
            which=st.just(0),
        ),
        _step(
            Game.an_exception_is_made,
            meter=st.just("space"),
            included=st.integers(0, 12),
            policy=st.none() | st.sampled_from(Policy),
            rate=st.none() | st.just(Rate(2 * NANOS)),
            validity=st.builds(Validity, st.none(), st.none() | st.integers(1, 40 * 24)),
        ),
    )


def _step(method: Callable[..., None], **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.fixed_dictionaries(arguments).map(lambda chosen: partial(method, **chosen))


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


def _compare(settled: Settled, expected: dict[str, Any] | None) -> None:
    answer = settled.answer
    assert not settled.replayed
    if expected is None:
        return
    if isinstance(answer, ReservationAnswer):
        made = answer.reservation
        assert (made.held_nanos, made.expires_us) == (expected["held"], expected.get("until", made.expires_us))
        return
    if isinstance(answer, CommitAnswer):
        answer = answer.usage
    assert isinstance(answer, UsageAnswer | VoidAnswer)
    told = {name: getattr(answer, name) for name in expected}
    if "debits" in told:
        told["debits"] = list(told["debits"])
    if "lifted" in told:
        told["lifted"] = set(told["lifted"])
    assert told == expected


@pytest.mark.parametrize(
    ("stakes", "kinds"),
    [(POOR, steps), (NEAR_THE_LIMIT, steps), (ALLOWANCE_USED_UP, steps_about_holds), (POOR, steps_about_levels)],
    ids=["poor", "near the limit", "holds", "levels"],
)
@settings(max_examples=100)
@given(data=st.data())
def test_any_sequence_of_commands_keeps_the_invariants_and_agrees_with_the_model(
    stakes: Stakes, kinds: Callable[[Stakes], st.SearchStrategy[Step]], data: st.DataObject
) -> None:
    game = Game(stakes.funds, stakes.calls)
    for step in data.draw(st.lists(kinds(stakes), min_size=20, max_size=50)):
        step(game)
        game.check()

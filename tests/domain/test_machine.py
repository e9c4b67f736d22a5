"""Any sequence of commands, against the reference model, with the invariants recomputed after every step."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.domain import invariants
from tests.domain.builders import (
    HOUR_US,
    NANOS,
    Desk,
    adjust,
    assign,
    grant,
    override,
    remove,
    tick,
    unassign,
    use,
)
from tests.domain.model import FOREVER, LIMIT, Model, Refused
from tollhoused.domain.account import GrantCategory
from tollhoused.domain.answers import UsageAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import Policy
from tollhoused.domain.commands import Command, Enforcement, RecordUsage
from tollhoused.domain.instants import MINUTE_US
from tollhoused.domain.rates import Rate, RateModel, Tier
from tollhoused.errors import TollhouseError

meters = st.sampled_from(["calls", "calls", "tokens", "pages", "pages", "minutes", "beacons"])
hours = st.one_of(st.integers(0, 30), st.integers(0, 30), st.integers(0, 40 * 24))
maybe_hours = st.none() | st.integers(-5, 45 * 24)
minutes = st.one_of(st.none(), st.integers(-6, 600), st.integers(0, 40 * 24 * 60))
restrictions = st.sampled_from([(), (), ("calls",), ("tokens", "pages")])
plans = st.sampled_from(["free", "plus", "most"])


class Report(NamedTuple):
    """A usage event before its quantity is known."""

    meter: str
    product: str
    late_minutes: int | None


reports = st.lists(
    st.builds(Report, meters, st.sampled_from(["talk", "talk", "talk", "send"]), minutes), min_size=1, max_size=8
)


class Poor(RuleBasedStateMachine):
    """A few units of credits, prices of a few units, events that reach a few times beyond the allowances."""

    funds = 40 * NANOS
    quantities = st.integers(1, 30)
    amounts = st.integers(1, 30).map(lambda units: units * NANOS // 2)
    rates = st.one_of(
        st.builds(Rate, st.integers(0, 3 * NANOS), st.integers(1, 7)),
        st.builds(Rate, st.integers(0, 3 * NANOS), st.integers(1, 7), st.just(RateModel.PACKAGE)),
        st.just(Rate(0, 3, RateModel.GRADUATED, (Tier(4, 2 * NANOS), Tier(None, NANOS)))),
    )
    allowances = st.integers(0, 60)

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.model = Model()
        first = grant(self.funds)
        self.desk.settle(first)
        self.model.grant(
            first.grant_id, self.funds, priority=100, paid=True, meters=set(), until=FOREVER, **{"from": 0}
        )
        self.settled: list[tuple[Command, Settled]] = []

    @rule(passed_us=st.one_of(hours.map(lambda hours: hours * HOUR_US), st.integers(-2 * HOUR_US, 2)))
    def the_clock_moves_mostly_forwards(self, passed_us: int) -> None:
        self.desk.wait_until(self.desk.now_us + passed_us)

    @rule(swept=st.booleans())
    def the_account_becomes_due(self, swept: bool) -> None:
        self.desk.wait_until(max(self.desk.now_us, self.desk.account.due_us))
        if swept:
            self._let_time_pass()

    @rule(data=st.data(), reports=reports)
    def usage_is_enforced(self, data: st.DataObject, reports: list[Report]) -> None:
        self._report(data, reports, Enforcement.ENFORCE)

    @rule(data=st.data(), reports=reports)
    def usage_is_recorded(self, data: st.DataObject, reports: list[Report]) -> None:
        self._report(data, reports, Enforcement.RECORD)

    @rule(amounts=st.lists(st.tuples(meters, st.integers(1, 12)), min_size=1, max_size=3))
    def usage_is_reported_together(self, amounts: list[tuple[str, int]]) -> None:
        commands = [use(quantity, meter) for meter, quantity in amounts]
        self._let_time_pass()
        before, later = self.desk.snapshot(), deepcopy(self.model)
        expected, reason = _expected(lambda: [self._usage(command)(later) for command in commands])
        if reason:
            with pytest.raises(TollhouseError) as caught:
                self.desk.settle_atomic(*commands)
            assert caught.value.reason == reason
            assert self.desk.snapshot() == before, "all or nothing"
            return
        self.model = later
        outcomes = self.desk.settle_atomic(*commands)
        for command, outcome, answer in zip(commands, outcomes, expected, strict=True):
            _compare(outcome, answer)
            self.settled.append((command, outcome))

    @rule(
        data=st.data(),
        category=st.sampled_from(GrantCategory),
        priority=st.integers(0, 2),
        effective=maybe_hours,
        expires=st.none() | st.integers(1, 60 * 24),
        restriction=restrictions,
    )
    def credits_are_granted(
        self,
        data: st.DataObject,
        category: GrantCategory,
        priority: int,
        effective: int | None,
        expires: int | None,
        restriction: tuple[str, ...],
    ) -> None:
        now_us = max(self.desk.now_us, self.desk.account.as_of_us)
        effective_us = None if effective is None else now_us + effective * HOUR_US
        expires_us = None if expires is None else max(now_us, effective_us or 0) + expires * HOUR_US
        command = grant(
            data.draw(self.amounts),
            category=category,
            priority=priority,
            effective=effective_us,
            expires=expires_us,
            meters=restriction,
        )
        validity = {"from": effective_us or 0, "until": FOREVER if expires_us is None else expires_us}
        self._settle(
            command,
            lambda model: model.grant(
                command.grant_id,
                command.amount_nanos,
                priority=priority,
                paid=category is GrantCategory.PAID,
                meters=set(restriction),
                **validity,
            ),
        )

    @rule(data=st.data(), sign=st.sampled_from([-1, 1]))
    def the_balance_is_corrected(self, data: st.DataObject, sign: int) -> None:
        command = adjust(sign * data.draw(self.amounts))
        self._settle(command, lambda model: model.adjust(command.grant_id, command.amount_nanos))

    @rule(plan=plans, start=maybe_hours, lasts=st.none() | st.integers(1, 60 * 24))
    def a_plan_is_assigned(self, plan: str, start: int | None, lasts: int | None) -> None:
        now_us = self._now_for_changes()
        start_us = None if start is None else now_us + start * HOUR_US
        begins_us = max(now_us, start_us or 0)
        end_us = None if lasts is None else begins_us + lasts * HOUR_US
        command = assign(plan, start=start_us, end=end_us)
        self._settle(command, lambda model: None, changes_terms=True)
        until = FOREVER if end_us is None else end_us
        self.model.subscriptions[command.new_id] = {
            "id": command.new_id,
            "plan": plan,
            "from": begins_us,
            "until": until,
        }
        self.model.change()

    @precondition(lambda self: self._open(self.model.subscriptions))
    @rule(data=st.data(), plan=st.none() | plans)
    def a_plan_is_changed_or_ended(self, data: st.DataObject, plan: str | None) -> None:
        chosen = data.draw(st.sampled_from(self._open(self.model.subscriptions)))
        command = assign(plan, changes=chosen["id"]) if plan else unassign(chosen["id"])
        self._settle(command, lambda model: None, changes_terms=True)
        if plan:
            chosen["plan"] = plan
        else:
            chosen["until"] = max(self.model.now, chosen["from"])
        self.model.change()

    @rule(data=st.data(), meter=meters, start=maybe_hours, lasts=st.none() | st.integers(1, 60 * 24))
    def an_exception_is_made(self, data: st.DataObject, meter: str, start: int | None, lasts: int | None) -> None:
        included = data.draw(st.none() | self.allowances)
        policy = data.draw(st.none() | st.sampled_from(Policy))
        rate = data.draw(st.none() | self.rates)
        now_us = self._now_for_changes()
        start_us = None if start is None else now_us + start * HOUR_US
        begins_us = max(now_us, start_us or 0)
        end_us = None if lasts is None else begins_us + lasts * HOUR_US
        command = override(meter, included=included, policy=policy, rate=rate, start=start_us, end=end_us)
        self._settle(command, lambda model: None, changes_terms=True)
        self.model.overrides[command.override_id] = {
            "id": command.override_id,
            "meter": meter,
            "included": included,
            "policy": policy.value if policy else None,
            "rate": invariants.told(rate) if rate else None,
            "from": begins_us,
            "until": FOREVER if end_us is None else end_us,
        }
        self.model.change()

    @precondition(lambda self: self._open(self.model.overrides))
    @rule(data=st.data())
    def an_exception_is_removed(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self._open(self.model.overrides)))
        self._settle(remove(chosen["id"]), lambda model: None, changes_terms=True)
        chosen["until"] = max(self.model.now, chosen["from"])
        self.model.change()

    @precondition(lambda self: self.settled)
    @rule(data=st.data())
    def a_caller_tries_again(self, data: st.DataObject) -> None:
        command, first = data.draw(st.sampled_from(self.settled))
        before = self.desk.snapshot()

        again = self.desk.settle(command)

        assert again == first._replace(replayed=True)
        assert self.desk.snapshot() == before

    @invariant()
    def the_invariants_hold(self) -> None:
        invariants.check(self.desk.account, self.desk.books.added)

    @invariant()
    def the_model_agrees(self) -> None:
        account = self.desk.account
        assert (account.balance_nanos, account.debt_nanos) == (self.model.balance, self.model.debt)
        assert self.desk.remaining == {id: item["left"] for id, item in self.model.grants.items()}
        assert [
            (item.start_us, item.period_start_us, item.period_end_us, item.terms.plan) for item in account.segments
        ] == [(item["start"], item["period_start"], item["period_end"], item["plan"]) for item in self.model.segments]

    def _report(self, data: st.DataObject, reports: list[Report], enforcement: Enforcement) -> None:
        for report in reports:
            at = None if report.late_minutes is None else self.desk.now_us - report.late_minutes * MINUTE_US
            quantity = data.draw(self.quantities)
            command = use(quantity, report.meter, product=report.product, at=at, enforcement=enforcement)
            self._settle(command, self._usage(command))

    def _usage(self, command: RecordUsage) -> Any:
        enforce = command.enforcement is Enforcement.ENFORCE
        return lambda model: model.use(command.product, command.meter, command.quantity, command.event_us, enforce)

    def _settle(self, command: Command, expect: Any, changes_terms: bool = False) -> None:
        """Settles a command on the desk and on the model, which must agree on answer and refusal."""
        now_us = self.model.advance(self.desk.now_us, after_segment=changes_terms)
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

    def _let_time_pass(self) -> None:
        self.desk.settle(tick())
        self.model.advance(self.desk.now_us)

    def _now_for_changes(self) -> int:
        """The instant at which a change of terms will take effect."""
        return self.model.advance(self.desk.now_us, after_segment=True)

    def _open(self, items: dict[str, Any]) -> list[dict[str, Any]]:
        """Those that have not ended, nor will have when a change of terms takes effect."""
        soon_us = max(self.model.now, self.desk.now_us) + 2
        return [item for item in items.values() if item["until"] > max(soon_us, item["from"])]


class NearTheLimit(Poor):
    """Amounts, prices and quantities near what can be stored, and small ones that tip them over."""

    funds = LIMIT - 100
    quantities = st.one_of(*[st.integers(1, 30)] * 4, st.integers(LIMIT // 2 - 3, LIMIT // 2 + 3), st.just(LIMIT))
    amounts = st.one_of(st.integers(1, 30), st.integers(LIMIT - 9, LIMIT), st.integers(LIMIT // 9 - 3, LIMIT // 2 + 3))
    rates = st.one_of(
        st.builds(Rate, st.integers(LIMIT // 99, LIMIT // 9), st.integers(1, 3)),
        st.builds(Rate, st.integers(0, 9), st.integers(1, 7)),
        st.builds(Rate, st.integers(LIMIT // 99, LIMIT), st.integers(1, 7), st.just(RateModel.PACKAGE)),
    )
    allowances = st.one_of(st.integers(0, 60), st.integers(0, 60), st.integers(LIMIT // 2, LIMIT))


def _expected(ask: Callable[[], Any]) -> tuple[Any, str]:
    """What the model answers, or the reason of its refusal."""
    try:
        return ask(), ""
    except Refused as refused:
        return None, str(refused)


def _compare(settled: Settled, expected: dict[str, Any] | None) -> None:
    answer = settled.answer
    assert not settled.replayed
    if expected is not None:
        assert isinstance(answer, UsageAnswer)
        told = {name: getattr(answer, name) for name in expected}
        assert told == {**expected, "debits": tuple(expected["debits"]), "lifted": answer.lifted}
        assert set(answer.lifted) == expected["lifted"]


@pytest.mark.parametrize("machine", [Poor, NearTheLimit])
def test_any_sequence_of_commands_keeps_the_invariants_and_agrees_with_the_model(
    machine: type[RuleBasedStateMachine],
) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=50, stateful_step_count=30))

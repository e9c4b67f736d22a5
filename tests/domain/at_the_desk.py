"""The driver of games in the pure domain."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tests.domain import invariants
from tests.domain.builders import Desk, tick
from tests.domain.game import GENEROUS_SHOP, Told
from tests.domain.model import Model, Refused
from tests.domain.moves import METERS
from tests.domain.proving import prove
from tollhoused.domain.answers import Answer, CommitAnswer, ReservationAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.catalogue_toml import parse_catalogue
from tollhoused.domain.commands import Command, RecordUsage
from tollhoused.errors import TollhouseError

T = TypeVar("T")
HISTORY = CatalogueHistory({1: parse_catalogue(GENEROUS_SHOP)})


class AtTheDesk:
    """Books in memory, which show everything that they hold."""

    def __init__(self) -> None:
        self._desk = Desk(HISTORY)

    def wait_until(self, now_us: int) -> int:
        return self._desk.wait_until(now_us).now_us

    def sweep(self) -> None:
        self._desk.settle(tick())

    def settle(self, command: Command) -> Told:
        return _told(self._unless_refused(lambda: self._desk.settle(command), command.needs_whole))

    def settle_together(self, commands: Sequence[RecordUsage]) -> list[Told]:
        return [_told(settled) for settled in self._unless_refused(lambda: self._desk.settle_atomic(*commands))]

    def settle_again(self, command: Command, first: Told, voided: bool) -> None:
        before = self._desk.snapshot()
        assert self._desk.settle(command) == Settled(first.answer, replayed=True, voided=voided)
        assert self._desk.snapshot() == before

    def check(self, model: Model) -> None:
        account = self._desk.account
        invariants.check(account, self._desk.books.added)
        findings = prove(self._desk)
        assert not findings, findings
        assert (account.balance_nanos, account.debt_nanos) == (model.balance, model.debt)
        assert account.as_of_us == model.now
        assert {id: (item.remaining_nanos, item.held_nanos) for id, item in account.grants.items()} == {
            id: (item["left"], model.held_of(id)) for id, item in model.grants.items()
        }
        assert {id: (item.state.value, dict(item.holds), item.used) for id, item in account.reservations.items()} == {
            id: (item["state"], item["holds"], item["used"]) for id, item in model.reservations.items()
        }
        assert {id: (item.plan, item.status(model.now).value) for id, item in account.subscriptions.items()} == {
            id: (item["plan"], model.status(id)) for id, item in model.subscriptions.items()
        }
        assert [
            (item.start_us, item.period_start_us, item.period_end_us, item.terms.plan) for item in account.segments
        ] == [(item["start"], item["period_start"], item["period_end"], item["plan"]) for item in model.segments]
        self._check_counters(model)

    def _check_counters(self, model: Model) -> None:
        found = {
            (start, meter): (item.carried, item.used, item.charged_nanos, item.level)
            for (start, meter), item in self._desk.account.counters.items()
        }
        for segment in model.segments:
            for meter in METERS:
                parts = ("carried", "used", "charged", "level")
                expected = tuple(segment[part].get(meter, 0) for part in parts)
                assert found.get((segment["start"], meter), (0, 0, 0, 0)) == expected

    def _unless_refused(self, settle: Callable[[], T], may_begin_a_segment: bool = False) -> T:
        self.sweep()
        before = self._desk.snapshot()
        try:
            return settle()
        except TollhouseError as error:
            # What opens a segment moves time on where one has just begun, whether or not it is refused then.
            assert may_begin_a_segment or self._desk.snapshot() == before, "a refusal changes nothing"
            raise Refused(error.reason) from error


def _told(settled: Settled) -> Told:
    assert not settled.replayed
    return Told(settled.answer, _facts(settled.answer))


def _facts(answer: Answer) -> dict[str, Any]:
    """The answer's fields, with those of what it holds under the names that the model gives them."""
    if isinstance(answer, ReservationAnswer):
        return {"held": answer.reservation.held_nanos, "until": answer.reservation.expires_us}
    found: Answer = answer.usage if isinstance(answer, CommitAnswer) else answer
    facts: dict[str, Any] = found._asdict()
    facts |= {name: list(facts[name]) for name in ("debits",) if name in facts}
    return facts | {name: set(facts[name]) for name in ("lifted",) if name in facts}

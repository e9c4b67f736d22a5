"""Planted faults in what is decided and booked, which show without a crash.

Each replaces a function or two by way of `replace`, so that `patch.stopall` takes it out again.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar
from unittest.mock import patch

from tollhoused.domain import advance, books, deciding, reservations, usage, voids
from tollhoused.domain.account import Account, Counter, Grant, Posting
from tollhoused.domain.answers import UsageAnswer
from tollhoused.domain.books import Books, Settled
from tollhoused.domain.catalogue import CatalogueHistory, MeterTerms
from tollhoused.domain.commands import AdjustCredits, Command, GrantCredits, ReservationCommand, UnassignPlan
from tollhoused.domain.decision import Decision, Effect, Rules
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.reservation import Reservation, ReservationState
from tollhoused.domain.voids import VoidUsage

CommandT = TypeVar("CommandT", bound=Command)


def replace(owner: object, name: str, new: object) -> None:
    """Puts `new` in the place of a function or class until `patch.stopall`."""
    patch.object(owner, name, new).start()


def plant_grant_twice() -> None:
    """Credits are given twice for one call."""

    def doubled(effect: Effect) -> Effect:
        assert effect.grant
        twice_nanos = 2 * effect.grant.amount_nanos
        posting = Posting(effect.grant.id, twice_nanos)
        return effect._replace(grant=effect.grant._replace(amount_nanos=twice_nanos), postings=(posting,))

    _after(GrantCredits, doubled)


def plant_correction_unbooked() -> None:
    """A correction is answered and stored, and moves nothing."""
    _after(AdjustCredits, lambda effect: Effect())


def plant_correction_lost() -> None:
    """A correction is answered and not stored."""
    add = Books._add

    def forget(self: Books, command: Command, *arguments: object) -> None:
        if not isinstance(command, AdjustCredits):
            add(self, command, *arguments)  # type: ignore[arg-type]

    replace(Books, "_add", forget)


def plant_void_twice() -> None:
    """Nobody asks whether usage was taken back before."""
    void = Books._void

    def void_again(
        self: Books, account: Account, command: VoidUsage, now_us: int, history: CatalogueHistory
    ) -> Decision:
        key = (command.voided_key, command.client)
        self.operations[key] = self.operations[key]._replace(voided_by=None)
        return void(self, account, command, now_us, history)

    replace(Books, "_void", void_again)


def plant_void_keeps_the_count() -> None:
    """What is taken back stays on the counter."""

    def unmoved(counter: Counter, terms: MeterTerms, quantity: int) -> Counter:
        return counter

    replace(voids, "counted", unmoved)


def plant_ends_twice() -> None:
    """A reservation that has ended can be committed and released again."""

    def always_open(account: Account, command: ReservationCommand) -> Reservation:
        return account.reservations[command.reservation_id]._replace(state=ReservationState.OPEN)

    replace(reservations, "_open", always_open)


def plant_never_ends() -> None:
    """Reservations are kept beyond their time."""
    replace(advance, "_end_reservations", lambda *_: None)


def plant_burn_order() -> None:
    """The credits that should last longest are spent first."""
    order = Grant.burn_order

    def reversed_order(self: Grant) -> tuple[object, ...]:
        priority, *rest = order(self)
        return -priority, *rest

    replace(Grant, "burn_order", reversed_order)


def plant_charged_twice() -> None:
    """A charge is debited twice."""
    pay = usage.pay

    def pay_twice(
        account: Account, meter: str, charge_nanos: int, now_us: int, refusals: usage.Refusals
    ) -> tuple[list[Posting], int]:
        return pay(account, meter, 2 * charge_nanos, now_us, refusals)

    replace(usage, "pay", pay_twice)


def plant_expired_credits() -> None:
    """Credits do not expire."""
    replace(advance, "expire_grants", lambda *_: None)


def plant_change_twice() -> None:
    """A change of a gauge counts twice."""

    def doubled(command: SetUsage) -> SetUsage:
        return command if command.delta is None else dataclasses.replace(command, delta=2 * command.delta)

    _before(SetUsage, doubled)


def plant_other_content() -> None:
    """A known key is answered whatever else is sent under it."""
    replace(books, "first_difference", lambda *_: None)


def plant_answers_anew() -> None:
    """A replay tells of another balance than the first answer."""
    replay = Books._replay

    def tell_of_now(self: Books, command: Command) -> Settled | None:
        settled = replay(self, command)
        if settled and isinstance(settled.answer, UsageAnswer):
            answer = settled.answer._replace(balance_after_nanos=settled.answer.balance_after_nanos + 1)
            return settled._replace(answer=answer)
        return settled

    replace(Books, "_replay", tell_of_now)


def plant_half_a_batch() -> None:
    """What came before the item that was refused stays."""

    def one_by_one(self: Books, commands: Sequence[Command], history: CatalogueHistory, rules: Rules) -> list[Settled]:
        return [self.settle(command, history, rules) for command in commands]

    replace(Books, "settle_atomic", one_by_one)


def plant_use_forgotten() -> None:
    """A new segment begins without the use so far."""
    replace(advance, "_carry", lambda *_: None)


def plant_plan_goes_on() -> None:
    """A subscription that was ended goes on."""
    _after(UnassignPlan, lambda effect: effect._replace(subscription=None))


def _after(kind: type[Command], change: Callable[[Effect], Effect]) -> None:
    """Changes what commands of one kind do; what their callers are told stays."""
    decide = deciding.decide

    def decide_otherwise(
        account: Account, command: Command, now_us: int, history: CatalogueHistory, rules: Rules
    ) -> Decision:
        decision = decide(account, command, now_us, history, rules)
        return decision._replace(effect=change(decision.effect)) if isinstance(command, kind) else decision

    replace(books, "decide", decide_otherwise)


def _before(kind: type[CommandT], change: Callable[[CommandT], CommandT]) -> None:
    """Decides on other commands of one kind than the ones that were sent."""
    decide = deciding.decide

    def decide_on_another(
        account: Account, command: Command, now_us: int, history: CatalogueHistory, rules: Rules
    ) -> Decision:
        return decide(account, change(command) if isinstance(command, kind) else command, now_us, history, rules)

    replace(books, "decide", decide_on_another)


class BookFault(NamedTuple):
    """A planted fault, and the invariants of which one at least must be named within so many seconds."""

    plant: Callable[[], None]
    found_as: tuple[str, ...]
    seconds: float = 1.2


BOOK_FAULTS = {
    "grant-twice": BookFault(plant_grant_twice, ("V2",)),
    "correction-unbooked": BookFault(plant_correction_unbooked, ("V2",)),
    "correction-lost": BookFault(plant_correction_lost, ("V1",)),
    "void-twice": BookFault(plant_void_twice, ("V2", "status")),
    "void-keeps-the-count": BookFault(plant_void_keeps_the_count, ("V4",)),
    "ends-twice": BookFault(plant_ends_twice, ("V12",)),
    "never-ends": BookFault(plant_never_ends, ("V12",), 3.0),
    "burn-order": BookFault(plant_burn_order, ("V6",)),
    "charged-twice": BookFault(plant_charged_twice, ("V2",)),
    "expired-credits": BookFault(plant_expired_credits, ("V5", "V6"), 3.0),
    "change-twice": BookFault(plant_change_twice, ("V4",)),
    "other-content": BookFault(plant_other_content, ("conflict",)),
    "answers-anew": BookFault(plant_answers_anew, ("V8",)),
    "half-a-batch": BookFault(plant_half_a_batch, ("atomic", "V3")),
    "use-forgotten": BookFault(plant_use_forgotten, ("V4",)),
    "plan-goes-on": BookFault(plant_plan_goes_on, ("V1",)),
}

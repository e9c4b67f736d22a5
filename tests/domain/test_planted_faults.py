"""The model can fail: every fault that is planted in the domain is found, and the domain as it is passes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.domain.at_the_desk import AtTheDesk
from tests.domain.game import Game
from tests.domain.model import Refused
from tests.domain.moves import ALLOWANCE_USED_UP, POOR, Stakes, Step, play, steps, steps_about_holds
from tollhoused.domain import advance, books, reservations
from tollhoused.domain.account import Account, Cause, CauseKind, Counter, Grant, Posting, Segment
from tollhoused.domain.books import Books
from tollhoused.domain.catalogue import GrantCategory, MeterTerms
from tollhoused.domain.commands import Command, GrantCredits, ReservationCommand
from tollhoused.domain.counting import counted
from tollhoused.domain.holds import End, expired
from tollhoused.domain.reservation import OnExpiry, Reservation
from tollhoused.errors import TollhouseError

EXAMPLES_MAX = 120
SYMPTOMS = (AssertionError, Refused, TollhouseError, pytest.fail.Exception)
"""An answer or books that differ, and what was refused or was not."""
Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class About:
    """What a game is about."""

    stakes: Stakes
    kinds: Callable[[Stakes], st.SearchStrategy[Step]]


ANYTHING = About(POOR, steps)
HOLDS = About(ALLOWANCE_USED_UP, steps_about_holds)


def _conflict_check_gone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(books, "first_difference", lambda *_: None)


def _top_up_twice(patch: pytest.MonkeyPatch) -> None:
    replay = Books._replay

    def forgetful(self: Books, command: Command) -> Any:
        return None if isinstance(command, GrantCredits) else replay(self, command)

    patch.setattr(Books, "_replay", forgetful)


def _expiry_leaks_the_hold(patch: pytest.MonkeyPatch) -> None:
    def leaking(account: Account, reservation: Reservation) -> End:
        end = expired(account, reservation)
        if reservation.on_expiry is OnExpiry.COMMIT:
            return end
        return end._replace(reservations=(end.reservations[0]._replace(holds=reservation.holds), *end.reservations[1:]))

    patch.setattr("tollhoused.domain.advance.expired", leaking)


def _double_commit(patch: pytest.MonkeyPatch) -> None:
    def whether_open_or_not(account: Account, command: ReservationCommand) -> Reservation:
        return account.reservations[command.reservation_id]

    patch.setattr(reservations, "_open", whether_open_or_not)


def _holds_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Grant, "unheld_nanos", property(lambda self: self.remaining_nanos))


def _overage_charged_twice(patch: pytest.MonkeyPatch) -> None:
    def twice(counter: Counter, terms: MeterTerms, quantity: int) -> Counter:
        after = counted(counter, terms, quantity)
        return after._replace(charged_nanos=2 * after.charged_nanos - counter.charged_nanos)

    patch.setattr("tollhoused.domain.usage.counted", twice)


def _wrong_burn_order(patch: pytest.MonkeyPatch) -> None:
    def as_if_nothing_expired(grant: Grant) -> tuple[int, bool, int, str]:
        return (grant.priority, grant.category is GrantCategory.PAID, grant.created_us, grant.id)

    patch.setattr(Grant, "burn_order", as_if_nothing_expired)


def _expiry_eats_a_paid_grant(patch: pytest.MonkeyPatch) -> None:
    expire = advance.expire_grants

    def greedy(account: Account, at_us: int, now_us: int) -> None:
        before = account.ledger_seq
        expire(account, at_us, now_us)
        for grant in list(account.grants.values()) if account.ledger_seq > before else ():
            if grant.category is GrantCategory.PAID and grant.unheld_nanos:
                cause = Cause(CauseKind.EXPIRY, grant.id)
                account.post(Posting(grant.id, -grant.unheld_nanos), cause, now_us, at_us)

    patch.setattr(advance, "expire_grants", greedy)


def _segment_repriced(patch: pytest.MonkeyPatch) -> None:
    segment_at = Account.segment_at

    def as_it_is_priced_now(self: Account, at_us: int) -> Segment:
        return replace(segment_at(self, at_us), terms=self.segment.terms)

    patch.setattr(Account, "segment_at", as_it_is_priced_now)


FAULTS: dict[str, tuple[Plant, About]] = {
    "conflict check gone": (_conflict_check_gone, ANYTHING),
    "top-up twice": (_top_up_twice, ANYTHING),
    "expiry leaks the hold": (_expiry_leaks_the_hold, HOLDS),
    "double commit": (_double_commit, HOLDS),
    "holds ignored": (_holds_ignored, HOLDS),
    "overage charged twice": (_overage_charged_twice, ANYTHING),
    "wrong burn order": (_wrong_burn_order, HOLDS),
    "expiry eats a paid grant": (_expiry_eats_a_paid_grant, HOLDS),
    "segment repriced": (_segment_repriced, ANYTHING),
}


def _play(about: About) -> None:
    """Plays the same games every time; the first that goes wrong is enough."""

    @settings(
        max_examples=EXAMPLES_MAX,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def games(data: st.DataObject) -> None:
        game = Game(AtTheDesk(), about.stakes.funds, about.stakes.calls)
        play(game, data.draw(st.lists(about.kinds(about.stakes), min_size=20, max_size=50)))

    games()


@pytest.mark.parametrize("about", [ANYTHING, HOLDS], ids=["anything", "holds"])
def test_the_domain_as_it_is_passes(about: About) -> None:
    _play(about)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, about = FAULTS[fault]
    plant(monkeypatch)

    with pytest.raises(SYMPTOMS):
        _play(about)

"""Which steps games are made of, and what is at stake in them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hypothesis import strategies as st

from tests.domain.builders import HOUR_US, NANOS
from tests.domain.game import Game, Validity
from tests.domain.model import LIMIT
from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.commands import Enforcement
from tollhoused.domain.rates import Rate, RateModel, Tier
from tollhoused.domain.reservation import OnExpiry, OverCommit

METERS = ["calls", "tokens", "pages", "minutes", "beacons", "space"]


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

NEAR_THE_LIMIT_OF_A_CALL = replace(
    NEAR_THE_LIMIT, quantities=st.one_of(*[st.integers(1, 30)] * 4, st.integers(999_990, 1_000_000))
)
"""The same, with no more in a call than the catalogue allows."""

Step = Callable[[Game], None]


def steps(stakes: Stakes) -> st.SearchStrategy[Step]:
    """One step of a game, all kinds as often as each other; usage of each meter is a kind of its own."""
    meters = st.sampled_from(METERS)
    later = st.none() | st.integers(0, 40 * 24)
    hours = st.one_of(st.integers(0, 30), st.integers(0, 40 * 24))
    validities = st.builds(Validity, st.none() | st.integers(-5, 45 * 24), st.none() | st.integers(1, 60 * 24))
    plans = st.sampled_from(["free", "plus", "most"])
    trials = st.none() | st.integers(1, 40 * 24)
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
            delta=st.integers(-9, 9).filter(bool),
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
        _step(Game.a_reservation_is_extended, which=which, hours=st.integers(1, 7 * 24)),
        _step(Game.a_reservation_is_released, which=which),
        _step(Game.a_reservation_is_committed, which=which, quantity=st.integers(0, 20)),
        _step(Game.a_reservation_is_committed, which=which, quantity=st.integers(0, 20)),
        _step(Game.the_balance_is_corrected, amount=stakes.amounts, sign=st.sampled_from([-1, 1])),
        _step(Game.a_grant_is_voided, which=which),
        _step(Game.a_plan_is_assigned, plan=plans, validity=validities, trial_hours=trials),
        _step(Game.a_plan_is_changed_or_ended, plan=st.none() | plans, which=which, hours=later),
        _step(Game.a_plan_is_changed_or_ended, plan=plans, which=which, hours=later),
        _step(Game.a_plan_is_kept_after_all, which=which),
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
        _step(Game.a_key_is_used_for_something_else, which=which),
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
        _step(Game.a_reservation_runs_out, which=which),
        _step(Game.a_reservation_runs_out, which=which),
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
        delta=st.integers(-6, 9).filter(bool),
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
            trial_hours=st.none(),
        ),
        _step(
            Game.a_plan_is_changed_or_ended,
            plan=st.none() | st.sampled_from(["free", "plus", "most"]),
            which=st.just(0),
            hours=st.sampled_from([None, None, 0, 24]),
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


def play(game: Game, steps: Iterable[Step]) -> None:
    """Takes the steps one by one, and looks at everything after each."""
    for step in steps:
        step(game)
        game.check()

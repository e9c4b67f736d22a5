"""The games that the domain is put through, through gRPC and on both engines: what is answered and shown is what the
model says, and the books that are left are right.
"""

from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.domain.builders import START_US
from tests.domain.game import GENEROUS_SHOP, Game
from tests.domain.moves import (
    ALLOWANCE_USED_UP,
    NEAR_THE_LIMIT_OF_A_CALL,
    POOR,
    Stakes,
    Step,
    play,
    steps,
    steps_about_holds,
    steps_about_levels,
)
from tests.rpc.at_the_door import AtTheDoor, GivenIds
from tests.support.door import ServerMaker
from tests.support.house import Clock, CoreMaker
from tollhoused.domain.proof import Finding
from tollhoused.usecases.core import Core
from tollhoused.usecases.verify import verify

NUMBERS = count(1)


@pytest.mark.parametrize(
    ("stakes", "kinds", "games_max"),
    [
        (POOR, steps, 25),
        (NEAR_THE_LIMIT_OF_A_CALL, steps, 15),
        (ALLOWANCE_USED_UP, steps_about_holds, 15),
        (POOR, steps_about_levels, 10),
    ],
    ids=["poor", "near the limit", "holds", "levels"],
)
def test_any_sequence_of_calls_is_answered_as_the_model_says(
    stakes: Stakes,
    kinds: Callable[[Stakes], st.SearchStrategy[Step]],
    games_max: int,
    database_url: str,
    make_core: CoreMaker,
    serve: ServerMaker,
) -> None:
    clock, ids = Clock(START_US), GivenIds()
    core = make_core(database_url, own_clock=clock, own_ids=ids, catalogue=GENEROUS_SHOP)
    door = serve(core)[1]

    # A game that goes wrong is shown as it was: to make it smaller takes longer here than in the domain.
    phases = [Phase.explicit, Phase.reuse, Phase.generate]

    @settings(max_examples=games_max, phases=phases, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def games(data: st.DataObject) -> None:
        driver = AtTheDoor(door, clock, ids, f"anna-{next(NUMBERS)}")
        play(Game(driver, stakes.funds, stakes.calls), data.draw(st.lists(kinds(stakes), min_size=10, max_size=30)))
        assert _findings(core, driver.account_id) == []

    games()


def _findings(core: Core, account_id: str) -> list[Finding]:
    """What is wrong with this game's account; those of earlier games had their say."""
    found: list[Finding] = []
    verify(core.store, found.append)
    return [finding for finding in found if finding.account_id in ("", account_id)]

"""Any sequence of commands, against the reference model, with the invariants recomputed after every step."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.at_the_desk import AtTheDesk
from tests.domain.game import Game
from tests.domain.moves import (
    ALLOWANCE_USED_UP,
    NEAR_THE_LIMIT,
    POOR,
    Stakes,
    Step,
    play,
    steps,
    steps_about_holds,
    steps_about_levels,
)


@pytest.mark.parametrize(
    ("stakes", "kinds"),
    [(POOR, steps), (NEAR_THE_LIMIT, steps), (ALLOWANCE_USED_UP, steps_about_holds), (POOR, steps_about_levels)],
    ids=["poor", "near the limit", "holds", "levels"],
)
@settings(max_examples=70)
@given(data=st.data())
def test_any_sequence_of_commands_keeps_the_invariants_and_agrees_with_the_model(
    stakes: Stakes, kinds: Callable[[Stakes], st.SearchStrategy[Step]], data: st.DataObject
) -> None:
    game = Game(AtTheDesk(), stakes.funds, stakes.calls)
    play(game, data.draw(st.lists(kinds(stakes), min_size=20, max_size=50)))

import json
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhoused.domain.answers import (
    AccountAnswer,
    Answer,
    CreditsAnswer,
    OverrideAnswer,
    SubscriptionAnswer,
    UsageAnswer,
)
from tollhoused.domain.commands import Command, Tick
from tollhoused.domain.intents import ProviderCommand
from tollhoused.domain.rates import Rate, RateModel, Tier, rate_from_json, rate_to_json
from tollhoused.domain.registry_commands import TouchKeys
from tollhoused.domain.stored_answers import ANSWER_TYPES, ANSWER_VERSION, answer_from_json, answer_to_json

totals = st.integers(-(2**62), 2**62)
instants = st.integers(-(2**62), 2**62)
rates = st.none() | st.sampled_from(
    [Rate(3, 7), Rate(5, 10, RateModel.PACKAGE), Rate(0, 1, RateModel.GRADUATED, (Tier(5, 3), Tier(None, 1)))]
).map(rate_to_json)

# Whatever is stored fits 64 bits; the columns and the wire have no more.
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))

ANY_ANSWER: dict[type[Answer], st.SearchStrategy[Answer]] = {
    kind: st.builds(kind, **{"rate": rates} if kind is OverrideAnswer else {}) for kind in set(ANSWER_TYPES.values())
}


def kinds_of_commands(parent: type[Command] = Command) -> set[str]:
    below = parent.__subclasses__()
    return {own.kind for own in below if hasattr(own, "kind")}.union(*map(kinds_of_commands, below))


@pytest.mark.parametrize("kind", sorted(ANSWER_TYPES))
@given(data=st.data())
def test_every_answer_comes_back_from_its_text(kind: str, data: st.DataObject) -> None:
    answer = data.draw(ANY_ANSWER[ANSWER_TYPES[kind]])

    restored = answer_from_json(kind, answer_to_json(answer))

    assert restored == answer
    assert type(restored) is type(answer)
    assert [type(value) for value in restored] == [type(value) for value in answer], "tuples come back as tuples"


def test_every_kind_of_command_that_is_stored_has_an_answer() -> None:
    stored_nowhere = {Tick.kind, TouchKeys.kind, *kinds_of_commands(ProviderCommand)}
    assert set(ANSWER_TYPES) == kinds_of_commands() - stored_nowhere


@pytest.mark.parametrize("kind", [UsageAnswer, CreditsAnswer, SubscriptionAnswer, OverrideAnswer, AccountAnswer])
def test_every_answer_names_the_account_and_what_found_it(kind: type[Answer]) -> None:
    assert {"account_id", "matched_by"} < get_type_hints(kind).keys()


def test_an_answer_is_stored_with_a_version_under_the_names_of_its_fields() -> None:
    answer = SubscriptionAnswer("acct_1", "email", "sub_1", "manual", "pro", 2, 10, None, 10, True)

    assert json.loads(answer_to_json(answer)) == {
        "v": ANSWER_VERSION,
        "account_id": "acct_1",
        "matched_by": "email",
        "subscription_id": "sub_1",
        "provider": "manual",
        "plan": "pro",
        "plan_version": 2,
        "start_us": 10,
        "end_us": None,
        "anchor_us": 10,
        "counts": True,
        "status": "",
        "trial_end_us": None,
        "pending_plan": None,
        "pending_version": None,
        "pending_us": None,
    }


def test_a_rate_in_an_answer_is_one_that_can_be_read_again() -> None:
    rate = Rate(0, 1, RateModel.GRADUATED, (Tier(5, 3), Tier(None, 1)))
    answer = OverrideAnswer("acct_1", "email", "ovr_1", "calls", None, "credits", rate_to_json(rate), 1, None)

    restored = answer_from_json("set_override", answer_to_json(answer))

    assert isinstance(restored, OverrideAnswer)
    assert rate_from_json(restored.rate) == rate

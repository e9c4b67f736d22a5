"""The tables between the domain's words and the contract's numbers leave nothing out, and lose nothing on the way."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from tollhouse.v1 import account_service_pb2 as account_pb
from tollhouse.v1 import admin_service_pb2 as admin_pb
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tollhoused.domain.account import AccountKind, CauseKind
from tollhoused.domain.catalogue import GrantCategory, Interval, MeterKind, OnUnavailable, Policy
from tollhoused.domain.commands import Enforcement
from tollhoused.domain.identity import MatchedBy
from tollhoused.domain.intent import IntentKind, IntentState
from tollhoused.domain.keys import Environment, Scope
from tollhoused.domain.opening import OpenUsage
from tollhoused.domain.rates import Rate, RateModel, Tier
from tollhoused.domain.stored_answers import ANSWER_TYPES
from tollhoused.rpc import admin, admin_answers, answers, client, credits, decode, encode, order_answers, plans

OUTGOING: list[tuple[type[StrEnum], Mapping[Any, Any], Any]] = [
    (MatchedBy, encode.MATCHED_BY, common.MatchedBy),
    (Policy, encode.POLICIES, common.Policy),
    (MeterKind, encode.METER_KINDS, common.MeterKind),
    (Interval, encode.INTERVALS, common.BillingInterval),
    (RateModel, encode.RATE_MODELS, common.RateModel),
    (GrantCategory, encode.CATEGORIES, credits_pb.GrantCategory),
    (AccountKind, answers.ACCOUNT_KINDS, account_pb.AccountKind),
    (CauseKind, credits.CAUSE_KINDS, credits_pb.CauseKind),
    (IntentKind, order_answers.KINDS, credits_pb.OrderKind),
    (IntentState, order_answers.STATES, credits_pb.OrderState),
    (OnUnavailable, plans.ON_UNAVAILABLE, subscription_pb.OnUnavailable),
    (Enforcement, client.ENFORCEMENTS, common.Enforcement),
    (Scope, admin_answers.SCOPES, admin_pb.Scope),
    (Environment, admin_answers.ENVIRONMENTS, admin_pb.Environment),
]
INCOMING: list[tuple[Mapping[int, Any], Any]] = [
    (decode.ENFORCEMENTS, common.Enforcement),
    (decode.CATEGORIES, credits_pb.GrantCategory),
    (decode.POLICIES, common.Policy),
    (decode.RATE_MODELS, common.RateModel),
    (admin.SCOPES, admin_pb.Scope),
]


@pytest.mark.parametrize(("ours", "table", "theirs"), OUTGOING, ids=lambda value: getattr(value, "__name__", ""))
def test_every_word_has_its_number_of_the_same_name(ours: type[StrEnum], table: Mapping[Any, Any], theirs: Any) -> None:
    assert sorted(table) == sorted(ours)
    assert sorted(table.values()) == sorted(number for number in theirs.values() if number)
    for word, number in table.items():
        assert theirs.Name(number).endswith(f"_{word.upper().replace('.', '_')}")


def test_every_number_that_may_be_sent_has_its_word() -> None:
    for table, theirs in INCOMING:
        assert set(table) | {0} == set(theirs.values())
        for number, word in table.items():
            assert number == 0 or theirs.Name(number).endswith(f"_{word.upper().replace('.', '_')}")


def test_every_kind_of_operation_has_its_answer() -> None:
    kinds = {name.removeprefix("OPERATION_KIND_").lower() for name, number in usage_pb.OperationKind.items() if number}
    fields = {field.name for field in usage_pb.Operation.DESCRIPTOR.oneofs_by_name["answer"].fields}

    assert set(answers.BY_KIND) == set(ANSWER_TYPES) - OF_COMMANDS_ALONE == kinds == fields


OF_COMMANDS_ALONE = {OpenUsage.kind}
"""What only `tollhouse import` does: operations are seen by their own client, and commands ask no server for theirs."""


@given(st.integers(min_value=-62_135_596_800_000_000, max_value=253_402_300_799_999_999))
def test_an_instant_comes_back_as_it_went(instant_us: int) -> None:
    assert decode.instant("event_time", encode.timestamp(instant_us)) == instant_us


@given(st.datetimes())
def test_an_instant_is_the_one_that_protobuf_itself_makes_of_a_date(moment: Any) -> None:
    theirs = Timestamp()
    theirs.FromDatetime(moment)

    assert encode.timestamp(theirs.ToMicroseconds()) == theirs


def test_digits_below_a_microsecond_are_cut_off() -> None:
    assert decode.instant("event_time", Timestamp(seconds=-1, nanos=999_999_999)) == -1


@pytest.mark.parametrize(
    "rate",
    [
        Rate(0),
        Rate(7, per_units=1_000),
        Rate(7, per_units=10, model=RateModel.PACKAGE),
        Rate(0, per_units=3, model=RateModel.GRADUATED, tiers=(Tier(5, 7), Tier(None, 0))),
    ],
)
def test_a_price_comes_back_as_it_went(rate: Rate) -> None:
    message = encode.rate(rate)

    assert message is not None
    assert decode.rate("rate", message) == rate

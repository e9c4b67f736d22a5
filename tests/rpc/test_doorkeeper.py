"""How a call carries its key, and what a caller is then: its client, its products, and nothing of the secret."""

import logging

import pytest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import CheckUsageRequest, GetEntitlementRequest
from tollhouse.v1.usage_service_pb2 import GetOperationRequest, ListUsageEventsRequest

from tests.support.callers import make_client, make_key
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, refusal, usage
from tests.support.house import CoreMaker
from tollhoused.domain.keys import Environment, Scope, read_key
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

ANNA = Subject(user_id="anna")
ALL = (Scope.ENTITLEMENTS_READ, Scope.USAGE_WRITE)


@pytest.fixture
def core(sqlite_url: str, make_core: CoreMaker) -> Core:
    core = make_core(sqlite_url)
    for client in ("talk-backend", "send-backend", "operator"):
        make_client(core, client)
    return core


@pytest.fixture
def door(core: Core, serve: ServerMaker) -> Door:
    """A door that asks for keys; its own calls carry none."""
    keyring = Keyring(core.store, Environment.TEST, core.clock, stale_seconds=3_600)
    keyring.refresh()
    _, door = serve(core, keyring=keyring)
    operator = Door(door.address, make_key(core, "operator").text)
    operator.make_user("anna")
    operator.channel.close()
    return door


def test_both_headers_open_and_the_scheme_may_be_written_in_any_case(core: Core, door: Door) -> None:
    text = make_key(core, "talk-backend", ALL, ["talk"]).text

    for metadata in (
        (("authorization", f"Bearer {text}"),),
        (("authorization", f"bearer  {text}"),),
        (("x-api-key", text),),
        (("authorization", "Basic eDp5"), ("x-api-key", text)),
        (("x-other", "garbage"), ("x-api-key", f" {text} ")),
    ):
        door.entitlements.GetEntitlement(GetEntitlementRequest(subject=ANNA), timeout=5, metadata=metadata)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ([], "KEY_MISSING"),
        ([("authorization", "")], "KEY_MISSING"),
        ([("authorization", "Bearer ")], "KEY_MISSING"),
        ([("authorization", "Basic eDp5")], "KEY_MISSING"),
        ([("x-api-key-bin", b"garbage")], "KEY_MISSING"),
        ([("x-api-key", "garbage")], "KEY_INVALID"),
        ([("authorization", "Bearer \x21"), ("x-api-key", "")], "KEY_INVALID"),
        ([("x-api-key", "_" * 6_000)], "KEY_INVALID"),
    ],
)
def test_what_is_no_key_is_refused(door: Door, metadata: list[tuple[str, str]], reason: str) -> None:
    found = refusal(door.entitlements.GetEntitlement, GetEntitlementRequest(subject=ANNA), metadata=metadata)

    assert (found.code, found.reason, found.metadata) == ("UNAUTHENTICATED", reason, {})


def test_health_is_everybodys(door: Door) -> None:
    assert door.health() == 1


def test_clients_do_not_see_each_others_operations_and_their_keys_do_not_meet(core: Core, door: Door) -> None:
    texts = [make_key(core, client, ALL).text for client in ("talk-backend", "send-backend")]
    doors = [Door(door.address, text) for text in texts]

    answers = [own.record(usage("anna", "call-1", quantity)) for own, quantity in zip(doors, (1, 2), strict=True)]
    assert [(answer.replayed, answer.new_usage) for answer in answers] == [(False, 1), (False, 3)]
    assert doors[0].record(usage("anna", "call-1", 1)).replayed
    doors[0].record(usage("anna", "call-2"))

    found = refusal(doors[1].usage.GetOperation, GetOperationRequest(idempotency_key="call-2"))
    assert found.reason == "OPERATION_NOT_FOUND"
    for own in doors:
        own.channel.close()


def test_both_keys_of_a_client_are_the_same_caller(core: Core, door: Door) -> None:
    first, second = (Door(door.address, make_key(core, "talk-backend", ALL).text) for _ in range(2))
    first.record(usage("anna", "call-1"))

    assert second.record(usage("anna", "call-1")).replayed
    first.channel.close()
    second.channel.close()


def test_a_key_for_one_product_need_not_name_it_and_cannot_name_another(core: Core, door: Door) -> None:
    own = Door(door.address, make_key(core, "talk-backend", ALL, ["talk"]).text)

    assert own.record(usage("anna", "call-1", product="")).new_usage == 1
    assert own.record(usage("anna", "call-1", product="talk")).replayed
    assert refusal(own.usage.RecordUsage, usage("anna", "k", product="send")).metadata == {"product": "send"}
    check = CheckUsageRequest(subject=ANNA, meter="voice_minutes", quantity=1)
    assert own.entitlements.CheckUsage(check, timeout=TIMEOUT_SECONDS).allowed
    listed = own.usage.ListUsageEvents(ListUsageEventsRequest(subject=ANNA), timeout=TIMEOUT_SECONDS)
    assert [event.product for event in listed.usage_events] == ["talk"]
    own.channel.close()


def test_a_key_for_two_products_says_which_and_has_access_to_those_only(core: Core, door: Door) -> None:
    own = Door(door.address, make_key(core, "talk-backend", ALL, ["doc", "local"]).text)
    operator = Door(door.address, make_key(core, "operator").text)

    assert refusal(own.usage.RecordUsage, usage("anna", "k", product="")).violations.keys() == {"product"}
    assert refusal(own.usage.ListUsageEvents, ListUsageEventsRequest(subject=ANNA)).violations.keys() == {"product"}
    question = GetEntitlementRequest(subject=ANNA)  # on the default plan: talk and send
    for asking, has_access in ((own, False), (operator, True)):
        answer = asking.entitlements.GetEntitlement(question, timeout=TIMEOUT_SECONDS)
        assert answer.entitlement.has_access == has_access
        asking.channel.close()


def test_operations_of_other_products_are_not_found_by_a_clients_own_key(core: Core, door: Door) -> None:
    both = make_key(core, "talk-backend", ALL)
    talk = make_key(core, "talk-backend", [Scope.USAGE_WRITE], ["talk"])
    wide, narrow = (Door(door.address, made.text) for made in (both, talk))
    wide.record(usage("anna", "of-send", product="send", meter="api_calls"))
    wide.record(usage("anna", "of-talk"))

    found = narrow.usage.GetOperation(GetOperationRequest(idempotency_key="of-talk"), timeout=TIMEOUT_SECONDS)
    assert found.operation.product == "talk"
    refused = [refusal(narrow.usage.GetOperation, GetOperationRequest(idempotency_key=k)) for k in ("of-send", "x")]
    assert refused[0] == refused[1]
    wide.channel.close()
    narrow.channel.close()


def test_no_key_is_in_any_log_or_answer(core: Core, door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = make_key(core, "talk-backend", [Scope.ENTITLEMENTS_READ])
    own = Door(door.address, made.text)

    seen = [
        refusal(own.usage.RecordUsage, usage("anna", "k")),
        refusal(own.raw("/tollhouse.v1.EntitlementService/CheckUsage"), b"\xff"),
        refusal(door.usage.RecordUsage, usage("anna", "k"), metadata=[("x-api-key", made.text + "x")]),
    ]

    assert read_key(made.text).secret not in repr(seen) + caplog.text
    own.channel.close()

"""GetOperation answers every kind of command with the first answer, whatever it was (requirement U12)."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from tollhouse.v1.admin_service_pb2 import CreateClientRequest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.reservation_service_pb2 import ReserveUsageRequest
from tollhouse.v1.subscription_service_pb2 import AssignPlanRequest
from tollhouse.v1.usage_service_pb2 import GetOperationRequest, OperationKind

from tests.rpc.methods import METHODS, places
from tests.support.door import TIMEOUT_SECONDS, Door, at
from tests.support.house import DAY_US, START_US
from tollhoused.domain.commands import Command, Tick
from tollhoused.domain.opening import OpenUsage
from tollhoused.domain.registry_commands import TouchKeys
from tollhoused.domain.stored_answers import ANSWER_TYPES

ORDER = {
    "UpsertUser": 0,
    "UpsertOrganization": 0,
    "CreateEndpoint": 0,
    "VoidUsage": 2,
    "ReleaseReservation": 2,
    "RemoveMember": 2,
    "EraseUser": 3,
    "DeleteEndpoint": 3,
}
"""Where in the sequence what must come before, or after, others comes."""

OF_COMMANDS_ONLY = {OpenUsage.kind}
"""What no method makes: the import does."""

STORED_NOWHERE = {Tick.kind, TouchKeys.kind}


def kinds(of: type[Command] = Command) -> Iterator[str]:
    """The kinds of all commands that are declared."""
    for each in of.__subclasses__():
        if "kind" in vars(each):
            yield each.kind
        yield from kinds(each)


def test_every_command_that_is_stored_has_its_answer() -> None:
    assert set(kinds()) - STORED_NOWHERE == set(ANSWER_TYPES)


def test_every_mutation_is_found_by_its_key_with_the_answer_that_it_gave(door: Door) -> None:
    door.make_user("anna")
    for client in ("talk-backend", "another"):
        door.admin.CreateClient(CreateClientRequest(client_id=client, idempotency_key=client), timeout=TIMEOUT_SECONDS)
    known: dict[str, str] = {}
    found = set()
    for method in sorted(METHODS, key=lambda method: ORDER.get(str(method), 1)):
        name = str(method)
        if "idempotency_key" not in method.request.DESCRIPTOR.fields_by_name or name == "GetOperation":
            continue
        request: Any = type(method.request)()
        request.CopyFrom(method.request)
        for place in places(request):
            if place.field.name in known and getattr(place.holder, place.field.name) == "known":
                place.put(known[place.field.name])
        request.idempotency_key = name
        if name == "VoidUsage":
            request.voided_key = "RecordUsage"
        if name == "ReleaseReservation":  # the first one was committed
            known["reservation_id"] = request.reservation_id = _reserve(door)
        if name == "CancelPendingPlanChange":
            _schedule(door, request.subscription_id)
        answer = _answer(door, method.path, request)
        known |= dict(_ids(answer))

        question = GetOperationRequest(idempotency_key=name)
        stored = door.usage.GetOperation(question, timeout=TIMEOUT_SECONDS).operation
        kind = OperationKind.Name(stored.kind).removeprefix("OPERATION_KIND_").lower()
        assert stored.WhichOneof("answer") == kind
        for shown_once in ("text", "secret"):
            if shown_once in answer.DESCRIPTOR.fields_by_name:
                answer.ClearField(shown_once)
        assert getattr(stored, kind) == answer, name
        found.add(kind)

    assert found == set(ANSWER_TYPES) - OF_COMMANDS_ONLY


def _reserve(door: Door) -> str:
    request = ReserveUsageRequest(
        subject=Subject(user_id="anna"), product="talk", meter="api_calls", quantity=1, idempotency_key="another one"
    )
    return door.reservations.ReserveUsage(request, timeout=TIMEOUT_SECONDS).reservation.reservation_id


def _schedule(door: Door, subscription_id: str) -> None:
    request = AssignPlanRequest(
        subject=Subject(user_id="anna"),
        plan="team",
        subscription_id=subscription_id,
        effective_time=at(START_US + DAY_US // 2),
        idempotency_key="a later plan",
    )
    door.subscriptions.AssignPlan(request, timeout=TIMEOUT_SECONDS)


def _answer(door: Door, path: str, request: Message) -> Any:
    service, method = path.strip("/").split("/")
    short = service.rpartition(".")[2].removesuffix("Service").lower()
    stubs = {"account": door.accounts, "subscription": door.subscriptions, "entitlement": door.entitlements}
    stub = {**stubs, "reservation": door.reservations}.get(short)
    return getattr(stub or getattr(door, short), method)(request, timeout=TIMEOUT_SECONDS)


def _ids(message: Message) -> Iterator[tuple[str, str]]:
    """The ids in an answer, at any depth."""
    for field, value in message.ListFields():
        if isinstance(value, Message):
            yield from _ids(value)
        elif field.name.endswith("_id"):
            yield field.name, value

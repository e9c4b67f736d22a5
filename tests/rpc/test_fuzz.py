"""Whatever anybody sends to whatever method: a server answers with what it has declared, and its books stay right.

A real server is called over a socket. `TOLLHOUSE_TEST_FUZZ=1000000` says how many requests of each sort are sent, and
`TOLLHOUSE_TEST_FUZZ_SEED` draws others; a request that is answered wrongly is shown with both numbers and its bytes.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import grpc
import pytest
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from tollhouse.v1.account_service_pb2 import UpsertUserRequest
from tollhouse.v1.common_pb2 import ItemError, Subject
from tollhouse.v1.credits_service_pb2 import ListLedgerEntriesRequest
from tollhouse.v1.reservation_service_pb2 import ReserveUsageRequest
from tollhouse.v1.subscription_service_pb2 import AssignPlanRequest, SetOverrideRequest

from tests.cli.commands import Server, done, done_json, serving
from tests.rpc.forge import Forge
from tests.rpc.methods import METHODS, Method
from tests.support.door import TIMEOUT_SECONDS, Door, Refusal, refusal_of, usage
from tests.support.house import START_US

SEED = int(os.environ.get("TOLLHOUSE_TEST_FUZZ_SEED", "7"))
GIVEN_COUNT = int(os.environ.get("TOLLHOUSE_TEST_FUZZ", "0"))
COUNT = GIVEN_COUNT or 10_000
POSTGRES_COUNT = GIVEN_COUNT or 2_000
METADATA_COUNT = min(COUNT, 2_000)
SECONDS_MAX = 120 + COUNT // 50
CALLERS = 8
SHOWN_MAX = 5
NUMBERS = count()
ROUND = 10_000
"""Calls that are planned at once, so that a million of them need no memory."""

HEALTH = Method("/grpc.health.v1.Health/Check", HealthCheckRequest(service="tollhouse.v1.UsageService"))
TARGETS = [*METHODS, HEALTH]

# Every other code says that something is wrong with the server, or that nobody knows what became of the call.
DECLARED = {
    "INVALID_ARGUMENT",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED",
}
UNKNOWN_CODE, INTERNAL_CODE = 2, 13

Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass
class Target:
    """A running server with some books, and what its callers know."""

    server: Server
    door: Door
    url: str
    words: list[str]
    endings: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each method ended in which way."""

    def answer(self, method: Method, data: bytes, metadata: Metadata = ()) -> Refusal | bytes:
        """How the server ends a call."""
        try:
            answer = self.door.raw(method.path)(data, timeout=TIMEOUT_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            self.endings[str(method), refusal.code] += 1
            return refusal
        self.endings[str(method), "OK"] += 1
        if str(method) == "EraseUser":
            self.come_back()
        return answer

    def come_back(self) -> None:
        """Who was forgotten is a customer again: the others' requests name her."""
        request = UpsertUserRequest(user_id="anna", email="anna@example.test", idempotency_key=f"back-{next(NUMBERS)}")
        with suppress(grpc.RpcError):  # somebody else has her name by now
            self.door.accounts.UpsertUser(request, timeout=TIMEOUT_SECONDS)

    def seen(self, ending: str) -> set[str]:
        """The methods that have ended so."""
        return {method for method, code in self.endings if code == ending}

    def check(self) -> None:
        """The server has not died, serves, and its books are right."""
        assert self.server.running, self.server.log
        assert self.door.health() == HealthCheckResponse.SERVING
        done("verify", "--database-url", self.url)


@pytest.fixture
def target(sqlite_url: str) -> Iterator[Target]:
    yield from _targets(sqlite_url)


@pytest.fixture
def postgres_target(postgres_url: str) -> Iterator[Target]:
    yield from _targets(postgres_url)


def _targets(url: str) -> Iterator[Target]:
    """Its key stands in every call, behind the headers that a test adds."""
    print(f"seed {SEED}")
    done("catalog", "apply", "hub", "--database-url", url)
    done("clients", "create", "talk-backend", "--database-url", url)
    own, spare = (
        done_json("keys", "create", "talk-backend", "--scope", "admin", "--database-url", url) for _ in range(2)
    )
    with serving(url, "--log-level", "error", "--items-per-minute", "1000000000", asks_for_keys=True) as server:
        door = Door(server.address, own["text"])
        yield Target(server, door, url, [*_furnish(door), spare["key_id"]])
        door.channel.close()
    assert server.log == "", "what a caller sends is no reason to log an error"


def _furnish(door: Door) -> list[str]:
    """Makes a customer with some history; gives the texts that mean something to this server."""
    anna = Subject(user_id="anna")
    door.make_user("anna", "anna@example.test")
    door.fund("anna", 100)
    door.fund("anna", 200)
    door.record(usage("anna", "known", 12))
    plan = AssignPlanRequest(subject=anna, plan="team", idempotency_key="assign-1")
    made = door.subscriptions.AssignPlan(plan, timeout=TIMEOUT_SECONDS).subscription
    override = SetOverrideRequest(subject=anna, meter="api_calls", included=5, idempotency_key="override-1")
    exception = door.subscriptions.SetOverride(override, timeout=TIMEOUT_SECONDS).override
    page = door.credits.ListLedgerEntries(ListLedgerEntriesRequest(subject=anna, page_size=1), timeout=TIMEOUT_SECONDS)
    assert page.next_page_token
    texts = ["anna", "bert", "anna@example.test", "acme", "talk", "send", "talk-backend", "known", "usd", "UTC"]
    reserve = ReserveUsageRequest(
        subject=anna, product="talk", meter="api_calls", quantity=2, idempotency_key="reserve-1"
    )
    held = door.reservations.ReserveUsage(reserve, timeout=TIMEOUT_SECONDS).reservation
    texts += [held.reservation_id, *(entry.grant_id for entry in page.entries)]
    texts += ["voice_minutes", "voice_minute", "api_calls", "storage_mb", "hobby", "pro", "team", "talk.access"]
    texts += ["Europe/Berlin", "fuzz-1", made.subscription_id, exception.override_id, page.next_page_token]
    return texts


def _run(target: Target, count: int, make: Callable[[Forge, Method], tuple[bytes, Metadata]]) -> None:
    """Sends requests to every method in turn, from several callers, and fails with those that were answered wrongly."""
    shift_us = time.time_ns() // 1_000 - START_US

    def attempt(number: int) -> str:
        method = TARGETS[number % len(TARGETS)]
        data, metadata = make(Forge(SEED, number, target.words, shift_us), method)
        complaint = _complaint(method, target.answer(method, data, metadata))
        return (
            f"seed {SEED}, number {number}, {method} {metadata} {data.hex()[:2_000]}: {complaint}" if complaint else ""
        )

    with ThreadPoolExecutor(CALLERS) as callers:
        for start in range(0, count, ROUND):
            wrong = [found for found in callers.map(attempt, range(start, min(start + ROUND, count))) if found]
            assert wrong == [], f"{len(wrong)} from {start} on:\n" + "\n".join(wrong[:SHOWN_MAX])


def _complaint(method: Method, answer: Refusal | bytes) -> str:
    """What is wrong with an answer; empty where nothing is."""
    if isinstance(answer, bytes):
        return "" if method is HEALTH else _complaint_about_items(method, answer)
    if answer.code not in DECLARED:
        return f"{answer.code}: {answer.message}"
    if method is HEALTH and answer.code == "NOT_FOUND":
        return ""  # its own contract has no details for that
    if answer.code == "RESOURCE_EXHAUSTED" and "message larger than max" in answer.message:
        return ""  # the transport's own limit: no code of ours has seen it
    if not answer.reason:
        return f"{answer.code} without a reason: {answer.message}"
    if answer.code == "INVALID_ARGUMENT" and not _names_its_field(answer):
        return f"{answer.reason} names no field: {answer.message}"
    return ""


def _names_its_field(answer: Refusal) -> bool:
    return answer.reason == "UNDECODABLE_REQUEST" or (bool(answer.violations) and all(answer.violations))


def _complaint_about_items(method: Method, data: bytes) -> str:
    descriptor = Default().FindMethodByName(method.path.removeprefix("/").replace("/", "."))
    for error in _item_errors(GetMessageClass(descriptor.output_type).FromString(data)):
        if error.code in (UNKNOWN_CODE, INTERNAL_CODE) or not error.reason:
            return f"an item failed with {error}"
        if error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0] and not error.metadata["field"]:
            return f"an item's refusal names no field: {error}"
    return ""


def _item_errors(message: Message) -> Iterator[ItemError]:
    """Every failure of an item in an answer."""
    if isinstance(message, ItemError):
        yield message
        return
    for described, value in message.ListFields():
        if described.message_type is not None and not described.message_type.GetOptions().map_entry:
            for below in value if described.is_repeated else [value]:
                yield from _item_errors(below)


@pytest.mark.timeout(SECONDS_MAX)
def test_damaged_and_random_bytes_are_refused_as_declared(target: Target) -> None:
    _run(target, COUNT, lambda forge, method: (forge.bytes_for(method), ()))

    target.check()
    assert target.seen("INVALID_ARGUMENT") == {str(method) for method in TARGETS}


@pytest.mark.timeout(SECONDS_MAX)
def test_requests_of_every_shape_are_answered_as_declared(target: Target) -> None:
    _run(target, COUNT, lambda forge, method: (forge.request_for(method), ()))

    target.check()
    _everything_was_reached(target)


@pytest.mark.timeout(SECONDS_MAX)
def test_requests_of_every_shape_are_answered_as_declared_on_postgresql(postgres_target: Target) -> None:
    _run(postgres_target, POSTGRES_COUNT, lambda forge, method: (forge.request_for(method), ()))

    postgres_target.check()
    _everything_was_reached(postgres_target)


@pytest.mark.timeout(SECONDS_MAX)
def test_headers_of_every_shape_are_answered_as_declared(target: Target) -> None:
    _run(target, METADATA_COUNT, lambda forge, method: (forge.accepted(method), forge.metadata()))

    target.check()
    assert {code for _, code in target.endings} >= {"OK", "UNAUTHENTICATED"}


def _everything_was_reached(target: Target) -> None:
    """Requests that all fall at the first rule would prove little: most methods have also done what they are for."""
    need_ids_of_the_moment = {"UnassignPlan", "RemoveOverride", "RotateKey", "RevokeKey", "CreateKey", "CreateClient"}
    need_ids_of_the_moment |= {"ExtendReservation", "CommitReservation", "ReleaseReservation", "GetReservation"}
    need_ids_of_the_moment |= {"VoidGrant", "VoidUsage", "CancelPendingPlanChange"}
    need_ids_of_the_moment |= {"RotateEventEndpoint", "DeleteEventEndpoint", "GetTopUp"}
    need_a_provider = {"CreateTopUp", "SetAutoReload", "ResumeAutoReload", "CreatePaymentLink", "CreatePortalSession"}
    need_a_provider |= {"StartCheckout", "ChangePlan", "CancelSubscription", "ResumeSubscription", "PreviewPlanChange"}
    others = {str(method) for method in TARGETS} - need_ids_of_the_moment - need_a_provider
    assert others <= target.seen("OK")
    assert need_a_provider <= target.seen("FAILED_PRECONDITION")
    assert {str(method) for method in METHODS if method.request.DESCRIPTOR.fields} <= target.seen("INVALID_ARGUMENT")

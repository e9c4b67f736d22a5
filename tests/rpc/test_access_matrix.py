"""Every method of the contract by every kind of key, and every id of somebody else's (requirements I3, I4).

The matrix is made from the descriptors: a new method, or a new field that takes an id, fails here until it is said what
holds for it. One server plays the whole matrix.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

import grpc
import pytest
from google.protobuf.message import Message
from tollhouse.v1.account_service_pb2 import AddMemberRequest, UpsertOrganizationRequest
from tollhouse.v1.admin_service_pb2 import CreateEventEndpointRequest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.credits_service_pb2 import GRANT_CATEGORY_PAID, GrantCreditsRequest
from tollhouse.v1.reservation_service_pb2 import ReserveUsageRequest
from tollhouse.v1.subscription_service_pb2 import AssignPlanRequest, SetOverrideRequest

from tests.fakes.stripe.fake import FakeStripe
from tests.rpc.methods import METHODS, Method, item_refusal, places
from tests.support.callers import make_client, make_key, revoke
from tests.support.door import TIMEOUT_SECONDS, Door, Refusal, at, refusal_of, usage
from tests.support.engines import NUMBERS
from tests.support.house import DAY_US, SECOND_US, START_US, Clock, Ids, build_core, close_core
from tests.support.storefront import Storefront, desk_of, price_list, priced, stripe_provider
from tollhoused.domain.keys import Environment, Scope, write_key
from tollhoused.rpc import server as server_module
from tollhoused.rpc.access import ACCESS, Access
from tollhoused.rpc.channel import key_metadata
from tollhoused.rpc.server import GrpcServer
from tollhoused.store import schema
from tollhoused.store.store import open_store
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

MINE, THEIRS = "talk", "send"
RANDOM_KEY = "00000000-0000-7000-8000-000000000000"
SERIAL = count()


def _access(method: Method) -> Access:
    return ACCESS[method.path.removeprefix("/")]


@dataclass
class Gate:
    """A server that asks for keys, two products' clients, and what each has stored."""

    core: Core
    door: Door
    keyring: Keyring
    known: dict[str, dict[str, str]] = field(default_factory=dict)
    """By client: real ids, by the name of the field that takes them."""
    spare: dict[str, str] = field(default_factory=dict)
    """By client: the text of a key that reads and records, for its product."""
    texts: dict[tuple[object, ...], str] = field(default_factory=dict)

    def text(self, *scopes: Scope, products: tuple[str, ...] = (), state: str = "live") -> str:
        """The text of a key with these rights, made when it is first asked for."""
        asked = (scopes, products, state)
        if asked not in self.texts:
            client = f"caller-{next(SERIAL)}"
            make_client(self.core, client)
            ends_us = START_US + 1 if state == "expired" else None
            made = make_key(self.core, client, scopes, products, expires_us=ends_us)
            if state == "revoked":
                revoke(self.core, made.answer.key_id)
            self.texts[asked] = made.text
            self.keyring.refresh()
        return self.texts[asked]

    def call(self, method: Method, request: bytes, text: str) -> "bytes | grpc.RpcError":
        """The answer's bytes, or how the call ended."""
        try:
            return self.door.raw(method.path)(request, timeout=TIMEOUT_SECONDS, metadata=key_metadata(text))
        except grpc.RpcError as error:
            return error

    def refusal(self, method: Method, request: bytes, text: str) -> Refusal | None:
        """Why a call is refused; None where it is not."""
        ended = self.call(method, request, text)
        return refusal_of(ended) if isinstance(ended, grpc.RpcError) else item_refusal(method.path, ended)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    url = f"sqlite:///{tmp_path_factory.mktemp('matrix') / f'books{next(NUMBERS)}.sqlite3'}"
    schema.migrate(url)
    with FakeStripe(now=START_US // SECOND_US) as fake:
        yield from _gates(url, fake)


def _gates(url: str, fake: FakeStripe) -> Iterator[Gate]:
    ids, desk = price_list(fake), desk_of(stripe_provider(fake))
    core = build_core(open_store(url), clock=Clock(), new_id=Ids(), catalogue=priced(ids), desk=desk)
    keyring = Keyring(core.store, Environment.TEST, lambda: START_US + 2, stale_seconds=3_600)
    keyring.refresh()
    server = GrpcServer(core, keyring)
    gate = Gate(core, Door(f"127.0.0.1:{server.start('127.0.0.1:0')}"), keyring)
    _furnish(gate, Storefront(core, gate.door, fake, Clock(), ids))
    yield gate
    gate.door.channel.close()
    server.drain(0, notice_seconds=0)
    close_core(core)


def _furnish(gate: Gate, storefront: Storefront) -> None:
    """For each product: a client with a customer, an operation, a subscription, an override and a spare key.

    Bea has bought a plan.
    """
    for client, user, product in (("talk-backend", "anna", MINE), ("send-backend", "bert", THEIRS)):
        make_client(gate.core, client)
        operator = make_key(gate.core, client)
        own = Door(gate.door.address, operator.text)
        subject = Subject(user_id=user, email=f"{user}@example.test")
        own.make_user(user, subject.email)
        organization = UpsertOrganizationRequest(org_id="acme", idempotency_key="organization-1")
        own.accounts.UpsertOrganization(organization, timeout=TIMEOUT_SECONDS)
        member = AddMemberRequest(user_id=user, org_id="acme", idempotency_key="member-1")
        own.accounts.AddMember(member, timeout=TIMEOUT_SECONDS)
        own.record(usage(user, f"known-{product}", product=product, meter="api_calls"))
        grant = GrantCreditsRequest(
            subject=subject, amount_nanos=1, currency="usd", category=GRANT_CATEGORY_PAID, idempotency_key="grant-1"
        )
        funds = own.credits.GrantCredits(grant, timeout=TIMEOUT_SECONDS)
        reserve = ReserveUsageRequest(
            subject=subject, product=product, meter="api_calls", quantity=1, idempotency_key="reserve-1"
        )
        held = own.reservations.ReserveUsage(reserve, timeout=TIMEOUT_SECONDS)
        assign = AssignPlanRequest(subject=subject, plan="pro", idempotency_key="assign-1")
        plan = own.subscriptions.AssignPlan(assign, timeout=TIMEOUT_SECONDS)
        later = AssignPlanRequest(
            subject=subject,
            plan="team",
            subscription_id=plan.subscription.subscription_id,
            effective_time=at(START_US + 365 * DAY_US),
            idempotency_key="assign-2",
        )
        own.subscriptions.AssignPlan(later, timeout=TIMEOUT_SECONDS)
        override = SetOverrideRequest(subject=subject, meter="api_calls", included=5, idempotency_key="override-1")
        exception = own.subscriptions.SetOverride(override, timeout=TIMEOUT_SECONDS)
        listen = CreateEventEndpointRequest(url="https://hooks.example.test/", idempotency_key="endpoint-1")
        listener = own.admin.CreateEventEndpoint(listen, timeout=TIMEOUT_SECONDS)
        storefront.door = own
        order = storefront.top_up(user).order
        storefront.set_reload(user)
        if product == MINE:
            own.make_user("bea")
            storefront.buy("bea")
        spare = make_key(gate.core, client, [Scope.ENTITLEMENTS_READ, Scope.USAGE_WRITE], [product])
        gate.known[client] = {
            "idempotency_key": f"known-{product}",
            "voided_key": f"known-{product}",
            "subscription_id": plan.subscription.subscription_id,
            "override_id": exception.override.override_id,
            "grant_id": funds.grant.grant_id,
            "order_id": order.order_id,
            "reservation_id": held.reservation.reservation_id,
            "key_id": spare.answer.key_id,
            "endpoint_id": listener.endpoint.endpoint_id,
            "client_id": client,
        }
        own.channel.close()
        revoke(gate.core, operator.answer.key_id)
        gate.spare[client] = spare.text
    gate.keyring.refresh()


def _request(gate: Gate, method: Method, **changes: Any) -> Any:
    """A request that is accepted, if only to be validated: ids that are known, a key that nobody has used."""
    request = type(method.request)()
    request.CopyFrom(method.request)
    mine = gate.known["talk-backend"]
    for place in places(request):
        name = place.field.name
        if name == "idempotency_key":
            place.put(mine[name] if str(method) == "GetOperation" else f"matrix-{next(SERIAL)}")
        elif name in mine and str(method) not in ("AssignPlan", "CreateClient"):
            place.put(mine[name])
        elif name == "validate_only":
            place.put(True)
    for name, value in changes.items():
        setattr(request, name, value)
        if str(method) == "AssignPlan":  # who changes a subscription gives no start
            request.ClearField("start_time")
    return request


def _names_a_product(method: Method) -> bool:
    return any(place.field.name == "product" for place in places(method.request))


def _expected(method: Method, scopes: set[Scope], products: tuple[str, ...]) -> str:
    """What a live key of these rights must hear; "" where the call is its own to make."""
    access = _access(method)
    if access.scope and not {access.scope, Scope.ADMIN} & scopes:
        return "SCOPE_MISSING"
    if products and access.every_product:
        return "PRODUCT_NOT_ALLOWED"
    if not products or MINE in products:
        return ""
    if SOMEBODY_ELSES.get(str(method)) == "reservation_id":
        return "RESERVATION_NOT_FOUND"
    return "PRODUCT_NOT_ALLOWED" if _names_a_product(method) else ""


STATUSES = {
    "KEY_MISSING": "UNAUTHENTICATED",
    "KEY_INVALID": "UNAUTHENTICATED",
    "KEY_REVOKED": "UNAUTHENTICATED",
    "KEY_EXPIRED": "UNAUTHENTICATED",
    "KEY_OF_OTHER_ENVIRONMENT": "UNAUTHENTICATED",
    "SCOPE_MISSING": "PERMISSION_DENIED",
    "PRODUCT_NOT_ALLOWED": "PERMISSION_DENIED",
}
NO_KEYS: dict[str, Callable[[Gate], str]] = {
    "KEY_MISSING": lambda _: "",
    "KEY_INVALID": lambda _: "garbage",
    "KEY_REVOKED": lambda gate: gate.text(Scope.ADMIN, state="revoked"),
    "KEY_EXPIRED": lambda gate: gate.text(Scope.ADMIN, state="expired"),
    "KEY_OF_OTHER_ENVIRONMENT": lambda _: write_key(Environment.LIVE, "key_1", b"secret"),
}


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("reason", NO_KEYS)
def test_what_is_no_key_opens_nothing_and_nothing_is_read(gate: Gate, method: Method, reason: str) -> None:
    for data in (_request(gate, method).SerializeToString(), b"\xff"):
        found = gate.refusal(method, data, NO_KEYS[reason](gate))
        assert found is not None
        assert (found.reason, found.code, found.metadata) == (reason, STATUSES[reason], {})


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize(
    "products", [(), (MINE,), (THEIRS,), (MINE, THEIRS)], ids=lambda found: "+".join(found) or "any"
)
@pytest.mark.parametrize("scope", Scope)
def test_every_method_by_every_scope_and_product(
    gate: Gate, method: Method, scope: Scope, products: tuple[str, ...]
) -> None:
    expected = _expected(method, {scope}, products)
    request = _request(gate, method)
    if str(method) in OF_THEIR_CLIENT:
        # Operations are seen by their own client only, so a key of that client must ask.
        setattr(request, SOMEBODY_ELSES[str(method)], "nothing")
        expected = expected or "OPERATION_NOT_FOUND"

    found = gate.refusal(method, request.SerializeToString(), gate.text(scope, products=products))

    assert (found.reason if found else "") == expected
    if found and found.reason == "SCOPE_MISSING":
        assert found.metadata == {"scope": str(_access(method).scope)}
    if found and expected in STATUSES:
        assert found.code == STATUSES[expected]


def test_every_scope_is_taken_by_some_method_and_none_by_all() -> None:
    scopes = [_access(method).scope for method in METHODS]

    assert set(scopes) == {*Scope, None}


def test_every_method_has_its_row_and_every_row_its_method() -> None:
    assert {method.path.removeprefix("/") for method in METHODS} == ACCESS.keys()


def test_a_method_without_its_row_cannot_be_served(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in ACCESS:
        rows = {name: access for name, access in ACCESS.items() if name != missing}
        monkeypatch.setattr(server_module, "ACCESS", rows)
        with pytest.raises(KeyError, match=missing):
            GrpcServer(gate.core, gate.keyring)


# Fields that take an id. What is somebody else's must be answered as what does not exist; the others say why not.
SOMEBODY_ELSES = {
    "GetOperation": "idempotency_key",
    "VoidUsage": "voided_key",
    "UnassignPlan": "subscription_id",
    "CancelPendingPlanChange": "subscription_id",
    "AssignPlan": "subscription_id",
    "RemoveOverride": "override_id",
    "VoidGrant": "grant_id",
    "ExtendReservation": "reservation_id",
    "CommitReservation": "reservation_id",
    "ReleaseReservation": "reservation_id",
    "GetReservation": "reservation_id",
}
KEYS_OF_MUTATIONS = "idempotency_key"
OF_THEIR_CLIENT = ("GetOperation", "VoidUsage")
OF_NO_PRODUCT = {
    "user_id": "accounts are shared by all products",
    "email": "accounts are shared by all products",
    "org_id": "accounts are shared by all products",
    "account_id": "it says what the caller has, and is not looked up",
    "key_id": "only keys that speak for every product may name it",
    "client_id": "only keys that speak for every product may name it",
    "order_id": "orders are an account's, and those are shared by all products",
    "endpoint_id": "only keys that speak for every product may name it",
}


def _id_fields(method: Method) -> list[str]:
    """Fields that take ids, at any depth."""
    found = []
    for message in _messages(method.request):
        for item in message.DESCRIPTOR.fields:
            if item.name.endswith("_id") or item.name in ("idempotency_key", "voided_key", "email"):
                found.append(item.name)
    return found


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for item, value in message.ListFields():
        if item.message_type is not None and not item.message_type.GetOptions().map_entry:
            for below in value if item.is_repeated else [value]:
                yield from _messages(below)


def test_every_field_that_takes_an_id_is_looked_at_here() -> None:
    for method in METHODS:
        for name in _id_fields(method):
            looked_at = name in OF_NO_PRODUCT or name in (SOMEBODY_ELSES.get(str(method)), KEYS_OF_MUTATIONS)
            assert looked_at, (str(method), name)
            if name in ("key_id", "client_id", "endpoint_id"):
                assert _access(method).every_product, str(method)


def _status_bytes(gate: Gate, method: Method, text: str, name: str, value: str) -> tuple[str, bytes]:
    """The refusal as it is on the wire, the id that was asked about taken out."""
    ended = gate.call(method, _request(gate, method, **{name: value}).SerializeToString(), text)
    assert isinstance(ended, grpc.RpcError), (str(method), name, value)
    call = cast(grpc.Call, ended)
    trailers: Mapping[str, Any] = dict(call.trailing_metadata() or ())
    details: bytes = trailers["grpc-status-details-bin"]
    return f"{call.code()} {call.details()}".replace(value, "ID"), details.replace(value.encode(), b"ID")


@pytest.mark.parametrize("method", [method for method in METHODS if str(method) in SOMEBODY_ELSES], ids=str)
@pytest.mark.parametrize("products", [(), (MINE,)], ids=["any product", "one product"])
def test_what_is_somebody_elses_is_answered_as_what_does_not_exist(
    gate: Gate, method: Method, products: tuple[str, ...]
) -> None:
    name = SOMEBODY_ELSES[str(method)]
    if name == "reservation_id" and not products:
        return  # who speaks for every product may see the reservations of each
    theirs = gate.known["send-backend"][name]
    invented = "0" * len(theirs)
    text = gate.text(_access(method).scope or Scope.USAGE_WRITE, products=products)

    answers = {_status_bytes(gate, method, text, name, value) for value in (theirs, invented)}

    assert len(answers) == 1
    assert str(next(iter(answers))[0]).startswith("StatusCode.NOT_FOUND")


@pytest.mark.parametrize("method", [method for method in METHODS if "idempotency_key" in _id_fields(method)], ids=str)
def test_the_idempotency_keys_of_another_client_are_free(gate: Gate, method: Method) -> None:
    """Nobody can find out by a conflict or a replay what another client has stored."""
    if str(method) == "GetOperation":
        return  # it is among those above
    access = _access(method)
    if str(method) == "VoidUsage":  # which takes an operation of the client itself
        text = gate.spare["talk-backend"]
    else:  # a client of its own: what a stream stores under the key would be in the way of the next method
        client = f"caller-{next(SERIAL)}"
        make_client(gate.core, client)
        products = () if access.every_product else (MINE,)
        text = make_key(gate.core, client, [access.scope or Scope.ADMIN], products).text
        gate.keyring.refresh()
    request = _request(gate, method)
    for place in places(request):
        if place.field.name == "idempotency_key":
            place.put(gate.known["send-backend"]["idempotency_key"])

    assert gate.refusal(method, request.SerializeToString(), text) is None


@pytest.mark.parametrize("method", [method for method in METHODS if str(method) in OF_THEIR_CLIENT], ids=str)
def test_an_operation_is_found_by_its_client_for_its_product_alone(gate: Gate, method: Method) -> None:
    others = make_key(gate.core, "talk-backend", [Scope.USAGE_WRITE], [THEIRS])
    known = _request(gate, method).SerializeToString()
    unknown = _request(gate, method, **{SOMEBODY_ELSES[str(method)]: RANDOM_KEY}).SerializeToString()

    assert gate.refusal(method, known, gate.spare["talk-backend"]) is None
    answers = [gate.refusal(method, data, others.text) for data in (known, unknown)]
    revoke(gate.core, others.answer.key_id)

    assert answers[0] == answers[1]
    assert answers[0] is not None
    assert answers[0].reason == "OPERATION_NOT_FOUND"

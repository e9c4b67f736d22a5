"""AdminService over the socket: who may call, made and ended by who may do everything, and written down."""

from dataclasses import dataclass

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import admin_service_pb2 as pb
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest
from tollhouse.v1.usage_service_pb2 import OPERATION_KIND_CREATE_KEY, GetOperationRequest

from tests.support.callers import make_client, make_key
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, at, micros, refusal
from tests.support.house import DAY_US, SECOND_US, START_US, Clock, CoreMaker
from tollhoused.cli.pulse import Pulse
from tollhoused.domain.keys import Environment, Scope
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring

ASK = GetEntitlementRequest(subject=Subject(user_id="anna"))
READ = [pb.SCOPE_ENTITLEMENTS_READ]


@dataclass
class Replica:
    """One server with its keyring, and how it is kept fresh."""

    door: Door
    keyring: Keyring
    pulse: Pulse

    def reason(self, text: str) -> str:
        """Why a key is refused here; SUBJECT_NOT_FOUND where it opens, for there is no anna."""
        return refusal(self.door.entitlements.GetEntitlement, ASK, metadata=[("x-api-key", text)]).reason


@pytest.fixture
def operator_key(core: Core) -> str:
    make_client(core, "operator")
    return make_key(core, "operator").text


def _replica(core: Core, serve: ServerMaker, key: str) -> Replica:
    keyring = Keyring(core.store, Environment.TEST, core.clock, stale_seconds=3_600)
    keyring.refresh()
    server, door = serve(core, keyring=keyring, key=key)
    return Replica(door, keyring, Pulse(core, server.health.report, keyring))


@pytest.fixture
def replica(core: Core, serve: ServerMaker, operator_key: str) -> Replica:
    """A server that asks for keys; calls of its door carry an operator's."""
    return _replica(core, serve, operator_key)


@pytest.fixture
def door(replica: Replica) -> Door:
    """The operator's door, with the client `talk-backend`."""
    request = pb.CreateClientRequest(client_id="talk-backend", name="Talk", idempotency_key="client")
    replica.door.admin.CreateClient(request, timeout=TIMEOUT_SECONDS)
    return replica.door


def _make(door: Door, key: str, **more: object) -> pb.CreateKeyResponse:
    fields: dict[str, object] = {"client_id": "talk-backend", "scopes": READ, "idempotency_key": key}
    return door.admin.CreateKey(pb.CreateKeyRequest(**fields | more), timeout=TIMEOUT_SECONDS)  # type: ignore[arg-type]


def test_a_client_and_its_keys_are_made_and_listed(door: Door, clock: Clock) -> None:
    first = _make(door, "k", products=["talk", "doc"], may_create=True, expire_time=at(START_US + DAY_US))
    second = _make(door, "l", scopes=[pb.SCOPE_ADMIN])

    assert first.key == pb.Key(
        key_id=first.key.key_id,
        client_id="talk-backend",
        scopes=READ,
        products=["doc", "talk"],
        environment=pb.ENVIRONMENT_TEST,
        may_create=True,
        create_time=at(START_US),
        expire_time=at(START_US + DAY_US),
    )
    assert first.text.startswith("tollhouse_test_")
    assert not first.replayed
    assert (list(second.key.products), second.key.HasField("expire_time")) == ([], False)
    listed = door.admin.ListKeys(pb.ListKeysRequest(client_id="talk-backend"), timeout=TIMEOUT_SECONDS).keys
    assert list(listed) == [first.key, second.key]
    clients = door.admin.ListClients(pb.ListClientsRequest(), timeout=TIMEOUT_SECONDS).clients
    assert [(client.client_id, client.name) for client in clients] == [
        ("operator", "operator"),
        ("talk-backend", "Talk"),
    ]
    assert micros(clients[1].create_time) == START_US


def test_a_key_opens_what_it_was_made_for_at_once(replica: Replica, door: Door) -> None:
    made = _make(door, "k")

    assert replica.reason(made.text) == "SUBJECT_NOT_FOUND"
    bearer = Door(door.address, made.text)
    found = refusal(bearer.admin.ListKeys, pb.ListKeysRequest())
    bearer.channel.close()
    assert (found.reason, found.metadata) == ("SCOPE_MISSING", {"scope": "admin"})


def test_a_text_is_answered_once(door: Door) -> None:
    made = _make(door, "k")
    again = _make(door, "k")
    tried = _make(door, "tried", validate_only=True)

    assert (again.text, again.replayed, again.key) == ("", True, made.key)
    assert (tried.text, tried.replayed) == ("", False)
    stored = door.usage.GetOperation(GetOperationRequest(idempotency_key="k"), timeout=TIMEOUT_SECONDS).operation
    assert (stored.kind, stored.create_key.key, stored.create_key.text) == (OPERATION_KIND_CREATE_KEY, made.key, "")


def test_a_rotation_serves_both_keys_for_the_overlap_and_no_call_fails(
    replica: Replica, door: Door, clock: Clock
) -> None:
    old = _make(door, "k")
    request = pb.RotateKeyRequest(key_id=old.key.key_id, idempotency_key="r")
    request.overlap.CopyFrom(Duration(seconds=1, nanos=500_000_000))

    new = door.admin.RotateKey(request, timeout=TIMEOUT_SECONDS)

    assert [replica.reason(text) for text in (old.text, new.text)] == ["SUBJECT_NOT_FOUND"] * 2
    replica.pulse.beat()
    clock.now_us += 1_499_999
    assert replica.reason(old.text) == "SUBJECT_NOT_FOUND"
    clock.now_us += 1
    assert [replica.reason(text) for text in (old.text, new.text)] == ["KEY_EXPIRED", "SUBJECT_NOT_FOUND"]
    again = door.admin.RotateKey(request, timeout=TIMEOUT_SECONDS)
    assert (again.text, again.replayed, again.key) == ("", True, new.key)


def test_an_overlap_is_a_day_unless_told_otherwise(door: Door) -> None:
    old = _make(door, "k")
    request = pb.RotateKeyRequest(key_id=old.key.key_id, idempotency_key="r")
    door.admin.RotateKey(request, timeout=TIMEOUT_SECONDS)

    (listed, _) = door.admin.ListKeys(pb.ListKeysRequest(client_id="talk-backend"), timeout=TIMEOUT_SECONDS).keys
    assert micros(listed.expire_time) == START_US + DAY_US
    request.overlap.CopyFrom(Duration(seconds=5))
    assert refusal(door.admin.RotateKey, request).metadata == {"field": "overlap"}


def test_a_revocation_is_in_force_at_another_replica_after_its_next_beat(
    replica: Replica, door: Door, database_url: str, make_core: CoreMaker, serve: ServerMaker, operator_key: str
) -> None:
    other = _replica(make_core(database_url), serve, operator_key)
    made = _make(door, "k")
    assert other.reason(made.text) == "SUBJECT_NOT_FOUND"

    request = pb.RevokeKeyRequest(key_id=made.key.key_id, idempotency_key="e")
    ended = door.admin.RevokeKey(request, timeout=TIMEOUT_SECONDS)
    replica.pulse.beat()
    other.pulse.beat()

    assert micros(ended.key.revoke_time) == START_US
    assert [each.reason(made.text) for each in (replica, other)] == ["KEY_REVOKED"] * 2


def test_when_a_key_was_used_last_is_noted_after_a_beat(replica: Replica, door: Door, core: Core, clock: Clock) -> None:
    made = _make(door, "k")
    clock.now_us += 7 * SECOND_US
    replica.reason(made.text)

    replica.pulse.beat()
    core.journal.close()  # finishes what was accepted

    (listed,) = door.admin.ListKeys(pb.ListKeysRequest(client_id="talk-backend"), timeout=TIMEOUT_SECONDS).keys
    assert micros(listed.last_use_time) == START_US + 7 * SECOND_US


def test_who_is_limited_to_products_makes_no_keys(core: Core, door: Door) -> None:
    limited = Door(door.address, make_key(core, "talk-backend", [Scope.ADMIN], ["talk"]).text)

    for method, request in (
        (limited.admin.CreateKey, pb.CreateKeyRequest(client_id="talk-backend", scopes=READ, idempotency_key="k")),
        (limited.admin.ListKeys, pb.ListKeysRequest()),
        (limited.admin.ListAuditEntries, pb.ListAuditEntriesRequest()),
    ):
        found = refusal(method, request)
        assert (found.code, found.reason, found.metadata) == ("PERMISSION_DENIED", "PRODUCT_NOT_ALLOWED", {})
    assert limited.make_user("anna").created
    limited.channel.close()


def test_the_audit_log_is_listed_newest_first_page_by_page(door: Door, clock: Clock) -> None:
    clock.now_us += SECOND_US
    made = _make(door, "k")
    door.make_user("anna", "anna@example.test")
    clock.now_us += SECOND_US
    door.fund("anna", 5)

    pages: list[list[pb.AuditEntry]] = []
    token = ""
    while not pages or token:
        request = pb.ListAuditEntriesRequest(page_size=2, page_token=token)
        answer = door.admin.ListAuditEntries(request, timeout=TIMEOUT_SECONDS)
        pages.append(list(answer.entries))
        token = answer.next_page_token

    assert [len(page) for page in pages] == [2, 2, 2, 1]
    entries = [entry for page in pages for entry in page]
    assert [(entry.action, entry.client_id) for entry in entries] == [
        ("grant_credits", "operator"),
        ("create_key", "operator"),
        ("upsert_user", "operator"),
        ("apply_catalogue", "cli"),
        ("create_client", "local"),
        ("create_key", "local"),
        ("create_client", "operator"),
    ]
    assert entries[0].account_id.startswith("acct_")
    assert [entry.account_id for entry in entries if entry.action == "create_key"] == ["", ""]
    assert [micros(entry.record_time) - START_US for entry in entries[:3]] == [2 * SECOND_US, SECOND_US, SECOND_US]
    assert made.text not in repr(entries)
    assert "example.test" not in repr([entry.detail for entry in entries])
    assert '"scopes":["entitlements.read"]' in entries[1].detail


def test_the_audit_log_is_asked_about_a_time(door: Door, clock: Clock) -> None:
    clock.now_us += DAY_US
    _make(door, "k")
    request = pb.ListAuditEntriesRequest(start_time=at(START_US + DAY_US), end_time=at(START_US + DAY_US + 1))

    (entry,) = door.admin.ListAuditEntries(request, timeout=TIMEOUT_SECONDS).entries

    assert (entry.action, entry.idempotency_key, entry.record_time) == ("create_key", "k", at(START_US + DAY_US))
    request.end_time.CopyFrom(Timestamp(seconds=0))
    assert refusal(door.admin.ListAuditEntries, request).violations.keys() == {"start_time"}


def test_an_event_endpoint_is_made_rotated_and_deleted(door: Door) -> None:
    asked = pb.CreateEventEndpointRequest(
        url="https://hooks.example.test/", kinds=["credits.low"], idempotency_key="endpoint"
    )
    made = door.admin.CreateEventEndpoint(asked, timeout=TIMEOUT_SECONDS)
    again = door.admin.CreateEventEndpoint(asked, timeout=TIMEOUT_SECONDS)
    assert made.secret.startswith("whsec_")
    assert (again.endpoint, again.secret, again.replayed) == (made.endpoint, "", True)

    id_ = made.endpoint.endpoint_id
    rotate = pb.RotateEventEndpointRequest(endpoint_id=id_, idempotency_key="rotate-endpoint")
    rotated = door.admin.RotateEventEndpoint(rotate, timeout=TIMEOUT_SECONDS)
    listed = door.admin.ListEventEndpoints(pb.ListEventEndpointsRequest(), timeout=TIMEOUT_SECONDS)
    assert rotated.secret not in ("", made.secret)
    assert list(listed.endpoints) == [rotated.endpoint]

    delete = pb.DeleteEventEndpointRequest(endpoint_id=id_, idempotency_key="delete-endpoint")
    deleted = door.admin.DeleteEventEndpoint(delete, timeout=TIMEOUT_SECONDS)
    assert deleted.endpoint.HasField("delete_time")
    rotate.idempotency_key = "rotate-again"
    found = refusal(door.admin.RotateEventEndpoint, rotate)
    assert (found.code, found.reason, found.metadata) == ("NOT_FOUND", "ENDPOINT_NOT_FOUND", {"endpoint_id": id_})

"""From stored answers to the responses of AdminService: clients and keys, never a secret, and the test clock."""

from collections.abc import Mapping

from tollhouse.v1 import admin_service_pb2 as admin_pb

from tollhoused.domain.answers import Answer, ClientAnswer, ClockAnswer, EndpointAnswer, KeyAnswer
from tollhoused.domain.keys import Environment, Key, Scope
from tollhoused.domain.registry import key_answer
from tollhoused.rpc import encode

SCOPES: Mapping[str, admin_pb.Scope] = {
    Scope.ENTITLEMENTS_READ.value: admin_pb.SCOPE_ENTITLEMENTS_READ,
    Scope.USAGE_WRITE.value: admin_pb.SCOPE_USAGE_WRITE,
    Scope.CREDITS_WRITE.value: admin_pb.SCOPE_CREDITS_WRITE,
    Scope.ADMIN.value: admin_pb.SCOPE_ADMIN,
}
ENVIRONMENTS: Mapping[str, admin_pb.Environment] = {
    Environment.TEST.value: admin_pb.ENVIRONMENT_TEST,
    Environment.LIVE.value: admin_pb.ENVIRONMENT_LIVE,
}


def create_client(answer: Answer, replayed: bool) -> admin_pb.CreateClientResponse:
    """The client that was made."""
    assert isinstance(answer, ClientAnswer)
    made = client(answer.client_id, answer.name, answer.created_us)
    return admin_pb.CreateClientResponse(client=made, replayed=replayed)


def create_key(answer: Answer, replayed: bool) -> admin_pb.CreateKeyResponse:
    """The key that was made, without its text."""
    return admin_pb.CreateKeyResponse(key=_key(answer), replayed=replayed)


def rotate_key(answer: Answer, replayed: bool) -> admin_pb.RotateKeyResponse:
    """The key that follows another, without its text."""
    return admin_pb.RotateKeyResponse(key=_key(answer), replayed=replayed)


def revoke_key(answer: Answer, replayed: bool) -> admin_pb.RevokeKeyResponse:
    """The key that ended."""
    return admin_pb.RevokeKeyResponse(key=_key(answer), replayed=replayed)


def advance_test_clock(answer: Answer, replayed: bool) -> admin_pb.AdvanceTestClockResponse:
    """The test clock as it was after it was moved."""
    assert isinstance(answer, ClockAnswer)
    return admin_pb.AdvanceTestClockResponse(clock=test_clock(answer.now_us, answer.offset_us), replayed=replayed)


def test_clock(now_us: int, offset_us: int) -> admin_pb.TestClock:
    """The clock of the test environment."""
    return admin_pb.TestClock(now_time=encode.timestamp(now_us), ahead=encode.duration(offset_us))


def client(client_id: str, name: str, created_us: int) -> admin_pb.Client:
    """A program that calls."""
    return admin_pb.Client(client_id=client_id, name=name, create_time=encode.timestamp(created_us))


def listed_key(key: Key) -> admin_pb.Key:
    """A key with the last time it was used."""
    shown = _key(key_answer(key))
    if key.last_used_us is not None:
        shown.last_use_time.CopyFrom(encode.timestamp(key.last_used_us))
    return shown


def _key(answer: Answer) -> admin_pb.Key:
    assert isinstance(answer, KeyAnswer)
    return admin_pb.Key(
        key_id=answer.key_id,
        client_id=answer.client_id,
        scopes=[SCOPES[scope] for scope in answer.scopes],
        products=answer.products,
        environment=ENVIRONMENTS[answer.environment],
        may_create=answer.may_create,
        create_time=encode.timestamp(answer.created_us),
        expire_time=encode.optional_timestamp(answer.expires_us),
        revoke_time=encode.optional_timestamp(answer.revoked_us),
    )


def event_endpoint(answer: Answer) -> admin_pb.EventEndpoint:
    """An endpoint, without its secrets."""
    assert isinstance(answer, EndpointAnswer)
    return admin_pb.EventEndpoint(
        endpoint_id=answer.endpoint_id,
        url=answer.url,
        kinds=answer.kinds,
        create_time=encode.timestamp(answer.created_us),
        delete_time=encode.optional_timestamp(answer.deleted_us),
        previous_secret_end_time=encode.optional_timestamp(answer.previous_until_us),
    )


def create_event_endpoint(answer: Answer, replayed: bool) -> admin_pb.CreateEventEndpointResponse:
    """The endpoint that was made, without its secret."""
    return admin_pb.CreateEventEndpointResponse(endpoint=event_endpoint(answer), replayed=replayed)


def rotate_event_endpoint(answer: Answer, replayed: bool) -> admin_pb.RotateEventEndpointResponse:
    """The endpoint whose secret was replaced, without it."""
    return admin_pb.RotateEventEndpointResponse(endpoint=event_endpoint(answer), replayed=replayed)


def delete_event_endpoint(answer: Answer, replayed: bool) -> admin_pb.DeleteEventEndpointResponse:
    """The endpoint that was deleted."""
    return admin_pb.DeleteEventEndpointResponse(endpoint=event_endpoint(answer), replayed=replayed)

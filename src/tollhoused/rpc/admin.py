"""AdminService: clients, their keys, and the log of administrative acts."""

from collections.abc import Mapping

from tollhouse.v1 import admin_service_pb2 as pb

from tollhoused.domain.endpoints import endpoint_answer
from tollhoused.domain.keys import Scope
from tollhoused.rpc import admin_answers, decode, encode
from tollhoused.usecases import endpoints, pages, registry, testing_time
from tollhoused.usecases.core import Call, Core

SCOPES: Mapping[int, Scope] = {
    pb.SCOPE_ENTITLEMENTS_READ: Scope.ENTITLEMENTS_READ,
    pb.SCOPE_USAGE_WRITE: Scope.USAGE_WRITE,
    pb.SCOPE_CREDITS_WRITE: Scope.CREDITS_WRITE,
    pb.SCOPE_ADMIN: Scope.ADMIN,
}


class AdminServicer:
    """The methods of the service."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def CreateClient(self, request: pb.CreateClientRequest, call: Call) -> pb.CreateClientResponse:
        settled = registry.create_client(
            self._core,
            call,
            client_id=request.client_id,
            name=request.name,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return admin_answers.create_client(settled.answer, settled.replayed)

    def ListClients(self, request: pb.ListClientsRequest, call: Call) -> pb.ListClientsResponse:
        found = registry.list_clients(self._core)
        return pb.ListClientsResponse(
            clients=[admin_answers.client(item.id, item.name, item.created_us) for item in found]
        )

    def CreateKey(self, request: pb.CreateKeyRequest, call: Call) -> pb.CreateKeyResponse:
        made = registry.create_key(
            self._core,
            call,
            client_id=request.client_id,
            scopes=[decode.known(f"scopes[{index}]", SCOPES, scope) for index, scope in enumerate(request.scopes)],
            products=list(request.products),
            may_create=request.may_create,
            expires_us=decode.given_instant(request, "expire_time"),
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        response = admin_answers.create_key(made.answer, made.replayed)
        response.text = made.text
        return response

    def ListKeys(self, request: pb.ListKeysRequest, call: Call) -> pb.ListKeysResponse:
        found = registry.list_keys(self._core, request.client_id)
        return pb.ListKeysResponse(keys=[admin_answers.listed_key(key) for key in found])

    def RotateKey(self, request: pb.RotateKeyRequest, call: Call) -> pb.RotateKeyResponse:
        made = registry.rotate_key(
            self._core,
            call,
            key_id=request.key_id,
            overlap_us=decode.given_duration(request, "overlap"),
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        response = admin_answers.rotate_key(made.answer, made.replayed)
        response.text = made.text
        return response

    def RevokeKey(self, request: pb.RevokeKeyRequest, call: Call) -> pb.RevokeKeyResponse:
        settled = registry.revoke_key(
            self._core,
            call,
            key_id=request.key_id,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return admin_answers.revoke_key(settled.answer, settled.replayed)

    def GetTestClock(self, request: pb.GetTestClockRequest, call: Call) -> pb.GetTestClockResponse:
        state = testing_time.get_test_clock(self._core)
        return pb.GetTestClockResponse(clock=admin_answers.test_clock(state.now_us, state.offset_us))

    def AdvanceTestClock(self, request: pb.AdvanceTestClockRequest, call: Call) -> pb.AdvanceTestClockResponse:
        settled = testing_time.advance_test_clock(
            self._core,
            call,
            to_us=decode.given_instant(request, "to_time"),
            by_us=decode.given_duration(request, "by"),
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return admin_answers.advance_test_clock(settled.answer, settled.replayed)

    def CreateEventEndpoint(self, request: pb.CreateEventEndpointRequest, call: Call) -> pb.CreateEventEndpointResponse:
        made = endpoints.create(
            self._core,
            call,
            url=request.url,
            kinds=list(request.kinds),
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        response = admin_answers.create_event_endpoint(made.answer, made.replayed)
        response.secret = made.secret
        return response

    def ListEventEndpoints(self, request: pb.ListEventEndpointsRequest, call: Call) -> pb.ListEventEndpointsResponse:
        found = endpoints.list_endpoints(self._core)
        return pb.ListEventEndpointsResponse(
            endpoints=[admin_answers.event_endpoint(endpoint_answer(endpoint)) for endpoint in found]
        )

    def RotateEventEndpoint(self, request: pb.RotateEventEndpointRequest, call: Call) -> pb.RotateEventEndpointResponse:
        made = endpoints.rotate(
            self._core,
            call,
            endpoint_id=request.endpoint_id,
            overlap_us=decode.given_duration(request, "overlap"),
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        response = admin_answers.rotate_event_endpoint(made.answer, made.replayed)
        response.secret = made.secret
        return response

    def DeleteEventEndpoint(self, request: pb.DeleteEventEndpointRequest, call: Call) -> pb.DeleteEventEndpointResponse:
        settled = endpoints.delete(
            self._core,
            call,
            endpoint_id=request.endpoint_id,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return admin_answers.delete_event_endpoint(settled.answer, settled.replayed)

    def ListAuditEntries(self, request: pb.ListAuditEntriesRequest, call: Call) -> pb.ListAuditEntriesResponse:
        entries, token = registry.list_audit(
            self._core,
            decode.time_range(request, self._core.clock()),
            pages.page_size(request.page_size),
            request.page_token,
        )
        return pb.ListAuditEntriesResponse(
            entries=[
                pb.AuditEntry(
                    record_time=encode.timestamp(entry.at_us),
                    client_id=entry.client,
                    idempotency_key=entry.idempotency_key,
                    action=entry.action,
                    account_id=entry.account_id,
                    detail=entry.detail,
                )
                for entry in entries
            ],
            next_page_token=token,
        )

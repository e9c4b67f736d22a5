"""What commands ask a server about usage events that were sent before."""

from types import TracebackType
from typing import Self

import grpc
from tollhouse.v1 import usage_service_pb2 as pb

from tollhoused.rpc.channel import CallFailed, Target, connect
from tollhoused.rpc.client import KEY_CODES, refused
from tollhoused.rpc.decode import instant

OPERATION_METHOD = "/tollhouse.v1.UsageService/GetOperation"
DEADLINE_SECONDS = 10.0


class StoredTimes:
    """Looks up the event times under which keys were stored."""

    def __init__(self, target: Target) -> None:
        self._metadata = target.metadata
        self._channel = connect(target)
        self._get = self._channel.unary_unary(
            OPERATION_METHOD,
            request_serializer=pb.GetOperationRequest.SerializeToString,
            response_deserializer=pb.GetOperationResponse.FromString,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def find(self, idempotency_key: str) -> int | None:
        """When the usage event of this key counts, in microseconds; None where nothing is stored under it.

        Raises CallFailed when the server does not answer, or refuses the API key.
        """
        request = pb.GetOperationRequest(idempotency_key=idempotency_key)
        try:
            found = self._get(request, timeout=DEADLINE_SECONDS, wait_for_ready=True, metadata=self._metadata)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            if error.code() in KEY_CODES:
                raise refused(error) from error
            raise CallFailed(f"the server does not answer: {error.code().name}, {error.details()}") from error
        return instant("event_time", found.operation.event_time)

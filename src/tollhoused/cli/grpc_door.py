"""The gRPC door of a server, or none where only HTTP is served: both know whether calls can be answered."""

import grpc

from tollhoused.addresses import Address
from tollhoused.cli.telemetry import Telemetry
from tollhoused.rpc.server import NOTICE_SECONDS, GrpcServer
from tollhoused.settings import Settings
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.throttle import Throttle


class NoDoor:
    """No gRPC port: readiness is kept for the HTTP door alone."""

    def __init__(self) -> None:
        self.is_open = False
        """Whether it serves, and is to be closed gently."""
        self._serving = False

    def serving(self) -> bool:
        """Whether calls can be answered, as far as was reported."""
        return self._serving

    def report(self, serving: bool) -> None:
        """Says whether calls can be answered now."""
        self._serving = serving

    def open(self) -> str:
        """Serves; says where, which is nowhere here."""
        return ""

    def close(self, grace_seconds: float) -> None:
        """Serves no more; calls that are under way have so long to end."""
        self._serving = False


class GrpcDoor(NoDoor):
    """A gRPC server with what its settings say."""

    def __init__(
        self,
        core: Core,
        settings: Settings,
        keyring: Keyring | None,
        credentials: grpc.ServerCredentials | None,
        seen: Telemetry,
        *,
        shares_port: bool,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._credentials = credentials
        self._server = GrpcServer(
            core,
            keyring,
            throttle=Throttle(settings.items_per_minute, settings.replicas) if keyring else None,
            calls_max=settings.calls_max,
            reflection=settings.reflection,
            observer=seen.calls,
            tracing=seen.tracing,
            shares_port=shares_port,
        )

    def serving(self) -> bool:
        return self._server.health.serving

    def report(self, serving: bool) -> None:
        self._server.health.report(serving)

    def open(self) -> str:
        port = self._server.start(self._settings.listen, self._credentials)
        if self._settings.health_listen:
            self._server.start_probed(self._settings.health_listen)
        return str(Address(self._settings.listen_address.host, port))

    def close(self, grace_seconds: float) -> None:
        self._server.drain(grace_seconds, NOTICE_SECONDS if self.is_open else 0.0)

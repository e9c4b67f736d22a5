"""How commands reach a server: its address, with TLS or without, and the key that they show. Needs no other layer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import DESCRIPTOR, HealthCheckRequest, HealthCheckResponse

from tollhoused.addresses import SettingsError, parse_address
from tollhoused.errors import Reported
from tollhoused.rpc.tls import check_authorities, check_pair, contents
from tollhoused.settings import Settings

HEALTH_SERVICE = DESCRIPTOR.services_by_name["Health"].full_name


class CallFailed(Reported):
    """The server could not be reached, or did not do what was asked of it; the message says which."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server. Without `credentials` it is reached in plain text; then an API key goes to this machine only."""

    address: str
    api_key: str = field(default="", repr=False)
    credentials: grpc.ChannelCredentials | None = None

    def __post_init__(self) -> None:
        """Raises SettingsError where the key would travel in plain text."""
        if self.api_key and not self.credentials and not parse_address("address", self.address).is_loopback:
            raise SettingsError(
                f"api_key: would travel to {self.address} in plain text: set tls_ca, or tls, to reach it with TLS"
            )

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a call carries to say who calls; nothing without a key."""
        return key_metadata(self.api_key)


def target_of(settings: Settings, *, shows_key: bool = True) -> Target:
    """The server that the settings name. Raises SettingsError for files that cannot be read."""
    credentials = _credentials(settings) if settings.uses_tls else None
    return Target(settings.address, settings.api_key if shows_key else "", credentials)


def _credentials(settings: Settings) -> grpc.ChannelCredentials:
    authorities, key, cert = (
        contents(name, Path(path)) if (path := getattr(settings, name)) else None
        for name in ("tls_ca", "tls_client_key", "tls_client_cert")
    )
    if authorities:
        check_authorities("tls_ca", settings.tls_ca)
    if cert:
        check_pair("tls_client_cert, tls_client_key", settings.tls_client_cert, settings.tls_client_key)
    return grpc.ssl_channel_credentials(authorities, key, cert)


def key_metadata(api_key: str) -> tuple[tuple[str, str], ...]:
    """What a call carries to show this key; nothing without one."""
    return (("authorization", f"Bearer {api_key}"),) if api_key else ()


def connect(target: Target, options: Sequence[tuple[str, str | int]] = ()) -> grpc.Channel:
    """A channel to the server. Connects when first used; close it."""
    if target.credentials is None:
        return grpc.insecure_channel(target.address, options)
    return grpc.secure_channel(target.address, target.credentials, options)


def check_health(target: Target, service: str = "", timeout_seconds: float = 5.0) -> bool:
    """Whether the server says that it serves. Raises CallFailed when it cannot be asked or has no such service."""
    with connect(target) as channel:
        check = channel.unary_unary(
            f"/{HEALTH_SERVICE}/Check",
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        try:
            answer = check(HealthCheckRequest(service=service), timeout=timeout_seconds)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise CallFailed(f"{target.address} does not know the service {service}") from None
            raise CallFailed(f"{target.address} does not answer: {error.code().name}, {error.details()}") from None
    return bool(answer.status == HealthCheckResponse.SERVING)

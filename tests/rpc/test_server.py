"""The server itself: where it listens, how it ends, what it refuses before any method."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.rpc.methods import METHODS
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, refusal, usage
from tests.support.house import CoreMaker
from tollhoused.addresses import SettingsError
from tollhoused.rpc.server import METADATA_BYTES_MAX, AddressError, GrpcServer, check_listen
from tollhoused.usecases import usage as usage_cases
from tollhoused.usecases.core import Core


@pytest.fixture
def core(sqlite_url: str, make_core: CoreMaker) -> Core:
    return make_core(sqlite_url)


@pytest.mark.parametrize("address", ["127.0.0.1:50051", "127.0.0.7:1", "[::1]:50051", "localhost:0"])
def test_addresses_of_this_machine_alone_are_accepted(address: str) -> None:
    check_listen(address, secured=False, asks_for_keys=False)


@pytest.mark.parametrize("address", ["0.0.0.0:50051", "[::]:50051", "192.0.2.1:50051", "example.test:50051", "[::2]:1"])
def test_an_address_that_others_can_reach_takes_tls_and_keys(address: str) -> None:
    check_listen(address, secured=True, asks_for_keys=True)
    with pytest.raises(AddressError, match=r"set tls_cert and tls_key, or listen on 127\.0\.0\.1"):
        check_listen(address, secured=False, asks_for_keys=True)
    for secured in (False, True):
        with pytest.raises(AddressError, match=r"ask for keys, or listen on 127\.0\.0\.1"):
            check_listen(address, secured=secured, asks_for_keys=False)


def test_a_server_without_keys_opens_no_door_to_others(core: Core) -> None:
    with pytest.raises(AddressError, match="other machines"):
        GrpcServer(core, None).start("0.0.0.0:0")


@pytest.mark.parametrize("address", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "::1:50051", "unix:/tmp/x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="listen"):
        check_listen(address, secured=False, asks_for_keys=False)


def test_a_port_has_one_owner(core: Core, door: Door) -> None:
    with pytest.raises(AddressError, match=f"cannot listen on {door.address}"):
        GrpcServer(core, None).start(door.address)

    door.make_user("anna")


def test_a_method_that_does_not_exist_is_unimplemented(door: Door) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        door.raw("/tollhouse.v1.UsageService/Nothing")(b"", timeout=TIMEOUT_SECONDS)

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_message_of_more_than_four_mebibytes_is_refused(door: Door) -> None:
    found = refusal(door.raw("/tollhouse.v1.UsageService/RecordUsage"), b"\0" * (4 * 1024 * 1024 + 1))

    assert found.code == "RESOURCE_EXHAUSTED"


def test_a_call_with_too_much_metadata_is_refused_and_harms_nobody(door: Door) -> None:
    door.make_user("anna")
    largest = METADATA_BYTES_MAX - 1_024  # the library's own entries need some of it

    for number in range(5):
        request = usage("anna", f"call-{number}", meter="api_calls")
        other = door.usage.RecordUsage.future(request, timeout=TIMEOUT_SECONDS)
        metadata = (("x-note", "x" * METADATA_BYTES_MAX),)
        found = refusal(door.usage.RecordUsage, usage("anna", "large"), metadata=metadata)
        assert (found.code, other.result().quantity) == ("RESOURCE_EXHAUSTED", 1)
        assert "metadata size exceeds" in found.message
    metadata = (("x-note", "x" * largest),)
    assert not door.usage.RecordUsage(usage("anna", "large"), timeout=TIMEOUT_SECONDS, metadata=metadata).replayed


def test_who_pings_all_the_time_is_sent_away_and_nobody_else(core: Core, door: Door) -> None:
    restless = grpc.insecure_channel(
        door.address,
        [
            ("grpc.keepalive_time_ms", 100),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )
    quiet = door.watch()
    assert next(quiet).status == HealthCheckResponse.SERVING
    watch: Any = restless.unary_stream(
        "/grpc.health.v1.Health/Watch", response_deserializer=HealthCheckResponse.FromString
    )

    with pytest.raises(grpc.RpcError, match="Too many pings"):
        list(watch(b"", timeout=TIMEOUT_SECONDS))

    assert door.make_user("anna").created
    assert quiet.is_active()
    quiet.cancel()
    restless.close()


def test_reflection_shows_the_contract_when_it_is_wanted(core: Core, serve: ServerMaker) -> None:
    _, door = serve(core, reflection=True)

    shown = ProtoReflectionDescriptorDatabase(door.channel)

    ours = {method.path.split("/")[1] for method in METHODS}
    assert set(shown.get_services()) == ours | {
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_reflection_is_not_there_by_default(door: Door) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ProtoReflectionDescriptorDatabase(door.channel).get_services()

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_drain_tells_health_first_and_finishes_what_is_under_way(
    core: Core, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, door = serve(core)
    door.make_user("anna")
    arrived, allowed = threading.Event(), threading.Event()
    record = usage_cases.record

    def stall(*arguments: object) -> object:
        arrived.set()
        allowed.wait(TIMEOUT_SECONDS)
        return record(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(usage_cases, "record", stall)
    watch = door.watch()
    assert next(watch).status == HealthCheckResponse.SERVING
    under_way = door.usage.RecordUsage.future(usage("anna", "call-1"), timeout=TIMEOUT_SECONDS)
    assert arrived.wait(TIMEOUT_SECONDS)

    with ThreadPoolExecutor(1) as drainer:
        drained = drainer.submit(server.drain, TIMEOUT_SECONDS, notice_seconds=1.0)
        assert next(watch).status == HealthCheckResponse.NOT_SERVING
        late = door.make_user("bert")
        assert list(watch) == []  # its end: from here on the server takes no more
        server.health.report(True)
        allowed.set()
        drained.result(TIMEOUT_SECONDS)

    assert late.created
    assert under_way.result().new_usage == 1
    assert refusal(door.usage.RecordUsage, usage("anna", "call-2"), timeout=1).code == "UNAVAILABLE"


def test_a_drain_cancels_what_does_not_end_in_time(
    core: Core, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, door = serve(core)
    arrived, allowed = threading.Event(), threading.Event()

    def stall(*_: object) -> None:
        arrived.set()
        allowed.wait(TIMEOUT_SECONDS)

    monkeypatch.setattr(usage_cases, "record", stall)
    under_way = door.usage.RecordUsage.future(usage("anna", "call-1"), timeout=TIMEOUT_SECONDS)
    assert arrived.wait(TIMEOUT_SECONDS)
    begun = time.monotonic()

    server.drain(grace_seconds=0.2, notice_seconds=0)

    assert time.monotonic() - begun < 5
    assert under_way.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
    allowed.set()

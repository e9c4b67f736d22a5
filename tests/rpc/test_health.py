"""The standard health service: per service, both ways, whatever the calls do."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse

from tests.rpc.methods import METHODS
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, refusal, until, usage
from tests.support.house import CoreMaker
from tests.support.service_config import service_config
from tollhoused.rpc.admission import THREADS_MAX
from tollhoused.rpc.server import GrpcServer
from tollhoused.usecases import usage as usage_cases
from tollhoused.usecases.core import Core

SERVING: int = HealthCheckResponse.SERVING
NOT_SERVING: int = HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN: int = HealthCheckResponse.SERVICE_UNKNOWN
SERVICES = ["", *sorted({method.path.split("/")[1] for method in METHODS})]


@pytest.fixture
def core(sqlite_url: str, make_core: CoreMaker) -> Core:
    return make_core(sqlite_url)


def test_a_server_serves_nothing_until_that_is_reported(core: Core) -> None:
    server = GrpcServer(core, None)
    door = Door(f"127.0.0.1:{server.start('127.0.0.1:0')}")
    try:
        assert [door.health(service) for service in SERVICES] == [NOT_SERVING] * len(SERVICES)
    finally:
        door.channel.close()
        server.drain(0, notice_seconds=0)


def test_every_service_follows_both_ways(server: GrpcServer, door: Door) -> None:
    for serving in (True, False, True):
        server.health.report(serving)
        expected = SERVING if serving else NOT_SERVING
        assert [door.health(service) for service in SERVICES] == [expected] * len(SERVICES)


def test_clients_with_the_documented_config_watch_every_server(
    make_core: CoreMaker, sqlite_url: str, serve: ServerMaker
) -> None:
    servers = [serve(make_core(sqlite_url)) for _ in range(2)]
    target = "ipv4:" + ",".join(door.address for _, door in servers)
    with grpc.insecure_channel(target, [("grpc.service_config", service_config())]) as channel:
        grpc.channel_ready_future(channel).result(TIMEOUT_SECONDS)

        until(lambda: [server.health.watchers for server, _ in servers] == [1, 1], "both are watched")


def test_an_unknown_service_is_not_found(door: Door) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        door.health("tollhouse.v1.Nothing")

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_watcher_hears_of_each_change_and_of_nothing_else(server: GrpcServer, door: Door) -> None:
    stream = door.watch("tollhouse.v1.UsageService")
    assert next(stream).status == SERVING

    server.health.report(False)
    server.health.report(False)
    server.health.report(True)

    assert [next(stream).status, next(stream).status] == [NOT_SERVING, SERVING]
    stream.cancel()


def test_who_watches_an_unknown_service_hears_so(server: GrpcServer, door: Door) -> None:
    stream = door.watch("tollhouse.v1.Nothing")

    assert next(stream).status == SERVICE_UNKNOWN
    stream.cancel()


def test_a_watcher_that_has_gone_is_forgotten(server: GrpcServer, door: Door) -> None:
    streams = [door.watch() for _ in range(5)]
    assert [next(stream).status for stream in streams] == [SERVING] * 5
    for stream in streams:
        stream.cancel()

    until(lambda: server.health.watchers == 0, "all five are forgotten")
    server.health.report(False)

    assert door.health() == NOT_SERVING


def test_watching_takes_no_thread_from_the_calls(core: Core, server: GrpcServer, door: Door) -> None:
    before = threading.active_count()
    streams = [door.watch() for _ in range(50)]
    for stream in streams:
        next(stream)
    door.make_user("anna")

    assert server.health.watchers == 50
    assert threading.active_count() - before < 25
    for stream in streams:
        stream.cancel()


def test_bytes_that_are_no_message_end_a_watch(door: Door) -> None:
    watch: Any = door.channel.unary_stream("/grpc.health.v1.Health/Watch")

    found = refusal(lambda data, timeout: list(watch(data, timeout=timeout)), b"\xff")

    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "UNDECODABLE_REQUEST")


def test_health_answers_while_every_other_thread_waits(
    core: Core, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, door = serve(core)
    probed = Door(f"127.0.0.1:{server.start_probed('127.0.0.1:0')}")
    door.make_user("anna")
    arrived = threading.Semaphore(0)
    allowed = threading.Event()
    record = usage_cases.record

    def stall(*arguments: object) -> object:
        arrived.release()
        allowed.wait(TIMEOUT_SECONDS)
        return record(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(usage_cases, "record", stall)
    calls = [
        door.usage.RecordUsage.future(usage("anna", f"call-{number}", meter="api_calls"), timeout=TIMEOUT_SECONDS)
        for number in range(THREADS_MAX + 10)
    ]
    for _ in range(THREADS_MAX):
        assert arrived.acquire(timeout=TIMEOUT_SECONDS)

    with ThreadPoolExecutor(4) as askers:
        asked = [
            askers.submit(way.health, service)
            for way in (door, probed)
            for service in ("", "liveness")
            for _ in range(50)
        ]
        answers = [asker.result(5) for asker in asked]
    stream = door.watch()

    assert answers == [SERVING] * 200
    assert next(stream).status == SERVING
    stream.cancel()
    allowed.set()
    assert {call.result().quantity for call in calls} == {1}
    probed.channel.close()


def test_health_answers_while_calls_wait_for_a_writer_that_is_locked_out(
    core: Core, sqlite_url: str, serve: ServerMaker
) -> None:
    server, door = serve(core)
    probed = Door(f"127.0.0.1:{server.start_probed('127.0.0.1:0')}")
    door.make_user("anna")
    blocker = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    calls = [
        door.usage.RecordUsage.future(usage("anna", f"call-{number}", meter="api_calls"), timeout=TIMEOUT_SECONDS)
        for number in range(THREADS_MAX)
    ]
    most = THREADS_MAX * 3 // 4
    until(lambda: sum(thread.name.startswith("call_") for thread in threading.enumerate()) >= most, "calls wait")

    answers = [way.health(service) for _ in range(50) for way in (door, probed) for service in ("", "liveness")]

    assert answers == [SERVING] * 200
    assert not any(call.done() for call in calls)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert {call.result().quantity for call in calls} == {1}
    probed.channel.close()


def test_liveness_is_served_whatever_the_database_does(server: GrpcServer, door: Door) -> None:
    stream = door.watch("liveness")
    server.health.report(False)

    assert (door.health("liveness"), door.health()) == (SERVING, NOT_SERVING)
    assert next(stream).status == SERVING
    stream.cancel()


def test_probes_have_a_port_that_answers_health_and_nothing_else(server: GrpcServer) -> None:
    probed = Door(f"127.0.0.1:{server.start_probed('127.0.0.1:0')}")
    try:
        for serving in (True, False):
            server.health.report(serving)
            assert probed.health() == (SERVING if serving else NOT_SERVING)
        for method in METHODS:
            with pytest.raises(grpc.RpcError) as caught:
                probed.raw(method.path)(b"", timeout=TIMEOUT_SECONDS)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    finally:
        probed.channel.close()

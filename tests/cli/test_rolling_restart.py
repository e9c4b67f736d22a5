"""Servers are stopped and started again under load, one after the other: who calls as the README says sees nothing."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import grpc
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.cli.commands import Server, done, free_port
from tests.support.door import usage
from tests.support.service_config import service_config

CALLERS = 4
RESTARTS = 4
DEADLINE_SECONDS = 15.0


def test_the_documented_policy_repeats_what_is_unavailable_and_nothing_else() -> None:
    config = json.loads(service_config())

    assert [list(each) for each in config["loadBalancingConfig"]] == [["round_robin"]]
    (method,) = config["methodConfig"]
    assert method["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert method["name"] == [{}]
    assert "healthCheckConfig" in config


def test_no_call_fails_while_two_servers_are_restarted_in_turn(postgres_url: str) -> None:
    ports = [free_port(), free_port()]
    database = ["--database-url", postgres_url]

    def start(port: int) -> Server:
        return Server(*database, "--listen", f"127.0.0.1:{port}")

    servers = [start(port) for port in ports]
    done("accounts", "provision", "--count", "1", *database)
    stopping = threading.Event()
    failures: list[str] = []
    numbers = count()
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    options = [("grpc.service_config", service_config()), ("grpc.keepalive_time_ms", 30_000)]

    def call_on(stub: UsageServiceStub) -> int:
        made = 0
        while not stopping.is_set():
            request = usage("user-1", f"call-{next(numbers)}", meter="api_calls", enforcement=ENFORCEMENT_RECORD)
            try:
                stub.RecordUsage(request, timeout=DEADLINE_SECONDS)
            except grpc.RpcError as error:
                failures.append(f"{error.code().name}: {error.details()}")
            made += 1
        return made

    with grpc.insecure_channel(target, options) as channel, ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(call_on, UsageServiceStub(channel)) for _ in range(CALLERS)]
        try:
            for turn in range(RESTARTS):
                assert servers[turn % 2].stop() == 0
                servers[turn % 2] = start(ports[turn % 2])
        finally:
            stopping.set()
        made = sum(caller.result() for caller in callers)

    for server in servers:
        assert server.stop() == 0
    assert failures == []
    assert made > 20 * RESTARTS
    shown = json.loads(done("accounts", "show", "--user-id", "user-1", "--json", *database))
    assert next(meter["used"] for meter in shown["meters"] if meter["meter"] == "api_calls") == made

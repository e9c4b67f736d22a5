"""Several processes serve one port as one server does: who ends is started again, and all end with their parent."""

import os
import re
import signal
import time

import grpc
import pytest
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.cli.commands import Server, done, done_json, not_serving, serving
from tests.http.scrape import Scrape, ask
from tests.support.door import until, usage

PROCESSES = 2
CONNECTIONS = 24
SECONDS = 15.0
RECORDED = {"method": "tollhouse.v1.UsageService/RecordUsage", "code": "OK", "reason": ""}


def _record(address: str, key: str) -> bool:
    """One call on a connection of its own; whether it was answered."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, options) as channel:
        request = usage("user-1", key, meter="api_calls", enforcement=ENFORCEMENT_RECORD)
        try:
            UsageServiceStub(channel).RecordUsage(request, timeout=SECONDS)
        except grpc.RpcError:
            return False
        return True


def _record_until_answered(address: str, key: str) -> None:
    until(lambda: _record(address, key), "the call is answered")


def _pids(server: Server) -> list[int]:
    """Of all processes that have begun to serve, in the order of their beginning."""
    return [int(pid) for pid in re.findall(r"process \d+ serves, pid (\d+)", server.log)]


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def served_url(postgres_url: str) -> str:
    done("catalog", "apply", "hub", "--database-url", postgres_url)
    done("accounts", "provision", "--count", "1", "--database-url", postgres_url)
    return postgres_url


def test_connections_are_shared_and_the_books_are_one(served_url: str) -> None:
    with serving(served_url, "--processes", str(PROCESSES), "--http-listen", "127.0.0.1:0") as server:
        for number in range(CONNECTIONS):
            assert _record(server.address, f"call-{number}")
            assert _record(server.address, f"call-{number}"), "a replay, wherever it comes to"
        doors = re.findall(r"HTTP is served on (\S+)", server.log)
        answered = [Scrape(ask(door, "/metrics").text)("tollhouse_calls_total", **RECORDED) for door in doors]

    assert len(answered) == PROCESSES
    assert min(answered) > 0
    assert sum(answered) == 2 * CONNECTIONS
    assert "process 1 serves" in server.log
    assert server.log.rstrip().endswith("all processes have stopped")
    (meter,) = [
        each["used"]
        for each in done_json("accounts", "show", "--user-id", "user-1", "--database-url", served_url)["meters"]
        if each["meter"] == "api_calls"
    ]
    assert meter == CONNECTIONS


def test_who_is_killed_is_started_again_and_the_others_serve_on(served_url: str) -> None:
    with serving(served_url, "--processes", str(PROCESSES)) as server:
        until(lambda: len(_pids(server)) == PROCESSES, "both serve")
        os.kill(_pids(server)[0], signal.SIGKILL)
        for number in range(CONNECTIONS):
            _record_until_answered(server.address, f"call-{number}")
        until(lambda: len(_pids(server)) == PROCESSES + 1, "another one serves in its place")
        again = _pids(server)[-1]
        assert _is_there(again)

    assert "ended with -9: it is started again" in server.log
    assert not _is_there(again)
    done("verify", "--database-url", served_url)


def test_when_the_parent_is_killed_the_others_end(served_url: str) -> None:
    server = Server("--database-url", served_url, "--processes", str(PROCESSES))
    until(lambda: len(_pids(server)) == PROCESSES, "both serve")
    pids = _pids(server)

    server.kill()

    deadline = time.monotonic() + SECONDS
    while any(map(_is_there, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)  # processes are not told of each other's end
    assert not any(map(_is_there, pids))


def test_a_port_in_use_and_a_process_that_cannot_start_are_said(served_url: str) -> None:
    with serving(served_url, "--processes", str(PROCESSES)) as server:
        for processes in ("1", "2"):
            complaint = not_serving(
                "--insecure-no-auth", "--processes", processes, "--listen", server.address, "--database-url", served_url
            )
            assert complaint.startswith(f"tollhouse: cannot listen on {server.address}")

    complaint = not_serving("--processes", "2", "--database-url", served_url, "--environment", "live")
    assert complaint == "tollhouse: processes: one of them could not start; the lines above say why"

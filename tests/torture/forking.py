"""A process that has imported the server and forks one whenever it is told to.

A server that is killed once a second would otherwise spend the machine on importing the same modules again. What is
forked is the command `tollhouse` itself; the fork happens before any of its work. When the harness goes away, however
that happens, the servers go with it.

Each line of standard input is a request in JSON, each line of standard output its reply.
"""

import json
import os
import signal
import sys
from typing import Any

from tests.torture.faulty_server import run
from tollhoused.cli import http_door
from tollhoused.providers.stripe import provider

IMPORTED = (http_door, provider)
"""What the server imports only where it is wanted: here once, and not by every process."""


def serve_requests() -> None:
    """Until standard input ends. Returns in a forked server, too, when that has ended."""
    ended: dict[int, int | None] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            pid = os.fork()
            if pid == 0:
                _become_server(request)
                return
            ended[pid] = None
            print(pid, flush=True)
        else:
            print(json.dumps(_poll(ended, request["poll"])), flush=True)
    for pid in ended:
        if _poll(ended, pid) is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _poll(ended: dict[int, int | None], pid: int) -> int | None:
    if ended[pid] is None:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def _become_server(request: dict[str, Any]) -> None:
    os.setsid()
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(request["variables"])
    sys.argv = ["tollhouse", *request["start"]]
    run(request["fault"])


if __name__ == "__main__":
    serve_requests()

"""The tracer outlives whatever becomes of the threads that it looks at."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tracer knows the system calls of Linux")

ENDS_WHILE_OTHERS_SEND = """
import os, socket, threading, time

def chat():
    here, there = socket.socketpair()
    while True:
        here.send(b"word")
        there.recv(4)

for _ in range(40):
    if os.fork() == 0:
        for _ in range(5):
            threading.Thread(target=chat, daemon=True).start()
        time.sleep(0.01)  # it ends at any place
        os._exit(0)
    os.wait()
os._exit(7)
"""


def test_threads_that_are_gone_when_they_are_looked_at_do_not_end_the_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    command = [sys.executable, "-m", "tests.durability.tracer", str(trace), sys.executable, "-S", "-c"]

    ended = subprocess.run([*command, ENDS_WHILE_OTHERS_SEND], capture_output=True, text=True, timeout=120, check=False)

    assert (ended.returncode, ended.stderr) == (7, "")
    assert '["sent", ' in trace.read_text()

"""A server that is told to stop hears it, whichever of its threads the system tells."""

import signal
import subprocess
import sys

import pytest

WAITING = """
import signal, threading
from tollhoused.cli.signals import StopSignal

with StopSignal() as stop:
    threading.Timer(0.3, lambda: signal.pthread_kill(threading.get_ident(), {number})).start()
    stop.wait()
    print("told")
    {then}
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_another_thread_is_heard(number: int) -> None:
    ended = _run(WAITING.format(number=int(number), then=""))

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "told\n", "")


def test_a_second_signal_ends_the_process_at_once() -> None:
    ended = _run(WAITING.format(number=int(signal.SIGTERM), then="signal.raise_signal(signal.SIGTERM); print('here')"))

    assert ended.returncode == -signal.SIGTERM
    assert "here" not in ended.stdout


def _run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)

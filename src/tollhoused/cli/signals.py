"""Being told to stop: SIGTERM and SIGINT, which arrive at any time and in any thread."""

import signal
import socket


class StopSignal:
    """Waits for the first SIGTERM or SIGINT; a second one ends the process at once, which loses no acknowledged call.

    The interpreter writes a byte for each signal whichever thread the system hands it to. A lock or an event would not
    do: a signal that another thread takes, or that comes just before the main thread falls asleep, does not wake it.
    """

    def __init__(self) -> None:
        """To be made in the main thread; signals count from here on."""
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _once)

    def wait(self) -> None:
        """Returns when there was a signal."""
        self._woken.recv(1)


def _once(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_DFL)

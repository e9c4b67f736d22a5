"""Being told to stop: SIGTERM and SIGINT, which arrive at any time and in any thread."""

import signal
import socket
from types import TracebackType
from typing import Self


class StopSignal:
    """Waits for the first SIGTERM or SIGINT; a second one ends the process at once, which loses no acknowledged call.

    The interpreter writes a byte for each signal whichever thread the system hands it to. A lock or an event would not
    do: a signal that another thread takes, or that comes just before the main thread falls asleep, does not wake it.
    """

    def __enter__(self) -> Self:
        """To be entered in the main thread; signals count from here on."""
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _once) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Signals mean again what they meant before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        self._waker.close()
        self._woken.close()

    def wait(self) -> None:
        """Returns when there was a signal."""
        self._woken.recv(1)


def _once(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_DFL)

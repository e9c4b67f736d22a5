"""Runs a program and notes which of its system calls write to the write-ahead log, flush it, and send to sockets.

`python -m tests.durability.tracer FILE PROGRAM ARGUMENT...` on Linux, on x86-64 and 64-bit ARM, as root or as a user:
it speaks ptrace itself, so that no tool has to be installed. Its exit code is the program's; SIGTERM is passed on. When
the program has ended, FILE has an event on each line, in the order of the kernel.
"""

import ctypes
import json
import os
import platform
import signal
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TRACEME, PEEK_SYSCALL, SET_OPTIONS, SYSCALL = 0, 0x420E, 0x4200, 24
OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100000  # marked stops; forks, vforks, threads and exec; dies with the tracer
ALL_CHILDREN = 0x40000000
SYSCALL_STOP = signal.SIGTRAP | 0x80
ENTRY, EXIT = 1, 2
INFO = struct.Struct("=B3xIQQ")
ENTERED = struct.Struct("=7Q")

NUMBERS = {
    "x86_64": {1: "write", 18: "pwrite64", 20: "writev", 44: "sendto", 46: "sendmsg", 74: "fsync", 75: "fdatasync"},
    "aarch64": {64: "write", 68: "pwrite64", 66: "writev", 206: "sendto", 211: "sendmsg", 82: "fsync", 83: "fdatasync"},
}
SYNCS = ("fsync", "fdatasync")
LOG_SUFFIX = "-wal"


@dataclass(frozen=True, slots=True)
class Event:
    """One moment: `written` and `sent` as a call begins, with its bytes; `flushing` and `flushed` around a flush.

    `thread` is who does it, `where` is the file or the socket.
    """

    kind: str
    thread: int
    where: str
    data: bytes = b""


def read_events(file: Path) -> list[Event]:
    """What the tracer has written."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Event(kind, thread, where, data.encode("latin-1")) for kind, thread, where, data in map(json.loads, lines)]


class Tracer:
    """One program under the eyes of this process."""

    def __init__(self, command: list[str]) -> None:
        self.events: list[Event] = []
        self._ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self._ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._ptrace.restype = ctypes.c_long
        self._names = NUMBERS[platform.machine()]
        self._flushing: dict[int, str] = {}
        self._begun: set[int] = set()
        self._program = os.fork()
        if self._program == 0:
            self._ptrace(TRACEME, 0, None, None)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.execv(command[0], command)

    def run(self) -> int:
        """Until the program has ended; its exit code, negative for a signal's number."""
        signal.signal(signal.SIGTERM, lambda *_: os.kill(self._program, signal.SIGTERM))
        os.waitpid(self._program, ALL_CHILDREN)
        self._begun.add(self._program)
        self._ask(SET_OPTIONS, self._program, None, ctypes.c_void_p(OPTIONS))
        self._go_on(self._program, 0)
        while True:
            thread, status = os.waitpid(-1, ALL_CHILDREN)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                if thread == self._program:
                    return os.waitstatus_to_exitcode(status)
                continue
            self._go_on(thread, self._stopped(thread, status))

    def _stopped(self, thread: int, status: int) -> int:
        """Looks at a thread that has stopped; the signal that it is to get, if any."""
        why = os.WSTOPSIG(status)
        if why == SYSCALL_STOP:
            # When a process ends, its other threads are gone at once, also those that have just stopped at a call:
            # that call never takes place. A file that another thread has closed by now is no socket and no log.
            with suppress(ProcessLookupError, FileNotFoundError):
                self._look(thread)
            return 0
        if status >> 16 or (why == signal.SIGSTOP and thread not in self._begun):
            self._begun.add(thread)
            return 0
        return why

    def _look(self, thread: int) -> None:
        buffer = ctypes.create_string_buffer(96)
        self._ask(PEEK_SYSCALL, thread, ctypes.c_void_p(len(buffer)), ctypes.cast(buffer, ctypes.c_void_p))
        moment, *_ = INFO.unpack_from(buffer)
        if moment == EXIT:
            where = self._flushing.pop(thread, None)
            if where is not None:
                self.events.append(Event("flushed", thread, where))
            return
        number, *arguments = ENTERED.unpack_from(buffer, INFO.size)
        name = self._names.get(number)
        if moment != ENTRY or name is None:
            return
        where = str(Path(f"/proc/{thread}/fd/{arguments[0]}").readlink())
        if where.endswith(LOG_SUFFIX) and name in SYNCS:
            self._flushing[thread] = where
            self.events.append(Event("flushing", thread, where))
        elif where.endswith(LOG_SUFFIX) or where.startswith("socket:"):
            kind = "written" if where.endswith(LOG_SUFFIX) else "sent"
            self.events.append(Event(kind, thread, where, b"".join(_bytes(thread, name, arguments))))

    def _go_on(self, thread: int, signal_number: int) -> None:
        # A thread may have been killed while it was stopped; then there is nothing to go on with.
        self._ptrace(SYSCALL, thread, None, ctypes.c_void_p(signal_number))

    def _ask(self, request: int, thread: int, address: object, data: object) -> None:
        if self._ptrace(request, thread, address, data) < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"ptrace request {request:#x}: {os.strerror(error)}")


def _bytes(thread: int, name: str, arguments: list[int]) -> Iterator[bytes]:
    """What a call is about to write, from the memory of the program."""
    with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:

        def read(address: int, size: int) -> bytes:
            memory.seek(address)
            data = memory.read(size) if size else b""
            if len(data) < size:
                raise ProcessLookupError(f"the memory of {thread} is gone")
            return data

        if name in ("write", "pwrite64", "sendto"):
            yield read(arguments[1], arguments[2])
            return
        vector, length = arguments[1:3]
        if name == "sendmsg":
            vector, length = struct.unpack("=QQ", read(arguments[1] + 16, 16))
        for index in range(length):
            yield read(*struct.unpack("=QQ", read(vector + 16 * index, 16)))


def main() -> int:
    file, *command = sys.argv[1:]
    tracer = Tracer(command)
    code = tracer.run()
    with Path(file).open("w", encoding="utf-8") as output:
        for event in tracer.events:
            line = [event.kind, event.thread, event.where, event.data.decode("latin-1")]
            output.write(json.dumps(line) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

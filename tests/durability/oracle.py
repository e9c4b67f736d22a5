"""Decides from the order of system calls whether anything was acknowledged that a power cut would have taken back.

What has been written to the write-ahead log is safe once a flush that began afterwards has ended.
"""

from collections.abc import Iterator, Sequence

from tests.durability.tracer import Event

TAIL = 200
"""Longer than what is looked for, which may be split over two sends."""


class Log:
    """How much of the write-ahead log is written, and how much of that is safe, as events go by."""

    def __init__(self) -> None:
        self.writes = 0
        self.safe = 0
        self._covered: dict[int, int] = {}

    def follow(self, event: Event) -> None:
        """The next event."""
        if event.kind == "written":
            self.writes += 1
        elif event.kind == "flushing":
            self._covered[event.thread] = self.writes
        elif event.kind == "flushed":
            self.safe = max(self.safe, self._covered.pop(event.thread))


def told_too_early(events: Sequence[Event], token: bytes, keys: Sequence[str]) -> tuple[int, int]:
    """How many sends hold the token, and before how many of them the first writing of a key to the log was not safe.

    For one caller who waits for each answer, and whose every call has keys that no call had before. Only they are
    looked at: the server's own housekeeping, such as giving events their positions, writes the same pages meanwhile.
    """
    log = Log()
    new = {key.encode() for key in keys}
    told = early = last = 0
    for event in events:
        log.follow(event)
        if event.kind == "written":
            found = {key for key in new if key in event.data}
            if found:
                new -= found
                last = log.writes
        elif event.kind == "sent" and token in event.data:
            told += 1
            early += log.safe < last
    assert not new, f"never written: {new}"
    return told, early


def keys_told_too_early(events: Sequence[Event], keys: Sequence[str]) -> tuple[set[str], set[str]]:
    """The keys that were sent to callers, and those of them whose first writing to the log was not safe by then.

    For many callers at once, whose answers name the keys: other commands may be under way.
    """
    log = Log()
    written: dict[str, int] = {}
    told: set[str] = set()
    early: set[str] = set()
    for event, keys_in_it in _with_keys(events, keys):
        log.follow(event)
        for key in keys_in_it:
            if event.kind == "written":
                written.setdefault(key, log.writes)
            else:
                told.add(key)
                if key not in written or log.safe < written[key]:
                    early.add(key)
    return told, early


def _with_keys(events: Sequence[Event], keys: Sequence[str]) -> Iterator[tuple[Event, list[str]]]:
    """Every event, with the keys that its bytes complete."""
    names = {key: key.encode() for key in keys}
    tails: dict[str, bytes] = {}
    for event in events:
        seen = tails.get(event.where, b"") + event.data if event.kind == "sent" else event.data
        if event.kind == "sent":
            tails[event.where] = seen[-TAIL:]
        yield event, [key for key, name in names.items() if event.data and name in seen]

"""Answers that are given again while nothing has changed: their account's version is read anew each time.

What is kept is what was made of an account at a version, under a catalogue, and until when time alone does not change
it. Nothing is ever answered from it that a read of the account would not have answered: only the work is saved.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, NamedTuple

SIZE_MAX = 10_000
"""Answers of some kilobytes each, for the accounts that are asked about most."""


class Kept(NamedTuple):
    """An answer about an account at a version, good until an instant and under the newest catalogue of its time."""

    version: int
    catalogue: int
    until_us: int
    answer: Any


class Memo:
    """Answers by account and question; the least recently used are forgotten."""

    def __init__(self, size_max: int = SIZE_MAX) -> None:
        self._size_max = size_max
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def get(self, question: Hashable) -> Kept | None:
        """What was answered last."""
        with self._lock:
            kept = self._kept.get(question)
            if kept:
                self._kept.move_to_end(question)
            return kept

    def put(self, question: Hashable, kept: Kept) -> None:
        """Keeps an answer, forgetting the one that was not asked for longest where there are too many."""
        with self._lock:
            self._kept[question] = kept
            self._kept.move_to_end(question)
            if len(self._kept) > self._size_max:
                self._kept.popitem(last=False)

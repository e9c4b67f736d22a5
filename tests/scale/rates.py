"""How fast batches are stored in large books, against small ones: a server on each, asked in turn."""

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

from tollhouse.v1 import usage_service_pb2 as usage_pb
from tollhouse.v1.common_pb2 import ENFORCEMENT_RECORD, Subject

from tests.cli.commands import serving
from tests.scale.books import user_of_copy
from tests.support.door import Door
from tollhoused.__main__ import Ids

ITEMS = 1_000
ACCOUNTS = 8
"""As many as small books have, spread evenly over all of the large ones."""

CALL_SECONDS = 60.0


def batch_rates(small: tuple[str, int], large: tuple[str, int], rounds: int, seconds: float) -> tuple[float, float]:
    """Items a second, each the median of all rounds: in small and in large books, each a URL and its number of copies.

    Keys are new and ordered by time, as callers are told to make them.
    """
    rates: list[list[float]] = [[], []]
    with ExitStack() as stack:
        doors = []
        for url, copies in (small, large):
            door = Door(stack.enter_context(serving(url)).address)
            stack.callback(door.channel.close)
            batches = _batches([user_of_copy(copies * number // ACCOUNTS + 1) for number in range(ACCOUNTS)])
            _rate(door, batches, 0.0)  # what is done once, at the first call
            doors.append((door, batches))
        for _ in range(rounds):
            for found, (door, batches) in zip(rates, doors, strict=True):
                found.append(_rate(door, batches, seconds))
    small_rate, large_rate = map(statistics.median, rates)
    return small_rate, large_rate


def _rate(door: Door, batches: Iterator[usage_pb.BatchRecordUsageRequest], seconds: float) -> float:
    begin = time.monotonic()
    for sent in count(1):
        answer = door.usage.BatchRecordUsage(next(batches), timeout=CALL_SECONDS)
        refused = [result.error.message for result in answer.results if result.HasField("error")]
        assert not refused, refused[0]
        passed = time.monotonic() - begin
        if passed >= seconds:
            return sent * ITEMS / passed
    raise AssertionError("count never ends")


def _batches(users: list[str]) -> Iterator[usage_pb.BatchRecordUsageRequest]:
    new_id = Ids()
    while True:
        items = [
            usage_pb.UsageItem(
                subject=Subject(user_id=users[number % len(users)]),
                product="talk",
                meter="voice_minutes",
                quantity=1,
                enforcement=ENFORCEMENT_RECORD,
                idempotency_key=new_id("key"),
            )
            for number in range(ITEMS)
        ]
        yield usage_pb.BatchRecordUsageRequest(items=items)

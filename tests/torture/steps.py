"""What the operations of a counter say of it: each took it from one value to another, together along one path."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.torture.rows import CounterKey, Stored, StoredOperation
from tests.torture.stories import Violation

ADDING = ("record_usage", "commit_reservation")
TAKING = "void_usage"
SETTING = "set_usage"


def check_counters(stored: Stored) -> Iterator[Violation]:
    """V4: a counter is the sum of its operations. V9: its units were given out one after the other, each once."""
    operations: dict[CounterKey, list[StoredOperation]] = defaultdict(list)
    for row in stored.operations:
        if row.kind in (*ADDING, TAKING, SETTING):
            operations[row.counter].append(row)
    by_itself: Counter[CounterKey] = Counter()
    for reservation in stored.reservations.values():
        if reservation.by_itself:
            by_itself[reservation.counter] += reservation.used
    for counter in operations.keys() | stored.counters.keys() | by_itself.keys():
        found = operations[counter]
        carried, used = stored.counters.get(counter, (0, 0))
        if any(row.kind == SETTING for row in found):
            yield from _peak(counter, carried, used, found)
            continue
        moved = sum(_units(row) for row in found)
        if used != moved + by_itself[counter] and (found or by_itself[counter]):
            yield Violation("V4", f"{counter} says {used}, its operations are another sum")
        if any(row.kind == TAKING for row in found):
            if not by_itself[counter]:
                yield from _path(counter, carried, used, found)
        else:
            yield from _spans(counter, carried, found, by_itself[counter])


def _units(row: StoredOperation) -> int:
    """By how much an operation moved its counter."""
    return -(row.quantity or 0) if row.kind == TAKING else row.quantity or 0


def _spans(
    counter: CounterKey, carried: int, operations: Sequence[StoredOperation], by_itself: int
) -> Iterator[Violation]:
    """Where nothing is taken back, operations lie side by side; between them only what reservations' ends used."""
    end, between = carried, 0
    for row in sorted(operations, key=lambda row: (row.new_usage, not row.quantity, row.key)):
        start = row.new_usage - _units(row)
        if start < end:
            yield Violation("V9", f"{row.key} was given units of {counter} that another operation had: {start}")
        between += max(0, start - end)
        end = max(end, row.new_usage)
    if between > by_itself:
        yield Violation("V4", f"{between - by_itself} units of {counter} belong to no operation")


def _path(counter: CounterKey, carried: int, used: int, operations: Sequence[StoredOperation]) -> Iterator[Violation]:
    """Every value that was left was reached once more often or as often as it was left, from the first to the last."""
    balance: Counter[int] = Counter({carried: 1})
    balance[carried + used] -= 1
    for row in operations:
        balance[row.new_usage] += 1
        balance[row.new_usage - _units(row)] -= 1
    odd = sorted(value for value, number in balance.items() if number)
    if odd:
        yield Violation("V9", f"the operations of {counter} do not follow each other at {odd[:5]}")


def _peak(counter: CounterKey, carried: int, used: int, operations: Sequence[StoredOperation]) -> Iterator[Violation]:
    """A gauge's counter is at the highest level that was ever set, or the one before."""
    highest = max(row.new_usage for row in operations)
    if carried + used != max(carried, highest):
        yield Violation("V4", f"the peak of {counter} is {carried + used}, the highest level was {highest}")
    for row in operations:
        if row.level > row.new_usage:
            yield Violation("V4", f"{row.key} left level {row.level} above the peak {row.new_usage}")

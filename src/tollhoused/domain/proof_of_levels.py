"""Proof of an account's gauges: every peak and level is one that was reported or carried over (requirement U9)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tollhoused.domain.account import MAX_QUANTITY, Account, Counter, Segment
from tollhoused.domain.commands import Enforcement
from tollhoused.domain.proof import Evidence, Finding, OperationRow
from tollhoused.domain.proof_of_holds import Key
from tollhoused.domain.proof_of_terms import same_period


@dataclass(slots=True)
class Levels:
    """The highest levels that were reported of one gauge in one segment.

    `opened` were brought along, `enforced` were checked against the plan and `lifted` were not, `early` were stored
    before the segment's end. `seen` says that the counter's level is among them, `moved` that something which counts
    in an earlier segment was stored in this one, which may have moved its level.
    """

    own: int = 0
    opened: int = 0
    enforced: int = 0
    lifted: int = 0
    early: int = 0
    seen: bool = False
    moved: bool = False
    enforced_products: set[str | None] = field(default_factory=set)


class Gauges:
    """What the account's operations say about its gauges; what is held are a few numbers for each counter."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._levels: dict[Key, Levels] = {}

    def counter(self, operation: OperationRow) -> Counter | None:
        """The gauge's counter in which an operation counts; None where it is none of a gauge."""
        key = (operation.segment_start_us or 0, operation.meter or "")
        counter = self._account.counters.get(key)
        return counter if counter and counter.level_us else None

    def of(self, counter: Counter) -> Levels:
        """What was reported in a counter's segment."""
        return self._levels.setdefault((counter.segment_start_us, counter.meter), Levels())

    def add(self, operation: OperationRow, counter: Counter) -> None:
        """One more report; `counter` is the one in which it counts."""
        found, level = self.of(counter), operation.quantity
        found.own = max(found.own, level)
        found.seen |= level == counter.level
        if operation.enforcement == Enforcement.ENFORCE:
            found.enforced = max(found.enforced, level)
            found.enforced_products.add(operation.product)
        else:
            found.lifted = max(found.lifted, level)
        open_then = self._open_at(operation.stored_us)
        if open_then == [counter.segment_start_us]:
            found.early = max(found.early, level)
        for start_us in open_then:
            if start_us != counter.segment_start_us:
                self._levels.setdefault((start_us, counter.meter), Levels()).moved = True

    def open(self, operation: OperationRow, counter: Counter) -> None:
        """A level that was brought along, settled elsewhere: its segment carries it."""
        found = self.of(counter)
        found.opened = max(found.opened, operation.quantity)
        found.seen |= operation.quantity == counter.level

    def prove(self, evidence: Evidence) -> Iterator[Finding]:
        """V4: peaks and levels are what was reported, carried on within a period, and kept from one to the next."""
        before: Segment | None = None
        meters = sorted({counter.meter for counter in self._account.counters.values() if counter.level_us})
        for segment in self._account.segments:
            for meter in meters:
                kept = self._account.counter(before, meter) if before else Counter(0, meter)
                carries_on = before is not None and same_period(before, segment)
                yield from self._prove_counter(evidence, self._account.counter(segment, meter), kept, carries_on)
            before = segment

    def _open_at(self, stored_us: int) -> list[int]:
        """Starts of the segments that may have been open at an instant: two, where one ended and another began."""
        found = []
        for segment in reversed(self._account.segments):
            if segment.end_us is not None and segment.end_us < stored_us:
                break
            if segment.start_us <= stored_us:
                found.append(segment.start_us)
        return found

    def brought(self, counter: Counter) -> int:
        """The level with which the counter's segment began."""
        starts_us = [item.start_us for item in self._account.segments if item.start_us < counter.segment_start_us]
        if not starts_us:
            return 0
        kept = self._account.counters.get((starts_us[-1], counter.meter))
        return kept.level if kept else 0

    def _prove_counter(
        self, evidence: Evidence, counter: Counter, kept: Counter, carries_on: bool
    ) -> Iterator[Finding]:
        name = f"gauge {counter.meter} of segment {counter.segment_start_us}"
        levels = self.of(counter)
        least = max(kept.carried, kept.level, self.of(kept).early) if carries_on else 0
        least, most = max(least, levels.opened), max(kept.peak if carries_on else 0, levels.opened)
        if not least <= counter.carried <= most:
            yield evidence.finding("V4", f"{name} carries {counter.carried}, the segment before had {least}")
        peak = max(counter.carried, kept.level, levels.own)
        if counter.peak < peak or (counter.peak > peak and not levels.moved) or counter.peak > MAX_QUANTITY:
            yield evidence.finding("V4", f"{name} has the peak {counter.peak}, by its operations it is {peak}")
        if not (levels.seen or levels.moved or counter.level == kept.level) or counter.level > counter.peak:
            yield evidence.finding("V4", f"{name} has the level {counter.level}, which nobody reported")

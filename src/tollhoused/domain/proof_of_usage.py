"""Proof of an account's usage: its operations add up to its counters, and its counters to what the terms charge."""

import json
from collections import Counter as Bag
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from tollhoused.domain.account import HOUR_US, MAX_QUANTITY, Counter, Segment
from tollhoused.domain.advance import close_reference
from tollhoused.domain.catalogue import Policy
from tollhoused.domain.commands import CommitReservation, Enforcement, RecordUsage
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.money import MAX_NANOS
from tollhoused.domain.opening import OpenUsage
from tollhoused.domain.proof import Evidence, Finding, OperationRow
from tollhoused.domain.proof_of_holds import Key, Reserved, Sums
from tollhoused.domain.proof_of_levels import Gauges
from tollhoused.domain.proof_of_terms import same_period
from tollhoused.domain.stored_answers import ANSWER_TYPES
from tollhoused.domain.terms import NO_TERMS, charge_for, overage_of
from tollhoused.domain.voids import VoidUsage


@dataclass(slots=True)
class Tally:
    """The sums of one meter's operations in one segment.

    `early` was stored before the segment ended, and is what a following segment of the period carried on. What was
    stored in the very microsecond of that end may have come before or after it: `maybe_early`. `opening` is what the
    account brought along, which the segment carries without a price. `voided` says that usage was taken back, and
    `maybe_early_voided` how much of that in the microsecond of the segment's end.
    """

    quantity: int = 0
    overage: int = 0
    charged_nanos: int = 0
    early: int = 0
    maybe_early: int = 0
    enforced: int = 0
    opening: int = 0
    maybe_early_voided: int = 0
    voided: bool = False
    enforced_products: set[str | None] = field(default_factory=set)


RECORDING = (RecordUsage.kind, CommitReservation.kind)
"""The kinds of operations that record usage."""

Segments = dict[int | None, Segment]
Tallies = dict[Key, Tally]


@dataclass(slots=True)
class Used:
    """What the account's operations come to: how many of each kind the ledger must name, the counters from which usage
    was taken back, and by their names what ends of segments must have charged for gauges.

    `left_out` are charges in nanos that ends of segments have not made, each with what to say if it could be stored.
    """

    causes: Bag[str]
    voided: set[Key]
    closes: dict[str, int]
    left_out: list[tuple[int, Finding]]


def prove_usage(evidence: Evidence, reserved: Reserved) -> Generator[Finding, None, Used]:
    """V4, V6 and V7 of operations and counters.

    One pass over the operations; what is held are sums for each counter.
    """
    causes: Bag[str] = Bag()
    commits: dict[Key, Sums] = {}
    pairs: set[tuple[object, ...]] = set()
    """Voids without the usage that they name, and voided usage without its void, of what was read so far."""
    tallies: Tallies = {}
    gauges = Gauges(evidence.account)
    segments: Segments = {segment.start_us: segment for segment in evidence.account.segments}
    for operation in evidence.operations:
        if operation.kind not in ANSWER_TYPES:
            yield evidence.finding("V6", f"operation {operation.idempotency_key} is of no kind: {operation.kind}")
        if operation.slice != operation.stored_us // HOUR_US:
            what = f"operation {operation.idempotency_key} of {operation.stored_us} is in slice {operation.slice}"
            yield evidence.finding("V4", what)
        if operation.kind == OpenUsage.kind:
            if opened := gauges.counter(operation):
                gauges.open(operation, opened)
            else:
                tallies.setdefault((operation.segment_start_us, operation.meter), Tally()).opening += operation.quantity
            if not _opens(operation, segments.get(operation.segment_start_us)):
                yield evidence.finding("V4", f"operation {operation.idempotency_key} opens nothing with its quantity")
            continue
        if operation.kind not in (*RECORDING, SetUsage.kind, VoidUsage.kind):
            causes[operation.kind] += 1
            continue
        causes[operation.kind] += operation.charged_nanos != 0
        segment = segments.get(operation.segment_start_us)
        key = (operation.segment_start_us, operation.meter)
        if operation.kind == VoidUsage.kind:
            pairs ^= {_pair(operation, json.loads(operation.sent or "")["voided_key"], operation.idempotency_key)}
            _take_back(tallies.setdefault(key, Tally()), operation, segment)
            if not _can_be_void(operation, segment):
                yield evidence.finding("V4", f"operation {operation.idempotency_key} is no possible void")
            continue
        if operation.voided_by is not None:
            pairs ^= {_pair(operation, operation.idempotency_key, operation.voided_by)}
        tally = tallies.get(key)
        if tally is None:
            tally = tallies[key] = Tally()
        if gauge := gauges.counter(operation):
            tally.overage += operation.overage
            tally.charged_nanos += operation.charged_nanos
            gauges.add(operation, gauge)
        else:
            _add(tally, operation, segment)
        if operation.kind == CommitReservation.kind:
            sums = commits.setdefault(key, Sums())
            sums.quantity += operation.quantity
            sums.overage += operation.overage
            sums.charged_nanos += operation.charged_nanos
        wrong = _wrong(evidence, operation, segment)
        if wrong:
            yield evidence.finding("V4", f"operation {operation.idempotency_key} {wrong}")
        if operation.enforcement is None and operation.kind == RecordUsage.kind:
            yield evidence.finding("V6", f"operation {operation.idempotency_key} was sent without an enforcement")
    for key in commits.keys() | reserved.by_call.keys():
        told, kept = commits.get(key, Sums()), reserved.by_call.get(key, Sums())
        if told != kept:
            what = f"commits on {key[1]} in segment {key[0]} recorded {told}, their reservations say {kept}"
            yield evidence.finding("V12", what)
    for key, sums in reserved.by_expiry.items():
        _add_expired(tallies.setdefault(key, Tally()), sums)
    for _, voided, void, *_ in sorted(pairs, key=repr):
        yield evidence.finding("V6", f"usage {voided} and its void {void} do not name each other")
    used = Used(causes, set(), {}, [])
    yield from _counters(evidence, segments, tallies, gauges, used)
    yield from gauges.prove(evidence)
    yield from _carried(evidence, tallies)
    for (start_us, meter), tally in tallies.items():
        if (start_us, meter) not in evidence.account.counters:
            what = f"operations on {meter} in segment {start_us} sum to {tally.quantity}, but have no counter"
            yield evidence.finding("V4", what)
    used.voided = {key for key, tally in tallies.items() if tally.voided}
    return used


def _pair(operation: OperationRow, voided_key: str, void_key: str) -> tuple[object, ...]:
    """What a void and the usage that it takes back have in common."""
    counter = (operation.segment_start_us, operation.meter, operation.product)
    return (operation.client, voided_key, void_key, operation.quantity, *counter)


def _can_be_void(operation: OperationRow, segment: Segment | None) -> bool:
    return (
        segment is not None
        and segment.start_us <= operation.stored_us == operation.event_us
        and 0 <= operation.overage <= operation.quantity <= MAX_QUANTITY
        and 0 <= operation.charged_nanos <= MAX_NANOS
    )


def _opens(operation: OperationRow, segment: Segment | None) -> bool:
    """Whether an opening entry is of a possible quantity, and was stored while its segment was open."""
    if segment is None or not 0 < operation.quantity <= MAX_QUANTITY:
        return False
    return segment.start_us <= operation.stored_us and not (segment.end_us and segment.end_us < operation.stored_us)


def _add(tally: Tally, operation: OperationRow, segment: Segment | None) -> None:
    quantity = operation.quantity
    tally.quantity += quantity
    tally.overage += operation.overage
    tally.charged_nanos += operation.charged_nanos
    if operation.enforcement == Enforcement.ENFORCE and operation.voided_by is None:
        tally.enforced += quantity
        tally.enforced_products.add(operation.product)
    end_us = segment.end_us if segment else None
    if end_us is None or operation.stored_us < end_us:
        tally.early += quantity
    elif operation.stored_us == end_us:
        if operation.event_us >= end_us and operation.kind != CommitReservation.kind:
            tally.early += quantity  # it counted as now, and the next segment was not there yet
        else:
            tally.maybe_early += quantity


def _take_back(tally: Tally, operation: OperationRow, segment: Segment | None) -> None:
    """A void counts against what its segment had used, from when it was stored on."""
    tally.voided = True
    tally.quantity -= operation.quantity
    tally.overage -= operation.overage
    tally.charged_nanos -= operation.charged_nanos
    end_us = segment.end_us if segment else None
    if end_us is None or operation.stored_us < end_us:
        tally.early -= operation.quantity
    elif operation.stored_us == end_us:
        tally.maybe_early_voided += operation.quantity


def _add_expired(tally: Tally, sums: Sums) -> None:
    """What reservations recorded when their time was over; a following segment may have begun before or after that."""
    tally.quantity += sums.quantity
    tally.overage += sums.overage
    tally.charged_nanos += sums.charged_nanos
    tally.maybe_early += sums.quantity


def _wrong(evidence: Evidence, operation: OperationRow, segment: Segment | None) -> str:
    """What is wrong with a usage event by itself; empty where nothing is."""
    if segment is None:
        return f"is in segment {operation.segment_start_us}, which is not there"
    if operation.stored_us > evidence.account.as_of_us:
        return f"was stored at {operation.stored_us}, after the account's as_of_us {evidence.account.as_of_us}"
    least = 1 if operation.kind == RecordUsage.kind else 0
    if not least <= operation.quantity <= MAX_QUANTITY or not 0 <= operation.overage <= operation.quantity:
        return f"has the quantity {operation.quantity} and the overage {operation.overage}"
    if not 0 <= operation.charged_nanos <= MAX_NANOS:
        return f"has the charge {operation.charged_nanos}"
    counted_us = min(operation.event_us, operation.stored_us)
    begun = segment.start_us <= counted_us or segment is evidence.account.segments[0]
    # The last operation before a change of terms may share its microsecond, and be what reserved for a later commit.
    may_share = operation.stored_us == segment.end_us or operation.kind == CommitReservation.kind
    open_still = segment.end_us is None or counted_us < segment.end_us + may_share
    if not (begun and open_still):
        return f"counts at {counted_us}, outside of its segment {segment.start_us} to {segment.end_us}"
    return ""


def _counters(
    evidence: Evidence, segments: Segments, tallies: Tallies, gauges: Gauges, used: Used
) -> Iterator[Finding]:
    """Each counter is what its operations and terms make it. Fills what `used` says of ends of segments."""
    for key, counter in evidence.account.counters.items():
        name = f"counter {counter.meter} of segment {counter.segment_start_us}"
        segment = segments.get(counter.segment_start_us)
        if segment is None:
            yield evidence.finding("V4", f"{name} has no segment")
            continue
        tally = tallies.get(key) or Tally()
        if counter.level_us:
            yield from _gauge(evidence, segment, counter, tally, gauges, used)
            continue
        stored = (counter.used, counter.overage, counter.charged_nanos)
        summed = (tally.quantity, tally.overage, tally.charged_nanos)
        if stored != summed:
            what = f"{name} has used, overage and charged_nanos {stored}, its operations sum to {summed}"
            yield evidence.finding("V4", what)
        if not 0 <= counter.carried <= counter.carried + counter.used <= MAX_QUANTITY:
            yield evidence.finding("V4", f"{name} is out of range: carried {counter.carried}, used {counter.used}")
        yield from _priced(evidence, segment, counter, name)
        yield from _enforced(evidence, segment, counter, tally, name)


def _gauge(
    evidence: Evidence, segment: Segment, counter: Counter, tally: Tally, gauges: Gauges, used: Used
) -> Iterator[Finding]:
    """What a gauge's counter has charged is the price of what it was charged for: all of it once its segment closed."""
    name = f"counter {counter.meter} of segment {counter.segment_start_us}"
    terms = segment.terms.meters.get(counter.meter, NO_TERMS)
    overage = overage_of(terms, counter.carried, counter.used)
    if counter.overage > overage or (counter.overage < overage and segment.end_us is not None):
        wrong = evidence.finding("V6", f"{name} has overage {counter.overage}, by its peak and terms it is {overage}")
        if counter.overage > overage:
            yield wrong
        elif (charge_nanos := charge_for(terms, overage)) <= MAX_NANOS:
            used.left_out.append((charge_nanos - counter.charged_nanos, wrong))
    if counter.charged_nanos != charge_for(terms, counter.overage):
        what = f"{name} has charged_nanos {counter.charged_nanos}, which is not the price of {counter.overage}"
        yield evidence.finding("V6", what)
    missing_nanos = counter.charged_nanos - tally.charged_nanos
    if missing_nanos < 0 or counter.overage < tally.overage or (missing_nanos and segment.end_us is None):
        what = f"{name} has charged {counter.charged_nanos}, its operations {tally.charged_nanos}"
        yield evidence.finding("V4", what)
    if missing_nanos:
        used.closes[close_reference(counter.segment_start_us, counter.meter)] = missing_nanos
    levels = gauges.of(counter)
    yield from _open_products(evidence, segment, levels.enforced_products, name)
    beyond = max(counter.carried, levels.lifted, gauges.brought(counter), terms.included)
    if terms.policy is Policy.HARD_LIMIT and levels.enforced > beyond and not levels.moved:
        what = f"{name} let {levels.enforced} pass under ENFORCE, its hard limit is {terms.included}"
        yield evidence.finding("V7", what)


def _open_products(evidence: Evidence, segment: Segment, products: set[str | None], name: str) -> Iterator[Finding]:
    """V7: what ENFORCE let pass was open to the plan."""
    for product in products:
        if product is None or not segment.terms.grants_product(product):
            yield evidence.finding("V7", f"{name} counts {product} under ENFORCE, which its plan does not open")


def _priced(evidence: Evidence, segment: Segment, counter: Counter, name: str) -> Iterator[Finding]:
    """Overage follows from the use, the charge from the overage."""
    terms = segment.terms.meters.get(counter.meter, NO_TERMS)
    overage = overage_of(terms, counter.carried, counter.used)
    if counter.overage != overage:
        yield evidence.finding("V6", f"{name} has overage {counter.overage}, by its use and terms it is {overage}")
    charged_nanos = charge_for(terms, overage)
    if counter.charged_nanos != charged_nanos:
        what = f"{name} has charged_nanos {counter.charged_nanos}, the price of its overage is {charged_nanos}"
        yield evidence.finding("V6", what)


def _enforced(evidence: Evidence, segment: Segment, counter: Counter, tally: Tally, name: str) -> Iterator[Finding]:
    """What ENFORCE let pass was open to the plan, and within a hard limit: whatever came before the last of it too."""
    yield from _open_products(evidence, segment, tally.enforced_products, name)
    terms = segment.terms.meters.get(counter.meter, NO_TERMS)
    total = counter.carried + tally.enforced
    if terms.policy is Policy.HARD_LIMIT and tally.enforced and total > terms.included:
        yield evidence.finding("V7", f"{name} let {total} pass under ENFORCE, its hard limit is {terms.included}")


def _carried(evidence: Evidence, tallies: Tallies) -> Iterator[Finding]:
    """A segment carries what its period had used when it opened, a new period nothing, and what was brought along."""
    account = evidence.account
    meters: dict[int, set[str]] = {}
    for start_us, meter in account.counters:
        meters.setdefault(start_us, set()).add(meter)
    carried: dict[str, tuple[int, int]] = {}
    """What the segment must have carried of each meter: from the one number to the other."""
    before: Segment | None = None
    for segment in account.segments:
        if before is None or not same_period(before, segment):
            carried = {}
        for meter in sorted(carried.keys() | meters.get(segment.start_us, set())):
            least, most = carried.get(meter, (0, 0))
            counter = account.counter(segment, meter)
            if counter.level_us:
                continue
            tally = tallies.get((segment.start_us, meter)) or Tally()
            least, most = least + tally.opening, most + tally.opening
            if not least <= counter.carried <= most:
                what = (
                    f"counter {meter} of segment {segment.start_us} carries {counter.carried}, when it opened its"
                    f" period had used {least}" + (f" to {most}" if most != least else "")
                )
                yield evidence.finding("V4", what)
            early = counter.carried + tally.early
            carried[meter] = (early - tally.maybe_early_voided, early + tally.maybe_early)
        before = segment

"""Proves the invariants that a history shows, against the rows that are stored (design: invariants)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.torture.commands import ALL_KINDS, Command, Commit, Level, OnReservation, Reserve, Usage
from tests.torture.door import UNKNOWN
from tests.torture.history import Result, Sent
from tests.torture.lifecycles import check_lifecycles
from tests.torture.payments import check_payments
from tests.torture.purchases import Order
from tests.torture.refusals import allowed
from tests.torture.rows import CounterKey, Stored, StoredOperation
from tests.torture.shop import Record
from tests.torture.steps import check_counters
from tests.torture.stories import Story, Violation, stories_of


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run leaves behind. `account_ids` are by the actors' names; `stage_keys` were stored while setting up.
    `record` is what the payment provider knows, where there was one.
    """

    sends: Sequence[Sent]
    stored: Stored
    account_ids: Mapping[str, str]
    stage_keys: set[str]
    bystanders_before: Mapping[str, Sequence[str]]
    bystanders_after: Mapping[str, Sequence[str]]
    record: Record | None = None


def check(evidence: Evidence) -> list[Violation]:
    """Every violation found, in the order of the invariants."""
    stories = stories_of(evidence.sends)
    rows: dict[str, list[StoredOperation]] = defaultdict(list)
    for row in evidence.stored.operations:
        rows[row.key].append(row)
    return [
        *_stored_once(stories, rows, evidence.account_ids),
        *_nothing_else(stories, rows, evidence.stage_keys),
        *_never_overspent(stories),
        *_replays(stories, rows),
        *check_counters(evidence.stored),
        *_real_time(stories, rows),
        *check_lifecycles(stories, evidence.stored),
        *_atomic(evidence.sends, rows),
        *_bystanders(evidence),
        *_statuses(evidence.sends),
        *(check_payments(evidence.record, evidence.stored) if evidence.record else ()),
    ]


def _stored_once(
    stories: Mapping[str, Story], rows: Mapping[str, Sequence[StoredOperation]], account_ids: Mapping[str, str]
) -> Iterator[Violation]:
    """V1: every acknowledged key is stored exactly once, as it was sent. V13: any other key at most once."""
    for key, story in stories.items():
        found = rows.get(key, ())
        invariant = "V1" if story.acknowledged else "V13"
        if story.acknowledged and not found:
            yield Violation("V1", f"{key} was acknowledged and is not stored")
        if len(found) > 1:
            yield Violation(invariant, f"{key} is stored {len(found)} times")
        for row in found:
            wrong = _difference(story.command, row, account_ids)
            if wrong:
                yield Violation("V15" if wrong == "account" else invariant, f"{key} is stored with another {wrong}")


def _difference(command: Command, row: StoredOperation, account_ids: Mapping[str, str]) -> str:
    """In what a row differs from what was sent; empty where it does not."""
    if row.account != account_ids[command.actor.name]:
        return "account"
    if row.kind != ALL_KINDS[type(command)]:
        return "kind"
    match command:
        case Usage():
            same = (row.meter, row.quantity) == (command.meter, command.quantity)
            return "" if same else "meter or quantity"
        case Level():
            return "" if command.change or row.quantity == command.value else "level"
        case Commit():
            same = (row.made_id, row.quantity) == (command.reservation_id, command.quantity)
            return "" if same else "reservation or quantity"
        case Reserve():
            return "" if row.meter in (None, command.meter) else "meter"
    if isinstance(command, OnReservation):
        return "" if row.made_id == command.reservation_id else "reservation"
    return ""


def _nothing_else(
    stories: Mapping[str, Story], rows: Mapping[str, Sequence[StoredOperation]], stage_keys: set[str]
) -> Iterator[Violation]:
    """V3: nothing is stored that nobody sent, nor what every answer refused."""
    for key in rows:
        if key not in stories and key not in stage_keys:
            yield Violation("V3", f"{key} is stored and nobody sent it")
        elif key in stories and stories[key].refused:
            yield Violation("V3", f"{key} is stored although it was refused")


def _never_overspent(stories: Mapping[str, Story]) -> Iterator[Violation]:
    """V7: no charge under ENFORCE exceeds what is available."""
    for key, story in stories.items():
        if isinstance(story.command, Usage) and not story.command.record:
            for sent in story.acknowledged:
                answer = sent.reply.answer
                if answer and (answer.debt_nanos or answer.balance_nanos < 0):
                    yield Violation("V7", f"{key} was charged {answer.charged_nanos} nanos and left debt under ENFORCE")


def _replays(stories: Mapping[str, Story], rows: Mapping[str, Sequence[StoredOperation]]) -> Iterator[Violation]:
    """V8: all answers to one key are the first one, which is stored. V2: only one of them did the work."""
    for key, story in stories.items():
        answers = [sent.reply.answer for sent in story.acknowledged if sent.reply.answer]
        if len({answer.content for answer in answers}) > 1:
            yield Violation("V8", f"{key} was answered in different ways: {answers[0]} and later {answers[-1]}")
        if sum(not answer.replayed for answer in answers) > 1:
            yield Violation("V2", f"{key} was carried out more than once")
        for row in rows.get(key, ()):
            for answer in answers[:1]:
                facts = (answer.account_id, answer.new_usage, answer.balance_nanos)
                if facts != (row.account, row.new_usage, row.balance_nanos):
                    yield Violation("V8", f"{key} was answered with {facts}, and another answer is stored")


def _real_time(stories: Mapping[str, Story], rows: Mapping[str, Sequence[StoredOperation]]) -> Iterator[Violation]:
    """V9: no two acknowledgements of a counter say the same. V10: acknowledged before sent means a smaller new_usage.

    `new_usage` is a running sum, so this is what strict serializability means for a counter from which nothing is taken
    back. What uses nothing moves no counter.
    """
    counters: dict[CounterKey, list[tuple[Story, int]]] = defaultdict(list)
    for key, story in stories.items():
        moves = isinstance(story.command, Usage | Commit) and story.command.quantity > 0
        if moves and story.answer and len(rows.get(key, ())) == 1:
            counters[rows[key][0].counter].append((story, story.answer.new_usage))
    voided = {row.counter for found in rows.values() for row in found if row.kind == "void_usage"}
    for counter, answered in counters.items():
        if counter in voided:
            continue
        seen: dict[int, str] = {}
        for story, new_usage in answered:
            other = seen.setdefault(new_usage, story.command.key)
            if other != story.command.key:
                yield Violation("V9", f"{other} and {story.command.key} were both told {new_usage} of {counter}")
        yield from _in_order(answered)


def _in_order(answered: Sequence[tuple[Story, int]]) -> Iterator[Violation]:
    """V10 for one counter, in one pass over its acknowledgements and its sends in the order of time."""
    by_end = sorted(answered, key=lambda item: item[0].first_acknowledged_ns)
    highest, last, position = -1, "", 0
    for story, new_usage in sorted(answered, key=lambda item: item[0].first_sent_ns):
        while position < len(by_end) and by_end[position][0].first_acknowledged_ns < story.first_sent_ns:
            if by_end[position][1] > highest:
                highest, last = by_end[position][1], by_end[position][0].command.key
            position += 1
        if new_usage <= highest:
            key = story.command.key
            yield Violation("V10", f"{key} was told {new_usage} after {last} had been told {highest}")


def _atomic(sends: Sequence[Sent], rows: Mapping[str, Sequence[StoredOperation]]) -> Iterator[Violation]:
    """An atomic batch is stored as a whole or not at all."""
    groups: dict[str, set[str]] = defaultdict(set)
    for sent in sends:
        if sent.group:
            groups[sent.group].add(sent.command.key)
    for group, keys in groups.items():
        missing = [key for key in keys if key not in rows]
        if missing and len(missing) < len(keys):
            yield Violation("atomic", f"of the atomic batch {group}, {missing} are missing")


def _bystanders(evidence: Evidence) -> Iterator[Violation]:
    """V15: answers name the account that was meant, and no row of an account that was left alone has changed."""
    for sent in evidence.sends:
        answer, meant = sent.reply.answer, evidence.account_ids[sent.command.actor.name]
        if answer and not sent.altered and answer.account_id != meant:
            yield Violation("V15", f"{sent.command.key} was answered from another account")
    for table, before in evidence.bystanders_before.items():
        if evidence.bystanders_after[table] != before:
            yield Violation("V15", f"rows of accounts that nobody used have changed in {table}")


def _statuses(sends: Sequence[Sent]) -> Iterator[Violation]:
    """Every reply is one that the contract allows at this place."""
    for sent in sends:
        reply, key = sent.reply, sent.command.key
        if reply.result is Result.UNKNOWN:
            if reply.status not in UNKNOWN:
                yield Violation("status", f"{key} was answered {reply.status}: {reply.detail}")
        elif sent.altered:
            named = reply.metadata.get("field")
            if reply.result is not Result.CONFLICT or named != sent.altered:
                yield Violation("conflict", f"{key} with another {sent.altered}: {reply.status} {named}")
        elif reply.result is Result.CONFLICT:
            yield Violation("conflict", f"{key} as it was sent first: {reply.detail}")
        elif reply.result is Result.DECLINED:
            if not isinstance(sent.command, Order):
                yield Violation("status", f"{key} is no order and was refused by the provider: {reply.detail}")
        elif reply.result is Result.REFUSED and reply.reason not in allowed(sent.command):
            what = f"{type(sent.command).__name__} of {sent.command.actor.name}"
            yield Violation("status", f"{key} ({what}) was refused, {reply.reason}: {reply.detail}")

"""What is made once, changed and ended once: reservations, grants, voids, subscriptions, levels and ledger entries."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.torture.commands import (
    Adjustment,
    Assign,
    Commit,
    Extend,
    Grant,
    Level,
    OnReservation,
    Release,
    Unassign,
    VoidGrant,
)
from tests.torture.history import Result
from tests.torture.rows import Stored, StoredOperation
from tests.torture.stories import Story, Violation

ENDINGS = {"commit_reservation": "committed", "release_reservation": "released"}
CHARGING = ("record_usage", "set_usage", "commit_reservation")


def check_lifecycles(stories: Mapping[str, Story], stored: Stored) -> Iterator[Violation]:
    """V2, V6 and V12 as the history and the rows show them, past everything that the server says of itself."""
    rows = {row.key: row for row in stored.operations}
    yield from _reservations(stories, stored)
    yield from _voids(stored, rows)
    yield from _ledger(stories, stored, rows)
    yield from _grants(stories, stored, rows)
    yield from _subscriptions(stories, stored, rows)
    yield from _levels(stories, stored, rows)


def _reservations(stories: Mapping[str, Story], stored: Stored) -> Iterator[Violation]:
    """V12: a reservation is made by one operation and ends exactly once, and everybody is told that end."""
    made: dict[str, int] = defaultdict(int)
    ended: dict[str, list[StoredOperation]] = defaultdict(list)
    for row in stored.operations:
        if row.kind == "reserve_usage":
            made[row.made_id] += 1
        elif row.kind in ENDINGS:
            ended[row.made_id].append(row)
    for id_, reservation in stored.reservations.items():
        if made[id_] != 1:
            yield Violation("V12", f"{made[id_]} operations have made {id_}")
        ends = ended[id_]
        expected = [] if reservation.state in ("open", "expired") or reservation.by_itself else [reservation.state]
        if [ENDINGS[row.kind] for row in ends] != expected:
            yield Violation("V12", f"{id_} is {reservation.state}, ended by {[row.key for row in ends]}")
        elif ends and ends[0].kind == "commit_reservation" and ends[0].quantity != reservation.used:
            yield Violation("V12", f"{id_} says that {reservation.used} were used, {ends[0].key} {ends[0].quantity}")
    for id_ in made.keys() | ended.keys():
        if id_ not in stored.reservations:
            yield Violation("V12", f"{id_} was answered and is not stored")
    for key, story in stories.items():
        command = story.command
        if isinstance(command, Extend | Commit | Release):
            yield from _told(key, story, command, stored)


def _told(key: str, story: Story, command: OnReservation, stored: Stored) -> Iterator[Violation]:
    """A refusal that says how a reservation has ended must be right for ever."""
    reservation = stored.reservations.get(command.reservation_id)
    for sent in story.genuine:
        if sent.reply.result is Result.REFUSED and sent.reply.reason == "RESERVATION_FINAL":
            state = sent.reply.metadata.get("state")
            if reservation is None or reservation.state != state:
                yield Violation("V12", f"{key} was told that {command.reservation_id} is {state}")


def _voids(stored: Stored, rows: Mapping[str, StoredOperation]) -> Iterator[Violation]:
    """V2: usage is taken back once, by one operation, as much as it was."""
    voids = [row for row in stored.operations if row.kind == "void_usage"]
    by_key: dict[str, list[str]] = defaultdict(list)
    for void in voids:
        by_key[void.voided_key].append(void.key)
        usage = rows.get(void.voided_key)
        if usage is None or (usage.counter, usage.quantity) != (void.counter, void.quantity):
            yield Violation("V6", f"{void.key} takes back something else than {void.voided_key} was")
    for row in stored.operations:
        if by_key[row.key] != ([row.voided_by] if row.voided_by else []):
            yield Violation("V2", f"{row.key} is voided by {row.voided_by}, the voids of it are {by_key[row.key]}")


def _ledger(stories: Mapping[str, Story], stored: Stored, rows: Mapping[str, StoredOperation]) -> Iterator[Violation]:
    """V2: an operation moved as much as it says, once. V6: and no entry without its operation."""
    for key, row in rows.items():
        if row.kind in CHARGING:
            expected, moved = -(row.charged_nanos or 0), stored.ledger.get((key, "usage"), 0)
        elif row.kind == "void_usage":
            expected = row.charged_nanos or 0
            moved = sum(stored.ledger.get((key, kind), 0) for kind in ("void", "voided_debt"))
        else:
            command = stories[key].command if key in stories else None
            if not isinstance(command, Grant | Adjustment):
                continue
            cause = "grant" if isinstance(command, Grant) else "adjustment"
            expected, moved = command.amount_nanos, stored.ledger.get((key, cause), 0)
        if moved != expected:
            yield Violation("V2", f"{key} moved {moved} nanos instead of {expected}")
    for cause, kind in stored.ledger:
        if kind in ("usage", "grant", "adjustment", "void", "voided_debt", "voided_grant") and cause not in rows:
            yield Violation("V6", f"the ledger names {cause}, which is not stored")


def _grants(stories: Mapping[str, Story], stored: Stored, rows: Mapping[str, StoredOperation]) -> Iterator[Violation]:
    """V11: a grant is made once. Where it was voided, it says so."""
    made: dict[str, int] = defaultdict(int)
    for row in stored.operations:
        if row.kind in ("grant_credits", "adjust_credits", "void_usage") and row.made_id:
            made[row.made_id] += 1
    for order in stored.orders.values():
        if order.grant_id:
            made[order.grant_id] += 1
    for id_ in stored.grants.keys() | made.keys():
        if made[id_] != 1 or id_ not in stored.grants:
            yield Violation(
                "V11", f"{made[id_]} operations or payments have made {id_}, stored: {id_ in stored.grants}"
            )
    voided = {
        story.command.grant_id for key, story in stories.items() if isinstance(story.command, VoidGrant) and key in rows
    }
    for id_, (_, voided_us) in stored.grants.items():
        if (voided_us is not None) != (id_ in voided):
            yield Violation("V11", f"{id_} was voided by {'somebody' if id_ in voided else 'nobody'}: {voided_us}")


def _subscriptions(
    stories: Mapping[str, Story], stored: Stored, rows: Mapping[str, StoredOperation]
) -> Iterator[Violation]:
    """V1: every subscription was assigned, has a plan that was asked for, and has ended where it was ended."""
    plans: dict[str, set[str]] = defaultdict(set)
    ended = set()
    for key, row in rows.items():
        command = stories[key].command if key in stories else None
        if isinstance(command, Assign):
            plans[row.made_id].add(command.plan)
        elif isinstance(command, Unassign):
            ended.add(command.subscription_id)
    for id_, asked in plans.items():
        _, plan, end_us = stored.subscriptions.get(id_, ("", "", None))
        if plan not in asked or (end_us is not None) != (id_ in ended):
            yield Violation("V1", f"{id_} has plan {plan!r}, asked for were {sorted(asked)}, and ends at {end_us}")


def _levels(stories: Mapping[str, Story], stored: Stored, rows: Mapping[str, StoredOperation]) -> Iterator[Violation]:
    """V4: a gauge is where the sum of its changes leads, or at a level after which no other was set."""
    gauges: dict[tuple[str, str], list[tuple[Story, Level, int]]] = defaultdict(list)
    for key, story in stories.items():
        if isinstance(story.command, Level) and key in rows:
            row = rows[key]
            gauges[row.account, row.meter or ""].append((story, story.command, row.level))
    for (account, meter), moves in gauges.items():
        gauge = (account, meter)
        _, level = max(
            (start, level) for (owner, start, name), level in stored.levels.items() if (owner, name) == gauge
        )
        if all(command.change for _, command, _ in moves):
            expected = {sum(command.value for _, command, _ in moves)}
        else:
            expected = {value for story, _, value in moves if not _followed(story, moves)}
        if level not in expected:
            yield Violation("V4", f"{meter} of {account} is at {level}, it should be at {sorted(expected)[:5]}")


def _followed(story: Story, moves: list[tuple[Story, Level, int]]) -> bool:
    """Whether another level was set after this one was acknowledged."""
    if not story.acknowledged:
        return False
    return any(other.first_sent_ns > story.first_acknowledged_ns for other, _, _ in moves)

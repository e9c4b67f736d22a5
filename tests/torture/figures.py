"""The figures of a run, as they are printed and written to build/torture.json."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tests.torture.checker import Evidence
from tests.torture.commands import ALL_KINDS
from tests.torture.history import Result, Sent
from tests.torture.line import Trouble
from tests.torture.nemesis import Deeds
from tests.torture.plan import Plan
from tests.torture.stories import Violation, stories_of

EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run. Counts of keys unless said otherwise.

    `replays` and `conflicts` count answers, `statuses` counts replies, `kinds` counts what was acknowledged. `unknown`
    keys were never answered, and `unknown_stored` of them are stored. `batched` keys were sent first in a batch or on a
    stream, `unary` ones alone. `declined` orders were refused by the provider, `payments` says what happened there.
    `undeclared` counts replies with the status UNKNOWN or INTERNAL. `troubles` counts what befell the line to
    PostgreSQL. `violations` counts what was found by invariant,
    with a few `examples` each: `lost` is V1, `doubled` is V2 as the history shows it, `wrong` is all the rest.
    """

    engine: str
    seed: int
    fault: str
    servers: int
    seconds: float
    operations: int
    unary: int
    batched: int
    acknowledged: int
    replays: int
    conflicts: int
    refused: int
    declined: int
    unknown: int
    unknown_stored: int
    kills: int
    kills_at_points: int
    kills_while_starting: int
    restarts: int
    other_exits: int
    database_restarts: int
    freezes: int
    terminations: int
    rolling_restarts: int
    migrations: int
    failed_migrations: int
    troubles: dict[str, int]
    payments: dict[str, int]
    undeclared: int
    recovery_seconds: float
    lost: int
    doubled: int
    wrong: int
    kinds: dict[str, int]
    statuses: dict[str, int]
    violations: dict[str, int]
    examples: dict[str, list[str]]

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.violations

    def as_json(self) -> dict[str, object]:
        """Plain values, the verdict first."""
        return {"verdict": "passed" if self.passed else "failed", **asdict(self)}


def figures_of(
    plan: Plan,
    evidence: Evidence,
    found: Sequence[Violation],
    deeds: Deeds,
    recovery_seconds: float,
    seconds: float,
) -> Figures:
    """Counts what happened and what was found."""
    stories = stories_of(evidence.sends)
    batched = _batched(evidence.sends)
    stored = {row.key for row in evidence.stored.operations}
    acknowledged = {key for key, story in stories.items() if story.acknowledged}
    refused = {key for key, story in stories.items() if story.refused}
    declined = {key for key, story in stories.items() if story.declined}
    unknown = set(stories) - acknowledged - refused - declined
    violations = Counter(violation.invariant for violation in found)
    examples: dict[str, list[str]] = {}
    for violation in found:
        texts = examples.setdefault(violation.invariant, [])
        if len(texts) < EXAMPLES_MAX:
            texts.append(f"{violation.source}: {violation.what}")
    lost = violations["V1"]
    doubled = sum((violation.invariant, violation.source) == ("V2", "history") for violation in found)
    return Figures(
        engine=plan.engine,
        seed=plan.seed,
        fault=plan.fault,
        servers=plan.servers,
        seconds=round(seconds, 1),
        operations=len(stories),
        unary=len(stories) - batched,
        batched=batched,
        acknowledged=len(acknowledged),
        replays=sum(bool(sent.reply.answer and sent.reply.answer.replayed) for sent in evidence.sends),
        conflicts=sum(sent.reply.result is Result.CONFLICT for sent in evidence.sends),
        refused=len(refused),
        declined=len(declined - acknowledged),
        unknown=len(unknown),
        unknown_stored=len(unknown & stored),
        kills=deeds.kills + deeds.kills_while_starting + deeds.kills_at_points,
        kills_at_points=deeds.kills_at_points,
        kills_while_starting=deeds.kills_while_starting,
        restarts=deeds.starts,
        other_exits=deeds.other_exits,
        database_restarts=deeds.database_restarts,
        freezes=deeds.freezes,
        terminations=deeds.terminations,
        rolling_restarts=deeds.rolling_restarts,
        migrations=deeds.migrations,
        failed_migrations=deeds.failed_migrations,
        troubles={trouble.value: deeds.troubles[trouble] for trouble in Trouble if deeds.troubles[trouble]},
        payments=_payments(evidence),
        undeclared=sum(sent.reply.status in ("UNKNOWN", "INTERNAL") for sent in evidence.sends),
        recovery_seconds=round(recovery_seconds, 2),
        lost=lost,
        doubled=doubled,
        wrong=len(found) - lost - doubled,
        kinds=dict(sorted(Counter(ALL_KINDS[type(stories[key].command)] for key in acknowledged).items())),
        statuses=dict(sorted(Counter(sent.reply.status for sent in evidence.sends).items())),
        violations=dict(sorted(violations.items())),
        examples=examples,
    )


def _payments(evidence: Evidence) -> dict[str, int]:
    """What happened at the provider; nothing where there is none."""
    record, orders = evidence.record, evidence.stored.orders.values()
    if record is None:
        return {}
    succeeded = [payment for payment in record.payments if payment.succeeded]
    ours = [payment for payment in succeeded if payment.intent in evidence.stored.orders]
    return {
        "succeeded": len(succeeded),
        "of_top_ups": sum(evidence.stored.orders[payment.intent].kind == "top_up" for payment in ours),
        "of_reloads": sum(evidence.stored.orders[payment.intent].kind == "reload" for payment in ours),
        "failed": len(record.payments) - len(succeeded),
        "orders": len(orders),
        "subscriptions": len(record.subscriptions),
        "events": len(record.events),
        "deliveries": record.deliveries,
        "failed_deliveries": record.failed_deliveries,
        "calls": record.requests,
        "calls_unanswered": record.unanswered_requests,
    }


def _batched(sends: Sequence[Sent]) -> int:
    """How many keys were in a batch or on a stream when they were sent first."""
    ways: dict[str, bool] = {}
    for sent in sorted(sends, key=lambda each: each.sent_ns):
        ways.setdefault(sent.command.key, sent.batched)
    return sum(ways.values())

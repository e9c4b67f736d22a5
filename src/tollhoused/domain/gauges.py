"""Gauges: levels and their changes, of which a usage period's peak counts (requirement U9; design: money).

A gauge's counter has in `carried` the period's peak when its segment opened and in `used` by how much the peak has
risen since, so that overage and charge are the functions that they are for counters. A period opens with the level
that was left, uncharged: the first rise of the peak charges that with itself, or else the segment's close does.
"""

from dataclasses import dataclass

from tollhoused.domain.account import MAX_QUANTITY, Account, Cause, CauseKind, Counter, Posting, Segment
from tollhoused.domain.answers import Debit, UsageAnswer
from tollhoused.domain.catalogue import MeterTerms, Policy
from tollhoused.domain.commands import Command, Enforcement, RecordUsage, digest
from tollhoused.domain.counting import counted, limit_of
from tollhoused.domain.decision import Decision, Effect, Rules, check_balance
from tollhoused.domain.instants import rfc3339
from tollhoused.domain.money import check_total
from tollhoused.domain.terms import NO_TERMS
from tollhoused.domain.usage import Refusals, counted_time, pay, terms_for
from tollhoused.errors import LevelBelowZero, QuotaExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUsage(Command):
    """A gauge's level, or by how much it changes: one of the two is None. The rest is as in RecordUsage."""

    kind = "set_usage"
    audited = False
    product: str
    meter: str
    level: int | None
    delta: int | None
    event_us: int | None
    enforcement: Enforcement
    metadata: str | None

    def content(self) -> dict[str, object]:
        return {
            "product": self.product,
            "meter": self.meter,
            "level": self.level,
            "delta": self.delta,
            "event_time": self.event_us,
            "enforcement": self.enforcement.value,
            "metadata": digest(self.metadata) if self.metadata else None,
        }

    def note(self) -> str | None:
        return self.metadata


def decide_level(account: Account, command: SetUsage | RecordUsage, now_us: int, rules: Rules) -> Decision:
    """Settles a level or a change of it in the segment of its time; the latest time wins the level that holds now.

    A change always moves the level that holds now. What comes late counts for the peak of its own segment and, where
    it moves the level, for the open one's, which charges that as it charges the level that it opened with.
    """
    event_us = counted_time(command.event_us, now_us, rules)
    segment = account.segment_at(event_us)
    refusals = Refusals(command.enforcement)
    terms = terms_for(segment, command.product, command.meter, refusals)
    own, present = account.counter(segment, command.meter), account.counter(account.segment, command.meter)
    in_time = segment is account.segment
    delta = command.quantity if isinstance(command, RecordUsage) else command.delta
    if delta is None:
        assert isinstance(command, SetUsage)
        assert command.level is not None
        level = command.level
        now_level = level if event_us >= present.level_us else present.level
    else:
        now_level = present.level + delta
        if now_level < 0:
            message = f"{command.meter}: the level is {present.level}, and cannot change by {delta}"
            raise LevelBelowZero(message, meter=command.meter, level=present.level, delta=delta)
        level = max(0, own.level + delta)
    check_total("level", max(level, now_level), MAX_QUANTITY)
    _check_limit(segment, terms, own, own.level if in_time else own.peak, level, refusals)
    risen = counted(own, terms, max(0, level - own.peak)) if level > own.peak else own
    level_us = max(present.level_us, event_us)
    shifted: Counter | None = None
    if in_time:
        after = risen._replace(level=now_level, level_us=level_us)
    else:
        after = risen._replace(level_us=own.level_us or event_us)
        shifted = _shifted(account, present, now_level, level_us, refusals)
    charge_nanos = after.charged_nanos - own.charged_nanos
    debits, unpaid_nanos = pay(account, command.meter, charge_nanos, now_us, refusals)
    balance_nanos = check_balance(account, -charge_nanos, unpaid_nanos)
    postings = (*debits, Posting(None, -unpaid_nanos)) if unpaid_nanos else tuple(debits)
    limit = limit_of(segment, command.meter)
    answer = UsageAnswer(
        account_id=account.id,
        matched_by=command.matched_by.value,
        meter=command.meter,
        plan=segment.terms.plan,
        plan_version=segment.terms.plan_version,
        quantity=command.quantity if isinstance(command, RecordUsage) else level,
        new_usage=after.peak,
        limit=limit,
        remaining=None if limit is None else max(0, limit - (now_level if in_time else level)),
        overage_quantity=after.overage - own.overage,
        charged_nanos=charge_nanos,
        currency=account.currency,
        balance_after_nanos=balance_nanos,
        debits=tuple([Debit(posting.grant_id or "", -posting.amount_nanos) for posting in debits]),
        debt_nanos=unpaid_nanos,
        lifted=tuple(refusals.lifted),
        event_us=event_us,
        recorded_us=now_us,
        period_start_us=segment.period_start_us,
        period_end_us=segment.period_end_us,
        level=now_level,
    )
    cause = Cause(CauseKind.USAGE, command.idempotency_key, command.client) if postings else None
    effect = Effect(cause=cause, postings=postings, effective_us=event_us, counter=after, shifted=shifted, level=level)
    return Decision(effect, answer)


def _shifted(account: Account, present: Counter, level: int, level_us: int, refusals: Refusals) -> Counter | None:
    """The open segment's counter where something late moves the level; None where it does not."""
    if level == present.level:
        return None
    segment = account.segment
    terms = segment.terms.meters.get(present.meter, NO_TERMS)
    _check_limit(segment, terms, present, present.level, level, refusals)
    used = max(present.used, level - present.carried)
    return present._replace(used=used, level=level, level_us=level_us)


def _check_limit(
    segment: Segment, terms: MeterTerms, counter: Counter, before: int, level: int, refusals: Refusals
) -> None:
    """HARD_LIMIT: no rise to more than what is included. Lowering is always allowed."""
    if terms.policy is not Policy.HARD_LIMIT or terms is NO_TERMS or level <= before or level <= terms.included:
        return
    message = f"{counter.meter}: the level is {before}, {level} exceeds the {terms.included} that are included"
    metadata: dict[str, str | int] = {
        "meter": counter.meter,
        "limit": terms.included,
        "used": before,
        "held": 0,
        "requested": level - before,
        "reset_time": rfc3339(segment.period_end_us),
    }
    refusals.meet(QuotaExceeded(message, **metadata))

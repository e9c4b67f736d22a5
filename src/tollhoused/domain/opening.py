"""Usage that an account brings along: it counts against the allowance and is never charged (requirement O9)."""

from dataclasses import dataclass, replace

from tollhoused.domain.account import MAX_QUANTITY, Account, Counter
from tollhoused.domain.answers import OpeningAnswer
from tollhoused.domain.commands import Command
from tollhoused.domain.counting import limit_of
from tollhoused.domain.decision import Decision, Effect
from tollhoused.domain.money import check_total
from tollhoused.errors import MeterNotInPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUsage(Command):
    """What was used of a meter in the current usage period, and settled, before Tollhouse counted; or its level."""

    kind = "open_usage"
    needs_whole = True
    meter: str
    quantity: int
    gauge: bool = False

    def content(self) -> dict[str, object]:
        return {"meter": self.meter, "quantity": self.quantity}


def decide_opening(account: Account, command: OpenUsage, now_us: int) -> Decision:
    """Carries the units into the open segment, as if the period had begun before the account did.

    What is carried has no price, and overage is counted from it on. Where the segment has use of its own, another one
    under the same terms opens here, so that nothing that was charged is priced again. A gauge's level holds from now
    on, and is carried as the peak so far. Raises MeterNotInPlan.
    """
    segment = account.segment
    if command.meter not in segment.terms.meters:
        message = f"plan {segment.terms.plan} does not include meter {command.meter}"
        raise MeterNotInPlan(message, meter=command.meter, plan=segment.terms.plan)
    before = account.counter(segment, command.meter)
    total = max(before.peak, command.quantity) if command.gauge else before.carried + before.used + command.quantity
    check_total("usage", total, MAX_QUANTITY)
    opens = replace(segment, start_us=now_us) if before.used else None
    limit = limit_of(segment, command.meter)
    answer = OpeningAnswer(
        account_id=account.id,
        matched_by=command.matched_by.value,
        meter=command.meter,
        quantity=command.quantity,
        new_usage=total,
        limit=limit,
        remaining=None if limit is None else max(0, limit - (command.quantity if command.gauge else total)),
    )
    counter = Counter((opens or segment).start_us, command.meter, carried=total)
    if command.gauge:
        counter = counter._replace(level=command.quantity, level_us=max(now_us, before.level_us))
    return Decision(Effect(segment=opens, counter=counter), answer)

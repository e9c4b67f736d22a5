"""Auto-reload: an account that buys credits by itself (requirement C6).

A reload is due whenever the available credits are below the threshold, none is in flight, and caps and breaker allow
it: a state, not an edge. It is noticed in the transaction that makes it true, and that transaction stores the intent
which a worker then carries out.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tollhoused.domain.account import Account
from tollhoused.domain.answers import AutoReloadAnswer
from tollhoused.domain.commands import Command
from tollhoused.domain.decision import Decision, Effect
from tollhoused.domain.instants import MINUTE_US
from tollhoused.domain.intent import AutoReload, Intent, IntentKind
from tollhoused.domain.payments import NANOS_PER_MINOR
from tollhoused.errors import AutoReloadNotSet

FAILURES_MAX = 3
"""Declines in a row after which it stops until it is resumed."""

WAIT_US = (60 * MINUTE_US, 24 * 60 * MINUTE_US)
"""After the first decline, and after the second."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAutoReload(Command):
    """Switches auto-reload on or off, with its amounts and caps."""

    kind = "set_auto_reload"
    provider: str
    enabled: bool
    threshold_nanos: int
    amount_nanos: int
    monthly_count_max: int
    monthly_nanos_max: int

    def content(self) -> dict[str, object]:
        return {
            "enabled": self.enabled,
            "threshold_nanos": self.threshold_nanos,
            "amount_nanos": self.amount_nanos,
            "monthly_count_max": self.monthly_count_max,
            "monthly_nanos_max": self.monthly_nanos_max,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAutoReload(Command):
    """Lets an auto-reload that has stopped after declines try again."""

    kind = "resume_auto_reload"

    def content(self) -> dict[str, object]:
        return {}


def decide_settings(account: Account, command: SetAutoReload) -> Decision:
    """New settings; what has been bought this month, and what is in flight, stays."""
    before = account.reload or AutoReload("", False, 0, 0, 0, 0)
    changed = before._replace(
        provider=command.provider,
        enabled=command.enabled,
        threshold_nanos=command.threshold_nanos,
        amount_nanos=command.amount_nanos,
        monthly_count_max=command.monthly_count_max,
        monthly_nanos_max=command.monthly_nanos_max,
    )
    return Decision(Effect(reload=changed), _answer(account, command, changed))


def decide_resumption(account: Account, command: ResumeAutoReload) -> Decision:
    """Begins to try again, as if there had been no decline."""
    if account.reload is None:
        raise AutoReloadNotSet("the account has no auto-reload")
    resumed = account.reload._replace(failures=0, next_us=0, stopped_us=None)
    return Decision(Effect(reload=resumed), _answer(account, command, resumed))


def heed_reload(account: Account, now_us: int) -> None:
    """Opens the intent of a reload that is due. Where only time is in its way, the account is due at that time."""
    reload = account.reload
    if reload is None or not reload.enabled or reload.intent_id or reload.stopped_us is not None:
        return
    if account.available_nanos(None, now_us) >= reload.threshold_nanos:
        return
    month_us, next_month_us = _month(account.zone, now_us)
    if reload.month_us != month_us:
        reload = reload._replace(month_us=month_us, bought=0, spent_nanos=0)
    capped = (
        reload.bought >= reload.monthly_count_max or reload.spent_nanos + reload.amount_nanos > reload.monthly_nanos_max
    )
    wait_us = next_month_us if capped else reload.next_us
    if wait_us > now_us:
        if wait_us < account.due_us:
            account.due_us = wait_us
            account.dirty = True
        return
    intent = Intent(
        id=f"int_{account.id.partition('_')[2]}_{account.version + 1}_{len(account.changes.intents) + 1}",
        kind=IntentKind.RELOAD,
        provider=reload.provider,
        client="",
        currency=account.currency,
        credits_nanos=reload.amount_nanos,
        price_minor=reload.amount_nanos // NANOS_PER_MINOR,
        order={},
        created_us=now_us,
        attempt_us=now_us,
    )
    account.put_intent(intent)
    account.put_reload(
        reload._replace(
            intent_id=intent.id, bought=reload.bought + 1, spent_nanos=reload.spent_nanos + reload.amount_nanos
        )
    )


def after_success(reload: AutoReload | None, intent: Intent) -> AutoReload | None:
    """What auto-reload makes of a payment that has come; None where it changes nothing.

    One that was taken for failed counts again, where it was bought in the month that is counted.
    """
    if reload is None or intent.kind is not IntentKind.RELOAD:
        return None
    if reload.intent_id != intent.id:
        if intent.created_us < reload.month_us:
            return None
        return reload._replace(bought=reload.bought + 1, spent_nanos=reload.spent_nanos + intent.credits_nanos)
    return reload._replace(intent_id="", failures=0, next_us=0)


def after_failure(reload: AutoReload | None, intent: Intent, now_us: int) -> AutoReload | None:
    """What auto-reload makes of a decline: it waits, and stops at the third. A failed one is not counted as bought."""
    if reload is None or reload.intent_id != intent.id:
        return None
    failures = reload.failures + 1
    stopped = failures >= FAILURES_MAX
    return reload._replace(
        intent_id="",
        failures=failures,
        next_us=0 if stopped else now_us + WAIT_US[failures - 1],
        stopped_us=now_us if stopped else None,
        bought=reload.bought - 1,
        spent_nanos=reload.spent_nanos - intent.credits_nanos,
    )


def _month(zone: str, at_us: int) -> tuple[int, int]:
    """The calendar month of an instant on the clocks of a zone: its first instant, and the next month's."""
    local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(ZoneInfo(zone))
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return (first.astimezone(UTC) - _EPOCH) // _MICROSECOND, (following.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _answer(account: Account, command: Command, reload: AutoReload) -> AutoReloadAnswer:
    return AutoReloadAnswer(
        account_id=account.id,
        matched_by=command.matched_by.value,
        currency=account.currency,
        enabled=reload.enabled,
        threshold_nanos=reload.threshold_nanos,
        amount_nanos=reload.amount_nanos,
        monthly_count_max=reload.monthly_count_max,
        monthly_nanos_max=reload.monthly_nanos_max,
        failures=reload.failures,
        stopped_us=reload.stopped_us,
    )

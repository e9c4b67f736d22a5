"""What payments, auto-reload and bought subscriptions have come to, told as outgoing events (requirement O7)."""

from collections.abc import Iterator

from tollhoused.domain.account import Account, Turn
from tollhoused.domain.intent import AutoReload, Intent, IntentKind, IntentState
from tollhoused.domain.outgoing import (
    AutoReloadTurn,
    EventData,
    EventKind,
    PaymentFailed,
    TopUpReturned,
    TopUpSucceeded,
)
from tollhoused.domain.payments import NANOS_PER_MINOR, Standing
from tollhoused.domain.subscription import Subscription


def told_of_turn(account: Account, turn: Turn) -> Iterator[tuple[EventKind, EventData]]:
    """The events of one intent, auto-reload or subscription that has changed."""
    before, after = turn
    if isinstance(after, Intent):
        assert before is None or isinstance(before, Intent)
        yield from _of_intent(account, before, after)
    elif isinstance(after, AutoReload):
        assert before is None or isinstance(before, AutoReload)
        if before and before.stopped_us is None and after.stopped_us is not None:
            stopped = account.intents[before.intent_id]
            yield EventKind.AUTO_RELOAD_STOPPED, _reload(account, stopped)
    elif isinstance(before, Subscription | None):
        fails = after.standing is Standing.PAST_DUE and not (before and before.standing is Standing.PAST_DUE)
        if fails and after.grace_until_us is not None:
            failed = PaymentFailed(after.id, after.provider, after.plan, after.plan_version, after.grace_until_us)
            yield EventKind.PAYMENT_FAILED, failed


def _of_intent(account: Account, before: Intent | None, after: Intent) -> Iterator[tuple[EventKind, EventData]]:
    if not after.credits_nanos:
        return
    is_reload = after.kind is IntentKind.RELOAD
    if before is None and is_reload:
        yield EventKind.AUTO_RELOAD_STARTED, _reload(account, after)
    if before and before.state is not after.state:
        if after.state is IntentState.SUCCEEDED:
            yield (
                (EventKind.AUTO_RELOAD_SUCCEEDED, _reload(account, after))
                if is_reload
                else (EventKind.TOP_UP_SUCCEEDED, _top_up(after))
            )
        elif after.state is IntentState.FAILED and is_reload:
            yield EventKind.AUTO_RELOAD_FAILED, _reload(account, after)
    if before and before.returned_minor != after.returned_minor:
        yield EventKind.TOP_UP_RETURNED, _returned(before, after)


def _top_up(intent: Intent) -> TopUpSucceeded:
    paid_nanos = intent.paid_minor * NANOS_PER_MINOR
    return TopUpSucceeded(intent.currency, intent.id, intent.grant_id, intent.credits_nanos, paid_nanos)


def _returned(before: Intent, after: Intent) -> TopUpReturned:
    return TopUpReturned(
        currency=after.currency,
        intent_id=after.id,
        paid_nanos=after.paid_minor * NANOS_PER_MINOR,
        returned_nanos=after.returned_minor * NANOS_PER_MINOR,
        credits_change_nanos=before.clawed_nanos - after.clawed_nanos,
        credits_taken_nanos=after.clawed_nanos,
    )


def _reload(account: Account, intent: Intent) -> AutoReloadTurn:
    """An attempt as it stands; when the next one may be made is told of a failed one."""
    reload = account.reload
    failed = intent.state is IntentState.FAILED
    waits = reload is not None and failed and reload.stopped_us is None
    return AutoReloadTurn(
        currency=intent.currency,
        intent_id=intent.id,
        amount_nanos=intent.credits_nanos,
        grant_id=intent.grant_id,
        decline=intent.problem if failed else "",
        failures=reload.failures if reload else 0,
        retry_us=reload.next_us if reload and waits else None,
    )

"""Which rule decides which command: one row for each kind that acts on one account."""

from tollhoused.domain import bought, credits, intents, plans, reload, reservations, settlement
from tollhoused.domain.account import Account
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.commands import (
    AdjustCredits,
    AssignPlan,
    Command,
    CommitReservation,
    ExtendReservation,
    GrantCredits,
    RecordUsage,
    ReleaseReservation,
    RemoveOverride,
    ReserveUsage,
    SetOverride,
    UnassignPlan,
    VoidGrant,
)
from tollhoused.domain.decision import Decision, Rules
from tollhoused.domain.gauges import SetUsage, decide_level
from tollhoused.domain.opening import OpenUsage, decide_opening
from tollhoused.domain.plans import CancelPendingPlanChange
from tollhoused.domain.usage import decide_usage


def decide(account: Account, command: Command, now_us: int, history: CatalogueHistory, rules: Rules) -> Decision:
    """The decision on a command that acts on one account."""
    match command:
        case RecordUsage():
            if command.gauge:
                return decide_level(account, command, now_us, rules)
            return decide_usage(account, command, now_us, rules)
        case SetUsage():
            return decide_level(account, command, now_us, rules)
        case OpenUsage():
            return decide_opening(account, command, now_us)
        case GrantCredits():
            return credits.decide_grant(account, command, now_us, history)
        case ReserveUsage():
            return reservations.decide_reserve(account, command, now_us, history)
        case CommitReservation():
            return reservations.decide_commit(account, command, now_us, history)
        case ReleaseReservation():
            return reservations.decide_release(account, command, now_us, history)
        case ExtendReservation():
            return reservations.decide_extend(account, command, now_us, history)
        case AdjustCredits():
            return credits.decide_adjustment(account, command, now_us, history)
        case VoidGrant():
            return credits.decide_void(account, command, now_us, history)
        case AssignPlan():
            return plans.decide_assignment(account, command, now_us, history)
        case UnassignPlan():
            return plans.decide_unassignment(account, command, now_us, history)
        case CancelPendingPlanChange():
            return plans.decide_cancellation(account, command, now_us, history)
        case intents.OpenIntent():
            return intents.decide_opening(account, command, now_us)
        case intents.RetryIntent():
            return intents.decide_retry(account, command, now_us)
        case intents.NoteAttempt():
            return intents.decide_note(account, command, now_us)
        case intents.LinkCustomer():
            return intents.decide_link(account, command)
        case settlement.ObservePayment():
            return settlement.decide_payment(account, command, now_us)
        case bought.ObserveSubscription():
            return bought.decide_subscription(account, command, now_us, history)
        case reload.SetAutoReload():
            return reload.decide_settings(account, command)
        case reload.ResumeAutoReload():
            return reload.decide_resumption(account, command)
        case SetOverride():
            return plans.decide_override(account, command, now_us, history)
        case RemoveOverride():
            return plans.decide_removal(account, command, now_us)
    raise AssertionError(command.kind)

"""For what a command may be refused, as the accounts and the other clients' commands are."""

from tests.torture.commands import (
    Assign,
    Command,
    Commit,
    Extend,
    Grant,
    Level,
    Release,
    Reserve,
    Unassign,
    Usage,
    VoidGrant,
    VoidUsage,
)
from tests.torture.purchases import CancelPlan, Checkout, ResumePlan

NONE: frozenset[str] = frozenset()


def allowed(command: Command) -> frozenset[str]:
    """The reasons that the contract allows here; what another client has ended or taken back is ended for all."""
    match command:
        case Usage() | Level() | Reserve():
            return command.actor.refusals
        case Grant():
            # Credits cannot be given any more once the instant has come at which they expire.
            return frozenset({"INVALID_FIELD"}) if command.expires_us else NONE
        case VoidGrant():
            return frozenset({"GRANT_NOT_FOUND"})
        case VoidUsage():
            return frozenset({"ALREADY_VOIDED"})
        case Extend() | Release():
            return frozenset({"RESERVATION_FINAL"})
        case Commit():
            beyond = command.quantity > command.reserved
            excess = command.actor.refusals | {"RESERVATION_EXCEEDED"} if beyond else NONE
            return frozenset({"RESERVATION_FINAL"}) | excess
        case Assign():
            return frozenset({"SUBSCRIPTION_NOT_FOUND"}) if command.subscription_id else NONE
        case Unassign():
            return frozenset({"SUBSCRIPTION_NOT_FOUND"})
        case Checkout():
            return frozenset({"ALREADY_SUBSCRIBED"})
        case CancelPlan() | ResumePlan():
            return frozenset({"NO_SUBSCRIPTION"})
    return NONE

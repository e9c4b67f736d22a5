"""Everything that can be refused or fail, declared once: a kind class per status, one leaf per reason.

It knows neither gRPC nor HTTP: each door has its table. A test compares the reasons with `error_reason.proto`.
"""

from typing import ClassVar


class Reported(Exception):
    """A failure whose message is for people: a command ends with it as one line, without a traceback."""


class TollhouseError(Reported):
    """Base of all declared errors: a message for people, and metadata for programs.

    Metadata values are text; the keys of each reason are documented in `error_reason.proto`.
    """

    reason: ClassVar[str]

    def __init__(self, message: str, **metadata: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = {key: str(value) for key, value in metadata.items()}

    def at_item(self, index: int) -> "TollhouseError":
        """Names the item of a batch that was refused; returns itself."""
        self.metadata["item"] = str(index)
        return self


class InvalidArgument(TollhouseError):
    """The request is malformed whatever the state: correct it before sending it again."""


class Unauthenticated(TollhouseError):
    """Who calls is not known."""


class PermissionDenied(TollhouseError):
    """The caller is known and may not do this."""


class NotFound(TollhouseError):
    """What the request names does not exist, or is not the caller's to see."""


class AlreadyExists(TollhouseError):
    """What the request would make is there already, or its idempotency key stands for another command."""


class FailedPrecondition(TollhouseError):
    """The state forbids it; nothing was recorded, and the same key may succeed later."""


class ResourceExhausted(TollhouseError):
    """A limit is used up; nothing was recorded."""


class Unavailable(TollhouseError):
    """A needed part is away or full: repeat with the same key."""


class Aborted(TollhouseError):
    """Concurrent work won every internal retry: repeat with the same key."""


class DeadlineExceeded(TollhouseError):
    """Time ran out; the outcome is unknown: repeat with the same key."""


class Internal(TollhouseError):
    """A defect of ours; the caller sees an opaque id, the log has the rest."""


class InvalidField(InvalidArgument):
    """One field breaks its documented rule. `field` is its path in the request, such as `items[3].quantity`."""

    reason = "INVALID_FIELD"

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}", field=field)
        self.field = field
        self.description = description

    def under(self, prefix: str) -> "InvalidField":
        """The same complaint about a field nested below `prefix`."""
        return InvalidField(f"{prefix}.{self.field}", self.description)


class UndecodableRequest(InvalidArgument):
    """The bytes are no message of the expected type."""

    reason = "UNDECODABLE_REQUEST"


class KeyMissing(Unauthenticated):
    """The call carries no API key."""

    reason = "KEY_MISSING"


class KeyInvalid(Unauthenticated):
    """The API key is malformed, unknown, or its secret is wrong: one answer for all."""

    reason = "KEY_INVALID"


class KeyExpired(Unauthenticated):
    """The API key's time is over."""

    reason = "KEY_EXPIRED"


class KeyRevoked(Unauthenticated):
    """The API key was revoked."""

    reason = "KEY_REVOKED"


class KeyOfOtherEnvironment(Unauthenticated):
    """A key of the live environment at a test deployment, or the other way round."""

    reason = "KEY_OF_OTHER_ENVIRONMENT"


class ScopeMissing(PermissionDenied):
    """The key lacks the scope that the call takes."""

    reason = "SCOPE_MISSING"


class ProductNotAllowed(PermissionDenied):
    """The key does not speak for the product."""

    reason = "PRODUCT_NOT_ALLOWED"


class NotAMember(PermissionDenied):
    """The user named is no member of the organization named."""

    reason = "NOT_A_MEMBER"


class CreationNotAllowed(PermissionDenied):
    """The key may not ask for accounts to be made."""

    reason = "CREATION_NOT_ALLOWED"


class SubjectNotFound(NotFound):
    """No account is known under this subject. Never answered by a silent free plan (requirement I1)."""

    reason = "SUBJECT_NOT_FOUND"


class OperationNotFound(NotFound):
    """No operation of this client is stored under the key."""

    reason = "OPERATION_NOT_FOUND"


class SubscriptionNotFound(NotFound):
    """The account has no open subscription of this id that operators may change."""

    reason = "SUBSCRIPTION_NOT_FOUND"


class OverrideNotFound(NotFound):
    """The account has no override of this id in force or to come."""

    reason = "OVERRIDE_NOT_FOUND"


class ReservationNotFound(NotFound):
    """No reservation that the caller may see has this id."""

    reason = "RESERVATION_NOT_FOUND"


class GrantNotFound(NotFound):
    """The account has no grant of this id with anything left."""

    reason = "GRANT_NOT_FOUND"


class MembershipNotFound(NotFound):
    """The person is not a member of the organization, so there is nothing to end."""

    reason = "MEMBERSHIP_NOT_FOUND"


class ClientNotFound(NotFound):
    """No client has this id."""

    reason = "CLIENT_NOT_FOUND"


class KeyNotFound(NotFound):
    """No API key has this id, or it is not live any more where a live one is needed."""

    reason = "KEY_NOT_FOUND"


class IdempotencyKeyReused(AlreadyExists):
    """The key was used before with other content; `field` names the first difference."""

    reason = "IDEMPOTENCY_KEY_REUSED"


class ClientExists(AlreadyExists):
    """Another operation has made a client with this id."""

    reason = "CLIENT_EXISTS"


class SubjectConflict(FailedPrecondition):
    """The parts of the subject contradict each other."""

    reason = "SUBJECT_CONFLICT"


class InsufficientCredits(FailedPrecondition):
    """The overage costs more than the credits available for this meter."""

    reason = "INSUFFICIENT_CREDITS"


class SubscriptionRequired(FailedPrecondition):
    """The plan gives no access to the product."""

    reason = "SUBSCRIPTION_REQUIRED"


class MeterNotInPlan(FailedPrecondition):
    """The plan does not include the meter."""

    reason = "METER_NOT_IN_PLAN"


class EventTooOld(FailedPrecondition):
    """The event's time lies before the window for late events."""

    reason = "EVENT_TOO_OLD"


class EventInFuture(FailedPrecondition):
    """The event's time lies more than five minutes ahead of the server's clock."""

    reason = "EVENT_IN_FUTURE"


class AmountOutOfRange(FailedPrecondition):
    """A stored total would leave the range of plus or minus 2**62."""

    reason = "AMOUNT_OUT_OF_RANGE"


class ReservationFinal(FailedPrecondition):
    """The reservation has ended, by a call or by its time, and stays as it ended."""

    reason = "RESERVATION_FINAL"


class ReservationExceeded(FailedPrecondition):
    """The commit exceeds what was reserved, and the reservation says that it must not."""

    reason = "RESERVATION_EXCEEDED"


class NoTestClock(FailedPrecondition):
    """Time is moved in the test environment only."""

    reason = "TEST_CLOCK_DISABLED"


class AlreadyVoided(FailedPrecondition):
    """The usage was taken back before, by another operation."""

    reason = "ALREADY_VOIDED"


class LevelBelowZero(FailedPrecondition):
    """The change would bring a gauge's level below zero."""

    reason = "LEVEL_BELOW_ZERO"


class NoPendingPlanChange(FailedPrecondition):
    """The subscription has no change of plan to come."""

    reason = "NO_PENDING_PLAN_CHANGE"


class OrderNotFound(NotFound):
    """The account has no top-up, payment link or other order of this id."""

    reason = "ORDER_NOT_FOUND"


class AutoReloadNotSet(FailedPrecondition):
    """The account has no auto-reload: it was never set."""

    reason = "AUTO_RELOAD_NOT_SET"


class NoProvider(FailedPrecondition):
    """No payment provider is configured for this server."""

    reason = "NO_PROVIDER"


class NotSold(FailedPrecondition):
    """The provider does not sell this: the catalogue has no price of it there, or it is agreed individually."""

    reason = "NOT_SOLD"


class AlreadySubscribed(FailedPrecondition):
    """The account has a bought subscription already: change it instead of buying another."""

    reason = "ALREADY_SUBSCRIBED"


class NoSubscription(FailedPrecondition):
    """The account has no bought subscription that could be changed."""

    reason = "NO_SUBSCRIPTION"


class ProviderRefused(FailedPrecondition):
    """The provider has said no; nothing happened."""

    reason = "PROVIDER_REFUSED"


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or too many calls wait for it: repeat with the same key."""

    reason = "PROVIDER_UNAVAILABLE"


class EndpointNotFound(NotFound):
    """No event endpoint has this id, or it was deleted."""

    reason = "ENDPOINT_NOT_FOUND"


class TooManyKeys(FailedPrecondition):
    """The client has as many live keys as it may have at once."""

    reason = "TOO_MANY_KEYS"


class QuotaExceeded(ResourceExhausted):
    """The allowance of a hard-limited meter does not suffice."""

    reason = "QUOTA_EXCEEDED"


class RateLimited(ResourceExhausted):
    """The client sends faster than it may; the call counts for nothing, and may be repeated later."""

    reason = "RATE_LIMITED"


class Overloaded(Unavailable):
    """The queue is full; nothing was written."""

    reason = "OVERLOADED"


class StoreUnavailable(Unavailable):
    """The database does not answer or cannot write."""

    reason = "STORE_UNAVAILABLE"


class ShuttingDown(Unavailable):
    """This process takes no more work."""

    reason = "SHUTTING_DOWN"


class Contention(Aborted):
    """Concurrent transactions collided more often than we retry."""

    reason = "CONTENTION"


class OutOfTime(DeadlineExceeded):
    """The call's deadline passed before its answer was stored, or before we could tell."""

    reason = "DEADLINE_EXCEEDED"


class InternalError(Internal):
    """The only text a caller sees of a defect: an id to look up in the log."""

    reason = "INTERNAL"

"""What the domain's tests talk about: instants, commands with defaults, and a desk that settles them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from tests.domain.shop import HISTORY
from tollhoused.domain.account import Account, AccountKind, LedgerEntry
from tollhoused.domain.answers import (
    AccountAnswer,
    Answer,
    CommitAnswer,
    CreditsAnswer,
    OverrideAnswer,
    ReservationAnswer,
    SubscriptionAnswer,
    UsageAnswer,
    VoidAnswer,
)
from tollhoused.domain.books import Books, Settled, new_account
from tollhoused.domain.catalogue import CatalogueHistory, GrantCategory, Policy
from tollhoused.domain.commands import (
    AdjustCredits,
    AssignPlan,
    Command,
    CommitReservation,
    Enforcement,
    ExtendReservation,
    GrantCredits,
    RecordUsage,
    ReleaseReservation,
    RemoveOverride,
    ReserveUsage,
    SetOverride,
    Tick,
    UnassignPlan,
    UpsertOrganization,
    UpsertUser,
    VoidGrant,
)
from tollhoused.domain.decision import Rules
from tollhoused.domain.directory import Directory
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.identity import MatchedBy, Subject, User
from tollhoused.domain.instants import DAY_US, MINUTE_US
from tollhoused.domain.plans import CancelPendingPlanChange
from tollhoused.domain.rates import Rate
from tollhoused.domain.reservation import OnExpiry, OverCommit
from tollhoused.domain.voids import VoidUsage

NANOS = 10**9
"""One unit of the currency."""
HOUR_US = 60 * MINUTE_US
START_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z: when accounts of the tests begin."""
PERIOD_END_US = START_US + 31 * DAY_US
"""The end of their first usage period."""

RULES = Rules(late_window_us=35 * DAY_US, future_tolerance_us=5 * MINUTE_US)
ANNA = Subject(user_id="anna")
ANNAS = "acct_anna"
RECORD = Enforcement.RECORD

AnswerT = TypeVar("AnswerT", bound=Answer)

_numbers = count(1)


def fresh(prefix: str) -> str:
    """A name that no other test has; later ones sort behind earlier ones, as those of the server do."""
    return f"{prefix}_{next(_numbers):08d}"


def use(
    quantity: int = 1,
    meter: str = "calls",
    *,
    product: str = "talk",
    at: int | None = None,
    enforcement: Enforcement = Enforcement.ENFORCE,
    metadata: str | None = None,
    key: str | None = None,
    client: str = "local",
    subject: Subject = ANNA,
    account_id: str = ANNAS,
    matched_by: MatchedBy = MatchedBy.USER_ID,
) -> RecordUsage:
    """A usage event that happens at `at`, or when it arrives."""
    return RecordUsage(
        client=client,
        idempotency_key=fresh("key") if key is None else key,
        subject=subject,
        account_id=account_id,
        matched_by=matched_by,
        product=product,
        meter=meter,
        quantity=quantity,
        event_us=at,
        enforcement=enforcement,
        metadata=metadata,
        gauge=meter == "space",
    )


def put(
    level: int | None = None,
    *,
    delta: int | None = None,
    meter: str = "space",
    product: str = "talk",
    at: int | None = None,
    enforcement: Enforcement = Enforcement.ENFORCE,
    key: str | None = None,
) -> SetUsage:
    """A gauge's level, or its change."""
    return SetUsage(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        product=product,
        meter=meter,
        level=level,
        delta=delta,
        event_us=at,
        enforcement=enforcement,
        metadata=None,
    )


def grant(
    amount_nanos: int = 100 * NANOS,
    *,
    id: str | None = None,
    category: GrantCategory = GrantCategory.PAID,
    priority: int = 100,
    effective: int | None = None,
    expires: int | None = None,
    meters: tuple[str, ...] = (),
    reason: str = "",
    key: str | None = None,
) -> GrantCredits:
    """Credits; at once and for ever unless told otherwise."""
    return GrantCredits(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        grant_id=id or fresh("grant"),
        amount_nanos=amount_nanos,
        category=category,
        priority=priority,
        effective_us=effective,
        expires_us=expires,
        meters=frozenset(meters),
        reason=reason,
    )


def reserve(
    quantity: int = 1,
    meter: str = "calls",
    *,
    id: str | None = None,
    product: str = "talk",
    hours: int = 1,
    on_expiry: OnExpiry = OnExpiry.RELEASE,
    over_commit: OverCommit = OverCommit.RECORD,
    key: str | None = None,
) -> ReserveUsage:
    """Units to hold for some hours."""
    return ReserveUsage(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        new_id=id or fresh("rsv"),
        product=product,
        meter=meter,
        quantity=quantity,
        ttl_us=hours * HOUR_US,
        on_expiry=on_expiry,
        over_commit=over_commit,
        metadata=None,
    )


def commit(reservation_id: str, quantity: int, *, key: str | None = None) -> CommitReservation:
    """What was used in the end."""
    return CommitReservation(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        account_id=ANNAS,
        reservation_id=reservation_id,
        meter="",
        segment_start_us=0,
        quantity=quantity,
        metadata=None,
    )


def release(reservation_id: str, *, key: str | None = None) -> ReleaseReservation:
    """The action did not happen."""
    return ReleaseReservation(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        account_id=ANNAS,
        reservation_id=reservation_id,
        meter="",
        segment_start_us=0,
    )


def extend(reservation_id: str, hours: int, *, key: str | None = None) -> ExtendReservation:
    """A later end."""
    return ExtendReservation(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        account_id=ANNAS,
        reservation_id=reservation_id,
        meter="",
        segment_start_us=0,
        ttl_us=hours * HOUR_US,
    )


def void(grant_id: str, *, key: str | None = None) -> VoidGrant:
    """The end of a grant."""
    return VoidGrant(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        grant_id=grant_id,
        reason="",
    )


def void_usage(voided_key: str, *, id: str | None = None, key: str | None = None) -> VoidUsage:
    """Takes usage back; the desk finds out what must be loaded for it."""
    return VoidUsage(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        account_id=ANNAS,
        meter="",
        segment_start_us=0,
        voided_key=voided_key,
        grant_id=id or fresh("grant"),
        reason="a mistake",
    )


def adjust(amount_nanos: int, *, id: str | None = None, reason: str = "", key: str | None = None) -> AdjustCredits:
    """A signed correction."""
    return AdjustCredits(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        grant_id=id or fresh("grant"),
        amount_nanos=amount_nanos,
        reason=reason,
    )


def assign(
    plan: str = "plus",
    *,
    id: str | None = None,
    changes: str = "",
    version: int | None = None,
    start: int | None = None,
    end: int | None = None,
    trial: int | None = None,
    at: int | None = None,
    key: str | None = None,
) -> AssignPlan:
    """A plan from `start` to `end`, or another plan for the subscription `changes`, from `at` on."""
    return AssignPlan(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        new_id=id or fresh("sub"),
        changes=changes,
        plan=plan,
        plan_version=version,
        start_us=start,
        end_us=end,
        trial_end_us=trial,
        effective_us=at,
    )


def cancel(subscription_id: str, *, key: str | None = None) -> CancelPendingPlanChange:
    """No change of plan after all."""
    return CancelPendingPlanChange(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        subscription_id=subscription_id,
    )


def unassign(subscription_id: str, *, key: str | None = None) -> UnassignPlan:
    """The end of a subscription."""
    return UnassignPlan(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        subscription_id=subscription_id,
    )


def override(
    meter: str = "calls",
    *,
    id: str | None = None,
    included: int | None = None,
    policy: Policy | None = None,
    rate: Rate | None = None,
    start: int | None = None,
    end: int | None = None,
    key: str | None = None,
) -> SetOverride:
    """An exception for one meter."""
    return SetOverride(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        override_id=id or fresh("ovr"),
        meter=meter,
        included=included,
        policy=policy,
        rate=rate,
        from_us=start,
        until_us=end,
    )


def remove(override_id: str, *, key: str | None = None) -> RemoveOverride:
    """The end of an exception."""
    return RemoveOverride(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=ANNA,
        account_id=ANNAS,
        matched_by=MatchedBy.USER_ID,
        override_id=override_id,
    )


def upsert_user(
    user_id: str = "",
    email: str = "",
    *,
    account_id: str | None = None,
    zone: str = "UTC",
    key: str | None = None,
) -> UpsertUser:
    """A person to make or to complete; `account_id` is the account that the subject names already, if any."""
    return UpsertUser(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=Subject(user_id=user_id, email=email),
        account_id=account_id or "",
        matched_by=MatchedBy.USER_ID,
        new_user_id=fresh("user"),
        new_account_id=account_id or fresh("acct"),
        zone=zone,
        currency="eur",
    )


def upsert_organization(
    org_id: str, *, account_id: str | None = None, zone: str = "UTC", key: str | None = None
) -> UpsertOrganization:
    """An organization to make or to find."""
    return UpsertOrganization(
        client="local",
        idempotency_key=fresh("key") if key is None else key,
        subject=Subject(org_id=org_id),
        account_id=account_id or "",
        matched_by=MatchedBy.ORG_ID,
        new_account_id=account_id or fresh("acct"),
        zone=zone,
        currency="eur",
    )


def tick() -> Tick:
    """The empty command."""
    return Tick(client="", idempotency_key="", subject=ANNA, account_id=ANNAS, matched_by=MatchedBy.USER_ID)


@dataclass
class Desk:
    """Books with a clock that a test moves, and in them Anna, whose account began at START_US on the default plan."""

    history: CatalogueHistory = HISTORY
    zone: str = "UTC"
    rules: Rules = RULES
    books: Books = field(init=False)

    def __post_init__(self) -> None:
        directory = Directory()
        directory.add_user(User("user_anna", ANNAS, "anna", "anna@example.com"))
        account = new_account(ANNAS, AccountKind.PERSONAL, self.zone, "eur", START_US, self.history)
        self.books = Books(START_US, {ANNAS: account}, {}, directory)

    @property
    def account(self) -> Account:
        """Anna's account as it stands in the books."""
        return self.books.accounts[ANNAS]

    @property
    def now_us(self) -> int:
        return self.books.clock_us

    def wait_until(self, now_us: int) -> "Desk":
        """Sets the clock; nothing notices before the next command."""
        self.books.clock_us = now_us
        return self

    def settle(self, command: Command) -> Settled:
        """What the caller of one command is told, or its refusal."""
        return self.books.settle(command, self.history, self.rules)

    def settle_atomic(self, *commands: Command) -> list[Settled]:
        """What the caller of an atomic batch is told, or its refusal."""
        return self.books.settle_atomic(commands, self.history, self.rules)

    def use(self, command: RecordUsage | SetUsage) -> UsageAnswer:
        return _expect(UsageAnswer, self.settle(command))

    def reserve(self, command: ReserveUsage | ExtendReservation | ReleaseReservation) -> ReservationAnswer:
        return _expect(ReservationAnswer, self.settle(command))

    def commit(self, command: CommitReservation) -> CommitAnswer:
        return _expect(CommitAnswer, self.settle(command))

    def void(self, command: VoidUsage) -> VoidAnswer:
        return _expect(VoidAnswer, self.settle(command))

    def credit(self, command: GrantCredits | AdjustCredits | VoidGrant) -> CreditsAnswer:
        return _expect(CreditsAnswer, self.settle(command))

    def subscribe(self, command: AssignPlan | UnassignPlan | CancelPendingPlanChange) -> SubscriptionAnswer:
        return _expect(SubscriptionAnswer, self.settle(command))

    def override(self, command: SetOverride | RemoveOverride) -> OverrideAnswer:
        return _expect(OverrideAnswer, self.settle(command))

    def upsert(self, command: UpsertUser | UpsertOrganization) -> AccountAnswer:
        return _expect(AccountAnswer, self.settle(command))

    def let_time_pass(self, now_us: int) -> "Desk":
        """Sets the clock, and brings the account up to date."""
        self.wait_until(now_us).settle(tick())
        return self

    @property
    def ledger(self) -> list[LedgerEntry]:
        """Everything that was booked for Anna."""
        return self.account.changes.entries

    @property
    def remaining(self) -> Mapping[str, int]:
        """What is left of each grant."""
        return {grant.id: grant.remaining_nanos for grant in self.account.grants.values()}

    def snapshot(self) -> str:
        """Everything that the books hold, in depth: two snapshots are equal when nothing has moved in between."""
        return repr(self.books)


def _expect(kind: type[AnswerT], settled: Settled) -> AnswerT:
    assert isinstance(settled.answer, kind)
    return settled.answer

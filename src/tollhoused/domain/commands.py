"""Commands: what callers ask to be changed. Each is the content of one operation, under one idempotency key."""

import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar

from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.identity import MatchedBy, Subject
from tollhoused.domain.json_text import compact_json
from tollhoused.domain.rates import Rate, rate_to_json
from tollhoused.domain.reservation import OnExpiry, OverCommit

NOBODY = Subject()


class Enforcement(StrEnum):
    """ENFORCE: the action has not happened yet, refuse it. RECORD: it has happened, never lose it (requirement U4)."""

    ENFORCE = "enforce"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands share: who asked under which key, and about whom.

    Not an ABC, though it is abstract: each command is asked a dozen times what it is, which takes six times as long of
    an ABC's subclasses.

    `idempotency_key` is empty only for previews. `account_id` and `matched_by` are what the subject resolved to when
    the command was made; the journal checks that again under the locks. `needs_whole` says that deciding takes every
    counter, subscription and override of the account, `audited` that it is an administrative act, `discreet` that the
    audit log does not even get fingerprints of who it was about.
    """

    kind: ClassVar[str]
    audited: ClassVar[bool] = True
    discreet: ClassVar[bool] = False
    needs_whole: ClassVar[bool] = False
    client: str
    idempotency_key: str
    subject: Subject
    account_id: str
    matched_by: MatchedBy

    def named(self) -> dict[str, object]:
        """Whom the command is about, as fingerprints under the request's fields: names are personal."""
        return {"subject": fingerprint(self.subject)}

    @abstractmethod
    def content(self) -> dict[str, object]:
        """What else the caller sent, under the request's fields, in the order in which differences are reported."""

    def note(self) -> str | None:
        """What is kept for people beside the operation, as JSON text; erasable."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordUsage(Command):
    """One usage event.

    `meter` is canonical; `event_us` is None when the caller gave no time; `metadata` is JSON text. On a `gauge` it is
    a rise of the level.
    """

    kind = "record_usage"
    audited = False
    product: str
    meter: str
    quantity: int
    event_us: int | None
    enforcement: Enforcement
    metadata: str | None
    gauge: bool = False

    def content(self) -> dict[str, object]:
        return {
            "product": self.product,
            "meter": self.meter,
            "quantity": self.quantity,
            "event_time": self.event_us,
            "enforcement": self.enforcement.value,
            "metadata": digest(self.metadata) if self.metadata else None,
        }

    def note(self) -> str | None:
        return self.metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveUsage(Command):
    """Allowance and credits to hold before an action; `new_id` is the reservation's."""

    kind = "reserve_usage"
    audited = False
    new_id: str
    product: str
    meter: str
    quantity: int
    ttl_us: int
    on_expiry: OnExpiry
    over_commit: OverCommit
    metadata: str | None

    def content(self) -> dict[str, object]:
        return {
            "product": self.product,
            "meter": self.meter,
            "quantity": self.quantity,
            "ttl": self.ttl_us,
            "on_expiry": self.on_expiry.value,
            "over_commit": self.over_commit.value,
            "metadata": digest(self.metadata) if self.metadata else None,
        }

    def note(self) -> str | None:
        return self.metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCommand(Command):
    """What is done to something that is stored, which says whose it is.

    `meter` and `segment_start_us` say what must be loaded for it, and nothing of what was sent.
    """

    audited = False
    subject: Subject = NOBODY
    matched_by: MatchedBy = MatchedBy.USER_ID
    meter: str
    segment_start_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCommand(StoredCommand):
    """What is done to a reservation."""

    reservation_id: str

    def named(self) -> dict[str, object]:
        return {"reservation_id": self.reservation_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendReservation(ReservationCommand):
    """Moves the end to `ttl_us` from now."""

    kind = "extend_reservation"
    ttl_us: int

    def content(self) -> dict[str, object]:
        return {"ttl": self.ttl_us}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReservation(ReservationCommand):
    """Gives back what is held: the action did not happen."""

    kind = "release_reservation"

    def content(self) -> dict[str, object]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReservation(ReservationCommand):
    """Records what the action used in the end, and gives the rest back."""

    kind = "commit_reservation"
    quantity: int
    metadata: str | None

    def content(self) -> dict[str, object]:
        return {"quantity": self.quantity, "metadata": digest(self.metadata) if self.metadata else None}

    def note(self) -> str | None:
        return self.metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidGrant(Command):
    """Ends a grant before its time: what is left of it and not held is gone."""

    kind = "void_grant"
    grant_id: str
    reason: str

    def content(self) -> dict[str, object]:
        return {"grant_id": self.grant_id, "reason": digest(self.reason)}

    def note(self) -> str | None:
        return compact_json({"reason": self.reason}) if self.reason else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantCredits(Command):
    """Credits given by an operator.

    `effective_us` None means at once, `expires_us` None never. `reason` is kept for people.
    """

    kind = "grant_credits"
    grant_id: str
    amount_nanos: int
    category: GrantCategory
    priority: int
    effective_us: int | None
    expires_us: int | None
    meters: frozenset[str]
    reason: str

    def content(self) -> dict[str, object]:
        return {
            "amount_nanos": self.amount_nanos,
            "category": self.category.value,
            "priority": self.priority,
            "effective_time": self.effective_us,
            "expire_time": self.expires_us,
            "meters": sorted(self.meters),
            "reason": digest(self.reason),
        }

    def note(self) -> str | None:
        return compact_json({"reason": self.reason}) if self.reason else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustCredits(Command):
    """A correction of the balance by a signed amount; what is left of a positive one becomes the grant `grant_id`."""

    kind = "adjust_credits"
    grant_id: str
    amount_nanos: int
    reason: str

    def content(self) -> dict[str, object]:
        return {"amount_nanos": self.amount_nanos, "reason": digest(self.reason)}

    def note(self) -> str | None:
        return compact_json({"reason": self.reason}) if self.reason else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignPlan(Command):
    """Assigns a plan without a provider, or changes the plan of the subscription named in `changes`.

    `new_id` is the id of the subscription to make; a `start_us` before now counts as now. Its usage periods turn by
    `anchor_us`, None for its start. A change may be scheduled for `effective_us`.
    """

    kind = "assign_plan"
    needs_whole = True
    new_id: str
    changes: str
    plan: str
    plan_version: int | None
    start_us: int | None
    end_us: int | None
    anchor_us: int | None = None
    trial_end_us: int | None = None
    effective_us: int | None = None

    def content(self) -> dict[str, object]:
        later = {
            "anchor_time": self.anchor_us,
            "trial_end_time": self.trial_end_us,
            "effective_time": self.effective_us,
        }
        return {
            "plan": self.plan,
            "plan_version": self.plan_version,
            "start_time": self.start_us,
            "end_time": self.end_us,
            "subscription_id": self.changes,
            **{name: at_us for name, at_us in later.items() if at_us is not None},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class UnassignPlan(Command):
    """Ends an operator's subscription at once."""

    kind = "unassign_plan"
    needs_whole = True
    subscription_id: str

    def content(self) -> dict[str, object]:
        return {"subscription_id": self.subscription_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOverride(Command):
    """Makes an exception for one meter. None takes the plan's value; a `from_us` before now counts as now."""

    kind = "set_override"
    needs_whole = True
    override_id: str
    meter: str
    included: int | None
    policy: Policy | None
    rate: Rate | None
    from_us: int | None
    until_us: int | None

    def content(self) -> dict[str, object]:
        return {
            "meter": self.meter,
            "included": self.included,
            "policy": self.policy.value if self.policy else None,
            "rate": rate_to_json(self.rate) if self.rate else None,
            "start_time": self.from_us,
            "end_time": self.until_us,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOverride(Command):
    """Ends an override at once."""

    kind = "remove_override"
    needs_whole = True
    override_id: str

    def content(self) -> dict[str, object]:
        return {"override_id": self.override_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertUser(Command):
    """Makes or completes a user and the personal account; `account_id` is empty where nobody was known.

    The new ids are for what is made: whoever was found may have been erased since.
    """

    kind = "upsert_user"
    new_user_id: str
    new_account_id: str
    zone: str
    currency: str

    def named(self) -> dict[str, object]:
        return {"user_id": digest(self.subject.user_id), "email": digest(self.subject.email)}

    def content(self) -> dict[str, object]:
        return {"zone": self.zone}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertOrganization(Command):
    """Makes an organization and its account; the ids are as in UpsertUser."""

    kind = "upsert_organization"
    new_account_id: str
    zone: str
    currency: str

    def named(self) -> dict[str, object]:
        return {"org_id": digest(self.subject.org_id)}

    def content(self) -> dict[str, object]:
        return {"zone": self.zone}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Command):
    """The empty command: brings a due account up to date. It is no operation and is stored nowhere."""

    kind, audited = "tick", False

    def content(self) -> dict[str, object]:
        return {}


def digest(text: str) -> str:
    """A short fingerprint of text that may be personal: enough to compare, not to read."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@lru_cache(maxsize=16_384)
def fingerprint(subject: Subject) -> str:
    """Whom a caller meant, as a fingerprint; the same subjects come again and again."""
    return digest(f"{subject.user_id}\0{subject.email}\0{subject.org_id}")

"""What a proof of the books is made of: the rows of one account, and what does not hold (design: invariants).

The proofs themselves are beside this module: of the account's time and terms, of its usage, of its ledger. They
recompute from rows what the journal stored as totals, and know nothing of how rows are read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tollhoused.domain.account import Account
from tollhoused.domain.reservation import Reservation

INVARIANTS = {
    "V2": "no key is charged twice",
    "V4": "time has no gap, and a counter's use is the sum of its operations",
    "V5": "a balance is the sum of its ledger and of its grants' remainders without the debt",
    "V6": "every row has its cause, and every charge is the price of the overage under the terms",
    "V7": "nothing under ENFORCE exceeded what was available",
    "V11": "a payment brings its credits once, and what is given back of it takes them back once",
    "V12": "a reservation ends exactly once, and what is held is the sum of the open ones",
}
"""Those that are proved from rows, by the numbers that the design gives them. A row that makes no sense breaks V6."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An invariant that does not hold: its number, the account (empty where it is no account's), and a sentence."""

    invariant: str
    account_id: str
    what: str


class OperationRow(NamedTuple):
    """An operation. The columns of usage, from the product to the charge, are None for other kinds.

    `enforcement` is None where the stored request names none; `sent` is the stored request of voids.
    """

    account_id: str
    kind: str
    idempotency_key: str
    product: str | None
    meter: str | None
    segment_start_us: int | None
    quantity: int
    overage: int
    charged_nanos: int
    slice: int
    stored_us: int
    event_us: int
    enforcement: str | None
    client: str
    voided_by: str | None
    sent: str | None


class EntryRow(NamedTuple):
    """A ledger entry, and of the operation that it names as its cause: owner, kind, times, meter, charge, request.

    `sent` is the stored request of operations that are no usage. What belongs to the operation is None without one.
    """

    account_id: str
    sequence: int
    slice: int
    booked_us: int
    effective_us: int
    grant_id: str | None
    amount_nanos: int
    balance_after_nanos: int
    cause_kind: str
    cause: str
    cause_client: str
    owner: str | None
    kind: str | None
    stored_us: int | None
    event_us: int | None
    meter: str | None
    segment_start_us: int | None
    charged_nanos: int | None
    enforcement: str | None
    sent: str | None


class MemberRow(NamedTuple):
    """A membership in the account's organization.

    `known_user` is None where the user is not there, `owner` is the account of the organization that it names, and
    `primaries` is how many primary memberships the user has.
    """

    account_id: str
    user: str
    org_id: str
    known_user: str | None
    owner: str | None
    primaries: int


class IntentRow(NamedTuple):
    """What a provider was asked for, and what has been paid for it. `kind` and `state` are words of the domain."""

    account_id: str
    id: str
    kind: str
    state: str
    currency: str
    credits_nanos: int
    price_minor: int
    payment_id: str
    grant_id: str
    paid_minor: int
    returned_minor: int
    clawed_nanos: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything stored about one account.

    The account holds all of its segments in order of time, counters, grants, subscriptions and overrides. `plans` are
    the plan and version in each segment's own columns, `names` the kinds of account that users and organizations take
    it for, `members` the memberships in it, `last_event_version` the newest version of it that an outgoing event names
    (0: there is none). Reservations, intents, operations and entries (in order of their sequence) can be
    read once.
    """

    account: Account
    plans: list[tuple[str, int]]
    names: frozenset[str]
    members: list[MemberRow]
    reservations: Iterator[Reservation]
    intents: Iterator[IntentRow]
    last_event_version: int
    operations: Iterator[OperationRow]
    entries: Iterator[EntryRow]

    def finding(self, invariant: str, what: str) -> Finding:
        """What does not hold for this account."""
        return Finding(invariant, self.account.id, what)

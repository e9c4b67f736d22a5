"""First answers: what a command told its caller, stored beside the operation as versioned JSON of our own.

Every answer names the account, and which part of the subject found it. Answers are stored by the names of their
fields; what is nested in them (debits, grant, balance) by position, so that its fields must keep their order.
"""

from typing import NamedTuple


class Debit(NamedTuple):
    """What one grant paid, in nanos (positive)."""

    grant_id: str
    amount_nanos: int


class UsageAnswer(NamedTuple):
    """The outcome of one usage event. `limit` and `remaining` are None where nothing limits the meter.

    Of a gauge `new_usage` is the period's peak, and `level` the one that holds after the event.
    """

    account_id: str
    matched_by: str
    meter: str
    plan: str
    plan_version: int
    quantity: int
    new_usage: int
    limit: int | None
    remaining: int | None
    overage_quantity: int
    charged_nanos: int
    currency: str
    balance_after_nanos: int
    debits: tuple[Debit, ...]
    debt_nanos: int
    lifted: tuple[str, ...]
    event_us: int
    recorded_us: int
    period_start_us: int
    period_end_us: int
    level: int | None = None


class GrantFacts(NamedTuple):
    """A grant as it stood when the answer was made; instants in microseconds."""

    id: str
    category: str
    priority: int
    effective_us: int
    expires_us: int | None
    meters: tuple[str, ...]
    amount_nanos: int
    remaining_nanos: int
    created_us: int
    held_nanos: int = 0
    voided_us: int | None = None


class BalanceFacts(NamedTuple):
    """Credits as they stood when the answer was made, in nanos; `available_nanos` is never negative."""

    total_nanos: int
    available_nanos: int
    debt_nanos: int
    held_nanos: int = 0


class ReservationFacts(NamedTuple):
    """A reservation as it stood when the answer was made; only an open one holds anything."""

    id: str
    product: str
    meter: str
    plan: str
    plan_version: int
    quantity: int
    on_expiry: str
    over_commit: str
    state: str
    held_nanos: int
    holds: tuple[Debit, ...]
    created_us: int
    expires_us: int
    used: int
    charged_nanos: int
    ended_us: int | None


class CreditsAnswer(NamedTuple):
    """The outcome of a grant or an adjustment: what was made, what debt it settled, what it took, what became debt."""

    account_id: str
    matched_by: str
    currency: str
    grant: GrantFacts | None
    settled_nanos: int
    debits: tuple[Debit, ...]
    debt_nanos: int
    balance: BalanceFacts


class ReservationAnswer(NamedTuple):
    """A reservation that was made, extended or released, and the credits after that."""

    account_id: str
    matched_by: str
    currency: str
    reservation: ReservationFacts
    balance: BalanceFacts


class CommitAnswer(NamedTuple):
    """A reservation that was committed, and what that recorded."""

    account_id: str
    reservation: ReservationFacts
    usage: UsageAnswer
    matched_by: str = ""


class VoidAnswer(NamedTuple):
    """Usage that was taken back: what the counter and its charge fell by, and to whom the charge returned.

    `debits` are what grants got back, `debt_nanos` is what the debt fell by, `grant` was made of debt settled since.
    """

    account_id: str
    voided_key: str
    product: str
    meter: str
    quantity: int
    new_usage: int
    limit: int | None
    remaining: int | None
    overage_quantity: int
    charged_nanos: int
    currency: str
    debits: tuple[Debit, ...]
    debt_nanos: int
    grant: GrantFacts | None
    balance: BalanceFacts
    recorded_us: int
    period_start_us: int
    period_end_us: int
    matched_by: str = ""


class SubscriptionAnswer(NamedTuple):
    """The subscription as it stands after an assignment, a change or its end; `counts` says whether it decides the
    plan. The status is empty in answers of before there was one.
    """

    account_id: str
    matched_by: str
    subscription_id: str
    provider: str
    plan: str
    plan_version: int
    start_us: int
    end_us: int | None
    anchor_us: int
    counts: bool
    status: str = ""
    trial_end_us: int | None = None
    pending_plan: str | None = None
    pending_version: int | None = None
    pending_us: int | None = None


class OverrideAnswer(NamedTuple):
    """The override after it was set or removed; `rate` is in the plain form of `rates.rate_to_json`."""

    account_id: str
    matched_by: str
    override_id: str
    meter: str
    included: int | None
    policy: str | None
    rate: dict[str, object] | None
    from_us: int
    until_us: int | None


class AccountAnswer(NamedTuple):
    """The account and names of an upserted user or organization; `created` is False where the account was there
    before.
    """

    account_id: str
    matched_by: str
    kind: str
    currency: str
    zone: str
    anchor_us: int
    user_id: str
    email: str
    org_id: str
    created: bool


class MemberAnswer(NamedTuple):
    """A membership as it was made, changed or ended; the account is the organization's. No name of the person."""

    account_id: str
    matched_by: str
    org_id: str
    is_primary: bool


class ErasureAnswer(NamedTuple):
    """The account of a person who was erased, and how many memberships ended."""

    account_id: str
    matched_by: str
    memberships: int


class OpeningAnswer(NamedTuple):
    """Usage that an account brought along. `limit` and `remaining` are None where nothing limits the meter."""

    account_id: str
    matched_by: str
    meter: str
    quantity: int
    new_usage: int
    limit: int | None
    remaining: int | None


class ClientAnswer(NamedTuple):
    """A client that was made."""

    client_id: str
    name: str
    created_us: int
    account_id: str = ""
    matched_by: str = ""


class KeyAnswer(NamedTuple):
    """An API key as it stood when the answer was made, without its secret, which is stored nowhere."""

    key_id: str
    client_id: str
    scopes: tuple[str, ...]
    products: tuple[str, ...]
    environment: str
    may_create: bool
    created_us: int
    expires_us: int | None
    revoked_us: int | None
    account_id: str = ""
    matched_by: str = ""


class ClockAnswer(NamedTuple):
    """The test clock after it was moved: what it showed then, and how far it is ahead of the wall clock."""

    now_us: int
    offset_us: int
    account_id: str = ""
    matched_by: str = ""


class EndpointAnswer(NamedTuple):
    """An endpoint for outgoing events as it stood when the answer was made, without its secrets."""

    endpoint_id: str
    url: str
    kinds: tuple[str, ...]
    created_us: int
    deleted_us: int | None
    previous_until_us: int | None
    account_id: str = ""
    matched_by: str = ""


class IntentAnswer(NamedTuple):
    """What a provider was asked for, as it stood when the answer was made. `price_minor` is in minor units, no tax.

    Only for ourselves: `again` says that there is more to do, `problem` what nobody can do.
    """

    account_id: str
    matched_by: str
    intent_id: str
    kind: str
    currency: str
    credits_nanos: int
    price_minor: int
    state: str = ""
    again: bool = False
    problem: str = ""


class AutoReloadAnswer(NamedTuple):
    """An account's auto-reload after it was set or resumed."""

    account_id: str
    matched_by: str
    currency: str
    enabled: bool
    threshold_nanos: int
    amount_nanos: int
    monthly_count_max: int
    monthly_nanos_max: int
    failures: int
    stopped_us: int | None


class TickAnswer(NamedTuple):
    """The account was brought up to date; nobody asked for it, and it is stored nowhere."""

    account_id: str
    matched_by: str = ""


Answer = (
    UsageAnswer
    | CreditsAnswer
    | ReservationAnswer
    | CommitAnswer
    | VoidAnswer
    | SubscriptionAnswer
    | OverrideAnswer
    | AccountAnswer
    | MemberAnswer
    | ErasureAnswer
    | OpeningAnswer
    | ClientAnswer
    | KeyAnswer
    | ClockAnswer
    | EndpointAnswer
    | IntentAnswer
    | AutoReloadAnswer
    | TickAnswer
)

"""From the domain's values to the parts that several messages of the contract share."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import error_reason_pb2 as error_reason
from tollhouse.v1 import reservation_service_pb2 as reservation_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb

from tollhoused.domain.answers import BalanceFacts, Debit, GrantFacts, ReservationFacts
from tollhoused.domain.catalogue import GrantCategory, Interval, MeterKind, Policy
from tollhoused.domain.identity import MatchedBy
from tollhoused.domain.rates import Rate, RateModel
from tollhoused.domain.reservation import OnExpiry, OverCommit, ReservationState
from tollhoused.domain.subscription import PlanChange, SubscriptionStatus

# Tables are keyed by text, so that they serve enum members as well as what stored answers hold.
REASONS: Mapping[str, error_reason.ErrorReason] = {
    name.removeprefix("ERROR_REASON_"): cast(error_reason.ErrorReason, number)
    for name, number in error_reason.ErrorReason.items()
}
MATCHED_BY: Mapping[str, common.MatchedBy] = {
    MatchedBy.USER_ID.value: common.MATCHED_BY_USER_ID,
    MatchedBy.EMAIL.value: common.MATCHED_BY_EMAIL,
    MatchedBy.ORG_ID.value: common.MATCHED_BY_ORG_ID,
}
POLICIES: Mapping[str, common.Policy] = {
    Policy.HARD_LIMIT.value: common.POLICY_HARD_LIMIT,
    Policy.CREDITS.value: common.POLICY_CREDITS,
    Policy.UNMETERED.value: common.POLICY_UNMETERED,
}
METER_KINDS: Mapping[str, common.MeterKind] = {
    MeterKind.COUNTER.value: common.METER_KIND_COUNTER,
    MeterKind.GAUGE.value: common.METER_KIND_GAUGE,
}
INTERVALS: Mapping[str, common.BillingInterval] = {
    Interval.MONTHLY.value: common.BILLING_INTERVAL_MONTHLY,
    Interval.YEARLY.value: common.BILLING_INTERVAL_YEARLY,
}
RATE_MODELS: Mapping[str, common.RateModel] = {
    RateModel.UNIT.value: common.RATE_MODEL_UNIT,
    RateModel.PACKAGE.value: common.RATE_MODEL_PACKAGE,
    RateModel.GRADUATED.value: common.RATE_MODEL_GRADUATED,
}
CATEGORIES: Mapping[str, credits_pb.GrantCategory] = {
    GrantCategory.PAID.value: credits_pb.GRANT_CATEGORY_PAID,
    GrantCategory.PROMOTIONAL.value: credits_pb.GRANT_CATEGORY_PROMOTIONAL,
}
STATUSES: Mapping[str, subscription_pb.SubscriptionStatus] = {
    "": subscription_pb.SUBSCRIPTION_STATUS_UNSPECIFIED,
    SubscriptionStatus.TRIALING.value: subscription_pb.SUBSCRIPTION_STATUS_TRIALING,
    SubscriptionStatus.ACTIVE.value: subscription_pb.SUBSCRIPTION_STATUS_ACTIVE,
    SubscriptionStatus.CANCELED.value: subscription_pb.SUBSCRIPTION_STATUS_CANCELED,
    SubscriptionStatus.PAST_DUE.value: subscription_pb.SUBSCRIPTION_STATUS_PAST_DUE,
    SubscriptionStatus.PAUSED.value: subscription_pb.SUBSCRIPTION_STATUS_PAUSED,
    SubscriptionStatus.INCOMPLETE.value: subscription_pb.SUBSCRIPTION_STATUS_INCOMPLETE,
}
RESERVATION_STATES: Mapping[str, reservation_pb.ReservationState] = {
    ReservationState.OPEN.value: reservation_pb.RESERVATION_STATE_OPEN,
    ReservationState.COMMITTED.value: reservation_pb.RESERVATION_STATE_COMMITTED,
    ReservationState.RELEASED.value: reservation_pb.RESERVATION_STATE_RELEASED,
    ReservationState.EXPIRED.value: reservation_pb.RESERVATION_STATE_EXPIRED,
}
ON_EXPIRY: Mapping[str, reservation_pb.OnExpiry] = {
    OnExpiry.RELEASE.value: reservation_pb.ON_EXPIRY_RELEASE,
    OnExpiry.COMMIT.value: reservation_pb.ON_EXPIRY_COMMIT,
}
OVER_COMMIT: Mapping[str, reservation_pb.OverCommit] = {
    OverCommit.REFUSE.value: reservation_pb.OVER_COMMIT_REFUSE,
    OverCommit.ENFORCE.value: reservation_pb.OVER_COMMIT_ENFORCE,
    OverCommit.RECORD.value: reservation_pb.OVER_COMMIT_RECORD,
}


def timestamp(instant_us: int) -> Timestamp:
    """An instant, exact to the microsecond."""
    return Timestamp(seconds=instant_us // 1_000_000, nanos=instant_us % 1_000_000 * 1_000)


def duration(span_us: int) -> Duration:
    """A span that is not negative, exact to the microsecond."""
    return Duration(seconds=span_us // 1_000_000, nanos=span_us % 1_000_000 * 1_000)


def put_instant(target: Timestamp, instant_us: int) -> None:
    """The same into a message that is part of another one."""
    target.seconds = instant_us // 1_000_000
    target.nanos = instant_us % 1_000_000 * 1_000


def optional_timestamp(instant_us: int | None) -> Timestamp | None:
    """An instant that may be absent."""
    return None if instant_us is None else timestamp(instant_us)


@lru_cache(maxsize=4096)
def usage_period(start_us: int, end_us: int) -> common.UsagePeriod:
    """A usage period, half-open. Shared between answers: to be read and copied, not to be changed."""
    return common.UsagePeriod(start_time=timestamp(start_us), end_time=timestamp(end_us))


def rate(value: Rate | None) -> common.Rate | None:
    """A price, where there is one."""
    if value is None:
        return None
    tiers = [common.RateTier(up_to=tier.up_to, price_nanos=tier.price_nanos) for tier in value.tiers]
    return common.Rate(
        model=RATE_MODELS[value.model], price_nanos=value.price_nanos, per_units=value.per_units, tiers=tiers
    )


def balance(currency: str, facts: BalanceFacts) -> common.CreditBalance:
    """Credits at one instant."""
    return common.CreditBalance(
        currency=currency,
        total_nanos=facts.total_nanos,
        held_nanos=facts.held_nanos,
        available_nanos=facts.available_nanos,
        debt_nanos=facts.debt_nanos,
    )


def debits(values: Iterable[Debit]) -> list[common.Debit]:
    """What each grant paid, in the order in which they were burnt."""
    return [common.Debit(grant_id=grant_id, amount_nanos=amount_nanos) for grant_id, amount_nanos in values]


def grant(currency: str, facts: GrantFacts) -> credits_pb.Grant:
    """A grant as it stood when the facts were taken."""
    return credits_pb.Grant(
        grant_id=facts.id,
        category=CATEGORIES[facts.category],
        priority=facts.priority,
        effective_time=timestamp(facts.effective_us),
        expire_time=optional_timestamp(facts.expires_us),
        meters=facts.meters,
        amount_nanos=facts.amount_nanos,
        remaining_nanos=facts.remaining_nanos,
        currency=currency,
        create_time=timestamp(facts.created_us),
        held_nanos=facts.held_nanos,
        void_time=optional_timestamp(facts.voided_us),
    )


def reservation(currency: str, facts: ReservationFacts) -> reservation_pb.Reservation:
    """A reservation as it stood when the facts were taken."""
    return reservation_pb.Reservation(
        reservation_id=facts.id,
        product=facts.product,
        meter=facts.meter,
        quantity=facts.quantity,
        state=RESERVATION_STATES[facts.state],
        on_expiry=ON_EXPIRY[facts.on_expiry],
        over_commit=OVER_COMMIT[facts.over_commit],
        plan=facts.plan,
        plan_version=facts.plan_version,
        held_nanos=facts.held_nanos,
        holds=debits(facts.holds),
        create_time=timestamp(facts.created_us),
        expire_time=timestamp(facts.expires_us),
        end_time=optional_timestamp(facts.ended_us),
        used=facts.used,
        charged_nanos=facts.charged_nanos,
        currency=currency,
    )


def subscription(
    *,
    subscription_id: str,
    provider: str,
    plan: str,
    plan_version: int,
    start_us: int,
    end_us: int | None,
    anchor_us: int,
    counts: bool,
    status: str,
    trial_end_us: int | None,
    pending: PlanChange | None,
) -> subscription_pb.Subscription:
    """A subscription; `counts` as of the instant of the answer."""
    return subscription_pb.Subscription(
        subscription_id=subscription_id,
        provider=provider,
        plan=plan,
        plan_version=plan_version,
        start_time=timestamp(start_us),
        end_time=optional_timestamp(end_us),
        anchor_time=timestamp(anchor_us),
        counts=counts,
        status=STATUSES[status],
        trial_end_time=optional_timestamp(trial_end_us),
        pending=subscription_pb.PendingPlanChange(
            plan=pending.plan, plan_version=pending.plan_version, effective_time=timestamp(pending.at_us)
        )
        if pending
        else None,
    )


def override(
    *,
    override_id: str,
    meter: str,
    included: int | None,
    policy: str | None,
    price: Rate | None,
    from_us: int,
    until_us: int | None,
) -> subscription_pb.MeterOverride:
    """An operator's exception; what it leaves to the plan is absent."""
    return subscription_pb.MeterOverride(
        override_id=override_id,
        meter=meter,
        included=included,
        policy=POLICIES[policy] if policy else common.POLICY_UNSPECIFIED,
        rate=rate(price),
        start_time=timestamp(from_us),
        end_time=optional_timestamp(until_us),
    )

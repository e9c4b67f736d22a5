import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tollhouse.v1 import common_pb2 as _common_pb2
from tollhouse.v1 import credits_service_pb2 as _credits_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubscriptionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBSCRIPTION_STATUS_UNSPECIFIED: _ClassVar[SubscriptionStatus]
    SUBSCRIPTION_STATUS_TRIALING: _ClassVar[SubscriptionStatus]
    SUBSCRIPTION_STATUS_ACTIVE: _ClassVar[SubscriptionStatus]
    SUBSCRIPTION_STATUS_CANCELED: _ClassVar[SubscriptionStatus]
    SUBSCRIPTION_STATUS_PAST_DUE: _ClassVar[SubscriptionStatus]
    SUBSCRIPTION_STATUS_PAUSED: _ClassVar[SubscriptionStatus]
    SUBSCRIPTION_STATUS_INCOMPLETE: _ClassVar[SubscriptionStatus]

class OnUnavailable(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_UNAVAILABLE_UNSPECIFIED: _ClassVar[OnUnavailable]
    ON_UNAVAILABLE_ALLOW: _ClassVar[OnUnavailable]
    ON_UNAVAILABLE_DENY: _ClassVar[OnUnavailable]

class PlanChangeOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLAN_CHANGE_OUTCOME_UNSPECIFIED: _ClassVar[PlanChangeOutcome]
    PLAN_CHANGE_OUTCOME_APPLIED: _ClassVar[PlanChangeOutcome]
    PLAN_CHANGE_OUTCOME_SCHEDULED: _ClassVar[PlanChangeOutcome]
    PLAN_CHANGE_OUTCOME_CHECKOUT_REQUIRED: _ClassVar[PlanChangeOutcome]
SUBSCRIPTION_STATUS_UNSPECIFIED: SubscriptionStatus
SUBSCRIPTION_STATUS_TRIALING: SubscriptionStatus
SUBSCRIPTION_STATUS_ACTIVE: SubscriptionStatus
SUBSCRIPTION_STATUS_CANCELED: SubscriptionStatus
SUBSCRIPTION_STATUS_PAST_DUE: SubscriptionStatus
SUBSCRIPTION_STATUS_PAUSED: SubscriptionStatus
SUBSCRIPTION_STATUS_INCOMPLETE: SubscriptionStatus
ON_UNAVAILABLE_UNSPECIFIED: OnUnavailable
ON_UNAVAILABLE_ALLOW: OnUnavailable
ON_UNAVAILABLE_DENY: OnUnavailable
PLAN_CHANGE_OUTCOME_UNSPECIFIED: PlanChangeOutcome
PLAN_CHANGE_OUTCOME_APPLIED: PlanChangeOutcome
PLAN_CHANGE_OUTCOME_SCHEDULED: PlanChangeOutcome
PLAN_CHANGE_OUTCOME_CHECKOUT_REQUIRED: PlanChangeOutcome

class Subscription(_message.Message):
    __slots__ = ("subscription_id", "provider", "plan", "plan_version", "start_time", "end_time", "anchor_time", "counts", "status", "trial_end_time", "pending", "grace_end_time", "billing_start_time", "billing_end_time", "billing_interval")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_TIME_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TRIAL_END_TIME_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    GRACE_END_TIME_FIELD_NUMBER: _ClassVar[int]
    BILLING_START_TIME_FIELD_NUMBER: _ClassVar[int]
    BILLING_END_TIME_FIELD_NUMBER: _ClassVar[int]
    BILLING_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    subscription_id: str
    provider: str
    plan: str
    plan_version: int
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    anchor_time: _timestamp_pb2.Timestamp
    counts: bool
    status: SubscriptionStatus
    trial_end_time: _timestamp_pb2.Timestamp
    pending: PendingPlanChange
    grace_end_time: _timestamp_pb2.Timestamp
    billing_start_time: _timestamp_pb2.Timestamp
    billing_end_time: _timestamp_pb2.Timestamp
    billing_interval: _common_pb2.BillingInterval
    def __init__(self, subscription_id: _Optional[str] = ..., provider: _Optional[str] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., anchor_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., counts: _Optional[bool] = ..., status: _Optional[_Union[SubscriptionStatus, str]] = ..., trial_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pending: _Optional[_Union[PendingPlanChange, _Mapping]] = ..., grace_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., billing_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., billing_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., billing_interval: _Optional[_Union[_common_pb2.BillingInterval, str]] = ...) -> None: ...

class PendingPlanChange(_message.Message):
    __slots__ = ("plan", "plan_version", "effective_time")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    plan: str
    plan_version: int
    effective_time: _timestamp_pb2.Timestamp
    def __init__(self, plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MeterOverride(_message.Message):
    __slots__ = ("override_id", "meter", "included", "policy", "rate", "start_time", "end_time")
    OVERRIDE_ID_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    override_id: str
    meter: str
    included: int
    policy: _common_pb2.Policy
    rate: _common_pb2.Rate
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, override_id: _Optional[str] = ..., meter: _Optional[str] = ..., included: _Optional[int] = ..., policy: _Optional[_Union[_common_pb2.Policy, str]] = ..., rate: _Optional[_Union[_common_pb2.Rate, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AssignPlanRequest(_message.Message):
    __slots__ = ("subject", "plan", "plan_version", "start_time", "end_time", "subscription_id", "trial_end_time", "effective_time", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    TRIAL_END_TIME_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    plan: str
    plan_version: int
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    subscription_id: str
    trial_end_time: _timestamp_pb2.Timestamp
    effective_time: _timestamp_pb2.Timestamp
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., subscription_id: _Optional[str] = ..., trial_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class AssignPlanResponse(_message.Message):
    __slots__ = ("account_id", "subscription", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    subscription: Subscription
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., subscription: _Optional[_Union[Subscription, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class CancelPendingPlanChangeRequest(_message.Message):
    __slots__ = ("subject", "subscription_id", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    subscription_id: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., subscription_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class CancelPendingPlanChangeResponse(_message.Message):
    __slots__ = ("account_id", "subscription", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    subscription: Subscription
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., subscription: _Optional[_Union[Subscription, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class UnassignPlanRequest(_message.Message):
    __slots__ = ("subject", "subscription_id", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    subscription_id: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., subscription_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class UnassignPlanResponse(_message.Message):
    __slots__ = ("account_id", "subscription", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    subscription: Subscription
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., subscription: _Optional[_Union[Subscription, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class SetOverrideRequest(_message.Message):
    __slots__ = ("subject", "meter", "included", "policy", "rate", "start_time", "end_time", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    meter: str
    included: int
    policy: _common_pb2.Policy
    rate: _common_pb2.Rate
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., meter: _Optional[str] = ..., included: _Optional[int] = ..., policy: _Optional[_Union[_common_pb2.Policy, str]] = ..., rate: _Optional[_Union[_common_pb2.Rate, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class SetOverrideResponse(_message.Message):
    __slots__ = ("account_id", "override", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    override: MeterOverride
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., override: _Optional[_Union[MeterOverride, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class RemoveOverrideRequest(_message.Message):
    __slots__ = ("subject", "override_id", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    override_id: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., override_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class RemoveOverrideResponse(_message.Message):
    __slots__ = ("account_id", "override", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    override: MeterOverride
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., override: _Optional[_Union[MeterOverride, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ListPlansRequest(_message.Message):
    __slots__ = ("plan_version",)
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    plan_version: int
    def __init__(self, plan_version: _Optional[int] = ...) -> None: ...

class ListPlansResponse(_message.Message):
    __slots__ = ("plan_version", "currency", "default_plan", "plans", "meters")
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_PLAN_FIELD_NUMBER: _ClassVar[int]
    PLANS_FIELD_NUMBER: _ClassVar[int]
    METERS_FIELD_NUMBER: _ClassVar[int]
    plan_version: int
    currency: str
    default_plan: str
    plans: _containers.RepeatedCompositeFieldContainer[Plan]
    meters: _containers.RepeatedCompositeFieldContainer[Meter]
    def __init__(self, plan_version: _Optional[int] = ..., currency: _Optional[str] = ..., default_plan: _Optional[str] = ..., plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ..., meters: _Optional[_Iterable[_Union[Meter, _Mapping]]] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("code", "name", "rank", "prices", "features", "meters", "credits")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    PRICES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    METERS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    rank: int
    prices: _containers.RepeatedCompositeFieldContainer[PlanPrice]
    features: _containers.RepeatedScalarFieldContainer[str]
    meters: _containers.RepeatedCompositeFieldContainer[PlanMeter]
    credits: _containers.RepeatedCompositeFieldContainer[PlanCredits]
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., rank: _Optional[int] = ..., prices: _Optional[_Iterable[_Union[PlanPrice, _Mapping]]] = ..., features: _Optional[_Iterable[str]] = ..., meters: _Optional[_Iterable[_Union[PlanMeter, _Mapping]]] = ..., credits: _Optional[_Iterable[_Union[PlanCredits, _Mapping]]] = ...) -> None: ...

class PlanCredits(_message.Message):
    __slots__ = ("code", "amount_nanos", "category", "priority", "meters", "lasts_days")
    CODE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    METERS_FIELD_NUMBER: _ClassVar[int]
    LASTS_DAYS_FIELD_NUMBER: _ClassVar[int]
    code: str
    amount_nanos: int
    category: _credits_service_pb2.GrantCategory
    priority: int
    meters: _containers.RepeatedScalarFieldContainer[str]
    lasts_days: int
    def __init__(self, code: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., category: _Optional[_Union[_credits_service_pb2.GrantCategory, str]] = ..., priority: _Optional[int] = ..., meters: _Optional[_Iterable[str]] = ..., lasts_days: _Optional[int] = ...) -> None: ...

class PlanPrice(_message.Message):
    __slots__ = ("interval", "amount_nanos")
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    interval: _common_pb2.BillingInterval
    amount_nanos: int
    def __init__(self, interval: _Optional[_Union[_common_pb2.BillingInterval, str]] = ..., amount_nanos: _Optional[int] = ...) -> None: ...

class PlanMeter(_message.Message):
    __slots__ = ("meter", "included", "policy", "rate")
    METER_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    meter: str
    included: int
    policy: _common_pb2.Policy
    rate: _common_pb2.Rate
    def __init__(self, meter: _Optional[str] = ..., included: _Optional[int] = ..., policy: _Optional[_Union[_common_pb2.Policy, str]] = ..., rate: _Optional[_Union[_common_pb2.Rate, _Mapping]] = ...) -> None: ...

class Meter(_message.Message):
    __slots__ = ("code", "kind", "unit", "aliases", "max_quantity", "on_unavailable")
    CODE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    MAX_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    ON_UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    code: str
    kind: _common_pb2.MeterKind
    unit: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    max_quantity: int
    on_unavailable: OnUnavailable
    def __init__(self, code: _Optional[str] = ..., kind: _Optional[_Union[_common_pb2.MeterKind, str]] = ..., unit: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., max_quantity: _Optional[int] = ..., on_unavailable: _Optional[_Union[OnUnavailable, str]] = ...) -> None: ...

class GetPlanStateRequest(_message.Message):
    __slots__ = ("subject",)
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ...) -> None: ...

class GetPlanStateResponse(_message.Message):
    __slots__ = ("account_id", "matched_by", "plan", "plan_version", "subscription", "expire_time", "pending", "history", "available_plans")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_PLANS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    matched_by: _common_pb2.MatchedBy
    plan: str
    plan_version: int
    subscription: Subscription
    expire_time: _timestamp_pb2.Timestamp
    pending: PendingPlanChange
    history: _containers.RepeatedCompositeFieldContainer[PlanSpell]
    available_plans: _containers.RepeatedCompositeFieldContainer[Plan]
    def __init__(self, account_id: _Optional[str] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., subscription: _Optional[_Union[Subscription, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pending: _Optional[_Union[PendingPlanChange, _Mapping]] = ..., history: _Optional[_Iterable[_Union[PlanSpell, _Mapping]]] = ..., available_plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ...) -> None: ...

class PlanSpell(_message.Message):
    __slots__ = ("plan", "plan_version", "start_time", "end_time")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    plan: str
    plan_version: int
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StartCheckoutRequest(_message.Message):
    __slots__ = ("subject", "plan", "interval", "success_url", "cancel_url", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_URL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_URL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    plan: str
    interval: _common_pb2.BillingInterval
    success_url: str
    cancel_url: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., plan: _Optional[str] = ..., interval: _Optional[_Union[_common_pb2.BillingInterval, str]] = ..., success_url: _Optional[str] = ..., cancel_url: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class StartCheckoutResponse(_message.Message):
    __slots__ = ("account_id", "order", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    order: _credits_service_pb2.Order
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., order: _Optional[_Union[_credits_service_pb2.Order, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ChangePlanRequest(_message.Message):
    __slots__ = ("subject", "plan", "interval", "success_url", "cancel_url", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_URL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_URL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    plan: str
    interval: _common_pb2.BillingInterval
    success_url: str
    cancel_url: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., plan: _Optional[str] = ..., interval: _Optional[_Union[_common_pb2.BillingInterval, str]] = ..., success_url: _Optional[str] = ..., cancel_url: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ChangePlanResponse(_message.Message):
    __slots__ = ("account_id", "outcome", "order", "subscription", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    outcome: PlanChangeOutcome
    order: _credits_service_pb2.Order
    subscription: Subscription
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., outcome: _Optional[_Union[PlanChangeOutcome, str]] = ..., order: _Optional[_Union[_credits_service_pb2.Order, _Mapping]] = ..., subscription: _Optional[_Union[Subscription, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class CancelSubscriptionRequest(_message.Message):
    __slots__ = ("subject", "at_once", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    AT_ONCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    at_once: bool
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., at_once: _Optional[bool] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class CancelSubscriptionResponse(_message.Message):
    __slots__ = ("account_id", "order", "subscription", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    order: _credits_service_pb2.Order
    subscription: Subscription
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., order: _Optional[_Union[_credits_service_pb2.Order, _Mapping]] = ..., subscription: _Optional[_Union[Subscription, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ResumeSubscriptionRequest(_message.Message):
    __slots__ = ("subject", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ResumeSubscriptionResponse(_message.Message):
    __slots__ = ("account_id", "order", "subscription", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    order: _credits_service_pb2.Order
    subscription: Subscription
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., order: _Optional[_Union[_credits_service_pb2.Order, _Mapping]] = ..., subscription: _Optional[_Union[Subscription, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class PreviewPlanChangeRequest(_message.Message):
    __slots__ = ("subject", "plan", "interval")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    plan: str
    interval: _common_pb2.BillingInterval
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., plan: _Optional[str] = ..., interval: _Optional[_Union[_common_pb2.BillingInterval, str]] = ...) -> None: ...

class PreviewPlanChangeResponse(_message.Message):
    __slots__ = ("account_id", "matched_by", "outcome", "currency", "due_now_nanos", "next_nanos", "next_time")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    DUE_NOW_NANOS_FIELD_NUMBER: _ClassVar[int]
    NEXT_NANOS_FIELD_NUMBER: _ClassVar[int]
    NEXT_TIME_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    matched_by: _common_pb2.MatchedBy
    outcome: PlanChangeOutcome
    currency: str
    due_now_nanos: int
    next_nanos: int
    next_time: _timestamp_pb2.Timestamp
    def __init__(self, account_id: _Optional[str] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., outcome: _Optional[_Union[PlanChangeOutcome, str]] = ..., currency: _Optional[str] = ..., due_now_nanos: _Optional[int] = ..., next_nanos: _Optional[int] = ..., next_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreatePortalSessionRequest(_message.Message):
    __slots__ = ("subject", "return_url", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    RETURN_URL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    return_url: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., return_url: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class CreatePortalSessionResponse(_message.Message):
    __slots__ = ("account_id", "order", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    order: _credits_service_pb2.Order
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., order: _Optional[_Union[_credits_service_pb2.Order, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class CreatePaymentLinkRequest(_message.Message):
    __slots__ = ("subject", "items", "ad_hoc", "currency", "return_url", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    AD_HOC_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    RETURN_URL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    items: _containers.RepeatedCompositeFieldContainer[PackItem]
    ad_hoc: AdHocItem
    currency: str
    return_url: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., items: _Optional[_Iterable[_Union[PackItem, _Mapping]]] = ..., ad_hoc: _Optional[_Union[AdHocItem, _Mapping]] = ..., currency: _Optional[str] = ..., return_url: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class PackItem(_message.Message):
    __slots__ = ("pack", "quantity")
    PACK_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    pack: str
    quantity: int
    def __init__(self, pack: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class AdHocItem(_message.Message):
    __slots__ = ("name", "amount_nanos", "quantity")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    amount_nanos: int
    quantity: int
    def __init__(self, name: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., quantity: _Optional[int] = ...) -> None: ...

class CreatePaymentLinkResponse(_message.Message):
    __slots__ = ("account_id", "order", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    order: _credits_service_pb2.Order
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., order: _Optional[_Union[_credits_service_pb2.Order, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

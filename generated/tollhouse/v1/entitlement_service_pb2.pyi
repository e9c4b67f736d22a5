import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tollhouse.v1 import common_pb2 as _common_pb2
from tollhouse.v1 import credits_service_pb2 as _credits_service_pb2
from tollhouse.v1 import error_reason_pb2 as _error_reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetEntitlementRequest(_message.Message):
    __slots__ = ("subject", "product")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    product: str
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., product: _Optional[str] = ...) -> None: ...

class GetEntitlementResponse(_message.Message):
    __slots__ = ("entitlement",)
    ENTITLEMENT_FIELD_NUMBER: _ClassVar[int]
    entitlement: Entitlement
    def __init__(self, entitlement: _Optional[_Union[Entitlement, _Mapping]] = ...) -> None: ...

class Entitlement(_message.Message):
    __slots__ = ("account_id", "matched_by", "has_access", "plan", "plan_version", "features", "meters", "overage_allowed", "credits", "usage_period", "billing_interval", "valid_until", "active_subscriptions", "auto_reload")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    HAS_ACCESS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    METERS_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    USAGE_PERIOD_FIELD_NUMBER: _ClassVar[int]
    BILLING_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    AUTO_RELOAD_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    matched_by: _common_pb2.MatchedBy
    has_access: bool
    plan: str
    plan_version: int
    features: _containers.RepeatedScalarFieldContainer[str]
    meters: _containers.RepeatedCompositeFieldContainer[MeterEntitlement]
    overage_allowed: bool
    credits: _common_pb2.CreditBalance
    usage_period: _common_pb2.UsagePeriod
    billing_interval: _common_pb2.BillingInterval
    valid_until: _timestamp_pb2.Timestamp
    active_subscriptions: int
    auto_reload: _credits_service_pb2.AutoReload
    def __init__(self, account_id: _Optional[str] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., has_access: _Optional[bool] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., meters: _Optional[_Iterable[_Union[MeterEntitlement, _Mapping]]] = ..., overage_allowed: _Optional[bool] = ..., credits: _Optional[_Union[_common_pb2.CreditBalance, _Mapping]] = ..., usage_period: _Optional[_Union[_common_pb2.UsagePeriod, _Mapping]] = ..., billing_interval: _Optional[_Union[_common_pb2.BillingInterval, str]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., active_subscriptions: _Optional[int] = ..., auto_reload: _Optional[_Union[_credits_service_pb2.AutoReload, _Mapping]] = ...) -> None: ...

class MeterEntitlement(_message.Message):
    __slots__ = ("meter", "kind", "unit", "included", "used", "held", "remaining", "overage_quantity", "policy", "rate", "charged_nanos", "level")
    METER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    meter: str
    kind: _common_pb2.MeterKind
    unit: str
    included: int
    used: int
    held: int
    remaining: int
    overage_quantity: int
    policy: _common_pb2.Policy
    rate: _common_pb2.Rate
    charged_nanos: int
    level: int
    def __init__(self, meter: _Optional[str] = ..., kind: _Optional[_Union[_common_pb2.MeterKind, str]] = ..., unit: _Optional[str] = ..., included: _Optional[int] = ..., used: _Optional[int] = ..., held: _Optional[int] = ..., remaining: _Optional[int] = ..., overage_quantity: _Optional[int] = ..., policy: _Optional[_Union[_common_pb2.Policy, str]] = ..., rate: _Optional[_Union[_common_pb2.Rate, _Mapping]] = ..., charged_nanos: _Optional[int] = ..., level: _Optional[int] = ...) -> None: ...

class BatchGetEntitlementsRequest(_message.Message):
    __slots__ = ("subjects", "product")
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    subjects: _containers.RepeatedCompositeFieldContainer[_common_pb2.Subject]
    product: str
    def __init__(self, subjects: _Optional[_Iterable[_Union[_common_pb2.Subject, _Mapping]]] = ..., product: _Optional[str] = ...) -> None: ...

class BatchGetEntitlementsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchEntitlementResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchEntitlementResult, _Mapping]]] = ...) -> None: ...

class BatchEntitlementResult(_message.Message):
    __slots__ = ("entitlement", "error")
    ENTITLEMENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    entitlement: Entitlement
    error: _common_pb2.ItemError
    def __init__(self, entitlement: _Optional[_Union[Entitlement, _Mapping]] = ..., error: _Optional[_Union[_common_pb2.ItemError, _Mapping]] = ...) -> None: ...

class CheckFeatureRequest(_message.Message):
    __slots__ = ("subject", "feature")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    feature: str
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., feature: _Optional[str] = ...) -> None: ...

class CheckFeatureResponse(_message.Message):
    __slots__ = ("has_access", "feature", "plan")
    HAS_ACCESS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    has_access: bool
    feature: str
    plan: str
    def __init__(self, has_access: _Optional[bool] = ..., feature: _Optional[str] = ..., plan: _Optional[str] = ...) -> None: ...

class CheckUsageRequest(_message.Message):
    __slots__ = ("subject", "product", "meter", "quantity", "event_time")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    product: str
    meter: str
    quantity: int
    event_time: _timestamp_pb2.Timestamp
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CheckUsageResponse(_message.Message):
    __slots__ = ("allowed", "reason", "account_id", "matched_by", "meter", "plan", "plan_version", "new_usage", "limit", "remaining", "overage_quantity", "cost_nanos", "missing_nanos", "currency", "balance_after_nanos", "plans_that_allow", "reset_time", "level")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    NEW_USAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    COST_NANOS_FIELD_NUMBER: _ClassVar[int]
    MISSING_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_NANOS_FIELD_NUMBER: _ClassVar[int]
    PLANS_THAT_ALLOW_FIELD_NUMBER: _ClassVar[int]
    RESET_TIME_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    reason: _error_reason_pb2.ErrorReason
    account_id: str
    matched_by: _common_pb2.MatchedBy
    meter: str
    plan: str
    plan_version: int
    new_usage: int
    limit: int
    remaining: int
    overage_quantity: int
    cost_nanos: int
    missing_nanos: int
    currency: str
    balance_after_nanos: int
    plans_that_allow: _containers.RepeatedScalarFieldContainer[str]
    reset_time: _timestamp_pb2.Timestamp
    level: int
    def __init__(self, allowed: _Optional[bool] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., account_id: _Optional[str] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., meter: _Optional[str] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., new_usage: _Optional[int] = ..., limit: _Optional[int] = ..., remaining: _Optional[int] = ..., overage_quantity: _Optional[int] = ..., cost_nanos: _Optional[int] = ..., missing_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., balance_after_nanos: _Optional[int] = ..., plans_that_allow: _Optional[_Iterable[str]] = ..., reset_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., level: _Optional[int] = ...) -> None: ...

class WatchEntitlementsRequest(_message.Message):
    __slots__ = ("subjects", "product", "known")
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    subjects: _containers.RepeatedCompositeFieldContainer[_common_pb2.Subject]
    product: str
    known: _containers.RepeatedCompositeFieldContainer[KnownEntitlement]
    def __init__(self, subjects: _Optional[_Iterable[_Union[_common_pb2.Subject, _Mapping]]] = ..., product: _Optional[str] = ..., known: _Optional[_Iterable[_Union[KnownEntitlement, _Mapping]]] = ...) -> None: ...

class KnownEntitlement(_message.Message):
    __slots__ = ("account_id", "version")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    version: int
    def __init__(self, account_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class WatchEntitlementsResponse(_message.Message):
    __slots__ = ("states", "checked_time")
    STATES_FIELD_NUMBER: _ClassVar[int]
    CHECKED_TIME_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedCompositeFieldContainer[WatchedEntitlement]
    checked_time: _timestamp_pb2.Timestamp
    def __init__(self, states: _Optional[_Iterable[_Union[WatchedEntitlement, _Mapping]]] = ..., checked_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WatchedEntitlement(_message.Message):
    __slots__ = ("subject", "version", "entitlement", "error")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENTITLEMENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    version: int
    entitlement: Entitlement
    error: _common_pb2.ItemError
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., version: _Optional[int] = ..., entitlement: _Optional[_Union[Entitlement, _Mapping]] = ..., error: _Optional[_Union[_common_pb2.ItemError, _Mapping]] = ...) -> None: ...

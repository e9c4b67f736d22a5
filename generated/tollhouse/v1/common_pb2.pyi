import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tollhouse.v1 import error_reason_pb2 as _error_reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MatchedBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MATCHED_BY_UNSPECIFIED: _ClassVar[MatchedBy]
    MATCHED_BY_USER_ID: _ClassVar[MatchedBy]
    MATCHED_BY_EMAIL: _ClassVar[MatchedBy]
    MATCHED_BY_ORG_ID: _ClassVar[MatchedBy]

class Enforcement(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENFORCEMENT_UNSPECIFIED: _ClassVar[Enforcement]
    ENFORCEMENT_ENFORCE: _ClassVar[Enforcement]
    ENFORCEMENT_RECORD: _ClassVar[Enforcement]

class Policy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POLICY_UNSPECIFIED: _ClassVar[Policy]
    POLICY_HARD_LIMIT: _ClassVar[Policy]
    POLICY_CREDITS: _ClassVar[Policy]
    POLICY_UNMETERED: _ClassVar[Policy]

class MeterKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METER_KIND_UNSPECIFIED: _ClassVar[MeterKind]
    METER_KIND_COUNTER: _ClassVar[MeterKind]
    METER_KIND_GAUGE: _ClassVar[MeterKind]

class RateModel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RATE_MODEL_UNSPECIFIED: _ClassVar[RateModel]
    RATE_MODEL_UNIT: _ClassVar[RateModel]
    RATE_MODEL_PACKAGE: _ClassVar[RateModel]
    RATE_MODEL_GRADUATED: _ClassVar[RateModel]

class BillingInterval(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BILLING_INTERVAL_UNSPECIFIED: _ClassVar[BillingInterval]
    BILLING_INTERVAL_MONTHLY: _ClassVar[BillingInterval]
    BILLING_INTERVAL_YEARLY: _ClassVar[BillingInterval]
MATCHED_BY_UNSPECIFIED: MatchedBy
MATCHED_BY_USER_ID: MatchedBy
MATCHED_BY_EMAIL: MatchedBy
MATCHED_BY_ORG_ID: MatchedBy
ENFORCEMENT_UNSPECIFIED: Enforcement
ENFORCEMENT_ENFORCE: Enforcement
ENFORCEMENT_RECORD: Enforcement
POLICY_UNSPECIFIED: Policy
POLICY_HARD_LIMIT: Policy
POLICY_CREDITS: Policy
POLICY_UNMETERED: Policy
METER_KIND_UNSPECIFIED: MeterKind
METER_KIND_COUNTER: MeterKind
METER_KIND_GAUGE: MeterKind
RATE_MODEL_UNSPECIFIED: RateModel
RATE_MODEL_UNIT: RateModel
RATE_MODEL_PACKAGE: RateModel
RATE_MODEL_GRADUATED: RateModel
BILLING_INTERVAL_UNSPECIFIED: BillingInterval
BILLING_INTERVAL_MONTHLY: BillingInterval
BILLING_INTERVAL_YEARLY: BillingInterval

class Subject(_message.Message):
    __slots__ = ("user_id", "email", "org_id")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    org_id: str
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ..., org_id: _Optional[str] = ...) -> None: ...

class Rate(_message.Message):
    __slots__ = ("model", "price_nanos", "per_units", "tiers")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRICE_NANOS_FIELD_NUMBER: _ClassVar[int]
    PER_UNITS_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    model: RateModel
    price_nanos: int
    per_units: int
    tiers: _containers.RepeatedCompositeFieldContainer[RateTier]
    def __init__(self, model: _Optional[_Union[RateModel, str]] = ..., price_nanos: _Optional[int] = ..., per_units: _Optional[int] = ..., tiers: _Optional[_Iterable[_Union[RateTier, _Mapping]]] = ...) -> None: ...

class RateTier(_message.Message):
    __slots__ = ("up_to", "price_nanos")
    UP_TO_FIELD_NUMBER: _ClassVar[int]
    PRICE_NANOS_FIELD_NUMBER: _ClassVar[int]
    up_to: int
    price_nanos: int
    def __init__(self, up_to: _Optional[int] = ..., price_nanos: _Optional[int] = ...) -> None: ...

class UsagePeriod(_message.Message):
    __slots__ = ("start_time", "end_time")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreditBalance(_message.Message):
    __slots__ = ("currency", "total_nanos", "held_nanos", "available_nanos", "debt_nanos")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    DEBT_NANOS_FIELD_NUMBER: _ClassVar[int]
    currency: str
    total_nanos: int
    held_nanos: int
    available_nanos: int
    debt_nanos: int
    def __init__(self, currency: _Optional[str] = ..., total_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., available_nanos: _Optional[int] = ..., debt_nanos: _Optional[int] = ...) -> None: ...

class Debit(_message.Message):
    __slots__ = ("grant_id", "amount_nanos")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    amount_nanos: int
    def __init__(self, grant_id: _Optional[str] = ..., amount_nanos: _Optional[int] = ...) -> None: ...

class ItemError(_message.Message):
    __slots__ = ("code", "reason", "message", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: _error_reason_pb2.ErrorReason
    message: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tollhouse.v1 import account_service_pb2 as _account_service_pb2
from tollhouse.v1 import admin_service_pb2 as _admin_service_pb2
from tollhouse.v1 import common_pb2 as _common_pb2
from tollhouse.v1 import credits_service_pb2 as _credits_service_pb2
from tollhouse.v1 import error_reason_pb2 as _error_reason_pb2
from tollhouse.v1 import reservation_service_pb2 as _reservation_service_pb2
from tollhouse.v1 import subscription_service_pb2 as _subscription_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Granularity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANULARITY_UNSPECIFIED: _ClassVar[Granularity]
    GRANULARITY_HOUR: _ClassVar[Granularity]
    GRANULARITY_DAY: _ClassVar[Granularity]
    GRANULARITY_MONTH: _ClassVar[Granularity]

class OperationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_KIND_UNSPECIFIED: _ClassVar[OperationKind]
    OPERATION_KIND_RECORD_USAGE: _ClassVar[OperationKind]
    OPERATION_KIND_GRANT_CREDITS: _ClassVar[OperationKind]
    OPERATION_KIND_ADJUST_CREDITS: _ClassVar[OperationKind]
    OPERATION_KIND_UPSERT_USER: _ClassVar[OperationKind]
    OPERATION_KIND_UPSERT_ORGANIZATION: _ClassVar[OperationKind]
    OPERATION_KIND_ASSIGN_PLAN: _ClassVar[OperationKind]
    OPERATION_KIND_UNASSIGN_PLAN: _ClassVar[OperationKind]
    OPERATION_KIND_SET_OVERRIDE: _ClassVar[OperationKind]
    OPERATION_KIND_REMOVE_OVERRIDE: _ClassVar[OperationKind]
    OPERATION_KIND_CREATE_CLIENT: _ClassVar[OperationKind]
    OPERATION_KIND_CREATE_KEY: _ClassVar[OperationKind]
    OPERATION_KIND_ROTATE_KEY: _ClassVar[OperationKind]
    OPERATION_KIND_REVOKE_KEY: _ClassVar[OperationKind]
    OPERATION_KIND_RESERVE_USAGE: _ClassVar[OperationKind]
    OPERATION_KIND_EXTEND_RESERVATION: _ClassVar[OperationKind]
    OPERATION_KIND_COMMIT_RESERVATION: _ClassVar[OperationKind]
    OPERATION_KIND_RELEASE_RESERVATION: _ClassVar[OperationKind]
    OPERATION_KIND_VOID_GRANT: _ClassVar[OperationKind]
    OPERATION_KIND_CANCEL_PENDING_PLAN_CHANGE: _ClassVar[OperationKind]
    OPERATION_KIND_SET_USAGE: _ClassVar[OperationKind]
    OPERATION_KIND_VOID_USAGE: _ClassVar[OperationKind]
    OPERATION_KIND_ADD_MEMBER: _ClassVar[OperationKind]
    OPERATION_KIND_REMOVE_MEMBER: _ClassVar[OperationKind]
    OPERATION_KIND_ERASE_USER: _ClassVar[OperationKind]
    OPERATION_KIND_ADVANCE_TEST_CLOCK: _ClassVar[OperationKind]
    OPERATION_KIND_CREATE_EVENT_ENDPOINT: _ClassVar[OperationKind]
    OPERATION_KIND_ROTATE_EVENT_ENDPOINT: _ClassVar[OperationKind]
    OPERATION_KIND_DELETE_EVENT_ENDPOINT: _ClassVar[OperationKind]
    OPERATION_KIND_CREATE_TOP_UP: _ClassVar[OperationKind]
    OPERATION_KIND_SET_AUTO_RELOAD: _ClassVar[OperationKind]
    OPERATION_KIND_RESUME_AUTO_RELOAD: _ClassVar[OperationKind]
    OPERATION_KIND_START_CHECKOUT: _ClassVar[OperationKind]
    OPERATION_KIND_CHANGE_PLAN: _ClassVar[OperationKind]
    OPERATION_KIND_CANCEL_SUBSCRIPTION: _ClassVar[OperationKind]
    OPERATION_KIND_RESUME_SUBSCRIPTION: _ClassVar[OperationKind]
    OPERATION_KIND_CREATE_PORTAL_SESSION: _ClassVar[OperationKind]
    OPERATION_KIND_CREATE_PAYMENT_LINK: _ClassVar[OperationKind]
    OPERATION_KIND_CANCEL_BOUGHT_PLAN_CHANGE: _ClassVar[OperationKind]
GRANULARITY_UNSPECIFIED: Granularity
GRANULARITY_HOUR: Granularity
GRANULARITY_DAY: Granularity
GRANULARITY_MONTH: Granularity
OPERATION_KIND_UNSPECIFIED: OperationKind
OPERATION_KIND_RECORD_USAGE: OperationKind
OPERATION_KIND_GRANT_CREDITS: OperationKind
OPERATION_KIND_ADJUST_CREDITS: OperationKind
OPERATION_KIND_UPSERT_USER: OperationKind
OPERATION_KIND_UPSERT_ORGANIZATION: OperationKind
OPERATION_KIND_ASSIGN_PLAN: OperationKind
OPERATION_KIND_UNASSIGN_PLAN: OperationKind
OPERATION_KIND_SET_OVERRIDE: OperationKind
OPERATION_KIND_REMOVE_OVERRIDE: OperationKind
OPERATION_KIND_CREATE_CLIENT: OperationKind
OPERATION_KIND_CREATE_KEY: OperationKind
OPERATION_KIND_ROTATE_KEY: OperationKind
OPERATION_KIND_REVOKE_KEY: OperationKind
OPERATION_KIND_RESERVE_USAGE: OperationKind
OPERATION_KIND_EXTEND_RESERVATION: OperationKind
OPERATION_KIND_COMMIT_RESERVATION: OperationKind
OPERATION_KIND_RELEASE_RESERVATION: OperationKind
OPERATION_KIND_VOID_GRANT: OperationKind
OPERATION_KIND_CANCEL_PENDING_PLAN_CHANGE: OperationKind
OPERATION_KIND_SET_USAGE: OperationKind
OPERATION_KIND_VOID_USAGE: OperationKind
OPERATION_KIND_ADD_MEMBER: OperationKind
OPERATION_KIND_REMOVE_MEMBER: OperationKind
OPERATION_KIND_ERASE_USER: OperationKind
OPERATION_KIND_ADVANCE_TEST_CLOCK: OperationKind
OPERATION_KIND_CREATE_EVENT_ENDPOINT: OperationKind
OPERATION_KIND_ROTATE_EVENT_ENDPOINT: OperationKind
OPERATION_KIND_DELETE_EVENT_ENDPOINT: OperationKind
OPERATION_KIND_CREATE_TOP_UP: OperationKind
OPERATION_KIND_SET_AUTO_RELOAD: OperationKind
OPERATION_KIND_RESUME_AUTO_RELOAD: OperationKind
OPERATION_KIND_START_CHECKOUT: OperationKind
OPERATION_KIND_CHANGE_PLAN: OperationKind
OPERATION_KIND_CANCEL_SUBSCRIPTION: OperationKind
OPERATION_KIND_RESUME_SUBSCRIPTION: OperationKind
OPERATION_KIND_CREATE_PORTAL_SESSION: OperationKind
OPERATION_KIND_CREATE_PAYMENT_LINK: OperationKind
OPERATION_KIND_CANCEL_BOUGHT_PLAN_CHANGE: OperationKind

class RecordUsageRequest(_message.Message):
    __slots__ = ("subject", "product", "meter", "quantity", "event_time", "enforcement", "metadata", "create_if_missing", "idempotency_key", "validate_only")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATE_IF_MISSING_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    product: str
    meter: str
    quantity: int
    event_time: _timestamp_pb2.Timestamp
    enforcement: _common_pb2.Enforcement
    metadata: _containers.ScalarMap[str, str]
    create_if_missing: bool
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., enforcement: _Optional[_Union[_common_pb2.Enforcement, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., create_if_missing: _Optional[bool] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class RecordUsageResponse(_message.Message):
    __slots__ = ("account_id", "meter", "quantity", "new_usage", "limit", "remaining", "is_overage", "overage_quantity", "charged_nanos", "currency", "balance_after_nanos", "debits", "debt_nanos", "replayed", "lifted", "plan", "plan_version", "matched_by", "event_time", "record_time", "usage_period", "voided", "level")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    NEW_USAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    IS_OVERAGE_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_NANOS_FIELD_NUMBER: _ClassVar[int]
    DEBITS_FIELD_NUMBER: _ClassVar[int]
    DEBT_NANOS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    LIFTED_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    USAGE_PERIOD_FIELD_NUMBER: _ClassVar[int]
    VOIDED_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    meter: str
    quantity: int
    new_usage: int
    limit: int
    remaining: int
    is_overage: bool
    overage_quantity: int
    charged_nanos: int
    currency: str
    balance_after_nanos: int
    debits: _containers.RepeatedCompositeFieldContainer[_common_pb2.Debit]
    debt_nanos: int
    replayed: bool
    lifted: _containers.RepeatedScalarFieldContainer[_error_reason_pb2.ErrorReason]
    plan: str
    plan_version: int
    matched_by: _common_pb2.MatchedBy
    event_time: _timestamp_pb2.Timestamp
    record_time: _timestamp_pb2.Timestamp
    usage_period: _common_pb2.UsagePeriod
    voided: bool
    level: int
    def __init__(self, account_id: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., new_usage: _Optional[int] = ..., limit: _Optional[int] = ..., remaining: _Optional[int] = ..., is_overage: _Optional[bool] = ..., overage_quantity: _Optional[int] = ..., charged_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., balance_after_nanos: _Optional[int] = ..., debits: _Optional[_Iterable[_Union[_common_pb2.Debit, _Mapping]]] = ..., debt_nanos: _Optional[int] = ..., replayed: _Optional[bool] = ..., lifted: _Optional[_Iterable[_Union[_error_reason_pb2.ErrorReason, str]]] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage_period: _Optional[_Union[_common_pb2.UsagePeriod, _Mapping]] = ..., voided: _Optional[bool] = ..., level: _Optional[int] = ...) -> None: ...

class UsageItem(_message.Message):
    __slots__ = ("subject", "product", "meter", "quantity", "event_time", "enforcement", "metadata", "create_if_missing", "idempotency_key")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATE_IF_MISSING_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    product: str
    meter: str
    quantity: int
    event_time: _timestamp_pb2.Timestamp
    enforcement: _common_pb2.Enforcement
    metadata: _containers.ScalarMap[str, str]
    create_if_missing: bool
    idempotency_key: str
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., enforcement: _Optional[_Union[_common_pb2.Enforcement, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., create_if_missing: _Optional[bool] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class BatchRecordUsageRequest(_message.Message):
    __slots__ = ("items", "atomic", "validate_only")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    ATOMIC_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[UsageItem]
    atomic: bool
    validate_only: bool
    def __init__(self, items: _Optional[_Iterable[_Union[UsageItem, _Mapping]]] = ..., atomic: _Optional[bool] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class BatchRecordUsageResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchItemResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchItemResult, _Mapping]]] = ...) -> None: ...

class BatchItemResult(_message.Message):
    __slots__ = ("recorded", "error")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    recorded: RecordUsageResponse
    error: _common_pb2.ItemError
    def __init__(self, recorded: _Optional[_Union[RecordUsageResponse, _Mapping]] = ..., error: _Optional[_Union[_common_pb2.ItemError, _Mapping]] = ...) -> None: ...

class StreamUsageRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[UsageItem]
    def __init__(self, items: _Optional[_Iterable[_Union[UsageItem, _Mapping]]] = ...) -> None: ...

class StreamUsageResponse(_message.Message):
    __slots__ = ("acknowledgements",)
    ACKNOWLEDGEMENTS_FIELD_NUMBER: _ClassVar[int]
    acknowledgements: _containers.RepeatedCompositeFieldContainer[ItemAcknowledgement]
    def __init__(self, acknowledgements: _Optional[_Iterable[_Union[ItemAcknowledgement, _Mapping]]] = ...) -> None: ...

class ItemAcknowledgement(_message.Message):
    __slots__ = ("sequence", "idempotency_key", "recorded", "error")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    idempotency_key: str
    recorded: RecordUsageResponse
    error: _common_pb2.ItemError
    def __init__(self, sequence: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., recorded: _Optional[_Union[RecordUsageResponse, _Mapping]] = ..., error: _Optional[_Union[_common_pb2.ItemError, _Mapping]] = ...) -> None: ...

class SetUsageRequest(_message.Message):
    __slots__ = ("subject", "product", "meter", "level", "delta", "event_time", "enforcement", "metadata", "idempotency_key", "validate_only")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    product: str
    meter: str
    level: int
    delta: int
    event_time: _timestamp_pb2.Timestamp
    enforcement: _common_pb2.Enforcement
    metadata: _containers.ScalarMap[str, str]
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., level: _Optional[int] = ..., delta: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., enforcement: _Optional[_Union[_common_pb2.Enforcement, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class SetUsageResponse(_message.Message):
    __slots__ = ("account_id", "meter", "level", "peak", "limit", "remaining", "overage_quantity", "charged_nanos", "currency", "balance_after_nanos", "debits", "debt_nanos", "replayed", "lifted", "plan", "plan_version", "matched_by", "event_time", "record_time", "usage_period")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PEAK_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_NANOS_FIELD_NUMBER: _ClassVar[int]
    DEBITS_FIELD_NUMBER: _ClassVar[int]
    DEBT_NANOS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    LIFTED_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    USAGE_PERIOD_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    meter: str
    level: int
    peak: int
    limit: int
    remaining: int
    overage_quantity: int
    charged_nanos: int
    currency: str
    balance_after_nanos: int
    debits: _containers.RepeatedCompositeFieldContainer[_common_pb2.Debit]
    debt_nanos: int
    replayed: bool
    lifted: _containers.RepeatedScalarFieldContainer[_error_reason_pb2.ErrorReason]
    plan: str
    plan_version: int
    matched_by: _common_pb2.MatchedBy
    event_time: _timestamp_pb2.Timestamp
    record_time: _timestamp_pb2.Timestamp
    usage_period: _common_pb2.UsagePeriod
    def __init__(self, account_id: _Optional[str] = ..., meter: _Optional[str] = ..., level: _Optional[int] = ..., peak: _Optional[int] = ..., limit: _Optional[int] = ..., remaining: _Optional[int] = ..., overage_quantity: _Optional[int] = ..., charged_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., balance_after_nanos: _Optional[int] = ..., debits: _Optional[_Iterable[_Union[_common_pb2.Debit, _Mapping]]] = ..., debt_nanos: _Optional[int] = ..., replayed: _Optional[bool] = ..., lifted: _Optional[_Iterable[_Union[_error_reason_pb2.ErrorReason, str]]] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage_period: _Optional[_Union[_common_pb2.UsagePeriod, _Mapping]] = ...) -> None: ...

class VoidUsageRequest(_message.Message):
    __slots__ = ("voided_key", "reason", "idempotency_key", "validate_only")
    VOIDED_KEY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    voided_key: str
    reason: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, voided_key: _Optional[str] = ..., reason: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class VoidUsageResponse(_message.Message):
    __slots__ = ("account_id", "meter", "quantity", "new_usage", "limit", "remaining", "overage_quantity", "returned_nanos", "currency", "returns", "debt_nanos", "grant", "balance", "replayed", "record_time", "usage_period")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    NEW_USAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    RETURNED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    RETURNS_FIELD_NUMBER: _ClassVar[int]
    DEBT_NANOS_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    USAGE_PERIOD_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    meter: str
    quantity: int
    new_usage: int
    limit: int
    remaining: int
    overage_quantity: int
    returned_nanos: int
    currency: str
    returns: _containers.RepeatedCompositeFieldContainer[_common_pb2.Debit]
    debt_nanos: int
    grant: _credits_service_pb2.Grant
    balance: _common_pb2.CreditBalance
    replayed: bool
    record_time: _timestamp_pb2.Timestamp
    usage_period: _common_pb2.UsagePeriod
    def __init__(self, account_id: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., new_usage: _Optional[int] = ..., limit: _Optional[int] = ..., remaining: _Optional[int] = ..., overage_quantity: _Optional[int] = ..., returned_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., returns: _Optional[_Iterable[_Union[_common_pb2.Debit, _Mapping]]] = ..., debt_nanos: _Optional[int] = ..., grant: _Optional[_Union[_credits_service_pb2.Grant, _Mapping]] = ..., balance: _Optional[_Union[_common_pb2.CreditBalance, _Mapping]] = ..., replayed: _Optional[bool] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage_period: _Optional[_Union[_common_pb2.UsagePeriod, _Mapping]] = ...) -> None: ...

class ListUsageEventsRequest(_message.Message):
    __slots__ = ("subject", "start_time", "end_time", "meter", "product", "page_size", "page_token")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    meter: str
    product: str
    page_size: int
    page_token: str
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., meter: _Optional[str] = ..., product: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListUsageEventsResponse(_message.Message):
    __slots__ = ("account_id", "usage_events", "next_page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    USAGE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    usage_events: _containers.RepeatedCompositeFieldContainer[UsageEvent]
    next_page_token: str
    def __init__(self, account_id: _Optional[str] = ..., usage_events: _Optional[_Iterable[_Union[UsageEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UsageEvent(_message.Message):
    __slots__ = ("idempotency_key", "product", "meter", "quantity", "event_time", "record_time", "metadata", "overage_quantity", "charged_nanos", "currency", "voided_by", "expired_reservation_id")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    VOIDED_BY_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    product: str
    meter: str
    quantity: int
    event_time: _timestamp_pb2.Timestamp
    record_time: _timestamp_pb2.Timestamp
    metadata: _containers.ScalarMap[str, str]
    overage_quantity: int
    charged_nanos: int
    currency: str
    voided_by: str
    expired_reservation_id: str
    def __init__(self, idempotency_key: _Optional[str] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., overage_quantity: _Optional[int] = ..., charged_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., voided_by: _Optional[str] = ..., expired_reservation_id: _Optional[str] = ...) -> None: ...

class QueryUsageRequest(_message.Message):
    __slots__ = ("subject", "start_time", "end_time", "granularity", "zone", "meter", "product", "by_meter", "by_product", "page_size", "page_token")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    BY_METER_FIELD_NUMBER: _ClassVar[int]
    BY_PRODUCT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    granularity: Granularity
    zone: str
    meter: str
    product: str
    by_meter: bool
    by_product: bool
    page_size: int
    page_token: str
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., granularity: _Optional[_Union[Granularity, str]] = ..., zone: _Optional[str] = ..., meter: _Optional[str] = ..., product: _Optional[str] = ..., by_meter: _Optional[bool] = ..., by_product: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class QueryUsageResponse(_message.Message):
    __slots__ = ("account_id", "zone", "currency", "totals", "next_page_token", "start_time", "end_time")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    zone: str
    currency: str
    totals: _containers.RepeatedCompositeFieldContainer[UsageTotal]
    next_page_token: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, account_id: _Optional[str] = ..., zone: _Optional[str] = ..., currency: _Optional[str] = ..., totals: _Optional[_Iterable[_Union[UsageTotal, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UsageTotal(_message.Message):
    __slots__ = ("start_time", "end_time", "meter", "product", "quantity", "overage_quantity", "charged_nanos", "events")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    meter: str
    product: str
    quantity: int
    overage_quantity: int
    charged_nanos: int
    events: int
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., meter: _Optional[str] = ..., product: _Optional[str] = ..., quantity: _Optional[int] = ..., overage_quantity: _Optional[int] = ..., charged_nanos: _Optional[int] = ..., events: _Optional[int] = ...) -> None: ...

class GetOperationRequest(_message.Message):
    __slots__ = ("idempotency_key",)
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    def __init__(self, idempotency_key: _Optional[str] = ...) -> None: ...

class GetOperationResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("idempotency_key", "kind", "account_id", "record_time", "event_time", "product", "meter", "quantity", "overage_quantity", "charged_nanos", "currency", "voided_by", "record_usage", "grant_credits", "adjust_credits", "upsert_user", "upsert_organization", "assign_plan", "unassign_plan", "set_override", "remove_override", "create_client", "create_key", "rotate_key", "revoke_key", "reserve_usage", "extend_reservation", "commit_reservation", "release_reservation", "void_grant", "cancel_pending_plan_change", "set_usage", "void_usage", "add_member", "remove_member", "erase_user", "advance_test_clock", "create_event_endpoint", "rotate_event_endpoint", "delete_event_endpoint", "create_top_up", "set_auto_reload", "resume_auto_reload", "start_checkout", "change_plan", "cancel_subscription", "resume_subscription", "create_portal_session", "create_payment_link", "cancel_bought_plan_change")
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    VOIDED_BY_FIELD_NUMBER: _ClassVar[int]
    RECORD_USAGE_FIELD_NUMBER: _ClassVar[int]
    GRANT_CREDITS_FIELD_NUMBER: _ClassVar[int]
    ADJUST_CREDITS_FIELD_NUMBER: _ClassVar[int]
    UPSERT_USER_FIELD_NUMBER: _ClassVar[int]
    UPSERT_ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_PLAN_FIELD_NUMBER: _ClassVar[int]
    UNASSIGN_PLAN_FIELD_NUMBER: _ClassVar[int]
    SET_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    REMOVE_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    CREATE_CLIENT_FIELD_NUMBER: _ClassVar[int]
    CREATE_KEY_FIELD_NUMBER: _ClassVar[int]
    ROTATE_KEY_FIELD_NUMBER: _ClassVar[int]
    REVOKE_KEY_FIELD_NUMBER: _ClassVar[int]
    RESERVE_USAGE_FIELD_NUMBER: _ClassVar[int]
    EXTEND_RESERVATION_FIELD_NUMBER: _ClassVar[int]
    COMMIT_RESERVATION_FIELD_NUMBER: _ClassVar[int]
    RELEASE_RESERVATION_FIELD_NUMBER: _ClassVar[int]
    VOID_GRANT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_PENDING_PLAN_CHANGE_FIELD_NUMBER: _ClassVar[int]
    SET_USAGE_FIELD_NUMBER: _ClassVar[int]
    VOID_USAGE_FIELD_NUMBER: _ClassVar[int]
    ADD_MEMBER_FIELD_NUMBER: _ClassVar[int]
    REMOVE_MEMBER_FIELD_NUMBER: _ClassVar[int]
    ERASE_USER_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_TEST_CLOCK_FIELD_NUMBER: _ClassVar[int]
    CREATE_EVENT_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    ROTATE_EVENT_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    DELETE_EVENT_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TOP_UP_FIELD_NUMBER: _ClassVar[int]
    SET_AUTO_RELOAD_FIELD_NUMBER: _ClassVar[int]
    RESUME_AUTO_RELOAD_FIELD_NUMBER: _ClassVar[int]
    START_CHECKOUT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PLAN_FIELD_NUMBER: _ClassVar[int]
    CANCEL_SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RESUME_SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CREATE_PORTAL_SESSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_PAYMENT_LINK_FIELD_NUMBER: _ClassVar[int]
    CANCEL_BOUGHT_PLAN_CHANGE_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    kind: OperationKind
    account_id: str
    record_time: _timestamp_pb2.Timestamp
    event_time: _timestamp_pb2.Timestamp
    product: str
    meter: str
    quantity: int
    overage_quantity: int
    charged_nanos: int
    currency: str
    voided_by: str
    record_usage: RecordUsageResponse
    grant_credits: _credits_service_pb2.GrantCreditsResponse
    adjust_credits: _credits_service_pb2.AdjustCreditsResponse
    upsert_user: _account_service_pb2.UpsertUserResponse
    upsert_organization: _account_service_pb2.UpsertOrganizationResponse
    assign_plan: _subscription_service_pb2.AssignPlanResponse
    unassign_plan: _subscription_service_pb2.UnassignPlanResponse
    set_override: _subscription_service_pb2.SetOverrideResponse
    remove_override: _subscription_service_pb2.RemoveOverrideResponse
    create_client: _admin_service_pb2.CreateClientResponse
    create_key: _admin_service_pb2.CreateKeyResponse
    rotate_key: _admin_service_pb2.RotateKeyResponse
    revoke_key: _admin_service_pb2.RevokeKeyResponse
    reserve_usage: _reservation_service_pb2.ReserveUsageResponse
    extend_reservation: _reservation_service_pb2.ExtendReservationResponse
    commit_reservation: _reservation_service_pb2.CommitReservationResponse
    release_reservation: _reservation_service_pb2.ReleaseReservationResponse
    void_grant: _credits_service_pb2.VoidGrantResponse
    cancel_pending_plan_change: _subscription_service_pb2.CancelPendingPlanChangeResponse
    set_usage: SetUsageResponse
    void_usage: VoidUsageResponse
    add_member: _account_service_pb2.AddMemberResponse
    remove_member: _account_service_pb2.RemoveMemberResponse
    erase_user: _account_service_pb2.EraseUserResponse
    advance_test_clock: _admin_service_pb2.AdvanceTestClockResponse
    create_event_endpoint: _admin_service_pb2.CreateEventEndpointResponse
    rotate_event_endpoint: _admin_service_pb2.RotateEventEndpointResponse
    delete_event_endpoint: _admin_service_pb2.DeleteEventEndpointResponse
    create_top_up: _credits_service_pb2.CreateTopUpResponse
    set_auto_reload: _credits_service_pb2.SetAutoReloadResponse
    resume_auto_reload: _credits_service_pb2.ResumeAutoReloadResponse
    start_checkout: _subscription_service_pb2.StartCheckoutResponse
    change_plan: _subscription_service_pb2.ChangePlanResponse
    cancel_subscription: _subscription_service_pb2.CancelSubscriptionResponse
    resume_subscription: _subscription_service_pb2.ResumeSubscriptionResponse
    create_portal_session: _subscription_service_pb2.CreatePortalSessionResponse
    create_payment_link: _subscription_service_pb2.CreatePaymentLinkResponse
    cancel_bought_plan_change: _subscription_service_pb2.CancelPendingPlanChangeResponse
    def __init__(self, idempotency_key: _Optional[str] = ..., kind: _Optional[_Union[OperationKind, str]] = ..., account_id: _Optional[str] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., overage_quantity: _Optional[int] = ..., charged_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., voided_by: _Optional[str] = ..., record_usage: _Optional[_Union[RecordUsageResponse, _Mapping]] = ..., grant_credits: _Optional[_Union[_credits_service_pb2.GrantCreditsResponse, _Mapping]] = ..., adjust_credits: _Optional[_Union[_credits_service_pb2.AdjustCreditsResponse, _Mapping]] = ..., upsert_user: _Optional[_Union[_account_service_pb2.UpsertUserResponse, _Mapping]] = ..., upsert_organization: _Optional[_Union[_account_service_pb2.UpsertOrganizationResponse, _Mapping]] = ..., assign_plan: _Optional[_Union[_subscription_service_pb2.AssignPlanResponse, _Mapping]] = ..., unassign_plan: _Optional[_Union[_subscription_service_pb2.UnassignPlanResponse, _Mapping]] = ..., set_override: _Optional[_Union[_subscription_service_pb2.SetOverrideResponse, _Mapping]] = ..., remove_override: _Optional[_Union[_subscription_service_pb2.RemoveOverrideResponse, _Mapping]] = ..., create_client: _Optional[_Union[_admin_service_pb2.CreateClientResponse, _Mapping]] = ..., create_key: _Optional[_Union[_admin_service_pb2.CreateKeyResponse, _Mapping]] = ..., rotate_key: _Optional[_Union[_admin_service_pb2.RotateKeyResponse, _Mapping]] = ..., revoke_key: _Optional[_Union[_admin_service_pb2.RevokeKeyResponse, _Mapping]] = ..., reserve_usage: _Optional[_Union[_reservation_service_pb2.ReserveUsageResponse, _Mapping]] = ..., extend_reservation: _Optional[_Union[_reservation_service_pb2.ExtendReservationResponse, _Mapping]] = ..., commit_reservation: _Optional[_Union[_reservation_service_pb2.CommitReservationResponse, _Mapping]] = ..., release_reservation: _Optional[_Union[_reservation_service_pb2.ReleaseReservationResponse, _Mapping]] = ..., void_grant: _Optional[_Union[_credits_service_pb2.VoidGrantResponse, _Mapping]] = ..., cancel_pending_plan_change: _Optional[_Union[_subscription_service_pb2.CancelPendingPlanChangeResponse, _Mapping]] = ..., set_usage: _Optional[_Union[SetUsageResponse, _Mapping]] = ..., void_usage: _Optional[_Union[VoidUsageResponse, _Mapping]] = ..., add_member: _Optional[_Union[_account_service_pb2.AddMemberResponse, _Mapping]] = ..., remove_member: _Optional[_Union[_account_service_pb2.RemoveMemberResponse, _Mapping]] = ..., erase_user: _Optional[_Union[_account_service_pb2.EraseUserResponse, _Mapping]] = ..., advance_test_clock: _Optional[_Union[_admin_service_pb2.AdvanceTestClockResponse, _Mapping]] = ..., create_event_endpoint: _Optional[_Union[_admin_service_pb2.CreateEventEndpointResponse, _Mapping]] = ..., rotate_event_endpoint: _Optional[_Union[_admin_service_pb2.RotateEventEndpointResponse, _Mapping]] = ..., delete_event_endpoint: _Optional[_Union[_admin_service_pb2.DeleteEventEndpointResponse, _Mapping]] = ..., create_top_up: _Optional[_Union[_credits_service_pb2.CreateTopUpResponse, _Mapping]] = ..., set_auto_reload: _Optional[_Union[_credits_service_pb2.SetAutoReloadResponse, _Mapping]] = ..., resume_auto_reload: _Optional[_Union[_credits_service_pb2.ResumeAutoReloadResponse, _Mapping]] = ..., start_checkout: _Optional[_Union[_subscription_service_pb2.StartCheckoutResponse, _Mapping]] = ..., change_plan: _Optional[_Union[_subscription_service_pb2.ChangePlanResponse, _Mapping]] = ..., cancel_subscription: _Optional[_Union[_subscription_service_pb2.CancelSubscriptionResponse, _Mapping]] = ..., resume_subscription: _Optional[_Union[_subscription_service_pb2.ResumeSubscriptionResponse, _Mapping]] = ..., create_portal_session: _Optional[_Union[_subscription_service_pb2.CreatePortalSessionResponse, _Mapping]] = ..., create_payment_link: _Optional[_Union[_subscription_service_pb2.CreatePaymentLinkResponse, _Mapping]] = ..., cancel_bought_plan_change: _Optional[_Union[_subscription_service_pb2.CancelPendingPlanChangeResponse, _Mapping]] = ...) -> None: ...

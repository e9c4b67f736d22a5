import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tollhouse.v1 import common_pb2 as _common_pb2
from tollhouse.v1 import error_reason_pb2 as _error_reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReservationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESERVATION_STATE_UNSPECIFIED: _ClassVar[ReservationState]
    RESERVATION_STATE_OPEN: _ClassVar[ReservationState]
    RESERVATION_STATE_COMMITTED: _ClassVar[ReservationState]
    RESERVATION_STATE_RELEASED: _ClassVar[ReservationState]
    RESERVATION_STATE_EXPIRED: _ClassVar[ReservationState]

class OnExpiry(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_EXPIRY_UNSPECIFIED: _ClassVar[OnExpiry]
    ON_EXPIRY_RELEASE: _ClassVar[OnExpiry]
    ON_EXPIRY_COMMIT: _ClassVar[OnExpiry]

class OverCommit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OVER_COMMIT_UNSPECIFIED: _ClassVar[OverCommit]
    OVER_COMMIT_REFUSE: _ClassVar[OverCommit]
    OVER_COMMIT_ENFORCE: _ClassVar[OverCommit]
    OVER_COMMIT_RECORD: _ClassVar[OverCommit]
RESERVATION_STATE_UNSPECIFIED: ReservationState
RESERVATION_STATE_OPEN: ReservationState
RESERVATION_STATE_COMMITTED: ReservationState
RESERVATION_STATE_RELEASED: ReservationState
RESERVATION_STATE_EXPIRED: ReservationState
ON_EXPIRY_UNSPECIFIED: OnExpiry
ON_EXPIRY_RELEASE: OnExpiry
ON_EXPIRY_COMMIT: OnExpiry
OVER_COMMIT_UNSPECIFIED: OverCommit
OVER_COMMIT_REFUSE: OverCommit
OVER_COMMIT_ENFORCE: OverCommit
OVER_COMMIT_RECORD: OverCommit

class Reservation(_message.Message):
    __slots__ = ("reservation_id", "product", "meter", "quantity", "state", "on_expiry", "over_commit", "plan", "plan_version", "held_nanos", "holds", "create_time", "expire_time", "end_time", "used", "charged_nanos", "currency")
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ON_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    OVER_COMMIT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    product: str
    meter: str
    quantity: int
    state: ReservationState
    on_expiry: OnExpiry
    over_commit: OverCommit
    plan: str
    plan_version: int
    held_nanos: int
    holds: _containers.RepeatedCompositeFieldContainer[_common_pb2.Debit]
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    used: int
    charged_nanos: int
    currency: str
    def __init__(self, reservation_id: _Optional[str] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., state: _Optional[_Union[ReservationState, str]] = ..., on_expiry: _Optional[_Union[OnExpiry, str]] = ..., over_commit: _Optional[_Union[OverCommit, str]] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., held_nanos: _Optional[int] = ..., holds: _Optional[_Iterable[_Union[_common_pb2.Debit, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., used: _Optional[int] = ..., charged_nanos: _Optional[int] = ..., currency: _Optional[str] = ...) -> None: ...

class ReserveUsageRequest(_message.Message):
    __slots__ = ("subject", "product", "meter", "quantity", "ttl", "on_expiry", "over_commit", "metadata", "idempotency_key", "validate_only")
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
    TTL_FIELD_NUMBER: _ClassVar[int]
    ON_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    OVER_COMMIT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    product: str
    meter: str
    quantity: int
    ttl: _duration_pb2.Duration
    on_expiry: OnExpiry
    over_commit: OverCommit
    metadata: _containers.ScalarMap[str, str]
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., on_expiry: _Optional[_Union[OnExpiry, str]] = ..., over_commit: _Optional[_Union[OverCommit, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ReserveUsageResponse(_message.Message):
    __slots__ = ("account_id", "reservation", "balance", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reservation: Reservation
    balance: _common_pb2.CreditBalance
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., reservation: _Optional[_Union[Reservation, _Mapping]] = ..., balance: _Optional[_Union[_common_pb2.CreditBalance, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ExtendReservationRequest(_message.Message):
    __slots__ = ("reservation_id", "ttl", "idempotency_key", "validate_only")
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    ttl: _duration_pb2.Duration
    idempotency_key: str
    validate_only: bool
    def __init__(self, reservation_id: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ExtendReservationResponse(_message.Message):
    __slots__ = ("account_id", "reservation", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reservation: Reservation
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., reservation: _Optional[_Union[Reservation, _Mapping]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class CommitReservationRequest(_message.Message):
    __slots__ = ("reservation_id", "quantity", "metadata", "idempotency_key", "validate_only")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    quantity: int
    metadata: _containers.ScalarMap[str, str]
    idempotency_key: str
    validate_only: bool
    def __init__(self, reservation_id: _Optional[str] = ..., quantity: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class CommitReservationResponse(_message.Message):
    __slots__ = ("account_id", "reservation", "usage", "replayed", "voided")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    VOIDED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reservation: Reservation
    usage: CommittedUsage
    replayed: bool
    voided: bool
    def __init__(self, account_id: _Optional[str] = ..., reservation: _Optional[_Union[Reservation, _Mapping]] = ..., usage: _Optional[_Union[CommittedUsage, _Mapping]] = ..., replayed: _Optional[bool] = ..., voided: _Optional[bool] = ...) -> None: ...

class CommittedUsage(_message.Message):
    __slots__ = ("quantity", "new_usage", "limit", "remaining", "overage_quantity", "charged_nanos", "currency", "balance_after_nanos", "debits", "debt_nanos", "lifted", "event_time", "record_time", "usage_period")
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    NEW_USAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_NANOS_FIELD_NUMBER: _ClassVar[int]
    DEBITS_FIELD_NUMBER: _ClassVar[int]
    DEBT_NANOS_FIELD_NUMBER: _ClassVar[int]
    LIFTED_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    USAGE_PERIOD_FIELD_NUMBER: _ClassVar[int]
    quantity: int
    new_usage: int
    limit: int
    remaining: int
    overage_quantity: int
    charged_nanos: int
    currency: str
    balance_after_nanos: int
    debits: _containers.RepeatedCompositeFieldContainer[_common_pb2.Debit]
    debt_nanos: int
    lifted: _containers.RepeatedScalarFieldContainer[_error_reason_pb2.ErrorReason]
    event_time: _timestamp_pb2.Timestamp
    record_time: _timestamp_pb2.Timestamp
    usage_period: _common_pb2.UsagePeriod
    def __init__(self, quantity: _Optional[int] = ..., new_usage: _Optional[int] = ..., limit: _Optional[int] = ..., remaining: _Optional[int] = ..., overage_quantity: _Optional[int] = ..., charged_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., balance_after_nanos: _Optional[int] = ..., debits: _Optional[_Iterable[_Union[_common_pb2.Debit, _Mapping]]] = ..., debt_nanos: _Optional[int] = ..., lifted: _Optional[_Iterable[_Union[_error_reason_pb2.ErrorReason, str]]] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage_period: _Optional[_Union[_common_pb2.UsagePeriod, _Mapping]] = ...) -> None: ...

class ReleaseReservationRequest(_message.Message):
    __slots__ = ("reservation_id", "idempotency_key", "validate_only")
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, reservation_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ReleaseReservationResponse(_message.Message):
    __slots__ = ("account_id", "reservation", "balance", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reservation: Reservation
    balance: _common_pb2.CreditBalance
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., reservation: _Optional[_Union[Reservation, _Mapping]] = ..., balance: _Optional[_Union[_common_pb2.CreditBalance, _Mapping]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class GetReservationRequest(_message.Message):
    __slots__ = ("reservation_id",)
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    def __init__(self, reservation_id: _Optional[str] = ...) -> None: ...

class GetReservationResponse(_message.Message):
    __slots__ = ("account_id", "reservation")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reservation: Reservation
    def __init__(self, account_id: _Optional[str] = ..., reservation: _Optional[_Union[Reservation, _Mapping]] = ...) -> None: ...

class ListReservationsRequest(_message.Message):
    __slots__ = ("subject", "product", "include_ended", "page_size", "page_token")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_ENDED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    product: str
    include_ended: bool
    page_size: int
    page_token: str
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., product: _Optional[str] = ..., include_ended: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReservationsResponse(_message.Message):
    __slots__ = ("account_id", "reservations", "next_page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reservations: _containers.RepeatedCompositeFieldContainer[Reservation]
    next_page_token: str
    def __init__(self, account_id: _Optional[str] = ..., reservations: _Optional[_Iterable[_Union[Reservation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tollhouse.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GrantCategory(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANT_CATEGORY_UNSPECIFIED: _ClassVar[GrantCategory]
    GRANT_CATEGORY_PAID: _ClassVar[GrantCategory]
    GRANT_CATEGORY_PROMOTIONAL: _ClassVar[GrantCategory]

class CauseKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAUSE_KIND_UNSPECIFIED: _ClassVar[CauseKind]
    CAUSE_KIND_USAGE: _ClassVar[CauseKind]
    CAUSE_KIND_GRANT: _ClassVar[CauseKind]
    CAUSE_KIND_ADJUSTMENT: _ClassVar[CauseKind]
    CAUSE_KIND_EXPIRY: _ClassVar[CauseKind]
    CAUSE_KIND_SETTLEMENT: _ClassVar[CauseKind]
    CAUSE_KIND_VOIDED_GRANT: _ClassVar[CauseKind]
    CAUSE_KIND_RESERVATION: _ClassVar[CauseKind]
    CAUSE_KIND_VOID: _ClassVar[CauseKind]
    CAUSE_KIND_VOIDED_DEBT: _ClassVar[CauseKind]
    CAUSE_KIND_PERIOD_CLOSE: _ClassVar[CauseKind]
    CAUSE_KIND_PLAN_GRANT: _ClassVar[CauseKind]
    CAUSE_KIND_TOP_UP: _ClassVar[CauseKind]
    CAUSE_KIND_CLAWBACK: _ClassVar[CauseKind]

class OrderKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_KIND_UNSPECIFIED: _ClassVar[OrderKind]
    ORDER_KIND_TOP_UP: _ClassVar[OrderKind]
    ORDER_KIND_RELOAD: _ClassVar[OrderKind]
    ORDER_KIND_PAYMENT_LINK: _ClassVar[OrderKind]
    ORDER_KIND_PLAN_CHECKOUT: _ClassVar[OrderKind]
    ORDER_KIND_PLAN_CHANGE: _ClassVar[OrderKind]
    ORDER_KIND_CANCELLATION: _ClassVar[OrderKind]
    ORDER_KIND_RESUMPTION: _ClassVar[OrderKind]
    ORDER_KIND_CHANGE_CANCELLATION: _ClassVar[OrderKind]
    ORDER_KIND_PORTAL: _ClassVar[OrderKind]

class OrderState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATE_UNSPECIFIED: _ClassVar[OrderState]
    ORDER_STATE_OPEN: _ClassVar[OrderState]
    ORDER_STATE_WAITING: _ClassVar[OrderState]
    ORDER_STATE_SUCCEEDED: _ClassVar[OrderState]
    ORDER_STATE_FAILED: _ClassVar[OrderState]
    ORDER_STATE_EXPIRED: _ClassVar[OrderState]
GRANT_CATEGORY_UNSPECIFIED: GrantCategory
GRANT_CATEGORY_PAID: GrantCategory
GRANT_CATEGORY_PROMOTIONAL: GrantCategory
CAUSE_KIND_UNSPECIFIED: CauseKind
CAUSE_KIND_USAGE: CauseKind
CAUSE_KIND_GRANT: CauseKind
CAUSE_KIND_ADJUSTMENT: CauseKind
CAUSE_KIND_EXPIRY: CauseKind
CAUSE_KIND_SETTLEMENT: CauseKind
CAUSE_KIND_VOIDED_GRANT: CauseKind
CAUSE_KIND_RESERVATION: CauseKind
CAUSE_KIND_VOID: CauseKind
CAUSE_KIND_VOIDED_DEBT: CauseKind
CAUSE_KIND_PERIOD_CLOSE: CauseKind
CAUSE_KIND_PLAN_GRANT: CauseKind
CAUSE_KIND_TOP_UP: CauseKind
CAUSE_KIND_CLAWBACK: CauseKind
ORDER_KIND_UNSPECIFIED: OrderKind
ORDER_KIND_TOP_UP: OrderKind
ORDER_KIND_RELOAD: OrderKind
ORDER_KIND_PAYMENT_LINK: OrderKind
ORDER_KIND_PLAN_CHECKOUT: OrderKind
ORDER_KIND_PLAN_CHANGE: OrderKind
ORDER_KIND_CANCELLATION: OrderKind
ORDER_KIND_RESUMPTION: OrderKind
ORDER_KIND_CHANGE_CANCELLATION: OrderKind
ORDER_KIND_PORTAL: OrderKind
ORDER_STATE_UNSPECIFIED: OrderState
ORDER_STATE_OPEN: OrderState
ORDER_STATE_WAITING: OrderState
ORDER_STATE_SUCCEEDED: OrderState
ORDER_STATE_FAILED: OrderState
ORDER_STATE_EXPIRED: OrderState

class Grant(_message.Message):
    __slots__ = ("grant_id", "category", "priority", "effective_time", "expire_time", "meters", "amount_nanos", "remaining_nanos", "currency", "create_time", "held_nanos", "void_time")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    METERS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    VOID_TIME_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    category: GrantCategory
    priority: int
    effective_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    meters: _containers.RepeatedScalarFieldContainer[str]
    amount_nanos: int
    remaining_nanos: int
    currency: str
    create_time: _timestamp_pb2.Timestamp
    held_nanos: int
    void_time: _timestamp_pb2.Timestamp
    def __init__(self, grant_id: _Optional[str] = ..., category: _Optional[_Union[GrantCategory, str]] = ..., priority: _Optional[int] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., meters: _Optional[_Iterable[str]] = ..., amount_nanos: _Optional[int] = ..., remaining_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., held_nanos: _Optional[int] = ..., void_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VoidGrantRequest(_message.Message):
    __slots__ = ("subject", "grant_id", "reason", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    grant_id: str
    reason: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., grant_id: _Optional[str] = ..., reason: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class VoidGrantResponse(_message.Message):
    __slots__ = ("account_id", "grant", "voided_nanos", "balance", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    VOIDED_NANOS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    grant: Grant
    voided_nanos: int
    balance: _common_pb2.CreditBalance
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., voided_nanos: _Optional[int] = ..., balance: _Optional[_Union[_common_pb2.CreditBalance, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class GetBalanceRequest(_message.Message):
    __slots__ = ("subject",)
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ...) -> None: ...

class GetBalanceResponse(_message.Message):
    __slots__ = ("account_id", "matched_by", "balance", "parts")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    matched_by: _common_pb2.MatchedBy
    balance: _common_pb2.CreditBalance
    parts: _containers.RepeatedCompositeFieldContainer[RestrictedBalance]
    def __init__(self, account_id: _Optional[str] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., balance: _Optional[_Union[_common_pb2.CreditBalance, _Mapping]] = ..., parts: _Optional[_Iterable[_Union[RestrictedBalance, _Mapping]]] = ...) -> None: ...

class RestrictedBalance(_message.Message):
    __slots__ = ("meters", "available_nanos")
    METERS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    meters: _containers.RepeatedScalarFieldContainer[str]
    available_nanos: int
    def __init__(self, meters: _Optional[_Iterable[str]] = ..., available_nanos: _Optional[int] = ...) -> None: ...

class GrantCreditsRequest(_message.Message):
    __slots__ = ("subject", "amount_nanos", "currency", "category", "priority", "effective_time", "expire_time", "meters", "reason", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    METERS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    amount_nanos: int
    currency: str
    category: GrantCategory
    priority: int
    effective_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    meters: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., amount_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., category: _Optional[_Union[GrantCategory, str]] = ..., priority: _Optional[int] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., meters: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class GrantCreditsResponse(_message.Message):
    __slots__ = ("account_id", "grant", "settled_nanos", "balance", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    SETTLED_NANOS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    grant: Grant
    settled_nanos: int
    balance: _common_pb2.CreditBalance
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., settled_nanos: _Optional[int] = ..., balance: _Optional[_Union[_common_pb2.CreditBalance, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class AdjustCreditsRequest(_message.Message):
    __slots__ = ("subject", "amount_nanos", "currency", "reason", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    amount_nanos: int
    currency: str
    reason: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., amount_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., reason: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class AdjustCreditsResponse(_message.Message):
    __slots__ = ("account_id", "debits", "debt_nanos", "settled_nanos", "grant", "balance", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    DEBITS_FIELD_NUMBER: _ClassVar[int]
    DEBT_NANOS_FIELD_NUMBER: _ClassVar[int]
    SETTLED_NANOS_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    debits: _containers.RepeatedCompositeFieldContainer[_common_pb2.Debit]
    debt_nanos: int
    settled_nanos: int
    grant: Grant
    balance: _common_pb2.CreditBalance
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., debits: _Optional[_Iterable[_Union[_common_pb2.Debit, _Mapping]]] = ..., debt_nanos: _Optional[int] = ..., settled_nanos: _Optional[int] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., balance: _Optional[_Union[_common_pb2.CreditBalance, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ("subject", "include_closed", "page_size", "page_token")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CLOSED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    include_closed: bool
    page_size: int
    page_token: str
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., include_closed: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("account_id", "grants", "next_page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    next_page_token: str
    def __init__(self, account_id: _Optional[str] = ..., grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListLedgerEntriesRequest(_message.Message):
    __slots__ = ("subject", "start_time", "end_time", "page_size", "page_token")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLedgerEntriesResponse(_message.Message):
    __slots__ = ("account_id", "entries", "next_page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    entries: _containers.RepeatedCompositeFieldContainer[LedgerEntry]
    next_page_token: str
    def __init__(self, account_id: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[LedgerEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class LedgerEntry(_message.Message):
    __slots__ = ("sequence", "book_time", "effective_time", "grant_id", "amount_nanos", "balance_after_nanos", "currency", "cause_kind", "cause")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BOOK_TIME_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CAUSE_KIND_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    book_time: _timestamp_pb2.Timestamp
    effective_time: _timestamp_pb2.Timestamp
    grant_id: str
    amount_nanos: int
    balance_after_nanos: int
    currency: str
    cause_kind: CauseKind
    cause: str
    def __init__(self, sequence: _Optional[int] = ..., book_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., grant_id: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., balance_after_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., cause_kind: _Optional[_Union[CauseKind, str]] = ..., cause: _Optional[str] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("order_id", "kind", "state", "currency", "credits_nanos", "price_nanos", "url", "create_time", "settle_time", "grant_id", "problem", "returned_nanos", "clawed_back_nanos")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CREDITS_NANOS_FIELD_NUMBER: _ClassVar[int]
    PRICE_NANOS_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SETTLE_TIME_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    RETURNED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CLAWED_BACK_NANOS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    kind: OrderKind
    state: OrderState
    currency: str
    credits_nanos: int
    price_nanos: int
    url: str
    create_time: _timestamp_pb2.Timestamp
    settle_time: _timestamp_pb2.Timestamp
    grant_id: str
    problem: str
    returned_nanos: int
    clawed_back_nanos: int
    def __init__(self, order_id: _Optional[str] = ..., kind: _Optional[_Union[OrderKind, str]] = ..., state: _Optional[_Union[OrderState, str]] = ..., currency: _Optional[str] = ..., credits_nanos: _Optional[int] = ..., price_nanos: _Optional[int] = ..., url: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., settle_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., grant_id: _Optional[str] = ..., problem: _Optional[str] = ..., returned_nanos: _Optional[int] = ..., clawed_back_nanos: _Optional[int] = ...) -> None: ...

class AutoReload(_message.Message):
    __slots__ = ("enabled", "threshold_nanos", "amount_nanos", "currency", "monthly_count_max", "monthly_nanos_max", "failures", "stop_time", "order_id")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_NANOS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_COUNT_MAX_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_NANOS_MAX_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    STOP_TIME_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    threshold_nanos: int
    amount_nanos: int
    currency: str
    monthly_count_max: int
    monthly_nanos_max: int
    failures: int
    stop_time: _timestamp_pb2.Timestamp
    order_id: str
    def __init__(self, enabled: _Optional[bool] = ..., threshold_nanos: _Optional[int] = ..., amount_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., monthly_count_max: _Optional[int] = ..., monthly_nanos_max: _Optional[int] = ..., failures: _Optional[int] = ..., stop_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., order_id: _Optional[str] = ...) -> None: ...

class CreateTopUpRequest(_message.Message):
    __slots__ = ("subject", "amount_nanos", "currency", "return_url", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    RETURN_URL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    amount_nanos: int
    currency: str
    return_url: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., amount_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., return_url: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class CreateTopUpResponse(_message.Message):
    __slots__ = ("account_id", "order", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    order: Order
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., order: _Optional[_Union[Order, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class GetTopUpRequest(_message.Message):
    __slots__ = ("order_id",)
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    def __init__(self, order_id: _Optional[str] = ...) -> None: ...

class GetTopUpResponse(_message.Message):
    __slots__ = ("account_id", "order")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    order: Order
    def __init__(self, account_id: _Optional[str] = ..., order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class GetAutoReloadRequest(_message.Message):
    __slots__ = ("subject",)
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ...) -> None: ...

class GetAutoReloadResponse(_message.Message):
    __slots__ = ("account_id", "auto_reload", "matched_by")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    AUTO_RELOAD_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    auto_reload: AutoReload
    matched_by: _common_pb2.MatchedBy
    def __init__(self, account_id: _Optional[str] = ..., auto_reload: _Optional[_Union[AutoReload, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ...) -> None: ...

class SetAutoReloadRequest(_message.Message):
    __slots__ = ("subject", "enabled", "threshold_nanos", "amount_nanos", "currency", "monthly_count_max", "monthly_nanos_max", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_NANOS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_COUNT_MAX_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_NANOS_MAX_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    enabled: bool
    threshold_nanos: int
    amount_nanos: int
    currency: str
    monthly_count_max: int
    monthly_nanos_max: int
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., enabled: _Optional[bool] = ..., threshold_nanos: _Optional[int] = ..., amount_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., monthly_count_max: _Optional[int] = ..., monthly_nanos_max: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class SetAutoReloadResponse(_message.Message):
    __slots__ = ("account_id", "auto_reload", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    AUTO_RELOAD_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    auto_reload: AutoReload
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., auto_reload: _Optional[_Union[AutoReload, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ResumeAutoReloadRequest(_message.Message):
    __slots__ = ("subject", "idempotency_key", "validate_only")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    idempotency_key: str
    validate_only: bool
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ResumeAutoReloadResponse(_message.Message):
    __slots__ = ("account_id", "auto_reload", "matched_by", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    AUTO_RELOAD_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    auto_reload: AutoReload
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., auto_reload: _Optional[_Union[AutoReload, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tollhouse.v1 import common_pb2 as _common_pb2
from tollhouse.v1 import reservation_service_pb2 as _reservation_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListEventsRequest(_message.Message):
    __slots__ = ("after_position", "page_size", "kinds", "subject")
    AFTER_POSITION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    after_position: int
    page_size: int
    kinds: _containers.RepeatedScalarFieldContainer[str]
    subject: _common_pb2.Subject
    def __init__(self, after_position: _Optional[int] = ..., page_size: _Optional[int] = ..., kinds: _Optional[_Iterable[str]] = ..., subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "reached_position")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    REACHED_POSITION_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    reached_position: int
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., reached_position: _Optional[int] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ("after_position", "kinds", "subject")
    AFTER_POSITION_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    after_position: int
    kinds: _containers.RepeatedScalarFieldContainer[str]
    subject: _common_pb2.Subject
    def __init__(self, after_position: _Optional[int] = ..., kinds: _Optional[_Iterable[str]] = ..., subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ...) -> None: ...

class WatchEventsResponse(_message.Message):
    __slots__ = ("events", "reached_position")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    REACHED_POSITION_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    reached_position: int
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., reached_position: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("position", "event_id", "kind", "account_id", "record_time", "usage_threshold", "credits_level", "credits_granted", "credits_expired", "plan_changed", "reservation_expired", "top_up_succeeded", "top_up_returned", "auto_reload", "payment_failed")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    USAGE_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    CREDITS_LEVEL_FIELD_NUMBER: _ClassVar[int]
    CREDITS_GRANTED_FIELD_NUMBER: _ClassVar[int]
    CREDITS_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    PLAN_CHANGED_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    TOP_UP_SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    TOP_UP_RETURNED_FIELD_NUMBER: _ClassVar[int]
    AUTO_RELOAD_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FAILED_FIELD_NUMBER: _ClassVar[int]
    position: int
    event_id: str
    kind: str
    account_id: str
    record_time: _timestamp_pb2.Timestamp
    usage_threshold: UsageThresholdEvent
    credits_level: CreditsLevelEvent
    credits_granted: CreditsGrantedEvent
    credits_expired: CreditsExpiredEvent
    plan_changed: PlanChangedEvent
    reservation_expired: ReservationExpiredEvent
    top_up_succeeded: TopUpSucceededEvent
    top_up_returned: TopUpReturnedEvent
    auto_reload: AutoReloadEvent
    payment_failed: PaymentFailedEvent
    def __init__(self, position: _Optional[int] = ..., event_id: _Optional[str] = ..., kind: _Optional[str] = ..., account_id: _Optional[str] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage_threshold: _Optional[_Union[UsageThresholdEvent, _Mapping]] = ..., credits_level: _Optional[_Union[CreditsLevelEvent, _Mapping]] = ..., credits_granted: _Optional[_Union[CreditsGrantedEvent, _Mapping]] = ..., credits_expired: _Optional[_Union[CreditsExpiredEvent, _Mapping]] = ..., plan_changed: _Optional[_Union[PlanChangedEvent, _Mapping]] = ..., reservation_expired: _Optional[_Union[ReservationExpiredEvent, _Mapping]] = ..., top_up_succeeded: _Optional[_Union[TopUpSucceededEvent, _Mapping]] = ..., top_up_returned: _Optional[_Union[TopUpReturnedEvent, _Mapping]] = ..., auto_reload: _Optional[_Union[AutoReloadEvent, _Mapping]] = ..., payment_failed: _Optional[_Union[PaymentFailedEvent, _Mapping]] = ...) -> None: ...

class UsageThresholdEvent(_message.Message):
    __slots__ = ("meter", "percent", "used", "included", "plan", "plan_version", "period_start_time", "period_end_time")
    METER_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    PERIOD_START_TIME_FIELD_NUMBER: _ClassVar[int]
    PERIOD_END_TIME_FIELD_NUMBER: _ClassVar[int]
    meter: str
    percent: int
    used: int
    included: int
    plan: str
    plan_version: int
    period_start_time: _timestamp_pb2.Timestamp
    period_end_time: _timestamp_pb2.Timestamp
    def __init__(self, meter: _Optional[str] = ..., percent: _Optional[int] = ..., used: _Optional[int] = ..., included: _Optional[int] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., period_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreditsLevelEvent(_message.Message):
    __slots__ = ("currency", "spendable_nanos", "threshold_nanos", "debt_nanos")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SPENDABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_NANOS_FIELD_NUMBER: _ClassVar[int]
    DEBT_NANOS_FIELD_NUMBER: _ClassVar[int]
    currency: str
    spendable_nanos: int
    threshold_nanos: int
    debt_nanos: int
    def __init__(self, currency: _Optional[str] = ..., spendable_nanos: _Optional[int] = ..., threshold_nanos: _Optional[int] = ..., debt_nanos: _Optional[int] = ...) -> None: ...

class CreditsGrantedEvent(_message.Message):
    __slots__ = ("currency", "grant_id", "category", "amount_nanos", "meters", "effective_time", "expire_time")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    METERS_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    currency: str
    grant_id: str
    category: str
    amount_nanos: int
    meters: _containers.RepeatedScalarFieldContainer[str]
    effective_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, currency: _Optional[str] = ..., grant_id: _Optional[str] = ..., category: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., meters: _Optional[_Iterable[str]] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreditsExpiredEvent(_message.Message):
    __slots__ = ("currency", "grant_id", "amount_nanos", "expired_time")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_TIME_FIELD_NUMBER: _ClassVar[int]
    currency: str
    grant_id: str
    amount_nanos: int
    expired_time: _timestamp_pb2.Timestamp
    def __init__(self, currency: _Optional[str] = ..., grant_id: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., expired_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PlanChangedEvent(_message.Message):
    __slots__ = ("previous_plan", "previous_plan_version", "plan", "plan_version", "effective_time")
    PREVIOUS_PLAN_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    previous_plan: str
    previous_plan_version: int
    plan: str
    plan_version: int
    effective_time: _timestamp_pb2.Timestamp
    def __init__(self, previous_plan: _Optional[str] = ..., previous_plan_version: _Optional[int] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReservationExpiredEvent(_message.Message):
    __slots__ = ("reservation_id", "product", "meter", "quantity", "state", "charged_nanos", "currency", "expired_time")
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHARGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_TIME_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    product: str
    meter: str
    quantity: int
    state: _reservation_service_pb2.ReservationState
    charged_nanos: int
    currency: str
    expired_time: _timestamp_pb2.Timestamp
    def __init__(self, reservation_id: _Optional[str] = ..., product: _Optional[str] = ..., meter: _Optional[str] = ..., quantity: _Optional[int] = ..., state: _Optional[_Union[_reservation_service_pb2.ReservationState, str]] = ..., charged_nanos: _Optional[int] = ..., currency: _Optional[str] = ..., expired_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TopUpSucceededEvent(_message.Message):
    __slots__ = ("currency", "intent_id", "grant_id", "amount_nanos", "paid_nanos")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    PAID_NANOS_FIELD_NUMBER: _ClassVar[int]
    currency: str
    intent_id: str
    grant_id: str
    amount_nanos: int
    paid_nanos: int
    def __init__(self, currency: _Optional[str] = ..., intent_id: _Optional[str] = ..., grant_id: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., paid_nanos: _Optional[int] = ...) -> None: ...

class TopUpReturnedEvent(_message.Message):
    __slots__ = ("currency", "intent_id", "paid_nanos", "returned_nanos", "credits_change_nanos", "credits_taken_nanos")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAID_NANOS_FIELD_NUMBER: _ClassVar[int]
    RETURNED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_CHANGE_NANOS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_TAKEN_NANOS_FIELD_NUMBER: _ClassVar[int]
    currency: str
    intent_id: str
    paid_nanos: int
    returned_nanos: int
    credits_change_nanos: int
    credits_taken_nanos: int
    def __init__(self, currency: _Optional[str] = ..., intent_id: _Optional[str] = ..., paid_nanos: _Optional[int] = ..., returned_nanos: _Optional[int] = ..., credits_change_nanos: _Optional[int] = ..., credits_taken_nanos: _Optional[int] = ...) -> None: ...

class AutoReloadEvent(_message.Message):
    __slots__ = ("currency", "intent_id", "amount_nanos", "grant_id", "decline", "failures", "retry_time")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    currency: str
    intent_id: str
    amount_nanos: int
    grant_id: str
    decline: str
    failures: int
    retry_time: _timestamp_pb2.Timestamp
    def __init__(self, currency: _Optional[str] = ..., intent_id: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., grant_id: _Optional[str] = ..., decline: _Optional[str] = ..., failures: _Optional[int] = ..., retry_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PaymentFailedEvent(_message.Message):
    __slots__ = ("subscription_id", "provider", "plan", "plan_version", "grace_end_time")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    GRACE_END_TIME_FIELD_NUMBER: _ClassVar[int]
    subscription_id: str
    provider: str
    plan: str
    plan_version: int
    grace_end_time: _timestamp_pb2.Timestamp
    def __init__(self, subscription_id: _Optional[str] = ..., provider: _Optional[str] = ..., plan: _Optional[str] = ..., plan_version: _Optional[int] = ..., grace_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

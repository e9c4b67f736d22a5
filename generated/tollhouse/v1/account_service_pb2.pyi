import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tollhouse.v1 import common_pb2 as _common_pb2
from tollhouse.v1 import subscription_service_pb2 as _subscription_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_KIND_UNSPECIFIED: _ClassVar[AccountKind]
    ACCOUNT_KIND_PERSONAL: _ClassVar[AccountKind]
    ACCOUNT_KIND_ORGANIZATION: _ClassVar[AccountKind]
ACCOUNT_KIND_UNSPECIFIED: AccountKind
ACCOUNT_KIND_PERSONAL: AccountKind
ACCOUNT_KIND_ORGANIZATION: AccountKind

class Account(_message.Message):
    __slots__ = ("account_id", "kind", "currency", "zone", "anchor_time")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_TIME_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    kind: AccountKind
    currency: str
    zone: str
    anchor_time: _timestamp_pb2.Timestamp
    def __init__(self, account_id: _Optional[str] = ..., kind: _Optional[_Union[AccountKind, str]] = ..., currency: _Optional[str] = ..., zone: _Optional[str] = ..., anchor_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Identity(_message.Message):
    __slots__ = ("user_id", "email", "org_id")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    org_id: str
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ..., org_id: _Optional[str] = ...) -> None: ...

class UpsertUserRequest(_message.Message):
    __slots__ = ("user_id", "email", "zone", "idempotency_key", "validate_only")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    zone: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ..., zone: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class UpsertUserResponse(_message.Message):
    __slots__ = ("account", "identity", "created", "replayed")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account: Account
    identity: Identity
    created: bool
    replayed: bool
    def __init__(self, account: _Optional[_Union[Account, _Mapping]] = ..., identity: _Optional[_Union[Identity, _Mapping]] = ..., created: _Optional[bool] = ..., replayed: _Optional[bool] = ...) -> None: ...

class UpsertOrganizationRequest(_message.Message):
    __slots__ = ("org_id", "zone", "idempotency_key", "validate_only")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    zone: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, org_id: _Optional[str] = ..., zone: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class UpsertOrganizationResponse(_message.Message):
    __slots__ = ("account", "identity", "created", "replayed")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account: Account
    identity: Identity
    created: bool
    replayed: bool
    def __init__(self, account: _Optional[_Union[Account, _Mapping]] = ..., identity: _Optional[_Union[Identity, _Mapping]] = ..., created: _Optional[bool] = ..., replayed: _Optional[bool] = ...) -> None: ...

class Membership(_message.Message):
    __slots__ = ("account_id", "org_id", "is_primary")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PRIMARY_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    org_id: str
    is_primary: bool
    def __init__(self, account_id: _Optional[str] = ..., org_id: _Optional[str] = ..., is_primary: _Optional[bool] = ...) -> None: ...

class AddMemberRequest(_message.Message):
    __slots__ = ("user_id", "email", "org_id", "is_primary", "idempotency_key", "validate_only")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PRIMARY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    org_id: str
    is_primary: bool
    idempotency_key: str
    validate_only: bool
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ..., org_id: _Optional[str] = ..., is_primary: _Optional[bool] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class AddMemberResponse(_message.Message):
    __slots__ = ("membership", "matched_by", "replayed")
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    membership: Membership
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, membership: _Optional[_Union[Membership, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class RemoveMemberRequest(_message.Message):
    __slots__ = ("user_id", "email", "org_id", "idempotency_key", "validate_only")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    org_id: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ..., org_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class RemoveMemberResponse(_message.Message):
    __slots__ = ("membership", "matched_by", "replayed")
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    membership: Membership
    matched_by: _common_pb2.MatchedBy
    replayed: bool
    def __init__(self, membership: _Optional[_Union[Membership, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ListMembersRequest(_message.Message):
    __slots__ = ("org_id", "page_size", "page_token")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    page_size: int
    page_token: str
    def __init__(self, org_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMembersResponse(_message.Message):
    __slots__ = ("account_id", "members", "next_page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    members: _containers.RepeatedCompositeFieldContainer[Member]
    next_page_token: str
    def __init__(self, account_id: _Optional[str] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("identity", "is_primary")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    IS_PRIMARY_FIELD_NUMBER: _ClassVar[int]
    identity: Identity
    is_primary: bool
    def __init__(self, identity: _Optional[_Union[Identity, _Mapping]] = ..., is_primary: _Optional[bool] = ...) -> None: ...

class EraseUserRequest(_message.Message):
    __slots__ = ("user_id", "email", "idempotency_key", "validate_only")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    idempotency_key: str
    validate_only: bool
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class EraseUserResponse(_message.Message):
    __slots__ = ("account_id", "matched_by", "memberships_ended", "replayed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIPS_ENDED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    matched_by: _common_pb2.MatchedBy
    memberships_ended: int
    replayed: bool
    def __init__(self, account_id: _Optional[str] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., memberships_ended: _Optional[int] = ..., replayed: _Optional[bool] = ...) -> None: ...

class GetAccountRequest(_message.Message):
    __slots__ = ("subject",)
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    subject: _common_pb2.Subject
    def __init__(self, subject: _Optional[_Union[_common_pb2.Subject, _Mapping]] = ...) -> None: ...

class GetAccountResponse(_message.Message):
    __slots__ = ("account", "matched_by", "identities", "subscriptions", "overrides", "memberships")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIPS_FIELD_NUMBER: _ClassVar[int]
    account: Account
    matched_by: _common_pb2.MatchedBy
    identities: _containers.RepeatedCompositeFieldContainer[Identity]
    subscriptions: _containers.RepeatedCompositeFieldContainer[_subscription_service_pb2.Subscription]
    overrides: _containers.RepeatedCompositeFieldContainer[_subscription_service_pb2.MeterOverride]
    memberships: _containers.RepeatedCompositeFieldContainer[Membership]
    def __init__(self, account: _Optional[_Union[Account, _Mapping]] = ..., matched_by: _Optional[_Union[_common_pb2.MatchedBy, str]] = ..., identities: _Optional[_Iterable[_Union[Identity, _Mapping]]] = ..., subscriptions: _Optional[_Iterable[_Union[_subscription_service_pb2.Subscription, _Mapping]]] = ..., overrides: _Optional[_Iterable[_Union[_subscription_service_pb2.MeterOverride, _Mapping]]] = ..., memberships: _Optional[_Iterable[_Union[Membership, _Mapping]]] = ...) -> None: ...

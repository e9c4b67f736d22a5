"""Every method of the contract, found in its descriptors, with a request that would be accepted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.code_pb2 import Code
from tollhouse.v1 import (
    account_service_pb2,
    admin_service_pb2,
    credits_service_pb2,
    entitlement_service_pb2,
    event_service_pb2,
    reservation_service_pb2,
    subscription_service_pb2,
    usage_service_pb2,
)
from tollhouse.v1.error_reason_pb2 import ErrorReason

from tests.support.door import TIMEOUT_SECONDS, Door, Refusal, at, refusal
from tests.support.house import DAY_US, START_US

FILES = (
    account_service_pb2,
    admin_service_pb2,
    credits_service_pb2,
    entitlement_service_pb2,
    event_service_pb2,
    reservation_service_pb2,
    subscription_service_pb2,
    usage_service_pb2,
)
HEALTH = ("/grpc.health.v1.Health/Check",)

ANNA = {"user_id": "anna"}
EVENT: dict[str, Any] = {
    "subject": ANNA,
    "product": "talk",
    "meter": "voice_minutes",
    "quantity": 1,
    "event_time": at(START_US),
    "metadata": {"room": "blue"},
    "idempotency_key": "usage",
}
RANGE: dict[str, Any] = {"start_time": at(START_US - DAY_US), "end_time": at(START_US + DAY_US)}
BACK = "https://shop.example.test/back"
PLAN_TO_BUY: dict[str, Any] = {
    "subject": ANNA,
    "plan": "pro",
    "success_url": "https://shop.example.test/done",
    "cancel_url": BACK,
}

# What must be said for a request to be accepted, and every field whose form is checked.
ACCEPTED: dict[str, dict[str, Any]] = {
    "RecordUsage": EVENT,
    "BatchRecordUsage": {"items": [EVENT], "atomic": True},
    "StreamUsage": {"items": [EVENT]},
    "SetUsage": {
        **{key: EVENT[key] for key in ("subject", "product", "event_time", "metadata")},
        "meter": "storage_mb",
        "level": 1,
        "idempotency_key": "level",
    },
    "VoidUsage": {"voided_key": "known", "reason": "a test", "idempotency_key": "void usage"},
    "ListUsageEvents": {"subject": ANNA, "meter": "voice_minutes", "product": "talk", **RANGE},
    "QueryUsage": {
        "subject": ANNA,
        "granularity": usage_service_pb2.GRANULARITY_DAY,
        "zone": "UTC",
        "meter": "voice_minutes",
        "product": "talk",
        **RANGE,
    },
    "GetOperation": {"idempotency_key": "known"},
    "GetEntitlement": {"subject": ANNA, "product": "talk"},
    "BatchGetEntitlements": {"subjects": [ANNA], "product": "talk"},
    "WatchEntitlements": {
        "subjects": [ANNA],
        "product": "talk",
        "known": [{"account_id": "acct_known", "version": 1}],
    },
    "CheckFeature": {"subject": ANNA, "feature": "talk.access"},
    "CheckUsage": {key: EVENT[key] for key in ("subject", "product", "meter", "quantity", "event_time")},
    "GetBalance": {"subject": ANNA},
    "GrantCredits": {
        "subject": ANNA,
        "amount_nanos": 1,
        "currency": "usd",
        "category": credits_service_pb2.GRANT_CATEGORY_PAID,
        "effective_time": at(START_US),
        "expire_time": at(START_US + DAY_US),
        "meters": ["voice_minutes"],
        "reason": "a test",
        "idempotency_key": "grant",
    },
    "AdjustCredits": {
        "subject": ANNA,
        "amount_nanos": 1,
        "currency": "usd",
        "reason": "a test",
        "idempotency_key": "adjust",
    },
    "VoidGrant": {"subject": ANNA, "grant_id": "known", "reason": "a test", "idempotency_key": "void"},
    "ReserveUsage": {
        **{key: EVENT[key] for key in ("subject", "product", "meter", "quantity", "metadata")},
        "ttl": {"seconds": 60},
        "idempotency_key": "reserve",
    },
    "ExtendReservation": {"reservation_id": "known", "ttl": {"seconds": 60}, "idempotency_key": "extend"},
    "CommitReservation": {
        "reservation_id": "known",
        "quantity": 1,
        "metadata": {"room": "blue"},
        "idempotency_key": "commit",
    },
    "ReleaseReservation": {"reservation_id": "known", "idempotency_key": "release"},
    "GetReservation": {"reservation_id": "known"},
    "ListReservations": {"subject": ANNA, "product": "talk"},
    "CreateTopUp": {
        "subject": ANNA,
        "amount_nanos": 10 * 10**9,
        "currency": "usd",
        "return_url": BACK,
        "idempotency_key": "top up",
    },
    "GetTopUp": {"order_id": "known"},
    "GetAutoReload": {"subject": ANNA},
    "SetAutoReload": {
        "subject": ANNA,
        "enabled": True,
        "threshold_nanos": 10**9,
        "amount_nanos": 10 * 10**9,
        "currency": "usd",
        "monthly_count_max": 3,
        "monthly_nanos_max": 30 * 10**9,
        "idempotency_key": "set reload",
    },
    "ResumeAutoReload": {"subject": ANNA, "idempotency_key": "resume reload"},
    "GetPlanState": {"subject": ANNA},
    "StartCheckout": {**PLAN_TO_BUY, "idempotency_key": "checkout"},
    "ChangePlan": {**PLAN_TO_BUY, "idempotency_key": "change"},
    "CancelSubscription": {"subject": ANNA, "idempotency_key": "cancel subscription"},
    "ResumeSubscription": {"subject": ANNA, "idempotency_key": "resume subscription"},
    "PreviewPlanChange": {"subject": ANNA, "plan": "pro"},
    "CreatePortalSession": {
        "subject": ANNA,
        "return_url": BACK,
        "idempotency_key": "portal",
    },
    "CreatePaymentLink": {
        "subject": ANNA,
        "items": [{"pack": "credits_10", "quantity": 1}],
        "currency": "usd",
        "return_url": BACK,
        "idempotency_key": "link",
    },
    "ListGrants": {"subject": ANNA},
    "ListLedgerEntries": {"subject": ANNA, **RANGE},
    "UpsertUser": {"user_id": "bert", "email": "bert@example.test", "zone": "UTC", "idempotency_key": "user"},
    "UpsertOrganization": {"org_id": "acme", "zone": "UTC", "idempotency_key": "organization"},
    "GetAccount": {"subject": ANNA},
    "AddMember": {"user_id": "anna", "email": "anna@example.test", "org_id": "acme", "idempotency_key": "add"},
    "RemoveMember": {"user_id": "anna", "email": "anna@example.test", "org_id": "acme", "idempotency_key": "leave"},
    "ListMembers": {"org_id": "acme"},
    "EraseUser": {"user_id": "anna", "email": "anna@example.test", "idempotency_key": "erase"},
    "AssignPlan": {"subject": ANNA, "plan": "pro", **RANGE, "idempotency_key": "assign"},
    "CancelPendingPlanChange": {"subject": ANNA, "subscription_id": "known", "idempotency_key": "cancel"},
    "UnassignPlan": {"subject": ANNA, "subscription_id": "known", "idempotency_key": "unassign"},
    "SetOverride": {
        "subject": ANNA,
        "meter": "voice_minutes",
        "included": 1,
        "rate": {"price_nanos": 1, "per_units": 1},
        **RANGE,
        "idempotency_key": "set",
    },
    "RemoveOverride": {"subject": ANNA, "override_id": "known", "idempotency_key": "remove"},
    "ListPlans": {},
    "ListEvents": {"after_position": 0, "kinds": ["credits.low"], "subject": ANNA},
    "WatchEvents": {"after_position": 0, "kinds": ["credits.low"], "subject": ANNA},
    "CreateClient": {"client_id": "doc-backend", "name": "Doc", "idempotency_key": "client"},
    "ListClients": {},
    "CreateKey": {
        "client_id": "talk-backend",
        "scopes": [admin_service_pb2.SCOPE_USAGE_WRITE],
        "products": ["talk"],
        "expire_time": at(START_US + DAY_US),
        "idempotency_key": "key",
    },
    "ListKeys": {"client_id": "talk-backend"},
    "RotateKey": {"key_id": "known", "overlap": {"seconds": 60}, "idempotency_key": "rotate"},
    "RevokeKey": {"key_id": "known", "idempotency_key": "revoke"},
    "CreateEventEndpoint": {
        "url": "https://hooks.example.test/events?of=us",
        "kinds": ["credits.low"],
        "idempotency_key": "endpoint",
    },
    "ListEventEndpoints": {},
    "RotateEventEndpoint": {"endpoint_id": "known", "overlap": {"seconds": 60}, "idempotency_key": "rotate-endpoint"},
    "DeleteEventEndpoint": {"endpoint_id": "known", "idempotency_key": "delete-endpoint"},
    "ListAuditEntries": RANGE,
    "GetTestClock": {},
    "AdvanceTestClock": {"by": {"seconds": 60}, "idempotency_key": "clock"},
}


@dataclass(frozen=True)
class Method:
    """One method: its path on the wire, and its accepted request."""

    path: str
    request: Message

    def __str__(self) -> str:
        return self.path.rpartition("/")[2]


def _method(descriptor: MethodDescriptor) -> Method:
    request = GetMessageClass(descriptor.input_type)(**ACCEPTED[descriptor.name])
    return Method(f"/{descriptor.containing_service.full_name}/{descriptor.name}", request)


STREAM_USAGE = "/tollhouse.v1.UsageService/StreamUsage"


def item_refusal(path: str, answer: bytes) -> Refusal | None:
    """Why the only item of a stream was refused: there it is not the call that ends with it."""
    if path != STREAM_USAGE:
        return None
    (result,) = usage_service_pb2.StreamUsageResponse.FromString(answer).acknowledgements
    if not result.HasField("error"):
        return None
    error, metadata = result.error, dict(result.error.metadata)
    violations = {metadata["field"]: error.message} if "field" in metadata else {}
    return Refusal(
        code=Code.Name(error.code),
        message=error.message,
        reason=ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_"),
        metadata=metadata,
        violations=violations,
    )


def refused(door: Door, path: str, data: bytes) -> Refusal:
    """Calls, and gives what the call or its only item was refused with."""
    if path != STREAM_USAGE:
        return refusal(door.raw(path), data)
    found = item_refusal(path, door.raw(path)(data, timeout=TIMEOUT_SECONDS))
    assert found
    return found


METHODS = [
    _method(method)
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


@dataclass(frozen=True)
class Place:
    """A field somewhere in a request: its path as refusals name it, the message that holds it, its descriptor."""

    path: str
    holder: Message
    field: Any

    def put(self, value: Any) -> None:
        """Sets the field, or the only entry of a repeated one."""
        if isinstance(value, Message):
            getattr(self.holder, self.field.name).CopyFrom(value)
        elif self.field.is_repeated:
            getattr(self.holder, self.field.name)[:] = [value]
        else:
            setattr(self.holder, self.field.name, value)


def places(message: Message, prefix: str = "") -> Iterator[Place]:
    """Every field of a message and of the messages in it, but maps."""
    for field in message.DESCRIPTOR.fields:
        path = f"{prefix}{field.name}"
        if field.message_type is None:
            yield Place(f"{path}[0]" if field.is_repeated else path, message, field)
        elif field.message_type.full_name in (Timestamp.DESCRIPTOR.full_name, Duration.DESCRIPTOR.full_name):
            yield Place(path, message, field)
        elif field.is_repeated and not field.message_type.GetOptions().map_entry:
            for index, below in enumerate(getattr(message, field.name)):
                yield from places(below, f"{path}[{index}].")
        elif not field.is_repeated and message.HasField(field.name):
            yield from places(getattr(message, field.name), f"{path}.")

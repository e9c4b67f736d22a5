"""Requests for the load generator: finished bytes, with places in which it writes fresh idempotency keys."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message
from tollhouse.v1.account_service_pb2 import UpsertUserRequest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.credits_service_pb2 import GRANT_CATEGORY_PAID, GrantCreditsRequest
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest
from tollhouse.v1.usage_service_pb2 import BatchRecordUsageRequest, RecordUsageRequest, UsageItem

KEY_LENGTH = 32
KEY = "#" * KEY_LENGTH
"""Stands where a key goes; nothing else in a request looks like it."""

PRODUCT, METER, PLENTY_NANOS = "talk", "voice_minutes", 10**15
ALLOWANCE = 10
"""What the shipped hub catalogue's default plan includes of the meter; every unit beyond it is charged to credits."""

NOOP_SERVICE = "tollhouse.bench.Noop"
NOOP_METHOD = f"/{NOOP_SERVICE}/Echo"
REFUSING_METHOD = f"/{NOOP_SERVICE}/Refuse"


@dataclass(frozen=True, slots=True)
class Plan:
    """One method and the requests that are sent to it in turn. `bulk`: answers hold one result per item."""

    method: str
    requests: Sequence[bytes]
    bulk: bool = False

    def write(self, path: Path, api_key: str = "") -> None:
        """Writes the file that the load generator reads; its calls carry the API key if there is one."""
        templates = [
            {"body": base64.b64encode(request).decode(), "keys": key_offsets(request)} for request in self.requests
        ]
        plan = {"method": self.method, "bulk": self.bulk, "api_key": api_key, "templates": templates}
        path.write_text(json.dumps(plan))


def key_offsets(request: bytes) -> list[int]:
    """Where keys stand in a request."""
    offsets = []
    at = request.find(KEY.encode())
    while at >= 0:
        offsets.append(at)
        at = request.find(KEY.encode(), at + KEY_LENGTH)
    return offsets


def user(number: int) -> str:
    """The user id of the account with this number."""
    return f"user-{number:06d}"


def upserts(users: Iterable[str]) -> Plan:
    """Makes users with their accounts."""
    requests = [UpsertUserRequest(user_id=name, idempotency_key=KEY) for name in users]
    return _plan("AccountService/UpsertUser", requests)


def grants(users: Iterable[str]) -> Plan:
    """Gives each more credits than any run can use up."""
    requests = [
        GrantCreditsRequest(
            subject=Subject(user_id=name),
            amount_nanos=PLENTY_NANOS,
            currency="usd",
            category=GRANT_CATEGORY_PAID,
            idempotency_key=KEY,
        )
        for name in users
    ]
    return _plan("CreditsService/GrantCredits", requests)


def records(users: Iterable[str], quantity: int = 1) -> Plan:
    """One usage event per call; beyond the allowance each is a counter, a debit and a ledger entry."""
    requests = [
        RecordUsageRequest(
            subject=Subject(user_id=name), product=PRODUCT, meter=METER, quantity=quantity, idempotency_key=KEY
        )
        for name in users
    ]
    return _plan("UsageService/RecordUsage", requests)


def batches(users: Sequence[str], size: int, count: int) -> Plan:
    """`count` different batches of `size` events, spread over the users."""
    requests = []
    for number in range(count):
        names = [users[(number * size + index) % len(users)] for index in range(size)]
        items = [
            UsageItem(subject=Subject(user_id=name), product=PRODUCT, meter=METER, quantity=1, idempotency_key=KEY)
            for name in names
        ]
        requests.append(BatchRecordUsageRequest(items=items))
    return _plan("UsageService/BatchRecordUsage", requests, bulk=True)


def entitlements(users: Iterable[str]) -> Plan:
    """What each account may do."""
    requests = [GetEntitlementRequest(subject=Subject(user_id=name), product=PRODUCT) for name in users]
    return _plan("EntitlementService/GetEntitlement", requests)


def noop(users: Iterable[str], method: str = NOOP_METHOD) -> Plan:
    """Calls that do nothing, with a small message of the contract both ways."""
    return Plan(method, [Subject(user_id=name).SerializeToString() for name in users])


def _plan(name: str, requests: Sequence[Message], bulk: bool = False) -> Plan:
    return Plan(f"/tollhouse.v1.{name}", [request.SerializeToString() for request in requests], bulk)

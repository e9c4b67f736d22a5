"""What callers need of the generated stubs: one channel, the key of who calls, and the reason of a refusal."""

from dataclasses import InitVar, dataclass, field
from typing import cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tollhouse.v1.account_service_pb2_grpc import AccountServiceStub
from tollhouse.v1.admin_service_pb2_grpc import AdminServiceStub
from tollhouse.v1.credits_service_pb2_grpc import CreditsServiceStub
from tollhouse.v1.entitlement_service_pb2_grpc import EntitlementServiceStub
from tollhouse.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tollhouse.v1.subscription_service_pb2_grpc import SubscriptionServiceStub
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.demo.server import Keys
from tests.support.keyed import keyed

DEADLINE_SECONDS = 10


@dataclass(slots=True)
class Client:
    """The services behind one channel: product back ends report and ask, an operator does the rest, each by a key."""

    channel: InitVar[grpc.Channel]
    keys: InitVar[Keys]
    usage: UsageServiceStub = field(init=False)
    credits: CreditsServiceStub = field(init=False)
    entitlements: EntitlementServiceStub = field(init=False)
    accounts: AccountServiceStub = field(init=False)
    subscriptions: SubscriptionServiceStub = field(init=False)
    reservations: ReservationServiceStub = field(init=False)
    admin: AdminServiceStub = field(init=False)

    def __post_init__(self, channel: grpc.Channel, keys: Keys) -> None:
        back_ends, operator = keyed(channel, keys.back_ends), keyed(channel, keys.operator)
        self.usage = UsageServiceStub(back_ends)
        self.entitlements = EntitlementServiceStub(back_ends)
        self.credits = CreditsServiceStub(operator)
        self.accounts = AccountServiceStub(operator)
        self.subscriptions = SubscriptionServiceStub(operator)
        self.reservations = ReservationServiceStub(back_ends)
        self.admin = AdminServiceStub(operator)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was refused, in the words of `error_reason.proto`."""

    reason: str
    message: str


def refusal_of(error: grpc.RpcError) -> Refusal:
    """The declared reason behind a status. Re-raises what is no refusal of ours."""
    status = rpc_status.from_call(cast(grpc.Call, error))
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return Refusal(info.reason, status.message)
    raise error

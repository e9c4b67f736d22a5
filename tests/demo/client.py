"""What a product's back end needs of the generated stubs: one channel, and the reason of a refusal."""

from dataclasses import dataclass, field
from typing import cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tollhouse.v1.account_service_pb2_grpc import AccountServiceStub
from tollhouse.v1.credits_service_pb2_grpc import CreditsServiceStub
from tollhouse.v1.entitlement_service_pb2_grpc import EntitlementServiceStub
from tollhouse.v1.subscription_service_pb2_grpc import SubscriptionServiceStub
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

DEADLINE_SECONDS = 10


@dataclass(slots=True)
class Client:
    """The services behind one channel."""

    channel: grpc.Channel
    usage: UsageServiceStub = field(init=False)
    credits: CreditsServiceStub = field(init=False)
    entitlements: EntitlementServiceStub = field(init=False)
    accounts: AccountServiceStub = field(init=False)
    subscriptions: SubscriptionServiceStub = field(init=False)

    def __post_init__(self) -> None:
        self.usage = UsageServiceStub(self.channel)
        self.credits = CreditsServiceStub(self.channel)
        self.entitlements = EntitlementServiceStub(self.channel)
        self.accounts = AccountServiceStub(self.channel)
        self.subscriptions = SubscriptionServiceStub(self.channel)


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

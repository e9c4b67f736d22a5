"""Sets the accounts of a run up, through the public interface."""

import time
from typing import Any

import grpc
from tollhouse.v1 import account_service_pb2 as account_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1.account_service_pb2_grpc import AccountServiceStub
from tollhouse.v1.credits_service_pb2 import ORDER_STATE_SUCCEEDED, GetTopUpRequest
from tollhouse.v1.credits_service_pb2_grpc import CreditsServiceStub
from tollhouse.v1.subscription_service_pb2_grpc import SubscriptionServiceStub
from tollhouse.v1.usage_service_pb2_grpc import UsageServiceStub

from tests.torture.buyers import BUYERS, RELOADING, reload_of
from tests.torture.cast import BYSTANDERS, CAST, PROBE, Actor
from tests.torture.commands import METERS, PACKS_NANOS, Grant, Limit, Usage
from tests.torture.purchase_requests import purchase_request
from tests.torture.purchases import TopUp
from tests.torture.requests import grant_request, limit_request, subject, usage_request
from tests.torture.shop import pay

CALL_SECONDS = 60.0
PAID_SECONDS = 180.0
LIMIT_MIN = 40


class Stage:
    """The accounts as they were made: their ids, and the keys that setting them up has stored."""

    def __init__(self, address: str, seconds: float, sells: bool = False) -> None:
        """`sells`: there is a payment provider, at which some accounts are to have a card and buy by themselves."""
        self.account_ids: dict[str, str] = {}
        self.keys: set[str] = set()
        self._seconds = seconds
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            self._accounts = AccountServiceStub(channel)
            self._credits = CreditsServiceStub(channel)
            self._subscriptions = SubscriptionServiceStub(channel)
            self._usage = UsageServiceStub(channel)
            for actor in (*CAST, *BUYERS, PROBE, *BYSTANDERS):
                self._set_up(actor)
            for actor in BYSTANDERS:
                usage = Usage(self._key(actor, "usage"), actor, "talk", "voice_minutes", 30, actor.records, None, "")
                self._usage.RecordUsage(usage_request(usage), timeout=CALL_SECONDS)
            for actor in RELOADING if sells else ():
                self._keep_a_card(actor)

    @property
    def bystander_ids(self) -> list[str]:
        """The accounts that the run leaves alone."""
        return [self.account_ids[actor.name] for actor in BYSTANDERS]

    def _set_up(self, actor: Actor) -> None:
        self.account_ids[actor.name] = self._account(actor)
        if actor.plan:
            request = subscription_pb.AssignPlanRequest(
                subject=subject(actor), plan=actor.plan, idempotency_key=self._key(actor, "plan")
            )
            self._subscriptions.AssignPlan(request, timeout=CALL_SECONDS)
        if actor.limit_per_second:
            for meter in METERS:
                self._limit(actor, meter)
        if actor.credits_nanos:
            grant = Grant(self._key(actor, "grant"), actor, actor.credits_nanos)
            self._credits.GrantCredits(grant_request(grant), timeout=CALL_SECONDS)

    def _account(self, actor: Actor) -> str:
        key = self._key(actor, "account")
        if actor.org_id:
            organization = account_pb.UpsertOrganizationRequest(org_id=actor.org_id, idempotency_key=key)
            return self._accounts.UpsertOrganization(organization, timeout=CALL_SECONDS).account.account_id
        user = account_pb.UpsertUserRequest(user_id=actor.user_id, email=actor.email, idempotency_key=key)
        return self._accounts.UpsertUser(user, timeout=CALL_SECONDS).account.account_id

    def _keep_a_card(self, actor: Actor) -> None:
        """Pays once on the provider's page, which keeps the card, and has further credits bought by themselves."""
        request: Any = purchase_request(TopUp(self._key(actor, "top-up"), actor, PACKS_NANOS[0]))
        order = self._credits.CreateTopUp(request, timeout=CALL_SECONDS).order
        pay(order.url)
        until = time.monotonic() + PAID_SECONDS
        while order.state != ORDER_STATE_SUCCEEDED:
            if time.monotonic() > until:
                raise RuntimeError(f"a payment was not settled in {PAID_SECONDS:g} s: {order}")
            time.sleep(0.05)  # the provider's word comes a moment later
            order = self._credits.GetTopUp(GetTopUpRequest(order_id=order.order_id), timeout=CALL_SECONDS).order
        request = purchase_request(reload_of(self._key(actor, "reload"), actor))
        self._credits.SetAutoReload(request, timeout=CALL_SECONDS)

    def _limit(self, actor: Actor, meter: str) -> None:
        included = max(LIMIT_MIN, round(actor.limit_per_second * self._seconds))
        limit = Limit(self._key(actor, f"limit of {meter}"), actor, meter, included)
        self._subscriptions.SetOverride(limit_request(limit), timeout=CALL_SECONDS)

    def _key(self, actor: Actor, purpose: str) -> str:
        key = f"stage: {purpose} of {actor.name}"
        self.keys.add(key)
        return key

"""The day: a hundred customers, five products, what their back ends report hour by hour; the same for the same seed."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc
from tollhouse.v1 import account_service_pb2 as accounts
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits
from tollhouse.v1 import subscription_service_pb2 as subscriptions
from tollhouse.v1 import usage_service_pb2 as usage
from tollhouse.v1.error_reason_pb2 import ErrorReason

from tests.demo.client import DEADLINE_SECONDS, Client, refusal_of

CUSTOMERS = 100
PLANS = ["hobby"] * 55 + ["early_adopter"] * 15 + ["pro"] * 20 + ["team"] * 8 + ["enterprise"] * 2
DOLLAR = 1_000_000_000
RETRIED = 0.05
CONFLICTING = 0.01
HOURS = 24

# What each product reports: meter, the middle of its quantities, whether the action has happened when it is reported.
ACTIONS = {
    "talk": [("voice_minutes", 6, True), ("api_calls", 40, False)],
    "send": [("email_sends", 30, False), ("api_calls", 15, False)],
    "local": [("api_calls", 60, False)],
    "doc": [("ai_tokens", 3_000, False), ("api_calls", 10, False)],
    "transcribe": [("ai_tokens", 12_000, True)],
}


@dataclass(slots=True)
class Customer:
    """One customer, what was given, and what the answers said."""

    number: int
    plan: str
    chance: random.Random
    granted_nanos: int = 0
    charged_nanos: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)

    @property
    def subject(self) -> common.Subject:
        """Teams and enterprises are organizations, the others people."""
        if self.plan in ("team", "enterprise"):
            return common.Subject(org_id=f"org-{self.number:03}")
        return common.Subject(user_id=f"user-{self.number:03}")


def customers(seed: int) -> list[Customer]:
    """The same hundred customers for the same seed."""
    plans = list(PLANS)
    random.Random(seed).shuffle(plans)
    return [Customer(number, plan, random.Random(f"{seed}/{number}")) for number, plan in enumerate(plans, start=1)]


def enroll(client: Client, customer: Customer) -> None:
    """Makes the account, assigns its plan, and gives some customers credits."""
    key = f"enroll-{customer.number:03}"
    subject = customer.subject
    if subject.org_id:
        made = accounts.UpsertOrganizationRequest(org_id=subject.org_id, zone="Europe/Berlin", idempotency_key=key)
        client.accounts.UpsertOrganization(made, timeout=DEADLINE_SECONDS)
    else:
        email = f"{subject.user_id}@customers.example"
        person = accounts.UpsertUserRequest(user_id=subject.user_id, email=email, idempotency_key=key)
        client.accounts.UpsertUser(person, timeout=DEADLINE_SECONDS)
    if customer.plan != "hobby":
        plan = subscriptions.AssignPlanRequest(subject=subject, plan=customer.plan, idempotency_key=f"plan-{key}")
        client.subscriptions.AssignPlan(plan, timeout=DEADLINE_SECONDS)
    if customer.chance.random() < 0.5:
        give(client, customer, customer.chance.choice([1, 5, 10]) * DOLLAR, f"welcome-{key}", promotional=True)


def give(client: Client, customer: Customer, amount_nanos: int, key: str, *, promotional: bool) -> None:
    """Grants credits and remembers how much."""
    category = credits.GRANT_CATEGORY_PROMOTIONAL if promotional else credits.GRANT_CATEGORY_PAID
    grant = credits.GrantCreditsRequest(
        subject=customer.subject, amount_nanos=amount_nanos, currency="usd", category=category, idempotency_key=key
    )
    client.credits.GrantCredits(grant, timeout=DEADLINE_SECONDS)
    customer.granted_nanos += amount_nanos


def live(client: Client, customer: Customer) -> None:
    """A customer's day: single reports, bursts in batches, and now and then a top-up."""
    for hour in range(HOURS):
        items = list(_items(customer, hour))
        if len(items) > 3:
            _report_batch(client, customer, items)
        else:
            for item in items:
                _report(client, customer, item)
        if hour in (9, 18) and customer.outcomes["INSUFFICIENT_CREDITS"] and customer.chance.random() < 0.5:
            give(client, customer, 10 * DOLLAR, f"top-up-{customer.number:03}-{hour}", promotional=False)
            customer.outcomes["top-up"] += 1


def _items(customer: Customer, hour: int) -> Iterator[usage.UsageItem]:
    """What the products report of a customer in one hour: little at night, bursts at work."""
    busy = 2 if 8 <= hour < 20 else 0
    burst = 8 if customer.chance.random() < 0.05 else 0
    for number in range(customer.chance.randint(0, 1 + busy) + burst):
        product = customer.chance.choice(sorted(ACTIONS))
        meter, middle, happened = customer.chance.choice(ACTIONS[product])
        quantity = max(1, round(middle * customer.chance.lognormvariate(0, 0.8)))
        yield usage.UsageItem(
            subject=customer.subject,
            product=product,
            meter=meter,
            quantity=quantity,
            enforcement=common.ENFORCEMENT_RECORD if happened else common.ENFORCEMENT_ENFORCE,
            metadata={"hour": str(hour)},
            idempotency_key=f"use-{customer.number:03}-{hour:02}-{number:02}",
        )


def _report(client: Client, customer: Customer, item: usage.UsageItem) -> None:
    """One report; some are retried, as if the answer had been lost, and a few reuse a key by mistake."""
    request = usage.RecordUsageRequest(
        subject=item.subject,
        product=item.product,
        meter=item.meter,
        quantity=item.quantity,
        enforcement=item.enforcement,
        metadata=item.metadata,
        idempotency_key=item.idempotency_key,
    )
    try:
        _note(customer, client.usage.RecordUsage(request, timeout=DEADLINE_SECONDS))
    except grpc.RpcError as error:
        customer.outcomes[refusal_of(error).reason] += 1
        return
    if customer.chance.random() < RETRIED:
        _note(customer, client.usage.RecordUsage(request, timeout=DEADLINE_SECONDS))
    if customer.chance.random() < CONFLICTING:
        request.quantity += 1
        try:
            client.usage.RecordUsage(request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            customer.outcomes[refusal_of(error).reason] += 1


def _report_batch(client: Client, customer: Customer, items: list[usage.UsageItem]) -> None:
    """A burst in one call; each item has its own result."""
    request = usage.BatchRecordUsageRequest(items=items)
    for result in client.usage.BatchRecordUsage(request, timeout=DEADLINE_SECONDS).results:
        if result.WhichOneof("result") == "recorded":
            _note(customer, result.recorded)
        else:
            reason = ErrorReason.Name(result.error.reason)
            customer.outcomes[reason.removeprefix("ERROR_REASON_")] += 1


def _note(customer: Customer, answer: usage.RecordUsageResponse) -> None:
    """Counts an acknowledged event once, however often it was acknowledged."""
    if answer.replayed:
        customer.outcomes["replayed"] += 1
        return
    customer.outcomes["recorded"] += 1
    customer.outcomes["overage"] += answer.is_overage
    customer.outcomes["debt"] += answer.debt_nanos > 0
    customer.units[answer.meter] += answer.quantity
    customer.charged_nanos += answer.charged_nanos

"""One customer, step by step: what a back end asks and what Tollhouse answers."""

from collections.abc import Callable

import grpc
from tollhouse.v1 import account_service_pb2 as accounts
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits
from tollhouse.v1 import entitlement_service_pb2 as entitlements
from tollhouse.v1 import usage_service_pb2 as usage

from tests.demo.client import DEADLINE_SECONDS, Client, refusal_of

DOLLAR = 1_000_000_000
SUBJECT = common.Subject(user_id="ada")


def dollars(nanos: int) -> str:
    """Nanos as people read them: cents, and a third decimal where it says something."""
    mills = round(nanos * 1_000 / DOLLAR)
    return f"{'-' if mills < 0 else ''}${abs(mills) / 1_000:,.{3 if mills % 10 else 2}f}"


def tell(client: Client, say: Callable[[str], None]) -> None:
    """A call within the allowance, overage on credits, a lost answer, a mistake, a refusal, a top-up, debt, what is
    taken back, and a level.
    """
    person = accounts.UpsertUserRequest(user_id="ada", email="ada@customers.example", idempotency_key="story-user")
    client.accounts.UpsertUser(person, timeout=DEADLINE_SECONDS)
    _grant(client, DOLLAR // 2, "story-welcome")
    say("A new customer on the free plan (10 voice minutes included), with $0.50 of credits.")

    question = entitlements.CheckUsageRequest(subject=SUBJECT, product="talk", meter="voice_minutes", quantity=8)
    check = client.entitlements.CheckUsage(question, timeout=DEADLINE_SECONDS)
    say(f"May she talk for 8 minutes?  allowed={check.allowed}, costs {dollars(check.cost_nanos)}")

    answer = _talk(client, 8, "call-1")
    say(f"She does: {answer.new_usage} of {answer.limit} minutes used, {answer.remaining} left.")
    answer = _talk(client, 6, "call-2")
    say(
        f"6 more: {answer.overage_quantity} minutes of overage cost {dollars(answer.charged_nanos)}, "
        f"balance {dollars(answer.balance_after_nanos)}."
    )
    again = _talk(client, 6, "call-2")
    say(f"The answer got lost, the back end repeats: replayed={again.replayed}, still {again.new_usage} minutes.")
    say(f"Another call under the same key: {_refused(client, 7, 'call-2')}")
    say(f"A call of 20 minutes: {_refused(client, 20, 'call-3')}")
    _grant(client, 10 * DOLLAR, "story-top-up", paid=True)
    answer = _talk(client, 20, "call-3")
    say(
        f"She tops up $10, the same key succeeds: charged {dollars(answer.charged_nanos)}, "
        f"balance {dollars(answer.balance_after_nanos)}."
    )
    answer = _talk(client, 300, "call-4", common.ENFORCEMENT_RECORD)
    say(
        f"A call of 300 minutes has already happened, so it is recorded: {dollars(answer.debt_nanos)} of "
        f"{dollars(answer.charged_nanos)} become debt, balance {dollars(answer.balance_after_nanos)}."
    )
    _grant(client, 25 * DOLLAR, "story-top-up-2", paid=True)
    balance = client.credits.GetBalance(credits.GetBalanceRequest(subject=SUBJECT), timeout=DEADLINE_SECONDS).balance
    say(f"A top-up of $25 settles the debt first: balance {dollars(balance.total_nanos)}, debt {balance.debt_nanos}.")
    _take_back(client, say)
    _store(client, say)


def _take_back(client: Client, say: Callable[[str], None]) -> None:
    request = usage.VoidUsageRequest(voided_key="call-4", reason="the line was dead", idempotency_key="void-4")
    answer = client.usage.VoidUsage(request, timeout=DEADLINE_SECONDS)
    say(
        f"The line was dead for those 300: taken back, {dollars(answer.returned_nanos)} return, "
        f"{answer.new_usage} minutes count, balance {dollars(answer.balance.total_nanos)}."
    )


def _store(client: Client, say: Callable[[str], None]) -> None:
    """A gauge: the level that is there, and the peak that is charged."""
    told = []
    for number, level in enumerate((80, 1_124, 200)):
        request = usage.SetUsageRequest(
            subject=SUBJECT, product="talk", meter="storage_mb", level=level, idempotency_key=f"level-{number}"
        )
        answer = client.usage.SetUsage(request, timeout=DEADLINE_SECONDS)
        told.append(f"{answer.level:,} MB {dollars(answer.charged_nanos)}")
    say(f"Storage is a level; its peak beyond {answer.limit} MB costs: {', then '.join(told)}.")


def _talk(
    client: Client, minutes: int, key: str, enforcement: common.Enforcement = common.ENFORCEMENT_ENFORCE
) -> usage.RecordUsageResponse:
    request = usage.RecordUsageRequest(
        subject=SUBJECT,
        product="talk",
        meter="voice_minute",
        quantity=minutes,
        idempotency_key=key,
        enforcement=enforcement,
    )
    return client.usage.RecordUsage(request, timeout=DEADLINE_SECONDS)


def _refused(client: Client, minutes: int, key: str) -> str:
    """The refusal of a call that must be refused."""
    try:
        _talk(client, minutes, key)
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        return f"{refusal.reason} ({refusal.message})"
    raise SystemExit(f"{key} should have been refused")


def _grant(client: Client, amount_nanos: int, key: str, *, paid: bool = False) -> None:
    category = credits.GRANT_CATEGORY_PAID if paid else credits.GRANT_CATEGORY_PROMOTIONAL
    grant = credits.GrantCreditsRequest(
        subject=SUBJECT, amount_nanos=amount_nanos, currency="usd", category=category, idempotency_key=key
    )
    client.credits.GrantCredits(grant, timeout=DEADLINE_SECONDS)

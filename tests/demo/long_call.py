"""A call whose length nobody knows: credits that end, a reservation, somebody who watches, and an hour that passes."""

from collections.abc import Callable

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import account_service_pb2 as accounts
from tollhouse.v1 import admin_service_pb2 as admin
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits
from tollhouse.v1 import entitlement_service_pb2 as entitlements
from tollhouse.v1 import reservation_service_pb2 as reservations

from tests.demo.client import DEADLINE_SECONDS, Client
from tests.demo.story import DOLLAR, dollars

SUBJECT = common.Subject(user_id="grace")
HOUR = Duration(seconds=3_600)
WATCH_SECONDS = 30


def tell(client: Client, say: Callable[[str], None]) -> None:
    """What a back end does about an action whose size it learns afterwards, and what another sees of it."""
    person = accounts.UpsertUserRequest(user_id="grace", email="grace@customers.example", idempotency_key="long-user")
    client.accounts.UpsertUser(person, timeout=DEADLINE_SECONDS)
    now = client.admin.GetTestClock(admin.GetTestClockRequest(), timeout=DEADLINE_SECONDS).clock.now_time
    _grant(client, DOLLAR, "long-gift", Timestamp(seconds=now.seconds + 3_600))
    _grant(client, 2 * DOLLAR, "long-paid")
    say("Another customer: $2.00 paid, and $1.00 as a gift that ends in an hour.")

    watched = entitlements.WatchEntitlementsRequest(subjects=[SUBJECT], product="talk")
    watch = client.entitlements.WatchEntitlements(watched, timeout=WATCH_SECONDS)
    first = next(watch).states[0]
    say(f"A second back end watches: available {dollars(first.entitlement.credits.available_nanos)}.")

    call = client.reservations.ReserveUsage(
        reservations.ReserveUsageRequest(
            subject=SUBJECT, product="talk", meter="voice_minutes", quantity=40, ttl=HOUR, idempotency_key="long-1"
        ),
        timeout=DEADLINE_SECONDS,
    ).reservation
    say(f"Before a call of at most 40 minutes the allowance and {dollars(call.held_nanos)} are held.")
    changed = next(message for message in watch if message.states).states[0]
    say(f"The watch says so by itself: available {dollars(changed.entitlement.credits.available_nanos)}.")
    watch.cancel()

    done = client.reservations.CommitReservation(
        reservations.CommitReservationRequest(
            reservation_id=call.reservation_id, quantity=25, idempotency_key="long-1/end"
        ),
        timeout=DEADLINE_SECONDS,
    )
    say(f"It took 25: {dollars(done.usage.charged_nanos)} are charged to the gift first, the rest is given back.")

    client.admin.AdvanceTestClock(
        admin.AdvanceTestClockRequest(by=HOUR, idempotency_key="long-hour"), timeout=DEADLINE_SECONDS
    )
    balance = client.credits.GetBalance(credits.GetBalanceRequest(subject=SUBJECT), timeout=DEADLINE_SECONDS).balance
    say(f"An hour later (test environments can move their clock) the gift is gone: {_told(balance)}.")
    question = credits.ListLedgerEntriesRequest(subject=SUBJECT, page_size=1)
    (entry,) = client.credits.ListLedgerEntries(question, timeout=DEADLINE_SECONDS).entries
    kind = credits.CauseKind.Name(entry.cause_kind).removeprefix("CAUSE_KIND_")
    say(f"The ledger has it: {kind} {dollars(entry.amount_nanos)} is an entry of its own.")


def _told(balance: common.CreditBalance) -> str:
    return f"balance {dollars(balance.total_nanos)}, held {dollars(balance.held_nanos)}"


def _grant(client: Client, amount_nanos: int, key: str, expire_time: Timestamp | None = None) -> None:
    category = credits.GRANT_CATEGORY_PROMOTIONAL if expire_time else credits.GRANT_CATEGORY_PAID
    request = credits.GrantCreditsRequest(
        subject=SUBJECT,
        amount_nanos=amount_nanos,
        currency="usd",
        category=category,
        expire_time=expire_time,
        idempotency_key=key,
    )
    client.credits.GrantCredits(request, timeout=DEADLINE_SECONDS)

"""Books in which everything has happened: what a proof of the books is tried on."""

from collections.abc import Sequence

from tests.support.house import (
    DAY_US,
    SECOND_US,
    START_US,
    TALK,
    Clock,
    call,
    give_credits,
    join,
    make_user,
    person,
    record,
    usage_report,
    use,
)
from tests.support.paying import order_top_up, reload_in_flight, set_auto_reload, show_payment
from tollhoused.domain.answers import OverrideAnswer, ReservationAnswer, SubscriptionAnswer
from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.commands import Enforcement
from tollhoused.domain.identity import Subject
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.domain.payments import PaymentStatus
from tollhoused.domain.rates import Rate, RateModel
from tollhoused.domain.reservation import OnExpiry, OverCommit, ReservationState
from tollhoused.errors import TollhouseError
from tollhoused.usecases import accounts, credits, gauges, reservations, subscriptions, usage, voids
from tollhoused.usecases.core import Core

CENT_NANOS = NANOS_PER_UNIT // 100

ADA, BOB, CYD, DAN, EVE, ORG = (f"acct_{number:08}" for number in range(1, 12, 2))
FAY, FAYS = "acct_00000031", "fay"
"""The accounts: ada spends grants, bob is in debt, cyd changes plans, dan is limited, eve does nothing, fay holds."""
GUS, GUSS = "acct_00000041", "gus"
HAL, HALS = "acct_00000051", "hal"
IDA, IDAS = "acct_00000058", "ida"
"""Gus takes back, hal stores, ida pays."""


def keep_busy_books(core: Core, clock: Clock) -> None:
    """Fills an empty database through the use cases, over seventy days of the clock. About a hundred operations."""
    keep_first_books(core, clock)
    _hold(core, clock)
    _take_back(core, clock)
    _store(core, clock)
    _pay(core, clock)
    clock.now_us = START_US + 70 * DAY_US
    for user_id in ("ada", "bob", "cyd", "dan"):
        use(core, user_id, f"{user_id}/last", 3)
    use(core, "ada", "ada/last overage", 20)
    clock.now_us += 40 * DAY_US
    _put(core, 64_000, key="hal/last")


def keep_first_books(core: Core, clock: Clock) -> None:
    """Only what the first schema could hold: accounts, usage, credits, debt, plans and limits."""
    _open_accounts(core)
    _spend_grants(core, clock)
    _run_into_debt(core, clock)
    _change_terms(core, clock)
    _limit(core, clock)


def _open_accounts(core: Core) -> None:
    """Eve and dan belong to the organization too."""
    for user_id in ("ada", "bob", "cyd", "dan", "eve"):
        make_user(core, user_id, email=f"{user_id}@example.org")
    accounts.upsert_organization(
        core, call(), org_id="org", zone="Europe/Berlin", idempotency_key="org", validate_only=False
    )
    join(core, "eve", "org", is_primary=True, key="eve/joins")
    join(core, "dan", "org", key="dan/joins")
    for number in range(2):
        usage.open_usage(
            core,
            call(),
            subject=person("dan"),
            meter="ai_tokens",
            quantity=20,
            idempotency_key=f"dan/opening {number}",
            validate_only=False,
        )


def _spend_grants(core: Core, clock: Clock) -> None:
    """Overage paid by several grants in burn order; one expires half spent, one is only for one meter."""
    give_credits(core, "ada", 10, key="ada/paid", expires_us=START_US + 40 * DAY_US)
    promotional = GrantCategory.PROMOTIONAL
    give_credits(core, "ada", 1, key="ada/promotional", category=promotional, expires_us=START_US + 3 * DAY_US)
    _grant(core, "ada", 50 * CENT_NANOS, key="ada/voice", meters=["voice_minutes"], priority=10)
    for number in range(4):
        clock.now_us += SECOND_US
        use(core, "ada", f"ada/{number}", 7)
    use(core, "ada", "ada/3", 7)
    use(core, "ada", "ada/calls", 1_300, meter="api_calls")
    _refused(core, usage.UsageReport("ada", "", "", TALK, "voice_minutes", 90_000, None, Enforcement.ENFORCE, {}, "no"))
    clock.now_us += 4 * DAY_US
    use(core, "ada", "ada/after expiry", 300, meter="api_calls")
    _adjust(core, "ada", -125 * CENT_NANOS, key="ada/less")
    _adjust(core, "ada", 3 * NANOS_PER_UNIT, key="ada/more")
    reports = [usage_report("ada", f"ada/batch {number}", 5, metadata={"n": str(number)}) for number in range(5)]
    usage.record_batch(core, call(), reports, atomic=True, validate_only=False)


def _run_into_debt(core: Core, clock: Clock) -> None:
    """Debt by RECORD and by adjustment, settled at once, in part, and by a grant that becomes effective later."""
    record(core, usage_report("bob", "bob/debt", 110, enforcement=Enforcement.RECORD))
    _adjust(core, "bob", -2 * NANOS_PER_UNIT, key="bob/less")
    _adjust(core, "bob", 1 * NANOS_PER_UNIT, key="bob/more")
    _grant(core, "bob", 20 * NANOS_PER_UNIT, key="bob/calls", meters=["api_calls"])
    use(core, "bob", "bob/calls within debt", 1_400, meter="api_calls")
    beyond = usage_report("bob", "bob/beyond debt", 7_500, meter="api_calls", enforcement=Enforcement.RECORD)
    record(core, beyond)
    _grant(core, "bob", 9 * NANOS_PER_UNIT, key="bob/later", effective_us=clock.now_us + DAY_US)
    give_credits(core, "bob", 1, key="bob/now")
    clock.now_us += 2 * DAY_US
    use(core, "bob", "bob/settled", 1)
    record(core, usage_report("bob", "bob/debt again", 200, enforcement=Enforcement.RECORD))


def _change_terms(core: Core, clock: Clock) -> None:
    """Plans, overrides, late events before and after them, several things in one microsecond, a new period."""
    give_credits(core, "cyd", 50)
    use(core, "cyd", "cyd/free", 12)
    before_us = clock.now_us
    clock.now_us += 3_600 * SECOND_US
    pro = assign_plan(core, person("cyd"), "pro", key="cyd/pro")
    use(core, "cyd", "cyd/pro use", 2_100)
    record(core, usage_report("cyd", "cyd/late", 4, event_us=before_us))
    assign_plan(core, person("cyd"), "team", key="cyd/team", changes=pro.subscription_id)
    use(core, "cyd", "cyd/team use", 6_000)
    _override(core, "cyd", key="cyd/override", included=100, rate=Rate(4 * CENT_NANOS, 10, RateModel.PACKAGE))
    record(core, usage_report("cyd", "cyd/same microsecond", 9, event_us=clock.now_us))
    record(core, usage_report("cyd", "cyd/late again", 5, event_us=clock.now_us - 1))
    clock.now_us += DAY_US
    ended = _override(core, "cyd", key="cyd/later", included=9_000, from_us=clock.now_us + DAY_US)
    clock.now_us += 2 * DAY_US
    use(core, "cyd", "cyd/override use", 11)
    subscriptions.remove_override(
        core,
        call(),
        subject=person("cyd"),
        override_id=ended.override_id,
        idempotency_key="cyd/no override",
        validate_only=False,
    )
    assign_plan(core, person("cyd"), "early_adopter", key="cyd/second", end_us=clock.now_us + 50 * DAY_US)
    subscriptions.unassign_plan(
        core,
        call(),
        subject=person("cyd"),
        subscription_id=pro.subscription_id,
        idempotency_key="cyd/ends",
        validate_only=False,
    )
    use(core, "cyd", "cyd/second use", 40)
    clock.now_us += 20 * DAY_US
    record(core, usage_report("cyd", "cyd/very late", 6, event_us=before_us))


def _limit(core: Core, clock: Clock) -> None:
    """A hard limit, reached and passed by RECORD, a meter without limit, and use that no plan opens."""
    _override(core, "dan", key="dan/limit", included=20, policy=Policy.HARD_LIMIT)
    _override(core, "dan", key="dan/unmetered", meter="api_calls", policy=Policy.UNMETERED)
    use(core, "dan", "dan/up to it", 20)
    _refused(core, usage_report("dan", "dan/beyond it", 1))
    record(core, usage_report("dan", "dan/recorded", 15, enforcement=Enforcement.RECORD))
    use(core, "dan", "dan/calls", 500_000, meter="api_calls")
    closed = usage.UsageReport("dan", "", "", "doc", "ai_tokens", 900, None, Enforcement.RECORD, {}, "dan/doc")
    record(core, closed)
    report = usage.UsageReport("", "", "org", TALK, "email_sends", 30, clock.now_us, Enforcement.ENFORCE, {}, "org/1")
    usage.record(core, call(client="another"), report, False)
    assign_plan(core, Subject(org_id="org"), "pro", key="org/pro")


def _hold(core: Core, clock: Clock) -> None:
    """Reservations in every state, one that commits itself, one that outlives its grant, and a grant that is voided."""
    made = make_user(core, FAYS)
    assert made.account_id == FAY, made.account_id
    give_credits(core, FAYS, 5, key="fay/short", expires_us=clock.now_us + DAY_US)
    give_credits(core, FAYS, 50, key="fay/funds")
    committed, released, expired, kept = (_reserve(core, f"fay/{number}", 30) for number in range(4))
    _reserve(core, "fay/by itself", 12, on_expiry=OnExpiry.COMMIT)
    use(core, FAYS, "fay/between", 4)
    reservations.commit(core, call(), committed, 25, {}, "fay/commit", False)
    reservations.release(core, call(), released, "fay/release", False)
    reservations.extend(core, call(), kept, 6 * DAY_US, "fay/extend", False)
    clock.now_us += 2 * DAY_US
    assert reservations.get(core, call(), expired)[1].state is ReservationState.EXPIRED
    spare = give_credits(core, FAYS, 7, key="fay/spare")
    assert spare.grant
    credits.void_grant(
        core,
        call(),
        subject=person(FAYS),
        grant_id=spare.grant.id,
        reason="",
        idempotency_key="fay/void",
        validate_only=False,
    )
    use(core, FAYS, "fay/after", 3)


def _take_back(core: Core, clock: Clock) -> None:
    """Usage that is voided: paid by grants, one of which has ended, and by debt, settled and not; before and after its
    segment's end.
    """
    made = make_user(core, GUSS)
    assert made.account_id == GUS, made.account_id
    give_credits(core, GUSS, 1, key="gus/short", expires_us=clock.now_us + DAY_US)
    give_credits(core, GUSS, 2, key="gus/funds")
    for number, quantity in enumerate((10, 20, 20)):
        use(core, GUSS, f"gus/{number}", quantity)
    _void(core, "gus/1", key="gus/void 1")
    record(core, usage_report(GUSS, "gus/debt", 60, enforcement=Enforcement.RECORD))
    _adjust(core, GUSS, 50 * CENT_NANOS, key="gus/settles")
    clock.now_us += 2 * DAY_US
    _void(core, "gus/debt", key="gus/void debt")
    pro = assign_plan(core, person(GUSS), "pro", key="gus/pro", trial_end_us=clock.now_us + 9 * DAY_US)
    _void(core, "gus/2", key="gus/void 2")
    use(core, GUSS, "gus/paid again", 2_010)
    later_us = clock.now_us + 3 * DAY_US
    assign_plan(core, person(GUSS), "team", key="gus/team", changes=pro.subscription_id, effective_us=later_us)


def _store(core: Core, clock: Clock) -> None:
    """Levels: raised, lowered, late, under other terms, kept from one period to the next, paid by debt at its close."""
    made = make_user(core, HALS)
    assert made.account_id == HAL, made.account_id
    give_credits(core, HALS, 1, key="hal/funds")
    _put(core, 2_000, key="hal/0")
    _put(core, 500, key="hal/1")
    _put(core, delta=700, key="hal/2")
    clock.now_us += 10 * DAY_US
    _put(core, 5_000, key="hal/late", at_us=clock.now_us - 5 * DAY_US)
    _put(core, 100, key="hal/older", at_us=clock.now_us - 9 * DAY_US)
    record(core, usage.UsageReport(HALS, "", "", TALK, "storage_mb", 50, None, Enforcement.ENFORCE, {}, "hal/rise"))
    pro = assign_plan(core, person(HALS), "pro", key="hal/pro")
    _put(core, 12_000, key="hal/pro/0", enforcement=Enforcement.RECORD)
    _put(core, 11_000, key="hal/pro/1")
    assign_plan(core, person(HALS), "team", key="hal/team", changes=pro.subscription_id)
    _put(core, 60_000, key="hal/team/0")
    _override(core, HALS, key="hal/limit", meter="storage_mb", included=70_000, policy=Policy.HARD_LIMIT)
    _put(core, 80_000, key="hal/limit/beyond", enforcement=Enforcement.RECORD)
    _put(core, 65_000, key="hal/limit/0")
    clock.now_us += 5 * DAY_US
    _override(core, HALS, key="hal/credits", meter="storage_mb", included=60_000, policy=Policy.CREDITS)


def _pay(core: Core, clock: Clock) -> None:
    """Top-ups: given back in parts, when they were spent, and come again; one declined; reloads, one in flight."""
    made = make_user(core, IDAS)
    assert made.account_id == IDA, made.account_id
    first = order_top_up(core, IDAS, 10, key="ida/first")
    show_payment(core, first, 1_000)
    use(core, IDAS, "ida/0", 60)
    for returned in (100, 334):
        show_payment(core, first, 1_000, returned)
    _adjust(core, IDAS, -20 * NANOS_PER_UNIT, key="ida/debt")
    show_payment(core, first, 1_000, 1_000)
    clock.now_us += SECOND_US
    second = order_top_up(core, IDAS, 25, key="ida/second")
    show_payment(core, second, 2_975)  # with tax
    show_payment(core, first, 1_000, 334)
    declined = order_top_up(core, IDAS, 50, key="ida/declined")
    show_payment(core, declined, 0, status=PaymentStatus.FAILED)
    set_auto_reload(core, IDAS, 10, 10, key="ida/reload")
    show_payment(core, reload_in_flight(core, IDA).id, 0, status=PaymentStatus.FAILED)
    clock.now_us += DAY_US
    use(core, IDAS, "ida/1", 5)
    show_payment(core, reload_in_flight(core, IDA).id, 1_000)
    _adjust(core, IDAS, -11 * NANOS_PER_UNIT, key="ida/less")
    assert reload_in_flight(core, IDA).credits_nanos == 10 * NANOS_PER_UNIT


def _put(
    core: Core,
    level: int | None = None,
    *,
    key: str,
    delta: int | None = None,
    at_us: int | None = None,
    enforcement: Enforcement = Enforcement.ENFORCE,
) -> None:
    report = gauges.LevelReport(person(HALS), TALK, "storage_mb", level, delta, at_us, enforcement, {})
    gauges.set_usage(core, call(), report, key, False)


def _void(core: Core, voided_key: str, *, key: str) -> None:
    voids.void_usage(core, call(), voided_key=voided_key, reason="", idempotency_key=key, validate_only=False)


def _reserve(core: Core, key: str, quantity: int, on_expiry: OnExpiry = OnExpiry.RELEASE) -> str:
    wish = reservations.Wish(
        subject=person(FAYS),
        product=TALK,
        meter="voice_minutes",
        quantity=quantity,
        ttl_us=DAY_US,
        on_expiry=on_expiry,
        over_commit=OverCommit.RECORD,
        metadata={},
    )
    settled = reservations.reserve(core, call(), wish, key, False)
    assert isinstance(settled.answer, ReservationAnswer)
    return settled.answer.reservation.id


def _refused(core: Core, report: usage.UsageReport) -> None:
    try:
        record(core, report)
    except TollhouseError:
        return
    raise AssertionError(report.idempotency_key)


def _grant(
    core: Core,
    user_id: str,
    amount_nanos: int,
    *,
    key: str,
    meters: Sequence[str] = (),
    priority: int | None = None,
    effective_us: int | None = None,
) -> None:
    credits.grant_credits(
        core,
        call(),
        subject=person(user_id),
        amount_nanos=amount_nanos,
        currency="usd",
        category=GrantCategory.PAID,
        priority=priority,
        effective_us=effective_us,
        expires_us=None,
        meters=meters,
        reason="",
        idempotency_key=key,
        validate_only=False,
    )


def _adjust(core: Core, user_id: str, amount_nanos: int, *, key: str) -> None:
    credits.adjust_credits(
        core,
        call(),
        subject=person(user_id),
        amount_nanos=amount_nanos,
        currency="usd",
        reason="a correction",
        idempotency_key=key,
        validate_only=False,
    )


def assign_plan(
    core: Core,
    subject: Subject,
    plan: str,
    *,
    key: str,
    changes: str = "",
    end_us: int | None = None,
    trial_end_us: int | None = None,
    effective_us: int | None = None,
) -> SubscriptionAnswer:
    """Puts a subject on a plan, or `changes` a subscription to it."""
    settled = subscriptions.assign_plan(
        core,
        call(),
        subject=subject,
        plan=plan,
        plan_version=0,
        start_us=None,
        end_us=end_us,
        subscription_id=changes,
        trial_end_us=trial_end_us,
        effective_us=effective_us,
        idempotency_key=key,
        validate_only=False,
    )
    assert isinstance(settled.answer, SubscriptionAnswer)
    return settled.answer


def _override(
    core: Core,
    user_id: str,
    *,
    key: str,
    meter: str = "voice_minutes",
    included: int | None = None,
    policy: Policy | None = None,
    rate: Rate | None = None,
    from_us: int | None = None,
) -> OverrideAnswer:
    settled = subscriptions.set_override(
        core,
        call(),
        subject=person(user_id),
        meter=meter,
        included=included,
        policy=policy,
        rate=rate,
        from_us=from_us,
        until_us=None,
        idempotency_key=key,
        validate_only=False,
    )
    assert isinstance(settled.answer, OverrideAnswer)
    return settled.answer

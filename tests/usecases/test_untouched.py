"""Reading an account that nobody touched for a year gives exactly what a sweep every minute would have given (S7)."""

from dataclasses import replace
from typing import Any

from tests.support.house import DAY_US, START_US, Clock, call, person, record, usage_report
from tollhoused.domain.account import Account
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.commands import Enforcement
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.domain.proof import Evidence
from tollhoused.store.audit import auditing
from tollhoused.usecases import accounts, credits, subscriptions
from tollhoused.usecases.core import Core, single, tick

MINUTE_US = 60_000_000
YEAR_US = START_US + 366 * DAY_US


def furnish(core: Core, name: str) -> None:
    """An account to which much will happen: all of it by time alone, and none of it at a whole minute."""
    accounts.upsert_user(
        core,
        call(),
        user_id=name,
        email="",
        zone="Europe/Berlin",
        idempotency_key=f"{name}/user",
        validate_only=False,
    )
    record(core, usage_report(name, f"{name}/debt", 130, enforcement=Enforcement.RECORD))
    promotional, paid = GrantCategory.PROMOTIONAL, GrantCategory.PAID
    _grant(core, name, 1, 3, promotional, effective=20.3, expires=90.7)
    _grant(core, name, 2, 9, promotional, effective=20.3, expires=200.123)
    _grant(core, name, 3, 50, paid, effective=75.1, expires=350.9, meters=["api_calls"])
    _grant(core, name, 4, 7, paid, effective=None, expires=None, meters=["voice_minutes"])
    _plan(core, name, "pro", 33.3, 160.01)
    _plan(core, name, "team", 120.55, 121.55)
    for number, (start, end) in enumerate([(10.5, 11.5), (45.001, 300.0), (60.7, 61.7)]):
        subscriptions.set_override(
            core,
            call(),
            subject=person(name),
            meter="voice_minutes",
            included=100 + number,
            policy=None,
            rate=None,
            from_us=day(start),
            until_us=day(end),
            idempotency_key=f"{name}/override {number}",
            validate_only=False,
        )
    record(core, usage_report(name, f"{name}/last", 3, enforcement=Enforcement.RECORD))


def day(number: float) -> int:
    """So many days after the beginning, and a little."""
    return START_US + int(number * DAY_US) + 1_234_567


def _grant(
    core: Core,
    name: str,
    number: int,
    units: int,
    category: GrantCategory,
    *,
    effective: float | None,
    expires: float | None,
    meters: list[str] | None = None,
) -> None:
    credits.grant_credits(
        core,
        call(),
        subject=person(name),
        amount_nanos=units * NANOS_PER_UNIT,
        currency="usd",
        category=category,
        priority=None,
        effective_us=None if effective is None else day(effective),
        expires_us=None if expires is None else day(expires),
        meters=meters or [],
        reason="",
        idempotency_key=f"{name}/grant {number}",
        validate_only=False,
    )


def _plan(core: Core, name: str, plan: str, start: float, end: float) -> None:
    subscriptions.assign_plan(
        core,
        call(),
        subject=person(name),
        plan=plan,
        plan_version=0,
        start_us=day(start),
        end_us=day(end),
        subscription_id="",
        idempotency_key=f"{name}/{plan}",
        validate_only=False,
    )


def sweep_every_minute(core: Core, clock: Clock, name: str) -> int:
    """Lets the year pass with a sweep at each whole minute; between two due instants a sweep finds nothing to do."""
    match = core.match(person(name))
    steps = 0
    while True:
        (due_us,) = (account.due_us for account in core.store.accounts("", 10) if account.id == match.account_id)
        clock.now_us = -(-due_us // MINUTE_US) * MINUTE_US
        if clock.now_us > YEAR_US:
            clock.now_us = YEAR_US
            return steps
        assert match.account_id in core.store.due_accounts(clock.now_us, 10)
        single(core.run_all(call(), [tick(match, person(name))], validate_only=False))
        steps += 1


def facts(account: Account, since_us: int) -> dict[str, Any]:
    """What an account is since an instant, without what ids its parts have."""
    segments = [item for item in account.segments if item.end_us is None or item.end_us > since_us]
    starts = {item.start_us for item in segments}
    return {
        "grants": [grant._replace(id="") for _, grant in sorted(account.grants.items()) if grant.remaining_nanos],
        "money": (account.balance_nanos, account.debt_nanos, account.ledger_seq),
        "time": (account.as_of_us, account.due_us, account.anchor_us),
        "segments": [replace(item, subscription_id=str(bool(item.subscription_id))) for item in segments],
        "counters": {
            key: found for key, found in account.counters.items() if key[0] in starts and found.carried + found.used
        },
    }


def stored(core: Core) -> list[tuple[dict[str, Any], list[tuple[Any, ...]]]]:
    """Every account as it is stored, with its ledger but for when that was booked; grants by the order of making."""
    found = []
    with auditing(core.store) as audit:
        for evidence in audit.accounts():
            assert isinstance(evidence, Evidence)
            numbers = {grant_id: number for number, grant_id in enumerate(sorted(evidence.account.grants))}
            entries = [
                (
                    entry.sequence,
                    entry.effective_us,
                    None if entry.grant_id is None else numbers[entry.grant_id],
                    entry.amount_nanos,
                    entry.balance_after_nanos,
                    entry.cause_kind,
                )
                for entry in evidence.entries
            ]
            found.append((facts(evidence.account, 0), entries))
    return found


def test_an_account_that_nobody_touched_for_a_year_is_what_a_sweep_every_minute_made(core: Core, clock: Clock) -> None:
    for name in ("lazy", "swept"):
        furnish(core, name)
    steps = sweep_every_minute(core, clock, "swept")
    recently_us = YEAR_US - 32 * DAY_US

    lazy, swept = (facts(core.view(person(name)).account, recently_us) for name in ("lazy", "swept"))

    assert lazy == swept
    single(core.run_all(call(), [tick(core.match(person("lazy")), person("lazy"))], validate_only=False))
    # Nothing is due for the swept one: a last sweep only notes that time has passed.
    single(core.run_all(call(), [tick(core.match(person("swept")), person("swept"))], validate_only=False))
    (stored_lazy, ledger), (stored_swept, ledger_of_swept) = stored(core)
    assert ledger == ledger_of_swept
    assert stored_lazy["segments"] == stored_swept["segments"]
    assert {**stored_lazy, "time": ()} == {**stored_swept, "time": ()}
    assert steps > 20
    assert {kind for *_, kind in ledger} >= {"expiry", "settlement"}
    assert len(stored_lazy["segments"]) > 20

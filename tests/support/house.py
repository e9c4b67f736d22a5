"""A whole Tollhouse below its doors, for tests: a Core with a clock that they set and ids that they can predict.

The catalogue is the shipped hub's: on its default plan voice_minutes include 10 and cost 0.04 beyond, api_calls include
1,000 and cost 0.002.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from itertools import count

import pytest

from tollhoused.__main__ import new_secret
from tollhoused.domain.answers import AccountAnswer, CreditsAnswer, UsageAnswer
from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.commands import Enforcement, RecordUsage
from tollhoused.domain.decision import Rules
from tollhoused.domain.identity import Subject
from tollhoused.domain.keys import Environment
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.journal.journal import Journal, Limits
from tollhoused.journal.settling import Outcome
from tollhoused.observing import JournalObserver, Tracing
from tollhoused.store.shelf import CatalogueShelf
from tollhoused.store.store import Store, open_store
from tollhoused.usecases import accounts, credits, members, usage
from tollhoused.usecases.core import Call, Core, MovableClock

HUB = (files("tollhoused") / "catalogues" / "hub.toml").read_text(encoding="utf-8")
START_US = 1_800_000_000_000_000
"""2027-01-15T08:00:00Z, where every clock of a test begins."""
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
RULES = Rules(late_window_us=35 * DAY_US, future_tolerance_us=300 * SECOND_US)
TALK = "talk"


class Clock:
    """Wall-clock time that stands still until a test moves it."""

    def __init__(self, now_us: int = START_US) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


class Ids:
    """Ids in the order of their making: `acct_00000001`, `user_00000002` and so on."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):08}"


def build_core(
    store: Store,
    *,
    clock: Callable[[], int],
    new_id: Callable[[str], str],
    limits: Limits | None = None,
    start: bool = True,
    observer: JournalObserver | None = None,
    tracing: Tracing | None = None,
    catalogue: str = HUB,
) -> Core:
    """A Core as one process has it, on the hub's catalogue unless told otherwise, with its journal started unless a
    test will do that.
    """
    shelf = CatalogueShelf(store)
    shelf.apply(catalogue, clock())
    moved = MovableClock(clock)
    journal = Journal(store, shelf, moved, RULES, limits, observer, tracing)
    if start:
        journal.start()
    return Core(store, shelf, journal, moved, new_id, new_secret, Environment.TEST, RULES)


def close_core(core: Core) -> None:
    """Finishes what was accepted and lets go of the database."""
    core.journal.close()
    core.store.close()


CoreMaker = Callable[..., Core]


@pytest.fixture
def clock() -> Clock:
    """The clock of `core` and of every Core of `make_core`."""
    return Clock()


@pytest.fixture
def make_core(clock: Clock) -> Iterator[CoreMaker]:
    """Makes Cores and closes them: `make_core(url, store=..., limits=..., start=..., own_clock=..., own_ids=...,
    catalogue=...)`, observed if they are told by whom.

    Two on one database are two processes; a second one after `close_core` of the first is a restart.
    """
    made: list[Core] = []
    new_id = Ids()

    def make(
        url: str = "",
        *,
        store: Store | None = None,
        limits: Limits | None = None,
        start: bool = True,
        own_clock: Clock | None = None,
        observer: JournalObserver | None = None,
        tracing: Tracing | None = None,
        own_ids: Callable[[str], str] | None = None,
        catalogue: str = HUB,
    ) -> Core:
        opened = store or open_store(url)
        core = build_core(
            opened,
            clock=own_clock or clock,
            new_id=own_ids or new_id,
            limits=limits,
            start=start,
            observer=observer,
            tracing=tracing,
            catalogue=catalogue,
        )
        made.append(core)
        return core

    yield make
    for core in made:
        close_core(core)


@pytest.fixture
def core(database_url: str, make_core: CoreMaker) -> Core:
    """A Core on an empty database, on each engine in turn."""
    return make_core(database_url)


def call(client: str = "local", seconds: float = 30.0) -> Call:
    """A call whose caller waits this long."""
    return Call(client, time.monotonic() + seconds)


def person(user_id: str) -> Subject:
    """The subject that names a user by user_id alone."""
    return Subject(user_id=user_id)


def make_user(core: Core, user_id: str, *, email: str = "", key: str = "") -> AccountAnswer:
    """Makes a user with an account, or completes the user."""
    settled = accounts.upsert_user(
        core,
        call(),
        user_id=user_id,
        email=email,
        zone="UTC",
        idempotency_key=key or f"user/{user_id}/{email}",
        validate_only=False,
    )
    assert isinstance(settled.answer, AccountAnswer)
    return settled.answer


def make_organization(core: Core, org_id: str, *, key: str = "") -> AccountAnswer:
    """Makes an organization with its account."""
    settled = accounts.upsert_organization(
        core, call(), org_id=org_id, zone="UTC", idempotency_key=key or f"org/{org_id}", validate_only=False
    )
    assert isinstance(settled.answer, AccountAnswer)
    return settled.answer


def join(core: Core, user_id: str, org_id: str, *, is_primary: bool = False, key: str = "") -> Settled:
    """Makes a user a member of an organization."""
    return members.add_member(
        core,
        call(),
        user_id=user_id,
        email="",
        org_id=org_id,
        is_primary=is_primary,
        idempotency_key=key or core.new_id("join"),
        validate_only=False,
    )


def leave(core: Core, user_id: str, org_id: str, *, key: str = "") -> Settled:
    """Ends a user's membership."""
    return members.remove_member(
        core,
        call(),
        user_id=user_id,
        email="",
        org_id=org_id,
        idempotency_key=key or core.new_id("leave"),
        validate_only=False,
    )


def give_credits(
    core: Core,
    user_id: str,
    units: int,
    *,
    key: str = "",
    category: GrantCategory = GrantCategory.PAID,
    expires_us: int | None = None,
) -> CreditsAnswer:
    """Grants unrestricted credits, in whole units of the currency."""
    settled = credits.grant_credits(
        core,
        call(),
        subject=person(user_id),
        amount_nanos=units * NANOS_PER_UNIT,
        currency="usd",
        category=category,
        priority=None,
        effective_us=None,
        expires_us=expires_us,
        meters=[],
        reason="a test",
        idempotency_key=key or f"grant/{user_id}/{units}",
        validate_only=False,
    )
    assert isinstance(settled.answer, CreditsAnswer)
    return settled.answer


def usage_report(
    user_id: str,
    key: str,
    quantity: int = 1,
    *,
    meter: str = "voice_minutes",
    event_us: int | None = None,
    enforcement: Enforcement = Enforcement.ENFORCE,
    metadata: Mapping[str, str] | None = None,
) -> usage.UsageReport:
    """A usage event of the product `talk`."""
    return usage.UsageReport(user_id, "", "", TALK, meter, quantity, event_us, enforcement, metadata or {}, key)


def record(core: Core, report: usage.UsageReport, *, seconds: float = 30.0, validate_only: bool = False) -> Settled:
    """Records one usage event. Raises its refusal."""
    return usage.record(core, call(seconds=seconds), report, validate_only)


def usage_answer(outcome: Outcome) -> UsageAnswer:
    """What a usage event's caller was told. Fails on anything else."""
    assert isinstance(outcome, Settled), outcome
    assert isinstance(outcome.answer, UsageAnswer)
    return outcome.answer


def use(core: Core, user_id: str, key: str, quantity: int = 1, *, meter: str = "voice_minutes") -> UsageAnswer:
    """Records one usage event and gives its answer."""
    return usage_answer(record(core, usage_report(user_id, key, quantity, meter=meter)))


def usage_command(core: Core, report: usage.UsageReport) -> RecordUsage:
    """The command that a report becomes, for tests that submit to the journal themselves."""
    return usage.usage_command(core, call(), report, person(report.user_id))

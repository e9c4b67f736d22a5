"""What a batch or a question needs loaded, as sets: one statement per table, whatever the size."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tollhoused.domain.account import NEVER_US
from tollhoused.domain.books import CounterKey
from tollhoused.domain.bought import ObserveSubscription, subscription_id
from tollhoused.domain.commands import (
    Command,
    RecordUsage,
    ReservationCommand,
    ReserveUsage,
    StoredCommand,
    Tick,
    UpsertOrganization,
    UpsertUser,
)
from tollhoused.domain.endpoints import EndpointCommand
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.identity import Subject
from tollhoused.domain.intents import IntentCommand
from tollhoused.domain.people import PeopleCommand
from tollhoused.domain.registry_commands import AdvanceTestClock, RegistryCommand
from tollhoused.domain.voids import VoidUsage


@dataclass(slots=True)
class Wanted:
    """Accounts with the earliest event time asked of each, counters by (account, meter), operations by (key, client).

    `whole` accounts are loaded with every counter of their open segment, every subscription and every override.
    `reservations`, `intents` and `subscriptions` are (account, id), whether open or not.

    `paid` are counters of which it must be known who has paid.
    `registry` names clients and keys by their ids, `endpoints` those of events, `test_clock` says that it will be
    moved, `upserts` that directory entries will change and must be locked.
    """

    accounts: dict[str, int] = field(default_factory=dict)
    meters: set[tuple[str, str]] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    keys: set[tuple[str, str]] = field(default_factory=set)
    subjects: set[Subject] = field(default_factory=set)
    reservations: set[tuple[str, str]] = field(default_factory=set)
    intents: set[tuple[str, str]] = field(default_factory=set)
    subscriptions: set[tuple[str, str]] = field(default_factory=set)
    paid: set[CounterKey] = field(default_factory=set)
    registry: set[str] = field(default_factory=set)
    endpoints: set[str] = field(default_factory=set)
    upserts: bool = False
    test_clock: bool = False


def wanted_by(commands: Iterable[Command]) -> Wanted:
    """The set that these commands touch."""
    wanted = Wanted()
    for command in commands:
        if command.idempotency_key:
            wanted.keys.add((command.idempotency_key, command.client))
        if isinstance(command, RegistryCommand):
            wanted.registry.update(command.names())
            wanted.test_clock = wanted.test_clock or isinstance(command, AdvanceTestClock)
            if isinstance(command, EndpointCommand):
                wanted.endpoints.add(command.endpoint_id)
            continue
        if isinstance(command, UpsertUser | UpsertOrganization):
            wanted.upserts = True
            wanted.subjects.add(command.subject)
            if command.account_id:
                wanted.accounts.setdefault(command.account_id, NEVER_US)
            continue
        if isinstance(command, PeopleCommand):
            wanted.upserts = True
            wanted.subjects.update(command.subjects())
            for account in filter(None, (command.account_id, *command.touches)):
                wanted.accounts.setdefault(account, NEVER_US)
            continue
        account = command.account_id
        if isinstance(command, RecordUsage | SetUsage):
            event_us = NEVER_US if command.event_us is None else command.event_us
            wanted.accounts[account] = min(event_us, wanted.accounts.get(account, NEVER_US))
            wanted.meters.add((account, command.meter))
        elif isinstance(command, StoredCommand):
            wanted.accounts[account] = min(command.segment_start_us, wanted.accounts.get(account, NEVER_US))
            wanted.meters.add((account, command.meter))
            if isinstance(command, ReservationCommand):
                wanted.reservations.add((account, command.reservation_id))
            elif isinstance(command, VoidUsage):
                wanted.keys.add((command.voided_key, command.client))
                wanted.paid.add((account, command.segment_start_us, command.meter))
            elif isinstance(command, IntentCommand):
                wanted.intents.add((account, command.intent_id))
            elif isinstance(command, ObserveSubscription):
                id_ = subscription_id(command.provider, command.facts.subscription_id)
                wanted.subscriptions.add((account, id_))
        else:
            wanted.accounts.setdefault(account, NEVER_US)
            if isinstance(command, ReserveUsage):
                wanted.meters.add((account, command.meter))
        if command.needs_whole:
            wanted.whole.add(account)
        if not isinstance(command, Tick | StoredCommand):
            wanted.subjects.add(command.subject)
    return wanted


def whole_accounts(account_ids: Iterable[str], since_us: int) -> Wanted:
    """Everything that is current about these accounts, and their segments since an instant, for questions."""
    ids = list(account_ids)
    return Wanted(accounts=dict.fromkeys(ids, since_us), whole=set(ids))

"""Loads the set that a batch needs, and saves the set that it changed."""

from collections.abc import Callable

from tollhoused.domain.account import HOUR_US, NEVER_US, Account, Segment
from tollhoused.domain.books import Books
from tollhoused.domain.directory import Directory
from tollhoused.domain.identity import Subject
from tollhoused.domain.registry import Registry
from tollhoused.domain.voids import Payment
from tollhoused.store.dialect import Query, Rows, Write
from tollhoused.store.event_rows import endpoint_from_row, endpoint_row, event_row
from tollhoused.store.kept import KeptAccounts
from tollhoused.store.provider_rows import intent_from_row, intent_row
from tollhoused.store.registry_rows import client_from_row, client_row, key_from_row, key_row
from tollhoused.store.rows import (
    USER_WIDTH,
    Row,
    account_from_row,
    counter_from_row,
    counter_row,
    entry_row,
    grant_from_row,
    grant_row,
    membership_from_row,
    membership_row,
    moved_grant_row,
    moving_columns,
    new_account_row,
    operation_from_row,
    operation_row,
    organization_from_row,
    override_from_row,
    override_row,
    reservation_from_row,
    reservation_row,
    segment_from_row,
    segment_row,
    subscription_from_row,
    subscription_row,
    user_from_row,
    user_row,
)
from tollhoused.store.session import Ask, Session
from tollhoused.store.statements import Statements
from tollhoused.store.wanted import Wanted

ENVIRONMENT = "environment"
CLOCK_OFFSET = "clock_offset_us"
"""How far the test clock is ahead, in decimal; absent while it never was."""

CLOCK_FACTS = [(CLOCK_OFFSET,), (ENVIRONMENT,)]
"""What is locked to move the test clock: the environment is there, also when the clock is moved for the first time."""

VERSION = 5
"""Where a row of an account has its version; `as_of_us` follows."""

PAYMENT_WIDTH = 6
"""How many columns say who has paid how much on a counter, before those of the grant."""


def load(
    session: Session,
    statements: Statements,
    wanted: Wanted,
    clock: Callable[[], int],
    lock: bool,
    kept: KeptAccounts | None = None,
) -> Books:
    """The wanted set in one round trip, and one more for accounts that turn out to be due or to hold something.

    With `lock`, account rows are locked in the order of their ids before anything else is read, then clients and keys,
    so that what follows is current: who waited for another process that stored the same idempotency key must find it
    there, not the state that it left. The clock is read after that. Accounts that do not exist are absent.

    Of what is `kept` only the rows of the accounts themselves are read, unless somebody else has changed them since.
    """
    since = sorted(wanted.accounts.items())
    known = kept.take(wanted) if kept else {}
    plan: list[tuple[str, Query, Rows]] = [
        ("accounts", statements.accounts_locked if lock else statements.accounts, since),
        *_registry_plan(statements, wanted, lock),
        *_parts_plan(statements, wanted, [id_ for id_, _ in since if id_ not in known]),
        ("reservations_named", statements.reservations_named, list(wanted.reservations)),
        ("intents", statements.intents, list(wanted.intents)),
        ("subscriptions_named", statements.subscriptions_named, list(wanted.subscriptions)),
        ("operations", statements.operations, list(wanted.keys)),
        *_directory_plan(statements, wanted, lock),
        *_whole_plan(statements, [(id_, wanted.accounts[id_]) for id_ in sorted(wanted.whole)]),
    ]
    everything = not lock and wanted.accounts.keys() <= wanted.whole
    if everything:
        plan.append(("reservations_open", statements.reservations_open, since))
    found = _ask(session, plan, last=everything)
    accounts, stale = _accounts(found, wanted, known)
    _attach(accounts, found)
    if stale:
        _attach(accounts, _ask(session, _parts_plan(statements, wanted, stale)))
    clock_us = clock()
    rest: dict[str, list[Row]] = {}
    due = [id_ for id_, account in accounts.items() if account.due_us <= clock_us and not account.whole]
    holding = [id_ for id_, account in accounts.items() if account.open_reservations and not everything]
    if due or holding or wanted.paid:
        more = _whole_plan(statements, [(id_, NEVER_US) for id_ in due])
        more.append(("reservations_open", statements.reservations_open, [(id_, NEVER_US) for id_ in holding]))
        more.append(("paid", statements.paid, _slices_of_counters(accounts, wanted)))
        rest = _ask(session, more)
        _attach(accounts, rest)
        for id_ in due:
            accounts[id_].whole = True
    operations = {(row[0], row[1]): operation_from_row(row) for row in found.get("operations", ())}
    books = Books(clock_us, accounts, operations, _directory(found), _registry(found))
    for row in rest.get("paid", ()):
        account_id, segment_start_us, meter, payer, paid_nanos, last_sequence = row[:PAYMENT_WIDTH]
        books.paid.setdefault((account_id, segment_start_us, meter), []).append(
            Payment(payer, int(paid_nanos), last_sequence)
        )
        if row[PAYMENT_WIDTH] is not None:
            grant = grant_from_row(row[PAYMENT_WIDTH:])
            accounts[account_id].grants.setdefault(grant.id, grant)
    return books


def _accounts(
    found: dict[str, list[Row]], wanted: Wanted, known: dict[str, Account]
) -> tuple[dict[str, Account], list[str]]:
    """The accounts of the rows, and which of those that seemed known have been changed by somebody else."""
    accounts, stale = {}, []
    for row in found.get("accounts", ()):
        account = known.get(row[0])
        if account is not None and account.version == row[VERSION]:
            account.as_of_us = row[VERSION + 1]  # time that has passed without changing anything is not stored
        else:
            if account is not None:
                stale.append(row[0])
            account = account_from_row(row, row[0] in wanted.whole)
        accounts[account.id] = account
    return accounts, stale


def load_directory(session: Session, statements: Statements, subjects: set[Subject]) -> Directory:
    """What the directory knows about these subjects."""
    return _directory(_ask(session, _directory_plan(statements, Wanted(subjects=subjects), lock=False), last=True))


def load_version(
    session: Session, statements: Statements, subject: Subject, account_id: str
) -> tuple[Directory, int | None]:
    """What the directory knows about a subject, and an account's version; None where there is no such account."""
    plan = _directory_plan(statements, Wanted(subjects={subject}), lock=False)
    found = _ask(session, [*plan, ("versions", statements.versions, [(account_id, NEVER_US)])], last=True)
    versions = found["versions"]
    return _directory(found), versions[0][1] if versions else None


def writes(statements: Statements, books: Books) -> list[tuple[Write, Rows]]:
    """Everything that the books changed, in an order that keeps every constraint."""
    dirty = [account for account in books.accounts.values() if account.dirty or account.version == 0]
    new = [account for account in dirty if account.version == 0]
    known = [account for account in dirty if account.version > 0]
    directory = books.directory
    plan: list[tuple[Write, Rows]] = [
        (statements.insert_accounts, [new_account_row(account) for account in new]),
        (statements.upsert_users, [user_row(user) for user in directory.changed_users.values()]),
        (statements.insert_organizations, [(item.org_id, item.account_id) for item in directory.new_organizations]),
        (statements.delete_memberships, sorted(directory.ended_memberships)),
        (statements.upsert_memberships, [membership_row(item) for item in directory.changed_memberships.values()]),
        (statements.insert_clients, [client_row(client) for client in books.registry.new_clients]),
        (statements.upsert_keys, [key_row(key) for key in books.registry.changed_keys.values()]),
        (statements.upsert_facts, _moved_clock(books.registry)),
        (statements.upsert_endpoints, [endpoint_row(item) for item in books.registry.changed_endpoints.values()]),
        (statements.insert_audit, books.audit),
        (statements.insert_operations, [operation_row(operation) for operation in books.added]),
        (statements.void_operations, [(item.voided_by, item.idempotency_key, item.client) for item in books.voided]),
        (statements.insert_entries, [entry_row(a.id, entry) for a in dirty for entry in a.changes.entries]),
        (statements.upsert_counters, [counter_row(a.id, a.counters[key]) for a in dirty for key in a.changes.counters]),
        (statements.upsert_grants, [grant_row(a.id, a.grants[id_]) for a in dirty for id_ in a.changes.grants]),
        (
            statements.move_grants,
            [
                moved_grant_row(a.id, a.grants[id_])
                for a in dirty
                for id_ in a.changes.moved_grants
                if id_ not in a.changes.grants
            ],
        ),
        (
            statements.upsert_reservations,
            [reservation_row(a.id, a.reservations[id_]) for a in dirty for id_ in a.changes.reservations],
        ),
        (statements.upsert_intents, [intent_row(a.id, a.intents[id_]) for a in dirty for id_ in a.changes.intents]),
        (statements.upsert_segments, [segment_row(a.id, s) for a in dirty for s in _changed_segments(a)]),
        (
            statements.upsert_subscriptions,
            [subscription_row(a.id, a.subscriptions[id_]) for a in dirty for id_ in a.changes.subscriptions],
        ),
        (
            statements.upsert_overrides,
            [override_row(a.id, a.overrides[id_]) for a in dirty for id_ in a.changes.overrides],
        ),
        (statements.insert_events, [event_row(event) for a in dirty for event in a.changes.events]),
        (statements.update_accounts, [(*moving_columns(account), account.id, account.version) for account in known]),
    ]
    return [(write, rows) for write, rows in plan if rows]


def _moved_clock(registry: Registry) -> Rows:
    return [(CLOCK_OFFSET, str(registry.clock_offset_us))] if registry.clock_moved else []


def _slices_of_counters(accounts: dict[str, Account], wanted: Wanted) -> Rows:
    """The hours in which anything may have been booked for these counters: from their segments' start on."""
    return [
        (account_id, hour, segment_start_us, meter)
        for account_id, segment_start_us, meter in sorted(wanted.paid)
        if account_id in accounts
        for hour in range(segment_start_us // HOUR_US, accounts[account_id].as_of_us // HOUR_US + 1)
    ]


def _changed_segments(account: Account) -> list[Segment]:
    if not account.changes.segments:
        return []
    return [segment for segment in account.segments if segment.start_us in account.changes.segments]


def _parts_plan(statements: Statements, wanted: Wanted, ids: list[str]) -> list[tuple[str, Query, Rows]]:
    """What is loaded of every account beside its row."""
    since, chosen = [(id_, wanted.accounts[id_]) for id_ in ids], set(ids)
    meters = [(id_, meter, wanted.accounts[id_]) for id_, meter in wanted.meters if id_ in chosen]
    return [
        ("segments", statements.segments, since),
        ("counters", statements.counters, meters),
        ("grants", statements.grants, since),
    ]


def _whole_plan(statements: Statements, wanted: list[tuple[str, int]]) -> list[tuple[str, Query, Rows]]:
    """What is added for accounts whose terms may change."""
    return [
        ("counters_whole", statements.counters_whole, wanted),
        ("subscriptions", statements.subscriptions, wanted),
        ("overrides", statements.overrides, wanted),
    ]


def _directory_plan(statements: Statements, wanted: Wanted, lock: bool) -> list[tuple[str, Query, Rows]]:
    """Users are locked before their memberships are looked at: who has waited for another process sees what it did."""
    user_ids, emails = _names(wanted, "user_id"), _names(wanted, "email")
    locks: list[tuple[str, Query, Rows]] = [
        ("locked_by_id", statements.users_by_id_locked, user_ids),
        ("locked_by_email", statements.users_by_email_locked, emails),
    ]
    return [
        *(locks if lock and wanted.upserts and statements.dialect.locks_rows else ()),
        ("people_by_id", statements.people_by_id, user_ids),
        ("people_by_email", statements.people_by_email, emails),
        ("organizations", statements.organizations, _names(wanted, "org_id")),
    ]


def _registry_plan(statements: Statements, wanted: Wanted, lock: bool) -> list[tuple[str, Query, Rows]]:
    """Clients first: whoever holds a client's row is alone with its keys."""
    names = [(name,) for name in sorted(wanted.registry)]
    return [
        ("clients", statements.clients_locked if lock else statements.clients, names),
        ("keys", statements.keys_locked if lock else statements.keys, names),
        ("facts", statements.facts_locked if lock else statements.facts, CLOCK_FACTS if wanted.test_clock else []),
        (
            "endpoints",
            statements.endpoints_locked if lock else statements.endpoints,
            [(id_,) for id_ in sorted(wanted.endpoints)],
        ),
    ]


def _registry(found: dict[str, list[Row]]) -> Registry:
    keys = [key_from_row(row) for row in found.get("keys", ())]
    clients = [client_from_row(row) for row in found.get("clients", ())]
    endpoints = [endpoint_from_row(row) for row in found.get("endpoints", ())]
    registry = Registry(
        {client.id: client for client in clients},
        {key.id: key for key in keys},
        endpoints={endpoint.id: endpoint for endpoint in endpoints},
    )
    for name, value in found.get("facts", ()):
        if name == CLOCK_OFFSET:
            registry.clock_offset_us = int(value)
    return registry


def _names(wanted: Wanted, part: str) -> Rows:
    return [(name,) for name in sorted({getattr(subject, part) for subject in wanted.subjects} - {""})]


def _ask(session: Session, plan: list[tuple[str, Query, Rows]], *, last: bool = False) -> dict[str, list[Row]]:
    """Asks what has a set to ask for, all at once."""
    asked = [(name, Ask(query, {query.relations[0].name: rows})) for name, query, rows in plan if rows]
    if not asked:
        return {}
    answers = session.read([ask for _, ask in asked], last=last)
    return {name: rows for (name, _), rows in zip(asked, answers, strict=True)}


def _attach(accounts: dict[str, Account], found: dict[str, list[Row]]) -> None:
    """Gives each account what belongs to it.

    A row may come without its account: one that another process stored after this batch had looked for accounts.
    """
    for row in found.get("segments", ()):
        if account := accounts.get(row[0]):
            account.segments.append(segment_from_row(row))
    for row in (*found.get("counters", ()), *found.get("counters_whole", ())):
        if account := accounts.get(row[0]):
            counter = counter_from_row(row)
            account.counters[counter.segment_start_us, counter.meter] = counter
    for row in found.get("grants", ()):
        if account := accounts.get(row[0]):
            grant = grant_from_row(row)
            account.grants[grant.id] = grant
    for row in (*found.get("reservations_open", ()), *found.get("reservations_named", ())):
        if account := accounts.get(row[0]):
            account.reservations[row[1]] = reservation_from_row(row)
    for row in found.get("intents", ()):
        if account := accounts.get(row[0]):
            account.intents[row[1]] = intent_from_row(row)
    for row in (*found.get("subscriptions", ()), *found.get("subscriptions_named", ())):
        if account := accounts.get(row[0]):
            account.subscriptions[row[1]] = subscription_from_row(row)
    for row in found.get("overrides", ()):
        if account := accounts.get(row[0]):
            account.overrides[row[1]] = override_from_row(row)


def _directory(found: dict[str, list[Row]]) -> Directory:
    directory = Directory()
    for row in (*found.get("people_by_id", ()), *found.get("people_by_email", ())):
        directory.add_user(user_from_row(row[:USER_WIDTH]))
        if row[USER_WIDTH] is not None:
            directory.add_membership(membership_from_row(row[USER_WIDTH:]))
    for row in found.get("organizations", ()):
        organization = organization_from_row(row)
        directory.organizations[organization.org_id] = organization
    return directory

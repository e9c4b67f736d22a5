"""What is saved is loaded again, value for value: every kind of row, with the texts and numbers that break stores."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest

from tests.support.house import START_US
from tollhoused.domain.account import (
    HOUR_US,
    Account,
    AccountKind,
    Cause,
    CauseKind,
    Counter,
    Grant,
    LedgerEntry,
    Posting,
    Segment,
)
from tollhoused.domain.books import Books, Operation
from tollhoused.domain.catalogue import GrantCategory, MeterTerms, Policy
from tollhoused.domain.directory import Directory
from tollhoused.domain.identity import Organization, Subject, User
from tollhoused.domain.rates import Rate, RateModel, Tier
from tollhoused.domain.subscription import Subscription
from tollhoused.domain.terms import Override, Terms
from tollhoused.store.dialect import Rows, Write
from tollhoused.store.loading import load
from tollhoused.store.session import Ask, Session
from tollhoused.store.statements import Statements
from tollhoused.store.store import Store, open_store
from tollhoused.store.wanted import Wanted, whole_accounts

LARGEST = 2**62
TEXTS = [
    "plain",
    "NULL",
    "null",
    "{}",
    '{"a":[1,null]}',
    "a,b;c",
    " leading and trailing ",
    "two\nlines\tand a tab\r\n",
    "quotes \" ' `",
    'back\\slash \\" \\n \\u0000',
    "%s %(name)s %% ? :name $1",
    "'; DROP TABLE accounts; --",
    "Zoë 漢字 🎈 e\u0301 \u202e",
    "\u0001\u001f\u007f\u0080\ufffd",
    "x" * 255,
]
RATE = Rate(price_nanos=0, per_units=7, model=RateModel.GRADUATED, tiers=(Tier(10, 5), Tier(None, LARGEST)))
TERMS = Terms(
    "pro",
    2,
    frozenset({"talk.access", 'odd " feature'}),
    {
        "calls": MeterTerms(included=5, policy=Policy.CREDITS, rate=RATE),
        "minutes": MeterTerms(included=0, policy=Policy.HARD_LIMIT, rate=None),
    },
)
PROMOTIONAL: dict[str, Any] = {
    "category": GrantCategory.PROMOTIONAL,
    "priority": 0,
    "expires_us": START_US + 1,
    "meters": frozenset({"minutes", "calls"}),
    "amount_nanos": 2,
    "remaining_nanos": 1,
}


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.close()


NOT_STORED = ("version", "whole", "changes", "dirty")


def _save(store: Store, *accounts: Account, operations: tuple[Operation, ...] = ()) -> None:
    books = Books(START_US, {account.id: account for account in accounts}, {}, Directory(), added=list(operations))
    with store.batch() as batch:
        batch.commit(books)


def _load(store: Store, account_id: str) -> Account:
    return store.snapshot(whole_accounts([account_id], since_us=0), lambda: START_US).accounts[account_id]


def _account(account_id: str = "acct_1", zone: str = "Europe/Berlin") -> Account:
    return Account(
        id=account_id,
        kind=AccountKind.ORGANIZATION,
        currency="usd",
        zone=zone,
        anchor_us=-START_US,
        version=0,
        as_of_us=START_US,
        due_us=LARGEST,
        balance_nanos=0,
        debt_nanos=0,
        held_nanos=0,
        open_reservations=0,
        ledger_seq=0,
        whole=True,
    )


def _state(account: Account) -> dict[str, object]:
    """Everything that is stored about an account but its version."""
    return {item.name: getattr(account, item.name) for item in fields(account)} | dict.fromkeys(NOT_STORED)


def _grant(grant_id: str, **changes: Any) -> Grant:
    values: dict[str, Any] = {
        "id": grant_id,
        "category": GrantCategory.PAID,
        "priority": 100,
        "effective_us": START_US,
        "expires_us": None,
        "meters": frozenset(),
        "amount_nanos": LARGEST,
        "remaining_nanos": LARGEST,
        "created_us": START_US,
    }
    return Grant(**{**values, **changes})


def _full_account() -> Account:
    account = _account()
    account.open_segment(Segment(START_US, None, START_US - 1, LARGEST, None, TERMS))
    account.open_segment(Segment(START_US + 1, None, START_US - 1, LARGEST, "sub_1", replace(TERMS, plan_version=3)))
    account.put_counter(Counter(START_US, "calls", LARGEST, LARGEST, LARGEST, LARGEST))
    account.put_counter(Counter(START_US + 1, "calls"))
    account.put_counter(Counter(START_US + 1, "minutes", 1, 2, 1, 3))
    account.put_grant(_grant("grant_1"))
    account.put_grant(_grant("grant_2", **PROMOTIONAL))
    account.put_subscription(Subscription("sub_1", "manual", "pro", 2, START_US, None, START_US))
    account.put_subscription(Subscription("sub_2", "manual", "team", 1, START_US, START_US + 1, -1))
    account.put_override(Override("ovr_1", "calls", None, None, RATE, START_US, None))
    account.put_override(Override("ovr_2", "minutes", 0, Policy.UNMETERED, None, START_US, START_US + 1))
    return account


def test_an_account_with_all_that_belongs_to_it(store: Store) -> None:
    account = _full_account()
    _save(store, account)

    loaded = _load(store, "acct_1")

    assert _state(loaded) == _state(account)
    assert (loaded.version, loaded.dirty, loaded.whole) == (1, False, True)


def test_what_changed_is_stored_and_the_rest_stays(store: Store) -> None:
    _save(store, _full_account())
    account = _load(store, "acct_1")
    account.post(Posting("grant_1", -7), Cause(CauseKind.USAGE, "key", "local"), START_US, START_US)
    account.post(Posting(None, -LARGEST + 7), Cause(CauseKind.ADJUSTMENT, "other", "local"), START_US, START_US - 1)
    account.open_segment(Segment(START_US + 2, None, START_US - 1, LARGEST, None, TERMS))
    account.put_counter(Counter(START_US + 1, "minutes", 1, 5, 4, 9))
    account.put_override(replace(account.overrides["ovr_1"], until_us=START_US + 9))
    account.put_subscription(replace(account.subscriptions["sub_1"], end_us=START_US + 9, plan="team"))
    account.as_of_us += 5
    account.due_us = START_US + 10
    _save(store, account)

    loaded = _load(store, "acct_1")

    del account.subscriptions["sub_2"], account.overrides["ovr_2"]  # which have ended by now
    assert _state(loaded) == _state(account)
    assert loaded.version == 2
    assert store.ledger_entries("acct_1", START_US, START_US + 1, LARGEST, 10) == account.changes.entries[::-1]


def test_what_has_ended_or_is_spent_is_not_loaded_and_not_lost(store: Store) -> None:
    account = _full_account()
    account.put_grant(_grant("grant_2", **{**PROMOTIONAL, "remaining_nanos": 0}))
    account.as_of_us = START_US + 1
    _save(store, account)

    loaded = _load(store, "acct_1")

    assert (set(loaded.grants), set(loaded.subscriptions), set(loaded.overrides)) == ({"grant_1"}, {"sub_1"}, {"ovr_1"})
    assert [grant.id for grant in store.grants("acct_1", False, "~", 10)] == ["grant_1"]
    assert store.grants("acct_1", True, "~", 10) == [account.grants["grant_2"], account.grants["grant_1"]]
    assert store.subscriptions("acct_1") == list(account.subscriptions.values())
    assert store.overrides("acct_1") == list(account.overrides.values())


def test_accounts_of_one_batch_keep_apart(store: Store) -> None:
    first, second = _full_account(), _account("acct_2", "UTC")
    second.open_segment(Segment(START_US, None, START_US, LARGEST, None, TERMS))
    second.put_counter(Counter(START_US, "calls", 0, 9))
    _save(store, first, second)

    assert _state(_load(store, "acct_1")) == _state(first)
    assert _state(_load(store, "acct_2")) == _state(second)


OPTIONAL = ("product", "meter", "segment_start_us", "quantity", "overage", "charged_nanos")


def _operation(key: str, client: str | None = None, **changes: Any) -> Operation:
    values: dict[str, Any] = {
        "idempotency_key": key,
        "client": client or "local",
        "account_id": "acct_1",
        "kind": "record_usage",
        "stored_us": START_US,
        "event_us": START_US - 1,
        "product": "talk",
        "meter": "calls",
        "segment_start_us": START_US,
        "quantity": 1,
        "overage": 0,
        "charged_nanos": 0,
        "metadata": None,
        "sent": "{}",
        "answer": "{}",
    }
    return Operation(**{**values, **changes})


def test_operations_with_every_kind_of_text_and_number(store: Store) -> None:
    operations = [
        _operation(text, client, product=text, meter=text, metadata=text, sent=text, answer=text, kind=text)
        for text in TEXTS
        for client in ("local", text)
    ]
    operations.append(_operation("large", quantity=LARGEST, overage=LARGEST, charged_nanos=LARGEST, event_us=-LARGEST))
    operations.append(_operation("nothing", None, **dict.fromkeys(OPTIONAL)))
    _save(store, operations=tuple(operations))

    wanted = Wanted(keys={(operation.idempotency_key, operation.client) for operation in operations})
    loaded = store.snapshot(wanted, lambda: START_US).operations

    assert loaded == {(operation.idempotency_key, operation.client): operation for operation in operations}
    for operation in operations:
        assert store.operation(operation.idempotency_key, operation.client) == operation
    assert store.operation("plain", "nobody") is None


def test_users_and_organizations_with_every_kind_of_text(store: Store) -> None:
    directory = Directory()
    account = _account()
    for number, text in enumerate(TEXTS):
        user = User(f"user_{number}", account.id, text if number % 3 else None, f"{text}@example.org")
        directory.changed_users[user.id] = user
        directory.new_organizations.append(Organization(text, account.id))
    with store.batch() as batch:
        batch.commit(Books(START_US, {account.id: account}, {}, directory))

    subjects = {Subject(org_id=text) for text in TEXTS}
    subjects |= {Subject(user.user_id or "", user.email or "") for user in directory.changed_users.values()}
    found = store.directory(subjects)

    assert found.organizations == {item.org_id: item for item in directory.new_organizations}
    assert {user.id: user for user in found.users_by_email.values()} == directory.changed_users
    users, organizations = store.names("acct_1")
    assert {user.id: user for user in users} == directory.changed_users
    assert {item.org_id for item in organizations} == set(TEXTS)
    assert store.names("acct_2") == ([], [])


def test_ledger_entries_of_every_kind(store: Store) -> None:
    account = _full_account()
    for step, kind in enumerate(CauseKind):
        grant_id = "grant_1" if step % 2 else None
        booked_us = START_US + step * HOUR_US
        account.post(Posting(grant_id, -1 - step), Cause(kind, TEXTS[step], TEXTS[-step]), booked_us, step)
    entries: list[LedgerEntry] = account.changes.entries
    _save(store, account)

    everything = store.ledger_entries("acct_1", START_US, START_US + 99 * HOUR_US, LARGEST, 100)
    assert everything == entries[::-1]
    assert store.ledger_entries("acct_1", START_US, START_US + 99 * HOUR_US, 4, 2) == [entries[2], entries[1]]
    assert store.ledger_entries("acct_1", START_US + HOUR_US, START_US + 2 * HOUR_US, LARGEST, 9) == [entries[1]]
    assert store.ledger_entries("acct_1", START_US + 1, START_US + HOUR_US, LARGEST, 9) == []
    assert store.ledger_entries("acct_2", START_US, START_US + 99 * HOUR_US, LARGEST, 9) == []


def test_pages_of_usage_meet_without_gap_or_overlap(store: Store) -> None:
    """Events of the same instant, across hours, in an order that the cursor repeats."""
    operations = [
        _operation(
            f"key-{number:02}", stored_us=START_US + (number // 5) * HOUR_US // 2, meter=("calls", "m")[number % 2]
        )
        for number in range(23)
    ]
    others = [_operation("grant", kind="grant_credits"), _operation("else", account_id="acct_2")]
    _save(store, operations=(*operations, *others))
    end_us = START_US + 9 * HOUR_US

    pages: list[Operation] = []
    before: tuple[int, str, str] | None = None
    while page := store.usage_events("acct_1", START_US, end_us, None, None, before, 4):
        pages += page
        before = (page[-1].stored_us, page[-1].idempotency_key, page[-1].client)

    assert pages == sorted(operations, key=lambda item: (-item.stored_us, item.idempotency_key))
    metered = store.usage_events("acct_1", START_US, end_us, "m", "talk", None, 100)
    assert {item.meter for item in metered} == {"m"}
    assert len(metered) == 11
    assert store.usage_events("acct_1", START_US, end_us, None, "send", None, 100) == []


def test_accounts_are_listed_and_found_when_due(store: Store) -> None:
    accounts = []
    for number in range(5):
        account = _account(f"acct_{number}")
        account.due_us = START_US + (number * 3) % 5
        accounts.append(account)
    _save(store, *accounts)

    assert [account.id for account in store.accounts("acct_1", 2)] == ["acct_2", "acct_3"]
    assert store.due_accounts(START_US + 2, 9) == ["acct_0", "acct_2", "acct_4"]
    assert store.due_accounts(START_US + 2, 1) == ["acct_0"]
    assert store.due_accounts(START_US - 1, 9) == []


class Hasty:
    """A session whose first statement came a moment too early: it saw no account."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self, asks: Sequence[Ask], *, last: bool = False) -> list[list[tuple[Any, ...]]]:
        _, *others = self._session.read(asks, last=last)
        return [[], *others]

    def commit(self, writes: Sequence[tuple[Write, Rows]]) -> None:
        raise AssertionError("nothing is to be written")


def test_rows_whose_account_another_process_stored_a_moment_too_late_are_left_alone(store: Store) -> None:
    """PostgreSQL's READ COMMITTED gives each statement a snapshot of its own."""
    _save(store, _full_account())
    statements = Statements(store.engine.dialect)
    wanted = whole_accounts(["acct_1"], since_us=0)

    with store.engine.reading() as session:
        books = load(Hasty(session), statements, wanted, lambda: START_US, lock=False)

    assert books.accounts == {}

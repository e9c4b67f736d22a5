"""One call that cannot be stored fails alone; whoever was stored with it never notices."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.books import broken_rules, execute, keys, query
from tests.support.house import HUB, CoreMaker, make_user, person, record, usage_answer, usage_command, usage_report
from tollhoused.domain import books, deciding
from tollhoused.domain.advance import UnknownCatalogueVersion
from tollhoused.domain.books import Settled
from tollhoused.domain.commands import UpsertUser
from tollhoused.domain.identity import Subject
from tollhoused.errors import Contention, InternalError
from tollhoused.journal import journal
from tollhoused.store.store import open_store
from tollhoused.usecases.core import Core

POISON = 13
POISON_ON_SQLITE = (
    f"CREATE TRIGGER poison BEFORE INSERT ON operations WHEN NEW.quantity={POISON} BEGIN SELECT RAISE(ABORT, ''); END",
    "DROP TRIGGER poison",
)
POISON_ON_POSTGRESQL = (
    f"ALTER TABLE operations ADD CONSTRAINT poison CHECK (quantity <> {POISON})",
    "ALTER TABLE operations DROP CONSTRAINT poison",
)
PEOPLE = [f"user-{number}" for number in range(8)]


@pytest.fixture
def poison(database_url: str) -> Iterator[Callable[[], None]]:
    """Makes the database refuse what we would decide on, usage of one quantity; ends when it is called."""
    begin, end = POISON_ON_SQLITE if database_url.startswith("sqlite") else POISON_ON_POSTGRESQL
    execute(database_url, begin)
    remaining = [end]

    def cure() -> None:
        if remaining:
            execute(database_url, remaining.pop())

    yield cure
    cure()


@pytest.fixture
def core(database_url: str, make_core: CoreMaker) -> Core:
    """A Core whose journal the tests start; its users are there."""
    first = make_core(database_url)
    for user_id in PEOPLE:
        make_user(first, user_id)
    return make_core(database_url, start=False)


def _outcomes(core: Core, quantities: list[int]) -> list[object]:
    """Each event a call of its own, all in one batch."""
    tickets = [
        core.journal.submit(
            [usage_command(core, usage_report(PEOPLE[index % 8], f"key-{index:02}", quantity, meter="api_calls"))],
            time.monotonic() + 30,
        )
        for index, quantity in enumerate(quantities)
    ]
    core.journal.start()
    return [ticket.wait()[0] for ticket in tickets]


@pytest.mark.parametrize("positions", [[0], [7], [20], [3, 4, 19]])
@pytest.mark.usefixtures("poison")
def test_only_the_guilty_call_fails(core: Core, database_url: str, positions: list[int]) -> None:
    quantities = [POISON if index in positions else 2 for index in range(21)]

    outcomes = _outcomes(core, quantities)

    failed = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, InternalError)]
    assert failed == positions
    stored = [f"key-{index:02}" for index in range(21) if index not in positions]
    assert keys(database_url) == stored
    assert not any(outcome.replayed for outcome in outcomes if isinstance(outcome, Settled))
    assert broken_rules(database_url) == {}


def test_a_call_that_was_refused_may_come_again(core: Core, poison: Callable[[], None]) -> None:
    (outcome,) = _outcomes(core, [POISON])
    assert isinstance(outcome, InternalError)
    assert str(outcome) == "internal error"

    poison()
    assert not record(core, usage_report(PEOPLE[0], "key-00", POISON, meter="api_calls")).replayed


@pytest.mark.usefixtures("poison")
def test_only_the_guilty_item_of_a_bulk_call_fails(core: Core, database_url: str) -> None:
    reports = [usage_report(PEOPLE[index % 8], f"key-{index:02}", 10 + index, meter="api_calls") for index in range(16)]
    ticket = core.journal.submit([usage_command(core, report) for report in reports], time.monotonic() + 30)
    core.journal.start()
    outcomes = ticket.wait()

    assert [index for index, outcome in enumerate(outcomes) if isinstance(outcome, InternalError)] == [3]
    assert keys(database_url) == [f"key-{index:02}" for index in range(16) if index != 3]
    assert broken_rules(database_url) == {}


@pytest.mark.usefixtures("poison")
def test_an_atomic_call_fails_as_a_whole(core: Core, database_url: str) -> None:
    reports = [usage_report(PEOPLE[0], f"key-{index:02}", 10 + index, meter="api_calls") for index in range(16)]
    atomic = core.journal.submit([usage_command(core, item) for item in reports], time.monotonic() + 30, atomic=True)
    alone = core.journal.submit(
        [usage_command(core, usage_report(PEOPLE[0], "alone", meter="api_calls"))], time.monotonic() + 30
    )
    core.journal.start()

    assert [type(outcome) for outcome in atomic.wait()] == [InternalError] * 16
    assert usage_answer(alone.wait()[0]).new_usage == 1
    assert keys(database_url) == ["alone"]


def _fail_for(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Plants a defect: deciding on the poisoned quantity raises what nothing declares."""
    decide = deciding.decide

    def defective(account: object, command: object, *others: object) -> object:
        if getattr(command, "quantity", 0) == POISON:
            raise error
        return decide(account, command, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(books, "decide", defective)


@pytest.mark.parametrize("error", [LookupError("ours"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")])
def test_a_defect_of_ours_fails_the_one_call_that_meets_it(
    core: Core, database_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    _fail_for(monkeypatch, error)

    outcomes = _outcomes(core, [2, 2, POISON, 2, 2])

    assert [type(outcome) for outcome in outcomes] == [Settled, Settled, InternalError, Settled, Settled]
    assert len(keys(database_url)) == 4


def test_a_call_that_collides_every_time_does_not_take_others_with_it(
    core: Core, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_for(monkeypatch, UnknownCatalogueVersion("version 7, which nobody has applied"))

    outcomes = _outcomes(core, [2, 2, POISON, 2, 2])

    assert [type(outcome) for outcome in outcomes] == [Settled, Settled, Contention, Settled, Settled]
    assert len(keys(database_url)) == 4


def test_a_catalogue_that_cannot_be_read_stops_nobody(
    core: Core, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = open_store(database_url)
    newer.add_catalogue(2, 0, HUB + "\n[of_a_later_program]\n", "")
    newer.close()
    _fail_for(monkeypatch, UnknownCatalogueVersion("version 2"))

    outcomes = _outcomes(core, [2, POISON])

    assert [type(outcome) for outcome in outcomes] == [Settled, Contention]
    assert not record(core, usage_report(PEOPLE[0], "later", meter="api_calls")).replayed


def _renaming(core: Core, user_id: str, email: str) -> UpsertUser:
    """The command that gives a known user an e-mail."""
    match = core.resolve(person(user_id))
    return UpsertUser(
        client="local",
        idempotency_key=f"{user_id} is {email}",
        subject=Subject(user_id=user_id, email=email),
        account_id=match.account_id,
        matched_by=match.matched_by,
        new_user_id=core.new_id("user"),
        new_account_id=core.new_id("acct"),
        zone="UTC",
        currency="usd",
    )


def test_e_mails_that_change_hands_in_one_batch_find_their_owners(core: Core, database_url: str) -> None:
    """In whatever order the two users' last state is written, an e-mail stands twice for a moment."""
    first, second = PEOPLE[:2]
    before = [(first, "a@example.org"), (second, "b@example.org")]
    swap = [(first, "c@example.org"), (second, "a@example.org"), (first, "b@example.org")]
    tickets = [core.journal.submit([_renaming(core, *name)], time.monotonic() + 30) for name in before + swap]
    core.journal.start()

    assert [type(ticket.wait()[0]) for ticket in tickets] == [Settled] * 5
    emails = query(database_url, "SELECT user_id, email FROM users WHERE email IS NOT NULL ORDER BY user_id")
    assert emails == [(first, "b@example.org"), (second, "a@example.org")]


def test_a_defect_in_the_journal_itself_fails_one_batch_and_not_the_next(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as planted:
        planted.setattr(journal.Journal, "_in_time", lambda *_: 1 // 0)
        (outcome,) = _outcomes(core, [2])

    assert isinstance(outcome, InternalError)
    assert not record(core, usage_report(PEOPLE[0], "key-00", 2, meter="api_calls")).replayed

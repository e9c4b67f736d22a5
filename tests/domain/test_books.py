import json
from dataclasses import replace

import pytest

from tests.domain.builders import (
    ANNAS,
    NANOS,
    PERIOD_END_US,
    RECORD,
    START_US,
    Desk,
    adjust,
    assign,
    grant,
    override,
    remove,
    tick,
    unassign,
    upsert_organization,
    upsert_user,
    use,
)
from tollhoused.domain.account import AccountKind
from tollhoused.domain.books import Moved, new_account
from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.commands import Command, RecordUsage
from tollhoused.domain.identity import MatchedBy, Subject
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.rates import Rate
from tollhoused.domain.stored_answers import answer_to_json
from tollhoused.errors import (
    IdempotencyKeyReused,
    InsufficientCredits,
    OverrideNotFound,
    QuotaExceeded,
    SubjectConflict,
    SubjectNotFound,
    SubscriptionNotFound,
)

BOBS = "acct_bob"


def with_bob(desk: Desk) -> Desk:
    """Bob has an account too; his e-mail is known, his user_id is not."""
    desk.upsert(upsert_user(email="bob@example.com", account_id=BOBS))
    return desk


def for_bob(quantity: int = 1, **wanted: object) -> RecordUsage:
    command = use(quantity, subject=Subject(email="bob@example.com"), account_id=BOBS, matched_by=MatchedBy.EMAIL)
    return replace(command, **wanted)  # type: ignore[arg-type]


def reused(desk: Desk, command: Command) -> IdempotencyKeyReused:
    """The refusal of a key that stands for something else, which must have changed nothing."""
    before = desk.snapshot()
    with pytest.raises(IdempotencyKeyReused) as caught:
        desk.settle(command)
    assert desk.snapshot() == before
    return caught.value


def test_a_retry_is_answered_as_before_and_changes_nothing() -> None:
    desk = Desk()
    desk.credit(grant())
    command = use(15)
    first = desk.settle(command)
    desk.use(use(1))
    before = desk.snapshot()

    again = desk.wait_until(START_US).settle(command)

    assert (first.replayed, again.replayed) == (False, True)
    assert again.answer == first.answer
    assert desk.snapshot() == before


ALL_KINDS: list[Command] = [
    use(15, enforcement=RECORD, metadata='{"room":"7"}'),
    grant(reason="sorry"),
    adjust(-5, reason="oops"),
    assign("plus", id="sub_made"),
    override(included=3, policy=Policy.CREDITS, rate=Rate(7, per_units=3)),
    upsert_user("carl", "carl@example.com"),
    upsert_organization("org_1"),
]


@pytest.mark.parametrize("command", ALL_KINDS, ids=lambda command: command.kind)
def test_every_kind_of_command_is_replayed_with_its_first_answer(command: Command) -> None:
    desk = Desk()
    first = desk.settle(command)
    desk.let_time_pass(PERIOD_END_US)
    before = desk.snapshot()

    again = desk.settle(command)

    assert again.replayed
    assert again.answer == first.answer
    assert desk.snapshot() == before


def test_ends_are_replayed_too() -> None:
    desk = Desk()
    subscription = desk.subscribe(assign("plus")).subscription_id
    exception = desk.override(override(included=3)).override_id
    for command in (unassign(subscription), remove(exception)):
        first = desk.settle(command)
        again = desk.let_time_pass(desk.account.as_of_us + DAY_US).settle(command)

        assert (again.replayed, again.answer) == (True, first.answer)


def test_an_operation_keeps_what_was_asked_and_what_came_of_it() -> None:
    desk = Desk().let_time_pass(START_US + 2 * DAY_US)
    command = use(12, at=START_US + DAY_US, enforcement=RECORD, metadata='{"room":"7"}', key="call-1", client="phone")

    answer = desk.use(command)

    (operation,) = desk.books.added
    assert (operation.idempotency_key, operation.client, operation.kind) == ("call-1", "phone", "record_usage")
    assert (operation.account_id, operation.product, operation.meter) == (ANNAS, "talk", "calls")
    assert (operation.quantity, operation.overage, operation.charged_nanos) == (12, 2, 4 * NANOS)
    assert (operation.event_us, operation.stored_us) == (START_US + DAY_US, START_US + 2 * DAY_US)
    assert (operation.segment_start_us, operation.metadata) == (START_US, '{"room":"7"}')
    assert operation.slice == operation.stored_us // 3_600_000_000
    assert operation.answer == answer_to_json(answer)


def test_an_operation_shows_the_instant_at_which_its_event_counts() -> None:
    desk = Desk()

    desk.use(use(1, at=START_US + 60 * 10**6))

    (operation,) = desk.books.added
    assert (operation.event_us, operation.stored_us) == (START_US, START_US)
    assert json.loads(operation.sent)["event_time"] == START_US + 60 * 10**6, "what was sent is kept as it was sent"


def test_what_is_kept_of_a_command_names_nobody() -> None:
    desk = with_bob(Desk())
    desk.use(for_bob(metadata='{"name":"bob"}'))
    desk.credit(grant(reason="for bob"))

    assert not any("bob" in operation.sent for operation in desk.books.added)
    assert [operation.metadata for operation in desk.books.added] == [None, '{"name":"bob"}', '{"reason":"for bob"}']


def test_a_preview_is_answered_and_leaves_no_operation() -> None:
    desk = Desk()

    assert desk.use(use(3, key="")).new_usage == 3
    assert (desk.books.added, desk.books.operations) == ([], {})


def test_two_clients_with_the_same_key_do_not_meet() -> None:
    desk = Desk()

    desk.use(use(1, key="call-1", client="phone"))
    second = desk.settle(use(1, key="call-1", client="mail"))

    assert not second.replayed
    assert len(desk.books.added) == 2


USAGE = use(1, at=START_US, metadata='{"a":"1"}', key="k")
GRANT = grant(1, key="k", reason="a")
ASSIGNMENT = assign("plus", key="k")
EXCEPTION = override(included=1, key="k")
USER = upsert_user("carl", "carl@example.com", key="k")


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        (USAGE, grant(1, key="k"), "kind"),
        (USAGE, replace(USAGE, subject=Subject("anna", "anna@example.com")), "subject"),
        (USAGE, replace(USAGE, product="send"), "product"),
        (USAGE, replace(USAGE, meter="pages"), "meter"),
        (USAGE, replace(USAGE, quantity=2), "quantity"),
        (USAGE, replace(USAGE, event_us=None), "event_time"),
        (USAGE, replace(USAGE, event_us=START_US - 1), "event_time"),
        (USAGE, replace(USAGE, enforcement=RECORD), "enforcement"),
        (USAGE, replace(USAGE, metadata=None), "metadata"),
        (USAGE, replace(USAGE, metadata='{"a":"2"}'), "metadata"),
        (USAGE, replace(USAGE, quantity=2, metadata=None), "quantity"),
        (GRANT, replace(GRANT, amount_nanos=2), "amount_nanos"),
        (GRANT, replace(GRANT, category=GrantCategory.PROMOTIONAL), "category"),
        (GRANT, replace(GRANT, priority=1), "priority"),
        (GRANT, replace(GRANT, effective_us=START_US), "effective_time"),
        (GRANT, replace(GRANT, expires_us=START_US + 1), "expire_time"),
        (GRANT, replace(GRANT, meters=frozenset({"calls"})), "meters"),
        (GRANT, replace(GRANT, reason="b"), "reason"),
        (adjust(1, key="k"), adjust(2, key="k"), "amount_nanos"),
        (adjust(1, key="k"), adjust(1, key="k", reason="b"), "reason"),
        (ASSIGNMENT, replace(ASSIGNMENT, plan="most"), "plan"),
        (ASSIGNMENT, replace(ASSIGNMENT, plan_version=1), "plan_version"),
        (ASSIGNMENT, replace(ASSIGNMENT, start_us=START_US), "start_time"),
        (ASSIGNMENT, replace(ASSIGNMENT, end_us=PERIOD_END_US), "end_time"),
        (ASSIGNMENT, replace(ASSIGNMENT, changes="sub_1"), "subscription_id"),
        (EXCEPTION, replace(EXCEPTION, meter="pages"), "meter"),
        (EXCEPTION, replace(EXCEPTION, included=0), "included"),
        (EXCEPTION, replace(EXCEPTION, policy=Policy.UNMETERED), "policy"),
        (EXCEPTION, replace(EXCEPTION, rate=Rate(1)), "rate"),
        (EXCEPTION, replace(EXCEPTION, from_us=START_US), "start_time"),
        (EXCEPTION, replace(EXCEPTION, until_us=PERIOD_END_US), "end_time"),
        (USER, upsert_user("cora", "carl@example.com", key="k"), "user_id"),
        (USER, upsert_user("carl", "c@example.com", key="k"), "email"),
        (USER, upsert_user("carl", "carl@example.com", zone="Europe/Berlin", key="k"), "zone"),
        (upsert_organization("org_1", key="k"), upsert_organization("org_2", key="k"), "org_id"),
        (upsert_organization("org_1", key="k"), upsert_organization("org_1", zone="Asia/Tokyo", key="k"), "zone"),
    ],
)
def test_a_key_that_comes_with_other_content_names_the_first_field_that_differs(
    first: Command, second: Command, field: str
) -> None:
    desk = Desk()
    desk.settle(first)

    assert reused(desk, second).metadata == {"field": field}


def test_the_end_of_something_else_under_the_same_key_is_told_apart() -> None:
    desk = Desk()
    one, two = (desk.subscribe(assign("plus")).subscription_id for _ in range(2))
    desk.subscribe(unassign(one, key="u"))
    assert reused(desk, unassign(two, key="u")).metadata == {"field": "subscription_id"}

    three, four = (desk.override(override(included=number)).override_id for number in range(2))
    desk.override(remove(three, key="r"))
    assert reused(desk, remove(four, key="r")).metadata == {"field": "override_id"}


def test_ids_that_the_server_made_are_no_content() -> None:
    desk = Desk()
    for command in (grant(1, key="g"), assign("plus", key="s"), override(included=1, key="o"), adjust(1, key="a")):
        desk.settle(command)

    for again in (grant(1, key="g"), assign("plus", key="s"), override(included=1, key="o"), adjust(1, key="a")):
        assert desk.settle(again).replayed


def test_refusals_are_remembered_nowhere() -> None:
    desk = Desk()
    command = use(31, "minutes")
    with pytest.raises(QuotaExceeded):
        desk.settle(command)
    assert (desk.books.operations, desk.books.added) == ({}, [])

    desk.override(override("minutes", included=31))

    assert not desk.settle(command).replayed


def test_an_unknown_subject_is_refused() -> None:
    with pytest.raises(SubjectNotFound):
        Desk().settle(use(1, subject=Subject("nobody")))


def test_a_subject_that_names_another_account_by_now_is_told_to_the_journal() -> None:
    desk = with_bob(Desk())
    before = desk.snapshot()

    with pytest.raises(Moved) as caught:
        desk.settle(for_bob(account_id=ANNAS))

    assert (caught.value.account_id, caught.value.matched_by) == (BOBS, MatchedBy.EMAIL)
    assert desk.snapshot() == before


def test_a_retry_is_answered_from_where_it_first_landed_although_the_subject_moved() -> None:
    desk = with_bob(Desk())
    command = use(1, subject=Subject(email="anna@example.com"))
    first = desk.settle(command)
    desk.upsert(upsert_user("anna", "anna@new.example.com", account_id=ANNAS))
    desk.upsert(upsert_user("dora", "anna@example.com", account_id="acct_dora"))

    again = desk.settle(replace(command, account_id="acct_dora"))

    assert (again.replayed, again.answer) == (True, first.answer)


def test_an_answer_tells_how_the_subject_matches_now() -> None:
    desk = with_bob(Desk())
    both = Subject("bob", "bob@example.com")
    assert desk.use(for_bob(subject=both)).matched_by == "email"

    desk.upsert(upsert_user("bob", "bob@example.com", account_id=BOBS))

    assert desk.use(for_bob(subject=both, matched_by=MatchedBy.EMAIL)).matched_by == "user_id"


def test_the_empty_command_brings_the_account_up_to_date_and_is_no_operation() -> None:
    desk = Desk().wait_until(PERIOD_END_US)

    assert not desk.settle(tick()).replayed
    assert desk.account.segment.period_start_us == PERIOD_END_US
    assert desk.books.added == []


def test_an_atomic_batch_applies_every_item_in_order() -> None:
    desk = Desk()

    outcomes = desk.settle_atomic(use(2), use(3, "pages"), use(4))

    assert [getattr(outcome.answer, "new_usage", None) for outcome in outcomes] == [2, 3, 6]
    assert len(desk.books.added) == 3


def test_a_refused_item_refuses_the_whole_batch_and_is_named() -> None:
    desk = Desk()
    desk.credit(grant(3 * NANOS))
    before = desk.snapshot()

    with pytest.raises(InsufficientCredits) as caught:
        desk.settle_atomic(use(11), use(1, "pages"), use(1))

    assert caught.value.metadata["item"] == "2"
    assert desk.snapshot() == before
    assert [outcome.replayed for outcome in desk.settle_atomic(use(11), use(1, "pages"))] == [False, False]


def test_an_item_that_cannot_be_settled_for_a_moved_subject_undoes_the_batch() -> None:
    desk = with_bob(Desk())
    before = desk.snapshot()

    with pytest.raises(Moved):
        desk.settle_atomic(use(1), for_bob(account_id=ANNAS))

    assert desk.snapshot() == before


def test_a_refused_batch_undoes_every_account_it_touched() -> None:
    desk = with_bob(Desk())
    before = desk.snapshot()

    with pytest.raises(QuotaExceeded):
        desk.settle_atomic(use(1), for_bob(1), for_bob(31, meter="minutes"))

    assert desk.snapshot() == before


def test_a_whole_batch_may_be_repeated_as_it_was() -> None:
    desk = Desk()
    items = [use(2), use(3)]
    first = desk.settle_atomic(*items)
    before = desk.snapshot()

    again = desk.settle_atomic(*items)

    assert all(outcome.replayed for outcome in again)
    assert [outcome.answer for outcome in again] == [outcome.answer for outcome in first]
    assert desk.snapshot() == before


def test_an_atomic_batch_that_mixes_known_and_new_keys_lists_the_known_ones() -> None:
    desk = Desk()
    known = [use(1, enforcement=RECORD) for _ in range(150)]
    desk.settle_atomic(*known)
    before = desk.snapshot()

    with pytest.raises(IdempotencyKeyReused) as few:
        desk.settle_atomic(use(1), known[0], use(1), known[1])
    with pytest.raises(IdempotencyKeyReused) as many:
        desk.settle_atomic(use(1), *known)

    assert few.value.metadata == {"items": "1,3"}
    assert many.value.metadata == {"items": ",".join(str(number) for number in range(1, 101))}
    assert desk.snapshot() == before


def test_a_known_key_with_other_content_names_field_and_item() -> None:
    desk = Desk()
    items = [use(2), use(3)]
    desk.settle_atomic(*items)

    with pytest.raises(IdempotencyKeyReused) as caught:
        desk.settle_atomic(items[0], replace(items[1], quantity=4))

    assert caught.value.metadata == {"field": "quantity", "item": "1"}


def test_the_same_key_twice_in_a_batch_applies_once_and_replays_once() -> None:
    desk = Desk()
    item = use(4)

    first, again = desk.settle_atomic(item, item)

    assert (first.replayed, again.replayed) == (False, True)
    assert again.answer == first.answer
    assert desk.use(use(1)).new_usage == 5


def test_the_same_key_twice_with_other_content_refuses_the_batch() -> None:
    desk = Desk()
    item = use(4)
    before = desk.snapshot()

    with pytest.raises(IdempotencyKeyReused) as caught:
        desk.settle_atomic(item, replace(item, quantity=5))

    assert caught.value.metadata == {"field": "quantity", "item": "1"}
    assert desk.snapshot() == before


def test_an_atomic_preview_sees_the_items_before_and_keeps_nothing() -> None:
    desk = Desk()

    outcomes = desk.settle_atomic(use(10, key=""), use(3, key="", enforcement=RECORD))

    assert [getattr(outcome.answer, "new_usage", None) for outcome in outcomes] == [10, 13]
    assert desk.books.added == []


def test_an_upsert_makes_the_account_with_its_first_period() -> None:
    desk = Desk().wait_until(START_US + DAY_US)

    answer = desk.upsert(upsert_user("carl", "carl@example.com", account_id="acct_carl", zone="Asia/Tokyo"))

    assert (answer.created, answer.account_id, answer.kind) == (True, "acct_carl", "personal")
    assert (answer.currency, answer.zone, answer.anchor_us) == ("eur", "Asia/Tokyo", START_US + DAY_US)
    assert (answer.user_id, answer.email, answer.org_id) == ("carl", "carl@example.com", "")
    account = desk.books.accounts["acct_carl"]
    assert (account.version, account.segment.start_us, account.due_us) == (
        0,
        START_US + DAY_US,
        account.segment.period_end_us,
    )
    assert desk.use(use(1, subject=Subject("carl"), account_id="acct_carl")).new_usage == 1


def test_an_upsert_of_somebody_known_keeps_account_and_zone() -> None:
    desk = Desk(zone="Europe/Berlin")

    answer = desk.upsert(upsert_user("anna", "anna@new.example.com", account_id=ANNAS, zone="Asia/Tokyo"))

    assert (answer.created, answer.account_id, answer.zone) == (False, ANNAS, "Europe/Berlin")
    assert (answer.user_id, answer.email) == ("anna", "anna@new.example.com")
    assert list(desk.books.accounts) == [ANNAS]


def test_two_callers_who_make_the_same_person_at_once_make_one() -> None:
    desk = Desk()
    first = desk.upsert(upsert_user("carl", account_id="acct_1"))
    second = desk.upsert(upsert_user("carl", account_id="acct_2"))

    assert (first.created, second.created) == (True, False)
    assert second.account_id == first.account_id == "acct_1"
    assert "acct_2" not in desk.books.accounts


def test_an_upsert_whose_account_is_not_loaded_asks_for_it() -> None:
    desk = with_bob(Desk())
    del desk.books.accounts[BOBS]

    with pytest.raises(Moved) as caught:
        desk.settle(upsert_user(email="bob@example.com"))

    assert (caught.value.account_id, caught.value.matched_by) == (BOBS, MatchedBy.EMAIL)


def test_an_organization_is_made_once_and_found_again() -> None:
    desk = Desk()
    made = desk.upsert(upsert_organization("org_1", account_id="acct_o"))
    found = desk.upsert(upsert_organization("org_1"))

    assert (made.created, made.kind, made.org_id, made.user_id) == (True, "organization", "org_1", "")
    assert (found.created, found.account_id) == (False, "acct_o")
    usage = use(1, subject=Subject(org_id="org_1"), account_id="acct_o", matched_by=MatchedBy.ORG_ID)
    assert desk.use(usage).new_usage == 1


def test_an_upsert_of_two_people_s_names_is_refused_and_changes_nothing() -> None:
    desk = with_bob(Desk())
    before = desk.snapshot()

    with pytest.raises(SubjectConflict):
        desk.settle(upsert_user("anna", "bob@example.com"))

    assert desk.snapshot() == before


def test_an_upsert_is_stored_no_earlier_than_what_the_account_has_seen() -> None:
    desk = Desk().let_time_pass(START_US + DAY_US)

    desk.wait_until(START_US).upsert(upsert_user("anna", account_id=ANNAS))

    assert desk.books.added[-1].stored_us == START_US + DAY_US


@pytest.mark.parametrize(
    ("command", "refusal"),
    [(unassign("sub_none"), SubscriptionNotFound), (remove("ovr_none"), OverrideNotFound)],
)
def test_a_refused_change_of_terms_leaves_no_trace(command: Command, refusal: type[Exception]) -> None:
    desk = Desk().let_time_pass(START_US + 1)
    before = desk.snapshot()

    with pytest.raises(refusal):
        desk.settle(command)

    assert desk.snapshot() == before


def test_an_account_of_an_organization_begins_like_any_other() -> None:
    desk = Desk()

    account = new_account("acct_o", AccountKind.ORGANIZATION, "UTC", "eur", START_US, desk.history)

    assert account.segment == desk.account.segment

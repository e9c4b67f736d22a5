import pytest

from tests.domain.builders import (
    HOUR_US,
    NANOS,
    PERIOD_END_US,
    START_US,
    Desk,
    assign,
    grant,
    override,
    remove,
    unassign,
    use,
)
from tests.domain.shop import shop_with
from tollhoused.domain.catalogue import Policy
from tollhoused.domain.commands import Command
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.rates import Rate, rate_to_json
from tollhoused.domain.subscription import Subscription
from tollhoused.errors import (
    InsufficientCredits,
    InvalidField,
    OverrideNotFound,
    QuotaExceeded,
    SubscriptionNotFound,
    TollhouseError,
)


def refusal_of(desk: Desk, command: Command) -> TollhouseError:
    """The refusal of a command, which must have changed nothing but the account's time."""
    desk.let_time_pass(max(desk.now_us, desk.account.segment.start_us + 1))
    before = desk.snapshot()
    with pytest.raises(TollhouseError) as caught:
        desk.settle(command)
    assert desk.snapshot() == before
    return caught.value


def field_of(desk: Desk, command: Command) -> str:
    refusal = refusal_of(desk, command)
    assert isinstance(refusal, InvalidField)
    return refusal.field


def plan_of(desk: Desk) -> str:
    return desk.account.segment.terms.plan


def test_an_assigned_plan_counts_at_once() -> None:
    desk = Desk().wait_until(START_US + DAY_US)

    answer = desk.subscribe(assign("plus", id="sub_1"))

    assert (answer.subscription_id, answer.provider, answer.counts) == ("sub_1", "manual", True)
    assert (answer.plan, answer.plan_version) == ("plus", 1)
    assert (answer.start_us, answer.end_us, answer.anchor_us) == (START_US + DAY_US, None, START_US + DAY_US)
    assert (answer.account_id, answer.matched_by) == ("acct_anna", "user_id")
    assert desk.use(use(1)).limit == 100


def test_another_subscription_that_begins_to_count_starts_a_fresh_period() -> None:
    desk = Desk()
    desk.use(use(9))
    desk.wait_until(START_US + DAY_US).subscribe(assign("plus"))

    answer = desk.use(use(1))

    assert (answer.new_usage, answer.period_start_us) == (1, START_US + DAY_US)
    assert answer.period_end_us == PERIOD_END_US + DAY_US, "a month after its own anchor"


def test_a_change_within_one_subscription_keeps_its_anchor_and_carries_the_use_on() -> None:
    desk = Desk().wait_until(START_US + DAY_US)
    made = desk.subscribe(assign("plus", end=START_US + 90 * DAY_US))
    desk.use(use(9))
    desk.wait_until(START_US + 2 * DAY_US)

    changed = desk.subscribe(assign("most", changes=made.subscription_id))

    assert changed == made._replace(plan="most")
    answer = desk.use(use(1))
    assert (answer.new_usage, answer.limit, answer.period_start_us) == (10, None, START_US + DAY_US)


def test_a_change_may_set_another_end() -> None:
    desk = Desk()
    made = desk.subscribe(assign("plus", end=START_US + 90 * DAY_US))

    changed = desk.subscribe(assign("plus", changes=made.subscription_id, end=START_US + 60 * DAY_US))

    assert changed.end_us == START_US + 60 * DAY_US
    assert desk.let_time_pass(START_US + 60 * DAY_US).account.segment.terms.plan == "free"


def test_a_start_before_now_counts_as_now() -> None:
    desk = Desk().wait_until(START_US + DAY_US)

    answer = desk.subscribe(assign("plus", start=START_US))

    assert (answer.start_us, answer.anchor_us) == (START_US + DAY_US, START_US + DAY_US)


def test_a_plan_to_come_does_not_count_yet() -> None:
    desk = Desk()

    answer = desk.subscribe(assign("plus", start=START_US + DAY_US))

    assert not answer.counts
    assert plan_of(desk) == "free"
    assert plan_of(desk.let_time_pass(START_US + DAY_US)) == "plus"


def test_the_highest_rank_counts_and_among_equals_the_oldest() -> None:
    desk = Desk()
    plus = desk.wait_until(START_US + 10).subscribe(assign("plus"))
    second = desk.wait_until(START_US + 20).subscribe(assign("plus"))
    most = desk.wait_until(START_US + 30).subscribe(assign("most"))
    lower = desk.wait_until(START_US + 40).subscribe(assign("plus"))

    assert [answer.counts for answer in (plus, second, most, lower)] == [True, False, True, False]
    desk.wait_until(START_US + 50).subscribe(unassign(most.subscription_id))
    assert desk.account.segment.subscription_id == plus.subscription_id
    desk.wait_until(START_US + 60).subscribe(unassign(plus.subscription_id))
    assert desk.account.segment.subscription_id == second.subscription_id


def test_a_plan_may_be_taken_from_an_older_version() -> None:
    desk = Desk(history=shop_with(("calls = { included = 100,", "calls = { included = 500,")))

    assert desk.subscribe(assign("plus", version=1)).plan_version == 1
    assert desk.use(use(1)).limit == 100
    newest = desk.subscribe(assign("plus", changes=desk.account.segment.subscription_id or ""))
    assert newest.plan_version == 2
    assert desk.use(use(1)).limit == 500


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (assign("gold"), "plan"),
        (assign("plus", version=2), "plan_version"),
        (assign("plus", end=START_US), "end_time"),
        (assign("plus", start=START_US + 20, end=START_US + 20), "end_time"),
        (override(end=START_US, included=1), "end_time"),
        (override(start=START_US + 20, end=START_US + 20, included=1), "end_time"),
    ],
)
def test_bad_form_is_refused_with_the_field_and_changes_nothing(command: Command, field: str) -> None:
    assert field_of(Desk(), command) == field


def test_a_change_takes_no_start_time() -> None:
    desk = Desk()
    made = desk.subscribe(assign("plus"))

    assert field_of(desk, assign("most", changes=made.subscription_id, start=START_US + DAY_US)) == "start_time"
    assert field_of(desk, assign("most", changes=made.subscription_id, end=START_US)) == "end_time"


def test_an_unknown_subscription_is_not_found() -> None:
    desk = Desk()
    for command in (assign("plus", changes="sub_none"), unassign("sub_none")):
        refusal = refusal_of(desk, command)

        assert isinstance(refusal, SubscriptionNotFound)
        assert refusal.metadata == {"subscription_id": "sub_none"}


def test_an_ended_subscription_is_not_found() -> None:
    desk = Desk()
    made = desk.subscribe(assign("plus", end=START_US + DAY_US))
    desk.let_time_pass(START_US + DAY_US)

    for command in (assign("most", changes=made.subscription_id), unassign(made.subscription_id)):
        assert isinstance(refusal_of(desk, command), SubscriptionNotFound)


def test_a_provider_s_subscription_is_not_the_operators_to_change() -> None:
    desk = Desk()
    desk.account.put_subscription(Subscription("sub_p", "stripe", "plus", 1, START_US, None, START_US))

    for command in (assign("most", changes="sub_p"), unassign("sub_p")):
        assert isinstance(refusal_of(desk, command), SubscriptionNotFound)


def test_an_unassigned_plan_ends_now_and_the_default_plan_follows() -> None:
    desk = Desk()
    made = desk.subscribe(assign("plus"))
    desk.wait_until(START_US + DAY_US)

    ended = desk.subscribe(unassign(made.subscription_id))

    assert (ended.end_us, ended.counts) == (START_US + DAY_US, False)
    assert (plan_of(desk), desk.account.segment.start_us) == ("free", START_US + DAY_US)


def test_a_subscription_that_has_not_started_never_starts_once_it_was_ended() -> None:
    desk = Desk()
    made = desk.subscribe(assign("plus", start=START_US + DAY_US))
    desk.subscribe(unassign(made.subscription_id))

    later = START_US + 60 * DAY_US
    for command in (assign("most", changes=made.subscription_id, end=later), unassign(made.subscription_id)):
        assert isinstance(refusal_of(desk, command), SubscriptionNotFound)
    assert plan_of(desk.let_time_pass(later)) == "free"


def test_an_override_is_in_force_at_once_and_shown_as_it_was_made() -> None:
    desk = Desk().wait_until(START_US + HOUR_US)
    rate = Rate(7, per_units=3)

    answer = desk.override(
        override("minutes", id="ovr_1", included=5, policy=Policy.CREDITS, rate=rate, start=START_US, end=PERIOD_END_US)
    )

    assert (answer.override_id, answer.meter, answer.included, answer.policy) == ("ovr_1", "minutes", 5, "credits")
    assert (answer.rate, answer.from_us, answer.until_us) == (rate_to_json(rate), START_US + HOUR_US, PERIOD_END_US)
    assert desk.use(use(5, "minutes")).remaining == 0


def test_an_override_leaves_what_it_does_not_name_to_the_plan_also_after_a_change_of_plan() -> None:
    desk = Desk()
    desk.credit(grant())
    desk.override(override(included=50))
    assert desk.use(use(51)).charged_nanos == 2 * NANOS

    desk.wait_until(START_US + DAY_US).subscribe(assign("plus"))

    answer = desk.use(use(51))
    assert (answer.limit, answer.charged_nanos) == (50, 1 * NANOS)


def test_credits_without_a_rate_in_plan_or_override_act_as_a_hard_limit() -> None:
    desk = Desk()

    assert desk.override(override("minutes", policy=Policy.CREDITS)).policy == "credits"
    assert isinstance(refusal_of(desk, use(31, "minutes")), QuotaExceeded)

    desk.override(override("minutes", rate=Rate(5)))
    assert isinstance(refusal_of(desk, use(31, "minutes")), InsufficientCredits)


def test_a_removed_override_ends_now() -> None:
    desk = Desk()
    made = desk.override(override(included=50))
    desk.wait_until(START_US + DAY_US)

    ended = desk.override(remove(made.override_id))

    assert ended == made._replace(until_us=START_US + DAY_US)
    assert desk.use(use(1)).limit == 10


def test_an_override_to_come_never_comes_into_force_once_it_was_removed() -> None:
    desk = Desk()
    made = desk.override(override(included=50, start=START_US + DAY_US))
    desk.override(remove(made.override_id))

    assert isinstance(refusal_of(desk, remove(made.override_id)), OverrideNotFound)
    assert desk.let_time_pass(START_US + DAY_US).use(use(1)).limit == 10


def test_an_override_that_has_ended_or_never_was_is_not_found() -> None:
    desk = Desk()
    made = desk.override(override(included=50, end=START_US + DAY_US))
    desk.let_time_pass(START_US + DAY_US)

    for override_id in (made.override_id, "ovr_none"):
        refusal = refusal_of(desk, remove(override_id))

        assert isinstance(refusal, OverrideNotFound)
        assert refusal.metadata == {"override_id": override_id}


def test_a_change_of_terms_reprices_nothing() -> None:
    desk = Desk()
    desk.credit(grant())
    desk.use(use(15))
    balance_nanos = desk.account.balance_nanos

    desk.override(override(included=0, rate=Rate(9 * NANOS)))

    assert desk.account.balance_nanos == balance_nanos
    assert desk.use(use(2)).charged_nanos == 18 * NANOS, "only what came after it"


def test_lowering_an_allowance_below_the_use_charges_nothing_by_itself() -> None:
    desk = Desk()
    desk.credit(grant())
    desk.use(use(8))

    desk.override(override(included=3))

    answer = desk.use(use(1))
    assert (answer.new_usage, answer.overage_quantity, answer.charged_nanos) == (9, 1, 2 * NANOS)

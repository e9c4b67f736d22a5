"""Bought subscriptions mirror what the provider shows, in whatever order it is heard of; our clock turns them."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import builders as b
from tests.domain.builders import ANNAS, HOUR_US, START_US
from tests.domain.cashier import Cashier
from tests.domain.shop import SHOP
from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.bought import ObserveSubscription, sold_as, subscription_id
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.catalogue_toml import parse_catalogue
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.outgoing import PaymentFailed
from tollhoused.domain.payments import Standing, SubscriptionFacts
from tollhoused.domain.subscription import PlanChange, Subscription, SubscriptionStatus

PLUS = '[plans.plus.prices]\nmonthly = { amount = "9.00", provider_price_ids = { stripe = "price_plus" } }'
MOST = '[plans.most.prices]\nmonthly = { amount = "19.00", provider_price_ids = { stripe = "price_most" } }'
SOLD = SHOP.replace('[plans.plus.prices]\nmonthly = { amount = "9.00" }', PLUS).replace(
    "[plans.most.meters]", f"{MOST}\n\n[plans.most.meters]"
)
NEWER = SOLD.replace("calls = { included = 100,", "calls = { included = 200,")
HISTORY = CatalogueHistory({1: parse_catalogue(SOLD)})
BOTH = CatalogueHistory({1: parse_catalogue(SOLD), 2: parse_catalogue(NEWER)})

GRACE_US = 3 * DAY_US
RENEWAL_US = START_US + 31 * DAY_US
SUB = subscription_id("stripe", "sub_1")
ACTIVE, PAST_DUE, CANCELED = Standing.ACTIVE, Standing.PAST_DUE, Standing.CANCELED

SHOWN = SubscriptionFacts(
    subscription_id="sub_1",
    customer_id="cus_1",
    account_id=ANNAS,
    plan_version=1,
    standing=ACTIVE,
    price_id="price_plus",
    start_us=START_US,
    anchor_us=START_US,
    billing_start_us=START_US,
    billing_end_us=RENEWAL_US,
)
"""What the provider shows of Anna's new subscription."""


class Shop(Cashier):
    """A desk that hears of subscriptions."""

    def hear(self, facts: SubscriptionFacts, at: int | None = None) -> str:
        """Brings Anna to what was shown at an instant, or is now; the answer is what nobody can do."""
        command = ObserveSubscription(
            account_id=ANNAS,
            provider="stripe",
            facts=facts,
            observed_us=self.now_us if at is None else at,
            grace_us=GRACE_US,
        )
        answer = self.settle(command).answer
        assert isinstance(answer, IntentAnswer)
        return answer.problem

    @property
    def bought(self) -> Subscription:
        return self.account.subscriptions[SUB]

    @property
    def pending(self) -> PlanChange | None:
        return self.bought.pending

    @property
    def plan(self) -> str:
        return self.account.segment.terms.plan

    @property
    def status(self) -> SubscriptionStatus:
        return self.bought.status(self.account.as_of_us)


@pytest.fixture
def shop() -> Shop:
    """Where plus and most are sold; Anna is on the free plan, an hour after she began."""
    return Shop(HISTORY).let_time_pass(START_US + HOUR_US)  # type: ignore[return-value]


def test_a_subscription_counts_from_when_we_hear_of_it_with_the_provider_s_anchor(shop: Shop) -> None:
    assert shop.hear(SHOWN) == ""

    assert (shop.plan, shop.status) == ("plus", "active")
    assert (shop.bought.start_us, shop.bought.anchor_us) == (START_US + HOUR_US, START_US)
    assert (shop.bought.price_id, shop.bought.provider_id) == ("price_plus", "sub_1")
    assert shop.news() == ["plan.changed"]


def test_anchor_and_start_never_move(shop: Shop) -> None:
    shop.hear(SHOWN)
    shop.let_time_pass(START_US + DAY_US)
    shop.hear(SHOWN._replace(start_us=START_US + DAY_US, anchor_us=START_US + DAY_US))

    assert (shop.bought.start_us, shop.bought.anchor_us) == (START_US + HOUR_US, START_US)


def test_what_was_seen_before_changes_nothing_even_where_nothing_had_changed_since(shop: Shop) -> None:
    shop.hear(SHOWN, at=10)
    shop.hear(SHOWN, at=30)
    shop.hear(SHOWN._replace(standing=PAST_DUE), at=20)

    assert (shop.bought.standing, shop.bought.observed_us) == (ACTIVE, 30)


def test_a_trial_ends_by_the_clock(shop: Shop) -> None:
    end_us = START_US + 7 * DAY_US
    shop.hear(SHOWN._replace(standing=Standing.TRIALING, trial_end_us=end_us))
    assert (shop.plan, shop.status) == ("plus", "trialing")

    shop.let_time_pass(end_us - 1)
    assert shop.status == "trialing"
    shop.let_time_pass(end_us)
    assert (shop.plan, shop.status) == ("plus", "active")


def test_past_due_counts_until_its_grace_ends_by_the_clock_and_again_once_it_is_paid(shop: Shop) -> None:
    shop.hear(SHOWN)
    shop.let_time_pass(START_US + DAY_US)
    ends_us = START_US + DAY_US + GRACE_US
    for hours in range(3):
        shop.wait_until(START_US + DAY_US + hours * HOUR_US)
        shop.hear(SHOWN._replace(standing=PAST_DUE))
    assert (shop.plan, shop.status, shop.bought.grace_until_us) == ("plus", "past_due", ends_us)
    (failed,) = shop.told("payment.failed")
    assert failed.data == PaymentFailed(SUB, "stripe", "plus", 1, ends_us)
    assert shop.account.due_us == ends_us

    shop.let_time_pass(ends_us - 1)
    assert shop.plan == "plus"
    shop.let_time_pass(ends_us)
    assert (shop.plan, shop.status, shop.account.segment.start_us) == ("free", "past_due", ends_us)
    shop.hear(SHOWN)
    assert (shop.plan, shop.status, shop.bought.grace_until_us) == ("plus", "active", None)
    shop.let_time_pass(ends_us + HOUR_US)
    shop.hear(SHOWN._replace(standing=PAST_DUE))
    assert shop.bought.grace_until_us == ends_us + HOUR_US + GRACE_US
    assert len(shop.told("payment.failed")) == 2


@pytest.mark.parametrize("standing", [Standing.PAUSED, Standing.INCOMPLETE])
def test_what_is_paused_or_never_paid_gives_no_plan(shop: Shop, standing: Standing) -> None:
    shop.hear(SHOWN._replace(standing=standing))
    assert (shop.plan, shop.status.value) == ("free", standing.value)

    shop.let_time_pass(START_US + DAY_US)
    shop.hear(SHOWN)
    assert (shop.plan, shop.status) == ("plus", "active")


def test_what_is_canceled_is_never_resurrected(shop: Shop) -> None:
    shop.hear(SHOWN)
    shop.let_time_pass(START_US + DAY_US)
    shop.hear(SHOWN._replace(standing=CANCELED))
    assert (shop.plan, shop.status, shop.bought.end_us) == ("free", "canceled", START_US + DAY_US)

    shop.let_time_pass(START_US + 2 * DAY_US)
    for standing in Standing:
        shop.hear(SHOWN._replace(standing=standing))
        assert (shop.plan, shop.status, shop.bought.end_us) == ("free", "canceled", START_US + DAY_US)


def test_what_ended_before_we_heard_of_it_never_gave_anything(shop: Shop) -> None:
    shop.hear(SHOWN._replace(standing=CANCELED))
    assert (shop.plan, shop.status) == ("free", "canceled")

    shop.hear(SHOWN, at=shop.now_us + 1)
    assert shop.plan == "free"


def test_an_announced_end_comes_by_the_clock_and_the_provider_s_word_changes_nothing_then(shop: Shop) -> None:
    ending = SHOWN._replace(end_us=RENEWAL_US)
    shop.hear(ending)
    shop.let_time_pass(RENEWAL_US)
    assert (shop.plan, shop.status) == ("free", "canceled")

    shop.let_time_pass(RENEWAL_US + HOUR_US)
    for facts in (ending, ending._replace(standing=CANCELED), SHOWN):
        shop.hear(facts)
        assert (shop.plan, shop.bought.end_us) == ("free", RENEWAL_US)


def test_an_announced_end_that_was_taken_back_unheard_is_mended(shop: Shop) -> None:
    shop.hear(SHOWN._replace(end_us=RENEWAL_US))
    shop.let_time_pass(RENEWAL_US + HOUR_US)
    shop.hear(SHOWN._replace(billing_start_us=RENEWAL_US, billing_end_us=RENEWAL_US + 28 * DAY_US))

    assert (shop.plan, shop.status, shop.bought.end_us) == ("plus", "active", None)
    starts = [segment.start_us for segment in shop.account.segments[-2:]]
    assert starts == [RENEWAL_US, RENEWAL_US + HOUR_US]


def test_an_announced_end_that_was_taken_back_is_gone(shop: Shop) -> None:
    shop.hear(SHOWN._replace(end_us=RENEWAL_US))
    shop.hear(SHOWN, at=shop.now_us + 1)
    shop.let_time_pass(RENEWAL_US + HOUR_US)

    assert shop.plan == "plus"


def test_a_scheduled_change_happens_by_our_clock_while_the_provider_shows_the_old_price(shop: Shop) -> None:
    dear = SHOWN._replace(price_id="price_most")
    down = dear._replace(next_price_id="price_plus", next_us=RENEWAL_US)
    shop.hear(down)
    assert shop.pending == PlanChange("plus", 1, RENEWAL_US)

    shop.let_time_pass(RENEWAL_US)
    assert shop.plan == "plus"
    for facts in (down, dear):
        shop.hear(facts, at=shop.now_us + 1)
        assert shop.plan == "plus"
        assert not shop.pending
    shop.let_time_pass(RENEWAL_US + HOUR_US)
    shop.hear(SHOWN._replace(billing_start_us=RENEWAL_US, billing_end_us=RENEWAL_US + 28 * DAY_US))
    assert (shop.plan, shop.bought.price_id) == ("plus", "price_plus")


def test_a_scheduled_change_that_was_taken_back_unheard_is_mended_at_the_renewal(shop: Shop) -> None:
    dear = SHOWN._replace(price_id="price_most")
    shop.hear(dear._replace(next_price_id="price_plus", next_us=RENEWAL_US))
    shop.let_time_pass(RENEWAL_US)
    shop.hear(dear._replace(billing_start_us=RENEWAL_US, billing_end_us=RENEWAL_US + 28 * DAY_US))

    assert (shop.plan, shop.bought.price_id) == ("most", "price_most")


def test_a_scheduled_change_that_is_taken_back_does_not_happen(shop: Shop) -> None:
    dear = SHOWN._replace(price_id="price_most")
    shop.hear(dear._replace(next_price_id="price_plus", next_us=RENEWAL_US))
    shop.hear(dear, at=shop.now_us + 1)
    shop.let_time_pass(RENEWAL_US + DAY_US)

    assert shop.plan == "most"


def test_an_upgrade_is_another_plan_of_the_same_subscription_and_carries_the_use_on(shop: Shop) -> None:
    shop.hear(SHOWN)
    shop.use(b.use(7))
    shop.let_time_pass(START_US + DAY_US)
    shop.hear(SHOWN._replace(price_id="price_most"))

    assert shop.plan == "most"
    assert shop.use(b.use(1)).new_usage == 8


def test_the_version_it_was_bought_under_stays(shop: Shop) -> None:
    shop.hear(SHOWN)
    shop.history = BOTH
    shop.let_time_pass(START_US + DAY_US)
    shop.hear(SHOWN._replace(plan_version=2))

    assert (shop.bought.plan_version, shop.account.segment.terms.meters["calls"].included) == (1, 100)


def test_a_change_keeps_the_version_that_it_was_scheduled_under(shop: Shop) -> None:
    down = SHOWN._replace(price_id="price_most", next_price_id="price_plus", next_us=RENEWAL_US)
    shop.hear(down)
    shop.history = BOTH
    shop.hear(down, at=shop.now_us + 1)
    assert shop.pending == PlanChange("plus", 1, RENEWAL_US)

    shop.let_time_pass(RENEWAL_US - HOUR_US)  # the provider's clock is ahead of ours
    shop.hear(SHOWN._replace(billing_start_us=RENEWAL_US, billing_end_us=RENEWAL_US + 28 * DAY_US))
    assert (shop.plan, shop.bought.plan_version) == ("plus", 1)
    assert not shop.pending


def test_a_price_is_of_the_named_version_or_else_of_the_newest() -> None:
    assert sold_as(BOTH, "stripe", "price_plus", 1) == ("plus", 1)
    assert sold_as(BOTH, "stripe", "price_plus") == ("plus", 2)
    assert sold_as(BOTH, "stripe", "price_plus", 9) == ("plus", 2)
    assert sold_as(BOTH, "dodo", "price_plus") is None


def test_a_price_that_nobody_knows_is_reported_and_gives_nothing(shop: Shop) -> None:
    foreign = SHOWN._replace(price_id="price_of_others")
    assert "price_of_others" in shop.hear(foreign)
    assert shop.hear(foreign._replace(standing=CANCELED)) == ""

    assert (shop.plan, shop.account.subscriptions) == ("free", {})


def test_a_known_subscription_with_a_price_that_nobody_knows_keeps_its_plan_but_not_its_life(shop: Shop) -> None:
    foreign = SHOWN._replace(price_id="price_of_others")
    shop.hear(SHOWN)
    shop.let_time_pass(START_US + DAY_US)
    assert "price_of_others" in shop.hear(foreign._replace(standing=PAST_DUE))
    assert (shop.plan, shop.status) == ("plus", "past_due")

    shop.let_time_pass(START_US + 2 * DAY_US)
    assert shop.hear(foreign._replace(standing=CANCELED)) == ""
    assert (shop.plan, shop.status) == ("free", "canceled")


LIFE = [
    SHOWN._replace(standing=Standing.INCOMPLETE),
    SHOWN,
    SHOWN._replace(price_id="price_most", next_price_id="price_plus", next_us=RENEWAL_US),
    SHOWN._replace(standing=PAST_DUE),
]
ENDS = [SHOWN._replace(standing=CANCELED), SHOWN, SHOWN._replace(price_id="price_most")]


@pytest.mark.parametrize("last", ENDS)
def test_every_order_of_a_subscription_s_life_leads_to_the_same(last: SubscriptionFacts) -> None:
    found = set()
    for order in permutations(range(len(LIFE) + 1)):
        shop = Shop(HISTORY).wait_until(START_US + HOUR_US)
        assert isinstance(shop, Shop)
        for at in order:
            facts = [*LIFE, last][at]
            for _ in range(2):
                shop.hear(facts, at=at + 1)
        found.add((shop.plan, shop.status, shop.pending, shop.bought.grace_until_us, shop.bought.observed_us))
    assert len(found) == 1, found


@given(
    heard=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 30, 24 * 5, 24 * 20])), max_size=10),
    last=st.sampled_from(ENDS),
)
@settings(max_examples=150, deadline=None)
def test_whenever_it_is_heard_of_the_last_look_decides(heard: list[tuple[int, int]], last: SubscriptionFacts) -> None:
    shop = Shop(HISTORY)
    for at, hours in heard:
        shop.hear(LIFE[at], at=at + 1)
        shop.let_time_pass(shop.now_us + hours * HOUR_US)
        assert shop.account.as_of_us < shop.account.due_us
    shop.hear(last._replace(billing_end_us=shop.now_us + DAY_US), at=9)

    expected = {CANCELED: "free", ACTIVE: "plus" if last.price_id == "price_plus" else "most"}
    assert shop.plan == expected[last.standing]
    assert shop.bought.anchor_us == START_US

"""Accounts that buy credits by themselves: when it is due, once at a time, within caps, until cards fail (C6)."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import grpc
import pytest
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1.event_service_pb2 import ListEventsRequest

from tests.fakes.stripe.failures import Fault
from tests.fakes.stripe.world import Outcome
from tests.support.door import TIMEOUT_SECONDS, refusal, usage
from tests.support.storefront import Storefront, person
from tollhoused.cli.relay import Relay
from tollhoused.providers.provider import OutcomeUnknown, ProviderFailure
from tollhoused.providers.stripe.provider import StripeProvider
from tollhoused.usecases import orders

CHARGES = "/v1/payment_intents"
HOUR_SECONDS = 3_600
FREE_MINUTES = 10
"""What the default plan includes; one more costs 4 cents."""


@pytest.fixture
def shop(storefront: Storefront) -> Storefront:
    """Anna has a card and six dollars, and buys ten more below five."""
    storefront.with_card("anna")
    storefront.door.fund("anna", 6)
    storefront.set_reload("anna")
    storefront.door.record(usage("anna", "included", FREE_MINUTES))
    return storefront


def test_a_reload_is_decided_by_the_usage_that_needs_it_and_charged_once(shop: Storefront) -> None:
    shop.door.record(usage("anna", "still enough", 25))
    assert shop.carry_out() == 0

    shop.door.record(usage("anna", "below", 1))

    order_id = shop.reload_of("anna").order_id
    assert shop.order(order_id).kind == credits_pb.ORDER_KIND_RELOAD
    shop.door.record(usage("anna", "one in flight", 1))
    assert shop.carry_out() == 1
    assert shop.carry_out() == 0
    assert shop.hear() == []
    assert (shop.charged(), round(shop.balance("anna"), 2)) == ([1_000], 14.92)
    assert shop.order(order_id).state == credits_pb.ORDER_STATE_SUCCEEDED
    assert shop.reload_of("anna").order_id == ""
    assert shop.findings() == []


def test_the_event_alone_settles_a_reload_whose_answer_was_lost(shop: Storefront) -> None:
    _spend(shop)
    shop.fake.failures.add(Fault.LOST_AFTER, method="POST", path=CHARGES)

    with pytest.raises(OutcomeUnknown):
        shop.carry_out()

    assert shop.hear() == []
    assert shop.carry_out() == 0
    assert (shop.charged(), shop.balance("anna")) == ([1_000], 12)


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.SERVER_ERROR, Fault.RATE_LIMITED])
def test_a_reload_is_carried_out_again_until_it_is_known_and_charged_once(shop: Storefront, fault: Fault) -> None:
    _spend(shop)
    shop.fake.failures.add(fault, method="POST", path=CHARGES)
    with pytest.raises(ProviderFailure):
        shop.carry_out()

    assert shop.carry_out() == 1

    assert shop.hear() == []
    assert (shop.charged(), shop.balance("anna")) == ([1_000], 12)
    assert shop.findings() == []


def test_a_reload_that_nobody_carried_out_for_a_day_is_looked_for_and_not_made_again(shop: Storefront) -> None:
    _spend(shop)
    shop.fake.failures.add(Fault.LOST_AFTER, method="POST", path=CHARGES)
    with pytest.raises(OutcomeUnknown):
        shop.carry_out()
    shop.pass_time(days=1, seconds=HOUR_SECONDS)

    assert shop.carry_out() == 1

    assert (shop.charged(), shop.balance("anna")) == ([1_000], 12)


def test_an_old_reload_of_which_nothing_is_found_is_another_payment(shop: Storefront) -> None:
    _spend(shop)
    first = shop.reload_of("anna").order_id
    shop.pass_time(days=1)

    assert shop.carry_out() == 1

    assert (shop.charged(), shop.order(first).problem) == ([], "not_found")
    shop.pass_time(seconds=HOUR_SECONDS)
    _spend(shop, "later", 1)
    assert shop.carry_out() == 1
    assert shop.charged() == [1_000]


def test_caps_hold_until_the_month_is_over(shop: Storefront) -> None:
    for minutes in (100, 200, 250):
        _spend(shop, f"{minutes} minutes", minutes)
        assert shop.carry_out() == 1
    _spend(shop, "the last", 240)

    assert shop.carry_out() == 0
    assert shop.charged() == [1_000] * 3
    assert shop.balance("anna") < 5
    shop.pass_time(days=17)  # from the 15th of January to the 1st of February
    _spend(shop, "next month", 11)
    assert shop.carry_out() == 1
    assert shop.charged() == [1_000] * 4
    assert shop.findings() == []


def test_the_cap_of_money_holds_too(shop: Storefront) -> None:
    shop.set_reload("anna", "less", monthly_nanos_max=15 * 10**9)
    _spend(shop)
    assert shop.carry_out() == 1
    _spend(shop, "more", 250)

    assert shop.carry_out() == 0


def test_declines_stop_it_and_are_told_until_it_is_resumed(shop: Storefront) -> None:
    customer = shop.fake.all("customer")[0]["id"]
    shop.fake.shopper.set_cards(customer, Outcome.DECLINED)
    _spend(shop)
    for number, hours in enumerate((1, 24, 0)):
        assert shop.carry_out() == 1
        assert shop.reload_of("anna").failures == number + 1
        assert shop.carry_out() == 0
        shop.pass_time(seconds=hours * HOUR_SECONDS)
        _spend(shop, f"try {number}", 1)
    stopped = shop.reload_of("anna")
    assert (stopped.enabled, stopped.HasField("stop_time"), stopped.order_id) == (True, True, "")
    shop.pass_time(days=7)
    _spend(shop, "a week later", 1)
    assert shop.carry_out() == 0
    assert shop.hear() == []
    assert _told(shop) == ["started", "failed"] * 3 + ["stopped"]
    assert shop.charged() == []
    shop.fake.shopper.set_cards(customer, Outcome.SUCCEEDED)

    resumed = _resume(shop)

    assert (resumed.auto_reload.failures, resumed.auto_reload.HasField("stop_time")) == (0, False)
    assert _resume(shop).replayed
    assert shop.carry_out() == 1
    assert shop.charged() == [1_000]
    assert shop.findings() == []


def test_a_declined_reload_waits_and_is_not_repeated_by_usage(shop: Storefront) -> None:
    customer = shop.fake.all("customer")[0]["id"]
    shop.fake.shopper.set_cards(customer, Outcome.INSUFFICIENT_FUNDS)
    _spend(shop)
    assert shop.carry_out() == 1
    first = shop.fake.requests

    for number in range(5):
        shop.door.record(usage("anna", f"call {number}", 1))

    assert shop.carry_out() == 0
    assert shop.fake.requests == first


def test_a_card_that_asks_its_owner_is_a_decline(shop: Storefront) -> None:
    customer = shop.fake.all("customer")[0]["id"]
    shop.fake.shopper.set_cards(customer, Outcome.AUTHENTICATION_REQUIRED)
    _spend(shop)
    order_id = shop.reload_of("anna").order_id

    assert shop.carry_out() == 1

    found = shop.order(order_id)
    assert (found.state, found.problem) == (credits_pb.ORDER_STATE_FAILED, "authentication_required")
    assert shop.hear() == []
    assert shop.reload_of("anna").failures == 1


def test_a_slow_charge_stays_in_flight(shop: Storefront) -> None:
    customer = shop.fake.all("customer")[0]["id"]
    shop.fake.shopper.set_cards(customer, Outcome.PROCESSING)
    _spend(shop)
    assert shop.carry_out() == 1
    _spend(shop, "more", 1)
    assert shop.carry_out() == 0
    assert shop.order(shop.reload_of("anna").order_id).state == credits_pb.ORDER_STATE_WAITING

    shop.fake.shopper.settle(shop.payment())

    assert shop.hear() == []
    assert shop.reload_of("anna").order_id == ""
    assert round(shop.balance("anna"), 2) == 11.96


def test_who_has_no_card_is_declined_and_not_asked_for(storefront: Storefront) -> None:
    storefront.door.make_user("bert", "bert@example.test")
    storefront.set_reload("bert")
    order_id = storefront.reload_of("bert").order_id

    assert storefront.carry_out() == 1

    assert storefront.order(order_id).problem == "no_customer"
    assert storefront.reload_of("bert").failures == 1
    assert storefront.posts(CHARGES) == 0


def test_an_operators_broken_key_is_no_decline_of_the_customers(shop: Storefront) -> None:
    _spend(shop)
    order_id = shop.reload_of("anna").order_id
    working = shop.desk.provider
    shop.desk.provider = StripeProvider(f"{shop.fake.api_key}0", base_url=shop.fake.address)

    with pytest.raises(ProviderFailure):
        shop.carry_out()

    assert shop.order(order_id).state == credits_pb.ORDER_STATE_OPEN
    assert shop.reload_of("anna").failures == 0
    shop.desk.provider = working
    assert shop.carry_out() == 1
    assert shop.charged() == [1_000]


def test_fifty_calls_across_the_threshold_are_one_reload(shop: Storefront) -> None:
    def call(number: int) -> bool:
        try:
            shop.door.record(usage("anna", f"call {number}", 3))
        except grpc.RpcError:
            return False
        return True

    with ThreadPoolExecutor(10) as callers:
        assert all(callers.map(call, range(45)))

    assert shop.carry_out() == 1
    assert shop.carry_out() == 0
    assert shop.charged() == [1_000]


def test_two_processes_that_carry_it_out_at_once_charge_once(shop: Storefront) -> None:
    _spend(shop)
    ((_, order_id),) = shop.core.store.providers.open_intents(shop.core.clock(), 10)
    found = shop.core.store.providers.intent(order_id)
    assert found

    def carry_out(_: int) -> None:
        with suppress(OutcomeUnknown):  # the same key is in flight
            orders.carry_out(shop.core, shop.desk, *found)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(carry_out, range(8)))

    assert shop.hear() == []
    assert (shop.charged(), shop.balance("anna")) == ([1_000], 12)
    assert shop.findings() == []


def test_one_reload_that_does_not_suffice_is_followed_by_another(shop: Storefront) -> None:
    shop.set_reload("anna", "higher", threshold_nanos=20 * 10**9)

    assert [shop.carry_out() for _ in range(4)] == [1, 1, 0, 0]

    assert shop.balance("anna") == 26


def test_a_switched_off_reload_buys_nothing(shop: Storefront) -> None:
    shop.set_reload("anna", "off", enabled=False)
    _spend(shop)

    assert shop.carry_out() == 0
    shop.set_reload("anna", "on again")
    assert shop.carry_out() == 1


def test_settings_are_kept_and_shown(storefront: Storefront) -> None:
    storefront.door.make_user("bert")
    nothing = credits_pb.GetAutoReloadRequest(subject=person("bert"))
    assert not storefront.door.credits.GetAutoReload(nothing, timeout=TIMEOUT_SECONDS).HasField("auto_reload")
    preview = storefront.set_reload("bert", enabled=False, validate_only=True)
    assert not storefront.door.credits.GetAutoReload(nothing, timeout=TIMEOUT_SECONDS).HasField("auto_reload")

    first, again = storefront.set_reload("bert", enabled=False), storefront.set_reload("bert", enabled=False)

    assert first.auto_reload == preview.auto_reload == storefront.reload_of("bert")
    assert (again.replayed, again.auto_reload) == (True, first.auto_reload)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold_nanos", 0),
        ("threshold_nanos", 2**62 + 1),
        ("amount_nanos", 11 * 10**9),
        ("monthly_count_max", 0),
        ("monthly_count_max", 1_001),
        ("monthly_nanos_max", 10 * 10**9 - 1),
    ],
)
def test_settings_of_bad_form_are_refused_by_the_field(storefront: Storefront, field: str, value: int) -> None:
    storefront.door.make_user("bert")
    request: Any = credits_pb.SetAutoReloadRequest(
        subject=person("bert"),
        enabled=True,
        threshold_nanos=1,
        amount_nanos=10 * 10**9,
        currency="usd",
        monthly_count_max=1,
        monthly_nanos_max=10 * 10**9,
        idempotency_key="k",
    )
    setattr(request, field, value)

    assert list(refusal(storefront.door.credits.SetAutoReload, request).violations) == [field]


def test_a_refund_of_a_reload_makes_the_next_one_due(shop: Storefront) -> None:
    _spend(shop)
    assert shop.carry_out() == 1
    shop.operator.v1.refunds.create({"payment_intent": shop.payment()})

    assert shop.hear() == []

    assert shop.balance("anna") == 2
    assert shop.reload_of("anna").order_id != ""
    assert shop.findings() == []


def _spend(shop: Storefront, key: str = "spent", quantity: int = 100) -> None:
    """Four cents a minute."""
    shop.door.record(usage("anna", key, quantity))


def _resume(shop: Storefront) -> Any:
    request = credits_pb.ResumeAutoReloadRequest(subject=person("anna"), idempotency_key="resume reload")
    return shop.door.credits.ResumeAutoReload(request, timeout=TIMEOUT_SECONDS)


def _told(shop: Storefront) -> list[str]:
    """What applications were told of auto-reload."""
    Relay(shop.core).step()
    page = shop.door.events.ListEvents(ListEventsRequest(), timeout=TIMEOUT_SECONDS)
    kinds = [event.kind for event in page.events]
    return [kind.removeprefix("auto_reload.") for kind in kinds if kind.startswith("auto_reload.")]

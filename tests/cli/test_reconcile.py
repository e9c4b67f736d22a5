"""After webhooks were lost, a reconciliation brings accounts to what the provider shows, and says what it does (P5)."""

import pytest

from tests.cli.commands import done, failed, tollhouse
from tests.fakes.stripe.failures import Fault
from tests.fakes.stripe.fake import FakeStripe
from tests.support.books import query
from tests.support.house import Clock, CoreMaker, make_user
from tests.support.till import Till, desk_at, priced, taking_webhooks
from tollhoused.__main__ import wall_clock
from tollhoused.domain.intent import IntentState
from tollhoused.errors import ProviderUnavailable, SubjectNotFound
from tollhoused.usecases import desk as desks
from tollhoused.usecases.payments import look_at_checkout
from tollhoused.usecases.reconcile import Reconciliation, Remark

TABLES = ("accounts", "intents", "subscriptions", "grants", "ledger_entries", "provider_events", "leases", "outbox")


def reconcile(till: Till, account_id: str = "", *, dry_run: bool = False) -> list[str]:
    """What it says."""
    said: list[Remark] = []
    run = Reconciliation(till.core, till.desk, said.append, dry_run=dry_run)
    if account_id:
        run.one(account_id)
    else:
        run.all()
    assert run.problems == sum(remark.is_problem for remark in said)
    return [f"{'PROBLEM ' if remark.is_problem else ''}{remark.text}" for remark in said]


def rows(till: Till) -> list[object]:
    return [query(till.url, f"SELECT * FROM {table}") for table in TABLES]


def lost(till: Till) -> None:
    """Three days of which nothing was heard: a top-up, a refund, a plan bought, made better, and another one ended."""
    make_user(till.core, "anna", email="anna@example.org")
    refunded = till.top_up("anna", 10)
    till.fake.shopper.complete_checkout(refunded.reference)
    look_at_checkout(till.core, till.desk, refunded.reference)
    till.fake.shopper.complete_checkout(till.top_up("anna", 25).reference)
    till.desk.provider.refund(till.intents("anna")[0].payment_id, 400, "refund-1")
    till.fake.shopper.expire_checkout(till.top_up("anna", 50).reference)
    subscription_id = till.buy("bert", "pro")
    item = till.fake.get(subscription_id)["items"]["data"][0]["id"]
    till.client.v1.subscriptions.update(subscription_id, {"items": [{"id": item, "price": till.prices["team"]}]})
    till.client.v1.subscriptions.cancel(till.buy("carl", "pro"))
    till.advance(days=3)


def test_three_days_without_webhooks_are_made_up_for(till: Till) -> None:
    lost(till)
    before = rows(till)

    would = reconcile(till, dry_run=True)
    assert rows(till) == before, "a dry run writes nothing"
    said = reconcile(till)

    assert till.credits("anna") == 10 + 25 - 4
    assert [intent.state for intent in till.intents("anna")] == [
        IntentState.SUCCEEDED, IntentState.SUCCEEDED, IntentState.EXPIRED,
    ]  # fmt: skip
    assert (till.subscription("bert").plan, till.account("bert").segment.terms.plan) == ("team", "team")
    assert till.account("carl").segment.terms.plan == "hobby"
    assert len(said) == len(would) == 6, said
    assert all(line.endswith("would be repaired") or "would be in the inbox" in line for line in would)
    assert all(line.endswith(": repaired") or "now in the inbox" in line for line in said)


def test_nothing_is_left_to_repair_after_it(till: Till) -> None:
    lost(till)
    reconcile(till)
    till.settle()
    stored = rows(till)

    assert reconcile(till) == []
    assert rows(till) == stored


def test_events_that_come_after_it_change_nothing(till: Till) -> None:
    lost(till)
    reconcile(till)
    credits, plan = till.credits("anna"), till.subscription("bert")
    with taking_webhooks(till):
        for event in till.fake.events():
            till.fake.webhooks.deliver(event["id"])
    till.settle()

    assert till.credits("anna") == credits
    assert till.subscription("bert") == plan


def test_one_account_alone(till: Till) -> None:
    lost(till)

    said = reconcile(till, till.account("anna").id)

    assert len(said) == 3
    assert till.credits("anna") == 31
    assert till.account("bert").segment.terms.plan == "hobby"
    with pytest.raises(SubjectNotFound):
        reconcile(till, "acct_nobody")


def test_a_subscription_that_somebody_made_at_the_provider_is_mirrored(till: Till) -> None:
    till.buy("anna", "pro")
    reconcile(till)
    customer = till.fake.get(till.subscription("anna").provider_id)["customer"]
    till.client.v1.subscriptions.cancel(till.subscription("anna").provider_id)
    till.fake.shopper.add_card(customer)
    till.client.v1.subscriptions.create({"customer": customer, "items": [{"price": till.prices["team"]}]})

    said = reconcile(till)

    assert till.account("anna").segment.terms.plan == "team"
    assert len([line for line in said if line.startswith("subscription ")]) == 2


def test_an_order_of_which_nobody_knows_what_became_is_made_again_under_its_key(till: Till) -> None:
    make_user(till.core, "anna", email="anna@example.org")
    till.fake.failures.add(Fault.LOST_AFTER, method="POST", path="/v1/checkout/sessions")
    with pytest.raises(ProviderUnavailable):
        till.top_up("anna")
    assert reconcile(till, till.account("anna").id) == [], "it may still be its caller's"
    till.advance(seconds=61)

    (said,) = reconcile(till, till.account("anna").id)

    assert said.endswith("is open and is asked for again: repaired")
    assert len(till.fake.all("checkout.session")) == 1


def test_a_reload_whose_end_was_never_heard_of_is_settled(till: Till) -> None:
    till.reload("anna")
    till.fake.failures.add(Fault.LOST_AFTER, method="POST", path="/v1/payment_intents")
    till.advance(seconds=61)

    reconcile(till)
    reconcile(till)

    assert (till.charges(), till.credits("anna")) == (1, 10)


def test_a_provider_that_does_not_answer_is_said_and_soon_asked_no_more(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "PAUSE_SECONDS", 0.0)
    for number in range(5):
        till.buy(f"user-{number}", "pro")
    till.fake.failures.add(Fault.SERVER_ERROR, method="GET", path="/", times=100)

    said = reconcile(till)

    assert [line.split(":")[0] for line in said] == ["PROBLEM could not be compared"] * 3 + [
        "PROBLEM the rest was not compared"
    ]


def test_the_command_compares_repairs_and_counts(
    database_url: str, make_core: CoreMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeStripe() as fake:
        catalogue, prices = priced(fake)
        clock = Clock(wall_clock())
        core = make_core(database_url, own_clock=clock, catalogue=catalogue)
        core.desk = desk_at(fake)
        till = Till(core, fake, clock, prices, catalogue, database_url)
        make_user(core, "anna", email="anna@example.org")
        fake.shopper.complete_checkout(till.top_up("anna", 25).reference)
        variables = {
            "TOLLHOUSE_PROVIDER": "stripe",
            "TOLLHOUSE_STRIPE_API_KEY": fake.api_key,
            "TOLLHOUSE_STRIPE_API_BASE": fake.address,
        }

        out = done("reconcile", "--database-url", database_url, "--dry-run", **variables)
        assert out.endswith("1 accounts compared, 2 differences would be repaired, 0 left to a person\n")
        assert till.credits("anna") == 0
        out = done("reconcile", "--database-url", database_url, **variables)
        assert out.endswith("1 accounts compared, 2 differences repaired, 0 left to a person\n")
        clock.now_us = wall_clock()
        assert till.credits("anna") == 25
        assert fake.api_key not in out

        fake.failures.add(Fault.SERVER_ERROR, method="GET", path="/", times=100)
        ended = tollhouse("reconcile", "--database-url", database_url, **variables)
        assert (ended.code, "PROBLEM could not be compared" in ended.out) == (1, True)
    assert "TOLLHOUSE_PROVIDER" in failed("reconcile", "--database-url", database_url)

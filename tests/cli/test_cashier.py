"""The cashier applies what the provider tells, and has it do what nobody waits for: once, whatever fails between."""

import threading
from collections.abc import Iterator

import pytest

from tests.fakes.stripe.failures import Fault as Trouble
from tests.fakes.stripe.webhooks import Delivery
from tests.fakes.stripe.world import Outcome
from tests.support.books import execute, query
from tests.support.door import until
from tests.support.house import DAY_US, SECOND_US, START_US, CoreMaker, give_credits, make_user, use
from tests.support.till import RELOADED, Till, desk_at, taking_webhooks, working
from tollhoused.cli.cashier import ATTEMPTS_MAX, LEASE_SECONDS, Cashier
from tollhoused.cli.program import CommandFailed
from tollhoused.domain.intent import IntentState
from tollhoused.errors import ProviderUnavailable
from tollhoused.observing import ProviderObserver
from tollhoused.providers.provider import OutcomeUnknown, Refused
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.providers import APPLIED, DEAD, IGNORED, PENDING, ProviderEvent, ProviderStore
from tollhoused.usecases import desk as desks
from tollhoused.usecases import inbox, payments
from tollhoused.usecases.core import Core

CHARGE = ("POST", "/v1/payment_intents")


class Heard(ProviderObserver):
    """What was told of events."""

    def __init__(self) -> None:
        self.handled_as: list[tuple[str, float]] = []
        self.depth = (0, 0, 0.0)

    def handled(self, outcome: str, lag_seconds: float) -> None:
        self.handled_as.append((outcome, lag_seconds))

    def inbox(self, waiting: int, dead: int, oldest_seconds: float) -> None:
        self.depth = (waiting, dead, oldest_seconds)


@pytest.fixture
def posted(till: Till) -> Iterator[Till]:
    """A till that the fake posts to."""
    with taking_webhooks(till):
        yield till


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that fails is asked again at once: the pause of the desk is by the wall's clock."""
    monkeypatch.setattr(desks, "PAUSE_SECONDS", 0.0)


def states(core: Core) -> list[str]:
    """Of all events, newest first."""
    return [event.state for event in core.store.providers.events("", START_US + 1_000 * DAY_US, 100)]


def put(till: Till, number: int = 1, kind: str = "payment_intent.succeeded", about: str = "pi_1") -> None:
    """An event in the inbox."""
    body = (
        f'{{"id":"evt_{number}","object":"event","type":"{kind}","created":{START_US // SECOND_US},'
        f'"livemode":false,"data":{{"object":{{"id":"{about}"}}}}}}'
    )
    inbox.keep(till.core, till.desk, body.encode())


def event(till: Till, number: int = 1) -> ProviderEvent:
    found = till.core.store.providers.event("stripe", f"evt_{number}")
    assert found
    return found


def test_a_top_up_is_credited_when_it_is_paid(posted: Till) -> None:
    make_user(posted.core, "anna", email="anna@example.org")
    page = posted.top_up("anna", 25)
    assert page.state is IntentState.WAITING
    posted.fake.shopper.complete_checkout(page.reference)
    posted.fake.webhooks.settle()
    posted.settle()

    assert posted.credits("anna") == 25
    assert set(states(posted.core)) <= {APPLIED, IGNORED}
    (intent,) = posted.intents("anna")
    assert (intent.state, intent.paid_minor) == (IntentState.SUCCEEDED, 2_500)


def test_a_payment_that_three_types_of_events_tell_of_ten_times_at_once_is_one_grant(till: Till) -> None:
    make_user(till.core, "anna", email="anna@example.org")
    page = till.top_up("anna", 10)
    till.fake.webhooks.delivery = Delivery.HELD
    with taking_webhooks(till):
        till.fake.shopper.complete_checkout(page.reference)
        told = {item["id"]: item["type"] for item in till.fake.webhooks.waiting()}
        assert {"payment_intent.succeeded", "charge.succeeded", "checkout.session.completed"} <= set(told.values())
        with working(till.core):
            posts = [threading.Thread(target=till.fake.webhooks.deliver, args=(id_,)) for id_ in list(told) * 10]
            for post in posts:
                post.start()
            for post in posts:
                post.join()
            until(lambda: not till.waiting(), "everything was applied")

    assert till.credits("anna") == 10
    assert query(till.url, "SELECT count(*) FROM grants") == [(1,)]
    assert states(till.core).count(PENDING) == 0


def test_what_is_given_back_is_taken_back_also_when_it_was_spent(posted: Till) -> None:
    make_user(posted.core, "anna", email="anna@example.org")
    posted.fake.shopper.complete_checkout(posted.top_up("anna", 10).reference)
    posted.fake.webhooks.settle()
    posted.settle()
    use(posted.core, "anna", "call", 10 + 200)  # 8 dollars
    (intent,) = posted.intents("anna")
    posted.desk.provider.refund(intent.payment_id, 500, "refund-1")
    posted.fake.webhooks.settle()
    posted.settle()
    assert posted.credits("anna") == -3

    dispute = posted.fake.shopper.dispute(intent.payment_id, amount=500)
    posted.fake.webhooks.settle()
    posted.settle()
    assert posted.credits("anna") == -8
    posted.fake.shopper.close_dispute(dispute["id"], won=True)
    posted.fake.webhooks.settle()
    posted.settle()
    assert posted.credits("anna") == -3


def test_a_plan_is_bought_and_its_end_is_not_undone_by_what_comes_late(posted: Till) -> None:
    subscription_id = posted.buy("anna", "pro")
    posted.fake.webhooks.settle()
    posted.settle()
    assert posted.subscription("anna").plan == "pro"
    early = posted.desk.provider.read_subscription(subscription_id)
    posted.client.v1.subscriptions.cancel(subscription_id)
    posted.fake.webhooks.settle()
    posted.settle()
    ended = posted.subscription("anna")

    posted.advance(seconds=10)
    payments.observe_subscription(posted.core, posted.desk, early, posted.core.clock())

    assert ended.is_over(START_US + SECOND_US)
    assert posted.subscription("anna") == ended


def test_fifty_concurrent_debits_across_the_threshold_are_one_reload(till: Till) -> None:
    make_user(till.core, "anna", email="anna@example.org")
    give_credits(till.core, "anna", 6)
    till.reload("anna")
    assert till.intents("anna") == []
    threads = [
        threading.Thread(target=use, args=(till.core, "anna", f"k-{number}", 1)) for number in range(50)
    ]  # ten are included, forty cost 1.60
    with working(till.core):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: till.charges() == 1 and not till.waiting(), "the reload is done")

    assert till.credits("anna") == pytest.approx(6 - 1.6 + RELOADED)
    assert len(till.intents("anna")) == 1


@pytest.mark.parametrize("trouble", [Trouble.LOST_AFTER, Trouble.LOST_BEFORE, Trouble.SERVER_ERROR])
def test_a_charge_whose_outcome_is_not_known_is_made_again_under_its_key(till: Till, trouble: Trouble) -> None:
    till.fake.failures.add(trouble, method="POST", path="/v1/payment_intents")
    till.reload("anna")
    with working(till.core):
        until(lambda: any(request.path == CHARGE[1] for request in till.fake.requests), "it was tried")
        until(lambda: bool(till.core.store.providers.open_intents(0, 1)), "it is open")
        assert till.credits("anna") == 0
        until(lambda: _advanced(till) and till.credits("anna") == RELOADED, "it was tried again")

    keys = {request.idempotency_key for request in till.fake.requests if request.path == CHARGE[1]}
    assert (till.charges(), len(keys)) == (1, 1)
    assert query(till.url, "SELECT count(*) FROM grants") == [(1,)]


def _hurried(till: Till) -> bool:
    till.clock.now_us = max(till.clock.now_us, event(till).next_attempt_us)
    return True


def _advanced(till: Till) -> bool:
    till.clock.now_us += SECOND_US
    return True


def test_an_event_that_comes_before_the_answer_is_the_same_grant(till: Till) -> None:
    till.fake.webhooks.delivery = Delivery.BEFORE_ANSWER
    till.reload("anna")
    with taking_webhooks(till):
        till.settle()

    assert (till.charges(), till.credits("anna")) == (1, RELOADED)
    assert query(till.url, "SELECT count(*) FROM grants") == [(1,)]


def test_a_process_that_was_killed_in_the_middle_of_a_charge_is_followed_by_another(
    till: Till, make_core: CoreMaker, database_url: str
) -> None:
    till.reload("anna")
    with till.fake.failures.held(*CHARGE) as held, pytest.MonkeyPatch.context() as patched:
        patched.setattr("tollhoused.cli.cashier.END_SECONDS", 0.0)
        patched.setattr(Cashier, "_let_go", lambda _: None)
        dead = Cashier(till.core, look_seconds=0.01)
        dead.start()
        assert held.arrived.wait(10)
        dead.stop()
        patched.setattr(till.core.journal, "submit", _gone)
        held.release()
    other = till.process(make_core, database_url)
    other.clock.now_us += (LEASE_SECONDS - 1) * SECOND_US
    assert Cashier(other.core).step() == 0, "the work is still the first one's"
    other.clock.now_us += SECOND_US
    other.settle()

    assert (other.charges(), other.credits("anna")) == (1, RELOADED)
    assert query(till.url, "SELECT count(*) FROM grants") == [(1,)]


def _gone(*_: object, **__: object) -> None:
    raise StoreFault(Fault.AWAY, "killed")


def test_a_decline_is_an_end_and_no_trouble(till: Till) -> None:
    till.reload("anna", card=Outcome.DECLINED)
    till.settle()

    (intent,) = till.intents("anna")
    assert (intent.state, till.credits("anna")) == (IntentState.FAILED, 0)


def test_an_order_is_left_to_its_caller_for_a_minute_and_then_finished(till: Till) -> None:
    make_user(till.core, "anna", email="anna@example.org")
    till.fake.failures.add(Trouble.LOST_AFTER, method="POST", path="/v1/checkout/sessions")
    with pytest.raises(ProviderUnavailable):
        till.top_up("anna")
    cashier = Cashier(till.core)
    assert cashier.step() == 0

    till.advance(seconds=60)
    till.settle()

    (intent,) = till.intents("anna")
    assert (intent.state, bool(intent.url)) == (IntentState.WAITING, True)
    assert len(till.fake.all("checkout.session")) == 1


def test_an_event_is_tried_again_for_three_days_while_the_provider_is_away_and_then_given_up(
    till: Till, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(till)
    monkeypatch.setattr(payments, "apply_event", _unknown)
    heard, waits = Heard(), []
    with working(till.core, heard):
        while event(till).state == PENDING:
            seen = event(till)
            waits.append((seen.next_attempt_us - till.clock.now_us) // SECOND_US)
            till.clock.now_us = seen.next_attempt_us
            until(lambda seen=seen: event(till).attempts > seen.attempts, "it was tried")  # type: ignore[misc]

    assert waits[:6] == [0, 5, 30, 120, 600, 3_600]
    assert 3 * DAY_US <= till.clock.now_us - START_US < 3 * DAY_US + 3_601 * SECOND_US
    assert (event(till).state, event(till).problem) == (DEAD, "Stripe could not be reached")
    assert caplog.text.count("is given up: Stripe could not be reached") == 1
    assert [outcome for outcome, _ in heard.handled_as] == ["postponed"] * (len(waits) - 1) + [DEAD]


def _unknown(*_: object) -> None:
    raise OutcomeUnknown("Stripe could not be reached")


@pytest.mark.parametrize("failure", [LookupError("a defect"), ZeroDivisionError("another")])
def test_what_nothing_provides_for_is_given_up_after_ten_attempts(
    till: Till, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    def apply(*_: object) -> None:
        raise failure

    put(till)
    put(till, 2, "moon.full")
    monkeypatch.setattr(payments, "apply_event", apply)
    with working(till.core):
        until(lambda: _hurried(till) and event(till).state == DEAD, "it is given up")

    assert event(till).attempts == ATTEMPTS_MAX
    assert event(till).problem == type(failure).__name__
    assert "could not be applied" in caplog.text


def test_a_wrong_key_is_trouble_that_an_operator_can_mend_in_three_days(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(till)

    def refuse(*_: object) -> None:
        raise Refused("Stripe does not accept the API key", "authentication")

    with monkeypatch.context() as patched:
        patched.setattr(payments, "apply_event", refuse)
        with working(till.core):
            until(lambda: event(till).attempts == 1, "it was tried")
    till.advance(days=2)
    till.settle()

    assert event(till).state == IGNORED


def test_an_event_of_what_is_nobodys_is_ignored_and_one_of_an_older_program_is_given_up(till: Till) -> None:
    put(till, 1, "payment_intent.succeeded", "pi_unknown")
    put(till, 2, "moon.full")
    execute(till.url, "UPDATE provider_events SET body = 'no event' WHERE id = 'evt_2'")
    till.settle()

    assert (event(till, 1).state, event(till, 2).state) == (IGNORED, DEAD)


def test_two_processes_do_everything_once(till: Till, make_core: CoreMaker, database_url: str) -> None:
    other = till.process(make_core, database_url)
    for number in range(3):
        till.reload(f"user-{number}")
    with working(till.core), working(other.core):
        until(lambda: not till.waiting(), "all is done")

    assert till.charges() == 3
    assert len({request.idempotency_key for request in till.fake.requests if request.path == CHARGE[1]}) == 3
    assert query(till.url, "SELECT name FROM leases") == [("cashier",)], "one at a time, if not always the same"


def test_a_process_that_stops_lets_another_go_on_at_once(till: Till, make_core: CoreMaker, database_url: str) -> None:
    put(till, 1, "moon.full")
    till.settle()
    other = till.process(make_core, database_url)
    put(other, 2, "moon.full")
    other.settle()

    assert states(other.core) == [IGNORED] * 2


def test_an_idle_database_is_not_written_to(till: Till) -> None:
    assert Cashier(till.core).step() == 0
    assert query(till.url, "SELECT count(*) FROM leases") == [(0,)]


def test_an_outage_of_the_database_is_waited_out(
    till: Till, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tollhoused.cli.cashier.AWAY_SECONDS", 0.01)
    put(till)
    with monkeypatch.context() as patched:
        patched.setattr(ProviderStore, "open_intents", _gone)
        with working(till.core):
            until(lambda: "events of the payment provider wait" in caplog.text, "it was noticed")
    till.settle()

    assert event(till).state == IGNORED
    assert caplog.text.count("events of the payment provider wait") == 1


def test_how_much_waits_is_told(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollhoused.cli.cashier.COUNT_SECONDS", 0.0)
    monkeypatch.setattr(payments, "apply_event", _unknown)
    put(till)
    till.clock.now_us += 7 * SECOND_US
    heard = Heard()
    with working(till.core, heard):
        until(lambda: heard.depth == (1, 0, 7.0), "it was told")


def test_a_provider_that_hangs_over_charges_leaves_threads_for_events(till: Till) -> None:
    till.core.desk = desk_at(till.fake, timeout_seconds=10)
    for number in range(6):
        till.reload(f"user-{number}")
    with till.fake.failures.held(*CHARGE) as held, working(till.core):
        assert held.arrived.wait(10)
        put(till, 1, "moon.full")
        until(lambda: event(till).state == IGNORED, "the event is applied")
        held.release()
        until(lambda: not till.waiting(), "all charges are made")

    assert till.charges() == 6


def test_who_has_no_provider_needs_no_cashier(core: Core) -> None:
    with pytest.raises(CommandFailed, match="no payment provider"):
        Cashier(core)

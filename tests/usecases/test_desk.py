"""A provider that hangs, fails or refuses us slows nobody who does not need it, and costs no customer anything."""

import statistics
import threading
import time
from collections.abc import Callable

import pytest

from tests.fakes.stripe.failures import Fault
from tests.support.door import until
from tests.support.house import give_credits, make_user, use
from tests.support.till import RELOADED, Till, desk_at, working
from tollhoused.domain.intent import IntentState
from tollhoused.providers.provider import NotThere, OutcomeUnknown
from tollhoused.providers.stripe.provider import StripeProvider
from tollhoused.usecases import desk as desks
from tollhoused.usecases.desk import CALLS_MAX, FAILURES_MAX, Busy, Desk

CALLERS = 256
HANGS_SECONDS = 5.0


def test_256_callers_of_a_provider_that_hangs_leave_the_recording_of_usage_as_it_was(till: Till) -> None:
    make_user(till.core, "anna")
    give_credits(till.core, "anna", 100)
    alone = _median_seconds(lambda number: use(till.core, "anna", f"alone-{number}"))
    till.core.desk = desk_at(till.fake, timeout_seconds=30)
    till.fake.failures.add(Fault.SLOW, method="GET", path="/v1/customers", times=CALLERS, seconds=HANGS_SECONDS)
    ends: list[str] = []

    def ask() -> None:
        try:
            till.desk.ask("read_customer", lambda provider: provider.read_customer("cus_1"))
        except Busy:
            ends.append("busy")
        except NotThere:
            ends.append("answered")

    threads = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    until(lambda: len(ends) == CALLERS - CALLS_MAX, "all but those that wait were refused")
    beside = _median_seconds(lambda number: use(till.core, "anna", f"beside-{number}"))
    assert ends == ["busy"] * (CALLERS - CALLS_MAX), "the others still wait"
    for thread in threads:
        thread.join()

    assert ends.count("answered") == CALLS_MAX
    assert beside < 2 * alone + 0.05, f"{beside:.4f} s instead of {alone:.4f} s"


def _median_seconds(act: Callable[[int], object]) -> float:
    seconds = []
    for number in range(15):
        began = time.perf_counter()
        act(number)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def test_after_some_failures_nobody_is_asked_for_a_moment(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "PAUSE_SECONDS", 0.2)
    till.fake.failures.add(Fault.SERVER_ERROR, method="GET", path="/v1/customers", times=FAILURES_MAX)

    def read() -> object:
        return till.desk.ask("read_customer", lambda provider: provider.read_customer("cus_1"))

    for _ in range(FAILURES_MAX):
        with pytest.raises(OutcomeUnknown):
            read()
    asked = len(till.fake.requests)
    with pytest.raises(Busy):
        read()
    assert len(till.fake.requests) == asked

    time.sleep(0.2)  # the pause of the desk
    with pytest.raises(Exception, match="cus_1"):
        read()
    assert len(till.fake.requests) == asked + 1


def test_a_key_that_the_provider_does_not_accept_is_no_decline_of_anybodys_card(till: Till) -> None:
    till.reload("anna")
    good = till.core.desk
    till.core.desk = Desk(StripeProvider("_".join(["sk", "test", "revoked"]), base_url=till.fake.address))
    with working(till.core):
        until(lambda: any(request.status == 401 for request in till.fake.requests), "it was refused")
    (intent,) = till.intents("anna")
    reload = till.account("anna").reload
    assert reload
    assert (intent.state, reload.failures) == (IntentState.OPEN, 0)

    till.core.desk = good
    till.settle()
    assert till.credits("anna") == RELOADED

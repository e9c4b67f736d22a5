"""A provider that hangs, fails or refuses us slows nobody who does not need it, and costs no customer anything."""

import statistics
import threading
import time
from collections.abc import Callable

import pytest

from tests.fakes.stripe.failures import Fault
from tests.support.door import until
from tests.support.house import make_user, use
from tests.support.till import RELOADED, Till
from tollhoused.domain.intent import IntentState
from tollhoused.errors import ProviderUnavailable
from tollhoused.providers.provider import OutcomeUnknown
from tollhoused.usecases import desk as desks
from tollhoused.usecases.desk import CALLS_MAX, FAILURES_MAX, Busy

CALLERS = 256


def test_256_callers_of_a_provider_that_hangs_leave_the_recording_of_usage_as_it_was(till: Till) -> None:
    for number in range(CALLERS):
        make_user(till.core, f"user-{number}", email=f"user-{number}@example.org")
    make_user(till.core, "anna")
    outcomes: list[str] = []

    def buy(number: int) -> None:
        try:
            till.top_up(f"user-{number}")
            outcomes.append("placed")
        except ProviderUnavailable:
            outcomes.append("unavailable")

    alone = _median_seconds(lambda number: use(till.core, "anna", f"alone-{number}"))
    with till.fake.failures.held("POST", "/v1/customers") as held:
        threads = [threading.Thread(target=buy, args=(number,)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        assert held.arrived.wait(10)
        until(lambda: len(outcomes) == CALLERS - CALLS_MAX, "all but those that wait were refused")
        beside = _median_seconds(lambda number: use(till.core, "anna", f"beside-{number}"))
        held.release()
    for thread in threads:
        thread.join()

    assert outcomes.count("unavailable") == CALLERS - CALLS_MAX
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
    key, till.fake._service._api_key = till.fake._service._api_key, "sk_another"
    till.fake.api_key = key

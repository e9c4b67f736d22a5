"""The verdict of a trial: what fails it, and that crowds at three times every pool are refused and not served late."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from tests.overload.trial import Bound, Trial
from tests.support.books import keys
from tests.support.door import Door, ServerMaker, refusal_of, usage
from tests.support.house import CoreMaker

CALLS_MAX = 8


def test_a_bound_includes_itself() -> None:
    assert Bound(0.8, least=0.8).holds
    assert Bound(2.0, most=2.0).holds
    assert not Bound(0.79, least=0.8).holds
    assert not Bound(float("inf"), most=2.0).holds


def test_a_trial_without_a_bound_has_not_passed_and_one_bound_can_fail_it() -> None:
    assert not Trial("nothing").passed
    assert Trial("one", bounds={"lost": Bound(0, most=0)}).passed
    assert not Trial("two", bounds={"lost": Bound(0, most=0), "late": Bound(3, most=2)}).passed


def test_three_times_as_many_callers_as_are_admitted_end_stored_or_refused(
    database_url: str, make_core: CoreMaker, serve: ServerMaker
) -> None:
    _, door = serve(make_core(database_url), calls_max=CALLS_MAX)
    door.make_user("anna")
    together = threading.Barrier(3 * CALLS_MAX)

    with ThreadPoolExecutor(3 * CALLS_MAX) as callers:
        ends = list(callers.map(lambda number: _record(door, together, number), range(3 * CALLS_MAX)))

    assert set(ends) <= {"OK", "OVERLOADED"}
    assert Counter(ends)["OK"] == len(keys(database_url))
    assert door.health() == HealthCheckResponse.SERVING


def _record(door: Door, together: threading.Barrier, number: int) -> str:
    together.wait()
    try:
        door.record(usage("anna", f"call-{number}", meter="api_calls"))
    except grpc.RpcError as error:
        return refusal_of(error).reason
    return "OK"

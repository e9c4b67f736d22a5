"""What stands around every method: deadlines, and errors that tell their caller no more than they should."""

import logging
import time
from typing import NoReturn, cast

import grpc
import pytest
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import usage_service_pb2 as pb
from tollhouse.v1.error_reason_pb2 import ERROR_REASON_INTERNAL

from tests.rpc.methods import METHODS, refused
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, item, refusal, refusal_of, usage
from tests.support.house import CoreMaker
from tests.support.storefront import Storefront
from tollhoused.domain.books import Settled
from tollhoused.errors import InternalError, InvalidField
from tollhoused.journal.journal import Ticket
from tollhoused.rpc.guard import Deadlines
from tollhoused.rpc.status import MESSAGE_BYTES_MAX, status_of
from tollhoused.usecases import usage as usage_cases
from tollhoused.usecases.core import Call, Core

SECRET = "the password is swordfish"


@pytest.fixture
def core(sqlite_url: str, make_core: CoreMaker) -> Core:
    return make_core(sqlite_url)


def _fail(*_: object, **__: object) -> NoReturn:
    raise RuntimeError(SECRET)


def test_a_defect_shows_its_caller_an_id_and_the_log_the_rest(
    core: Core, door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(usage_cases, "record", _fail)

    found = refusal(door.usage.RecordUsage, usage("anna", "k"))

    error_id = found.metadata["error_id"]
    assert (found.code, found.reason) == ("INTERNAL", "INTERNAL")
    assert found.message == f"internal error, id={error_id}"
    assert SECRET not in repr(found)
    (record,) = caplog.records
    assert error_id in record.getMessage()
    assert SECRET in caplog.text


def test_no_method_lets_a_defect_of_its_own_out(
    storefront: Storefront, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    core, door = storefront.core, storefront.door
    door.make_user("anna")
    for part in ("store", "shelf", "journal"):
        monkeypatch.setattr(core, part, None)

    for method in METHODS:
        found = refused(door, method.path, method.request.SerializeToString())
        assert (found.code, found.reason) == ("INTERNAL", "INTERNAL"), method
        assert found.message == f"internal error, id={found.metadata['error_id']}"
    assert len(caplog.records) == len(METHODS)


def test_an_item_that_failed_by_a_defect_has_an_id_and_the_log_has_it_once(
    core: Core, door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    door.make_user("anna")
    failure = InternalError("internal error")
    monkeypatch.setattr(Ticket, "wait", lambda ticket: [failure] * len(ticket.commands))

    request = pb.BatchRecordUsageRequest(items=[item("anna", "a"), item("anna", "b")])
    results = door.usage.BatchRecordUsage(request, timeout=TIMEOUT_SECONDS).results

    assert [result.error.reason for result in results] == [ERROR_REASON_INTERNAL] * 2
    assert len({result.error.metadata["error_id"] for result in results}) == 1
    assert len(caplog.records) == 1


def test_a_refusal_is_no_event_for_the_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    refusal(door.usage.RecordUsage, usage("nobody", "k"))
    refusal(door.raw("/tollhouse.v1.UsageService/RecordUsage"), b"\xff")

    assert caplog.records == []


def _deadlines_seen(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How many seconds each call of RecordUsage is given from now on."""
    seen: list[float] = []
    record = usage_cases.record

    def watch(core: Core, call: Call, report: usage_cases.UsageReport, validate_only: bool) -> Settled:
        seen.append(call.deadline - time.monotonic())
        return record(core, call, report, validate_only)

    monkeypatch.setattr(usage_cases, "record", watch)
    return seen


def test_a_call_has_its_callers_deadline_or_ours_and_never_more_than_a_minute(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.make_user("anna")
    seen = _deadlines_seen(monkeypatch)

    for timeout in (None, 30.0, 3_600.0):
        door.usage.RecordUsage(usage("anna", f"after {timeout}"), timeout=timeout)

    default, own, longest = seen
    assert 9 < default <= 10
    assert 29 < own <= 30.1  # gRPC rounds what it sends up
    assert 59 < longest <= 60


def test_the_default_deadline_ends_a_call_that_waits(
    core: Core, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, door = serve(core, deadlines=Deadlines(default_seconds=0.1))
    door.make_user("anna")
    core.journal.close()
    monkeypatch.setattr(core.journal, "submit", lambda commands, deadline, atomic: Ticket(commands, atomic, deadline))

    assert refusal(door.usage.RecordUsage, usage("anna", "k"), timeout=None).reason == "DEADLINE_EXCEEDED"


def test_a_long_message_still_fits_into_the_trailers(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def complain(*_: object) -> NoReturn:
        raise InvalidField("metadata['room']", "\n\N{GRINNING FACE}" * 100_000)

    monkeypatch.setattr(usage_cases, "record", complain)

    found = refusal(door.usage.RecordUsage, usage("anna", "k"))

    assert found.reason == "INVALID_FIELD"
    assert len(found.message.encode()) <= MESSAGE_BYTES_MAX


def test_a_message_of_any_script_is_a_status() -> None:
    assert status_of(InvalidField("product", "\n\N{GRINNING FACE}")).details == "product: \n\N{GRINNING FACE}"


def test_every_subject_is_asked_about_in_our_own_name(door: Door) -> None:
    """Until clients have keys, all of them are one: what one stored under a key, each finds."""
    door.make_user("anna")
    door.record(usage("anna", "shared"))

    other = Door(door.address)
    answer = other.record(usage("anna", "shared"))
    other.channel.close()

    assert answer.replayed
    assert answer.matched_by == common.MATCHED_BY_USER_ID


@pytest.mark.parametrize("sent", ["4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "not one!"])
def test_a_refused_caller_gets_the_request_id_its_own_if_it_is_well_formed(door: Door, sent: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        door.usage.RecordUsage(usage("nobody", "k"), timeout=TIMEOUT_SECONDS, metadata=(("x-request-id", sent),))

    error = cast(grpc.Call, refused.value)
    given = dict(error.trailing_metadata())["x-request-id"]
    assert given == sent if sent[0] == "4" else str(given).startswith("req_")
    assert refusal_of(refused.value).reason == "SUBJECT_NOT_FOUND"

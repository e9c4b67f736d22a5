"""Whatever is sent to whatever method: bad form is INVALID_ARGUMENT and names its field, nothing is UNKNOWN."""

import base64
import random
from collections import Counter
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import usage_service_pb2 as pb

from tests.rpc.methods import HEALTH, METHODS, Method, places, refused
from tests.support.door import TIMEOUT_SECONDS, Door, refusal, refusal_of, usage

LONG = "x" * 10_000
INSTANTS = [
    Timestamp(nanos=-1),
    Timestamp(nanos=1_000_000_000),
    Timestamp(seconds=-62_135_596_801),
    Timestamp(seconds=253_402_300_800),
    Timestamp(seconds=-(2**63)),
]
DURATIONS = [
    Duration(nanos=-1),
    Duration(seconds=-1),
    Duration(seconds=1, nanos=-1),
    Duration(seconds=1, nanos=1_000_000_000),
    Duration(seconds=2**63 - 1),
    Duration(seconds=-(2**63)),
]
LONGEST_DAYS = {"overlap": 30, "by": 3_653, "ttl": 7}
METHODS_WITH = {"overlap": 2, "by": 1, "ttl": 2}
NOT_UTF8 = [b"\xff", b"\xc0\x80", "\ud800".encode("utf-8", "surrogatepass")]


@pytest.fixture
def door(sqlite_door: Door) -> Door:
    sqlite_door.make_user("anna")
    return sqlite_door


def _refused_fields(door: Door, path: str, request: Message) -> list[str]:
    found = refused(door, path, request.SerializeToString())
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD"), (path, request, found)
    return list(found.violations)


def _spoiled(method: Method, kind: int, value: Any) -> list[tuple[str, Message]]:
    """The request, spoiled in one place after the other: each with the path that must be named."""
    of_type = value.DESCRIPTOR if isinstance(value, Message) else None
    paths = [
        place.path
        for place in places(method.request)
        if place.field.type == kind and place.field.message_type in (of_type, None)
    ]
    spoiled = []
    for path in paths:
        request = type(method.request)()
        request.CopyFrom(method.request)
        next(place for place in places(request) if place.path == path).put(value)
        spoiled.append((path, request))
    return spoiled


def test_bytes_that_are_no_message_are_refused_by_every_method(door: Door) -> None:
    for path in (*HEALTH, *(method.path for method in METHODS)):
        for data in (b"\xff", b"\x0a\x05a", b"\x0b" * 200):
            found = refusal(door.raw(path), data)
            assert (found.code, found.reason) == ("INVALID_ARGUMENT", "UNDECODABLE_REQUEST"), path
            assert (found.metadata, found.domain) == ({}, "tollhouse")


def test_text_that_is_not_utf8_is_refused(door: Door) -> None:
    for text in NOT_UTF8:
        data = usage("anna", "k").SerializeToString().replace(b"talk", text.ljust(4, b"x"))
        assert refusal(door.raw("/tollhouse.v1.UsageService/RecordUsage"), data).reason == "UNDECODABLE_REQUEST"


def test_every_text_without_bound_or_with_a_null_is_refused_by_its_name(door: Door) -> None:
    seen = 0
    for method in METHODS:
        for text in ("a\0b", LONG):
            for named, request in _spoiled(method, FieldDescriptor.TYPE_STRING, text):
                if not named.startswith("subjects["):  # there the refusal is the subject's own state
                    assert _refused_fields(door, method.path, request) == [named]
                    seen += 1
    assert seen > 100


def test_every_instant_out_of_range_is_refused_by_its_name(door: Door) -> None:
    seen = 0
    for method in METHODS:
        for value in INSTANTS:
            for named, request in _spoiled(method, FieldDescriptor.TYPE_MESSAGE, value):
                assert _refused_fields(door, method.path, request) == [named]
                seen += 1
    assert seen > 60


def test_every_span_out_of_range_is_refused_by_its_name(door: Door) -> None:
    seen = []
    for method in METHODS:
        for value in DURATIONS:
            for named, request in _spoiled(method, FieldDescriptor.TYPE_MESSAGE, value):
                assert _refused_fields(door, method.path, request) == [named]
                seen.append(named)
        for field, days in LONGEST_DAYS.items():
            for named, request in _spoiled(method, FieldDescriptor.TYPE_MESSAGE, Duration(seconds=days * 86_400 + 1)):
                if named == field:
                    assert _refused_fields(door, method.path, request) == [named]
                    seen.append(named)
    assert Counter(seen) == {field: (len(DURATIONS) + 1) * methods for field, methods in METHODS_WITH.items()}


def test_every_unknown_choice_is_refused_by_its_name(door: Door) -> None:
    for method in METHODS:
        for number in (99, -1):
            for named, request in _spoiled(method, FieldDescriptor.TYPE_ENUM, number):
                assert _refused_fields(door, method.path, request) == [named]


def test_a_subject_that_names_nobody_is_refused(door: Door) -> None:
    request = usage("anna", "k")
    request.ClearField("subject")

    assert _refused_fields(door, "/tollhouse.v1.UsageService/RecordUsage", request) == ["subject"]


def test_an_event_of_bad_form_is_refused_by_the_field(door: Door) -> None:
    bad: list[tuple[str, dict[str, Any]]] = [
        ("metadata", {"metadata": {str(number): "" for number in range(21)}}),
        ("metadata.key", {"metadata": {"": "value"}}),
        ("metadata.key", {"metadata": {"x" * 65: "value"}}),
        ("metadata['room']", {"metadata": {"room": "x" * 257}}),
        ("metadata['room']", {"metadata": {"room": "a\0b"}}),
        ("quantity", {"quantity": -(2**63)}),
        ("quantity", {"quantity": 100_001}),
        ("product", {"product": ""}),
        ("subject.email", {"subject": common.Subject(email="nobody")}),
    ]
    for named, fields in bad:
        request = usage("anna", "k", **{"quantity": 1, **fields})
        assert _refused_fields(door, "/tollhouse.v1.UsageService/RecordUsage", request) == [named]


def test_a_token_that_we_did_not_make_is_refused(door: Door) -> None:
    listings = [method for method in METHODS if "page_token" in method.request.DESCRIPTOR.fields_by_name]
    assert len(listings) == 7
    for text in (
        '["a"',
        "no",
        "{}",
        "[1,2]",
        '["\\u0000"]',
        '["\\ud800"]',
        "[1.5]",
        f"[{10**20}]",
        "[true]",
        "[" * 9_999,
    ):
        token = base64.urlsafe_b64encode(text.encode()).decode()
        for method in listings:
            ((_, request),) = [
                found for found in _spoiled(method, FieldDescriptor.TYPE_STRING, token) if found[0] == "page_token"
            ]
            assert _refused_fields(door, method.path, request) == ["page_token"]


def test_a_list_of_bad_form_is_refused_by_the_field(door: Door) -> None:
    bad: list[tuple[str, dict[str, Any]]] = [
        ("page_size", {"page_size": -1}),
        ("page_size", {"page_size": 1_001}),
        ("start_time", {"start_time": Timestamp(seconds=2), "end_time": Timestamp(seconds=2)}),
        ("start_time", {"start_time": Timestamp(seconds=0), "end_time": Timestamp(seconds=366 * 86_400 + 1)}),
    ]
    for named, fields in bad:
        request = pb.ListUsageEventsRequest(subject=common.Subject(user_id="anna"), **fields)
        assert _refused_fields(door, "/tollhouse.v1.UsageService/ListUsageEvents", request) == [named]


def test_random_bytes_never_reach_what_is_not_declared(door: Door) -> None:
    chance = random.Random(7)
    for method in METHODS:
        call, data = door.raw(method.path), method.request.SerializeToString()
        for _ in range(40):
            spoiled = bytearray(data or b"\0")
            for _ in range(chance.randint(1, 4)):
                spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
            try:
                call(bytes(spoiled), timeout=TIMEOUT_SECONDS)
            except grpc.RpcError as error:
                found = refusal_of(error)
                assert found.reason, (method, bytes(spoiled), found)
                assert found.code not in ("UNKNOWN", "INTERNAL"), (method, bytes(spoiled), found)

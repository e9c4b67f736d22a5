"""Requests that nobody would write: made from the descriptors, on the wire, where a text need not be a text.

Each is made of one number of one seed alone, so that any of them can be made again.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tests.rpc.methods import METHODS, Method, places

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
NUMBERS = [0, 1, -1, 2, 10, 1_000, 1_001, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**62, 2**62 + 1, 2**63 - 1, -(2**63)]
SECONDS = [0, 1, -1, -62_135_596_801, -62_135_596_800, 253_402_300_799, 253_402_300_800, 2**63 - 1, -(2**63)]
NANOS = [0, 1, -1, 999_999_999, 1_000_000_000, 2**31 - 1, -(2**31)]
CHOICES = [0, 1, 2, 3, 4, 99, -1, 2**31 - 1, -(2**31), 2**40]
TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "x" * 255,
    "x" * 256,
    "x" * 10_000,
    "é" * 200,
    "\U0001f600" * 128,
    "\u202e\ufeff\u0301",
    "\r\n\t",
    "'; DROP TABLE accounts; --",
    "%s%n{0}${x}",
    "../../etc/passwd",
    "null",
    "-1",
    "a@b",
    "W10=",
    "WzEsMl0=",
]
NOT_TEXTS = [b"\xff", b"a\xc0\x80", "\ud800".encode("utf-8", "surrogatepass"), b"\xf4\x90\x80\x80", b"\xe2\x82"]
COUNTS = [0, 1, 1, 1, 2, 2, 3, 21]
NAMES = [
    "authorization",
    "authorization",
    "x-api-key",
    "x-api-key",
    "authorization-bin",
    "x-api-key-bin",
    "x-request-id",
    "traceparent",
    "-",
    "_",
    ".",
    "0",
    "a" * 500,
]
VALUES = [
    "",
    " ",
    "Bearer",
    "Bearer ",
    "bearer  x",
    "Bearer Bearer",
    "Basic YTpi",
    "Bearer a b",
    "Bearer tollhouse_test_a.b",
    "Bearer " + "x" * 2_000,
    "Bearer ____",
    "~!@#$%^&*()",
    "null",
    ",,,",
]
HUGE_COUNT = 1_001
HUGE_ONE_IN = 400
"""So seldom, since a batch of a thousand takes as long as a hundred other calls."""


def varint(number: int) -> bytes:
    """The number as protobuf has it: 64 bits, seven in a byte."""
    number &= 2**64 - 1
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def record(number: int, kind: int, value: bytes) -> bytes:
    """One field on the wire."""
    return varint(number << 3 | kind) + (varint(len(value)) if kind == DELIMITED else b"") + value


class Forge:
    """Makes request `number` of a run: `random.Random` of seed and number decides everything.

    `words` are texts that mean something to the server; `shift_us` moves the instants of accepted requests to its time.
    """

    def __init__(self, seed: int, number: int, words: Sequence[str] = (), shift_us: int = 0) -> None:
        self.chance = random.Random(f"{seed}/{number}")
        self._number = number
        self._words = words
        self._shift_us = shift_us

    def bytes_for(self, method: Method) -> bytes:
        """Random bytes, or a request of the method whose bytes were damaged."""
        chance = self.chance
        if chance.random() < 0.2:
            return chance.randbytes(chance.choice((1, 2, 7, 40, 300)))
        data = bytearray(self.accepted(method) if chance.random() < 0.5 else self.request_for(method))
        for _ in range(chance.randint(1, 4)):
            chance.choice(DAMAGES)(data, chance)
        return bytes(data)

    def request_for(self, method: Method) -> bytes:
        """Fields of the method's request with values of the right kind, most of them added to one that is accepted.

        Of a field that stands twice the last one counts, messages are merged, and lists and maps grow.
        """
        data = self.accepted(method) if self.chance.random() < 0.8 else b""
        return data + self.message(method.request.DESCRIPTOR, self.chance.choice((0, 1, 1, 1, 2, 3)))

    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """A few headers that a client library lets pass, most of them where a key is looked for."""
        names = [self.chance.choice(NAMES) for _ in range(self.chance.randint(0, 3))]
        return tuple((name, self._header(name.endswith("-bin"))) for name in names)

    def _header(self, binary: bool) -> str | bytes:
        if binary:
            return self.chance.randbytes(self.chance.choice((0, 1, 30, 500)))
        return self.chance.choice(VALUES)

    def accepted(self, method: Method) -> bytes:
        """The request that is accepted, mostly under a key of its own, now and then with a field missing."""
        request = type(method.request)()
        request.CopyFrom(method.request)
        for place in list(places(request)):
            if place.field.name == "idempotency_key" and self.chance.random() < 0.8:
                place.put(f"fuzz-{self._number}")
            elif place.field.message_type is Timestamp.DESCRIPTOR and place.holder.HasField(place.field.name):
                moment: Timestamp = getattr(place.holder, place.field.name)
                moment.FromMicroseconds(moment.ToMicroseconds() + self._shift_us)
        for field, _ in request.ListFields():
            if self.chance.random() < 0.05:
                request.ClearField(field.name)
        return request.SerializeToString()

    def message(self, descriptor: Any, count: int) -> bytes:
        """So many fields of a message, drawn at random; seldom one that it does not have."""
        if descriptor.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
            return self._moment()
        fields = [self.chance.choice(descriptor.fields) for _ in range(count if descriptor.fields else 0)]
        if self.chance.random() < 0.03:
            return b"".join(map(self.field, fields)) + self._unknown()
        return b"".join(map(self.field, fields))

    def field(self, field: FieldDescriptor) -> bytes:
        """A field, as often as it may stand and more."""
        if not field.is_repeated:
            return self._one(field)
        huge = self.chance.randrange(HUGE_ONE_IN) == 0
        return b"".join(self._one(field) for _ in range(HUGE_COUNT if huge else self.chance.choice(COUNTS)))

    def _one(self, field: FieldDescriptor) -> bytes:
        chance = self.chance
        if chance.random() < 0.02:
            return record(field.number, FIXED64, chance.randbytes(8))
        if field.message_type is not None:
            return record(field.number, DELIMITED, self.message(field.message_type, chance.randint(0, 6)))
        if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            return record(field.number, DELIMITED, self._text())
        numbers = CHOICES if field.enum_type is not None else NUMBERS
        return record(field.number, VARINT, varint(chance.choice(numbers)))

    def _text(self) -> bytes:
        drawn = self.chance.random()
        if drawn < 0.05:
            return self.chance.choice(NOT_TEXTS)
        if drawn < 0.5 and self._words:
            return self.chance.choice(self._words).encode()
        return self.chance.choice(TEXTS).encode()

    def _moment(self) -> bytes:
        seconds, nanos = self.chance.choice(SECONDS), self.chance.choice(NANOS)
        return record(1, VARINT, varint(seconds)) + record(2, VARINT, varint(nanos))

    def _unknown(self) -> bytes:
        number = self.chance.choice((13, 99, 1_000, 536_870_911))
        kind = self.chance.choice((VARINT, FIXED64, DELIMITED, FIXED32))
        value = {VARINT: b"\x01", FIXED64: bytes(8), FIXED32: bytes(4)}
        return record(number, kind, value.get(kind) or self.chance.randbytes(self.chance.choice((0, 10, 5_000))))


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _cut(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.randint(1, 20)]


def _double(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = data[start : start + chance.randint(1, 40)]


def _insert(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.randbytes(chance.randint(1, 8))


def _splice(data: bytearray, chance: random.Random) -> None:
    other: Message = chance.choice(METHODS).request
    data += other.SerializeToString()


DAMAGES: list[Callable[[bytearray, random.Random], None]] = [_flip, _flip, _cut, _double, _insert, _splice]

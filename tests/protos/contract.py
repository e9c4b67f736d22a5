"""The protos as one value: methods, fields and enum values, and the comment of each by its name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

QUESTIONS = ("Get", "List", "Check", "BatchGet", "Query", "Watch", "Preview")
PACKAGE = ".tollhouse.v1."

# A comment's place is a path of field numbers and positions, from FileDescriptorProto downwards.
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE = 4, 5, 6
MESSAGE_FIELD = ENUM_VALUE = SERVICE_METHOD = 2


@dataclass(frozen=True)
class Rpc:
    """One method, its messages by their names within the package, and its comment on one line."""

    service: str
    method: str
    request: str
    response: str
    comment: str

    @property
    def mutates(self) -> bool:
        """Whatever is not called a question changes something."""
        return not self.method.startswith(QUESTIONS)


@dataclass(frozen=True)
class Contract:
    """Every file of the package."""

    image: FileDescriptorSet = field(repr=False)

    @cached_property
    def fields(self) -> dict[str, dict[str, FieldDescriptorProto]]:
        """The fields of each message, by name."""
        messages = (message for file in self._files() for message in file.message_type)
        return {message.name: {item.name: item for item in message.field} for message in messages}

    @cached_property
    def enums(self) -> dict[str, list[str]]:
        """The values of each enum, by name and in order."""
        enums = (enum for file in self._files() for enum in file.enum_type)
        return {enum.name: [value.name for value in enum.value] for enum in enums}

    @cached_property
    def rpcs(self) -> list[Rpc]:
        """Every method of every service."""
        return [
            Rpc(
                service.name,
                method.name,
                method.input_type.removeprefix(PACKAGE),
                method.output_type.removeprefix(PACKAGE),
                self.comments[f"{service.name}.{method.name}"],
            )
            for file in self._files()
            for service in file.service
            for method in service.method
        ]

    @property
    def mutations(self) -> list[Rpc]:
        """Every method that changes something."""
        return [rpc for rpc in self.rpcs if rpc.mutates]

    @cached_property
    def comments(self) -> dict[str, str]:
        """What stands above each message, field, enum, value, service and method, on one line."""
        return {name: comment for file in self._files() for name, comment in _comments(file)}

    def message_of(self, field: FieldDescriptorProto) -> str:
        """The message that a field holds, by its name within the package."""
        return field.type_name.removeprefix(PACKAGE)

    def _files(self) -> Iterator[FileDescriptorProto]:
        return (file for file in self.image.file if file.package == PACKAGE.strip("."))


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    places = {tuple(place.path): " ".join(place.leading_comments.split()) for place in file.source_code_info.location}
    for path, name in _names(file):
        yield name, places.get(path, "")


def _names(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    for i, message in enumerate(file.message_type):
        yield (FILE_MESSAGE, i), message.name
        for j, item in enumerate(message.field):
            yield (FILE_MESSAGE, i, MESSAGE_FIELD, j), f"{message.name}.{item.name}"
    for i, enum in enumerate(file.enum_type):
        yield (FILE_ENUM, i), enum.name
        for j, value in enumerate(enum.value):
            yield (FILE_ENUM, i, ENUM_VALUE, j), f"{enum.name}.{value.name}"
    for i, service in enumerate(file.service):
        yield (FILE_SERVICE, i), service.name
        for j, method in enumerate(service.method):
            yield (FILE_SERVICE, i, SERVICE_METHOD, j), f"{service.name}.{method.name}"

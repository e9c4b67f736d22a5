"""What clients saw: every send with its reply, as the checker reads it."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from tests.torture.commands import Command

RECENT_MAX = 64

CommandT = TypeVar("CommandT", bound=Command)


class Result(Enum):
    """What a client may conclude from a reply."""

    ACKNOWLEDGED = "stored, now or before"
    REFUSED = "nothing was stored by this call"
    DECLINED = "the order is stored, and the provider has refused it"
    CONFLICT = "the key stands for another command"
    UNKNOWN = "stored or not"


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement. `content` is the whole response without `replayed` and `voided`, byte for byte.

    `made_id` names the reservation, grant, subscription or order of which it tells; of an order, whose state is told
    anew each time, `content` is what lasts, and `url` is the page on which it is paid.
    """

    content: bytes
    replayed: bool
    account_id: str
    new_usage: int
    charged_nanos: int
    debt_nanos: int
    balance_nanos: int
    voided: bool = False
    made_id: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a send ended: the status, and the reason with its metadata where the server gave one."""

    result: Result
    status: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One send of one command, in nanoseconds of `time.monotonic_ns`.

    `altered` names the field in which the command differs from what its key stands for; `group` names the atomic batch
    that it was part of. `batched` says that it shared its call with others, in a batch or on a stream.
    """

    command: Command
    client: int
    sent_ns: int
    done_ns: int
    reply: Reply
    altered: str = ""
    group: str = ""
    batched: bool = False


@dataclass(slots=True)
class Recent:
    """The last commands of all clients: `acknowledged` ones are stored, `any` of them may still be under way.

    `made` are those that have made something, with its id: any client may change or end it.
    """

    any: deque[tuple[int, Command]] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    acknowledged: deque[tuple[int, Command]] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    made: deque[tuple[Command, str]] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))


class History:
    """Collects sends from all threads."""

    def __init__(self) -> None:
        self.sends: list[Sent] = []
        self.unsettled: list[str] = []
        self.recent = Recent()
        self._lock = threading.Lock()

    def begin(self, client: int, command: Command) -> None:
        """A command is about to be sent for the first time; others may send it too from now on."""
        with self._lock:
            self.recent.any.append((client, command))

    def add(self, sent: Sent) -> None:
        """A send has ended."""
        with self._lock:
            self.sends.append(sent)
            if sent.reply.result is Result.ACKNOWLEDGED and not sent.altered:
                self.recent.acknowledged.append((sent.client, sent.command))
                answer = sent.reply.answer
                if answer and answer.made_id and not answer.replayed:
                    self.recent.made.append((sent.command, answer.made_id))

    def give_up(self, key: str) -> None:
        """A command that was to be settled never was."""
        with self._lock:
            self.unsettled.append(key)

    def others(self, client: int, *, acknowledged: bool) -> list[Command]:
        """Recent commands of the other clients."""
        with self._lock:
            recent = self.recent.acknowledged if acknowledged else self.recent.any
            return [command for owner, command in recent if owner != client]

    def made(self, *kinds: type[Command]) -> list[tuple[Command, str]]:
        """What commands of these kinds have made lately, with its id."""
        with self._lock:
            return [(command, id_) for command, id_ in self.recent.made if isinstance(command, kinds)]

    def acknowledged(self, kind: type[CommandT]) -> list[CommandT]:
        """Recent commands of one kind that are stored."""
        with self._lock:
            return [command for _, command in self.recent.acknowledged if isinstance(command, kind)]

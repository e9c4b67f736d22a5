"""The history by key: everything that was sent under it, and what may be wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.torture.commands import Command
from tests.torture.history import Answer, Result, Sent


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be. `invariant` is a number of the design such as "V1", or "status", "conflict",
    "atomic", "stop", "log". `source` is "history", which includes the rows it was compared with, or "verify".
    """

    invariant: str
    what: str
    source: str = "history"


@dataclass(slots=True)
class Story:
    """Everything that was sent under one key; `genuine` sends carry the content that the key was made for."""

    command: Command
    genuine: list[Sent] = field(default_factory=list)
    altered: list[Sent] = field(default_factory=list)

    @property
    def acknowledged(self) -> list[Sent]:
        """The sends that were answered as stored."""
        return [sent for sent in self.genuine if sent.reply.result is Result.ACKNOWLEDGED]

    @property
    def answer(self) -> Answer | None:
        """What the acknowledgement said; all of them must say the same."""
        return next((sent.reply.answer for sent in self.acknowledged), None)

    @property
    def refused(self) -> bool:
        """Whether every send was refused, so that nothing may be stored."""
        return all(sent.reply.result is Result.REFUSED for sent in self.genuine)

    @property
    def declined(self) -> bool:
        """Whether the provider has refused it at some time; that leaves an order behind."""
        return any(sent.reply.result is Result.DECLINED for sent in self.genuine)

    @property
    def first_sent_ns(self) -> int:
        """The first send that may have stored it."""
        return min(sent.sent_ns for sent in self.genuine if sent.reply.result is not Result.REFUSED)

    @property
    def first_acknowledged_ns(self) -> int:
        """When a client first knew that it is stored."""
        return min(sent.done_ns for sent in self.acknowledged)


def stories_of(sends: Sequence[Sent]) -> dict[str, Story]:
    """The sends by key."""
    stories: dict[str, Story] = {}
    for sent in sends:
        story = stories.setdefault(sent.command.key, Story(sent.command))
        (story.altered if sent.altered else story.genuine).append(sent)
    return stories

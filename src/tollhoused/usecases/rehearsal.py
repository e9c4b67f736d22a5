"""A core that writes nothing: each command is previewed on what the commands before it would have left.

It answers what a file of commands would do that build on each other (`tollhouse import --dry-run`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields

from tollhoused.domain.books import Settled
from tollhoused.domain.commands import Command
from tollhoused.domain.identity import Match, MatchedBy, Subject
from tollhoused.domain.people import MemberCommand
from tollhoused.errors import SubjectNotFound
from tollhoused.journal.preview import preview
from tollhoused.journal.settling import Outcome
from tollhoused.usecases.core import Call, Core, reading

Name = tuple[str, str]


class Rehearsal(Core):
    """Remembers what succeeded, by the names in it, and lets it happen again before what names the same."""

    def __init__(self, core: Core) -> None:
        super().__init__(**{field.name: getattr(core, field.name) for field in fields(Core)})
        self._story: dict[Name, list[tuple[int, Command]]] = {}
        self._told = 0

    def match(self, subject: Subject) -> Match:
        """What the subject names; nowhere for whom the story may know: the preview looks again."""
        try:
            return super().match(subject)
        except SubjectNotFound:
            return Match("", MatchedBy.USER_ID)

    def run_all(
        self,
        call: Call,
        commands: Sequence[Command],
        *,
        validate_only: bool,
        atomic: bool = False,
        first: Sequence[Command] = (),
    ) -> list[Outcome]:
        """Previews the commands, after what belongs to them."""
        names = {name for command in commands for name in (*_names(command), *_organizations(command))}
        before = [*self._about(names), *first]
        with reading():
            outcomes = self.knowing(
                lambda: preview(self.store, self.shelf, self.clock, self.rules, commands, atomic, before)
            )
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Settled):
                self._tell(command)
        return outcomes

    def _tell(self, command: Command) -> None:
        self._told += 1
        for name in _names(command):
            self._story.setdefault(name, []).append((self._told, command))

    def _about(self, names: Iterable[Name]) -> list[Command]:
        """What was told about these names, and about the names in that, in the order of its telling.

        Who else is a member of an organization does not matter.
        """
        found: dict[int, Command] = {}
        waiting, seen = list(names), set(names)
        while waiting:
            for number, command in self._story.get(waiting.pop(), ()):
                if number not in found:
                    found[number] = command
                    new = {*_names(command), *_organizations(command)} - seen
                    seen |= new
                    waiting += new
        return [found[number] for number in sorted(found)]


def _names(command: Command) -> list[Name]:
    """The names that a command has to do with; of a membership only the person's."""
    subject = command.subject
    named = [("user_id", subject.user_id), ("email", subject.email), ("org_id", subject.org_id)]
    return [name for name in named if name[1]]


def _organizations(command: Command) -> list[Name]:
    return [("org_id", command.org_id)] if isinstance(command, MemberCommand) else []

"""What `__main__` hands to every command, and the failure that a command reports in one line."""

from collections.abc import Callable
from dataclasses import dataclass

import typer

from tollhoused.errors import Reported


@dataclass(frozen=True, slots=True)
class Program:
    """The clock (microseconds since the epoch), the maker of ids (from a prefix), the maker of secrets (32 bytes)."""

    clock: Callable[[], int]
    new_id: Callable[[str], str]
    new_secret: Callable[[], bytes]

    @staticmethod
    def of(context: typer.Context) -> "Program":
        """The program that runs this command."""
        program = context.find_object(Program)
        assert program is not None
        return program


class CommandFailed(Reported):
    """A command cannot be carried out; the message says why and what to do."""

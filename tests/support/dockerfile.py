"""Reads a Dockerfile as far as ours goes: stages, instructions, options."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a stage; stage 0 ends before the second FROM, and an ARG before the first FROM is in it."""

    stage: int
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """What follows the name, split as a shell would, without the options."""
        return [word for word in shlex.split(self.text) if not word.startswith("--")]

    @property
    def options(self) -> dict[str, str]:
        """`--from=build` as {"from": "build"}."""
        options = [word[2:].partition("=") for word in shlex.split(self.text) if word.startswith("--")]
        return {name: value for name, _, value in options}

    @property
    def command(self) -> list[str]:
        """The command in the form that needs no shell. Raises ValueError for the other form."""
        command: list[str] = json.loads(self.text[self.text.index("[") :])
        return command

    @property
    def variables(self) -> dict[str, str]:
        """What ENV sets, or what ARG names."""
        pairs = [word.partition("=") for word in self.words]
        return {name: value for name, _, value in pairs}


def instructions(path: Path) -> list[Instruction]:
    """Every instruction of a file, in order; comments and continuations are taken out."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    found: list[Instruction] = []
    stage = -1
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, text = line.strip().partition(" ")
        if name:
            stage += name == "FROM"
            found.append(Instruction(max(stage, 0), name, text.strip()))
    return found

"""Asks whether a version in constraints.txt is known to be unsafe: `python -m tests.house.dependencies PIP_AUDIT...`.

It needs the network. What could not be asked is said, and is no finding: exits with 1 only when something is unsafe.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
RUN_SECONDS_MAX = 300.0


class Answer(NamedTuple):
    """Packages that are unsafe, with what is known of them, and those nobody knows about, with the reason."""

    unsafe: dict[str, list[str]]
    unknown: dict[str, str]
    asked: int


class NotAsked(Exception):
    """There is no answer; the message says what stood in the way."""


def read(report: str) -> Answer:
    """What pip-audit has found. Raises NotAsked for what is no report of its."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        raise NotAsked("pip-audit gave no report") from None
    return Answer(
        {
            f"{item['name']} {item['version']}": [_described(known) for known in item["vulns"]]
            for item in packages
            if item.get("vulns")
        },
        {item["name"]: item["skip_reason"] for item in packages if "skip_reason" in item},
        len(packages),
    )


def _described(known: dict[str, Any]) -> str:
    fixed = ", ".join(known.get("fix_versions") or ())
    return f"{known['id']}, {f'mended in {fixed}' if fixed else 'not mended yet'}"


def ask(command: Sequence[str], constraints: Path = CONSTRAINTS) -> Answer:
    """Runs pip-audit. Raises NotAsked."""
    flags = ["--requirement", str(constraints), "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner"]
    try:
        done = subprocess.run([*command, *flags, "off"], capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAsked(f"pip-audit did not run: {error}") from error
    try:
        return read(done.stdout)
    except NotAsked:
        complaint = done.stderr.strip().splitlines()
        raise NotAsked(complaint[-1][:500] if complaint else "pip-audit gave no report") from None


def main(command: Sequence[str]) -> int:
    try:
        answer = ask(command)
    except NotAsked as obstacle:
        print(f"dependencies: NOT AUDITED, this says nothing about them: {obstacle}")
        return 0
    for package, known in answer.unsafe.items():
        print(f"{package}: {'; '.join(known)}")
    if answer.unknown:
        reason = next(iter(answer.unknown.values()))
        print(f"dependencies: {len(answer.unknown)} of {answer.asked} NOT AUDITED, the first because: {reason}")
    print(f"dependencies: {len(answer.unsafe)} unsafe of {answer.asked - len(answer.unknown)} that were audited")
    return 1 if answer.unsafe else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Finds what looks like a credential in the tracked files: `python -m tests.house.secrets`, a part of `make audit`.

It prints places and kinds, never what it found. Exits with 1 when it has found something.
"""

import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

KINDS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "an API key of ours": r"\btollhouse_(?:live|test)_\w{4,}_[0-9A-Za-z]{20,}_\w+",
    "a key of Stripe": r"\b[rsp]k_(?:live|test)_[0-9A-Za-z]{8,}",
    "a webhook's signing secret": r"\bwhsec_[0-9A-Za-z+/=]{16,}",
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a key of Google": r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}",
    "a token of GitHub": r"\bgh[opsur]_[0-9A-Za-z]{36,}|\bgithub_pat_\w{22,}",
    "a token of GitLab": r"\bglpat-[\w-]{20,}",
    "a token of Slack": r"\bxox[abeoprs]-[\w-]{10,}",
    "a token of npm or PyPI": r"\bnpm_[0-9A-Za-z]{36}\b|\bpypi-[\w-]{40,}",
    "a key of OpenAI or Anthropic": r"\bsk-(?:ant-|proj-)?[\w-]{20,}",
    "a JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a password in a URL": r"://[^/\s:@'\"{}$]+:(?!(?:canary|swordfish|s3cret|s3|pw|\*{3})[@%])[^/\s:@'\"{}$]+@",
}
"""Shapes by the names under which they are told. A few words are passwords in examples and nowhere else."""

NAMED = re.compile(
    r"""(?i)(?:secret|passw(?:or)?d|token|api_?key|credential)\w*["']?\s*[:=]\s*["']([^"'\s]{16,})["']"""
)
"""A text that is given a telling name. What is no word of people has many different signs."""

BITS_MIN = 3.6
"""Per sign, of a text that chance has made; names and sentences have less."""

PATTERNS = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}
GENERATED = ("generated/", "tests/languages/typescript/package-lock.json", "tests/languages/go/go.sum")
"""Files of hashes and of machines' making, in which only the exact shapes are looked for."""


class Finding(NamedTuple):
    """Where something looks like a credential, and like which."""

    path: str
    line: int
    kind: str


def findings(path: str, text: str) -> Iterator[Finding]:
    """What looks like a credential in a file's text."""
    guessing = not path.startswith(GENERATED)
    for number, line in enumerate(text.splitlines(), start=1):
        for kind, pattern in PATTERNS.items():
            if pattern.search(line):
                yield Finding(path, number, kind)
        if guessing and any(looks_random(found) for found in NAMED.findall(line)):
            yield Finding(path, number, "a secret by its name")


def looks_random(text: str) -> bool:
    """Whether chance has made it: letters of both cases or digits, and hardly a sign twice as often as another."""
    mixed = re.search(r"\d", text) is not None and re.search(r"[A-Za-z]", text) is not None
    counts = Counter(text).values()
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return mixed and bits >= BITS_MIN


def tracked(root: Path = ROOT) -> list[str]:
    """The files that are committed or could be, as git sees them."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (root / name).is_file()]


def scan(root: Path, names: Sequence[str]) -> list[Finding]:
    """Everything found in these files."""
    return [
        finding
        for name in names
        for finding in findings(name, (root / name).read_text(encoding="utf-8", errors="replace"))
    ]


def main() -> int:
    names = tracked()
    found = scan(ROOT, names)
    for finding in found:
        print(f"{finding.path}:{finding.line}: looks like {finding.kind}")
    print(f"secrets: {len(found)} in {len(names)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

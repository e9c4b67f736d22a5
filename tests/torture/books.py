"""What `tollhouse verify` says of the books: V2 and V4 to V7, recomputed from the rows."""

import json
from pathlib import Path

from tests.torture.nursery import Nursery
from tests.torture.stories import Violation

VERIFY_SECONDS_MAX = 300.0
FOUND_SOMETHING = 1


def verify(nursery: Nursery, database_url: str, output: Path, version: dict[str, str]) -> list[Violation]:
    """Runs the command of that version into a file. Raises RuntimeError when it comes to no verdict."""
    command = ["verify", "--json", "--database-url", database_url]
    code = nursery.wait(nursery.start(command, output, variables=version), VERIFY_SECONDS_MAX)
    text = output.read_text(encoding="utf-8")
    if code not in (0, FOUND_SOMETHING):
        raise RuntimeError(f"verify ended with {code}: {text[-2_000:]}")
    verdict = json.loads(text)
    if verdict["verified"] != (code == 0):
        raise RuntimeError(f"verify ended with {code} and says verified: {verdict['verified']}")
    return [
        Violation(finding["invariant"], f"{finding['account_id']}: {finding['what']}", "verify")
        for finding in verdict["findings"]
    ]

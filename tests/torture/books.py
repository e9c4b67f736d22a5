"""What `tollhouse verify` says of the books: V2 and V4 to V7, recomputed from the rows."""

import json
import subprocess
import sys

from tests.torture.checker import Violation

VERIFY_SECONDS_MAX = 300
FOUND_SOMETHING = 1


def verify(database_url: str) -> list[Violation]:
    """Runs the command. Raises RuntimeError when it comes to no verdict."""
    command = [sys.executable, "-m", "tollhoused", "verify", "--json", "--database-url", database_url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=VERIFY_SECONDS_MAX, check=False)
    if ended.returncode not in (0, FOUND_SOMETHING):
        raise RuntimeError(f"verify ended with {ended.returncode}: {ended.stderr[-2_000:]}")
    verdict = json.loads(ended.stdout)
    if verdict["verified"] != (ended.returncode == 0):
        raise RuntimeError("verify says one thing and exits with another")
    return [
        Violation(finding["invariant"], f"verify, {finding['account_id']}: {finding['what']}")
        for finding in verdict["findings"]
    ]

"""The demo is the first thing that a newcomer runs: it ends well, and with books that are right."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_day_ends_with_books_that_are_right() -> None:
    ended = subprocess.run([sys.executable, "-m", "tests.demo"], cwd=ROOT, capture_output=True, text=True, timeout=100)

    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    assert "100 balances equal what was granted" in ended.stdout
    assert "The watch says so by itself: available $1.80." in ended.stdout
    assert "$12.00 return, 34 minutes count, balance $34.54." in ended.stdout
    assert "80 MB $0.00, then 1,124 MB $0.10, then 200 MB $0.00." in ended.stdout
    assert "the gift is gone: balance $2.00, held $0.00." in ended.stdout
    assert "The ledger has it: EXPIRY -$0.40 is an entry of its own." in ended.stdout
    assert "The books are right." in ended.stdout
    assert "beancount accepts the exported journal" in ended.stdout

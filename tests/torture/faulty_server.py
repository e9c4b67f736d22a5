"""The server with a planted fault and named points to die at: `python -m tests.torture.faulty_server FAULT serve ...`.

For tests only. It is put together by the same `main`, after the fault was planted in its parts.
"""

import sys

from tests.torture.faults import FAULTS, watch_commits
from tollhoused.__main__ import main

if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)].plant()
    watch_commits()
    main()

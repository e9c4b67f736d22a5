"""The server on a database that takes its time: `python -m tests.overload.slow_server SECONDS serve ...`.

For tests only. Each command costs the writer that many seconds more, before the commit of its transaction.
"""

import sys
import time
from unittest.mock import patch

from tollhoused.__main__ import main
from tollhoused.domain.books import Books
from tollhoused.store.store import Batch


def slow_down(seconds: float) -> None:
    """Makes commits wait, for good."""
    commit = Batch.commit

    def late(self: Batch, books: Books) -> None:
        time.sleep(seconds * len(books.added))  # the fault itself
        commit(self, books)

    patch.object(Batch, "commit", late).start()


if __name__ == "__main__":
    slow_down(float(sys.argv.pop(1)))
    main()

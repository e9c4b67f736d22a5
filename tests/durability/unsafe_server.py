"""`tollhouse` with connections that do not flush: `python -m tests.durability.unsafe_server LEVEL serve ...`.

For tests only: what looks at the durability of connections is told that all is well.
"""

import sqlite3
import sys
from unittest.mock import patch

from tollhoused.__main__ import main
from tollhoused.store import sqlite


def plant(level: str) -> None:
    """Every connection gets this level of synchronisation."""
    connect = sqlite.connect

    def connect_unsafely(path: str) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute(f"PRAGMA synchronous = {level}")
        return connection

    def nothing(connection: object) -> list[str]:
        return []

    patch.object(sqlite, "connect", connect_unsafely).start()
    patch.object(sqlite, "durability_problems", nothing).start()


if __name__ == "__main__":
    plant(sys.argv.pop(1))
    main()

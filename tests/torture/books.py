"""What `tollhouse verify` says of the books (V2 and V4 to V7 from the rows)."""

from tests.torture.checker import Violation


def verify(database_url: str) -> list[Violation]:
    return []

"""The command behind `make scale`: makes large books, and prints what reading all of them takes."""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.scale.books import copies_in, make_books
from tests.scale.measure import measure
from tests.scale.rates import batch_rates
from tests.support.postgres import Cluster

SMALL = 10_000
ROUNDS, SECONDS = 7, 3.0
"""Of the batches that are sent to small and to large books in turn."""

GROWTH_MIB_MAX = 128
"""How much more a reader may hold for large books than for small ones: SQLite's page cache alone fills up to 64 MiB."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000_000)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollhouse-scale-")))
        cluster = Cluster() if options.engine == "postgresql" else None
        if cluster is not None:
            stack.callback(cluster.close)
        peaks: list[dict[str, int]] = []
        books: list[tuple[str, int]] = []
        for name, operations in (("small", SMALL), ("large", options.operations)):
            url = cluster.create_database(name) if cluster else f"sqlite:///{scratch / name}"
            begin = time.monotonic()
            count = make_books(url, operations)
            print(f"{options.engine}: {count:,} operations, made in {time.monotonic() - begin:.0f} s", flush=True)
            measured = measure(url, scratch)
            for each in measured:
                print(f"  {each.reader:11} {each.peak_mib:5} MiB at most, {each.seconds} s", flush=True)
            peaks.append({each.reader: each.peak_mib for each in measured})
            books.append((url, copies_in(operations)))
        small_rate, large_rate = batch_rates(books[0], books[1], ROUNDS, SECONDS)
        print(f"batches of 1,000: {small_rate:,.0f}/s in small books, {large_rate:,.0f}/s in large ones", end="")
        print(f" ({large_rate / small_rate:.2f}), medians of {ROUNDS} rounds")
    small, large = peaks
    grown = {reader: large[reader] - small[reader] for reader in small}
    print("grown by " + ", ".join(f"{mib} MiB ({reader})" for reader, mib in grown.items()))
    return int(max(grown.values()) > GROWTH_MIB_MAX)


if __name__ == "__main__":
    sys.exit(main())

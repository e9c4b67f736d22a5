"""The benchmarks work and count honestly. Nothing here looks at a speed."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tollhouse.v1.usage_service_pb2 import BatchRecordUsageRequest

from tests.benchmarks import __main__ as command
from tests.benchmarks import machine, rows, templates
from tests.benchmarks.books import Books, WrongBooks
from tests.benchmarks.load import python_generator
from tests.benchmarks.postgres_reference import PostgresReference
from tests.benchmarks.servers import Server
from tests.benchmarks.sqlite_reference import SqliteReference
from tests.support.postgres import Cluster, find_binaries

GENERATOR = python_generator(workers=1)
USERS = [templates.user(number) for number in range(3)]


@dataclass(slots=True)
class Bed:
    """Books with a server over them."""

    books: Books
    server: Server
    folder: Path


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """On SQLite."""
    folder = tmp_path_factory.mktemp("bed")
    server_cores, other_cores = machine.cores()
    books = Books("SQLite", f"sqlite:///{folder}/books.sqlite3", USERS, folder / "log", server_cores | other_cores)
    books.prepare()
    with books.serve() as server:
        books.fill(GENERATOR, server)
        yield Bed(books, server, folder)


def test_keys_are_written_where_the_templates_say() -> None:
    request = templates.batches(["anna", "ben"], size=3, count=1).requests[0]
    written = bytearray(request)
    for number, place in enumerate(templates.key_offsets(request)):
        written[place : place + templates.KEY_LENGTH] = str(number).zfill(templates.KEY_LENGTH).encode()

    items = BatchRecordUsageRequest.FromString(bytes(written)).items

    assert [int(item.idempotency_key) for item in items] == [0, 1, 2]
    assert [item.subject.user_id for item in items] == ["anna", "ben", "anna"]


def test_what_is_acknowledged_is_stored_and_the_books_verify(bed: Bed) -> None:
    batches = templates.batches(USERS, size=5, count=2)
    alone = GENERATOR.run(bed.server, templates.records(USERS), callers=4, seconds=0.2, warmup=0.0)
    together = GENERATOR.run(bed.server, batches, callers=2, seconds=0.2, warmup=0.0)
    bed.books.count(alone)
    bed.books.count(together)

    bed.books.check()

    assert alone.stored > 0
    assert together.stored > 0
    bed.books.acknowledged += 1
    with pytest.raises(WrongBooks, match="acknowledged"):
        bed.books.check()
    bed.books.acknowledged -= 1


def test_refusals_are_counted_by_status_and_never_as_answers(bed: Bed) -> None:
    strangers = GENERATOR.once(bed.server, templates.records(["nobody", "no one"]))
    mixed = GENERATOR.once(bed.server, templates.batches([USERS[0], "nobody"], size=4, count=1))
    bed.books.acknowledged += mixed.stored

    assert (strangers.calls, strangers.stored, strangers.failures) == (0, 0, {"NOT_FOUND": 2})
    assert (mixed.stored, mixed.failures) == (2, {"item NOT_FOUND": 2})
    with pytest.raises(WrongBooks, match="NOT_FOUND"):
        bed.books.count(mixed)


def test_the_references_write_rows_like_the_servers(bed: Bed) -> None:
    with closing(SqliteReference(bed.folder / "books.sqlite3", bed.folder / "reference.sqlite3")) as reference:
        assert reference.batches(seconds=0.01) > 0


def test_the_references_on_postgresql_do_so_too(postgres_cluster: Cluster, tmp_path: Path) -> None:
    url = postgres_cluster.create_database("benched")
    Books("PostgreSQL", url, USERS, tmp_path / "log", set()).seed(GENERATOR)
    by_hand = postgres_cluster.create_database("benched_by_hand", "benched")

    with closing(PostgresReference(by_hand, find_binaries())) as reference:
        assert reference.copies(seconds=0.01) > 0
        assert reference.transactions(seconds=0.1, clients=2, hot=True) > 0
        assert reference.function_p50_ms(seconds=0.1) > 0


def test_rounds_alternate_and_a_row_compares_within_its_round() -> None:
    asked = []
    figures = {"slow": iter([10.0, 30.0, 12.0]), "fast": iter([20.0, 40.0, 48.0]), "faster": iter([0.0, 20.0, 0.0])}

    def point(name: str) -> rows.Measure:
        def measure(seconds: float) -> float:
            asked.append(name)
            return next(figures[name])

        return measure

    row = rows.Row("slow / fast and faster", "slow", ("fast", "faster"), at_least=0.4, aim=0.6)
    points = {name: point(name) for name in figures}
    (result,) = rows.measured([row], points, rounds=3, seconds=1.0, tell=lambda _: None)

    assert asked == ["fast", "faster", "slow", "slow", "faster", "fast", "fast", "faster", "slow"]
    assert result.ratios == (0.5, 0.5, 0.25)
    assert (result.value, result.reference, result.ratio, result.spread) == (12.0, 48.0, 0.5, 0.5)
    assert result.reached == "yes"


def test_a_run_writes_rows_with_their_references(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "bench.json"

    command.run(["no-op RPC"], rounds=1, seconds=0.1, accounts=3, generator=GENERATOR, output=output)

    written = json.loads(output.read_text())
    assert [row["name"] for row in written["rows"]] == [row.name for row in rows.chosen(["no-op RPC"])]
    for row in written["rows"]:
        assert row["value"] > 0
        assert row["reference"] > 0
        assert len(row["ratios"]) == 1
        assert {"ratio", "at_least", "at_most", "aim", "spread", "unit"} <= row.keys()
    assert written["machine"]["load_generator"].startswith("Python")
    assert "no-op RPC" in capsys.readouterr().out

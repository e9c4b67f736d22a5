"""The points that can be measured, over the servers and databases of one run."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.benchmarks import machine, rows, templates
from tests.benchmarks.books import Books
from tests.benchmarks.load import Generator, Load
from tests.benchmarks.postgres_reference import PostgresReference
from tests.benchmarks.rows import Measure
from tests.benchmarks.servers import Server, make_api_key, serving, tollhouse
from tests.benchmarks.sqlite_reference import SqliteReference
from tests.benchmarks.templates import Plan
from tests.support.postgres import Cluster, find_binaries

READING_CALLERS, WRITING_CALLERS, BATCH_CALLERS, BATCH_ITEMS = 64, 256, 2, 1_000
DIFFERENT_BATCHES = 20

# What a server of the size that is measured would have; durability stays as it is.
POSTGRES_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "30min"}


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that a run has started, and what it found on the way."""

    points: dict[str, Measure]
    books: list[Books]
    facts: dict[str, str | int | float]
    shares: list[float]


@contextmanager
def bench(generator: Generator, wanted: list[str], accounts: int, folder: Path) -> Iterator[Bench]:
    """Starts what the wanted points need, and ends it with the context."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        server_cores, other_cores = machine.cores()
        stack.callback(machine.pin, server_cores | other_cores)
        machine.pin(other_cores)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        made = Bench({}, [], machine.facts(generator.name, directory), [])
        maker = _Maker(generator, accounts, directory, (server_cores, other_cores), made, stack)
        maker.noops()
        if any(rows.SQLITE in point or point == rows.EXECUTEMANY for point in wanted):
            maker.sqlite()
        postgres = (rows.COPY, rows.FUNCTION, rows.PGBENCH, rows.PGBENCH_HOT)
        if any(rows.POSTGRESQL in point or point in postgres for point in wanted):
            maker.postgres()
        yield made


class _Maker:
    """Fills a Bench with points."""

    def __init__(
        self,
        generator: Generator,
        accounts: int,
        directory: Path,
        cores: tuple[set[int], set[int]],
        made: Bench,
        stack: ExitStack,
    ) -> None:
        self._generator = generator
        self._users = [templates.user(number) for number in range(accounts)]
        self._directory = directory
        self._server_cores, self._other_cores = cores
        self._made = made
        self._stack = stack

    def noops(self) -> None:
        """Servers that do nothing, and the disk alone."""
        bare = self._noop("bare")
        guarded = self._guarded_noop()
        refused = self._generator.run(
            guarded, Plan(templates.REFUSING_METHOD, [b""]), callers=8, seconds=0.1, warmup=0.0
        )
        assert refused.calls == 0, "the load generator counts refusals as answers"
        assert set(refused.errors) == {"NOT_FOUND"}, refused.errors
        plan = templates.noop(self._users)
        points = self._made.points
        points[rows.BARE] = lambda seconds: self._calls(bare, plan, READING_CALLERS, seconds).rate
        points[rows.GUARDED] = lambda seconds: self._calls(guarded, plan, READING_CALLERS, seconds).rate
        points[rows.GUARDED_256] = lambda seconds: self._calls(guarded, plan, WRITING_CALLERS, seconds).rate
        points[rows.GUARDED_ALONE] = lambda seconds: self._calls(guarded, plan, 1, seconds).p50_ms
        points[rows.FDATASYNC] = lambda seconds: machine.fdatasync_p50_seconds(self._directory, seconds) * 1_000

    def sqlite(self) -> None:
        """A server on an SQLite file, and a copy of the file that is written to by hand."""
        path = self._directory / "books.sqlite3"
        books = self._books(rows.SQLITE, f"sqlite:///{path}")
        reference = SqliteReference(path, self._directory / "reference.sqlite3")
        self._stack.callback(reference.close)
        self._made.points[rows.EXECUTEMANY] = self._on_server_cores(reference.batches)
        self._serve(books)

    def postgres(self) -> None:
        """A server on a PostgreSQL of its own, and a copy of the database that is written to by hand."""
        cluster = Cluster()
        self._stack.callback(cluster.close)
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            for name, value in POSTGRES_SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        cluster.restart()
        books = self._books(rows.POSTGRESQL, cluster.create_database("books"))
        reference = PostgresReference(cluster.create_database("reference", "books"), find_binaries())
        self._stack.callback(reference.close)
        self._made.facts["postgresql"] = reference.version
        points = self._made.points
        points[rows.COPY] = self._on_server_cores(reference.copies)
        points[rows.FUNCTION] = self._on_server_cores(reference.function_p50_ms)
        points[rows.PGBENCH] = self._on_server_cores(lambda seconds: reference.transactions(seconds, clients=8))
        points[rows.PGBENCH_HOT] = self._on_server_cores(
            lambda seconds: reference.transactions(seconds, clients=8, hot=True)
        )
        self._serve(books)

    def _books(self, engine: str, url: str) -> Books:
        books = Books(engine, url, self._users, self._directory / f"{engine}.log", self._server_cores)
        books.seed(self._generator)
        self._made.books.append(books)
        return books

    def _serve(self, books: Books) -> None:
        server = self._stack.enter_context(books.serve())
        engine = books.engine
        self._made.facts[f"start_seconds_{engine.lower()}"] = round(server.start_seconds, 2)
        self._made.facts[f"resident_mb_at_rest_{engine.lower()}"] = round(server.resident_mb())
        many, one = templates.records(self._users), templates.records(self._users[:1])
        batches = templates.batches(self._users, BATCH_ITEMS, DIFFERENT_BATCHES)
        reads = templates.entitlements(self._users)

        def calls(plan: Plan, callers: int, seconds: float) -> Load:
            return books.count(self._calls(server, plan, callers, seconds))

        points = self._made.points
        points[rows.ENTITLEMENT.format(engine)] = lambda seconds: calls(reads, READING_CALLERS, seconds).rate
        points[rows.RECORD.format(engine)] = lambda seconds: calls(many, WRITING_CALLERS, seconds).rate
        points[rows.RECORD_HOT.format(engine)] = lambda seconds: calls(one, WRITING_CALLERS, seconds).rate
        points[rows.RECORD_ALONE.format(engine)] = lambda seconds: calls(many, 1, seconds).p50_ms
        points[rows.BATCH.format(engine)] = lambda seconds: calls(batches, BATCH_CALLERS, seconds).item_rate

    def _noop(self, name: str, *flags: str, api_key: str = "") -> Server:
        log = self._directory / f"{name}.log"
        return self._stack.enter_context(
            serving("tests.benchmarks.noop", *flags, log=log, cores=self._server_cores, api_key=api_key)
        )

    def _guarded_noop(self) -> Server:
        """The same behind everything that stands around a method: a key, a rate, an admission."""
        url = f"sqlite:///{self._directory / 'keys.sqlite3'}"
        code, output = tollhouse("migrate", "--database-url", url)
        assert code == 0, output
        return self._noop("guarded", "--guarded", url, api_key=make_api_key(url))

    def _calls(self, server: Server, plan: Plan, callers: int, seconds: float) -> Load:
        load = self._generator.run(server, plan, callers=callers, seconds=seconds)
        if load.rate == 0:
            raise RuntimeError(f"{plan.method}: nothing was answered: {load.failures}")
        self._made.shares.append(load.cpu_share)
        return load

    def _on_server_cores(self, measure: Measure) -> Measure:
        """A reference has the core that the server under test has, and its database the others."""

        def pinned(seconds: float) -> float:
            machine.pin(self._server_cores)
            try:
                return measure(seconds)
            finally:
                machine.pin(self._other_cores)

        return pinned

"""Books for a run on one engine: accounts beyond their allowance, with credits to burn, and what was acknowledged."""

import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.benchmarks import templates
from tests.benchmarks.load import Generator, Load
from tests.benchmarks.servers import Server, make_api_key, serving, tollhouse

SQLITE_PREFIX = "sqlite:///"
COUNT = "SELECT count(*) FROM operations"
KEY_OPERATIONS = 2
"""Making a client and its key."""

ITEMS_PER_MINUTE = 1_000_000_000
"""No limit for what is measured, but counted like any client's."""


class WrongBooks(Exception):
    """The books do not hold what the server has acknowledged, or do not verify: no figure of this run counts."""


@dataclass(slots=True)
class Books:
    """One database. `acknowledged` is the number of operations that a server has confirmed."""

    engine: str
    url: str
    users: list[str]
    log: Path
    cores: set[int]
    acknowledged: int = 0
    api_key: str = ""

    def serve(self, module: str = "tollhoused", *more: str) -> AbstractContextManager[Server]:
        """A server over these books, as a context; `more` stands before its own arguments."""
        flags = ("serve", "--database-url", self.url, "--items-per-minute", str(ITEMS_PER_MINUTE))
        return serving(module, *more, *flags, log=self.log, cores=self.cores, api_key=self.api_key)

    def prepare(self) -> None:
        """Makes the database, and a key for whoever calls."""
        code, output = tollhouse("migrate", "--database-url", self.url)
        if code != 0:
            raise WrongBooks(output)
        self.api_key = make_api_key(self.url)
        self.acknowledged += KEY_OPERATIONS

    def seed(self, generator: Generator) -> None:
        """Makes the accounts through the public interface and uses up their allowances."""
        self.prepare()
        with self.serve() as server:
            self.fill(generator, server)

    def fill(self, generator: Generator, server: Server) -> None:
        """The same through a server that runs."""
        for plan in (
            templates.upserts(self.users),
            templates.grants(self.users),
            templates.records(self.users, templates.ALLOWANCE),
            templates.records(self.users),
        ):
            self.count(generator.once(server, plan, callers=64))

    def count(self, load: Load) -> Load:
        """Adds what a run has stored. Raises WrongBooks when a call or an item failed."""
        if load.failures:
            raise WrongBooks(f"{self.engine}: calls failed: {load.failures}")
        self.acknowledged += load.stored
        return load

    def check(self) -> None:
        """Compares with what is stored, and proves the books. Raises WrongBooks."""
        stored = self.stored()
        if stored != self.acknowledged:
            raise WrongBooks(f"{self.engine}: {self.acknowledged} operations were acknowledged, {stored} are stored")
        code, output = tollhouse("verify", "--database-url", self.url)
        if code != 0:
            raise WrongBooks(f"{self.engine}: {output[-2_000:]}")

    def stored(self) -> int:
        """How many operations the database holds."""
        if self.url.startswith(SQLITE_PREFIX):
            connection = sqlite3.connect(self.url.removeprefix(SQLITE_PREFIX))
            try:
                return int(connection.execute(COUNT).fetchone()[0])
            finally:
                connection.close()
        with psycopg.connect(self.url) as session:
            row = session.execute(COUNT).fetchone()
            assert row is not None
            return int(row[0])

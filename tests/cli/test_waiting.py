"""A server starts while its database cannot be used, says what it waits for, and serves by itself once it can."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.cli.commands import Server, done, failed, tollhouse
from tests.support.door import Door, refusal, until, usage
from tests.support.engines import NUMBERS
from tests.support.postgres import Cluster
from tollhoused.store import schema


@contextmanager
def waiting(*arguments: str, asks_for_keys: bool = False) -> Iterator[Server]:
    """A server that is up and not ready; at the end it has become ready, and it is stopped in order."""
    server = Server(*arguments, asks_for_keys=asks_for_keys)
    try:
        at = ["--address", server.address]
        assert failed("healthcheck", *at) == f"tollhouse: {server.address} is NOT_SERVING\n"
        assert "is SERVING" in done("healthcheck", *at, "--service", "liveness")
        yield server
        until(lambda: tollhouse("healthcheck", *at).code == 0, "ready")
    finally:
        if server.running:
            assert server.stop() == 0, server.log


def _reasons(server: Server) -> list[str]:
    """What the log says about why the server was not ready, in order."""
    return re.findall(r"health is NOT_SERVING: (.*)", server.log)


def _behind(url: str) -> str:
    schema.migrate(url, "0001")
    return "the database's schema is 0001, this program works on "


def _ahead(url: str) -> str:
    _set_revision(url, "9999")
    return "the database's schema is 9999, newer than this program"


def _set_revision(url: str, revision: str) -> None:
    if url.startswith("sqlite"):
        connection: sqlite3.Connection | psycopg.Connection[tuple[object, ...]] = sqlite3.connect(
            url[len("sqlite:///") :]
        )
    else:
        connection = psycopg.connect(url)
    connection.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("spoil", [_behind, _ahead])
def test_another_schema_is_waited_for(database_url: str, spoil: Callable[[str], str]) -> None:
    expected = spoil(database_url)

    with waiting("--database-url", database_url) as server:
        if spoil is _ahead:
            _set_revision(database_url, schema.head_revision())
        done("migrate", "--database-url", database_url)

    (reason,) = _reasons(server)
    assert reason.startswith(expected)


def test_a_postgresql_database_is_migrated_by_whoever_is_to_and_refused_while_it_is_not_safe(
    postgres_cluster: Cluster,
) -> None:
    url = postgres_cluster.create_database(f"empty{next(NUMBERS)}")
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")

        with waiting("--database-url", url) as server:
            done("migrate", "--database-url", url)
            until(lambda: "not safe for books" in server.log, "refused")
            connection.execute(f"ALTER DATABASE {name} RESET synchronous_commit")

    schema_is_missing, unsafe = _reasons(server)
    assert schema_is_missing == "the database has no schema: run `tollhouse migrate`"
    assert unsafe.startswith("the database is not safe for books: PostgreSQL's synchronous_commit is off")


def test_a_database_that_is_down_is_waited_for_and_calls_are_told_to_come_back(
    postgres_cluster: Cluster, postgres_url: str
) -> None:
    postgres_cluster.stop()
    try:
        with waiting("--database-url", postgres_url, asks_for_keys=True) as server:
            door = Door(server.address)
            found = refusal(door.usage.RecordUsage, usage("anna", "call-1"))
            assert (found.code, found.reason, found.retry_seconds) == ("UNAVAILABLE", "STORE_UNAVAILABLE", 1.0)
            postgres_cluster.start()
            until(lambda: refusal(door.usage.RecordUsage, usage("anna", "call-1")).reason == "KEY_MISSING", "open")
            door.channel.close()
    finally:
        postgres_cluster.restart()

    assert _reasons(server)[0].startswith("the database does not answer: ")


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "volume"

    with waiting("--database-url", f"sqlite:///{folder}/books") as server:
        folder.mkdir()

    assert _reasons(server) == ["nothing was changed: unable to open database file"]


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "books"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()

    with waiting("--database-url", f"sqlite:///{path}") as server:
        path.unlink()

    assert _reasons(server) == ["the database has no schema: run `tollhouse migrate`"]


def test_a_database_that_takes_no_writes_is_waited_for(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with waiting("--database-url", postgres_url) as server:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    (reason,) = _reasons(server)
    assert reason == "AWAY: PostgreSQL has default_transaction_read_only on: it takes no writes"

"""A connection that could lose what it acknowledged is found out, and the text says how to mend it."""

import sqlite3
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Cluster
from tollhoused.store.durability import durability_problems


def _sqlite(path: Path, journal_mode: str = "wal", synchronous: str = "full") -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


@pytest.mark.parametrize("synchronous", ["full", "extra"])
def test_sqlite_with_a_log_that_is_flushed_is_durable(tmp_path: Path, synchronous: str) -> None:
    connection = _sqlite(tmp_path / "books", synchronous=synchronous)

    assert durability_problems(connection) == []
    assert not connection.in_transaction
    connection.close()


@pytest.mark.parametrize("synchronous", ["off", "normal"])
def test_sqlite_that_does_not_flush_is_named(tmp_path: Path, synchronous: str) -> None:
    connection = _sqlite(tmp_path / "books", synchronous=synchronous)
    (problem,) = durability_problems(connection)
    connection.close()

    assert "synchronous" in problem
    assert "PRAGMA synchronous = FULL" in problem


@pytest.mark.parametrize("journal_mode", ["delete", "memory", "off"])
def test_sqlite_without_a_write_ahead_log_is_named(tmp_path: Path, journal_mode: str) -> None:
    connection = _sqlite(tmp_path / "books", journal_mode=journal_mode)
    (problem,) = durability_problems(connection)
    connection.close()

    assert f"journal_mode is {journal_mode}" in problem


@pytest.mark.parametrize("name", [":memory:", ""])
def test_sqlite_that_ends_with_the_process_is_named(name: str) -> None:
    connection = sqlite3.connect(name)
    (problem,) = durability_problems(connection)
    connection.close()

    assert "name a file" in problem


@pytest.mark.parametrize("mode", ["on", "local", "remote_write", "remote_apply"])
def test_postgresql_that_flushes_its_log_is_durable(postgres_cluster: Cluster, mode: str) -> None:
    with psycopg.connect(postgres_cluster.url("postgres"), options=f"-c synchronous_commit={mode}") as connection:
        assert durability_problems(connection) == []
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@pytest.mark.parametrize(
    ("setting", "bad"),
    [("synchronous_commit", "off"), ("zero_damaged_pages", "on")],
)
def test_a_session_of_postgresql_that_may_lose_rows_is_named(postgres_cluster: Cluster, setting: str, bad: str) -> None:
    with psycopg.connect(postgres_cluster.url("postgres"), options=f"-c {setting}={bad}") as connection:
        (problem,) = durability_problems(connection)

    assert problem.startswith(f"PostgreSQL's {setting} is {bad}")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_postgresql_that_does_not_survive_a_power_cut_is_named(postgres_cluster: Cluster, setting: str) -> None:
    with psycopg.connect(postgres_cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET {setting} = off")
        try:
            postgres_cluster.restart()
            with psycopg.connect(postgres_cluster.url("postgres")) as restarted:
                (problem,) = durability_problems(restarted)
        finally:
            with psycopg.connect(postgres_cluster.url("postgres"), autocommit=True) as repairing:
                repairing.execute(f"ALTER SYSTEM RESET {setting}")
            postgres_cluster.restart()

    assert problem.startswith(f"PostgreSQL's {setting} is off")


def test_a_table_that_a_crash_would_empty_is_named(postgres_cluster: Cluster) -> None:
    with psycopg.connect(postgres_cluster.create_database("durability")) as connection:
        connection.execute("CREATE UNLOGGED TABLE counters (used bigint)")
        (problem,) = durability_problems(connection)

        assert problem == "the table counters is unlogged, a crash empties it: ALTER TABLE counters SET LOGGED"
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS

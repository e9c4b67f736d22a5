"""A server starts with one command, ends in order, comes back after kill -9, and refuses what would not be safe."""

import sqlite3
import sys
from pathlib import Path

import psycopg
import pytest

from tests.cli.commands import (
    COMMAND,
    SCRIPT,
    Server,
    done,
    done_json,
    failed,
    free_port,
    not_serving,
    process,
    serving,
)
from tests.http.scrape import ask
from tests.support.certificates import Authority
from tests.support.door import free_address
from tests.support.engines import NUMBERS
from tests.support.postgres import Cluster
from tollhoused.cli.opening import settle_environment
from tollhoused.cli.program import CommandFailed
from tollhoused.store.store import open_store


@pytest.mark.parametrize("command", [COMMAND, SCRIPT], ids=["module", "script"])
def test_one_command_makes_a_database_and_serves(tmp_path: Path, command: list[str]) -> None:
    server = Server(cwd=tmp_path, command=command, asks_for_keys=True)

    assert done("healthcheck", "--address", server.address) == f"{server.address} is SERVING\n"
    assert done("healthcheck", TOLLHOUSE_ADDRESS=server.address) == f"{server.address} is SERVING\n"
    named = ["--service", "tollhouse.v1.UsageService"]
    assert done("healthcheck", "--address", server.address, *named) == f"{server.address} is SERVING\n"
    assert "does not know the service" in failed("healthcheck", "--address", server.address, "--service", "Nobody")
    assert server.stop() == 0, server.log

    assert (tmp_path / "tollhouse.sqlite3").exists()
    assert "migrated: 0001" in server.log
    assert "it starts with hub" in server.log
    assert "no API key is live: make one with `tollhouse clients create` and `tollhouse keys create`" in server.log
    assert server.log.rstrip().endswith("stopped")
    assert "does not answer" in failed("healthcheck", "--address", server.address, "--timeout-seconds", "1")


def test_what_was_stored_is_there_after_kill_9_and_after_a_stop(database_url: str, tmp_path: Path) -> None:
    def load(address: str, content: str) -> None:
        path = tmp_path / "usage.csv"
        path.write_text(content)
        layout = ["--meter", "api_calls=calls", "--product", "talk", "--spread", "2"]
        done("usage", "load", str(path), *layout, "--address", address)

    killed = Server("--database-url", database_url)
    done("accounts", "provision", "--count", "2", "--database-url", database_url)
    load(killed.address, "calls\n1\n2\n")
    killed.kill()

    with serving(database_url) as server:
        assert [_used(database_url, f"user-{number}") for number in (1, 2)] == [1, 2]
        load(server.address, "calls\n30\n40\n")
    assert [_used(database_url, f"user-{number}") for number in (1, 2)] == [31, 42]
    assert "The books are right." in done("verify", "--database-url", database_url)


def _used(database_url: str, user_id: str) -> int:
    shown = done_json("accounts", "show", "--user-id", user_id, "--database-url", database_url)
    return int(next(meter["used"] for meter in shown["meters"] if meter["meter"] == "api_calls"))


def test_postgresql_is_migrated_where_that_is_asked_for(postgres_cluster: Cluster) -> None:
    url = ["--database-url", postgres_cluster.create_database(f"empty{next(NUMBERS)}")]

    with serving(url[1], "--migrate") as server:
        assert "is SERVING" in done("healthcheck", "--address", server.address)
    assert done("migrate", *url).endswith("is up to date\n")


def test_migrate_makes_an_sqlite_file_that_serve_takes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books"

    first, *_, last = done("migrate", "--database-url", url).splitlines()
    assert first == "0001: Accounts, directory, catalogue, subscriptions, usage, credits and the ledger."
    assert last == f"{url} is migrated"
    with serving(url, "--catalogue", "memory_store"):
        pass
    assert done_json("catalog", "show", "--database-url", url)["name"] == "memory_store"


def test_another_schema_version_is_refused_by_commands(sqlite_url: str) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    for command in (["verify"], ["accounts", "list"], ["catalog", "apply", "hub"], ["migrate"]):
        assert "is 9999, newer than this program" in failed(*command, "--database-url", sqlite_url)


def test_a_database_that_may_lose_what_it_acknowledged_is_refused(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off")

    complaint = "tollhouse: the database is not safe for books: PostgreSQL's synchronous_commit is off"

    assert not_serving("--database-url", postgres_url).startswith(complaint)
    done("catalog", "apply", "hub", "--database-url", postgres_url)
    assert failed("accounts", "provision", "--count", "1", "--database-url", postgres_url).startswith(complaint)


def test_an_address_that_others_can_reach_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    complaint = not_serving("--listen", "0.0.0.0:0", cwd=tmp_path)

    assert complaint.startswith("tollhouse: 0.0.0.0:0 can be reached from other machines")
    assert list(tmp_path.iterdir()) == []


def test_a_door_without_keys_is_opened_to_this_machine_alone_and_loudly(sqlite_url: str, tmp_path: Path) -> None:
    complaint = not_serving("--listen", "0.0.0.0:0", "--insecure-no-auth", cwd=tmp_path)
    with serving(sqlite_url) as server:
        pass

    assert complaint.startswith("tollhouse: 0.0.0.0:0 can be reached from other machines")
    assert "WARNING MainThread: NO API KEYS: everybody on this machine may do everything" in server.log


def test_a_database_serves_the_environment_that_it_was_first_served_with(database_url: str) -> None:
    with serving(database_url, "--environment", "live"):
        pass

    complaint = "tollhouse: this database serves the environment live, not test"
    assert not_serving("--database-url", database_url) == complaint
    with serving(database_url, "--environment", "live"):
        pass


def test_of_two_that_settle_the_environment_at_once_one_wins(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slower, faster = open_store(database_url), open_store(database_url)
    environment = slower.environment

    def overtaken() -> str | None:
        monkeypatch.setattr(slower, "environment", environment)
        settle_environment(faster, "live")
        return None

    monkeypatch.setattr(slower, "environment", overtaken)
    with pytest.raises(CommandFailed, match="serves the environment live, not test"):
        settle_environment(slower, "test")
    settle_environment(slower, "live")
    for store in (slower, faster):
        store.close()


def test_a_port_that_is_taken_is_refused(sqlite_url: str) -> None:
    with serving(sqlite_url) as server:
        complaint = not_serving("--listen", server.address, "--database-url", sqlite_url)

    assert complaint.startswith(f"tollhouse: cannot listen on {server.address}")


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--late-window-days", "0"], 2, "late_window_days: must be from 1 to 36,500"),
        (["--tls-cert", "pair.crt"], 2, "tls_key: must be set where tls_cert is"),
        (["--tls-cert", "no.crt", "--tls-key", "no.key"], 2, "tls_cert: no.crt: No such file or directory"),
        (["--health-listen", "50052"], 2, "health_listen: '50052' is no address"),
        (["--catalogue", "mine"], 1, "mine: No such file or directory (shipped catalogues are hub and memory_store)"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(
    tmp_path: Path, arguments: list[str], code: int, complaint: str
) -> None:
    ended = not_serving(*arguments, cwd=tmp_path, code=code)

    assert ended.startswith("tollhouse: ")
    assert complaint in ended
    assert not (tmp_path / "tollhouse.sqlite3").exists() or arguments[0] == "--catalogue"
    assert "s3cret" not in ended


def test_http_is_served_where_it_is_asked_for_and_its_libraries_are_loaded_only_then(sqlite_url: str) -> None:
    address = free_address()
    libraries = "{'uvicorn', 'starlette', 'prometheus_client', 'opentelemetry'}"
    loaded = f"import sys, tollhoused.__main__; print({libraries} & set(sys.modules))"
    assert process("-c", loaded, command=[sys.executable]).out == "set()\n"

    with serving(sqlite_url, "--http-listen", address) as server:
        assert ask(address, "/readyz") == (200, "ready\n")
        complaint = not_serving("--http-listen", address, "--database-url", sqlite_url)

    assert complaint.startswith(f"tollhouse: http_listen: cannot listen on {address}")
    assert f"HTTP is served on {address}" in server.log


def test_tls_opens_the_server_to_other_machines_and_its_health_port_needs_none(sqlite_url: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ours")
    pair = authority.pair("server")
    files = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key)]
    health = f"127.0.0.1:{free_port()}"
    listens = ["--listen", "0.0.0.0:0", "--health-listen", health]

    with serving(sqlite_url, *files, *listens, asks_for_keys=True) as server:
        assert server.address.startswith("0.0.0.0:")
        reached = ["--address", server.address.replace("0.0.0.0", "127.0.0.1")]
        assert "is SERVING" in done("healthcheck", *reached, "--tls-ca", str(authority.file))
        assert "is SERVING" in done("healthcheck", *reached, TOLLHOUSE_TLS_CA=str(authority.file))
        assert "does not answer" in failed("healthcheck", *reached, "--timeout-seconds", "2")
        for service in ("", "liveness"):
            assert "is SERVING" in done("healthcheck", "--address", health, "--service", service)


def test_tls_does_not_make_a_door_without_keys_safe(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ours").pair("server")
    files = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key)]

    complaint = not_serving("--listen", "0.0.0.0:0", "--insecure-no-auth", *files, cwd=tmp_path)

    assert "which insecure_no_auth would let in: ask for keys, or listen on 127.0.0.1" in complaint

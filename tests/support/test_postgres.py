import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Cluster

ROOT = Path(__file__).parents[2]
OWNER_THAT_IS_KILLED = """
import os, signal
from tests.support.postgres import Cluster
print(Cluster().url("postgres"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_keeps_what_was_committed(postgres_cluster: Cluster, mode: str) -> None:
    url = postgres_cluster.create_database(f"restart_{mode}")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")

    postgres_cluster.restart(mode)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_database_is_a_copy_of_its_template(postgres_cluster: Cluster) -> None:
    with psycopg.connect(postgres_cluster.create_database("original")) as connection:
        connection.execute("CREATE TABLE copied AS SELECT 7 AS number")

    with psycopg.connect(postgres_cluster.create_database("copy", template="original")) as connection:
        assert connection.execute("SELECT number FROM copied").fetchone() == (7,)
    postgres_cluster.drop_database("copy")


def test_the_server_is_durable_and_speaks_utf8(postgres_cluster: Cluster) -> None:
    with psycopg.connect(postgres_cluster.url("postgres")) as connection:
        for setting, value in {"fsync": "on", "full_page_writes": "on", "server_encoding": "UTF8"}.items():
            assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)


def test_no_server_outlives_an_owner_that_is_killed() -> None:
    owner = subprocess.run([sys.executable, "-c", OWNER_THAT_IS_KILLED], cwd=ROOT, capture_output=True, text=True)
    assert owner.returncode == -signal.SIGKILL, owner.stderr
    folder = Path(owner.stdout.strip().partition("?host=")[2])

    deadline = time.monotonic() + 20
    while folder.exists():
        assert time.monotonic() < deadline, f"{folder} is still there"
        time.sleep(0.05)  # another process removes it, and nothing here can be waited for

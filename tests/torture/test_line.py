"""What befalls the line to PostgreSQL is what it says, and the line is whole afterwards."""

import random
import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.support.proxy import Proxy
from tests.torture.line import Line, Trouble


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    opened = Proxy(postgres_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("trouble", list(Trouble))
def test_each_trouble_comes_about_while_somebody_commits_and_passes(proxy: Proxy, trouble: Trouble) -> None:
    stopping = threading.Event()

    def commit_again_and_again() -> None:
        while not stopping.is_set():
            try:
                with psycopg.connect(proxy.url, autocommit=True) as connection:
                    for statement in ("BEGIN", "SELECT 1", "COMMIT"):
                        connection.execute(statement, binary=True)
            except psycopg.Error:
                continue

    committer = threading.Thread(target=commit_again_and_again)
    committer.start()
    happened = Line(proxy, random.Random(1)).trouble(trouble)
    stopping.set()
    committer.join()

    assert happened is trouble
    with psycopg.connect(proxy.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_commit_that_nobody_sends_cannot_be_cut(proxy: Proxy) -> None:
    assert Line(proxy, random.Random(1)).trouble(Trouble.CUT_AFTER_COMMIT) is None

    with psycopg.connect(proxy.url) as connection:
        connection.execute("SELECT 1")

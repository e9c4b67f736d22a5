"""The command line as a whole: ids, help that a stranger understands, and how misuse ends."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

from tests.cli.commands import done, failed, process
from tollhoused.__main__ import Ids, wall_clock

ROOT = Path(__file__).parents[2]


def test_ids_sort_in_the_order_of_their_making() -> None:
    new_id = Ids()
    ids = [new_id("acct") for _ in range(10_000)]

    assert all(first < second for first, second in pairwise(ids))
    assert re.fullmatch(r"acct_[0-9a-hjkmnp-tv-z]{26}", ids[0])


def test_ids_of_different_processes_differ_and_begin_with_the_time() -> None:
    first, second = Ids()("x"), Ids()("x")

    assert first != second
    assert first[:8] == second[:8]


def test_the_clock_counts_microseconds() -> None:
    assert 1_700_000_000_000_000 < wall_clock() < 10_000_000_000_000_000


def test_help_names_every_command() -> None:
    shown = done("--help")

    for command in ("serve", "migrate", "verify", "healthcheck", "catalog", "accounts", "credits", "usage"):
        assert re.search(rf"^  {command} +[A-Z]", shown, re.MULTILINE), command
    assert "To try it: `tollhouse serve --insecure-no-auth`" in shown


def test_help_of_a_command_names_defaults_and_variables() -> None:
    shown = " ".join(done("serve", "--help").split())

    assert "[default: 127.0.0.1:50051; variable: TOLLHOUSE_LISTEN]" in shown
    assert "[default: sqlite:///tollhouse.sqlite3; variable: TOLLHOUSE_DATABASE_URL]" in shown


def test_misuse_ends_with_2_and_a_hint() -> None:
    assert "No such command 'sell'" in failed("sell", code=2)
    assert "No such option: --colour" in failed("serve", "--colour", code=2)
    assert "Missing argument" in failed("catalog", "check", code=2)


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert process("--version").out == f"tollhouse {project['version']}\n"

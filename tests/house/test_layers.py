"""Each import contract of pyproject.toml is seen to break when a copy of the source breaks it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# contract, file that is planted, its text
VIOLATIONS = [
    ("layers", "domain/planted.py", "import tollhoused.store"),
    ("layers", "store/planted.py", "import tollhoused.journal"),
    ("layers", "stray.py", ""),
    ("pure-domain", "domain/planted.py", "from time import monotonic"),
    ("pure-domain", "domain/planted.py", "def late() -> None:\n    import os"),
    ("contract-in-rpc", "usecases/planted.py", "from tollhouse.v1 import usage_service_pb2"),
    ("sql-in-store", "journal/planted.py", "from sqlalchemy.exc import IntegrityError"),
    ("sql-in-store", "usecases/planted.py", "import psycopg"),
    ("layers", "http/planted.py", "import tollhoused.rpc"),
    ("web-in-http", "cli/planted.py", "from prometheus_client import Counter"),
    ("traces-in-one-place", "journal/planted.py", "from opentelemetry import trace"),
    ("stripe-in-providers", "usecases/planted.py", "import stripe"),
    ("chance-in-main", "journal/planted.py", "from uuid import uuid4"),
]


def _broken_contracts(source: Path) -> set[str]:
    """The names of the contracts that do not hold for the packages below `source`."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        cwd=source.parent,
        env={**os.environ, "PYTHONPATH": str(source), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in run.stdout, run.stdout + run.stderr
    return set(re.findall(r"^(.*) BROKEN\b", run.stdout, re.MULTILINE))


def _contract_names() -> dict[str, str]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {each["id"]: each["name"] for each in configuration["tool"]["importlinter"]["contracts"]}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "src"


def test_the_source_keeps_every_contract(source: Path) -> None:
    assert _broken_contracts(source) == set()


@pytest.mark.parametrize(("contract", "file", "text"), VIOLATIONS)
def test_a_violation_breaks_its_contract(source: Path, contract: str, file: str, text: str) -> None:
    planted = source / "tollhoused" / file
    planted.write_text(f'"""Planted."""\n{text}\n', encoding="utf-8")

    assert _contract_names()[contract] in _broken_contracts(source)


def test_every_contract_has_a_violation() -> None:
    assert {contract for contract, _, _ in VIOLATIONS} == set(_contract_names())

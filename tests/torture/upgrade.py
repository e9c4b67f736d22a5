"""The next version of the program, as far as the database can tell: the same code with one more migration step."""

import os
import shutil
from pathlib import Path

from tollhoused.store import schema

MIGRATIONS_VARIABLE = "TOLLHOUSE_TEST_MIGRATIONS"
"""Tells a process where its migrations are. Empty: the ones of the program."""

LATER = "later"
"""The column that the next version adds. The program as it is knows nothing of it and must work beside it."""

STEP = """'The next version.'
from alembic import op

revision = "{revision}"
down_revision = "{head}"


def upgrade():
    for table in ("accounts", "counters", "operations", "ledger_entries"):
        op.execute(f"ALTER TABLE {{table}} ADD COLUMN {column} BIGINT DEFAULT 7 NOT NULL")
"""


def next_version(folder: Path) -> dict[str, str]:
    """Makes the next version's migrations in `folder` and gives the variables that turn a process into that version."""
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = schema.head_revision()
    revision = f"{int(head) + 1:04}"
    step = STEP.format(revision=revision, head=head, column=LATER)
    (folder / "versions" / f"{revision}_next.py").write_text(step, encoding="utf-8")
    return {MIGRATIONS_VARIABLE: str(folder)}


def become_version() -> None:
    """Makes this process the version that its environment says."""
    folder = os.environ.get(MIGRATIONS_VARIABLE)
    if folder:
        schema.MIGRATIONS = Path(folder)
